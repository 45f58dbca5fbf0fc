import { type ChildProcess, execFile } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ServerIdentity, selfSignedIdentity } from './certificate.ts';
import { startModule, stopChild } from './children.ts';
import type { SingleAnswer } from './https-request.ts';
import type { Slice } from './load-plan.ts';

/** What a bare server is told once, at its start. */
export interface BareServerOrder extends ServerIdentity {
  readonly answer: SingleAnswer;
}

/** A running bare server. */
export interface BareServer {
  readonly port: number;
  readonly pid: number;
  readonly hostname: string;
  readonly authority: string;
  stop(): Promise<void>;
}

const HOSTNAME = 'bare.vault.localhost';
const BLOCK_BYTES = 4096;

/** Starts node:https in a process of its own, answering everything with `answer`: what any server here could reach. */
export async function startBareServer(answer: SingleAnswer): Promise<BareServer> {
  const identity = await selfSignedIdentity(HOSTNAME);
  const child = startModule('bare-server.ts');
  const listening = Promise.withResolvers<number>();
  child.once('message', (port: number) => listening.resolve(port));
  child.once('exit', () => listening.reject(new Error('the bare server died')));
  child.send({ ...identity, answer } satisfies BareServerOrder);
  const port = await listening.promise;
  return { port, pid: pidOf(child), hostname: HOSTNAME, authority: identity.certificate, stop: () => stopChild(child) };
}

/**
 * How often in that time this disk takes 4 KiB at the end of a file and makes it durable (fdatasync), one after the other.
 * Blocks the thread for `milliseconds`.
 * @param directory where the file is made and removed; on the disk that is to be measured
 */
export function measureSyncs(directory: string, milliseconds: number): Slice {
  const file = join(directory, 'sync-rate');
  const descriptor = openSync(file, 'w', 0o600);
  const block = Buffer.alloc(BLOCK_BYTES, 0x55);
  const openedAt = performance.now();
  let syncs = 0;
  try {
    while (performance.now() - openedAt < milliseconds) {
      writeSync(descriptor, block);
      fdatasyncSync(descriptor);
      syncs += 1;
    }
    return { requests: syncs, seconds: (performance.now() - openedAt) / 1e3 };
  } finally {
    closeSync(descriptor);
    rmSync(file);
  }
}

/**
 * How many private operations `openssl speed` does a second on that many processes, in one second of it.
 * @param algorithm `rsa2048` or `ecdsap256`
 * @throws Error where there is no openssl, or what it prints is not understood
 */
export async function measureOpenssl(algorithm: string, processes: number): Promise<Slice> {
  const args = ['speed', '-multi', String(processes), '-seconds', '1', algorithm];
  const { stdout } = await promisify(execFile)('openssl', args, { timeout: 60_000 });
  const lines = stdout.trim().split('\n');
  const columns = lines.at(-2)?.trim().split(/\s+/) ?? [];
  const figures = lines.at(-1)?.trim().split(/\s+/) ?? [];
  const rate = Number(figures[figures.length - columns.length + columns.indexOf('sign/s')]);
  if (!(rate > 0)) throw new Error(`openssl speed printed what is not understood: ${stdout.slice(-300)}`);
  return { requests: rate, seconds: 1 };
}

/** The id of a process that was started. @throws Error when it could not be */
export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('a process could not be started');
  return child.pid;
}
