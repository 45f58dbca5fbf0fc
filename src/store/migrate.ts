import { StoreFault } from './fault.ts';
import { sql } from './kysely.ts';
import { migrations } from './migrations.ts';
import type { Driver, Session } from './port.ts';
import { openSession } from './session.ts';

const MAX_FAILURES = 12;

/** The schema version that this release writes. */
export const schemaVersion = migrations.length;

/**
 * Brings the schema to `to` (the newest by default), one transaction a step: an interruption leaves the last whole step.
 * Forward only.
 * @throws StoreFault `store-newer` where the data is of a later release
 */
export async function migrate(driver: Driver, now: number, to: number = schemaVersion): Promise<void> {
  const session = openSession(driver.dialect, driver.write);
  for (let failures = 0; ; ) {
    const before = await currentVersion(driver, session);
    if (before >= to) return;
    await driver.write.begin();
    try {
      const version = await currentVersion(driver, session);
      if (version < to) await step(session, version, now);
      await driver.write.commit();
    } catch (error) {
      await driver.write.rollback().catch(() => {});
      // Two nodes that start at once make the same step, and one finds the other's tables in its way.
      const isRace = driver.isRetryable(error) || (await currentVersion(driver, session)) > before;
      if (!isRace || ++failures >= MAX_FAILURES) throw error;
      await new Promise((wake) => setTimeout(wake, failures * 50 * (0.5 + Math.random())));
    }
  }
}

/** The schema version of the data: 0 for an empty database. */
export async function currentVersion(driver: Driver, session: Session): Promise<number> {
  const table =
    driver.dialect === 'sqlite'
      ? sql<{ found: number }>`select count(*) as found from sqlite_master where name = 'meta'`
      : sql<{ found: number }>`select count(*)::int as found from information_schema.tables
          where table_schema = current_schema() and table_name = 'meta'`;
  if ((await table.execute(session.db)).rows[0]?.found !== 1) return 0;
  const row = await session.db.selectFrom('meta').select('value').where('name', '=', 'schema').executeTakeFirst();
  const version = Number(row?.value ?? 0);
  if (version > schemaVersion) {
    throw new StoreFault(
      'store-newer',
      `The data in ${driver.place} has schema version ${version}; this release knows up to ${schemaVersion}. ` +
        'Start the release that wrote it, or a later one.',
    );
  }
  return version;
}

async function step(session: Session, version: number, now: number): Promise<void> {
  const migration = migrations[version]!;
  await migration(session.db, session.dialect, now);
  const value = String(version + 1);
  await session.db
    .insertInto('meta')
    .values({ name: 'schema', value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}
