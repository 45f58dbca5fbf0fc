import { foldScope } from '../access/scope.ts';
import { removeAssignmentsUnder } from '../access/scope-removal.ts';
import { foldName } from '../base/ids.ts';
import { deleteManagedIdentity, listManagedIdentities } from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Transaction } from '../store/port.ts';
import { pageBody, queryOf, readPage } from './arm-page.ts';
import { deleteHostsIn, unassignEverywhere } from './hosts.ts';
import { isIdentityResource } from './identity-resource.ts';
import { parseListFilter, tagFilters } from './list-filter.ts';
import { requireGroup, requireSubscription } from './lookup.ts';
import { isGroupName } from './names.ts';
import type { ResourceParts } from './parts.ts';
import { findGroup, listGroups, listVaults, type ResourceGroup, removeGroup, updateGroupTags } from './repository.ts';
import { readLocation, readTags } from './request-body.ts';
import { subscriptionScope } from './scopes.ts';
import { createGroup } from './service.ts';
import { hasTag } from './tag-rules.ts';
import { softDelete } from './vaults.ts';
import { readerOf } from './visibility.ts';
import { groupBody, groupId } from './wire.ts';

const READ = 'Microsoft.Resources/subscriptions/resourceGroups/read';
const BATCH = 200;

/**
 * Creates a resource group (201), or replaces the tags of one (200).
 * @throws Refusal `group-name-invalid`, `group-location-fixed`, `location-missing`, `location-invalid`, `tags-invalid`
 */
export async function putGroup(parts: ResourceParts, call: Call): Promise<Answer> {
  const name = call.parameters['group'] ?? '';
  const location = readLocation(call, 'Microsoft.Resources/resourceGroups');
  if (!isGroupName(name)) throw new Refusal('group-name-invalid', { group: name.slice(0, 120), location });
  const tags = readTags(call) ?? {};
  return call.commit(async (transaction) => {
    const subscription = await requireSubscription(transaction, call);
    const existing = await findGroup(transaction, subscription.id, foldName(name));
    if (!existing) {
      const group = await createGroup(transaction, parts, { subscriptionId: subscription.id, name, location, tags });
      return { status: 201, body: groupBody(group), subject: groupId(group) };
    }
    if (existing.location !== location) {
      throw new Refusal('group-location-fixed', { group: existing.name, location: existing.location, asked: location });
    }
    return retag(transaction, existing, tags);
  });
}

/** Replaces the tags of a group, where the body has any. */
export async function patchGroup(_parts: ResourceParts, call: Call): Promise<Answer> {
  const tags = readTags(call);
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    return retag(transaction, group, tags ?? group.tags);
  });
}

/** Reads a group. */
export async function getGroup(parts: ResourceParts, call: Call): Promise<Answer> {
  const group = await requireGroup(parts.store.reader, call);
  return { status: 200, body: groupBody(group), subject: groupId(group) };
}

/** Whether there is such a group: 204 or 404, without a body. */
export async function headGroup(parts: ResourceParts, call: Call): Promise<Answer> {
  const subscription = await requireSubscription(parts.store.reader, call);
  const group = await findGroup(parts.store.reader, subscription.id, foldName(call.parameters['group'] ?? ''));
  return { status: group ? 204 : 404 };
}

/** Lists the groups that the caller may read. */
export async function listResourceGroups(parts: ResourceParts, call: Call): Promise<Answer> {
  const text = queryOf(call, '$filter') ?? '';
  const filter = parseListFilter(text, tagFilters);
  if (typeof filter === 'string') {
    throw new Refusal('filter-invalid', { filter: text.slice(0, 200), reason: filter, supported: tagFilters });
  }
  const canRead = await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  const subscription = await requireSubscription(parts.store.reader, call);
  const page = readPage(call);
  const groups = await listGroups(parts.store.reader, {
    subscriptionId: subscription.id,
    after: page.after,
    limit: page.size + 1,
  });
  const toWire = (group: ResourceGroup) =>
    hasTag(group.tags, filter.tag) && canRead(foldScope(groupId(group))) ? groupBody(group) : null;
  return { status: 200, body: pageBody(call, page, groups, (group) => group.nameKey, toWire) };
}

/**
 * Deletes a group with all that is inside, in one transaction: vaults become soft-deleted, managed identities and every role
 * assignment at the group or below it are gone, but for those at its vaults and their objects: they are the deleted vault's, come
 * back when it is recovered into a new group of the name, and go when it is purged.
 */
export async function deleteGroup(parts: ResourceParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    const id = groupId(group);
    await deleteVaultsIn(transaction, group, parts.clock.now());
    for (const { resourceId } of await listManagedIdentities(transaction, id)) {
      // Those of hosts end with their hosts.
      if (isIdentityResource(resourceId)) {
        await deleteManagedIdentity(transaction, resourceId);
        await unassignEverywhere(transaction, resourceId);
      }
    }
    await deleteHostsIn(transaction, group.subscriptionId, group.nameKey);
    await removeAssignmentsUnder(transaction, foldScope(id), foldScope(`${id}/providers/Microsoft.KeyVault/vaults`));
    await removeGroup(transaction, group);
    transaction.touch();
    return { status: 200, subject: id };
  });
}

async function deleteVaultsIn(transaction: Transaction, group: ResourceGroup, now: number): Promise<void> {
  for (let after = ''; ; ) {
    const vaults = await listVaults(transaction, {
      subscriptionId: group.subscriptionId,
      groupKey: group.nameKey,
      nameKey: null,
      deleted: false,
      after,
      limit: BATCH,
    });
    for (const vault of vaults) await softDelete(transaction, vault, now);
    if (vaults.length < BATCH) return;
    after = vaults[vaults.length - 1]!.nameKey;
  }
}

async function retag(
  transaction: Transaction,
  group: ResourceGroup,
  tags: Readonly<Record<string, string>>,
): Promise<Answer> {
  const changed = { ...group, tags };
  await updateGroupTags(transaction, changed);
  return { status: 200, body: groupBody(changed), subject: groupId(group) };
}
