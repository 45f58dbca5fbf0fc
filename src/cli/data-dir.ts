import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type CommandArguments, CommandError, type CommandIo, errorCode, textOption } from './command.ts';
import { shellWord } from './shell-text.ts';

/** The option by which every command finds the data directory. */
export const dataDirOption = { 'data-dir': { type: 'string' } } as const;

/** The line of a command's usage for it. */
export const DATA_DIR_USAGE =
  '  --data-dir DIR      data directory (default: $STRONGROOM_DATA_DIR, else ./.strongroom)';

/** What a running server says of itself in `runtime.json`. */
export interface Runtime {
  readonly pid: number;
  readonly version: string;
  /** Port of the HTTPS listener. */
  readonly port: number;
  /** Port of the managed-identity endpoint, plain HTTP on loopback; null where it is off. */
  readonly imdsPort: number | null;
  readonly domain: string;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  /** Names of the vaults there were when the file was written. */
  readonly vaults: readonly string[];
  readonly tenantId: string;
  readonly subscriptionId: string;
  /** The administrator's client id; null where there is none any more. */
  readonly clientId: string | null;
  /** Resource id of the virtual machine that the managed identity endpoint stands for; null from a server that does not say. */
  readonly machineResourceId: string | null;
}

/** The administrator's credentials, as the first start leaves them in `administrator.json`. */
export interface Administrator {
  readonly tenantId: string;
  readonly clientId: string;
  /** A secret: never logged, and printed only where the user asks for it. */
  readonly clientSecret: string;
}

/** The absolute path of the data directory: `--data-dir`, else STRONGROOM_DATA_DIR, else `./.strongroom`. */
export function dataDirOf(args: CommandArguments, io: CommandIo): string {
  return resolve(textOption(args, 'data-dir') || io.env['STRONGROOM_DATA_DIR'] || '.strongroom');
}

/** A command line to suggest, which reaches the same data directory as the present one does. */
export function suggestCommand(args: CommandArguments, words: string): string {
  const given = textOption(args, 'data-dir');
  return `strongroom ${words}${given ? ` --data-dir ${shellWord(given)}` : ''}`;
}

/** The present command line again, for an administrator, with the data directory spelled out: sudo drops variables. */
export function suggestAsRoot(args: CommandArguments, io: CommandIo, name: string): string {
  const words = ['sudo', 'strongroom', name];
  const values: CommandArguments['values'] = { ...args.values, 'data-dir': dataDirOf(args, io) };
  for (const [option, value] of Object.entries(values)) {
    if (value === true) words.push(`--${option}`);
    for (const text of Array.isArray(value) ? value : [value]) {
      if (typeof text === 'string') words.push(`--${option}`, shellWord(text));
    }
  }
  return words.join(' ');
}

/** Where the server's certificate authority lies; there is no such file where the operator brought a certificate. */
export function authorityPath(dataDir: string): string {
  return join(dataDir, 'ca.pem');
}

/** The server's certificate authority as PEM, or null where there is none. */
export function readAuthority(dataDir: string): string | null {
  return readText(authorityPath(dataDir));
}

/**
 * What the running server wrote about itself, or null where none is running. The file outlives a killed server: it
 * proves nothing about the present.
 * @throws CommandError where the file is unreadable or damaged
 */
export function readRuntime(dataDir: string): Runtime | null {
  const path = join(dataDir, 'runtime.json');
  const found = readObject(path);
  if (!found) return null;
  const field = new Fields(path, found);
  return {
    pid: field.integer('pid', 1, 2 ** 31 - 1),
    version: field.text('version'),
    port: field.integer('port', 1, 65_535),
    imdsPort: field.isAbsent('imdsPort') ? null : field.integer('imdsPort', 1, 65_535),
    domain: field.text('domain'),
    startedAt: field.text('startedAt'),
    vaults: field.texts('vaults'),
    tenantId: field.text('tenantId'),
    subscriptionId: field.text('subscriptionId'),
    clientId: field.isAbsent('clientId') ? null : field.text('clientId'),
    machineResourceId: field.isAbsent('machineResourceId') ? null : field.text('machineResourceId'),
  };
}

/**
 * The running server's runtime file.
 * @throws CommandError with exit code 3 where there is none
 */
export function requireRuntime(dataDir: string, args: CommandArguments): Runtime {
  const runtime = readRuntime(dataDir);
  if (runtime) return runtime;
  throw new CommandError(`Strongroom is not running on ${dataDir}. Start it: ${suggestCommand(args, 'start')}`, 3);
}

/**
 * The administrator's credentials, or null where the operator has deleted them.
 * @throws CommandError where the file is unreadable or damaged; the message never holds its content
 */
export function readAdministrator(dataDir: string): Administrator | null {
  const path = join(dataDir, 'administrator.json');
  const found = readObject(path);
  if (!found) return null;
  const field = new Fields(path, found);
  return {
    tenantId: field.text('tenantId'),
    clientId: field.text('clientId'),
    clientSecret: field.text('clientSecret'),
  };
}

/** The address of one of the server's hosts, without the port where it is the usual one and without a final slash. */
export function hostUrl(host: string, runtime: Pick<Runtime, 'domain' | 'port'>): string {
  return `https://${host}.${runtime.domain}${runtime.port === 443 ? '' : `:${runtime.port}`}`;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    const reason = code === 'EACCES' || code === 'EPERM' ? 'it belongs to another user' : (code ?? 'unknown error');
    throw new CommandError(`${path} cannot be read: ${reason}.`, 1, { cause: error });
  }
}

function readObject(path: string): Record<string, unknown> | null {
  const text = readText(path);
  if (text === null) return null;
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Without its cause: a JSON error quotes the text, which may be a secret.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CommandError(`${path} is damaged: it is not a JSON object.`);
  }
  return value as Record<string, unknown>;
}

/** Reads fields of a known type; the error names file and field, never the value. */
class Fields {
  readonly #path: string;
  readonly #source: Record<string, unknown>;

  constructor(path: string, source: Record<string, unknown>) {
    this.#path = path;
    this.#source = source;
  }

  isAbsent(name: string): boolean {
    return this.#source[name] === undefined || this.#source[name] === null;
  }

  text(name: string): string {
    const value = this.#source[name];
    return typeof value === 'string' && value !== '' ? value : this.#fail(name);
  }

  texts(name: string): string[] {
    const value = this.#source[name];
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : this.#fail(name);
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#source[name];
    return Number.isInteger(value) && Number(value) >= least && Number(value) <= most
      ? Number(value)
      : this.#fail(name);
  }

  #fail(name: string): never {
    throw new CommandError(`${this.#path} is damaged: "${name}" is missing or not what it should be.`);
  }
}
