import type { Log } from '../base/ports.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Store } from '../store/store.ts';
import { type DeliveryOutcome, nextAttempt } from './mail-rules.ts';
import type { MailSetting } from './mail-setting.ts';
import { deleteFailedBefore, deleteMail, dueMail, failedMailAt, type MailRow, noteFailure } from './repository.ts';
import type { MailSender } from './smtp.ts';

const BATCH = 50;
/** So many in a row that the server cannot be reached for: the rest of the batch would only wait for it as well. */
const MOST_IN_A_ROW = 3;
const KEEP_FAILED_MS = 30 * 86_400_000;
/** The newest that were given up; who has more looks at the mail server, not at each of them. */
const MOST_FAILED = 10_000;

/** What the mail job needs. */
export interface MailParts {
  readonly store: Store;
  readonly log: Log;
  readonly setting: MailSetting;
}

/**
 * Sends what waits, on whichever node holds the lease. A message is forgotten once the mail server has taken it; a fall
 * between the two sends it again under the same Message-ID.
 */
export function mailJob(parts: MailParts): Job {
  return {
    name: 'mail',
    everyMilliseconds: 60_000,
    run: async (lease, now) => {
      await parts.store.write(async (transaction) => {
        if (!(await holdsLease(transaction, lease))) return;
        const eldest = await failedMailAt.first(transaction, { place: MOST_FAILED - 1 });
        const before = Math.max(now - KEEP_FAILED_MS, eldest?.created ?? 0);
        await deleteFailedBefore.change(transaction, { before });
      });
      const due = await dueMail.all(parts.store.reader, { now, limit: BATCH });
      if (due.length === 0) return;
      const { smtpSender } = await import('./smtp.ts');
      await sendAll(parts, smtpSender(parts.setting), due, lease, now);
    },
  };
}

async function sendAll(
  parts: MailParts,
  sender: MailSender,
  due: readonly MailRow[],
  lease: Lease,
  now: number,
): Promise<void> {
  let inARow = 0;
  for (const message of due) {
    if (!(await holdsLease(parts.store.reader, lease))) return;
    const outcome = await sender.send(message);
    await note(parts, lease, message, outcome, now);
    inARow = outcome.kind === 'later' ? inARow + 1 : 0;
    if (inARow >= MOST_IN_A_ROW) return;
  }
}

async function note(
  parts: MailParts,
  lease: Lease,
  message: MailRow,
  outcome: DeliveryOutcome,
  now: number,
): Promise<void> {
  const { id, created } = message;
  const attempts = message.attempts + 1;
  const nextAt = outcome.kind === 'later' ? nextAttempt(created, attempts, now) : null;
  await parts.store.write(async (transaction) => {
    if (!(await holdsLease(transaction, lease))) return;
    if (outcome.kind === 'taken') await deleteMail.change(transaction, { id });
    else await noteFailure.change(transaction, { id, attempts, nextAt, failure: outcome.reason });
  });
  if (outcome.kind === 'taken') return;
  const facts = { mail: id, attempts, reason: outcome.reason };
  if (nextAt === null) parts.log.error('An e-mail was given up.', facts);
  else parts.log.warn('An e-mail was not taken; it will be tried again.', facts);
}
