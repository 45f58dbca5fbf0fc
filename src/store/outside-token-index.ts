import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** The step of the schema that finds a federated credential by its subject, whoever's it is: bearer tokens name no application. */
export async function createOutsideTokenIndex(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createIndex('federated_credentials_by_subject')
    .on('federated_credentials')
    .column('subject')
    .execute();
}
