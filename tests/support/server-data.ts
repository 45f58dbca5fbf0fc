import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Driver } from '../../src/store/port.ts';
import { openSqliteReader } from '../../src/store/sqlite/driver.ts';
import { POSTGRES_CONFIG } from './server.ts';

/** What reads the data of a test server, running or not, wherever its store is. */
export async function driverOf(dataDir: string): Promise<Driver> {
  const config = join(dataDir, POSTGRES_CONFIG);
  if (!existsSync(config)) return openSqliteReader(join(dataDir, 'strongroom.db'));
  const { openPostgres } = await import('../../src/store/postgres/driver.ts');
  const { postgresUrlFile } = JSON.parse(readFileSync(config, 'utf8')) as { postgresUrlFile: string };
  return openPostgres({ connectionString: readFileSync(postgresUrlFile, 'utf8').trim() });
}
