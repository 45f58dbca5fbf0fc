import { type Named, objectQueries, type VersionRow } from '../objects/object-queries.ts';
import { statement } from '../store/statement.ts';

/** A version of a secret together with its name's state, as the queries give it. */
export interface SecretRow extends VersionRow {
  content_type: string | null;
  /** 1 where a certificate rules it. */
  managed: number;
}

/** The queries that secrets share with the other kinds. */
export const secretQueries = objectQueries<SecretRow>({ names: 'secrets', versions: 'secret_versions' }, [
  'v.content_type',
  'o.managed',
]);

/** Adds a secret that was not there; its first version is inserted beside it. */
export const insertSecret = statement<Named & { name: string; version: string; created: number; managed: number }>(
  (db, p) =>
    db.insertInto('secrets').values({
      vault_id: p('vaultId'),
      name_key: p('nameKey'),
      name: p('name'),
      current_version: p('version'),
      created: p('created'),
      deleted: null,
      purge_at: null,
      managed: p('managed'),
    }),
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

/** Replaces the value of a managed version, which was empty until its certificate was issued. */
export const replaceValue = statement<Named & { version: string; envelope: Uint8Array }>((db, p) =>
  db
    .updateTable('secret_versions')
    .set({ envelope: p('envelope') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('version', '=', p('version')),
);
