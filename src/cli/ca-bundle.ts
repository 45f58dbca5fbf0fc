import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, rootCertificates } from 'node:tls';
import { replaceFile } from '../base/files.ts';
import { CommandError, errorCode } from './command.ts';
import { authorityPath, readAuthority } from './data-dir.ts';

/** Where systems keep their authorities as one file of PEM blocks: the first that exists is taken. */
export const SYSTEM_BUNDLES: readonly string[] = [
  // Debian, Ubuntu, Alpine, Arch
  '/etc/ssl/certs/ca-certificates.crt',
  // Fedora, RHEL
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  // openSUSE
  '/etc/ssl/ca-bundle.pem',
  // macOS, BSD
  '/etc/ssl/cert.pem',
];

/** Variables that make a client trust one file instead of the system's. */
export const BUNDLE_VARIABLES: readonly string[] = ['REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE'];

const BLOCK = /-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Writes `ca-bundle.pem` into the data directory, where it is not up to date: the system's authorities, those of files
 * that the environment already names (a company's proxy, say), and Strongroom's own.
 * @param env the environment whose bundle variables are carried over
 * @returns the file's path, or null where the server has no authority of its own
 * @throws CommandError where it cannot be written
 */
export function writeCaBundle(
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
  systemBundles: readonly string[] = SYSTEM_BUNDLES,
): string | null {
  const own = readAuthority(dataDir);
  if (own === null) return null;
  const path = join(dataDir, 'ca-bundle.pem');
  const system = systemBundles.find((file) => timeOf(file) !== null);
  const named = [...new Set(BUNDLE_VARIABLES.map((name) => env[name]))].filter(
    (file): file is string => file !== undefined && file !== '' && file !== path && file !== system,
  );
  const ownBlocks = blocksOf(own);
  if (named.length === 0 && isUpToDate(path, [authorityPath(dataDir), system], ownBlocks)) return path;
  const base = system === undefined ? machineAuthorities() : blocksOf(readIfThere(system));
  const blocks = new Set([...base, ...named.flatMap((file) => blocksOf(readIfThere(file))), ...ownBlocks]);
  try {
    replaceFile(path, `${[...blocks].join('\n')}\n`, 0o644);
  } catch (error) {
    throw new CommandError(`${path} cannot be written (${errorCode(error) ?? 'unknown error'}).`, 1, { cause: error });
  }
  return path;
}

/**
 * Newer than its sources, and with today's authority in it. A shell that has the variables set already names this very
 * file, so what was carried over from another one stays.
 */
function isUpToDate(path: string, sources: readonly (string | undefined)[], own: readonly string[]): boolean {
  const time = timeOf(path);
  if (time === null) return false;
  if (sources.some((file) => file !== undefined && (timeOf(file) ?? 0) > time)) return false;
  const present = new Set(blocksOf(readIfThere(path)));
  return own.every((block) => present.has(block));
}

/** Where there is no bundle file: what the system's store holds as far as Node reads it, else Mozilla's list in Node. */
function machineAuthorities(): string[] {
  const system = getCACertificates('system');
  return (system.length > 0 ? system : [...rootCertificates]).flatMap(blocksOf);
}

/** Each certificate once, with line feeds only, so that equal ones are equal text. */
function blocksOf(pem: string): string[] {
  return (pem.match(BLOCK) ?? []).map((block) => block.replace(/\r/g, ''));
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function timeOf(path: string): number | null {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return null;
  }
}
