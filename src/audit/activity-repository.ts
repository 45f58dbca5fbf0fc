import type { Session, Transaction } from '../store/port.ts';
import type { ActivityTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';

const insert = statement<ActivityTable>((db, p) =>
  db
    .insertInto('activity_log')
    .values({
      subscription_id: p('subscription_id'),
      time: p('time'),
      id: p('id'),
      group_key: p('group_key'),
      resource_key: p('resource_key'),
      provider_key: p('provider_key'),
      caller_key: p('caller_key'),
      status: p('status'),
      event: p('event'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);
const drop = statement<{ before: number; limit: number }>((db, p) =>
  db
    .deleteFrom('activity_log')
    .where(
      'id',
      'in',
      db.selectFrom('activity_log').select('id').where('time', '<', p('before')).orderBy('time').limit(p('limit')),
    ),
);

/** Which events a list holds; everything but times is folded, null for all. */
export interface ActivitySelection {
  readonly subscriptionId: string;
  /** Instants, both included. */
  readonly from: number;
  readonly to: number;
  readonly id: string | null;
  /** Scope of a group. */
  readonly group: string | null;
  /** Scope of a resource. */
  readonly resource: string | null;
  readonly provider: string | null;
  readonly caller: string | null;
  readonly status: string | null;
  /** The event after which to go on; null for the first page. */
  readonly after: { readonly time: number; readonly id: string } | null;
  readonly limit: number;
}

/** Adds an event, inside the transaction that makes its audit record durable. */
export async function insertActivity(session: Session, row: ActivityTable): Promise<void> {
  await insert.change(session, row);
}

/**
 * A page of events, the newest first. What is named chooses the index whose range is read: the request's id, the resource, the
 * group, or else the subscription. The subscription is named for the last alone: SQLite would take its index for all of them, and
 * the others hold it already.
 */
export async function selectActivity(
  session: Session,
  selection: ActivitySelection,
): Promise<readonly ActivityTable[]> {
  const { after, id, resource, group } = selection;
  const base = session.db.selectFrom('activity_log').selectAll();
  let query =
    id !== null
      ? base.where('id', '=', id)
      : resource !== null
        ? base.where('resource_key', '=', resource)
        : group !== null
          ? base.where('group_key', '=', group)
          : base.where('subscription_id', '=', selection.subscriptionId);
  query = query
    .where('time', '>=', selection.from)
    .where('time', '<=', after ? Math.min(after.time, selection.to) : selection.to);
  const columns = [
    ['provider_key', selection.provider],
    ['caller_key', selection.caller],
    ['status', selection.status],
  ] as const;
  for (const [column, value] of columns) if (value !== null) query = query.where(column, '=', value);
  if (after) {
    query = query.where(({ or, eb, and }) =>
      or([eb('time', '<', after.time), and([eb('time', '=', after.time), eb('id', '<', after.id)])]),
    );
  }
  const rows = await query.orderBy('time', 'desc').orderBy('id', 'desc').limit(selection.limit).execute();
  return rows.filter((row) => isOf(row, selection));
}

function isOf(row: ActivityTable, { subscriptionId, resource, group }: ActivitySelection): boolean {
  return (
    row.subscription_id === subscriptionId &&
    (resource === null || row.resource_key === resource) &&
    (group === null || row.group_key === group)
  );
}

/** Drops at most `limit` of the events before an instant, the oldest first; tells how many. */
export function dropActivity(transaction: Transaction, before: number, limit: number): Promise<number> {
  return drop.change(transaction, { before, limit });
}
