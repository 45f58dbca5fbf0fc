import { parseScope, type ScopeParts } from '../access/scope.ts';
import { foldName } from '../base/ids.ts';
import { findManagedIdentity } from '../identity/service.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { findHostById } from './hosts.ts';
import { deletionFacts } from './lookup.ts';
import { findGroup, findSubscription, findVaultByName } from './repository.ts';
import { groupId } from './wire.ts';

type ResourceScope = Extract<ScopeParts, { kind: 'resource' }>;

/** The collections of a vault whose objects may be scopes. */
const collections: readonly string[] = ['secrets', 'keys', 'certificates'];

/**
 * What a scope names, as it names itself: the scope with the names in the case they were created in. An object of a vault need
 * not exist yet, everything above it must.
 * @throws Refusal `arm-scope-invalid`, `subscription-not-found`, `resource-group-not-found`, `resource-not-found`,
 *   `vault-resource-deleted`
 */
export async function requireScope(session: Session, scope: string): Promise<string> {
  const parts = parseScope(scope);
  if (!parts) throw new Refusal('arm-scope-invalid', { scope });
  if (parts.kind === 'root') return '/';
  const subscription = await findSubscription(session, foldName(parts.subscriptionId));
  if (!subscription) throw new Refusal('subscription-not-found', { subscription: parts.subscriptionId });
  if (parts.kind === 'subscription') return `/subscriptions/${subscription.id}`;
  const group = await findGroup(session, subscription.id, foldName(parts.group));
  if (!group) throw new Refusal('resource-group-not-found', { group: parts.group });
  if (parts.kind === 'group') return groupId(group);
  const resourceId = await requireResource(session, groupId(group), parts);
  if (!parts.child) return resourceId;
  const childType = foldName(parts.child.type);
  if (foldName(parts.type) !== 'microsoft.keyvault/vaults' || !collections.includes(childType)) {
    throw new Refusal('arm-scope-invalid', { scope });
  }
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(parts.child.name)) throw new Refusal('arm-scope-invalid', { scope });
  return `${resourceId}/${childType}/${parts.child.name}`;
}

async function requireResource(session: Session, group: string, parts: ResourceScope): Promise<string> {
  const facts = { type: parts.type, name: parts.name, group: parts.group };
  const scope = `${group}/providers/${parts.type}/${parts.name}`;
  if (foldName(parts.type) === 'microsoft.keyvault/vaults') {
    const vault = await findVaultByName(session, foldName(parts.name));
    if (!vault || vault.scopeKey !== foldName(scope)) throw new Refusal('resource-not-found', facts);
    if (vault.deleted !== null) throw new Refusal('vault-resource-deleted', { ...facts, ...deletionFacts(vault) });
    return vault.resourceId;
  }
  const host = await findHostById(session, scope);
  if (host) return host.resourceId;
  const identity = await findManagedIdentity(session, { resourceId: scope });
  if (!identity) throw new Refusal('resource-not-found', facts);
  return identity.resourceId;
}
