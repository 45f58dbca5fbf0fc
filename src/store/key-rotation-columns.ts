import type { Kysely } from 'kysely';
import type { DialectName } from './port.ts';
import type { Tables } from './schema.ts';

/** The step of the schema that remembers since when nothing is sealed under a vault key that another follows. */
export async function addKeyRotationColumns(db: Kysely<Tables>, dialect: DialectName): Promise<void> {
  const integer = dialect === 'sqlite' ? 'integer' : 'bigint';
  await db.schema.alterTable('vault_keys').addColumn('emptied', integer).execute();
}
