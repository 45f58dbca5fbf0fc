import { foldScope } from '../access/scope.ts';
import { removeAssignmentsUnder } from '../access/scope-removal.ts';
import {
  createManagedIdentity,
  deleteManagedIdentity,
  findManagedIdentity,
  listManagedIdentities,
  type ManagedIdentity,
  setManagedIdentityTags,
} from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { pageBody, readPage } from './arm-page.ts';
import { unassignEverywhere } from './hosts.ts';
import { identityResourceId, isIdentityResource } from './identity-resource.ts';
import { requireGroup, requireSubscription } from './lookup.ts';
import { isIdentityName } from './names.ts';
import type { ResourceParts } from './parts.ts';
import { readLocation, readTags } from './request-body.ts';
import { groupScope, subscriptionScope } from './scopes.ts';
import { readerOf } from './visibility.ts';
import { groupId } from './wire.ts';

const READ = 'Microsoft.ManagedIdentity/userAssignedIdentities/read';
const TYPE = 'Microsoft.ManagedIdentity/userAssignedIdentities';

/**
 * Creates a user-assigned identity with its service principal (201), or replaces the tags of one (200).
 * @throws Refusal `identity-name-invalid`, `location-missing`, `location-invalid`, `resource-location-fixed`, `tags-invalid`
 */
export async function putIdentity(parts: ResourceParts, call: Call): Promise<Answer> {
  const name = call.parameters['identity'] ?? '';
  if (!isIdentityName(name)) {
    throw new Refusal('identity-name-invalid', { name: name.slice(0, 150), group: call.parameters['group'] ?? '' });
  }
  const location = readLocation(call, TYPE);
  const tags = readTags(call) ?? {};
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    const resourceId = identityResourceId(group.subscriptionId, group.name, name);
    const existing = await findManagedIdentity(transaction, { resourceId });
    if (existing) {
      if (existing.location !== location) {
        const facts = { name, location: existing.location, group: group.name, asked: location };
        throw new Refusal('resource-location-fixed', facts);
      }
      await setManagedIdentityTags(transaction, resourceId, tags);
      return answer(parts, 200, { ...existing, tags });
    }
    const now = parts.clock.now();
    const made = await createManagedIdentity(transaction, parts, { resourceId, name, location, tags, now });
    return answer(parts, 201, { resourceId, location, tags, created: now, ...made });
  });
}

/** Replaces the tags of an identity, where the body has any. */
export async function patchIdentity(parts: ResourceParts, call: Call): Promise<Answer> {
  const tags = readTags(call);
  return call.commit(async (transaction) => {
    const identity = await requireIdentity(transaction, call);
    if (tags) await setManagedIdentityTags(transaction, identity.resourceId, tags);
    return answer(parts, 200, { ...identity, tags: tags ?? identity.tags });
  });
}

/** Reads an identity. */
export async function getIdentity(parts: ResourceParts, call: Call): Promise<Answer> {
  return answer(parts, 200, await requireIdentity(parts.store.reader, call));
}

/** Deletes an identity with its service principal and roles; 204 where there is none. */
export async function deleteIdentity(_parts: ResourceParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    const resourceId = identityResourceId(group.subscriptionId, group.name, call.parameters['identity'] ?? '');
    const identity = await findManagedIdentity(transaction, { resourceId });
    if (!identity) return { status: 204 };
    await deleteManagedIdentity(transaction, resourceId);
    await unassignEverywhere(transaction, identity.resourceId);
    await removeAssignmentsUnder(transaction, foldScope(resourceId));
    return { status: 200, subject: resourceId };
  });
}

/** Lists the identities of a group, those that the caller may read. */
export async function listGroupIdentities(parts: ResourceParts, call: Call): Promise<Answer> {
  const canRead = await readerOf(parts.access, callerOf(call), READ, groupScope(call.parameters));
  const group = await requireGroup(parts.store.reader, call);
  return listUnder(parts, call, groupId(group), canRead);
}

/** Lists the identities of a subscription, those that the caller may read. */
export async function listSubscriptionIdentities(parts: ResourceParts, call: Call): Promise<Answer> {
  const canRead = await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  const { id } = await requireSubscription(parts.store.reader, call);
  return listUnder(parts, call, `/subscriptions/${id}`, canRead);
}

async function listUnder(
  parts: ResourceParts,
  call: Call,
  scope: string,
  canRead: (scopeKey: string) => boolean,
): Promise<Answer> {
  const page = readPage(call);
  const identities = (await listManagedIdentities(parts.store.reader, scope))
    .filter(({ resourceId }) => isIdentityResource(resourceId) && foldScope(resourceId) > page.after)
    .slice(0, page.size + 1);
  const keyOf = ({ resourceId }: ManagedIdentity) => foldScope(resourceId);
  const toWire = (identity: ManagedIdentity) => (canRead(keyOf(identity)) ? identityBody(parts, identity) : null);
  return { status: 200, body: pageBody(call, page, identities, keyOf, toWire) };
}

/**
 * The user-assigned identity that the path names.
 * @throws Refusal `subscription-not-found`, `resource-group-not-found`, `resource-not-found`
 */
export async function requireIdentity(session: Session, call: Call): Promise<ManagedIdentity> {
  const group = await requireGroup(session, call);
  const name = call.parameters['identity'] ?? '';
  const resourceId = identityResourceId(group.subscriptionId, group.name, name);
  const identity = await findManagedIdentity(session, { resourceId });
  if (!identity) throw new Refusal('resource-not-found', { type: TYPE, name, group: group.name });
  return identity;
}

function answer(parts: ResourceParts, status: number, identity: ManagedIdentity): Answer {
  return { status, body: identityBody(parts, identity), subject: identity.resourceId };
}

function identityBody(parts: ResourceParts, identity: ManagedIdentity): object {
  return {
    id: identity.resourceId,
    name: identity.resourceId.slice(identity.resourceId.lastIndexOf('/') + 1),
    type: TYPE,
    location: identity.location,
    tags: identity.tags,
    properties: {
      tenantId: parts.tenantId,
      principalId: identity.principalId,
      clientId: identity.clientId,
    },
  };
}
