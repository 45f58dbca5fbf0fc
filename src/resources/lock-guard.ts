import { foldScope, scopesAbove, scopesBelow } from '../access/scope.ts';
import { foldName } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { type Lock, type LockSelection, listLocks } from './lock-repository.ts';

/** What an action of the management plane does, as locks see it. */
export type LockedVerb = 'write' | 'delete';

/**
 * What an action does to the resource, or null where locks do not stop it: reading, and the locks themselves, since a lock
 * that forbade its own removal would be for ever.
 */
export function verbOf(action: string): LockedVerb | null {
  const folded = foldName(action);
  if (folded.startsWith('microsoft.authorization/locks/') || folded.endsWith('/read')) return null;
  return folded.endsWith('/delete') || folded.endsWith('/purge/action') ? 'delete' : 'write';
}

/**
 * Lets an action through unless a lock forbids it ("Lock your Azure resources"): ReadOnly at the scope or above it forbids
 * every change, either level forbids deleting, and what is deleted must hold nothing locked.
 * @throws Refusal `scope-locked`
 */
export async function assertUnlocked(session: Session, action: string, scope: string): Promise<void> {
  const verb = verbOf(action);
  // Role assignments, tags and purges name the scope that they are at, and take nothing with them that is inside it.
  const isOfScope = !/^microsoft\.(authorization|resources\/tags)\/|\/purge\/action$/.test(foldName(action));
  if (verb) await assertVerbUnlocked(session, verb, scope, isOfScope);
}

/**
 * The same for a resource that the path does not name, such as a deleted vault by the group it came from.
 * @throws Refusal `scope-locked`
 */
export async function assertDeletable(session: Session, scope: string): Promise<void> {
  await assertVerbUnlocked(session, 'delete', scope, true);
}

async function assertVerbUnlocked(
  session: Session,
  verb: LockedVerb,
  scope: string,
  withInside: boolean,
): Promise<void> {
  const key = foldScope(scope);
  const selection: LockSelection = {
    at: scopesAbove(key),
    below: verb === 'delete' && withInside ? scopesBelow(key) : null,
    ...(verb === 'write' && { level: 'ReadOnly' as const }),
    after: null,
    limit: 1,
  };
  const [lock] = await listLocks(session, selection);
  if (!lock) return;
  const { scope: locked, name, level } = lock;
  throw new Refusal('scope-locked', { scope, verb, locked, lock: name, level, lockId: lockId(lock) });
}

/** The resource id of a lock. */
export function lockId(lock: Pick<Lock, 'scope' | 'name'>): string {
  return `${lock.scope}/providers/Microsoft.Authorization/locks/${lock.name}`;
}
