import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { syncDirectory } from '../base/files.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Driver, Result, Session, Value } from '../store/port.ts';
import { openSession } from '../store/session.ts';
import { BackupFault, backupHeader, backupTables, rowLine } from './backup-format.ts';

const PAGE = 500;

/**
 * Writes everything the store holds, as it was at one moment, into a new file of mode 0600, while servers go on working on
 * it. Secrets stay in their envelopes: the file opens only with the seal. It fits either database.
 * @param created RFC 3339 text of the moment
 * @returns the number of rows
 * @throws BackupFault where the file exists or cannot be written
 */
export async function backupServer(driver: Driver, keyring: Keyring, file: string, created: string): Promise<number> {
  if (existsSync(file)) throw new BackupFault(`${file} exists already; a backup is never overwritten.`);
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  const gzip = createGzip({ level: 6 });
  // A full disk or a missing folder ends the writing through here, whatever is awaited at that moment.
  const written = pipeline(gzip, createWriteStream(partial, { mode: 0o600, flags: 'wx' })).catch((error: Error) => {
    throw new BackupFault(`${file} cannot be written: ${error.message}.`, { cause: error });
  });
  written.catch(() => {});
  const digest = createHash('sha256');
  let rows = 0;
  const write = async (line: string): Promise<void> => {
    if (gzip.destroyed) await written;
    if (!gzip.write(`${line}\n`)) await Promise.race([once(gzip, 'drain').catch(() => written), written]);
  };
  const put = async (line: string): Promise<void> => {
    digest.update(`${line}\n`);
    await write(line);
  };
  try {
    await put(JSON.stringify(backupHeader(created)));
    await driver.snapshot(async (connection) => {
      const session = openSession(driver.dialect, connection);
      for (const { table, key } of backupTables) {
        for await (const row of allRows(session, table, key)) {
          await put(rowLine(table, row));
          rows++;
        }
      }
    });
    await write(JSON.stringify({ end: true, rows, mac: keyring.mac('server-backup', digest.digest('hex')) }));
    gzip.end();
    await written;
    await flush(partial);
    renameSync(partial, file);
    syncDirectory(dirname(file));
    return rows;
  } catch (error) {
    gzip.destroy();
    await written.catch(() => {});
    rmSync(partial, { force: true });
    throw error;
  }
}

/** Every row of a table by its primary key, a page at a time. Table and column names come from our own list. */
async function* allRows(
  session: Session,
  table: string,
  key: readonly string[],
): AsyncGenerator<Record<string, Value>> {
  const columns = key.join(', ');
  let last: Value[] | null = null;
  for (;;) {
    const marks = key.map((_, index) => (session.dialect === 'sqlite' ? '?' : `$${index + 1}`)).join(', ');
    const where: string = last ? `where (${columns}) > (${marks})` : '';
    const sql: string = `select * from ${table} ${where} order by ${columns} limit ${PAGE}`;
    const result: Result<Record<string, Value>> = await session.run<Record<string, Value>>(sql, last ?? []);
    yield* result.rows;
    if (result.rows.length < PAGE) return;
    const end: Record<string, Value> = result.rows[result.rows.length - 1]!;
    last = key.map((column) => end[column]!);
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync();
  await file.close();
}
