import type { Session, Transaction } from '../store/port.ts';
import { statement } from '../store/statement.ts';
import type { VaultMoveItemTable, VaultMoveTable } from '../store/vault-move-tables.ts';
import type { MadeCopy, MoveOptions } from './carrier.ts';

/**
 * How far a move has come: something may be missing in the new vault; everything was carried once; the old vault is closed, that is
 * soft-deleted at the instant of the state, and the last of it is carried; the end.
 */
export type MoveState = 'carrying' | 'carried' | 'closing' | 'finished';

/** A vault that is moved to another. */
export interface VaultMove {
  /** Internal ids of the old and the new vault. */
  readonly vaultId: string;
  readonly targetId: string;
  readonly state: MoveState;
  readonly options: MoveOptions;
  readonly created: number;
  readonly updated: number;
  /** Object id. */
  readonly createdBy: string;
}

/** Something that was carried: the digest of what it was then, and its copy as it was made. */
export interface CarriedItem extends MadeCopy {
  readonly key: string;
  readonly source: string;
}

type ItemKey = { vaultId: string; kind: string; key: string };

const byVault = statement<{ vaultId: string }, VaultMoveTable>((db, p) =>
  db.selectFrom('vault_moves').selectAll().where('vault_id', '=', p('vaultId')),
);
const byTarget = statement<{ targetId: string }, VaultMoveTable>((db, p) =>
  db.selectFrom('vault_moves').selectAll().where('target_id', '=', p('targetId')),
);
const insert = statement<VaultMoveTable>((db, p) =>
  db.insertInto('vault_moves').values({
    vault_id: p('vault_id'),
    target_id: p('target_id'),
    state: p('state'),
    options: p('options'),
    created: p('created'),
    updated: p('updated'),
    created_by: p('created_by'),
  }),
);
const setState = statement<{ vaultId: string; state: string; updated: number }>((db, p) =>
  db
    .updateTable('vault_moves')
    .set({ state: p('state'), updated: p('updated') })
    .where('vault_id', '=', p('vaultId')),
);
const remove = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('vault_moves').where('vault_id', '=', p('vaultId')),
);
const removeItems = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('vault_move_items').where('vault_id', '=', p('vaultId')),
);
const oneItem = statement<ItemKey, VaultMoveItemTable>((db, p) =>
  db
    .selectFrom('vault_move_items')
    .selectAll()
    .where('vault_id', '=', p('vaultId'))
    .where('kind', '=', p('kind'))
    .where('item_key', '=', p('key')),
);
const itemPage = statement<{ vaultId: string; kind: string; after: string; limit: number }, VaultMoveItemTable>(
  (db, p) =>
    db
      .selectFrom('vault_move_items')
      .selectAll()
      .where('vault_id', '=', p('vaultId'))
      .where('kind', '=', p('kind'))
      .where('item_key', '>', p('after'))
      .orderBy('item_key')
      .limit(p('limit')),
);
const itemsBetween = statement<{ vaultId: string; kind: string; after: string; to: string }, VaultMoveItemTable>(
  (db, p) =>
    db
      .selectFrom('vault_move_items')
      .selectAll()
      .where('vault_id', '=', p('vaultId'))
      .where('kind', '=', p('kind'))
      .where('item_key', '>', p('after'))
      .where('item_key', '<=', p('to')),
);
const insertItem = statement<VaultMoveItemTable>((db, p) =>
  db.insertInto('vault_move_items').values({
    vault_id: p('vault_id'),
    kind: p('kind'),
    item_key: p('item_key'),
    source: p('source'),
    copy: p('copy'),
    made: p('made'),
  }),
);
const dropItem = statement<ItemKey>((db, p) =>
  db
    .deleteFrom('vault_move_items')
    .where('vault_id', '=', p('vaultId'))
    .where('kind', '=', p('kind'))
    .where('item_key', '=', p('key')),
);

/** The move of a vault to another, or null. */
export async function findMove(session: Session, vaultId: string): Promise<VaultMove | null> {
  const row = await byVault.first(session, { vaultId });
  return row && toMove(row);
}

/** The move that made a vault, or null. */
export async function findMoveTo(session: Session, targetId: string): Promise<VaultMove | null> {
  const row = await byTarget.first(session, { targetId });
  return row && toMove(row);
}

/** Stores a move in place of the one before it, of which nothing is kept. */
export async function storeMove(transaction: Transaction, move: VaultMove): Promise<void> {
  await deleteMove(transaction, move.vaultId);
  await insert.change(transaction, {
    vault_id: move.vaultId,
    target_id: move.targetId,
    state: move.state,
    options: JSON.stringify(move.options),
    created: move.created,
    updated: move.updated,
    created_by: move.createdBy,
  });
}

/** Notes how far a move has come. */
export async function markMove(
  transaction: Transaction,
  vaultId: string,
  state: MoveState,
  updated: number,
): Promise<void> {
  await setState.change(transaction, { vaultId, state, updated });
}

/** Removes all that is kept of the move of a vault. */
export async function deleteMove(transaction: Transaction, vaultId: string): Promise<void> {
  await removeItems.change(transaction, { vaultId });
  await remove.change(transaction, { vaultId });
}

/** What was carried of this kind under a key, or null. */
export async function findItem(
  session: Session,
  vaultId: string,
  kind: string,
  key: string,
): Promise<CarriedItem | null> {
  const row = await oneItem.first(session, { vaultId, kind, key });
  return row && toItem(row);
}

/** A page of what was carried of a kind, by key. */
export async function listItems(
  session: Session,
  place: { readonly vaultId: string; readonly kind: string; readonly after: string; readonly limit: number },
): Promise<readonly CarriedItem[]> {
  return (await itemPage.all(session, place)).map(toItem);
}

/** What was carried of a kind between two keys, the second included, by key. */
export async function itemsUpTo(
  session: Session,
  range: { readonly vaultId: string; readonly kind: string; readonly after: string; readonly to: string },
): Promise<Map<string, CarriedItem>> {
  return new Map((await itemsBetween.all(session, range)).map((row) => [row.item_key, toItem(row)]));
}

/** Notes what was carried, in place of what was noted before. */
export async function storeItem(
  transaction: Transaction,
  vaultId: string,
  kind: string,
  { key, source, digest, made }: CarriedItem,
): Promise<void> {
  await dropItem.change(transaction, { vaultId, kind, key });
  await insertItem.change(transaction, { vault_id: vaultId, kind, item_key: key, source, copy: digest, made });
}

/** Forgets that something was carried. */
export async function deleteItem(transaction: Transaction, vaultId: string, kind: string, key: string): Promise<void> {
  await dropItem.change(transaction, { vaultId, kind, key });
}

function toMove(row: VaultMoveTable): VaultMove {
  return {
    vaultId: row.vault_id,
    targetId: row.target_id,
    state: row.state as MoveState,
    options: JSON.parse(row.options) as MoveOptions,
    created: row.created,
    updated: row.updated,
    createdBy: row.created_by,
  };
}

function toItem({ item_key: key, source, copy: digest, made }: VaultMoveItemTable): CarriedItem {
  return { key, source, digest, made };
}
