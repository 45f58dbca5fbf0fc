import { isIP } from 'node:net';
import { type Body, invalid } from '../objects/attributes.ts';

/** The names that a certificate is for beside its subject (RFC 5280 §4.2.1.6). */
export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  /** User principal names, as Windows signs people in with them. */
  readonly upns: readonly string[];
  readonly uris: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** No alternative names. */
export const noNames: AlternativeNames = { dnsNames: [], emails: [], upns: [], uris: [], ipAddresses: [] };

const MOST_NAMES = 200;
const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const HOST = new RegExp(`^(?=.{1,253}$)(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`);
const MAILBOX = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

/** Each member as the wire has it: what it holds, and what is one. */
const members = [
  { member: 'dns_names', of: 'dnsNames', what: 'a host name', isOne: (text: string) => HOST.test(text) },
  { member: 'emails', of: 'emails', what: 'an e-mail address', isOne: (text: string) => MAILBOX.test(text) },
  {
    member: 'upns',
    of: 'upns',
    what: 'a user principal name',
    isOne: (text: string) => text.length <= 1024 && /^[^\s@]+@[^\s@]+$/.test(text),
  },
  { member: 'uris', of: 'uris', what: 'an absolute URI in ASCII', isOne: isUri },
  { member: 'ipAddresses', of: 'ipAddresses', what: 'an IP address', isOne: (text: string) => isIP(text) !== 0 },
] as const;

/**
 * Reads `sans` of a policy; what is not sent stays as it was.
 * @throws Refusal `property-invalid`
 */
export function readAlternativeNames(sans: Body, before: AlternativeNames): AlternativeNames {
  const read: Record<string, readonly string[]> = { ...before };
  for (const { member, of, what, isOne } of members) {
    const value = sans[member];
    if (value === undefined || value === null) continue;
    const property = `policy.x509_props.sans.${member}`;
    if (!Array.isArray(value)) throw invalid(property, 'it must be a list');
    const wrong = value.find((name: unknown) => typeof name !== 'string' || !isOne(name));
    if (wrong !== undefined) throw invalid(property, `${JSON.stringify(wrong)?.slice(0, 100)} is not ${what}`);
    read[of] = [...new Set(value as string[])];
  }
  const names = read as unknown as AlternativeNames;
  if (countNames(names) > MOST_NAMES) throw invalid('policy.x509_props.sans', `there may be at most ${MOST_NAMES}`);
  return names;
}

/** How many names there are. */
export function countNames(names: AlternativeNames): number {
  return members.reduce((sum, { of }) => sum + names[of].length, 0);
}

/** The names as the wire has them; members without a name are left out, those of newer versions unless `withNewer`. */
export function namesToWire(names: AlternativeNames, withNewer: boolean): Record<string, readonly string[]> {
  const shown = members.filter(
    ({ member, of }) => names[of].length > 0 && (withNewer || !['uris', 'ipAddresses'].includes(member)),
  );
  return Object.fromEntries(shown.map(({ member, of }) => [member, names[of]]));
}

function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/.test(text) && text.length <= 2048;
}
