import { hash } from 'node:crypto';
import { ECDSASigValue } from '@peculiar/asn1-ecc';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509';
import { type CurveName, type SignatureAlgorithm, signatureAlgorithms } from '../../crypto/algorithms.ts';
import type { KeyProvider, PublicMembers, StoredKey } from '../../crypto/key-provider.ts';
import { publicKeyInfo } from '../../crypto/software/key-making.ts';
import type { RelativeName } from '../distinguished-name.ts';

/** How keys of each kind sign certificates and requests (RFC 4055 §5, RFC 5758 §3.2): the wire name, and the object identifier. */
const signatures: Readonly<Record<'RSA' | CurveName, { readonly name: string; readonly oid: string }>> = {
  RSA: { name: 'RS256', oid: '1.2.840.113549.1.1.11' },
  'P-256': { name: 'ES256', oid: '1.2.840.10045.4.3.2' },
  'P-256K': { name: 'ES256K', oid: '1.2.840.10045.4.3.2' },
  'P-384': { name: 'ES384', oid: '1.2.840.10045.4.3.3' },
  'P-521': { name: 'ES512', oid: '1.2.840.10045.4.3.4' },
};
const digestOf: Readonly<Record<number, string>> = { 32: 'sha256', 48: 'sha384', 64: 'sha512' };
const DER_NULL = Buffer.from([5, 0]);

/** The attribute types whose text is not UTF-8: printable (X.520) and IA5 (RFC 4519, RFC 2985). */
const printable = ['2.5.4.5', '2.5.4.6'];
const ia5 = ['0.9.2342.19200300.100.1.25', '1.2.840.113549.1.9.1'];

/** A structure as DER. */
export function toDer(structure: object): Buffer {
  return Buffer.from(AsnConvert.serialize(structure));
}

/** Bytes as the library takes them. */
export function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** A name as X.509 has it, in the order of the text; UTF-8 unless its type says otherwise (RFC 5280 §4.1.2.4). */
export function encodeName(name: readonly RelativeName[]): Name {
  return new Name(
    name.map(
      (relative) =>
        new RelativeDistinguishedName(
          relative.map(({ type, value }) => {
            const text = printable.includes(type)
              ? { printableString: value }
              : ia5.includes(type)
                ? { ia5String: value }
                : { utf8String: value };
            return new AttributeTypeAndValue({ type, value: new AttributeValue(text) });
          }),
        ),
    ),
  );
}

/** A public key as X.509 has it, and its key identifier: SHA-1 of the key's bits (RFC 5280 §4.2.1.2, method 1). */
export function encodePublicKey(members: PublicMembers): {
  readonly info: SubjectPublicKeyInfo;
  readonly keyId: Buffer;
} {
  const info = AsnConvert.parse(publicKeyInfo(members), SubjectPublicKeyInfo);
  return { info, keyId: hash('sha1', Buffer.from(info.subjectPublicKey), 'buffer') };
}

/** How a key signs: the identifier that goes into what is signed, and the signature over the DER of it. */
export interface Signer {
  readonly algorithm: AlgorithmIdentifier;
  sign(tbs: Buffer): Promise<ArrayBuffer>;
}

/** The signer of a key, wherever the provider keeps it: it is given digests alone. */
export function signerOf(provider: KeyProvider, key: StoredKey): Signer {
  const { spec } = key;
  if (spec.family === 'oct') throw new TypeError('A symmetric key signs no certificate.');
  const { name, oid } = signatures[spec.family === 'EC' ? spec.curve : 'RSA'];
  const algorithm = signatureAlgorithms[name] as SignatureAlgorithm;
  const parameters = spec.family === 'RSA' ? arrayBuffer(DER_NULL) : undefined;
  return {
    algorithm: new AlgorithmIdentifier(parameters ? { algorithm: oid, parameters } : { algorithm: oid }),
    sign: async (tbs) => {
      const signature = await provider.sign(key, algorithm, hash(digestOf[algorithm.digestBytes!]!, tbs, 'buffer'));
      return arrayBuffer(spec.family === 'EC' ? derSignature(signature) : signature);
    },
  };
}

/** The DER of an ECDSA signature given as r and s side by side (RFC 3279 §2.2.3). */
function derSignature(flat: Buffer): Buffer {
  const half = flat.length / 2;
  const [r, s] = [positive(flat.subarray(0, half)), positive(flat.subarray(half))];
  return toDer(new ECDSASigValue({ r: arrayBuffer(r), s: arrayBuffer(s) }));
}

/** The shortest two's complement of a number that is not negative. */
function positive(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  return shortest[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), shortest]) : shortest;
}
