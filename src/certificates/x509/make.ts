import 'reflect-metadata';
import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Attribute, Certificate, Extension, Extensions, TBSCertificate, Validity, Version } from '@peculiar/asn1-x509';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension as ExtensionOf,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
} from '@peculiar/x509';
import type { Random } from '../../base/ports.ts';
import type { KeyProvider, StoredKey } from '../../crypto/key-provider.ts';
import { after } from '../../keys/duration.ts';
import { countNames } from '../alternative-names.ts';
import { type RelativeName, readName } from '../distinguished-name.ts';
import type { CertificatePolicy } from '../policy.ts';
import { arrayBuffer, encodeName, encodePublicKey, signerOf, toDer } from './encoding.ts';

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SERIAL_BYTES = 16;
/** Certificates begin a little in the past: clocks of those who judge them lag. */
const BACKDATED_MS = 600_000;

/** A request for a certificate (RFC 2986, PKCS #10) as a policy asks for it, DER. */
export async function makeRequest(provider: KeyProvider, policy: CertificatePolicy, key: StoredKey): Promise<Buffer> {
  const signer = signerOf(provider, key);
  const extensions = new Extensions(asked(policy));
  const info = new CertificationRequestInfo({
    version: 0,
    subject: encodeName(subjectOf(policy)),
    subjectPKInfo: encodePublicKey(key.publicMembers).info,
    attributes: new Attributes([
      new Attribute({ type: EXTENSION_REQUEST, values: [AsnConvert.serialize(extensions)] }),
    ]),
  });
  const signature = await signer.sign(toDer(info));
  return toDer(
    new CertificationRequest({ certificationRequestInfo: info, signatureAlgorithm: signer.algorithm, signature }),
  );
}

/**
 * A certificate that signs itself, as a policy asks for it, DER: version 3, a serial number of 126 random bits, key identifiers
 * (RFC 5280 §4.1 and §4.2).
 * @param now milliseconds since the Unix epoch
 */
export async function makeSelfSigned(
  { provider, random }: { readonly provider: KeyProvider; readonly random: Random },
  policy: CertificatePolicy,
  key: StoredKey,
  now: number,
): Promise<Buffer> {
  const signer = signerOf(provider, key);
  const { info, keyId } = encodePublicKey(key.publicMembers);
  const subject = encodeName(subjectOf(policy));
  const start = Math.floor((now - BACKDATED_MS) / 1000) * 1000;
  const id = keyId.toString('hex');
  const tbs = new TBSCertificate({
    version: Version.v3,
    serialNumber: arrayBuffer(newSerial(random)),
    signature: signer.algorithm,
    issuer: subject,
    validity: new Validity({
      notBefore: new Date(start),
      notAfter: new Date(after(start, { months: policy.validityMonths, milliseconds: 0 })),
    }),
    subject,
    subjectPublicKeyInfo: info,
    extensions: new Extensions([
      ...asked(policy),
      asn(new SubjectKeyIdentifierExtension(id)),
      asn(new AuthorityKeyIdentifierExtension(id)),
    ]),
  });
  const signatureValue = await signer.sign(toDer(tbs));
  return toDer(new Certificate({ tbsCertificate: tbs, signatureAlgorithm: signer.algorithm, signatureValue }));
}

/** Every name that an authority has to see proven: the common names that are host names, and the alternative ones. */
export function subjectOf(policy: CertificatePolicy): readonly RelativeName[] {
  const name = readName(policy.subject);
  // It was read when it was stored; a policy that cannot be read any more was altered.
  if ('reason' in name) throw new Error(`The subject of a stored policy cannot be read: ${name.reason}.`);
  return name;
}

/** The extensions that a policy asks for, in requests and certificates alike. */
function asked(policy: CertificatePolicy): Extension[] {
  const { sans, ekus, keyUsage, isAuthority, subject } = policy;
  const names = [
    ...sans.dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...sans.emails.map((value) => ({ type: 'email' as const, value })),
    ...sans.upns.map((value) => ({ type: 'upn' as const, value })),
    ...sans.uris.map((value) => ({ type: 'url' as const, value })),
    ...sans.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const flags = keyUsage.reduce((sum, usage) => sum | KeyUsageFlags[usage], 0);
  return [
    asn(new BasicConstraintsExtension(isAuthority, undefined, true)),
    ...(flags === 0 ? [] : [asn(new KeyUsagesExtension(flags, true))]),
    ...(ekus.length === 0 ? [] : [asn(new ExtendedKeyUsageExtension([...ekus]))]),
    // Without a subject the alternative names are the only name there is (RFC 5280 §4.2.1.6).
    ...(countNames(sans) === 0 ? [] : [asn(new SubjectAlternativeNameExtension(names, subject.trim() === ''))]),
  ];
}

function asn(extension: ExtensionOf): Extension {
  return AsnConvert.parse(extension.rawData, Extension);
}

/** Positive, without a leading zero, 16 bytes of at most 20 (RFC 5280 §4.1.2.2). */
function newSerial(random: Random): Buffer {
  const bytes = random.bytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes;
}
