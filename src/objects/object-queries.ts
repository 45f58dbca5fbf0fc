import type { Kysely } from 'kysely';
import type { Tables } from '../store/schema.ts';
import { type Parameter, type Statement, statement } from '../store/statement.ts';

/** What every version of an object has, together with its name's state. */
export interface VersionRow {
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
  tags: string | null;
  previous_version: string | null;
  /** 1 where a certificate rules the name's life; kinds that none can rule do not have it. */
  managed?: number;
}

/** The name of an object in a vault. */
export interface Named {
  vaultId: string;
  nameKey: string;
}

/** The columns of {@link VersionRow}, `o` being the names and `v` the versions. */
const columns = [
  'o.name_key',
  'o.name',
  'o.current_version',
  'o.deleted',
  'o.purge_at',
  'v.version',
  'v.sequence',
  'v.created',
  'v.updated',
  'v.enabled',
  'v.nbf',
  'v.exp',
  'v.tags',
  'v.previous_version',
] as const;

/** A row with its sealed envelope, which reads of single versions give where the kind has one. */
export type Sealed<Row> = Row & { envelope: Uint8Array };

/** The queries that are the same for every kind of object. `Whole` is what reads of single versions give: the envelope besides, mostly. */
export interface ObjectQueries<Row extends VersionRow, Whole extends Row = Sealed<Row>> {
  /** The current version of a name, live or deleted. */
  readonly current: Statement<Named, Whole>;
  /** One version of a name, live or deleted. */
  readonly oneVersion: Statement<Named & { version: string }, Whole>;
  /** Every version of a name, oldest first, at most `limit`. */
  readonly allVersions: Statement<Named & { limit: number }, Whole>;
  /** A page of live names, each with its current version. */
  readonly livePage: Statement<{ vaultId: string; after: string; limit: number }, Row>;
  /** A page of deleted names, each with its current version. */
  readonly deletedPage: Statement<{ vaultId: string; after: string; limit: number }, Row>;
  /** A page of the versions of a live name, by version. */
  readonly versionPage: Statement<Named & { after: string; limit: number }, Row>;
  /** Makes a version the current one. */
  readonly setCurrent: Statement<Named & { version: string }, never>;
  /** Marks a name deleted, or live again with nulls. */
  readonly markDeleted: Statement<Named & { deleted: number | null; purgeAt: number | null }, never>;
  readonly removeVersion: Statement<Named & { version: string }, never>;
  readonly removeVersions: Statement<Named, never>;
  readonly removeName: Statement<Named, never>;
  /** Names whose retention has ended, of any vault. */
  readonly due: Statement<{ now: number; limit: number }, { vault_id: string; name_key: string; name: string }>;
  /** Whether a name's retention has ended: asked again inside the transaction that purges it, since it may have been recovered. */
  readonly isDue: Statement<Named & { now: number }, { name: string }>;
}

/** The tables of one kind of object; their columns are those of {@link VersionRow} and of `Whole`, at least. */
export type ObjectTables =
  | { readonly names: 'keys'; readonly versions: 'key_versions' }
  | { readonly names: 'certificates'; readonly versions: 'certificate_versions' }
  | { readonly names: 'secrets'; readonly versions: 'secret_versions' };

/** Kysely checks the columns of one kind for all: they are the same. */
type AnyTables = { readonly names: 'keys'; readonly versions: 'key_versions' };

/**
 * The queries of one kind of object; `more` are further columns of the versions, as `v.column`, and of the names, as `o.column`;
 * `whole` those that reads of single versions give besides.
 */
export function objectQueries<Row extends VersionRow, Whole extends Row = Sealed<Row>>(
  of: ObjectTables,
  more: readonly `${'o' | 'v'}.${string}`[],
  whole: readonly `v.${string}`[] = ['v.envelope'],
): ObjectQueries<Row, Whole> {
  const tables = of as AnyTables;
  const selected = [...columns, ...more] as unknown as typeof columns;
  const single = [...selected, ...whole] as unknown as typeof columns;
  return { ...versionQueries<Whole>(tables, single), ...pages<Row>(tables, selected), ...changes(tables) };
}

function versionsIn(db: Kysely<Tables>, tables: AnyTables) {
  return db
    .selectFrom(`${tables.names} as o`)
    .innerJoin(`${tables.versions} as v`, (join) =>
      join.onRef('v.vault_id', '=', 'o.vault_id').onRef('v.name_key', '=', 'o.name_key'),
    );
}

function named<P extends Named>(db: Kysely<Tables>, tables: AnyTables, p: Parameter<P>) {
  return versionsIn(db, tables).where('o.vault_id', '=', p('vaultId')).where('o.name_key', '=', p('nameKey'));
}

function versionQueries<Whole>(tables: AnyTables, selected: typeof columns) {
  return {
    current: statement<Named, Whole>((db, p) =>
      named(db, tables, p).whereRef('v.version', '=', 'o.current_version').select(selected).$castTo<Whole>(),
    ),
    oneVersion: statement<Named & { version: string }, Whole>((db, p) =>
      named(db, tables, p).where('v.version', '=', p('version')).select(selected).$castTo<Whole>(),
    ),
    allVersions: statement<Named & { limit: number }, Whole>((db, p) =>
      named(db, tables, p).select(selected).orderBy('v.sequence').limit(p('limit')).$castTo<Whole>(),
    ),
  };
}

function pages<Row extends VersionRow>(tables: AnyTables, selected: typeof columns) {
  const page = (state: 'is' | 'is not') =>
    statement<{ vaultId: string; after: string; limit: number }, Row>((db, p) =>
      versionsIn(db, tables)
        .whereRef('v.version', '=', 'o.current_version')
        .select(selected)
        .where('o.vault_id', '=', p('vaultId'))
        .where('o.name_key', '>', p('after'))
        .where('o.deleted', state, null)
        .orderBy('o.name_key')
        .limit(p('limit'))
        .$castTo<Row>(),
    );
  return {
    livePage: page('is'),
    deletedPage: page('is not'),
    versionPage: statement<Named & { after: string; limit: number }, Row>((db, p) =>
      named(db, tables, p)
        .select(selected)
        .where('o.deleted', 'is', null)
        .where('v.version', '>', p('after'))
        .orderBy('v.version')
        .limit(p('limit'))
        .$castTo<Row>(),
    ),
  };
}

function changes(tables: AnyTables) {
  return {
    setCurrent: statement<Named & { version: string }>((db, p) =>
      db
        .updateTable(tables.names)
        .set({ current_version: p('version') })
        .where('vault_id', '=', p('vaultId'))
        .where('name_key', '=', p('nameKey')),
    ),
    markDeleted: statement<Named & { deleted: number | null; purgeAt: number | null }>((db, p) =>
      db
        .updateTable(tables.names)
        .set({ deleted: p('deleted'), purge_at: p('purgeAt') })
        .where('vault_id', '=', p('vaultId'))
        .where('name_key', '=', p('nameKey')),
    ),
    removeVersion: statement<Named & { version: string }>((db, p) =>
      db
        .deleteFrom(tables.versions)
        .where('vault_id', '=', p('vaultId'))
        .where('name_key', '=', p('nameKey'))
        .where('version', '=', p('version')),
    ),
    removeVersions: statement<Named>((db, p) =>
      db.deleteFrom(tables.versions).where('vault_id', '=', p('vaultId')).where('name_key', '=', p('nameKey')),
    ),
    removeName: statement<Named>((db, p) =>
      db.deleteFrom(tables.names).where('vault_id', '=', p('vaultId')).where('name_key', '=', p('nameKey')),
    ),
    due: statement<{ now: number; limit: number }, { vault_id: string; name_key: string; name: string }>((db, p) =>
      db
        .selectFrom(tables.names)
        .select(['vault_id', 'name_key', 'name'])
        .where('purge_at', 'is not', null)
        .where('purge_at', '<=', p('now'))
        .orderBy('purge_at')
        .limit(p('limit')),
    ),
    isDue: statement<Named & { now: number }, { name: string }>((db, p) =>
      db
        .selectFrom(tables.names)
        .select('name')
        .where('vault_id', '=', p('vaultId'))
        .where('name_key', '=', p('nameKey'))
        .where('purge_at', '<=', p('now')),
    ),
  };
}
