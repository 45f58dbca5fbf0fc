import { foldName } from '../base/ids.ts';
import { toIso } from '../base/text.ts';
import type { Caller } from '../identity/caller.ts';
import { type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { isVaultName } from './names.ts';
import { findGroup, findSubscription, findVaultByName, type ResourceGroup, type Subscription } from './repository.ts';
import type { Actor, Vault } from './vault.ts';

/**
 * The subscription that the path names.
 * @throws Refusal `subscription-not-found`
 */
export async function requireSubscription(session: Session, call: Call): Promise<Subscription> {
  const id = call.parameters['subscriptionId'] ?? '';
  const subscription = await findSubscription(session, foldName(id));
  if (!subscription) throw new Refusal('subscription-not-found', { subscription: id });
  return subscription;
}

/**
 * The resource group that the path names.
 * @throws Refusal `subscription-not-found`, `resource-group-not-found`
 */
export async function requireGroup(session: Session, call: Call): Promise<ResourceGroup> {
  const subscription = await requireSubscription(session, call);
  const name = call.parameters['group'] ?? '';
  const group = await findGroup(session, subscription.id, foldName(name));
  if (!group) throw new Refusal('resource-group-not-found', { group: name });
  return group;
}

/** Whether the vault is in the group. */
export function isInGroup(vault: Vault, group: ResourceGroup): boolean {
  return vault.subscriptionId === group.subscriptionId && foldName(vault.groupName) === group.nameKey;
}

/**
 * The live vault that the path names.
 * @throws Refusal `subscription-not-found`, `resource-group-not-found`, `resource-not-found`, `vault-resource-deleted`
 */
export async function requireVault(session: Session, call: Call): Promise<Vault> {
  const vault = await requireStoredVault(session, call);
  if (vault.deleted === null) return vault;
  const facts = { type: 'Microsoft.KeyVault/vaults', name: call.parameters['vault'] ?? '', group: vault.groupName };
  throw new Refusal('vault-resource-deleted', { ...facts, ...deletionFacts(vault) });
}

/**
 * Lets a name through that a new vault may have.
 * @throws Refusal `vault-name-invalid`, `vault-name-in-use`, `vault-name-deleted`
 */
export async function requireFreeName(session: Session, name: string): Promise<void> {
  if (!isVaultName(name)) throw new Refusal('vault-name-invalid', { name: name.slice(0, 100) });
  const existing = await findVaultByName(session, foldName(name));
  if (!existing) return;
  if (existing.deleted === null) throw new Refusal('vault-name-in-use', { name });
  throw new Refusal('vault-name-deleted', { name: existing.name, ...deletionFacts(existing) });
}

/**
 * The vault that the path names, live or deleted.
 * @throws Refusal `subscription-not-found`, `resource-group-not-found`, `resource-not-found`
 */
export async function requireStoredVault(session: Session, call: Call): Promise<Vault> {
  const group = await requireGroup(session, call);
  const name = call.parameters['vault'] ?? '';
  const vault = await findVaultByName(session, foldName(name));
  if (vault && isInGroup(vault, group)) return vault;
  throw new Refusal('resource-not-found', { type: 'Microsoft.KeyVault/vaults', name, group: group.name });
}

/** When a deleted vault was deleted, and until when it can be recovered. */
export function deletionFacts(vault: Vault): Record<'deleted' | 'purge' | 'location', string> {
  return { deleted: toIso(vault.deleted ?? 0), purge: toIso(vault.purgeAt ?? 0), location: vault.location };
}

/** The caller as `systemData` names it. */
export function actorOf(call: Call): Actor {
  const caller = callerOf(call);
  return { id: caller.oid, kind: actorKind(caller) };
}

function actorKind(caller: Caller): Actor['kind'] {
  if (caller.kind === 'User') return 'User';
  return caller.managedIdentity === null ? 'Application' : 'ManagedIdentity';
}
