import { type Kysely, sql } from './kysely.ts';
import type { TableMaker } from './migrations.ts';
import type { Tables } from './schema.ts';

/** An object of a key token, and the version of a key that it belongs to: written before the object is made, so that none is lost. */
export interface TokenObjectTable {
  vault_id: string;
  name_key: string;
  version: string;
  /** CKA_ID in hexadecimal; after a restore into another vault several versions share it. */
  object_id: string;
  /** The token's serial number. */
  token: string;
  /** From when on it is to be destroyed, unless another version has it; null while its version is there. */
  destroy_at: number | null;
}

/** A step of the schema: what is kept in key tokens, and what of it is still to be destroyed. */
export async function createTokenObjectTable(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'token_objects',
    { vault_id: 'text', name_key: 'text', version: 'text', object_id: 'text', token: 'text', destroy_at: 'integer?' },
    // A key that is restored after its purge has another object than the one that is still to be destroyed.
    ['vault_id', 'name_key', 'version', 'object_id'],
  );
  await db.schema.createIndex('token_objects_object').on('token_objects').column('object_id').execute();
  await db.schema
    .createIndex('token_objects_due')
    .on('token_objects')
    .column('destroy_at')
    .where(sql.ref('destroy_at'), 'is not', null)
    .execute();
}
