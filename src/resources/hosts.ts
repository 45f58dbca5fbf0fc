import { foldScope } from '../access/scope.ts';
import { removeAssignmentsUnder } from '../access/scope-removal.ts';
import { foldName } from '../base/ids.ts';
import { deleteHostSecret } from '../identity/host-secrets.ts';
import { createManagedIdentity, deleteManagedIdentity, findManagedIdentity } from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { pageBody, readPage } from './arm-page.ts';
import { type IdentityOrder, readIdentity, readMembers } from './host-body.ts';
import {
  findHost,
  type Host,
  hostsOfIdentity,
  identityType,
  listHosts,
  removeHost,
  storeHost,
} from './host-repository.ts';
import { isIdentityResource } from './identity-resource.ts';
import { requireGroup, requireSubscription } from './lookup.ts';
import { isHostName } from './names.ts';
import type { ResourceParts } from './parts.ts';
import { readLocation, readTags } from './request-body.ts';
import { groupScope, subscriptionScope } from './scopes.ts';
import { readerOf } from './visibility.ts';

/** The types of hosts: machines and applications. */
export type HostType = 'Microsoft.Compute/virtualMachines' | 'Microsoft.Web/sites';

const ASSIGN = 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action';

/**
 * Registers a host (201), or replaces one (200), and makes or ends its identities. Nothing is started.
 * @throws Refusal `resource-location-fixed`, `request-content-invalid`, `authorization-failed` for an
 *   identity that the caller may not assign, and those of locations and tags
 */
export async function putHost(parts: ResourceParts, call: Call, type: HostType): Promise<Answer> {
  const name = call.parameters['host'] ?? '';
  const location = readLocation(call, type);
  const tags = readTags(call) ?? {};
  const order = readIdentity(call) ?? { system: false, user: false, add: [], remove: [] };
  const members = readMembers(call);
  if (!isHostName(name)) {
    const reason = '1 to 64 letters, digits, hyphens and underscores are expected, a letter or digit first';
    throw new Refusal('request-content-invalid', { property: 'name', reason });
  }
  const refused = await refusedAssignments(parts, call, order);
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    const resourceId = pathOf(group.subscriptionId, group.name, type, call);
    const before = await findHostById(transaction, resourceId);
    if (before && before.location !== location) {
      const facts = { name, location: before.location, group: group.name, asked: location };
      throw new Refusal('resource-location-fixed', facts);
    }
    const now = parts.clock.now();
    const host: Host = {
      resourceId: before?.resourceId ?? resourceId,
      resourceKey: foldName(resourceId),
      type,
      name: before?.name ?? name,
      subscriptionId: group.subscriptionId,
      groupKey: group.nameKey,
      location,
      tags,
      members,
      hasSystemIdentity: false,
      userIdentities: [],
      created: before?.created ?? now,
      updated: now,
    };
    return store(parts, transaction, { host, before, order, refused }, before ? 200 : 201);
  });
}

/** Changes a host: identities named in the body are added, those set to null are taken away, and what is left out stays. */
export async function patchHost(parts: ResourceParts, call: Call, type: HostType): Promise<Answer> {
  const tags = readTags(call);
  const asked = readIdentity(call);
  const members = readMembers(call);
  const refused = asked ? await refusedAssignments(parts, call, asked) : new Map();
  return call.commit(async (transaction) => {
    const before = await requireHost(transaction, call, type);
    const removed = new Set((asked?.remove ?? []).map(foldName));
    const kept = before.userIdentities.filter((id) => !removed.has(foldName(id)));
    const order = asked
      ? { ...asked, add: [...kept, ...asked.add] }
      : { system: before.hasSystemIdentity, user: kept.length > 0, add: kept, remove: [] };
    const properties = { ...objectOf(before.members['properties']), ...objectOf(members['properties']) };
    const host: Host = {
      ...before,
      tags: tags ?? before.tags,
      members: { ...before.members, ...members, properties },
      updated: parts.clock.now(),
    };
    return store(parts, transaction, { host, before, order, refused }, 200);
  });
}

/** Reads a host. */
export async function getHost(parts: ResourceParts, call: Call, type: HostType): Promise<Answer> {
  const host = await requireHost(parts.store.reader, call, type);
  return { status: 200, body: await hostBody(parts, parts.store.reader, host), subject: host.resourceId };
}

/** Deletes a host; its system-assigned identity ends with it. 204 where there is none. */
export async function deleteHost(_parts: ResourceParts, call: Call, type: HostType): Promise<Answer> {
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    const host = await findHostById(transaction, pathOf(group.subscriptionId, group.name, type, call));
    if (!host) return { status: 204 };
    await endHost(transaction, host);
    return { status: 200, subject: host.resourceId };
  });
}

/** Deletes the hosts of a group, as when the group goes. */
export async function deleteHostsIn(transaction: Transaction, subscriptionId: string, groupKey: string): Promise<void> {
  const limit = 200;
  for (;;) {
    const hosts = await listHosts(transaction, { subscriptionId, groupKey, type: null, after: '', limit });
    for (const host of hosts) await endHost(transaction, host);
    if (hosts.length < limit) return;
  }
}

/** Takes a user-assigned identity from every host, as when it is deleted: one that is made later is another. */
export async function unassignEverywhere(transaction: Transaction, identity: string): Promise<void> {
  for (const host of await hostsOfIdentity(transaction, identity)) {
    await storeHost(transaction, { ...host, userIdentities: host.userIdentities.filter((id) => id !== identity) });
  }
}

/** Lists the hosts of a type, in a group or the whole subscription, those that the caller may read. */
export async function listHostsOf(parts: ResourceParts, call: Call, type: HostType): Promise<Answer> {
  const isGroup = call.parameters['group'] !== undefined;
  const scope = isGroup ? groupScope(call.parameters) : subscriptionScope(call.parameters);
  const canRead = await readerOf(parts.access, callerOf(call), `${type}/read`, scope);
  const { reader } = parts.store;
  const { id: subscriptionId } = await requireSubscription(reader, call);
  const groupKey = isGroup ? (await requireGroup(reader, call)).nameKey : null;
  const page = readPage(call);
  const hosts = await listHosts(reader, { subscriptionId, groupKey, type, after: page.after, limit: page.size + 1 });
  const bodies = new Map<Host, object>();
  for (const host of hosts.slice(0, page.size)) bodies.set(host, await hostBody(parts, reader, host));
  const toWire = (host: Host) => (canRead(host.resourceKey) ? bodies.get(host) : null);
  return { status: 200, body: pageBody(call, page, hosts, ({ resourceKey }) => resourceKey, toWire) };
}

/** A host by its resource id in any case, or null. */
export function findHostById(session: Session, resourceId: string): Promise<Host | null> {
  return findHost(session, foldName(resourceId));
}

/**
 * The host that the path names.
 * @throws Refusal `subscription-not-found`, `resource-group-not-found`, `resource-not-found`
 */
export async function requireHost(session: Session, call: Call, type: HostType): Promise<Host> {
  const group = await requireGroup(session, call);
  const host = await findHostById(session, pathOf(group.subscriptionId, group.name, type, call));
  if (host) return host;
  throw new Refusal('resource-not-found', { type, name: call.parameters['host'] ?? '', group: group.name });
}

/** What is to become of a host. */
interface HostChange {
  readonly host: Host;
  readonly before: Host | null;
  readonly order: IdentityOrder;
  /** Why the caller may not assign an identity, by its folded id. */
  readonly refused: ReadonlyMap<string, Refusal>;
}

/** The identities of an order that the caller may not assign. Asked before the transaction, which waits for nothing but itself. */
async function refusedAssignments(
  parts: ResourceParts,
  call: Call,
  order: IdentityOrder,
): Promise<ReadonlyMap<string, Refusal>> {
  const refused = new Map<string, Refusal>();
  for (const id of order.add.filter(isIdentityResource)) {
    try {
      await parts.access.authoriseManagement(callerOf(call), ASSIGN, id);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused.set(foldName(id), linkedRefusal(call, error));
    }
  }
  return refused;
}

/** A missing right to what the request links to is told as such: the right to the request itself is there. */
function linkedRefusal({ operation, path }: Call, refusal: Refusal): Refusal {
  const { need } = operation;
  if (refusal.code !== 'authorization-failed' || need.kind !== 'management') return refusal;
  const own = { own: need.action, ownScope: path.slice(0, 500) };
  return new Refusal('linked-authorization-failed', { ...refusal.facts, ...own });
}

async function store(
  parts: ResourceParts,
  transaction: Transaction,
  { host, before, order, refused }: HostChange,
  status: number,
): Promise<Answer> {
  const userIdentities: string[] = [];
  for (const id of order.user ? new Set(order.add) : []) {
    const found = isIdentityResource(id) ? await findManagedIdentity(transaction, { resourceId: id }) : null;
    if (!found) {
      const reason = `there is no identity ${id.slice(0, 300)}`;
      throw new Refusal('request-content-invalid', { property: 'identity.userAssignedIdentities', reason });
    }
    if (userIdentities.includes(found.resourceId)) continue;
    const refusal = before?.userIdentities.includes(found.resourceId) ? undefined : refused.get(foldName(id));
    if (refusal) throw refusal;
    userIdentities.push(found.resourceId);
  }
  await setSystemIdentity(parts, transaction, host, order.system);
  const stored = { ...host, hasSystemIdentity: order.system, userIdentities };
  await storeHost(transaction, stored);
  return { status, body: await hostBody(parts, transaction, stored), subject: host.resourceId };
}

async function setSystemIdentity(
  parts: ResourceParts,
  transaction: Transaction,
  { resourceId, name, location, updated }: Host,
  isWanted: boolean,
): Promise<void> {
  const found = await findManagedIdentity(transaction, { resourceId });
  if (isWanted && !found) {
    await createManagedIdentity(transaction, parts, { resourceId, name, location, tags: {}, now: updated });
  }
  if (!isWanted && found) await deleteManagedIdentity(transaction, resourceId);
}

async function endHost(transaction: Transaction, host: Host): Promise<void> {
  await deleteManagedIdentity(transaction, host.resourceId);
  await deleteHostSecret(transaction, host.resourceKey);
  await removeHost(transaction, host);
  await removeAssignmentsUnder(transaction, foldScope(host.resourceId));
}

async function hostBody(parts: ResourceParts, session: Session, host: Host): Promise<object> {
  const system = host.hasSystemIdentity ? await findManagedIdentity(session, { resourceId: host.resourceId }) : null;
  const user: Record<string, object> = {};
  for (const id of host.userIdentities) {
    const found = await findManagedIdentity(session, { resourceId: id });
    user[id] = found ? { principalId: found.principalId, clientId: found.clientId } : {};
  }
  const type = identityType(host);
  return {
    ...host.members,
    id: host.resourceId,
    name: host.name,
    type: host.type,
    location: host.location,
    tags: host.tags,
    ...(type !== 'None' && {
      identity: {
        type,
        ...(system && { principalId: system.principalId, tenantId: parts.tenantId }),
        ...(host.userIdentities.length > 0 && { userAssignedIdentities: user }),
      },
    }),
    properties: { ...objectOf(host.members['properties']), provisioningState: 'Succeeded' },
  };
}

function pathOf(subscriptionId: string, group: string, type: HostType, call: Call): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/${type}/${call.parameters['host'] ?? ''}`;
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
