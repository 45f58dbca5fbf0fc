import ipaddr from 'ipaddr.js';

/** What an authority signs. */
export interface AuthorityProfile {
  /** Domains in which, and below which, names may be, in lower case. */
  readonly permittedDomains: readonly string[];
  /** Address ranges in which addresses may be; empty: none. */
  readonly permittedAddresses: readonly string[];
  /** Object identifiers of the purposes it certifies. */
  readonly purposes: readonly string[];
  readonly longestDays: number;
}

/** What a request asks for, as far as a profile judges it. */
export interface AskedFor {
  readonly commonNames: readonly string[];
  /** Alternative names by their kind: `dns`, `ip`, or another. */
  readonly names: readonly { readonly kind: string; readonly value: string }[];
  readonly purposes: readonly string[];
  readonly key: { readonly family: string; readonly bits: number };
}

const HOST = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * What in a request goes beyond the profile; null where it may be signed. Nothing is struck out silently: whoever asked for
 * more would rely on it.
 */
export function beyondProfile(
  profile: AuthorityProfile,
  asked: AskedFor,
): { readonly code: string; readonly details: string } | null {
  const { key, names } = asked;
  const isStrong = key.family === 'RSA' ? key.bits >= 2048 && key.bits <= 8192 : key.family === 'EC' && key.bits >= 256;
  if (!isStrong)
    return beyond('key-too-weak', 'it signs RSA keys from 2,048 bits and the curves P-256, P-384 and P-521');
  if (names.length === 0) return beyond('no-names', 'the request has no alternative name');
  if (names.length > 100) return beyond('too-many-names', 'the request has more than 100 alternative names');
  const foreign = names.find((name) => !isPermitted(profile, name));
  if (foreign) return beyond('name-not-permitted', `it certifies no ${foreign.kind} name ${shown(foreign.value)}`);
  const values = names.map(({ value }) => value.toLowerCase());
  const stray = asked.commonNames.find((name) => looksLikeHost(name) && !values.includes(name.toLowerCase()));
  if (stray !== undefined) {
    return beyond('common-name-not-proven', `the common name ${shown(stray)} is not among the alternative names`);
  }
  const purpose = asked.purposes.find((one) => !profile.purposes.includes(one));
  if (purpose !== undefined)
    return beyond('purpose-not-permitted', `it certifies no keys for the purpose ${shown(purpose)}`);
  return null;
}

function isPermitted(
  profile: AuthorityProfile,
  { kind, value }: { readonly kind: string; readonly value: string },
): boolean {
  if (kind === 'dns') {
    const name = value.toLowerCase().replace(/^\*\./, '');
    return HOST.test(name) && profile.permittedDomains.some((domain) => name === domain || name.endsWith(`.${domain}`));
  }
  if (kind !== 'ip' || !ipaddr.isValid(value)) return false;
  const address = ipaddr.parse(value);
  return profile.permittedAddresses.some((range) => {
    const [base, bits] = ipaddr.parseCIDR(range);
    return base.kind() === address.kind() && address.match(base, bits);
  });
}

/** A common name is a name that somebody may believe in where it has the form of one; a person's is none. */
function looksLikeHost(name: string): boolean {
  return ipaddr.isValid(name) || (name.includes('.') && !/\s/.test(name));
}

function beyond(code: string, details: string): { readonly code: string; readonly details: string } {
  return { code, details: `The authority does not sign this request: ${details}.` };
}

function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
