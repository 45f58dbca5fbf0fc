import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '../../base/files.ts';
import { errorCode } from '../command.ts';

/** A file that a server reads. */
export interface Delivery {
  readonly path: string;
  readonly content: Buffer;
  /** Permission bits. */
  readonly mode: number;
  /** User and group that own it; null: whoever runs the command. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
}

/** Whether the file is there already with this content, for whom it is meant alone. */
export function isDelivered({ path, content, mode, owner }: Delivery): boolean {
  try {
    const found = statSync(path);
    const isTheirs = owner === null || (found.uid === owner.uid && found.gid === owner.gid);
    return isTheirs && (found.mode & 0o7777) === mode && readFileSync(path).equals(content);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Writes the file as a whole: readers see the old content or the new, also after a power cut, and nobody sees it with other
 * permissions than its own.
 * @throws the system's error; the file is then as it was
 */
export function deliver({ path, content, mode, owner }: Delivery): void {
  const temporary = `${path}.${process.pid}.new`;
  rmSync(temporary, { force: true });
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      for (let written = 0; written < content.length; ) written += writeSync(file, content, written);
      if (owner) fchownSync(file, owner.uid, owner.gid);
      // After the owner: changing it takes bits away.
      fchmodSync(file, mode);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}
