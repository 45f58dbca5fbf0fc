import { isUuid } from '../base/ids.ts';
import * as people from '../identity/people.ts';
import * as identity from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { requireRight } from './authority.ts';
import type { DirectoryParts } from './parts.ts';
import { type PersonChange, readPassword, readUserBody } from './person-body.ts';
import { findPrincipal, findUserId, type PrincipalRecord } from './repository.ts';
import { type GraphObject, principalOf } from './wire.ts';

/** `POST /users` */
export async function makeUser(parts: DirectoryParts, call: Call): Promise<Answer> {
  // Hashing is costly: nobody without the right may ask for it. The transaction asks again.
  await requireRight(parts.store.reader, call, 'users');
  const change = readUserBody(call.body ?? {}, null, parts.domain);
  const password = await people.newPassword(parts, change.password!, change.mustChange === true);
  return call.commit(async (transaction) => {
    await requireRight(transaction, call, 'users');
    await assertNameFree(transaction, change.upn!, null);
    const user = {
      type: change.type ?? 'Member',
      displayName: change.displayName!,
      upn: change.upn!,
      enabled: change.enabled!,
      details: change.details,
    } as const;
    const id = await people.createMemberPrincipal(transaction, parts, 'User', user, call.time);
    await people.setPassword(transaction, id, password, call.time);
    const url = `${call.origin}/v1.0/users/${id}`;
    const context = { '@odata.context': `${call.origin}/v1.0/$metadata#users/$entity` };
    return {
      status: 201,
      headers: { location: url },
      body: { ...context, ...principalOf(await requireUser(transaction, id)) },
      subject: url,
      audit: { oid: id, changed: changedNames(call) },
    };
  });
}

/** `PATCH /users/{id}` */
export async function patchUser(parts: DirectoryParts, call: Call): Promise<Answer> {
  const id = call.parameters['id'] ?? '';
  const now = await requireUser(parts.store.reader, id);
  // Hashing is costly: nobody without the right may ask for it. The transaction asks again, and judges the body again.
  await requireRight(parts.store.reader, call, 'users', { role: now.directory_role });
  const before = readUserBody(call.body ?? {}, principalOf(now), parts.domain);
  const password =
    before.password === undefined ? null : await people.newPassword(parts, before.password, before.mustChange === true);
  return call.commit(async (transaction) => {
    const record = await requireUser(transaction, id);
    await requireRight(transaction, call, 'users', { role: record.directory_role });
    const change = readUserBody(call.body ?? {}, principalOf(record), parts.domain);
    if (change.upn !== undefined) await assertNameFree(transaction, change.upn, record.id);
    if (change.enabled === false) await assertNotLast(transaction, record.id);
    await people.changeMemberPrincipal(transaction, record.id, changed(record, change));
    if (password) await people.setPassword(transaction, record.id, password, call.time);
    else if (change.mustChange !== undefined) await people.setMustChange(transaction, record.id, change.mustChange);
    return { status: 204, audit: { oid: record.id, changed: changedNames(call) } };
  });
}

/** `DELETE /users/{id}`: at once, with everything that hangs on it. */
export async function removeUser(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireUser(transaction, call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'users', { role: record.directory_role });
    await assertNotLast(transaction, record.id);
    await identity.deletePrincipal(transaction, record.id);
    return { status: 204, audit: { oid: record.id } };
  });
}

/** `POST /me/changePassword`: by whoever knows the present one. */
export async function changeOwnPassword(parts: DirectoryParts, call: Call): Promise<Answer> {
  const { oid, kind, upn } = callerOf(call);
  if (kind !== 'User' || upn === null) throw new Refusal('graph-delegated-only', { oid });
  const { currentPassword, newPassword } = call.body ?? {};
  const next = readPassword(newPassword, upn);
  if (typeof currentPassword !== 'string' || currentPassword === '' || currentPassword.length > 1024) {
    throw new Refusal('graph-password-wrong', { oid });
  }
  if (currentPassword === next)
    throw new Refusal('graph-password-policy', { reason: 'it must differ from the old one' });
  if (!(await parts.store.write((transaction) => people.countAttempt(transaction, oid, call.time)))) {
    throw new Refusal('graph-password-attempts', { oid });
  }
  const version = await people.checkPassword(parts.store.reader, oid, currentPassword);
  if (version === null) throw new Refusal('graph-password-wrong', { oid });
  const password = await people.newPassword(parts, next, false);
  return call.commit(async (transaction) => {
    if ((await people.passwordVersion(transaction, oid)) !== version)
      throw new Refusal('graph-password-wrong', { oid });
    await people.setPassword(transaction, oid, password, call.time);
    await people.forgetAttempts(transaction, oid);
    return { status: 204, audit: { oid, changed: ['passwordProfile'] } };
  });
}

/** `POST /users/{id}/revokeSignInSessions`: what sign-ins so far have brought ends at once. */
export async function revokeSignInSessions(parts: DirectoryParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireUser(transaction, call.parameters['id'] ?? '');
    if (record.id !== callerOf(call).oid)
      await requireRight(transaction, call, 'users', { role: record.directory_role });
    return revoke(transaction, parts, call, record.id);
  });
}

/** `POST /me/revokeSignInSessions` */
export async function revokeOwnSessions(parts: DirectoryParts, call: Call): Promise<Answer> {
  const { oid, kind } = callerOf(call);
  if (kind !== 'User') throw new Refusal('graph-delegated-only', { oid });
  return call.commit((transaction) => revoke(transaction, parts, call, oid));
}

async function revoke(transaction: Transaction, parts: DirectoryParts, call: Call, oid: string): Promise<Answer> {
  await people.revokeSessions(transaction, parts, oid);
  const context = { '@odata.context': `${call.origin}/v1.0/$metadata#Edm.Boolean` };
  return { status: 200, body: { ...context, value: true }, audit: { oid } };
}

/** A user by object id or principal name. @throws Refusal `graph-resource-not-found` */
export async function requireUser(session: Session, idOrName: string): Promise<PrincipalRecord> {
  const id = isUuid(idOrName) ? idOrName : await findUserId(session, idOrName);
  const record = id === null ? null : await findPrincipal(session, id);
  if (record?.kind === 'User') return record;
  throw new Refusal('graph-resource-not-found', { id: idOrName.slice(0, 100), kind: 'User' });
}

/** The names of the properties in a body, for the audit record; never a value. */
export function changedNames(call: Call): readonly string[] {
  return Object.keys(call.body ?? {}).filter((name) => /^[\w@.]{1,100}$/.test(name));
}

/** What a user or group becomes by a change. */
export function changed(record: PrincipalRecord, change: PersonChange): people.MemberPrincipal {
  return {
    type: change.type ?? record.type,
    displayName: change.displayName ?? record.display_name,
    upn: change.upn ?? record.upn,
    enabled: change.enabled ?? record.enabled === 1,
    details: { ...(JSON.parse(record.own_details ?? '{}') as GraphObject), ...change.details },
  };
}

async function assertNameFree(transaction: Transaction, upn: string, ownId: string | null): Promise<void> {
  const holder = await findUserId(transaction, upn);
  if (holder !== null && holder !== ownId) throw new Refusal('graph-user-exists', { upn });
}

async function assertNotLast(session: Session, id: string): Promise<void> {
  if (await identity.isLastAdministrator(session, id)) throw new Refusal('directory-last-administrator', { oid: id });
}
