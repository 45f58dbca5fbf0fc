import type { Kysely } from 'kysely';
import type { Session } from '../store/port.ts';
import type { Tables } from '../store/schema.ts';
import { type Statement, statement } from '../store/statement.ts';
import type { Named, ObjectTables } from './object-queries.ts';

/** A name as it is stored, live or deleted. */
export interface StoredName {
  name_key: string;
  name: string;
  current_version: string;
  created: number;
  deleted: number | null;
  purge_at: number | null;
}

/** A version as it is stored, without its envelope. */
export interface StoredVersion {
  name_key: string;
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  tags: string | null;
  previous_version: string | null;
}

/** An object whole, as it is compared: its name and every version, oldest first. */
export interface StoredObject<Name extends StoredName, Version extends StoredVersion> {
  readonly name: Name;
  readonly versions: readonly Version[];
}

/** How much of a kind a vault has. */
export interface Contents {
  readonly live: number;
  readonly deleted: number;
  readonly versions: number;
  /** Of the envelopes. */
  readonly bytes: number;
}

/** What carrying an object to another vault reads: deleted objects too, which the service's lists keep apart. */
export interface CarriedQueries<Name extends StoredName, Version extends StoredVersion> {
  /** A page of objects by folded name. */
  page(
    session: Session,
    vaultId: string,
    after: string,
    limit: number,
  ): Promise<readonly StoredObject<Name, Version>[]>;
  one(session: Session, named: Named): Promise<StoredObject<Name, Version> | null>;
  /** Versions with their envelopes, oldest first, after a sequence number. */
  readonly sealed: Statement<Named & { after: number; limit: number }, Version & { envelope: Uint8Array }>;
  contents(session: Session, vaultId: string): Promise<Contents>;
}

/** Kysely checks the columns of one kind for all: they are the same. */
type AnyTables = { readonly names: 'keys'; readonly versions: 'key_versions' };

const nameColumns = ['name_key', 'name', 'current_version', 'created', 'deleted', 'purge_at'] as const;
const versionColumns = [
  'name_key',
  'version',
  'sequence',
  'created',
  'updated',
  'enabled',
  'nbf',
  'exp',
  'tags',
  'previous_version',
] as const;

/** The queries of one kind; `more` are the further columns of names and versions. */
export function carriedQueries<Name extends StoredName, Version extends StoredVersion>(
  of: ObjectTables,
  more: { readonly ofNames: readonly string[]; readonly ofVersions: readonly string[] },
): CarriedQueries<Name, Version> {
  const tables = of as AnyTables;
  const names = nameQueries<Name>(tables, [...nameColumns, ...more.ofNames] as unknown as typeof nameColumns);
  const columns = [...versionColumns, ...more.ofVersions] as unknown as typeof versionColumns;
  const versions = versionQueries<Version>(tables, columns);
  return {
    sealed: sealedVersions<Version>(tables, columns),
    contents: (session, vaultId) => countContents(session.db, tables, vaultId),
    page: async (session, vaultId, after, limit) => {
      const found = await names.page.all(session, { vaultId, after, limit });
      const last = found[found.length - 1];
      const rows = last ? await versions.between.all(session, { vaultId, after, to: last.name_key }) : [];
      const grouped = Map.groupBy(rows, (row) => row.name_key);
      return found.map((name) => ({ name, versions: grouped.get(name.name_key) ?? [] }));
    },
    one: async (session, named) => {
      const name = await names.one.first(session, named);
      return name && { name, versions: await versions.ofOne.all(session, named) };
    },
  };
}

function nameQueries<Name extends StoredName>(tables: AnyTables, columns: typeof nameColumns) {
  const ofVault = (db: Kysely<Tables>, vaultId: string) =>
    db.selectFrom(tables.names).select(columns).where('vault_id', '=', vaultId);
  return {
    page: statement<{ vaultId: string; after: string; limit: number }, Name>((db, p) =>
      ofVault(db, p('vaultId'))
        .where('name_key', '>', p('after'))
        .orderBy('name_key')
        .limit(p('limit'))
        .$castTo<Name>(),
    ),
    one: statement<Named, Name>((db, p) =>
      ofVault(db, p('vaultId')).where('name_key', '=', p('nameKey')).$castTo<Name>(),
    ),
  };
}

function versionQueries<Version extends StoredVersion>(tables: AnyTables, columns: typeof versionColumns) {
  const ofVault = (db: Kysely<Tables>, vaultId: string) =>
    db.selectFrom(tables.versions).select(columns).where('vault_id', '=', vaultId);
  return {
    between: statement<{ vaultId: string; after: string; to: string }, Version>((db, p) =>
      ofVault(db, p('vaultId'))
        .where('name_key', '>', p('after'))
        .where('name_key', '<=', p('to'))
        .orderBy('name_key')
        .orderBy('sequence')
        .$castTo<Version>(),
    ),
    ofOne: statement<Named, Version>((db, p) =>
      ofVault(db, p('vaultId')).where('name_key', '=', p('nameKey')).orderBy('sequence').$castTo<Version>(),
    ),
  };
}

function sealedVersions<Version extends StoredVersion>(tables: AnyTables, columns: typeof versionColumns) {
  type SealedVersion = Version & { envelope: Uint8Array };
  return statement<Named & { after: number; limit: number }, SealedVersion>((db, p) =>
    db
      .selectFrom(tables.versions)
      .select([...columns, 'envelope'])
      .where('vault_id', '=', p('vaultId'))
      .where('name_key', '=', p('nameKey'))
      .where('sequence', '>', p('after'))
      .orderBy('sequence')
      .limit(p('limit'))
      .$castTo<SealedVersion>(),
  );
}

async function countContents(db: Kysely<Tables>, tables: AnyTables, vaultId: string): Promise<Contents> {
  const names = await db
    .selectFrom(tables.names)
    .select((eb) => [eb.fn.countAll<number>().as('all'), eb.fn.count<number>('deleted').as('deleted')])
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  const versions = await db
    .selectFrom(tables.versions)
    .select((eb) => [
      eb.fn.countAll<number>().as('all'),
      eb.fn.sum<number>(eb.fn<number>('length', ['envelope'])).as('bytes'),
    ])
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  const deleted = Number(names.deleted);
  return {
    live: Number(names.all) - deleted,
    deleted,
    versions: Number(versions.all),
    bytes: Number(versions.bytes ?? 0),
  };
}
