import { hash } from 'node:crypto';
import { ECDSASigValue } from '@peculiar/asn1-ecc';
import { AsnConvert } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { type CurveName, signatureAlgorithms } from '../../../crypto/algorithms.ts';
import type { KeyProvider, StoredKey } from '../../../crypto/key-provider.ts';

/** How keys of each kind sign (RFC 4055 §5, RFC 5758 §3.2): the wire name, the object identifier, the digest. */
const signatures: Readonly<
  Record<'RSA' | CurveName, { readonly name: string; readonly oid: string; readonly digest: string }>
> = {
  RSA: { name: 'RS256', oid: '1.2.840.113549.1.1.11', digest: 'sha256' },
  'P-256': { name: 'ES256', oid: '1.2.840.10045.4.3.2', digest: 'sha256' },
  'P-256K': { name: 'ES256K', oid: '1.2.840.10045.4.3.2', digest: 'sha256' },
  'P-384': { name: 'ES384', oid: '1.2.840.10045.4.3.3', digest: 'sha384' },
  'P-521': { name: 'ES512', oid: '1.2.840.10045.4.3.4', digest: 'sha512' },
};

/** Signs structures with a key that stays where it is: the provider is given digests alone. */
export interface Signer {
  readonly algorithm: AlgorithmIdentifier;
  /** The signature over the DER of what is to be signed, as X.509 has it. */
  sign(tbs: Buffer): Promise<ArrayBuffer>;
}

/** The signer of a vault's key. */
export function signerOf(provider: KeyProvider, key: StoredKey): Signer {
  const { spec } = key;
  if (spec.family === 'oct') throw new TypeError('A symmetric key signs no certificate.');
  const { name, oid, digest } = signatures[spec.family === 'EC' ? spec.curve : 'RSA'];
  // RFC 4055 §5: RSA has NULL for parameters, ECDSA has none.
  const parameters = spec.family === 'RSA' ? { parameters: bytesOf(Buffer.from([5, 0])) } : {};
  return {
    algorithm: new AlgorithmIdentifier({ algorithm: oid, ...parameters }),
    sign: async (tbs) => {
      const flat = await provider.sign(key, signatureAlgorithms[name]!, hash(digest, tbs, 'buffer'));
      return bytesOf(spec.family === 'EC' ? toDer(pairOf(flat)) : flat);
    },
  };
}

/** A structure as DER. */
export function toDer(structure: object): Buffer {
  return Buffer.from(AsnConvert.serialize(structure));
}

/** Bytes as the library takes them. */
export function bytesOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** ECDSA's two numbers, which the provider gives side by side (RFC 3279 §2.2.3). */
function pairOf(flat: Buffer): ECDSASigValue {
  const half = flat.length / 2;
  return new ECDSASigValue({ r: positive(flat.subarray(0, half)), s: positive(flat.subarray(half)) });
}

function positive(bytes: Buffer): ArrayBuffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  return bytesOf(shortest[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), shortest]) : shortest);
}
