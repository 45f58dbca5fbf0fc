import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TokenSelector } from './messages.ts';
import type { TokenSettings } from './token.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const known = [
  'module',
  'token',
  'serial',
  'slot',
  'pinFile',
  'pinEnv',
  'sessions',
  'timeoutSeconds',
  'bindingDirectory',
  'backupKey',
] as const;
const MAX_PIN_BYTES = 256;

/**
 * Reads the setting `pkcs11`. The PIN is not read here, but at each connection.
 * @param environment the variables of the process; the one that holds the PIN is kept from the module's process
 */
export function readTokenSettings(
  value: unknown,
  environment: Environment,
): { readonly settings: TokenSettings } | { readonly fault: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { fault: 'it must be an object' };
  const given = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(given).find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) return { fault: `it has no member ${unknown}` };
  const { module, pinFile, pinEnv } = given;
  if (typeof module !== 'string' || !isAbsolute(module)) return { fault: 'module must be the path of a library' };
  const selector = readSelector(given);
  if (typeof selector === 'string') return { fault: selector };
  if ((pinFile === undefined) === (pinEnv === undefined)) return { fault: 'it needs either pinFile or pinEnv' };
  const { bindingDirectory, backupKey } = given;
  for (const [name, text] of Object.entries({ pinFile, pinEnv, bindingDirectory, backupKey })) {
    if (text !== undefined && (typeof text !== 'string' || text === '')) return { fault: `${name} must be a text` };
  }
  const sessions = given['sessions'] ?? 4;
  if (!isWithin(sessions, 1, 64)) return { fault: 'sessions must be 1 to 64' };
  const timeoutSeconds = given['timeoutSeconds'] ?? 60;
  if (!isWithin(timeoutSeconds, 1, 600)) return { fault: 'timeoutSeconds must be 1 to 600' };
  const { [String(pinEnv ?? '')]: _, ...rest } = environment;
  return {
    settings: {
      module,
      selector,
      readPin: () => (pinEnv === undefined ? readPinFile(pinFile as string) : pinOf(pinEnv as string, environment)),
      sessions,
      timeoutSeconds,
      bindingDirectory: resolve((bindingDirectory as string | undefined) ?? projectDirectory()),
      backupKey: (backupKey as string | undefined) ?? null,
      environment: rest,
    },
  };
}

function readSelector({ token, serial, slot }: Readonly<Record<string, unknown>>): TokenSelector | string {
  if ([token, serial, slot].filter((one) => one !== undefined).length !== 1) {
    return 'it needs one of token (a label), serial and slot';
  }
  if (slot !== undefined) return isWithin(slot, 0, 1023) ? { slot } : 'slot must be 0 to 1023';
  const text = token ?? serial;
  if (typeof text !== 'string' || text.trim() === '' || text.length > 64) {
    return 'token and serial must be texts of 1 to 64 characters';
  }
  return token === undefined ? { serial: text.trim() } : { label: text.trim() };
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** The PIN in a file of mode 0600. @throws Error whose message names the file and what to do */
export function readPinFile(path: string): string {
  let text: string;
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new Error(`other users can read it: chmod 600 ${path}`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`The PIN file ${path} cannot be used: ${(error as Error).message}.`);
  }
  return checked(text.replace(/\r?\n$/, ''), `The file ${path}`);
}

function pinOf(name: string, environment: Environment): string {
  return checked(environment[name] ?? '', `The variable ${name}`);
}

function checked(pin: string, holder: string): string {
  if (pin !== '' && Buffer.byteLength(pin) <= MAX_PIN_BYTES) return pin;
  throw new Error(`${holder} must hold the PIN of the key token, 1 to ${MAX_PIN_BYTES} bytes.`);
}

/** Where this package lies: `src/` or `dist/` is two levels up. */
function projectDirectory(): string {
  return fileURLToPath(new URL('../../..', import.meta.url));
}
