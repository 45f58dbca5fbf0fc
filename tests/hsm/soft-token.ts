import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A token of SoftHSM in a folder of its own, with what a server needs to use it. */
export interface SoftToken {
  readonly label: string;
  readonly pin: string;
  readonly folder: string;
  /** The setting `pkcs11`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The variables by which the module finds the token. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes a configuration file with the setting. */
  config(more?: Readonly<Record<string, unknown>>): string;
  /** Takes the token away, as somebody who pulls it out. */
  takeAway(): void;
  putBack(): void;
  /** What `pkcs11-tool` says. @throws where it ends with an error, unless `mayFail` */
  tool(args: readonly string[], options?: { readonly mayFail?: boolean }): string;
  remove(): void;
}

const modules = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/softhsm/libsofthsm2.so'];
const root = new URL('../..', import.meta.url).pathname;

/** The PKCS #11 library of SoftHSM. */
export const softModule = modules.find((path) => existsSync(path)) ?? modules[0]!;

/** Where `tests/compat/install-pkcs11.sh` puts the binding. */
export const bindingDirectory = join(process.env['STRONGROOM_CACHE'] ?? join(root, '.cache'), 'pkcs11');

/** Whether that script has run. */
export const isInstalled = existsSync(join(bindingDirectory, 'installed')) && existsSync(softModule);

/** The PIN of the security officer of such tokens. */
export const officerPin = 'so-12345678';

/** Makes a token. */
export function makeSoftToken(label = 'strongroom-test'): SoftToken {
  if (!isInstalled) throw new Error('There is no token here: run sh tests/compat/install-pkcs11.sh');
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-token-'));
  const tokens = join(folder, 'tokens');
  const away = join(folder, 'away');
  const pin = `pin-canary-${Math.floor(1e9 * Math.random())}`;
  mkdirSync(tokens);
  const conf = join(folder, 'softhsm2.conf');
  writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const pinFile = join(folder, 'pin');
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  const env = { SOFTHSM2_CONF: conf };
  const run = (command: string, args: readonly string[]) =>
    execFileSync(command, args, {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  run('softhsm2-util', ['--init-token', '--free', '--label', label, '--so-pin', officerPin, '--pin', pin]);
  const settings = { module: softModule, token: label, pinFile, bindingDirectory };
  return {
    label,
    pin,
    folder,
    settings,
    env,
    config: (more = {}) => {
      const path = join(folder, 'config.json');
      writeFileSync(path, JSON.stringify({ pkcs11: settings, ...more }));
      return path;
    },
    takeAway: () => renameSync(tokens, away),
    putBack: () => {
      // Whoever looked for the token meanwhile may have made the empty folder anew.
      rmSync(tokens, { recursive: true, force: true });
      renameSync(away, tokens);
    },
    tool: (args, { mayFail = false } = {}) => {
      try {
        return run('pkcs11-tool', ['--module', softModule, '--token-label', label, '--login', '--pin', pin, ...args]);
      } catch (error) {
        if (!mayFail) throw error;
        const { stdout, stderr } = error as { stdout: string; stderr: string };
        return `${stdout}${stderr}`;
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
