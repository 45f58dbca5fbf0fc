import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const STOP_TIMEOUT_MS = 20_000;
const children = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a module of this folder as a process that takes messages; it dies with this one at the latest. */
export function startModule(file: string): ChildProcess {
  return keep(fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: [] }));
}

/**
 * Starts a Node program with the runtime of this process; it dies with this one at the latest. Its standard output is
 * dropped, for a first start prints a client secret there; its standard error can be read.
 */
export function startProgram(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  return keep(spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] }));
}

/**
 * Ends a process with SIGTERM and waits until it is gone.
 * @throws Error when it is still there after 20 seconds; it is then killed
 */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
  child.kill('SIGTERM');
  try {
    await exit;
  } catch {
    child.kill('SIGKILL');
    throw new Error('a process did not end within 20 s after SIGTERM');
  }
}

function keep(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}
