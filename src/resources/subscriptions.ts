import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { requireSubscription } from './lookup.ts';
import { knownLocations } from './names.ts';
import type { ResourceParts } from './parts.ts';
import { listSubscriptions } from './repository.ts';
import { subscriptionScope } from './scopes.ts';
import { isVisible, readerOf } from './visibility.ts';
import { subscriptionBody } from './wire.ts';

const READ = 'Microsoft.Resources/subscriptions/read';

/** Lists the tenants that the caller is of: the one of this installation. */
export async function listTenants(parts: ResourceParts, _call: Call): Promise<Answer> {
  const { tenantId } = parts;
  const tenant = {
    id: `/tenants/${tenantId}`,
    tenantId,
    displayName: 'Strongroom',
    tenantCategory: 'Home',
    tenantType: 'AAD',
    domains: [],
  };
  return { status: 200, body: { value: [tenant] } };
}

/** Lists the subscriptions in which the caller has a role, at whatever scope. */
export async function listMySubscriptions(parts: ResourceParts, call: Call): Promise<Answer> {
  const grants = await parts.access.grantsOf(callerOf(call));
  const subscriptions = await listSubscriptions(parts.store.reader);
  const mine = subscriptions.filter(({ id }) => isVisible(grants, `/subscriptions/${id}`));
  return { status: 200, body: { value: mine.map(subscriptionBody) } };
}

/** Reads a subscription in which the caller has a role. */
export async function getSubscription(parts: ResourceParts, call: Call): Promise<Answer> {
  await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  const subscription = await requireSubscription(parts.store.reader, call);
  return { status: 200, body: subscriptionBody(subscription) };
}

/** Lists the locations that tools may offer; others are taken too. */
export async function listLocations(parts: ResourceParts, call: Call): Promise<Answer> {
  await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  const { id } = await requireSubscription(parts.store.reader, call);
  const value = knownLocations.map(({ name, displayName }) => ({
    id: `/subscriptions/${id}/locations/${name}`,
    name,
    type: 'Region',
    displayName,
    regionalDisplayName: displayName,
    metadata: { regionType: 'Physical' },
  }));
  return { status: 200, body: { value } };
}
