import {
  chmodSync,
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { syncDirectory } from '../../base/files.ts';
import { StoreFault } from '../fault.ts';
import type { Connection, Driver, Result, Value, WriteConnection } from '../port.ts';
import { assertStorable } from '../value.ts';

const QUICK_CHECK_BYTES = 64 * 1024 * 1024;

/**
 * The embedded store: SQLite through `node:sqlite`, write-ahead log, one connection that writes and one that reads.
 *
 * Commits run with `synchronous=NORMAL`, which orders them and keeps the file whole but leaves the last ones to the operating
 * system; the driver then flushes the log itself, on the thread pool, and only that ends {@link WriteConnection.commit}. So a
 * commit is as durable as with `synchronous=FULL`, and the event loop goes on meanwhile (FULL stops it for the disk's flush).
 * A reader may see a commit before it is flushed, but its own answer waits for its audit record, which is later in the
 * same log: nothing that could be lost is ever told.
 *
 * @throws StoreFault `store-damaged` where the file is not a sound database
 */
export function openSqlite(path: string): Driver {
  if (existsSync(path)) checkFile(path);
  else createFile(path);
  const writer = openDatabase(path, false);
  const reader = openDatabase(path, true);
  const log = openSync(`${path}-wal`, 'r+');
  syncDirectory(dirname(path));
  const flush = () =>
    new Promise<void>((resolve, reject) => {
      fdatasync(log, (error) => (error ? reject(error) : resolve()));
    });
  const write = connection(writer);
  const read = connection(reader);
  const [begin, commit, beginRead] = ['begin immediate', 'commit', 'begin'].map((sql) => writer.prepare(sql)) as [
    StatementSync,
    StatementSync,
    StatementSync,
  ];
  let isWriting = false;
  let isReading = false;
  const endRead = () => {
    // An input or output error has ended the transaction already; a commit would then throw where nobody catches it.
    if (isReading && writer.isTransaction) commit.run();
    isReading = false;
  };
  // Outside a write the writing connection sees exactly what is committed, and has it in its page cache; the other one finds
  // its cache void after every commit, which made a read four times as dear. The reads of one turn of the event loop share a
  // transaction: taking and giving back the locks costs as much as the read itself.
  const shareRead = () => {
    if (isReading) return;
    beginRead.run();
    isReading = true;
    setImmediate(endRead);
  };
  let failure: Error | null = null;
  return {
    dialect: 'sqlite',
    place: path,
    read: {
      run: (sql, values) => {
        // Anything but a query goes to the connection that cannot write, and is refused there.
        if (isWriting || !/^\s*select\b/i.test(sql)) return read.run(sql, values);
        shareRead();
        return write.run(sql, values);
      },
    },
    write: {
      run: write.run,
      begin: async () => {
        // After a failed flush nobody knows what the disk holds; only a restart, which reads it back, can tell.
        if (failure)
          throw new StoreFault('store-unreachable', `${path} could not be flushed to disk.`, { cause: failure });
        endRead();
        begin.run();
        isWriting = true;
      },
      commit: async () => {
        commit.run();
        isWriting = false;
        await flush().catch((error: Error) => {
          failure = error;
          throw error;
        });
      },
      rollback: async () => {
        isWriting = false;
        endRead();
        if (writer.isTransaction) writer.exec('rollback');
      },
    } satisfies WriteConnection,
    // One process writes, in one queue: there is nobody to collide with.
    isRetryable: () => false,
    snapshot: (work) => snapshot(path, work),
    close: async () => {
      endRead();
      reader.close();
      writer.exec('pragma wal_checkpoint(truncate)');
      writer.close();
      closeSync(log);
    },
  };
}

/** Opens an existing database to read it beside the server that owns it (or without one). */
export function openSqliteReader(path: string): Driver {
  const database = openDatabase(path, true);
  const refuse = () => Promise.reject(new StoreFault('store-closed', 'The database is open for reading only.'));
  return {
    dialect: 'sqlite',
    place: path,
    read: connection(database),
    write: { run: refuse, begin: refuse, commit: refuse, rollback: refuse },
    isRetryable: () => false,
    snapshot: (work) => snapshot(path, work),
    close: async () => database.close(),
  };
}

function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { readOnly, timeout: 5000 });
    // The reading connection works only while a write is under way, and outside the server.
    database.exec(`pragma cache_size = ${readOnly ? -2048 : -8192}; pragma temp_store = memory;`);
    // LIKE as standard SQL and PostgreSQL have it; left alone it would not tell ASCII cases apart.
    database.exec('pragma case_sensitive_like = on');
    if (readOnly) {
      database.exec('select count(*) from sqlite_master');
      return database;
    }
    // secure_delete: a purged secret's pages are overwritten, not only forgotten.
    database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma secure_delete = on;');
    database.exec('pragma wal_autocheckpoint = 1000; pragma foreign_keys = on;');
    // The log file exists from the first write on; a driver opens it by name.
    if (!existsSync(`${path}-wal`)) database.exec('begin immediate; pragma user_version = 1; commit');
    return database;
  } catch (error) {
    database?.close();
    throw new StoreFault('store-damaged', `The database ${path} cannot be used: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/**
 * Makes the file under another name first: an empty file of this name is then never a start that was interrupted, but damage,
 * and is not taken for a new installation.
 */
function createFile(path: string): void {
  if (existsSync(`${path}-wal`)) throw damaged(path, 'its log is there and it is not');
  const unnamed = `${path}.new`;
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(unnamed + suffix, { force: true });
  const database = new DatabaseSync(unnamed);
  database.exec('pragma journal_mode = wal; begin immediate; pragma user_version = 1; commit');
  database.close();
  // The log and its index take their mode from the file.
  chmodSync(unnamed, 0o600);
  const file = openSync(unnamed, 'r');
  fsyncSync(file);
  closeSync(file);
  renameSync(unnamed, path);
}

/** Looks through a connection that cannot write: one that can would, when it closes, put the log into the damaged file. */
function checkFile(path: string): void {
  if (statSync(path).size === 0) throw damaged(path, 'it is empty');
  const database = openDatabase(path, true);
  try {
    const pages = database.prepare('pragma page_count').get() as { page_count: number };
    const size = database.prepare('pragma page_size').get() as { page_size: number };
    // Reading a large file whole would hold up the start; damage there shows when its page is read.
    if (pages.page_count * size.page_size > QUICK_CHECK_BYTES) return;
    const found = database.prepare('pragma quick_check(1)').get() as { quick_check: string };
    if (found.quick_check !== 'ok') throw damaged(path, found.quick_check.replace(/\s+/g, ' '));
  } catch (error) {
    throw error instanceof StoreFault ? error : damaged(path, (error as Error).message);
  } finally {
    database.close();
  }
}

function damaged(path: string, finding: string): StoreFault {
  return new StoreFault(
    'store-damaged',
    `The database ${path} is damaged (${finding}). Nothing was changed. Restore a backup into a new data directory.`,
  );
}

/** A prepared statement; `columns` are the names of what its rows hold, none for a statement that gives no rows. */
interface Prepared {
  readonly statement: StatementSync;
  readonly columns: readonly string[];
}

function connection(database: DatabaseSync): Connection {
  const prepared = new Map<string, Prepared>();
  return {
    async run<Row>(sql: string, values: readonly Value[]): Promise<Result<Row>> {
      assertStorable(values);
      let entry = prepared.get(sql);
      if (!entry) {
        entry = prepare(database, sql);
        if (prepared.size > 500) prepared.clear();
        prepared.set(sql, entry);
      }
      const { statement, columns } = entry;
      if (columns.length === 0) return { rows: [], changed: Number(statement.run(...values).changes) };
      const rows = statement.all(...values) as unknown as Value[][];
      return { rows: rows.map((row) => named<Row>(columns, row)), changed: 0 };
    },
  };
}

function prepare(database: DatabaseSync, sql: string): Prepared {
  const statement = database.prepare(sql);
  // An object for each row would be a hash table with its names made anew: half of the time of a read, and slow to use.
  statement.setReturnArrays(true);
  return { statement, columns: statement.columns().map((column) => column.name) };
}

function named<Row>(columns: readonly string[], values: readonly Value[]): Row {
  const row: Record<string, Value> = {};
  for (let index = 0; index < columns.length; index++) row[columns[index]!] = values[index]!;
  return row as Row;
}

async function snapshot<T>(path: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const database = openDatabase(path, true);
  try {
    database.exec('begin');
    return await work(connection(database));
  } finally {
    database.close();
  }
}
