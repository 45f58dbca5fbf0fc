import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { Random } from '../base/ports.ts';
import { Keyring } from '../crypto/keyring.ts';
import type { Seal } from '../crypto/seal.ts';
import { currentVersion, migrate, schemaVersion } from '../store/migrate.ts';
import type { Driver, Session } from '../store/port.ts';
import { openSession } from '../store/session.ts';
import { storeOver } from '../store/store.ts';
import { type BackupEnd, BackupFault, type BackupHeader, backupTables, leftOut, rowValues } from './backup-format.ts';

/**
 * Reads a backup into an empty database, all of it or nothing, and checks that the seal opens it and that it is whole and
 * unaltered before it becomes visible.
 * @param seal the seal, or what finds it by the description that the backup holds
 * @returns the number of rows
 * @throws BackupFault, SealFault
 */
export async function restoreServer(
  driver: Driver,
  seal: Seal | ((session: Session) => Promise<Seal>),
  file: string,
  options: { readonly now: number; readonly random: Random },
): Promise<number> {
  const session = openSession(driver.dialect, driver.write);
  if ((await currentVersion(driver, session)) !== 0) {
    throw new BackupFault(`${driver.place} holds data already; a backup is restored into an empty store only.`);
  }
  const lines = readLines(file);
  const header = await readHeader(lines, file);
  await migrate(driver, options.now, header.schema);
  await driver.write.begin();
  try {
    const present = await tablesOf(driver);
    for (const { table } of backupTables) if (present.has(table)) await driver.write.run(`delete from ${table}`, []);
    const digest = createHash('sha256').update(`${JSON.stringify(header)}\n`);
    const end = await insertRows(driver, lines, digest);
    // Without one the keyring would make a first root key, as at a first start.
    const roots = await session.db.selectFrom('root_keys').select('id').limit(1).execute();
    if (roots.length === 0) throw new BackupFault(`${file} was altered: it holds no root key.`);
    const keyring = await Keyring.open(
      { ...(await storeOver(driver)), reader: session },
      typeof seal === 'function' ? await seal(session) : seal,
      options.random,
      options.now,
    );
    if (!keyring.isMac('server-backup', digest.digest('hex'), end.mac)) {
      throw new BackupFault(`${file} was altered, or it is not a backup of this installation.`);
    }
    await driver.write.commit();
    await migrate(driver, options.now);
    return end.rows;
  } catch (error) {
    await driver.write.rollback();
    await dropTables(driver);
    throw error;
  }
}

/** The tables that are there: at the schema of an earlier release, not all of them. */
async function tablesOf(driver: Driver): Promise<ReadonlySet<string>> {
  const sql =
    driver.dialect === 'sqlite'
      ? "select name from sqlite_master where type = 'table'"
      : 'select table_name as name from information_schema.tables where table_schema = current_schema()';
  const { rows } = await driver.write.run<{ name: string }>(sql, []);
  return new Set(rows.map(({ name }) => name));
}

/** Leaves the database as empty as it was, so that the next attempt finds it so. */
async function dropTables(driver: Driver): Promise<void> {
  await driver.write.begin();
  const tables = [...backupTables.map(({ table }) => table), ...leftOut];
  for (const table of tables.reverse()) await driver.write.run(`drop table if exists ${table}`, []);
  await driver.write.commit();
}

async function readHeader(lines: AsyncIterator<string>, file: string): Promise<BackupHeader> {
  let header: Partial<BackupHeader> = {};
  try {
    const first = await lines.next();
    header = JSON.parse(first.value ?? '{}') as Partial<BackupHeader>;
  } catch (error) {
    throw new BackupFault(`${file} cannot be read as a backup: ${(error as Error).message}.`, { cause: error });
  }
  if (
    header.kind !== 'strongroom-backup' ||
    header.format !== 1 ||
    !Number.isInteger(header.schema) ||
    header.schema! < 1
  ) {
    throw new BackupFault(`${file} is not a backup of Strongroom.`);
  }
  if (header.schema! > schemaVersion) {
    throw new BackupFault(`${file} was taken by a later release (schema ${header.schema}); restore it with that one.`);
  }
  return header as BackupHeader;
}

async function insertRows(
  driver: Driver,
  lines: AsyncIterator<string>,
  digest: ReturnType<typeof createHash>,
): Promise<BackupEnd> {
  const known = new Set<string>(backupTables.map(({ table }) => table));
  let rows = 0;
  for (;;) {
    const { value: line, done } = await lines.next();
    if (done) throw new BackupFault('The backup is cut off: its end is missing.');
    const entry = readLine(line);
    if (entry.end) {
      if (entry.rows !== rows) throw new BackupFault(`The backup should hold ${entry.rows} rows; there are ${rows}.`);
      // The archive's own end comes after it: what is cut off there shows as a fault of the next line.
      if (!(await lines.next()).done) throw new BackupFault('The backup goes on after its end.');
      return entry as BackupEnd;
    }
    if (!entry.table || !known.has(entry.table) || !entry.row)
      throw new BackupFault('The backup holds an unknown row.');
    digest.update(`${line}\n`);
    await insertRow(driver, entry.table, entry.row);
    rows++;
  }
}

interface Line extends Partial<BackupEnd> {
  readonly table?: string;
  readonly row?: Record<string, unknown>;
}

function readLine(line: string): Line {
  let value: unknown = null;
  try {
    value = JSON.parse(line);
  } catch {
    // Without its cause: the parser's message quotes the line.
  }
  if (typeof value !== 'object' || value === null)
    throw new BackupFault('The backup is damaged: a line cannot be read.');
  return value as Line;
}

async function insertRow(driver: Driver, table: string, row: Record<string, unknown>): Promise<void> {
  const columns = Object.keys(row);
  if (!columns.every((column) => /^[a-z_]+$/.test(column)))
    throw new BackupFault('The backup holds an unknown column.');
  const marks = columns.map((_, index) => (driver.dialect === 'sqlite' ? '?' : `$${index + 1}`));
  const sql = `insert into ${table} (${columns.join(', ')}) values (${marks.join(', ')})`;
  try {
    await driver.write.run(sql, Object.values(rowValues(row)));
  } catch (error) {
    if (!isOfTheData(error)) throw error;
    throw new BackupFault('The backup is damaged: it holds a row that does not fit.', { cause: error });
  }
}

/** Whether a database refuses what it was given, not for its own state: constraint, type, unknown column. */
function isOfTheData(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: number };
  if (error instanceof TypeError || error instanceof RangeError) return true;
  // SQLite: SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH. PostgreSQL: SQLSTATE classes 22, 23 and 42.
  if (errcode !== undefined) return [1, 19, 20].includes(errcode & 0xff);
  return typeof code === 'string' && /^(22|23|42)...$/.test(code);
}

async function* readLines(file: string): AsyncGenerator<string> {
  const source = createReadStream(file);
  const gunzip = createGunzip();
  // A damaged archive shows as an error of the stream: told as such, whichever of the two it comes from.
  const failed = new Promise<never>((_, reject) => {
    source.once('error', reject);
    gunzip.once('error', reject);
  });
  failed.catch(() => {});
  const lines = createInterface({ input: source.pipe(gunzip), crlfDelay: Number.POSITIVE_INFINITY })[
    Symbol.asyncIterator
  ]();
  try {
    for (;;) {
      const next = await Promise.race([lines.next(), failed]);
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    throw new BackupFault(`${file} is damaged: ${(error as Error).message}.`, { cause: error });
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}
