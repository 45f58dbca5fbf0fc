import type { Kysely } from 'kysely';
import type { TableMaker } from './migrations.ts';
import type { Tables } from './schema.ts';

/**
 * The second step of the schema: custom roles, denials, groups, people, federated credentials, locks, and what resources keep.
 */
export async function createAccessTables(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await createRoles(db, create);
  await createDirectory(db, create);
  await createSignIn(db, create);
  await createManagement(db, create);
}

async function createRoles(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await db.schema.alterTable('role_assignments').addColumn('condition', 'text').execute();
  await db.schema.alterTable('role_assignments').addColumn('condition_version', 'text').execute();
  await create(
    'role_definitions',
    {
      id: 'text',
      name_key: 'text',
      name: 'text',
      description: 'text',
      permissions: 'text',
      assignable_scopes: 'text',
      created: 'integer',
      updated: 'integer',
      created_by: 'text',
      updated_by: 'text',
    },
    ['id'],
  );
  await db.schema.createIndex('role_definitions_name').on('role_definitions').column('name_key').unique().execute();
  await create(
    'deny_assignments',
    {
      scope_key: 'text',
      id: 'text',
      scope: 'text',
      name: 'text',
      description: 'text',
      permissions: 'text',
      principals: 'text',
      exclude_principals: 'text',
      only_here: 'integer',
      created: 'integer',
      updated: 'integer',
      created_by: 'text',
    },
    ['scope_key', 'id'],
  );
}

async function createDirectory(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await db.schema.alterTable('principals').addColumn('details', 'text').execute();
  await create('group_members', { group_id: 'text', member_id: 'text', created: 'integer' }, ['group_id', 'member_id']);
  await db.schema.createIndex('group_members_member').on('group_members').columns(['member_id', 'group_id']).execute();
  await create('directory_owners', { object_id: 'text', owner_id: 'text', created: 'integer' }, [
    'object_id',
    'owner_id',
  ]);
  await db.schema.createIndex('directory_owners_owner').on('directory_owners').columns(['owner_id']).execute();
  await create(
    'federated_credentials',
    {
      app_id: 'text',
      id: 'text',
      name_key: 'text',
      name: 'text',
      issuer: 'text',
      subject: 'text',
      audiences: 'text',
      description: 'text?',
      created: 'integer',
    },
    ['app_id', 'id'],
  );
  await db.schema
    .createIndex('federated_credentials_name')
    .on('federated_credentials')
    .columns(['app_id', 'name_key'])
    .unique()
    .execute();
  await db.schema
    .createIndex('federated_credentials_subject')
    .on('federated_credentials')
    .columns(['app_id', 'issuer', 'subject'])
    .unique()
    .execute();
}

async function createSignIn(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'passwords',
    { principal_id: 'text', material: 'text', must_change: 'integer', changed: 'integer', version: 'text' },
    ['principal_id'],
  );
  await create('sign_in_failures', { subject: 'text', failures: 'integer', locked_until: 'integer', last: 'integer' }, [
    'subject',
  ]);
  await create(
    'device_codes',
    {
      digest: 'text',
      user_code: 'text',
      client_id: 'text',
      request: 'text',
      state: 'text',
      principal_id: 'text?',
      attempts: 'integer',
      polled: 'integer',
      created: 'integer',
      expires: 'integer',
    },
    ['digest'],
  );
  await db.schema.createIndex('device_codes_user_code').on('device_codes').column('user_code').unique().execute();
  await create(
    'refresh_tokens',
    {
      digest: 'text',
      family: 'text',
      principal_id: 'text',
      client_id: 'text',
      proof: 'text',
      state: 'text',
      created: 'integer',
      expires: 'integer',
    },
    ['digest'],
  );
  await db.schema.createIndex('refresh_tokens_family').on('refresh_tokens').column('family').execute();
  await db.schema.createIndex('refresh_tokens_principal').on('refresh_tokens').column('principal_id').execute();
}

async function createManagement(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'locks',
    {
      scope_key: 'text',
      name_key: 'text',
      scope: 'text',
      name: 'text',
      level: 'text',
      notes: 'text?',
      owners: 'text',
      created: 'integer',
    },
    ['scope_key', 'name_key'],
  );
  await create(
    'resources',
    {
      resource_key: 'text',
      resource_id: 'text',
      type: 'text',
      name: 'text',
      subscription_id: 'text',
      group_key: 'text',
      location: 'text',
      tags: 'text',
      identity_type: 'text',
      user_identities: 'text',
      properties: 'text',
      created: 'integer',
      updated: 'integer',
    },
    ['resource_key'],
  );
  await db.schema.createIndex('resources_group').on('resources').columns(['subscription_id', 'group_key']).execute();
}
