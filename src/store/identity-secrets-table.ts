import type { Kysely } from 'kysely';
import type { TableMaker } from './migrations.ts';
import type { Tables } from './schema.ts';

/** The step of the schema that keeps a secret for each machine and application, by which it asks for its identities' tokens. */
export async function createIdentitySecrets(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'identity_secrets',
    { resource_key: 'text', id: 'text', digest: 'text', sealed: 'bytes', created: 'integer' },
    ['resource_key'],
  );
  await db.schema.createIndex('identity_secrets_digest').on('identity_secrets').column('digest').unique().execute();
}
