import type { Session, Transaction } from '../store/port.ts';
import { afterFailure, type Failures, isLocked } from './lockout.ts';
import { deleteFailures } from './people-rows.ts';
import { insertLock, lockOf } from './sign-in-rows.ts';

/** The attempts counted for a subject, or null where there are none. */
export async function failuresFor(session: Session, subject: string): Promise<Failures | null> {
  const row = await lockOf.first(session, { subject });
  return row && { failures: Number(row.failures), lockedUntil: Number(row.locked_until), last: Number(row.last) };
}

/** Whether a subject's attempts are heard now. */
export async function isSubjectLocked(session: Session, subject: string, now: number): Promise<boolean> {
  return isLocked(await failuresFor(session, subject), now);
}

/** Counts one more failed attempt for a subject; what it leads to is in {@link afterFailure}. */
export async function countFailure(
  transaction: Transaction,
  subject: string,
  allowed: number,
  now: number,
): Promise<void> {
  await writeFailures(transaction, subject, afterFailure(await failuresFor(transaction, subject), allowed, now));
}

/** Counts an attempt of a subject in a span of time that begins with the first one. @returns whether it may be made */
export async function countWithin(
  transaction: Transaction,
  subject: string,
  limit: { readonly attempts: number; readonly spanMs: number },
  now: number,
): Promise<boolean> {
  const before = await failuresFor(transaction, subject);
  const isCurrent = before !== null && now - before.last < limit.spanMs;
  if (isCurrent && before.failures >= limit.attempts) return false;
  const failures = isCurrent ? before.failures + 1 : 1;
  await writeFailures(transaction, subject, { failures, lockedUntil: 0, last: isCurrent ? before.last : now });
  return true;
}

/** Notes that a subject was seen, with no failure to its name. */
export async function noteSeen(transaction: Transaction, subject: string, now: number): Promise<void> {
  await writeFailures(transaction, subject, { failures: 0, lockedUntil: 0, last: now });
}

async function writeFailures(transaction: Transaction, subject: string, state: Failures): Promise<void> {
  await deleteFailures.change(transaction, { subject });
  await insertLock.change(transaction, { subject, ...state });
}
