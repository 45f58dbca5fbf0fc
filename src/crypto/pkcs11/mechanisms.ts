import type { CipherAlgorithm, CurveName, Digest, SignatureAlgorithm } from '../algorithms.ts';
import type { Mechanism, ObjectUse } from './messages.ts';

/** Hash functions as mechanisms, with the mask generation function over them (PKCS #11 v2.40, §2.1.7). */
const hashes: Readonly<Record<Digest, { readonly hash: string; readonly mgf: string; readonly bytes: number }>> = {
  sha1: { hash: 'CKM_SHA_1', mgf: 'CKG_MGF1_SHA1', bytes: 20 },
  sha256: { hash: 'CKM_SHA256', mgf: 'CKG_MGF1_SHA256', bytes: 32 },
  sha384: { hash: 'CKM_SHA384', mgf: 'CKG_MGF1_SHA384', bytes: 48 },
  sha512: { hash: 'CKM_SHA512', mgf: 'CKG_MGF1_SHA512', bytes: 64 },
};

/** The DER in front of a digest in a PKCS #1 v1.5 signature (RFC 8017 §9.2, note 1). */
const digestInfos: Readonly<Record<Digest, Buffer>> = {
  sha1: Buffer.from('3021300906052b0e03021a05000414', 'hex'),
  sha256: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  sha384: Buffer.from('3041300d060960864801650304020205000430', 'hex'),
  sha512: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
};

/** CKA_EC_PARAMS: the object identifiers of the curves in DER (RFC 5480 §2.1.1.1, SEC 2 §A). */
export const curveParameters: Readonly<Record<CurveName, Buffer>> = {
  'P-256': Buffer.from('06082a8648ce3d030107', 'hex'),
  'P-384': Buffer.from('06052b81040022', 'hex'),
  'P-521': Buffer.from('06052b81040023', 'hex'),
  'P-256K': Buffer.from('06052b8104000a', 'hex'),
};

/** Every mechanism that is asked for, so that what a token lacks can be named. */
export const usedMechanisms: readonly string[] = [
  'CKM_RSA_PKCS_KEY_PAIR_GEN',
  'CKM_EC_KEY_PAIR_GEN',
  'CKM_AES_KEY_GEN',
  'CKM_GENERIC_SECRET_KEY_GEN',
  'CKM_RSA_PKCS',
  'CKM_RSA_PKCS_PSS',
  'CKM_RSA_PKCS_OAEP',
  'CKM_RSA_X_509',
  'CKM_ECDSA',
  'CKM_ECDH1_DERIVE',
  'CKM_SHA256_HMAC',
  'CKM_SHA384_HMAC',
  'CKM_SHA512_HMAC',
  'CKM_AES_GCM',
  'CKM_AES_CBC',
  'CKM_AES_CBC_PAD',
  'CKM_AES_KEY_WRAP',
  'CKM_AES_KEY_WRAP_PAD',
];

/** How a digest is signed: the mechanism, and what it is given. */
export function signing(
  { family, padding, digest }: SignatureAlgorithm,
  value: Buffer,
): { readonly mechanism: Mechanism; readonly input: Buffer } {
  if (family === 'EC') return { mechanism: { name: 'CKM_ECDSA' }, input: value };
  if (family === 'oct') return { mechanism: { name: `CKM_${digest!.toUpperCase()}_HMAC` }, input: value };
  if (padding === 'pss') {
    const { hash, mgf, bytes } = hashes[digest!];
    return { mechanism: { name: 'CKM_RSA_PKCS_PSS', pss: { hash, mgf, saltBytes: bytes } }, input: value };
  }
  const input = digest ? Buffer.concat([digestInfos[digest], value]) : value;
  return { mechanism: { name: 'CKM_RSA_PKCS' }, input };
}

/** RSA decryption by the token itself. */
export function rsaDecryption({ mode, digest }: CipherAlgorithm): Mechanism {
  if (mode === 'pkcs1') return { name: 'CKM_RSA_PKCS' };
  const { hash, mgf } = hashes[digest!];
  return { name: 'CKM_RSA_PKCS_OAEP', oaep: { hash, mgf } };
}

const TAG_BITS = 128;

/** Encryption with AES in one direction; key wrapping is a use of its own (a token does it on objects). */
export function aesUse(
  mode: CipherAlgorithm['mode'],
  direction: 'in' | 'out',
  { iv, aad }: { readonly iv: Buffer | null; readonly aad: Buffer | null },
): { readonly use: ObjectUse; readonly mechanism: Mechanism } {
  const use = direction === 'in' ? 'encrypt' : 'decrypt';
  const wrapUse = direction === 'in' ? 'wrap' : 'unwrap';
  switch (mode) {
    case 'gcm':
      return { use, mechanism: { name: 'CKM_AES_GCM', gcm: { iv: iv!, aad, tagBits: TAG_BITS } } };
    case 'cbc':
      return { use, mechanism: { name: 'CKM_AES_CBC', iv: iv! } };
    case 'cbc-padded':
      return { use, mechanism: { name: 'CKM_AES_CBC_PAD', iv: iv! } };
    case 'wrap':
      return { use: wrapUse, mechanism: { name: 'CKM_AES_KEY_WRAP' } };
    default:
      return { use: wrapUse, mechanism: { name: 'CKM_AES_KEY_WRAP_PAD' } };
  }
}
