import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes that an address of a UNIX socket may have on every system (104 on macOS, 108 on Linux, its end included). */
const MOST = 103;

/** The address of a UNIX socket. */
export interface SocketPath {
  readonly path: string;
  /** To be called when nobody uses the address any more. */
  release(): void;
}

/**
 * The address of a UNIX socket in a directory, whose path may be longer than an address may be: Linux then finds the directory by a
 * file descriptor. Null where neither is possible.
 */
export function socketPath(directory: string, name: string): SocketPath | null {
  const path = join(directory, name);
  if (Buffer.byteLength(path) <= MOST) return { path, release: () => {} };
  if (process.platform !== 'linux') return null;
  const file = openSync(directory, 'r');
  return { path: `/proc/self/fd/${file}/${name}`, release: () => closeSync(file) };
}
