import ipaddr from 'ipaddr.js';
import { SettingFault, type SettingMembers } from '../../../base/setting-members.ts';
import type { AuthorityProfile } from './profile.ts';

/** An authority of a vault's own, as the configuration has it. */
export interface OwnAuthoritySetting {
  readonly provider: 'StrongroomCA';
  readonly name: string;
  /** Name of the vault that holds its key. */
  readonly vault: string;
  /** Name of the key. */
  readonly key: string;
  readonly commonName: string;
  readonly organization: string | null;
  /** How long a root that is made here lasts. */
  readonly years: number;
  /** Its certificate and those above it, PEM, where another authority has signed it; null: it is a root, made at its first use. */
  readonly chainPem: string | null;
  readonly profile: AuthorityProfile;
  /** `http://` base of the addresses in its certificates; null: they name none, and nothing can be asked about them. */
  readonly publicUrl: string | null;
}

/** Purposes by their names (RFC 5280 §4.2.1.12). */
const purposes: Readonly<Record<string, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
};
const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * Reads the entry of an authority of a vault's own.
 * @throws SettingFault
 */
export function readOwnAuthority(members: SettingMembers, name: string, chainPem: string | null): OwnAuthoritySetting {
  const ranges = members.textsOr('permittedAddresses', []);
  const wrong = ranges.find((range) => !ipaddr.isValidCIDR(range));
  if (wrong !== undefined) throw new SettingFault(`${wrong} in permittedAddresses of ${name} is no address range`);
  const named = members.textsOr('purposes', ['serverAuth', 'clientAuth']);
  const unknown = named.find((purpose) => !Object.hasOwn(purposes, purpose));
  if (unknown !== undefined) throw new SettingFault(`${unknown} in purposes of ${name} is none`);
  return {
    provider: 'StrongroomCA',
    name,
    vault: members.text('vault', /^[a-zA-Z0-9-]{3,24}$/),
    key: members.text('key', /^[0-9a-zA-Z-]{1,127}$/),
    commonName: members.textOr('commonName', name, /^.{1,64}$/),
    organization: members.textOr('organization', null, /^.{1,64}$/),
    years: members.integerOr('years', 10, 1, 30),
    chainPem,
    profile: {
      permittedDomains: members.texts('permittedDomains', DOMAIN),
      permittedAddresses: ranges,
      purposes: named.map((purpose) => purposes[purpose]!),
      longestDays: members.integerOr('longestDays', 397, 1, 3650),
    },
    publicUrl: members.textOr('publicUrl', null, /^http:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[A-Za-z0-9._-]+)*$/),
  };
}
