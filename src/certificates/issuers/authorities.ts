import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SettingFault, SettingMembers } from '../../base/setting-members.ts';
import { type ChallengeSetting, readChallenge } from './acme/challenge-setting.ts';
import { type OwnAuthoritySetting, readOwnAuthority } from './authority/authority-setting.ts';

/** An authority that the operator lets this server ask. */
export type AuthoritySetting = AcmeSetting | OwnAuthoritySetting | DigiCertSetting | GlobalSignSetting;

interface NamedAuthority {
  readonly name: string;
}

/** An authority that speaks ACME. */
export interface AcmeSetting extends NamedAuthority {
  readonly provider: 'ACME';
  readonly directoryUrl: string;
  /** PEM of the authorities that vouch for its host; null: the public ones. */
  readonly caPem: string | null;
  readonly contacts: readonly string[];
  readonly challenge: ChallengeSetting;
}

/** DigiCert CertCentral. */
export interface DigiCertSetting extends NamedAuthority {
  readonly provider: 'DigiCert';
  readonly url: string;
  readonly caPem: string | null;
  readonly product: string;
}

/** GlobalSign Atlas. */
export interface GlobalSignSetting extends NamedAuthority {
  readonly provider: 'GlobalSign';
  readonly url: string;
  readonly caPem: string | null;
  /** The account's certificate and the file of its key, which is read for each use. */
  readonly certificatePem: string;
  readonly keyFile: string;
}

type Reader = (members: SettingMembers, name: string) => AuthoritySetting;

/** How the entry of each provider is read. */
const readers: Readonly<Record<AuthoritySetting['provider'], Reader>> = {
  ACME: (members, name) => ({
    provider: 'ACME',
    name,
    directoryUrl: members.https('directoryUrl'),
    caPem: pemOf(members, 'caFile'),
    contacts: members.textsOr('contacts', [], /^mailto:[^\s@]+@[^\s@]+$/),
    challenge: readChallenge(members.members('challenge')),
  }),
  DigiCert: (members, name) => ({
    provider: 'DigiCert',
    name,
    url: members.httpsOr('url', 'https://www.digicert.com'),
    caPem: pemOf(members, 'caFile'),
    product: members.textOr('product', 'ssl', /^[a-z_]{1,64}$/),
  }),
  GlobalSign: (members, name) => ({
    provider: 'GlobalSign',
    name,
    url: members.httpsOr('url', 'https://emea.api.hvca.globalsign.com:8443/v2'),
    caPem: pemOf(members, 'caFile'),
    certificatePem: pemOf(members, 'certificateFile') ?? missing(name, 'certificateFile'),
    keyFile: resolve(members.text('keyFile')),
  }),
  StrongroomCA: (members, name) => readOwnAuthority(members, name, pemOf(members, 'certificateFile')),
};

/**
 * Reads the setting `certificateAuthorities`, or says what is wrong with it. Only these are ever asked: whoever may set an
 * issuer through the API names one of them, never an address.
 */
export function readAuthorities(
  values: readonly unknown[],
): { readonly authorities: readonly AuthoritySetting[] } | { readonly fault: string } {
  try {
    const authorities = values.map(readAuthority);
    const names = authorities.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    return twice === undefined ? { authorities } : { fault: `${twice} is in it twice` };
  } catch (error) {
    if (error instanceof SettingFault) return { fault: error.message };
    throw error;
  }
}

function readAuthority(value: unknown): AuthoritySetting {
  const members = new SettingMembers(value, 'each entry');
  const name = members.text('name', /^[A-Za-z0-9-]{1,64}$/);
  const provider = members.text('provider');
  const entry = new SettingMembers(value, name);
  entry.text('name');
  entry.text('provider');
  if (!Object.hasOwn(readers, provider)) {
    throw new SettingFault(`the provider of ${name} is one of ${Object.keys(readers).join(', ')}, not ${provider}`);
  }
  const setting = readers[provider as AuthoritySetting['provider']](entry, name);
  entry.refuseRest();
  return setting;
}

function missing(name: string, member: string): never {
  throw new SettingFault(`${name} needs ${member}`);
}

function pemOf(members: SettingMembers, name: string): string | null {
  if (!members.has(name)) return null;
  const path = resolve(members.text(name));
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingFault(`the file ${path} of ${name} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
