import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Driver, Journal, JournalEntry, Session } from '../../src/store/port.ts';
import { openPostgres } from '../../src/store/postgres/driver.ts';
import { openSqlite } from '../../src/store/sqlite/driver.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { freshDatabase } from '../support/postgres.ts';

/** A database of one test: every driver opened on it sees the same data. */
export interface Database {
  open(): Promise<Driver>;
}

/** One of the databases that the store's suite runs over. */
export interface Engine {
  readonly name: 'sqlite' | 'postgres';
  /** A new, empty database, removed after the test. */
  fresh(t: TestContext): Promise<Database>;
}

/** Every database there is a driver for. */
export const engines: readonly Engine[] = [
  {
    name: 'sqlite',
    fresh: async (t) => {
      const path = join(scratchDirectory(t), 'strongroom.db');
      return { open: async () => openSqlite(path) };
    },
  },
  {
    name: 'postgres',
    fresh: async () => {
      const options = await freshDatabase();
      return { open: () => openPostgres({ ...options, poolSize: 4 }) };
    },
  },
];

/** A directory that is removed after the test. */
export function scratchDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-store-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An instant for rows that need one. */
export const NOW = 1_700_000_000_000;

/** A store with its schema, closed after the test. */
export async function storeOn(t: TestContext, database: Database): Promise<Store> {
  const store = await openStore(await database.open(), { now: NOW });
  t.after(() => store.close());
  return store;
}

/** A journal that keeps one row of `audit_batches` a commit, numbered without gaps, each text on a line of its own. */
export function lineJournal(chain: string): Journal {
  let sequence = 0;
  return {
    async write(session: Session, entries: readonly JournalEntry[]) {
      const last = sequence + entries.length;
      const times = entries.map((entry) => entry.time);
      await session.db
        .insertInto('audit_batches')
        .values({
          chain,
          first_sequence: sequence + 1,
          last_sequence: last,
          first_time: Math.min(...times),
          last_time: Math.max(...times),
          records: Buffer.from(entries.map((entry) => entry.text).join('\n')),
          hash: '',
          mac: '',
        })
        .execute();
      return () => {
        sequence = last;
      };
    },
  };
}

/** The texts that a {@link lineJournal} holds, in order; fails where its numbers have a gap. */
export async function journalLines(session: Session, chain: string): Promise<string[]> {
  const batches = await session.db
    .selectFrom('audit_batches')
    .selectAll()
    .where('chain', '=', chain)
    .orderBy('first_sequence')
    .execute();
  const lines: string[] = [];
  for (const batch of batches) {
    if (batch.first_sequence !== lines.length + 1) throw new Error(`The chain has a gap at ${batch.first_sequence}.`);
    lines.push(...Buffer.from(batch.records).toString('utf8').split('\n'));
    if (batch.last_sequence !== lines.length) throw new Error(`The batch at ${batch.first_sequence} is not whole.`);
  }
  return lines;
}

/** Something that opens once. */
export interface Latch {
  readonly opened: Promise<void>;
  open(): void;
}

/** A closed latch. */
export function latch(): Latch {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
