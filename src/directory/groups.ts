import * as people from '../identity/people.ts';
import * as identity from '../identity/service.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { requireRight } from './authority.ts';
import type { DirectoryParts } from './parts.ts';
import { changed, changedNames } from './people.ts';
import { readGroupBody, readReferences } from './person-body.ts';
import { findPrincipal, listPrincipalsById, type PrincipalRecord } from './repository.ts';
import { principalOf } from './wire.ts';

const MEMBERS = 'members@odata.bind';
const OWNERS = 'owners@odata.bind';

/** `POST /groups`, also with members and owners. */
export async function makeGroup(parts: DirectoryParts, call: Call): Promise<Answer> {
  await requireRight(parts.store.reader, call, 'groups');
  const body = call.body ?? {};
  const change = readGroupBody(body, null);
  const members = body[MEMBERS] === undefined ? [] : readReferences(body[MEMBERS], MEMBERS, 'Group');
  const owners = body[OWNERS] === undefined ? [] : readReferences(body[OWNERS], OWNERS, 'Group');
  return call.commit(async (transaction) => {
    await requireRight(transaction, call, 'groups');
    const group = {
      type: '',
      displayName: change.displayName!,
      upn: null,
      enabled: true,
      details: change.details,
    } as const;
    const id = await people.createMemberPrincipal(transaction, parts, 'Group', group, call.time);
    for (const memberId of await requireMembers(transaction, members)) {
      await people.addMember(transaction, id, memberId, call.time);
    }
    for (const ownerId of await requireOwners(transaction, owners)) {
      await people.addOwner(transaction, id, ownerId, call.time);
    }
    const url = `${call.origin}/v1.0/groups/${id}`;
    const context = { '@odata.context': `${call.origin}/v1.0/$metadata#groups/$entity` };
    return {
      status: 201,
      headers: { location: url },
      body: { ...context, ...principalOf(await requireGroup(transaction, id)) },
      subject: url,
      audit: { oid: id, changed: changedNames(call), members, owners },
    };
  });
}

/** `PATCH /groups/{id}`; `members@odata.bind` adds up to 20 members. */
export async function patchGroup(call: Call): Promise<Answer> {
  const body = call.body ?? {};
  return call.commit(async (transaction) => {
    const record = await requireGroup(transaction, call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'groups', { ownedId: record.id, role: record.directory_role });
    const change = readGroupBody(body, principalOf(record));
    const members = body[MEMBERS] === undefined ? [] : readReferences(body[MEMBERS], MEMBERS, 'Group');
    await people.changeMemberPrincipal(transaction, record.id, changed(record, change));
    for (const memberId of await requireMembers(transaction, members)) {
      await addNewMember(transaction, record.id, memberId, call.time);
    }
    return { status: 204, audit: { oid: record.id, changed: changedNames(call), members } };
  });
}

/** `DELETE /groups/{id}`: at once; nobody has anything by it any more. */
export async function removeGroup(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireGroup(transaction, call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'groups', { ownedId: record.id, role: record.directory_role });
    await identity.deletePrincipal(transaction, record.id);
    return { status: 204, audit: { oid: record.id } };
  });
}

/** `POST /groups/{id}/members/$ref` */
export async function addGroupMember(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireGroup(transaction, call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'groups', { ownedId: record.id, role: record.directory_role });
    const ids = readReferences(call.body?.['@odata.id'], '@odata.id', 'Group');
    const [memberId] = await requireMembers(transaction, ids);
    await addNewMember(transaction, record.id, memberId!, call.time);
    return { status: 204, audit: { oid: record.id, member: memberId! } };
  });
}

/** `DELETE /groups/{id}/members/{member}/$ref` */
export async function removeGroupMember(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireGroup(transaction, call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'groups', { ownedId: record.id, role: record.directory_role });
    const memberId = (call.parameters['other'] ?? '').toLowerCase();
    if (!(await people.removeMember(transaction, record.id, memberId))) {
      throw new Refusal('graph-resource-not-found', { id: memberId.slice(0, 100), kind: 'member' });
    }
    return { status: 204, audit: { oid: record.id, member: memberId } };
  });
}

/** A group by its object id. @throws Refusal `graph-resource-not-found` */
export async function requireGroup(session: Session, id: string): Promise<PrincipalRecord> {
  const record = await findPrincipal(session, id);
  if (record?.kind === 'Group') return record;
  throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: 'Group' });
}

/** The ids, if users and service principals have them: those can own something. @throws Refusal */
export async function requireOwners(session: Session, ids: readonly string[]): Promise<readonly string[]> {
  const found = await requireAll(session, ids);
  const group = found.find((record) => record.kind === 'Group');
  if (group) {
    const reason = 'owners are users and service principals, not groups';
    throw new Refusal('graph-property-invalid', { property: 'owners', kind: 'directoryObject', reason });
  }
  return ids;
}

async function requireMembers(session: Session, ids: readonly string[]): Promise<readonly string[]> {
  await requireAll(session, ids);
  return ids;
}

async function requireAll(session: Session, ids: readonly string[]): Promise<readonly PrincipalRecord[]> {
  const found = await listPrincipalsById(session, ids);
  const missing = ids.find((id) => !found.some((record) => record.id === id));
  if (missing !== undefined) throw new Refusal('graph-resource-not-found', { id: missing, kind: 'principal' });
  return found;
}

async function addNewMember(transaction: Transaction, id: string, memberId: string, now: number): Promise<void> {
  if (id === memberId) {
    const reason = 'a group cannot be a member of itself';
    throw new Refusal('graph-property-invalid', { property: 'members', kind: 'Group', reason });
  }
  if (!(await people.addMember(transaction, id, memberId, now))) {
    throw new Refusal('graph-reference-exists', { id: memberId, property: 'members' });
  }
}
