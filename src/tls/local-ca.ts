import { KeyObject, randomBytes, type webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Extension } from '@peculiar/x509';
import { DAY } from '../base/text.ts';
import { isHostName, type ServerNames } from './server-names.ts';

/**
 * The certificate authority a server makes for itself, and the certificates it issues to itself.
 * Profile: RFC 5280 §4.2 and CA/Browser Forum Baseline Requirements §7.1.2 as far as a private authority can follow them.
 */

/** A certificate and its key, both as PEM. The caller encrypts the key at rest; nothing here writes to disk. */
export interface IssuedCertificate {
  /** One or more `CERTIFICATE` blocks, the subject's own first. */
  readonly certificatePem: string;
  /** A PKCS#8 `PRIVATE KEY` block (RFC 5958), unencrypted. */
  readonly privateKeyPem: string;
}

/** What an authority may vouch for; anything else is refused by every client that checks RFC 5280 §4.2.1.10. */
export interface PermittedNames {
  /** At least one; each permits itself and every name below it. */
  readonly domains: readonly string[];
  /** CIDR ranges, at least one: without any, clients would let the authority vouch for every address. */
  readonly addressRanges: readonly string[];
}

/** Loopback, the addresses a server listens on unless told otherwise. */
export const LOOPBACK_RANGES: readonly string[] = ['127.0.0.0/8', '::1/128'];

const AUTHORITY_DAYS = 3650;
const BACKDATED_MS = 300_000;
/** Longest life of a server certificate that browsers and Apple's verifier accept. */
export const LONGEST_SERVER_DAYS = 397;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const;
const NAME_CONSTRAINTS = '2.5.29.30';

/**
 * Makes a root authority: EC P-256, ten years, may sign end-entity certificates only (path length 0), and only for
 * `permitted` where that is given (critical name constraints).
 * @param order.now milliseconds since the Unix epoch
 * @param order.commonName what people see in their trust store; tell authorities apart by it
 * @throws RangeError where `permitted` names no domain or no range
 */
export async function createAuthority(order: {
  readonly now: number;
  readonly commonName: string;
  readonly permitted?: PermittedNames;
}): Promise<IssuedCertificate> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, globalThis.crypto),
  ];
  if (order.permitted) {
    extensions.push(new x509.Extension(NAME_CONSTRAINTS, true, await encodeConstraints(order.permitted)));
  }
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerialNumber(),
      name: [{ CN: [order.commonName] }],
      ...validity(order.now, AUTHORITY_DAYS),
      keys,
      signingAlgorithm: SIGNATURE,
      extensions,
    },
    globalThis.crypto,
  );
  return { certificatePem: asPem(certificate), privateKeyPem: privatePem(keys.privateKey) };
}

/**
 * Issues a TLS server certificate with a fresh EC P-256 key. `certificatePem` holds the leaf and then the authority.
 * The certificate is valid from five minutes before `now` (clocks of containers lag) and never longer than its authority.
 * @param order.now milliseconds since the Unix epoch
 * @param order.lifetimeDays 1 to 397
 * @throws RangeError for a lifetime out of range, no name at all, a name or address that is none, an expired authority
 */
export async function issueServerCertificate(order: {
  readonly authority: IssuedCertificate;
  readonly names: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly now: number;
  readonly lifetimeDays: number;
}): Promise<IssuedCertificate> {
  assertIssuable(order);
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(order.authority.certificatePem);
  const term = validity(order.now, order.lifetimeDays);
  if (issuer.notAfter.getTime() <= order.now) throw new RangeError('The authority has expired.');
  const keys = await newKeys();
  const alternatives = [
    ...order.names.map((value) => ({ type: 'dns' as const, value: value.toLowerCase() })),
    ...order.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerialNumber(),
      subject: [{ CN: ['Strongroom server'] }],
      issuer: issuer.subjectName,
      notBefore: term.notBefore,
      notAfter: new Date(Math.min(issuer.notAfter.getTime(), term.notAfter.getTime())),
      publicKey: keys.publicKey,
      signingKey: await authorityKey(order.authority.privateKeyPem),
      signingAlgorithm: SIGNATURE,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(alternatives),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, globalThis.crypto),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, globalThis.crypto),
      ],
    },
    globalThis.crypto,
  );
  return {
    certificatePem: asPem(certificate) + asPem(issuer),
    privateKeyPem: privatePem(keys.privateKey),
  };
}

/**
 * Whether an authority can still issue for these names: not in the last `spareDays` of its life, and its name
 * constraints, if it has any, permit each of them. False means that a new authority has to be made and trusted.
 * @param now milliseconds since the Unix epoch
 */
export async function authorityCovers(
  certificatePem: string,
  wanted: ServerNames,
  now: number,
  spareDays = LONGEST_SERVER_DAYS,
): Promise<boolean> {
  const x509 = await loadX509();
  const certificate = new x509.X509Certificate(certificatePem);
  if (certificate.notAfter.getTime() - now < spareDays * DAY) return false;
  const constraints = certificate.getExtension(NAME_CONSTRAINTS);
  if (!constraints) return true;
  const permitted = await decodeConstraints(constraints.value);
  const { default: ipaddr } = await import('ipaddr.js');
  const ranges = permitted.addressRanges.map((range) => ipaddr.parseCIDR(range));
  return (
    wanted.dnsNames.every((name) => permitted.domains.some((domain) => isWithin(name, domain))) &&
    wanted.ipAddresses.every((text) => {
      const address = ipaddr.parse(text);
      return ranges.some((range) => range[0].kind() === address.kind() && address.match(range));
    })
  );
}

function isWithin(name: string, domain: string): boolean {
  const [lowerName, lowerDomain] = [name.toLowerCase(), domain.toLowerCase()];
  return lowerName === lowerDomain || lowerName.endsWith(`.${lowerDomain}`);
}

function assertIssuable(order: {
  readonly names: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly lifetimeDays: number;
}): void {
  if (!(order.lifetimeDays >= 1 && order.lifetimeDays <= LONGEST_SERVER_DAYS)) {
    throw new RangeError(`A server certificate lives 1 to ${LONGEST_SERVER_DAYS} days.`);
  }
  if (order.names.length + order.ipAddresses.length === 0) throw new RangeError('A server certificate needs a name.');
  for (const name of order.names) {
    if (!isHostName(name.startsWith('*.') ? name.slice(2) : name)) throw new RangeError(`Not a host name: ${name}`);
  }
  for (const address of order.ipAddresses) {
    if (isIP(address) === 0) throw new RangeError(`Not an IP address: ${address}`);
  }
}

/** Seconds only: DER times carry no fractions (RFC 5280 §4.1.2.5). */
function validity(now: number, days: number): { notBefore: Date; notAfter: Date } {
  const start = Math.floor((now - BACKDATED_MS) / 1000) * 1000;
  return { notBefore: new Date(start), notAfter: new Date(start + days * DAY) };
}

/** 16 random bytes, positive and without a leading zero (RFC 5280 §4.1.2.2: at most 20). */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return globalThis.crypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
}

function privatePem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function authorityKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return globalThis.crypto.subtle.importKey('pkcs8', der, CURVE, false, ['sign']);
}

/** Through Node's own class: it ends the block with a line feed, which concatenating clients insist on. */
function asPem(certificate: { readonly rawData: ArrayBuffer }): string {
  return new X509Certificate(Buffer.from(certificate.rawData)).toString();
}

async function encodeConstraints(permitted: PermittedNames): Promise<ArrayBuffer> {
  if (permitted.domains.length === 0 || permitted.addressRanges.length === 0) {
    throw new RangeError('An authority is permitted at least one domain and one address range.');
  }
  const { AsnConvert } = await import('@peculiar/asn1-schema');
  const { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } = await import('@peculiar/asn1-x509');
  const bases = [
    ...permitted.domains.map((dNSName) => new GeneralName({ dNSName })),
    ...permitted.addressRanges.map((iPAddress) => new GeneralName({ iPAddress })),
  ];
  const subtrees = new GeneralSubtrees(bases.map((base) => new GeneralSubtree({ base })));
  return AsnConvert.serialize(new NameConstraints({ permittedSubtrees: subtrees }));
}

async function decodeConstraints(der: ArrayBuffer): Promise<PermittedNames> {
  const { AsnConvert } = await import('@peculiar/asn1-schema');
  const { NameConstraints } = await import('@peculiar/asn1-x509');
  const bases = [...(AsnConvert.parse(der, NameConstraints).permittedSubtrees ?? [])].map((subtree) => subtree.base);
  return {
    domains: bases.flatMap((base) => base.dNSName ?? []),
    addressRanges: bases.flatMap((base) => base.iPAddress ?? []),
  };
}

/** Loaded on demand: about 110 ms that a start with a good certificate does not spend. */
async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}
