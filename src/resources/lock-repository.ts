import type { Session, Transaction } from '../store/port.ts';
import type { LockTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';

/** What a lock forbids: deleting, or every change. */
export type LockLevel = 'CanNotDelete' | 'ReadOnly';

/** A management lock. */
export interface Lock {
  /** The scope, its names as they were created. */
  readonly scope: string;
  readonly scopeKey: string;
  readonly name: string;
  readonly nameKey: string;
  readonly level: LockLevel;
  readonly notes: string | null;
  readonly owners: readonly { readonly applicationId: string }[];
  readonly created: number;
}

type LockKey = { scopeKey: string; nameKey: string };

const oneLock = statement<LockKey, LockTable>((db, p) =>
  db.selectFrom('locks').selectAll().where('scope_key', '=', p('scopeKey')).where('name_key', '=', p('nameKey')),
);
const noLock = statement<LockKey>((db, p) =>
  db.deleteFrom('locks').where('scope_key', '=', p('scopeKey')).where('name_key', '=', p('nameKey')),
);
const newLock = statement<LockTable>((db, p) =>
  db.insertInto('locks').values({
    scope_key: p('scope_key'),
    name_key: p('name_key'),
    scope: p('scope'),
    name: p('name'),
    level: p('level'),
    notes: p('notes'),
    owners: p('owners'),
    created: p('created'),
  }),
);

/** The lock of this folded name at this very scope, or null. */
export async function findLock(session: Session, scopeKey: string, nameKey: string): Promise<Lock | null> {
  const row = await oneLock.first(session, { scopeKey, nameKey });
  return row && toLock(row);
}

/** Stores a lock, in place of one of its scope and name. */
export async function storeLock(transaction: Transaction, lock: Lock): Promise<void> {
  await noLock.change(transaction, { scopeKey: lock.scopeKey, nameKey: lock.nameKey });
  await newLock.change(transaction, {
    scope_key: lock.scopeKey,
    name_key: lock.nameKey,
    scope: lock.scope,
    name: lock.name,
    level: lock.level,
    notes: lock.notes,
    owners: JSON.stringify(lock.owners),
    created: lock.created,
  });
  transaction.touch();
}

/** Removes a lock. */
export async function removeLock(transaction: Transaction, lock: Lock): Promise<void> {
  await noLock.change(transaction, { scopeKey: lock.scopeKey, nameKey: lock.nameKey });
  transaction.touch();
}

/** Which locks are looked for: those at any of `at`, and those in the range of folded scopes. */
export interface LockSelection {
  readonly at: readonly string[];
  readonly below: { readonly from: string; readonly to: string } | null;
  readonly level?: LockLevel;
  /** The scope and name after which to go on; null for the first page. */
  readonly after: { readonly scopeKey: string; readonly nameKey: string } | null;
  readonly limit: number;
}

/** A page of locks in the order of folded scopes and names. */
export async function listLocks(session: Session, selection: LockSelection): Promise<readonly Lock[]> {
  const { at, below, level, after, limit } = selection;
  let query = session.db
    .selectFrom('locks')
    .selectAll()
    .where(({ and, or, eb }) =>
      or([
        eb('scope_key', 'in', [...at]),
        ...(below ? [and([eb('scope_key', '>=', below.from), eb('scope_key', '<', below.to)])] : []),
      ]),
    );
  if (level) query = query.where('level', '=', level);
  if (after) {
    query = query.where(({ and, or, eb }) =>
      or([
        eb('scope_key', '>', after.scopeKey),
        and([eb('scope_key', '=', after.scopeKey), eb('name_key', '>', after.nameKey)]),
      ]),
    );
  }
  return (await query.orderBy('scope_key').orderBy('name_key').limit(limit).execute()).map(toLock);
}

function toLock(row: LockTable): Lock {
  return {
    scope: row.scope,
    scopeKey: row.scope_key,
    name: row.name,
    nameKey: row.name_key,
    level: row.level as LockLevel,
    notes: row.notes,
    owners: JSON.parse(row.owners) as Lock['owners'],
    created: row.created,
  };
}
