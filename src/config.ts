import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DAY } from './base/text.ts';
import { type AuthoritySetting, readAuthorities } from './certificates/issuers/authorities.ts';
import { readTokenSettings } from './crypto/pkcs11/settings.ts';
import type { TokenSettings } from './crypto/pkcs11/token.ts';
import type { EncryptionKeyPolicy } from './crypto/rotation-job.ts';
import { type SealKind, sealKinds } from './crypto/seals/description.ts';
import type { KeyPolicy } from './identity/key-schedule.ts';
import { readTrustedIssuers, type TrustedIssuer } from './identity/trusted-issuers.ts';
import { type MailSetting, readMail } from './notify/mail-setting.ts';

/** How one installation is run; see docs/operations.md. */
export interface Config {
  readonly dataDir: string;
  readonly domain: string;
  /** Port of the HTTPS listener; 0 takes a free one. */
  readonly port: number;
  /** Port of the managed identity endpoint (plain HTTP on loopback); null turns it off. */
  readonly imdsPort: number | null;
  /** Addresses of the HTTPS listener. */
  readonly addresses: readonly string[];
  /** Addresses of the managed identity endpoint: loopback, or 169.254.169.254 where it was added to this machine. */
  readonly imdsAddresses: readonly string[];
  /** Resource id of the registered virtual machine that the endpoint stands for; null for the one of the first start. */
  readonly machineResourceId: string | null;
  readonly store: { readonly kind: 'sqlite' } | { readonly kind: 'postgres'; readonly urlFile: string };
  /** What the root keys are sealed by. */
  readonly seal: { readonly kind: SealKind; readonly passphraseFile: string | null };
  /** Path of the seal key; `seal.key` in the data directory where not set. */
  readonly sealKeyFile: string;
  /** The token that holds keys of hardware types; null where there is none. */
  readonly pkcs11: TokenSettings | null;
  /** The operator's own certificate in place of the local authority's. */
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | null;
  /** Serve api-versions newer than the newest known one as that one. */
  readonly acceptNewerApiVersions: boolean;
  /** The issuers outside whose tokens federated credentials may believe. */
  readonly trustedIssuers: readonly TrustedIssuer[];
  /** The attestation services whose word keys may be released on. */
  readonly attestationAuthorities: readonly TrustedIssuer[];
  /** The authorities behind the certificates API that may be asked. */
  readonly certificateAuthorities: readonly AuthoritySetting[];
  /** Port of the answers about revocation (plain HTTP); null: nobody is answered. */
  readonly revocationPort: number | null;
  readonly revocationAddresses: readonly string[];
  /** The mail server that takes alarms; null: nobody is written to. */
  readonly mail: MailSetting | null;
  /** How the keys that sign tokens follow one another. */
  readonly keyPolicy: KeyPolicy;
  /** How root and vault keys follow one another. */
  readonly encryptionKeyPolicy: EncryptionKeyPolicy;
  /** Development alone: the clock may be moved forward. */
  readonly movableClock: boolean;
  /** What of the first start's resources is named how. */
  readonly first: {
    readonly subscription: string;
    readonly group: string;
    readonly vault: string;
    readonly location: string;
  };
}

/** A configuration that cannot be used; the message names the setting. */
export class ConfigFault extends Error {
  readonly code = 'config-invalid';
  constructor(message: string) {
    super(message);
    this.name = 'ConfigFault';
  }
}

/** What the command line sets; it comes before the file. */
export interface ConfigFlags {
  readonly dataDir: string;
  readonly configFile?: string | undefined;
  readonly port?: string | undefined;
  readonly imdsPort?: string | undefined;
  readonly domain?: string | undefined;
  readonly movableClock?: boolean | undefined;
  /** The variables of the process, of which the setting pkcs11 may name one. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_PORT = 8443;
const LOOPBACK = ['127.0.0.1', '::1'];

/**
 * Puts the configuration together: command line, then file, then defaults. Unknown settings are refused: a misspelt
 * restriction must not pass as none.
 * @throws ConfigFault
 */
export function readConfig(flags: ConfigFlags): Config {
  const file = new Settings(flags.configFile === undefined ? {} : readFile(flags.configFile), flags.configFile ?? '');
  const dataDir = resolve(flags.dataDir);
  // The file's settings are taken also where the command line overrules them: what is left over does not exist.
  const filePort = file.port('port');
  const fileDomain = file.text('domain');
  const fileMovable = file.flag('movableClock');
  const isImdsOff = file.isOff('imdsPort');
  const fileImdsPort = file.port('imdsPort');
  const port = portOf(flags.port, '--port') ?? filePort ?? DEFAULT_PORT;
  const imdsFlag = portOf(flags.imdsPort, '--imds-port');
  const domain = domainOf(flags.domain ?? fileDomain ?? 'localhost');
  const pkcs11 = tokenOf(file, flags.environment ?? {});
  const config: Config = {
    dataDir,
    domain,
    port,
    imdsPort: imdsFlag ?? (isImdsOff ? null : (fileImdsPort ?? (port === 0 ? 0 : port + 1))),
    addresses: file.texts('addresses') ?? LOOPBACK,
    imdsAddresses: loopbackOnly(file.texts('imdsAddresses') ?? LOOPBACK),
    machineResourceId: machineOf(file),
    store: storeOf(file),
    seal: sealOf(file, pkcs11),
    sealKeyFile: resolve(dataDir, file.text('sealKeyFile') ?? 'seal.key'),
    pkcs11,
    tls: tlsOf(file),
    acceptNewerApiVersions: file.flag('acceptNewerApiVersions') ?? false,
    trustedIssuers: issuersOf(file.list('trustedIssuers'), domain, 'trustedIssuers'),
    attestationAuthorities: authoritiesOf(file, domain),
    certificateAuthorities: certificateAuthoritiesOf(file),
    revocationPort: file.port('revocationPort') ?? null,
    revocationAddresses: file.texts('revocationAddresses') ?? LOOPBACK,
    mail: mailOf(file),
    keyPolicy: keyPolicyOf(file),
    encryptionKeyPolicy: {
      rootKeyFor: file.isOff('rootKeyDays') ? null : (file.integer('rootKeyDays', 1, 3650) ?? 365) * DAY,
      vaultKeyFor: file.isOff('vaultKeyDays') ? null : (file.integer('vaultKeyDays', 1, 3650) ?? 365) * DAY,
    },
    movableClock: flags.movableClock || (fileMovable ?? false),
    first: {
      subscription: file.text('firstSubscription') ?? 'Strongroom',
      group: file.text('firstGroup') ?? 'strongroom',
      vault: file.text('firstVault') ?? 'main-vault',
      location: file.text('firstLocation') ?? 'local',
    },
  };
  file.refuseRest();
  return config;
}

/**
 * The text of a file that a setting names.
 * @throws ConfigFault
 */
export function readNamedFile(path: string, setting: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigFault(`The file ${path} that ${setting} names cannot be read: ${(error as Error).message}.`);
  }
}

function readFile(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
    throw new ConfigFault(`The configuration ${path} cannot be read: ${reason}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigFault(`The configuration ${path} must be a JSON object.`);
  }
  return value as Record<string, unknown>;
}

function machineOf(file: Settings): string | null {
  const id = file.text('machineResourceId');
  if (id === undefined || /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/[^/]+\/[^/]+\/[^/]+$/i.test(id))
    return id ?? null;
  throw new ConfigFault(
    'The setting machineResourceId must be the resource id of a virtual machine: /subscriptions/….',
  );
}

function storeOf(file: Settings): Config['store'] {
  const urlFile = file.text('postgresUrlFile');
  return urlFile === undefined ? { kind: 'sqlite' } : { kind: 'postgres', urlFile: resolve(urlFile) };
}

function tokenOf(file: Settings, environment: Readonly<Record<string, string | undefined>>): TokenSettings | null {
  const value = file.any('pkcs11');
  if (value === undefined || value === null) return null;
  const result = readTokenSettings(value, environment);
  if ('fault' in result) throw new ConfigFault(`The setting pkcs11 is wrong: ${result.fault}.`);
  return result.settings;
}

function sealOf(file: Settings, token: TokenSettings | null): Config['seal'] {
  const kind = file.text('seal') ?? 'key-file';
  const passphraseFile = file.text('sealPassphraseFile');
  if (!(sealKinds as readonly string[]).includes(kind)) {
    throw new ConfigFault(`The setting seal is one of ${sealKinds.join(', ')}.`);
  }
  if (passphraseFile !== undefined && kind !== 'passphrase') {
    throw new ConfigFault('sealPassphraseFile is for "seal": "passphrase" alone.');
  }
  if (kind === 'pkcs11' && token === null) {
    throw new ConfigFault('"seal": "pkcs11" needs the setting pkcs11, which names the token.');
  }
  return { kind: kind as SealKind, passphraseFile: passphraseFile === undefined ? null : resolve(passphraseFile) };
}

function tlsOf(file: Settings): Config['tls'] {
  const certificateFile = file.text('tlsCertificateFile');
  const keyFile = file.text('tlsKeyFile');
  if (certificateFile === undefined && keyFile === undefined) return null;
  if (certificateFile === undefined || keyFile === undefined) {
    throw new ConfigFault('tlsCertificateFile and tlsKeyFile must be set together.');
  }
  return { certificateFile: resolve(certificateFile), keyFile: resolve(keyFile) };
}

function issuersOf(list: readonly unknown[] | undefined, domain: string, setting: string): readonly TrustedIssuer[] {
  const result = readTrustedIssuers(list ?? [], domain);
  if ('fault' in result) throw new ConfigFault(`The setting ${setting} is wrong: ${result.fault}.`);
  return result.issuers;
}

function authoritiesOf(file: Settings, domain: string): readonly TrustedIssuer[] {
  const authorities = issuersOf(file.list('attestationAuthorities'), domain, 'attestationAuthorities');
  const bearer = authorities.find((authority) => authority.bearer !== null);
  if (!bearer) return authorities;
  throw new ConfigFault(
    `The setting attestationAuthorities is wrong: ${bearer.issuer} has bearer, which is for trustedIssuers.`,
  );
}

function certificateAuthoritiesOf(file: Settings): readonly AuthoritySetting[] {
  const result = readAuthorities(file.list('certificateAuthorities') ?? []);
  if ('fault' in result) throw new ConfigFault(`The setting certificateAuthorities is wrong: ${result.fault}.`);
  return result.authorities;
}

function mailOf(file: Settings): MailSetting | null {
  const value = file.object('mail');
  if (value === undefined) return null;
  const result = readMail(value);
  if ('fault' in result) throw new ConfigFault(`The setting mail is wrong: ${result.fault}.`);
  return result.mail;
}

function keyPolicyOf(file: Settings): KeyPolicy {
  const days = file.integer('signingKeyDays', 2, 3650) ?? 60;
  const hours = file.integer('signingKeyAnnounceHours', 1, 720) ?? 48;
  if (hours >= days * 24) throw new ConfigFault('signingKeyAnnounceHours must be less than signingKeyDays.');
  return { signsFor: days * DAY, announcedFor: hours * 3_600_000 };
}

function domainOf(text: string): string {
  if (!/^(?=.{1,200}$)[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(text))
    throw new ConfigFault(`The domain ${text} is not a domain name.`);
  return text.toLowerCase();
}

function portOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new ConfigFault(`${name} must be 0 to 65535.`);
  return port;
}

/** Whoever reaches that endpoint gets tokens: it stays on this machine. */
function loopbackOnly(addresses: readonly string[]): readonly string[] {
  const outside = addresses.find((address) => !/^(127\.\d+\.\d+\.\d+|::1|169\.254\.169\.254)$/.test(address));
  if (outside !== undefined) {
    throw new ConfigFault(`imdsAddresses may hold loopback addresses and 169.254.169.254 only, not ${outside}.`);
  }
  return addresses;
}

/** The settings of a file, each taken at most once. */
class Settings {
  readonly #values: Map<string, unknown>;
  readonly #path: string;

  constructor(values: Record<string, unknown>, path: string) {
    this.#values = new Map(Object.entries(values));
    this.#path = path;
  }

  text(name: string): string | undefined {
    return this.#take(name, (value): value is string => typeof value === 'string' && value !== '', 'a text');
  }

  flag(name: string): boolean | undefined {
    return this.#take(name, (value): value is boolean => typeof value === 'boolean', 'true or false');
  }

  port(name: string): number | undefined {
    return this.integer(name, 0, 65_535);
  }

  integer(name: string, least: number, most: number): number | undefined {
    const is = (value: unknown): value is number =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
    return this.#take(name, is, `${least} to ${most}`);
  }

  texts(name: string): readonly string[] | undefined {
    const isTexts = (value: unknown): value is string[] =>
      Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
    return this.#take(name, isTexts, 'a list of texts');
  }

  list(name: string): readonly unknown[] | undefined {
    return this.#take(name, (value): value is unknown[] => Array.isArray(value), 'a list');
  }

  any(name: string): unknown {
    return this.#take(name, (value): value is unknown => value !== undefined, 'anything');
  }

  object(name: string): object | undefined {
    return this.#take(name, (value): value is object => typeof value === 'object' && value !== null, 'an object');
  }

  isOff(name: string): boolean {
    if (this.#values.get(name) !== null) return false;
    return this.#values.delete(name);
  }

  refuseRest(): void {
    const [unknown] = this.#values.keys();
    if (unknown !== undefined) {
      throw new ConfigFault(`The configuration ${this.#path} has a setting that does not exist: ${unknown}.`);
    }
  }

  #take<T>(name: string, is: (value: unknown) => value is T, what: string): T | undefined {
    if (!this.#values.has(name)) return undefined;
    const value = this.#values.get(name);
    this.#values.delete(name);
    if (!is(value)) throw new ConfigFault(`The setting ${name} in ${this.#path} must be ${what}.`);
    return value;
  }
}
