import { spawn } from 'node:child_process';
import { CommandError } from '../command.ts';

const LIMIT_MS = 60_000;

/**
 * Runs the reload command, without a shell, with this command's own output; credentials of the sign-in are not among its variables.
 * @throws CommandError where it cannot be run, fails, or takes more than a minute
 */
export function runReload(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const [program, ...args] = command as [string, ...string[]];
  const plain = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(AZURE_|IDENTITY_|STRONGROOM_)/.test(name)),
  );
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new CommandError(`The reload command ${program} ${reason}.`));
    const child = spawn(program, args, {
      env: plain,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    child.on('error', (error: NodeJS.ErrnoException) => fail(`cannot be run: ${error.code}`));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else fail(signal ? 'was ended after a minute' : `ended with exit code ${code}`);
    });
  });
}
