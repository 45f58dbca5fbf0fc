import { DAY } from '../base/text.ts';
import { holdsLease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Session } from '../store/port.ts';
import type { ActivityTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { type ActivitySelection, dropActivity, selectActivity } from './activity-repository.ts';

/** How long the activity log keeps its events (Azure Monitor, "activity log retention"). */
export const activityDays = 90;

const BATCH = 1000;

/** A page of the activity log, the newest first. */
export function readActivity(session: Session, selection: ActivitySelection): Promise<readonly ActivityTable[]> {
  return selectActivity(session, selection);
}

/** Drops the events that are older than the log keeps; the audit log keeps the records of the same requests. */
export function activityJob({ store }: { readonly store: Store }): Job {
  return {
    name: 'activity',
    everyMilliseconds: 3_600_000,
    run: async (lease, now) => {
      const before = now - activityDays * DAY;
      const drop = () =>
        store.write(async (transaction) =>
          (await holdsLease(transaction, lease)) ? dropActivity(transaction, before, BATCH) : 0,
        );
      while ((await drop()) === BATCH);
    },
  };
}
