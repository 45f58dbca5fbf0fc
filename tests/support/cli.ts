import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { POSTGRES_CONFIG } from './server.ts';

/** How a command ended and what it said. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = new URL('../..', import.meta.url).pathname;

/** Runs `strongroom` with these arguments to its end, in a process of its own. */
export function strongroom(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['bin/strongroom.mjs', ...args, ...configOf(args)], {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A command that ends without reading what it is given closes the pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Commands that open the store themselves need to be told where it is, if it is on PostgreSQL. */
function configOf(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--data-dir');
  if (at < 0 || args.includes('--config') || !/^(explain|audit|backup|restore|start)$/.test(args[0] ?? '')) return [];
  const config = join(args[at + 1] ?? '', POSTGRES_CONFIG);
  return existsSync(config) ? ['--config', config] : [];
}
