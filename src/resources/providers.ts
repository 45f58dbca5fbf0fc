import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { requireSubscription } from './lookup.ts';
import { knownLocations } from './names.ts';
import type { ResourceParts } from './parts.ts';
import { type Provider, providerOf, providers } from './provider-table.ts';
import { subscriptionScope } from './scopes.ts';
import { readerOf } from './visibility.ts';

const READ = 'Microsoft.Resources/subscriptions/providers/read';

/** Lists the resource providers of this installation. */
export async function listProviders(parts: ResourceParts, call: Call): Promise<Answer> {
  await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  const { id } = await requireSubscription(parts.store.reader, call);
  return { status: 200, body: { value: providers.map((provider) => providerBody(id, provider)) } };
}

/**
 * Reads one resource provider.
 * @throws Refusal `provider-unknown`
 */
export async function getProvider(parts: ResourceParts, call: Call): Promise<Answer> {
  await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  return findProvider(parts, call);
}

/** Registers a provider: each is registered from the start. */
export async function registerProvider(parts: ResourceParts, call: Call): Promise<Answer> {
  return findProvider(parts, call);
}

async function findProvider(parts: ResourceParts, call: Call): Promise<Answer> {
  const { id } = await requireSubscription(parts.store.reader, call);
  const namespace = call.parameters['namespace'] ?? '';
  const provider = providerOf(namespace);
  if (!provider) throw new Refusal('provider-unknown', { namespace: namespace.slice(0, 100) });
  return { status: 200, body: providerBody(id, provider) };
}

function providerBody(subscriptionId: string, provider: Provider): object {
  return {
    id: `/subscriptions/${subscriptionId}/providers/${provider.namespace}`,
    namespace: provider.namespace,
    registrationPolicy: 'RegistrationFree',
    registrationState: 'Registered',
    resourceTypes: provider.types.map((resourceType) => ({
      resourceType,
      locations: knownLocations.map(({ displayName }) => displayName),
      apiVersions: [...provider.versions].reverse(),
      capabilities: 'None',
    })),
  };
}
