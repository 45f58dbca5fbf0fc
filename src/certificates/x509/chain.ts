import { commonNames, readName } from '../distinguished-name.ts';
import { isIssuedBy, type ReadCertificate, readCertificate } from './read.ts';

/** The most certificates that are looked at together. */
const MOST = 50;

/** Certificates in DER, or the reason why they cannot be taken. */
export function readAll(ders: readonly Buffer[]): readonly ReadCertificate[] | { readonly reason: string } {
  if (ders.length > MOST) return { reason: `there are more than ${MOST} certificates` };
  const read: ReadCertificate[] = [];
  for (const [index, der] of ders.entries()) {
    const certificate = readCertificate(der);
    if (!certificate) return { reason: `certificate ${index + 1} is not a certificate in DER` };
    read.push(certificate);
  }
  return read;
}

/**
 * The chain from a certificate up, as far as `others` reach: each the issuer of the one before it, whatever order they came in.
 * @returns the chain without its first, and those that are no part of it
 */
export function chainFrom(
  leaf: ReadCertificate,
  others: readonly ReadCertificate[],
): { readonly chain: readonly ReadCertificate[]; readonly rest: readonly ReadCertificate[] } {
  const rest = others.filter((other) => !other.der.equals(leaf.der));
  const chain: ReadCertificate[] = [];
  for (let last = leaf; !isIssuedBy(last, last); ) {
    const index = rest.findIndex((other) => isIssuedBy(last, other));
    if (index < 0) break;
    [last] = rest.splice(index, 1) as [ReadCertificate];
    chain.push(last);
  }
  return { chain, rest };
}

/**
 * Why certificates do not answer a request, or null where they do: the first one's key and name must be the request's, every other
 * must be of its chain, none twice, and all valid now. An authority may leave out parts of the subject or add to it; a common name
 * must be there, as such or as an alternative name (CA/Browser Forum Baseline Requirements §7.1.4.3).
 * @param now whole seconds since the Unix epoch
 */
export function whyNoAnswer(
  leaf: ReadCertificate,
  others: readonly ReadCertificate[],
  requested: { readonly subject: string },
  now: number,
): string | null {
  const all = [leaf, ...others];
  if (new Set(all.map(({ x5t }) => x5t)).size < all.length) return 'a certificate is in it twice';
  const { rest } = chainFrom(leaf, others);
  if (rest.length > 0)
    return `the chain is broken: nothing in it was issued by ${rest[0]!.subject || 'a nameless one'}`;
  const expired = all.find(({ exp }) => exp <= now);
  if (expired) return `the certificate of ${expired.subject || 'no name'} has expired`;
  return whyOtherName(leaf, requested.subject);
}

function whyOtherName(leaf: ReadCertificate, subject: string): string | null {
  const [asked, given] = [readName(subject), readName(leaf.subject)];
  if ('reason' in asked) return null;
  const wanted = commonNames(asked);
  const names = [...('reason' in given ? [] : commonNames(given)), ...Object.values(leaf.sans).flat()];
  const isThere = (name: string) => names.some((one) => one.toLowerCase() === name.toLowerCase());
  const missing = wanted.find((name) => !isThere(name));
  if (missing !== undefined) return `it was requested for ${missing} and is for ${leaf.subject || 'another name'}`;
  const isOther = wanted.length === 0 && asked.length > 0 && !('reason' in given) && given.length > 0;
  if (isOther && JSON.stringify(asked) !== JSON.stringify(given)) {
    return `it was requested for ${subject} and is for ${leaf.subject}`;
  }
  return null;
}
