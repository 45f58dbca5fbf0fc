import type { ColumnType } from 'kysely';
import { type Kysely, sql } from './kysely.ts';
import type { TableMaker } from './migrations.ts';
import type { Tables } from './schema.ts';

/** A key's name with its current version; soft-deleted when `deleted` is set. */
export interface KeyTable {
  vault_id: string;
  name_key: string;
  name: string;
  current_version: string;
  created: number;
  deleted: number | null;
  purge_at: number | null;
  /** 1 where a certificate made it and rules its life. */
  managed: number;
  /** JSON of a rotation policy; null where none was set. */
  rotation_policy: string | null;
  /** When the policy makes the next version; null where it makes none. */
  rotate_at: number | null;
  /** JSON of a release policy; null where the key never leaves. */
  release_policy: string | null;
}

/** One version of a key. `material` is sealed: PKCS#8 or raw octets of a software key, the object's reference of a token's key. */
export interface KeyVersionTable {
  vault_id: string;
  name_key: string;
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  tags: string | null;
  /** `RSA`, `EC` or `oct`, with `-HSM` where a token holds it. */
  kty: string;
  /** Bits of the modulus or of the symmetric key; 0 for curves. */
  size: number;
  /** JSON of the public JWK members; `{}` for symmetric keys. */
  public_key: string;
  /** JSON of the operations allowed. */
  key_ops: string;
  /** Not written: no answer of keys has it (keys.json), and the sequence tells it. Secrets and certificates have a column of the name. */
  previous_version: ColumnType<string | null, null | undefined, never>;
  envelope: Uint8Array;
}

/** The tables of keys and their versions. */
export async function createKeyTables(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await createNames(db, create);
  await create(
    'key_versions',
    {
      vault_id: 'text',
      name_key: 'text',
      version: 'text',
      sequence: 'integer',
      created: 'integer',
      updated: 'integer',
      enabled: 'integer',
      nbf: 'integer?',
      exp: 'integer?',
      tags: 'text?',
      kty: 'text',
      size: 'integer',
      public_key: 'text',
      key_ops: 'text',
      previous_version: 'text?',
      envelope: 'bytes',
    },
    ['vault_id', 'name_key', 'version'],
  );
}

async function createNames(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'keys',
    {
      vault_id: 'text',
      name_key: 'text',
      name: 'text',
      current_version: 'text',
      created: 'integer',
      deleted: 'integer?',
      purge_at: 'integer?',
      managed: 'integer',
      rotation_policy: 'text?',
      rotate_at: 'integer?',
    },
    ['vault_id', 'name_key'],
  );
  // Few of many: the lists of deleted keys and the jobs read these alone.
  const few = [
    ['keys_purge', ['purge_at'], 'purge_at'],
    ['keys_rotate', ['rotate_at'], 'rotate_at'],
    ['keys_deleted', ['vault_id', 'name_key'], 'deleted'],
  ] as const;
  for (const [name, columns, isSet] of few) {
    await db.schema
      .createIndex(name)
      .on('keys')
      .columns([...columns])
      .where(sql.ref(isSet), 'is not', null)
      .execute();
  }
}
