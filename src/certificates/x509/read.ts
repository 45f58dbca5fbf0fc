import 'reflect-metadata';
import { hash, X509Certificate as NodeCertificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { toBase64Url } from '../../base/text.ts';
import { type CurveName, curves } from '../../crypto/algorithms.ts';
import type { PublicMembers } from '../../crypto/key-provider.ts';
import type { AlternativeNames } from '../alternative-names.ts';
import { type KeyUsage, keyUsages } from '../policy.ts';

/** A certificate, and what a vault has to know of it. Instants are whole seconds since the Unix epoch. */
export interface ReadCertificate {
  readonly der: Buffer;
  readonly subject: string;
  readonly nbf: number;
  readonly exp: number;
  /** SHA-1 of the DER in base64url. */
  readonly x5t: string;
  readonly sans: AlternativeNames;
  readonly ekus: readonly string[];
  readonly keyUsage: readonly KeyUsage[];
  readonly isAuthority: boolean;
  /** Null where the key is of a kind that no vault takes. */
  readonly publicKey: {
    readonly bits: number;
    readonly curve: CurveName | null;
    readonly members: PublicMembers;
  } | null;
  readonly node: NodeCertificate;
}

/** Reads a certificate in DER, or null where it is none. */
export function readCertificate(der: Buffer): ReadCertificate | null {
  try {
    // OpenSSL says whether it is one; the library, what stands in it.
    const node = new NodeCertificate(der);
    const raw = Buffer.from(node.raw);
    const parsed = new x509.X509Certificate(raw);
    return {
      der: raw,
      subject: parsed.subject,
      nbf: Math.floor(parsed.notBefore.getTime() / 1000),
      exp: Math.floor(parsed.notAfter.getTime() / 1000),
      x5t: toBase64Url(hash('sha1', raw, 'buffer')),
      ...extensionsOf(parsed),
      publicKey: publicKeyOf(node),
      node,
    };
  } catch {
    return null;
  }
}

/** The subject and the public key of a request, as the DER of each, for what answers it. */
export function requestedOf(csr: Buffer): { readonly subject: Buffer; readonly publicKey: Buffer } {
  const request = new x509.Pkcs10CertificateRequest(csr);
  return {
    subject: Buffer.from(request.subjectName.toArrayBuffer()),
    publicKey: Buffer.from(request.publicKey.rawData),
  };
}

/** The subject of a certificate as DER. */
export function subjectDer({ der }: Pick<ReadCertificate, 'der'>): Buffer {
  return Buffer.from(new x509.X509Certificate(der).subjectName.toArrayBuffer());
}

/** Whether a certificate holds a key: the same public half. */
export function holdsKey({ publicKey }: ReadCertificate, members: PublicMembers): boolean {
  if (!publicKey) return false;
  const theirs = publicKey.members as Record<string, string>;
  const ours = Object.entries(members as Record<string, string>);
  return ours.length > 0 && ours.every(([name, value]) => theirs[name] === value);
}

/** Whether one certificate was issued by the other: names, key identifiers, usages and the signature. */
export function isIssuedBy(certificate: ReadCertificate, issuer: ReadCertificate): boolean {
  try {
    return certificate.node.checkIssued(issuer.node) && certificate.node.verify(issuer.node.publicKey);
  } catch {
    return false;
  }
}

function extensionsOf(parsed: x509.X509Certificate) {
  const sans = parsed.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const of = (type: string) => sans.filter((name) => name.type === type).map(({ value }) => value);
  const flags = parsed.getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
  return {
    sans: { dnsNames: of('dns'), emails: of('email'), upns: of('upn'), uris: of('url'), ipAddresses: of('ip') },
    // The library's list is a class of its own, and so would be what `map` makes of it.
    ekus: Array.from(parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [], String),
    keyUsage: (Object.keys(keyUsages) as KeyUsage[]).filter((usage) => (flags & x509.KeyUsageFlags[usage]) !== 0),
    isAuthority: parsed.getExtension(x509.BasicConstraintsExtension)?.ca ?? false,
  };
}

function publicKeyOf({ publicKey }: NodeCertificate): ReadCertificate['publicKey'] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  if (type === 'rsa') {
    const { n, e } = publicKey.export({ format: 'jwk' }) as { n: string; e: string };
    return { bits: details?.modulusLength ?? 0, curve: null, members: { n, e } };
  }
  const curve = (Object.keys(curves) as CurveName[]).find((name) => curves[name].openssl === details?.namedCurve);
  if (type !== 'ec' || !curve) return null;
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return { bits: 0, curve, members: { crv: curve, x, y } };
}
