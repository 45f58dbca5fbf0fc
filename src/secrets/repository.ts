import type { Kysely } from 'kysely';
import type { Tables } from '../store/schema.ts';
import type { Parameter } from '../store/statement.ts';
import { statement } from '../store/statement.ts';

/** A version of a secret together with its name's state, as the queries give it. */
export interface SecretRow {
  name_key: string;
  name: string;
  current_version: string;
  deleted: number | null;
  purge_at: number | null;
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  content_type: string | null;
  tags: string | null;
  previous_version: string | null;
}

/** A version with its sealed value. */
export interface SealedSecretRow extends SecretRow {
  envelope: Uint8Array;
}

interface Named {
  vaultId: string;
  nameKey: string;
}

const columns = [
  's.name_key',
  's.name',
  's.current_version',
  's.deleted',
  's.purge_at',
  'v.version',
  'v.sequence',
  'v.created',
  'v.updated',
  'v.enabled',
  'v.nbf',
  'v.exp',
  'v.content_type',
  'v.tags',
  'v.previous_version',
] as const;

function versionsOfSecrets(db: Kysely<Tables>) {
  return db
    .selectFrom('secrets as s')
    .innerJoin('secret_versions as v', (join) =>
      join.onRef('v.vault_id', '=', 's.vault_id').onRef('v.name_key', '=', 's.name_key'),
    );
}

function currentOfSecrets(db: Kysely<Tables>) {
  return versionsOfSecrets(db).whereRef('v.version', '=', 's.current_version');
}

function named<P extends Named>(db: Kysely<Tables>, p: Parameter<P>) {
  return versionsOfSecrets(db).where('s.vault_id', '=', p('vaultId')).where('s.name_key', '=', p('nameKey'));
}

/** The current version of a name, live or deleted. */
export const currentSecret = statement<Named, SealedSecretRow>((db, p) =>
  named(db, p)
    .whereRef('v.version', '=', 's.current_version')
    .select([...columns, 'v.envelope']),
);

/** One version of a name, live or deleted. */
export const oneVersion = statement<Named & { version: string }, SealedSecretRow>((db, p) =>
  named(db, p)
    .where('v.version', '=', p('version'))
    .select([...columns, 'v.envelope']),
);

/** Every version of a name, oldest first, at most `limit`. */
export const allVersions = statement<Named & { limit: number }, SealedSecretRow>((db, p) =>
  named(db, p)
    .select([...columns, 'v.envelope'])
    .orderBy('v.sequence')
    .limit(p('limit')),
);

/** A page of live secrets by name, each with its current version. */
export const liveSecrets = statement<{ vaultId: string; after: string; limit: number }, SecretRow>((db, p) =>
  currentOfSecrets(db)
    .select(columns)
    .where('s.vault_id', '=', p('vaultId'))
    .where('s.name_key', '>', p('after'))
    .where('s.deleted', 'is', null)
    .orderBy('s.name_key')
    .limit(p('limit')),
);

/** A page of deleted secrets by name, each with its current version. */
export const deletedSecrets = statement<{ vaultId: string; after: string; limit: number }, SecretRow>((db, p) =>
  currentOfSecrets(db)
    .select(columns)
    .where('s.vault_id', '=', p('vaultId'))
    .where('s.name_key', '>', p('after'))
    .where('s.deleted', 'is not', null)
    .orderBy('s.name_key')
    .limit(p('limit')),
);

/** A page of the versions of a live name, by version. */
export const versionPage = statement<Named & { after: string; limit: number }, SecretRow>((db, p) =>
  named(db, p)
    .select(columns)
    .where('s.deleted', 'is', null)
    .where('v.version', '>', p('after'))
    .orderBy('v.version')
    .limit(p('limit')),
);

/** Adds a secret that was not there; its first version is inserted beside it. */
export const insertSecret = statement<Named & { name: string; version: string; created: number }>((db, p) =>
  db.insertInto('secrets').values({
    vault_id: p('vaultId'),
    name_key: p('nameKey'),
    name: p('name'),
    current_version: p('version'),
    created: p('created'),
    deleted: null,
    purge_at: null,
  }),
);

/** Makes a version the current one. */
export const setCurrentVersion = statement<Named & { version: string }>((db, p) =>
  db
    .updateTable('secrets')
    .set({ current_version: p('version') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** The parameters of {@link insertVersion}. */
export interface NewVersion extends Named {
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  contentType: string | null;
  tags: string | null;
  previousVersion: string | null;
  envelope: Uint8Array;
}

/** Adds a version with its envelope. */
export const insertVersion = statement<NewVersion>((db, p) =>
  db.insertInto('secret_versions').values({
    vault_id: p('vaultId'),
    name_key: p('nameKey'),
    version: p('version'),
    sequence: p('sequence'),
    created: p('created'),
    updated: p('updated'),
    enabled: p('enabled'),
    nbf: p('nbf'),
    exp: p('exp'),
    content_type: p('contentType'),
    tags: p('tags'),
    previous_version: p('previousVersion'),
    envelope: p('envelope'),
  }),
);

/** Changes the attributes of a version; its envelope stays. */
export const updateVersion = statement<
  Named & {
    version: string;
    updated: number;
    enabled: number;
    nbf: number | null;
    exp: number | null;
    contentType: string | null;
    tags: string | null;
  }
>((db, p) =>
  db
    .updateTable('secret_versions')
    .set({
      updated: p('updated'),
      enabled: p('enabled'),
      nbf: p('nbf'),
      exp: p('exp'),
      content_type: p('contentType'),
      tags: p('tags'),
    })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('version', '=', p('version')),
);

/** Marks a name deleted, or live again with nulls. */
export const markDeleted = statement<Named & { deleted: number | null; purgeAt: number | null }>((db, p) =>
  db
    .updateTable('secrets')
    .set({ deleted: p('deleted'), purge_at: p('purgeAt') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** Removes every version of a secret for good. */
export const removeVersions = statement<Named>((db, p) =>
  db.deleteFrom('secret_versions').where('vault_id', '=', p('vaultId')).where('name_key', '=', p('nameKey')),
);

/** Removes the secret itself for good; its versions go first. */
export const removeSecret = statement<Named>((db, p) =>
  db.deleteFrom('secrets').where('vault_id', '=', p('vaultId')).where('name_key', '=', p('nameKey')),
);

/** Names whose retention has ended, of any vault. */
export const dueSecrets = statement<
  { now: number; limit: number },
  { vault_id: string; name_key: string; name: string; purge_at: number }
>((db, p) =>
  db
    .selectFrom('secrets')
    .select(['vault_id', 'name_key', 'name', 'purge_at'])
    .where('purge_at', 'is not', null)
    .where('purge_at', '<=', p('now'))
    .orderBy('purge_at')
    .limit(p('limit')),
);

/** Whether a name's retention has ended: asked again inside the transaction that purges it, since it may have been recovered. */
export const isSecretDue = statement<Named & { now: number }, { name: string }>((db, p) =>
  db
    .selectFrom('secrets')
    .select('name')
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('purge_at', '<=', p('now')),
);
