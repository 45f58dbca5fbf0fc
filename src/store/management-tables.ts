import type { Kysely } from 'kysely';
import type { TableMaker } from './migrations.ts';
import type { Tables } from './schema.ts';

/** A step of the schema: tags of subscriptions, private endpoint connections of vaults, and the activity log. */
export async function createManagementTables(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await db.schema.alterTable('subscriptions').addColumn('tags', 'text').execute();
  await create(
    'private_endpoint_connections',
    {
      vault_id: 'text',
      name_key: 'text',
      name: 'text',
      endpoint_id: 'text',
      status: 'text',
      description: 'text?',
      etag: 'text',
      created: 'integer',
      updated: 'integer',
    },
    ['vault_id', 'name_key'],
  );
  await create(
    'activity_log',
    {
      subscription_id: 'text',
      time: 'integer',
      id: 'text',
      group_key: 'text',
      resource_key: 'text',
      provider_key: 'text',
      caller_key: 'text',
      status: 'text',
      event: 'text',
    },
    ['subscription_id', 'time', 'id'],
  );
  for (const column of ['group_key', 'resource_key'] as const) {
    await db.schema.createIndex(`activity_log_${column}`).on('activity_log').columns([column, 'time', 'id']).execute();
  }
  await db.schema.createIndex('activity_log_id').on('activity_log').column('id').execute();
  await db.schema.createIndex('activity_log_time').on('activity_log').column('time').execute();
}
