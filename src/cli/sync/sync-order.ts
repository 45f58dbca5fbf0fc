import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  errorCode,
  flagOption,
  textOption,
} from '../command.ts';
import type { VaultPlace } from './vault-client.ts';

/** What is brought where, and what runs after a change. */
export interface SyncOrder {
  readonly place: VaultPlace;
  /** Name of the certificate. */
  readonly name: string;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** Certificate, chain and key in one file, as HAProxy reads them. */
  readonly pemFile: string | null;
  readonly pkcs12: { readonly file: string; readonly passwordFile: string } | null;
  /** Permission bits of the files that hold the key. */
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** Program and arguments; empty: nothing is run. */
  readonly reload: readonly string[];
  /** Where it is noted what was reloaded last. */
  readonly noteFile: string;
  /** Seconds between looks; null: one look. */
  readonly watchSeconds: number | null;
}

/** The options of `strongroom certificates sync`. */
export const syncOptions = {
  'vault-url': { type: 'string' },
  name: { type: 'string' },
  'ca-file': { type: 'string' },
  'cert-file': { type: 'string' },
  'key-file': { type: 'string' },
  'pem-file': { type: 'string' },
  'pkcs12-file': { type: 'string' },
  'password-file': { type: 'string' },
  mode: { type: 'string' },
  owner: { type: 'string' },
  'note-file': { type: 'string' },
  watch: { type: 'boolean' },
  interval: { type: 'string' },
} as const;

const HOUR_SECONDS = 3600;

/**
 * What the command line asks for; what comes after `--` is the reload command.
 * @throws CommandError
 */
export function syncOrderOf(args: CommandArguments, reload: readonly string[], io: CommandIo): SyncOrder {
  const path = (option: string) => {
    const text = textOption(args, option);
    return text ? resolve(text) : null;
  };
  const [certFile, keyFile, pemFile] = [path('cert-file'), path('key-file'), path('pem-file')];
  const pkcs12 = pkcs12Of(path('pkcs12-file'), path('password-file'));
  const first = certFile ?? keyFile ?? pemFile ?? pkcs12?.file;
  if (!first) wrong('Name a file to write: --cert-file and --key-file, --pem-file, or --pkcs12-file.');
  if ((certFile === null) !== (keyFile === null)) wrong('--cert-file and --key-file go together.');
  return {
    place: placeOf(args, io, path('ca-file')),
    name: nameOf(textOption(args, 'name')),
    certFile,
    keyFile,
    pemFile,
    pkcs12,
    mode: modeOf(textOption(args, 'mode')),
    owner: ownerOf(textOption(args, 'owner')),
    reload,
    noteFile: path('note-file') ?? `${first}.synced`,
    watchSeconds: flagOption(args, 'watch') ? secondsOf(textOption(args, 'interval')) : null,
  };
}

function placeOf(args: CommandArguments, io: CommandIo, caFile: string | null): VaultPlace {
  const text = textOption(args, 'vault-url') ?? io.env['AZURE_KEYVAULT_URL'] ?? '';
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'https:' || url.username !== '' || url.pathname !== '/') {
    return wrong('--vault-url (or AZURE_KEYVAULT_URL) must be an https URL: https://NAME.vault.DOMAIN');
  }
  const trusted = caFile ?? io.env['NODE_EXTRA_CA_CERTS'] ?? null;
  try {
    return { url: url.origin, authorityPem: trusted === null ? null : readFileSync(trusted, 'utf8') };
  } catch (error) {
    throw new CommandError(`${trusted} cannot be read: ${errorCode(error)}.`);
  }
}

function nameOf(name: string | undefined): string {
  if (name !== undefined && /^[0-9a-zA-Z-]{1,127}$/.test(name)) return name;
  return wrong('--name is the name of a certificate: letters, digits and hyphens.');
}

function pkcs12Of(file: string | null, passwordFile: string | null): SyncOrder['pkcs12'] {
  if (file === null && passwordFile === null) return null;
  if (file !== null && passwordFile !== null) return { file, passwordFile };
  return wrong('--pkcs12-file and --password-file go together.');
}

/** Nobody but owner and group may ever read a key. */
function modeOf(text = '0600'): number {
  return /^0?[46][046]0$/.test(text) ? Number.parseInt(text, 8) : wrong('--mode is 0600, 0640, 0400 or the like.');
}

function ownerOf(text: string | undefined): SyncOrder['owner'] {
  if (text === undefined) return null;
  const [, uid, gid] = /^(\d{1,9}):(\d{1,9})$/.exec(text) ?? [];
  if (uid === undefined || gid === undefined) return wrong('--owner is two numbers: "$(id -u nginx):$(id -g nginx)"');
  return { uid: Number(uid), gid: Number(gid) };
}

function secondsOf(text = String(HOUR_SECONDS)): number {
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return seconds >= 1 ? seconds : wrong('--interval is in seconds, 1 or more.');
}

function wrong(message: string): never {
  throw new CommandError(message, EXIT_USAGE);
}
