import type { CreateTableBuilder } from 'kysely';
import { createAccessTables } from './access-tables.ts';
import { createCertificateTables } from './certificate-tables.ts';
import { createIdentitySecrets } from './identity-secrets-table.ts';
import { createIssuerTables } from './issuer-tables.ts';
import { addReleasePolicies } from './key-release-column.ts';
import { addKeyRotationColumns } from './key-rotation-columns.ts';
import { createKeyTables } from './key-tables.ts';
import { type Kysely, sql } from './kysely.ts';
import { createManagementTables } from './management-tables.ts';
import { createModelChangeTable } from './model-change-table.ts';
import { createOutsideTokenIndex } from './outside-token-index.ts';
import type { DialectName } from './port.ts';
import type { Tables } from './schema.ts';
import { createTokenObjectTable } from './token-object-table.ts';
import { createVaultMoveTables } from './vault-move-tables.ts';

/** One forward step of the schema, run inside a transaction. */
export type Migration = (db: Kysely<Tables>, dialect: DialectName, now: number) => Promise<void>;

type Column = 'text' | 'text?' | 'integer' | 'integer?' | 'bytes';

/** Every step since the first release, in order; a step that was released is never edited. */
export const migrations: readonly Migration[] = [
  firstTables,
  async (db, dialect) => createAccessTables(db, await tableMaker(db, dialect)),
  async (db, dialect) => createManagementTables(db, await tableMaker(db, dialect)),
  async (db, dialect) => createIdentitySecrets(db, await tableMaker(db, dialect)),
  async (db, dialect) => createModelChangeTable(await tableMaker(db, dialect)),
  async (db, dialect) => createKeyTables(db, await tableMaker(db, dialect)),
  createOutsideTokenIndex,
  async (db, dialect) => createTokenObjectTable(db, await tableMaker(db, dialect)),
  addReleasePolicies,
  addKeyRotationColumns,
  async (db, dialect) => createIssuerTables(db, await tableMaker(db, dialect)),
  async (db, dialect) => createVaultMoveTables(db, await tableMaker(db, dialect)),
  async (db, dialect) => createCertificateTables(db, await tableMaker(db, dialect), dialect),
];

async function firstTables(db: Kysely<Tables>, dialect: DialectName, now: number): Promise<void> {
  const create = await tableMaker(db, dialect);
  await create('meta', { name: 'text', value: 'text' }, ['name']);
  await create('generations', { topic: 'text', value: 'integer' }, ['topic']);
  await db.insertInto('generations').values({ topic: 'decisions', value: 1 }).execute();
  await db
    .insertInto('meta')
    .values({ name: 'created', value: String(now) })
    .execute();
  await create('root_keys', { id: 'text', seal: 'text', wrapped: 'bytes', created: 'integer', active: 'integer' }, [
    'id',
  ]);
  await create('sealed_values', { name: 'text', envelope: 'bytes', created: 'integer' }, ['name']);
  await create('leases', { name: 'text', holder: 'text', fence: 'integer', expires: 'integer' }, ['name']);
  await createResources(db, create);
  await createSecrets(db, create);
  await createDirectory(db, create);
  await createAudit(create);
}

async function createResources(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create('subscriptions', { id: 'text', tenant_id: 'text', name: 'text', state: 'text', created: 'integer' }, [
    'id',
  ]);
  await create(
    'resource_groups',
    { subscription_id: 'text', name_key: 'text', name: 'text', location: 'text', tags: 'text', created: 'integer' },
    ['subscription_id', 'name_key'],
  );
  await create(
    'vaults',
    {
      id: 'text',
      name_key: 'text',
      name: 'text',
      tenant_id: 'text',
      subscription_id: 'text',
      group_key: 'text',
      group_name: 'text',
      location: 'text',
      properties: 'text',
      tags: 'text',
      created: 'integer',
      updated: 'integer',
      deleted: 'integer?',
      purge_at: 'integer?',
    },
    ['id'],
  );
  await db.schema.createIndex('vaults_name').on('vaults').column('name_key').unique().execute();
  await db.schema.createIndex('vaults_group').on('vaults').columns(['subscription_id', 'group_key']).execute();
  await db.schema
    .createIndex('vaults_purge')
    .on('vaults')
    .column('purge_at')
    .where(sql.ref('purge_at'), 'is not', null)
    .execute();
  await create(
    'vault_keys',
    { vault_id: 'text', key_id: 'text', root_key_id: 'text', wrapped: 'bytes', created: 'integer' },
    ['vault_id', 'key_id'],
  );
}

async function createSecrets(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'secrets',
    {
      vault_id: 'text',
      name_key: 'text',
      name: 'text',
      current_version: 'text',
      created: 'integer',
      deleted: 'integer?',
      purge_at: 'integer?',
    },
    ['vault_id', 'name_key'],
  );
  // Few of many: the lists of deleted secrets and the purge job read these alone.
  await db.schema
    .createIndex('secrets_deleted')
    .on('secrets')
    .columns(['vault_id', 'name_key'])
    .where(sql.ref('deleted'), 'is not', null)
    .execute();
  await db.schema
    .createIndex('secrets_purge')
    .on('secrets')
    .column('purge_at')
    .where(sql.ref('purge_at'), 'is not', null)
    .execute();
  await create(
    'secret_versions',
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
      content_type: 'text?',
      tags: 'text?',
      previous_version: 'text?',
      envelope: 'bytes',
    },
    ['vault_id', 'name_key', 'version'],
  );
}

async function createDirectory(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'principals',
    {
      id: 'text',
      tenant_id: 'text',
      kind: 'text',
      type: 'text',
      display_name: 'text',
      app_id: 'text?',
      upn: 'text?',
      upn_key: 'text?',
      enabled: 'integer',
      directory_role: 'text?',
      created: 'integer',
    },
    ['id'],
  );
  await db.schema.createIndex('principals_app').on('principals').column('app_id').unique().execute();
  await db.schema.createIndex('principals_upn').on('principals').column('upn_key').unique().execute();
  await create(
    'applications',
    { id: 'text', tenant_id: 'text', app_id: 'text', display_name: 'text', details: 'text', created: 'integer' },
    ['id'],
  );
  await db.schema.createIndex('applications_app').on('applications').column('app_id').unique().execute();
  await create(
    'credentials',
    {
      id: 'text',
      app_id: 'text',
      kind: 'text',
      display_name: 'text?',
      hint: 'text?',
      material: 'text',
      starts: 'integer',
      expires: 'integer',
      created: 'integer',
    },
    ['app_id', 'id'],
  );
  await create(
    'managed_identities',
    {
      resource_key: 'text',
      resource_id: 'text',
      principal_id: 'text',
      client_id: 'text',
      location: 'text',
      tags: 'text',
      created: 'integer',
    },
    ['resource_key'],
  );
  await create('assertions', { digest: 'text', expires: 'integer' }, ['digest']);
  await create(
    'role_assignments',
    {
      id: 'text',
      scope_key: 'text',
      scope: 'text',
      role_id: 'text',
      principal_id: 'text',
      principal_type: 'text',
      description: 'text?',
      created: 'integer',
      updated: 'integer',
      created_by: 'text',
    },
    ['scope_key', 'id'],
  );
  await db.schema
    .createIndex('role_assignments_grant')
    .on('role_assignments')
    .columns(['principal_id', 'role_id', 'scope_key'])
    .unique()
    .execute();
}

async function createAudit(create: TableMaker): Promise<void> {
  await create(
    'audit_batches',
    {
      chain: 'text',
      first_sequence: 'integer',
      last_sequence: 'integer',
      first_time: 'integer',
      last_time: 'integer',
      records: 'bytes',
      hash: 'text',
      mac: 'text',
    },
    ['chain', 'first_sequence'],
  );
  await create('audit_heads', { chain: 'text', sequence: 'integer', hash: 'text', mac: 'text' }, ['chain']);
}

/** Creates a table with the columns' types of the database at hand. */
export type TableMaker = (
  name: string,
  columns: Readonly<Record<string, Column>>,
  key: readonly string[],
) => Promise<void>;

async function tableMaker(db: Kysely<Tables>, dialect: DialectName): Promise<TableMaker> {
  const types = dialect === 'sqlite' ? sqliteTypes : postgresTypes(await serverVersion(db));
  return async (name, columns, key) => {
    let table: CreateTableBuilder<string, string> = db.schema.createTable(name);
    for (const [column, type] of Object.entries(columns)) {
      const nullable = type.endsWith('?');
      const plain = type.replace('?', '') as PlainColumn;
      table = table.addColumn(column, sql.raw(types[plain]), (c) => (nullable ? c : c.notNull()));
    }
    // Strict: as PostgreSQL does, SQLite then refuses a value of another type than the column's.
    if (dialect === 'sqlite') table = table.modifyEnd(sql`strict`);
    await table.addPrimaryKeyConstraint(`${name}_pk`, key as string[]).execute();
  };
}

type PlainColumn = 'text' | 'integer' | 'bytes';

const sqliteTypes: Readonly<Record<PlainColumn, string>> = { text: 'text', integer: 'integer', bytes: 'blob' };

/**
 * The column types on a server whose `version()` is given. Every database orders names by their bytes, so that a page token
 * means the same on each: PostgreSQL through the collation "C"; CockroachDB does so by itself and refuses that collation.
 */
export function postgresTypes(version: string): Readonly<Record<PlainColumn, string>> {
  return { text: version.includes('CockroachDB') ? 'text' : 'text collate "C"', integer: 'bigint', bytes: 'bytea' };
}

async function serverVersion(db: Kysely<Tables>): Promise<string> {
  const { rows } = await sql<{ version: string }>`select version() as version`.execute(db);
  return rows[0]?.version ?? '';
}
