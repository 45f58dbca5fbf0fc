import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreFault } from '../fault.ts';

/** A lock that is held until it is released or the process ends. */
export interface DirectoryLock {
  release(): void;
}

const BUSY = 5;

/**
 * Takes the data directory for this process: through SQLite's exclusive lock on the file `lock` in it, which the operating
 * system gives up with the process however that ends, so that there is never a stale one. The file itself stays and is empty.
 * While the lock is held nothing else in the process may open that file: closing it would give the lock up (POSIX fcntl).
 *
 * @param directory a directory that exists
 * @throws StoreFault `store-busy` naming the directory where another holds it, `store-unreachable` where the file is of no use
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, 'lock');
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // In memory: a journal beside the file would be left by a kill.
    database.exec('pragma journal_mode = memory; pragma locking_mode = exclusive; begin exclusive');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === BUSY) throw inUse(directory, error);
    throw new StoreFault('store-unreachable', `The lock file ${path} cannot be used: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  const held = database;
  return {
    release() {
      if (held.isOpen) held.close();
    },
  };
}

function inUse(directory: string, cause: unknown): StoreFault {
  const pid = runningProcess(directory);
  const holder = pid === null ? 'another process' : `another process (pid ${pid})`;
  return new StoreFault('store-busy', `The data directory ${directory} is in use by ${holder}.`, { cause });
}

/** The process id that the server leaves in `runtime.json`, or null where that cannot be read. */
function runningProcess(directory: string): number | null {
  try {
    const { pid } = JSON.parse(readFileSync(join(directory, 'runtime.json'), 'utf8')) as { pid?: unknown };
    return Number.isSafeInteger(pid) ? (pid as number) : null;
  } catch {
    return null;
  }
}
