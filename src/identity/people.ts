import { foldName, newUuid, newVersion } from '../base/ids.ts';
import type { Session, Transaction } from '../store/port.ts';
import { countWithin } from './attempts.ts';
import { hashPassword, verifyPassword } from './password.ts';
import * as rows from './people-rows.ts';
import { followMemberships, groupsOf } from './repository.ts';
import type { MakingParts } from './service.ts';

/** What a principal is, beside its id. */
export interface MemberPrincipal {
  /** Member or Guest for users, the empty text for groups, Application or ManagedIdentity for service principals. */
  readonly type: string;
  readonly displayName: string;
  /** The user principal name; null for groups. */
  readonly upn: string | null;
  readonly enabled: boolean;
  /** What Graph hands back besides. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** A password made ready for storing, outside the transaction: hashing takes its time. */
export interface NewPassword {
  readonly material: string;
  readonly version: string;
  readonly mustChange: boolean;
}

/** Hashes a password that passed the policy. */
export async function newPassword(
  parts: Pick<MakingParts, 'random'>,
  password: string,
  mustChange: boolean,
): Promise<NewPassword> {
  const material = await hashPassword(password, parts.random);
  return { material, version: newVersion(parts.random), mustChange };
}

/** Makes a user or a group. The caller sees to it that the user principal name is free. @returns its object id */
export async function createMemberPrincipal(
  transaction: Transaction,
  parts: MakingParts,
  kind: 'User' | 'Group',
  principal: MemberPrincipal,
  now: number,
): Promise<string> {
  const id = newUuid(parts.random);
  const order = { id, tenantId: parts.tenantId, kind, created: now, ...columnsOf(principal) };
  await rows.insertMemberPrincipal.change(transaction, order);
  transaction.touch();
  return id;
}

/** Changes a principal; disabled, a user's sessions end and its tokens are refused at once. */
export async function changeMemberPrincipal(
  transaction: Transaction,
  id: string,
  principal: MemberPrincipal,
): Promise<void> {
  await rows.updateMemberPrincipal.change(transaction, { id, ...columnsOf(principal) });
  if (!principal.enabled) await endSessions(transaction, id);
  transaction.touch();
}

/** Sets a user's password; what was got by an older one ends. */
export async function setPassword(
  transaction: Transaction,
  principalId: string,
  password: NewPassword,
  now: number,
): Promise<void> {
  const { material, version, mustChange } = password;
  await rows.deletePassword.change(transaction, { principalId });
  const order = { principalId, material, version, mustChange: mustChange ? 1 : 0, changed: now };
  await rows.insertPassword.change(transaction, order);
  await endSessions(transaction, principalId);
  transaction.touch();
}

/** Says whether a user has to change the password at the next sign-in. */
export async function setMustChange(transaction: Transaction, principalId: string, mustChange: boolean): Promise<void> {
  await rows.setMustChange.change(transaction, { principalId, mustChange: mustChange ? 1 : 0 });
  transaction.touch();
}

/** Whether the text is the user's password; the version tells later whether it still is. Null where it is not. */
export async function checkPassword(session: Session, principalId: string, password: string): Promise<string | null> {
  const row = await rows.passwordOf.first(session, { principalId });
  return row && (await verifyPassword(password, row.material)) ? row.version : null;
}

/** As many attempts at a password change as may be made within a minute, as in Entra's smart lockout. */
const CHANGES = { attempts: 10, spanMs: 60_000 };

/**
 * Counts an attempt to change a password, before the present one is checked, so that attempts side by side count as well.
 * @returns whether it may be made
 */
export function countAttempt(transaction: Transaction, principalId: string, now: number): Promise<boolean> {
  return countWithin(transaction, attemptsOf(principalId), CHANGES, now);
}

/** Forgets the attempts to change a password: one was right. */
export async function forgetAttempts(transaction: Transaction, principalId: string): Promise<void> {
  await rows.deleteFailures.change(transaction, { subject: attemptsOf(principalId) });
}

function attemptsOf(principalId: string): string {
  return `password-change:${principalId}`;
}

/**
 * Ends all that a user's sign-ins so far have brought, refresh tokens and access tokens alike; the password stays.
 */
export async function revokeSessions(
  transaction: Transaction,
  parts: Pick<MakingParts, 'random'>,
  principalId: string,
): Promise<void> {
  await rows.setPasswordVersion.change(transaction, { principalId, version: newVersion(parts.random) });
  await endSessions(transaction, principalId);
  transaction.touch();
}

/** The version of a user's password, or null where there is none. */
export async function passwordVersion(session: Session, principalId: string): Promise<string | null> {
  return (await rows.passwordOf.first(session, { principalId }))?.version ?? null;
}

/** Gives the one directory role a principal holds, or takes it (null). */
export async function setDirectoryRole(transaction: Transaction, id: string, role: string | null): Promise<void> {
  await rows.setDirectoryRole.change(transaction, { id, role });
  transaction.touch();
}

/** Puts a principal into a group. @returns whether it was not in it before */
export async function addMember(
  transaction: Transaction,
  groupId: string,
  memberId: string,
  now: number,
): Promise<boolean> {
  if (await rows.memberOfGroup.first(transaction, { groupId, memberId })) return false;
  await rows.insertMember.change(transaction, { groupId, memberId, created: now });
  transaction.touch();
  return true;
}

/** Takes a principal out of a group. @returns whether it was in it */
export async function removeMember(transaction: Transaction, groupId: string, memberId: string): Promise<boolean> {
  transaction.touch();
  return (await rows.deleteMember.change(transaction, { groupId, memberId })) > 0;
}

/** Makes a principal an owner of a group, application or service principal. @returns whether it was none before */
export async function addOwner(
  transaction: Transaction,
  objectId: string,
  ownerId: string,
  now: number,
): Promise<boolean> {
  if (await isOwner(transaction, objectId, ownerId)) return false;
  await rows.insertOwner.change(transaction, { objectId, ownerId, created: now });
  transaction.touch();
  return true;
}

/** Takes an owner from an object. @returns whether it was one */
export async function removeOwner(transaction: Transaction, objectId: string, ownerId: string): Promise<boolean> {
  transaction.touch();
  return (await rows.deleteOwner.change(transaction, { objectId, ownerId })) > 0;
}

/** Whether a principal owns an object. */
export async function isOwner(session: Session, objectId: string, ownerId: string): Promise<boolean> {
  return (await rows.ownerOfObject.first(session, { objectId, ownerId })) !== null;
}

/** Everything in a group, also through groups, in order of the ids. */
export async function membersOfGroup(session: Session, groupId: string): Promise<readonly string[]> {
  return [...(await followMemberships(session, groupId, 'group_id', 'member_id'))].sort();
}

/** The groups a principal is in, also through groups, in order of their ids. */
export async function groupsOfPrincipal(session: Session, id: string): Promise<readonly string[]> {
  return [...(await groupsOf(session, id))].sort();
}

function columnsOf(principal: MemberPrincipal) {
  return {
    type: principal.type,
    displayName: principal.displayName,
    upn: principal.upn,
    upnKey: principal.upn === null ? null : foldName(principal.upn),
    enabled: principal.enabled ? 1 : 0,
    details: JSON.stringify(principal.details),
  };
}

async function endSessions(transaction: Transaction, principalId: string): Promise<void> {
  await rows.deleteRefreshTokensOf.change(transaction, { principalId });
  await rows.deleteDeviceCodesOf.change(transaction, { principalId });
}
