import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '../base/files.ts';
import { errorCode } from './command.ts';

/**
 * Rewrites a file of the system's: readers see the old content or the new, owner and mode stay, a symbolic link is
 * followed. A file that cannot be replaced because it is a mount of its own (`/etc/hosts` in most containers) is
 * overwritten in place instead. Content is bytes, as Latin-1: what `change` leaves alone stays as it is in any encoding.
 * @returns whether anything changed
 * @throws the system's error, and what `change` throws; the file is then as it was
 */
export function rewriteFile(path: string, change: (content: string) => string): boolean {
  const target = realpathSync(path);
  const before = readFileSync(target, 'latin1');
  const after = change(before);
  if (after === before) return false;
  const bytes = Buffer.from(after, 'latin1');
  try {
    replace(target, bytes);
  } catch (error) {
    if (!['EBUSY', 'EXDEV'].includes(errorCode(error) ?? '')) throw error;
    overwrite(target, bytes);
  }
  return true;
}

function replace(target: string, bytes: Buffer): void {
  const model = openSync(target, 'r');
  const temporary = `${target}.strongroom-${process.pid}`;
  try {
    const { mode, uid, gid } = fstatSync(model);
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeAll(file, bytes);
      fchownSync(file, uid, gid);
      // After the owner: changing it takes set-id bits away.
      fchmodSync(file, mode & 0o7777);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(model);
  }
  syncDirectory(dirname(target));
}

function overwrite(target: string, bytes: Buffer): void {
  const file = openSync(target, 'r+');
  try {
    writeAll(file, bytes);
    ftruncateSync(file, bytes.length);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(file, bytes, written, bytes.length - written, written);
  }
}
