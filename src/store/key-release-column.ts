import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** The step of the schema that gives keys a release policy: JSON of its stored form, null for keys that never leave. */
export async function addReleasePolicies(db: Kysely<Tables>): Promise<void> {
  await db.schema.alterTable('keys').addColumn('release_policy', 'text').execute();
}
