import { parseArgs } from 'node:util';
import { type Command, CommandError, EXIT_USAGE } from './cli/command.ts';

const commands: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  start: () => import('./cli/start.ts'),
  status: () => import('./cli/status.ts'),
  env: () => import('./cli/env.ts'),
  az: () => import('./cli/az.ts'),
  trust: () => import('./cli/trust.ts'),
  hosts: () => import('./cli/hosts.ts'),
  clock: () => import('./cli/clock.ts'),
  'signing-keys': () => import('./cli/signing-keys.ts'),
  'encryption-keys': () => import('./cli/encryption-keys.ts'),
  seal: () => import('./cli/seal.ts'),
  unseal: () => import('./cli/unseal.ts'),
  selftest: () => import('./cli/selftest.ts'),
  token: () => import('./cli/token.ts'),
  certificates: () => import('./cli/certificates.ts'),
  explain: () => import('./cli/explain.ts'),
  access: () => import('./cli/access.ts'),
  vault: () => import('./cli/vault.ts'),
  audit: () => import('./cli/audit.ts'),
  backup: () => import('./cli/backup.ts'),
  restore: () => import('./cli/restore.ts'),
};

/** Faults that carry a message for the operator; anything else is a fault of ours and shows where. */
const operatorFaults = /^(store|seal|audit|listen|config|backup)-/;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === '--version' || name === 'version') {
    const { version } = await import('./version.ts');
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const load = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) return listCommands(name);
  const { command } = await load();
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${command.usage}\n`);
    return 0;
  }
  try {
    const args = parseArgs({ args: rest, options: command.options, allowPositionals: true, strict: true });
    return await command.run(args as never, {
      stdout: (line) => process.stdout.write(`${line}\n`),
      stderr: (line) => process.stderr.write(`${line}\n`),
      env: process.env,
    });
  } catch (error) {
    return report(command, error);
  }
}

function report(command: Command, error: unknown): number {
  const { code, message } = error as { code?: string; message?: string };
  if (error instanceof CommandError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  if (code?.startsWith('ERR_PARSE_ARGS')) {
    process.stderr.write(`${message}\n\n${command.usage}\n`);
    return EXIT_USAGE;
  }
  if (code !== undefined && operatorFaults.test(code)) {
    process.stderr.write(`${message}\n`);
    return 1;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}

async function listCommands(name: string | undefined): Promise<number> {
  const isHelp = name === undefined || name === 'help' || name === '--help' || name === '-h';
  const write = (line: string) => (isHelp ? process.stdout : process.stderr).write(`${line}\n`);
  if (!isHelp) write(`There is no command '${name}'.\n`);
  write('strongroom COMMAND [OPTIONS]   (each command has --help)\n');
  for (const load of Object.values(commands)) {
    const { command } = await load();
    write(`  ${command.name.padEnd(12)} ${command.summary}`);
  }
  return isHelp ? 0 : EXIT_USAGE;
}
