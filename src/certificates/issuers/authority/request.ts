import 'reflect-metadata';
import { createPublicKey } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Extension, Name, SubjectAlternativeName, SubjectPublicKeyInfo } from '@peculiar/asn1-x509';
import {
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509';
import type { AskedFor } from './profile.ts';

/** A request that was read, and whose signature proves that its sender has the key. */
export interface ReadRequest {
  readonly asked: AskedFor;
  readonly subject: Name;
  readonly publicKey: SubjectPublicKeyInfo;
  /** The same, DER as the request has it. */
  readonly publicKeyInfo: Buffer;
  /** As the request has it; null where it has none. */
  readonly alternativeNames: Extension | null;
  /** Bits of {@link KeyUsageFlags} that a certificate of no authority may have. */
  readonly keyUsage: number;
}

const curveBits: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };
const LEAF_USAGE =
  KeyUsageFlags.digitalSignature |
  KeyUsageFlags.nonRepudiation |
  KeyUsageFlags.keyEncipherment |
  KeyUsageFlags.dataEncipherment |
  KeyUsageFlags.keyAgreement;

/** Reads a request (RFC 2986); null where it is none, or where its signature is not of its own key. */
export async function readRequest(csr: Buffer): Promise<ReadRequest | null> {
  try {
    const request = new Pkcs10CertificateRequest(csr);
    if (!(await request.verify())) return null;
    const alternative = request.extensions.find((one) => one instanceof SubjectAlternativeNameExtension);
    const purposes = request.extensions.find((one) => one instanceof ExtendedKeyUsageExtension);
    const usages = request.extensions.find((one) => one instanceof KeyUsagesExtension);
    // A mailbox in the subject is believed like one among the alternative names (RFC 5280 §4.2.1.10).
    const mailboxes = request.subjectName.getField('E').map((value) => ({ kind: 'email', value }));
    return {
      asked: {
        commonNames: request.subjectName.getField('CN'),
        names: [...(alternative ? namesOf(alternative) : []), ...mailboxes],
        purposes: (purposes?.usages ?? []).map(String),
        key: keyOf(request.publicKey.rawData),
      },
      subject: AsnConvert.parse(request.subjectName.toArrayBuffer(), Name),
      publicKeyInfo: Buffer.from(request.publicKey.rawData),
      publicKey: AsnConvert.parse(request.publicKey.rawData, SubjectPublicKeyInfo),
      alternativeNames: alternative ? AsnConvert.parse(alternative.rawData, Extension) : null,
      keyUsage: (usages?.usages ?? 0) & LEAF_USAGE,
    };
  } catch {
    // Whatever is wrong with it: the authority signs nothing that it cannot read.
    return null;
  }
}

/** Every alternative name: the library leaves out those of kinds that it does not know, which the certificate would have all the same. */
function namesOf(extension: SubjectAlternativeNameExtension): AskedFor['names'] {
  const known = extension.names.items.map(({ type, value }) => ({ kind: type, value }));
  const all = AsnConvert.parse(extension.value, SubjectAlternativeName);
  return all.length === known.length ? known : [...known, { kind: 'other', value: 'of a kind that is not known here' }];
}

function keyOf(spki: ArrayBuffer): AskedFor['key'] {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return { family: 'RSA', bits: modulusLength ?? 0 };
  return { family: key.asymmetricKeyType === 'ec' ? 'EC' : 'other', bits: curveBits[namedCurve ?? ''] ?? 0 };
}
