import { isOwner } from '../identity/people.ts';
import { type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { findPrincipal, findPrincipalIdOfApp } from './repository.ts';
import { type DirectoryPart, mayChange } from './rights.ts';

/** What is to be changed. */
export interface Target {
  /** The object whose owners may change it as well. */
  readonly ownedId?: string;
  /** The directory role it holds. */
  readonly role?: string | null;
}

/**
 * Lets the caller change a part of the directory, or an object of it, by directory role or ownership. Read inside the
 * transaction: a role taken a moment before counts no more.
 * @throws Refusal `directory-right-missing`
 */
export async function requireRight(
  session: Session,
  call: Call,
  part: DirectoryPart,
  target: Target = {},
): Promise<void> {
  const caller = callerOf(call);
  const principal = await findPrincipal(session, caller.oid);
  const asked = {
    part,
    role: principal?.directory_role ?? null,
    isOwner: target.ownedId !== undefined && (await isOwner(session, target.ownedId, caller.oid)),
    targetRole: target.role ?? null,
  };
  if (principal?.enabled === 1 && mayChange(asked)) return;
  throw new Refusal('directory-right-missing', {
    oid: caller.oid,
    part,
    role: asked.role ?? 'none',
    target: asked.targetRole ?? 'none',
  });
}

/** As {@link requireRight}, for an application, whose service principal's directory role protects it. @throws Refusal */
export async function requireApplicationRight(
  session: Session,
  call: Call,
  application: { readonly id: string; readonly app_id: string },
): Promise<void> {
  const principalId = await findPrincipalIdOfApp(session, application.app_id);
  const principal = principalId === null ? null : await findPrincipal(session, principalId);
  await requireRight(session, call, 'applications', {
    ownedId: application.id,
    role: principal?.directory_role ?? null,
  });
}
