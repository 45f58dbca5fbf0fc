import { holdsLease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Store } from '../store/store.ts';
import { FORGET_ADDRESS_MS, FORGET_FAILURES_MS } from './lockout.ts';
import * as rows from './sign-in-rows.ts';

const FAMILIAR = 'familiar:';
/** The text after every one that begins with {@link FAMILIAR}. */
const AFTER_FAMILIAR = 'familiar;';
/** Above every subject: they are ASCII. */
const END = '\u007f';

/** A device that asks with an expired code is told so for this long. */
const ASKED_AGAIN_MS = 900_000;

/** Forgets device codes and refresh tokens that have expired, and attempts that count no more: none of it is asked for again. */
export function signInCleanupJob({ store }: { readonly store: Store }): Job {
  return {
    name: 'sign-in-cleanup',
    everyMilliseconds: 60_000,
    run: (lease, now) =>
      store.write(async (transaction) => {
        if (!(await holdsLease(transaction, lease))) return;
        await rows.deleteDeviceCodesBefore.change(transaction, { now: now - ASKED_AGAIN_MS });
        await rows.deleteRefreshTokensBefore.change(transaction, { now });
        const others = { before: now - FORGET_FAILURES_MS, now };
        await rows.deleteLocksBefore.change(transaction, { from: '', to: FAMILIAR, ...others });
        await rows.deleteLocksBefore.change(transaction, { from: AFTER_FAMILIAR, to: END, ...others });
        const familiar = { from: FAMILIAR, to: AFTER_FAMILIAR, before: now - FORGET_ADDRESS_MS, now };
        await rows.deleteLocksBefore.change(transaction, familiar);
      }),
  };
}
