import type { Kysely } from 'kysely';
import type { TableMaker } from './migrations.ts';
import type { Tables } from './schema.ts';

/** A vault that is moved to another; `vault_id` is the old one, `options` JSON. */
export interface VaultMoveTable {
  vault_id: string;
  target_id: string;
  /** carrying, carried or finished. */
  state: string;
  options: string;
  created: number;
  updated: number;
  created_by: string;
}

/** What was carried: its state then, and the state of its copy as it was made, each as a digest. */
export interface VaultMoveItemTable {
  vault_id: string;
  kind: string;
  item_key: string;
  source: string;
  copy: string;
  /** How the copy is found where its key is another. */
  made: string | null;
}

/** A step of the schema: moves from vault to vault, with all that was carried, so that they can go on. */
export async function createVaultMoveTables(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'vault_moves',
    {
      vault_id: 'text',
      target_id: 'text',
      state: 'text',
      options: 'text',
      created: 'integer',
      updated: 'integer',
      created_by: 'text',
    },
    ['vault_id'],
  );
  await db.schema.createIndex('vault_moves_target').on('vault_moves').column('target_id').unique().execute();
  await create(
    'vault_move_items',
    { vault_id: 'text', kind: 'text', item_key: 'text', source: 'text', copy: 'text', made: 'text?' },
    ['vault_id', 'kind', 'item_key'],
  );
}
