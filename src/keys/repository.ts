import { type Named, objectQueries, type VersionRow } from '../objects/object-queries.ts';
import { statement } from '../store/statement.ts';

/** A version of a key together with its name's state. */
export interface KeyRow extends VersionRow {
  kty: string;
  size: number;
  public_key: string;
  key_ops: string;
  /** JSON of the release policy of the name, which all its versions have; null where they never leave. */
  release_policy: string | null;
  /** 1 where a certificate rules it. */
  managed: number;
}

/** A version with its sealed material. */
export interface SealedKeyRow extends KeyRow {
  envelope: Uint8Array;
}

/** The queries that keys share with the other kinds. */
export const keyQueries = objectQueries<KeyRow>({ names: 'keys', versions: 'key_versions' }, [
  'v.kty',
  'v.size',
  'v.public_key',
  'v.key_ops',
  'o.release_policy',
  'o.managed',
]);

/** Adds a key that was not there; its first version is inserted beside it. */
export const insertKey = statement<
  Named & { name: string; version: string; created: number; managed: number; releasePolicy: string | null }
>((db, p) =>
  db.insertInto('keys').values({
    vault_id: p('vaultId'),
    name_key: p('nameKey'),
    name: p('name'),
    current_version: p('version'),
    created: p('created'),
    deleted: null,
    purge_at: null,
    managed: p('managed'),
    rotation_policy: null,
    rotate_at: null,
    release_policy: p('releasePolicy'),
  }),
);

/** The parameters of {@link insertKeyVersion}. */
export interface NewKeyVersion extends Named {
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  tags: string | null;
  kty: string;
  size: number;
  publicKey: string;
  keyOps: string;
  envelope: Uint8Array;
}

/** Adds a version with its sealed material. */
export const insertKeyVersion = statement<NewKeyVersion>((db, p) =>
  db.insertInto('key_versions').values({
    vault_id: p('vaultId'),
    name_key: p('nameKey'),
    version: p('version'),
    sequence: p('sequence'),
    created: p('created'),
    updated: p('updated'),
    enabled: p('enabled'),
    nbf: p('nbf'),
    exp: p('exp'),
    tags: p('tags'),
    kty: p('kty'),
    size: p('size'),
    public_key: p('publicKey'),
    key_ops: p('keyOps'),
    envelope: p('envelope'),
  }),
);

/** Changes the attributes of a version; its material stays. */
export const updateKeyVersion = statement<
  Named & {
    version: string;
    updated: number;
    enabled: number;
    nbf: number | null;
    exp: number | null;
    tags: string | null;
    keyOps: string;
  }
>((db, p) =>
  db
    .updateTable('key_versions')
    .set({
      updated: p('updated'),
      enabled: p('enabled'),
      nbf: p('nbf'),
      exp: p('exp'),
      tags: p('tags'),
      key_ops: p('keyOps'),
    })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('version', '=', p('version')),
);

/** The rotation policy of a key. */
export const readPolicy = statement<Named, { rotation_policy: string | null }>((db, p) =>
  db
    .selectFrom('keys')
    .select('rotation_policy')
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** Sets the rotation policy of a key. */
export const writePolicy = statement<Named & { policy: string }>((db, p) =>
  db
    .updateTable('keys')
    .set({ rotation_policy: p('policy') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** Sets the release policy of a key. */
export const writeReleasePolicy = statement<Named & { releasePolicy: string }>((db, p) =>
  db
    .updateTable('keys')
    .set({ release_policy: p('releasePolicy') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** Sets when the next version of a key is due. */
export const setRotationDue = statement<Named & { rotateAt: number | null }>((db, p) =>
  db
    .updateTable('keys')
    .set({ rotate_at: p('rotateAt') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** Live keys, of types not like `except`, whose next version is due and whose current one is enabled, of live vaults. */
export const dueRotations = statement<
  { now: number; limit: number; except: string },
  { vault_id: string; name_key: string; rotate_at: number }
>((db, p) =>
  db
    .selectFrom('keys as o')
    .innerJoin('key_versions as v', (join) =>
      join
        .onRef('v.vault_id', '=', 'o.vault_id')
        .onRef('v.name_key', '=', 'o.name_key')
        .onRef('v.version', '=', 'o.current_version'),
    )
    .innerJoin('vaults', 'vaults.id', 'o.vault_id')
    .select(['o.vault_id', 'o.name_key', 'o.rotate_at'])
    .where('o.rotate_at', 'is not', null)
    .where('o.rotate_at', '<=', p('now'))
    .where('o.deleted', 'is', null)
    .where('v.enabled', '=', 1)
    .where('v.kty', 'not like', p('except'))
    .where('vaults.deleted', 'is', null)
    .orderBy('o.rotate_at')
    .limit(p('limit'))
    .$castTo<{ vault_id: string; name_key: string; rotate_at: number }>(),
);
