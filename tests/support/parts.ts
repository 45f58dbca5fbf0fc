import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJournal } from '../../src/audit/journal.ts';
import type { Clock, Random } from '../../src/base/ports.ts';
import { systemRandom } from '../../src/base/system.ts';
import { Keyring } from '../../src/crypto/keyring.ts';
import { createKeyFile, openKeyFile } from '../../src/crypto/seal.ts';
import type { Driver } from '../../src/store/port.ts';
import { openSqlite } from '../../src/store/sqlite/driver.ts';
import { openStore, type Store } from '../../src/store/store.ts';

/** A clock that stands still until it is set. */
export interface TestClock extends Clock {
  set(instant: number): void;
  advance(milliseconds: number): void;
}

/** What services are tested with: a real store and real keys in a folder of their own, and a clock that tests move. */
export interface TestParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: TestClock;
  readonly random: Random;
  readonly folder: string;
  cleanup(): Promise<void>;
}

let migrated: Promise<string> | null = null;

/**
 * Opens a store in a new temporary folder, with a seal, a keyring and an audit journal. On SQLite; with
 * STRONGROOM_TEST_STORE=postgres in the environment on a real PostgreSQL.
 */
export async function testParts(start = Date.UTC(2026, 0, 1)): Promise<TestParts> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
  const random = systemRandom();
  let now = start;
  const clock: TestClock = {
    now: () => now,
    set: (instant) => {
      now = instant;
    },
    advance: (milliseconds) => {
      now += milliseconds;
    },
  };
  const store = await openStore(await driverIn(folder), { now });
  const sealFile = join(folder, 'seal.key');
  createKeyFile(sealFile, random);
  const keyring = await Keyring.open(store, openKeyFile(sealFile, random), random, now);
  store.useJournal(await openJournal(keyring, store.reader, 'main'));
  return {
    store,
    keyring,
    clock,
    random,
    folder,
    cleanup: async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function driverIn(folder: string): Promise<Driver> {
  if (process.env['STRONGROOM_TEST_STORE'] !== 'postgres') return openSqlite(join(folder, 'strongroom.db'));
  const { freshDatabase } = await import('./postgres.ts');
  const { openPostgres } = await import('../../src/store/postgres/driver.ts');
  migrated ??= migratedDatabase();
  return openPostgres(await freshDatabase(await migrated));
}

/** A database with the schema alone: copying it takes a third of the time that making the tables does. */
async function migratedDatabase(): Promise<string> {
  const { freshDatabase } = await import('./postgres.ts');
  const { openPostgres } = await import('../../src/store/postgres/driver.ts');
  const options = await freshDatabase();
  const store = await openStore(await openPostgres(options), { now: 0 });
  await store.close();
  return options.database;
}
