import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  publicEncrypt,
} from 'node:crypto';
import type { Random } from '../../base/ports.ts';
import { type CurveName, curves, type Digest, type KeyFamily } from '../algorithms.ts';
import { KeyInputFault, type KeySpec, type MadeKey, type RsaPublicMembers } from '../key-provider.ts';
import { madeFrom } from './key-making.ts';

/** PKCS #11 v3.0 §2.1.22, CKM_RSA_AES_KEY_WRAP: the wrapped AES key, as long as the modulus, and after it what that key wraps. */

const AES_KEY_BYTES = 32;
/** RFC 5649 §3. */
const PADDED_WRAP_IV = Buffer.from('a65959a6', 'hex');
const PADDING = constants.RSA_PKCS1_OAEP_PADDING;
const OCT_BYTES: readonly number[] = [16, 24, 32];
const RSA_BITS: readonly number[] = [2048, 3072, 4096];
const MAX_EXPONENT = 0x7fff_ffffn;

/** Wraps material for the holder of an RSA key; the AES key between them is made here and forgotten. */
export function wrapForRecipient(
  material: Buffer,
  recipient: RsaPublicMembers,
  digest: Digest,
  random: Random,
): Buffer {
  const aesKey = random.bytes(AES_KEY_BYTES);
  try {
    const wrappedKey = encryptForRecipient(aesKey, recipient, digest);
    const cipher = createCipheriv('id-aes256-wrap-pad', aesKey, PADDED_WRAP_IV);
    return Buffer.concat([wrappedKey, cipher.update(material), cipher.final()]);
  } finally {
    aesKey.fill(0);
  }
}

/** The first half: an AES key under RSA-OAEP. */
export function encryptForRecipient(aesKey: Buffer, { n, e }: RsaPublicMembers, digest: Digest): Buffer {
  const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
  return publicEncrypt({ key, padding: PADDING, oaepHash: digest }, aesKey);
}

/** The two halves of what was wrapped for a key. @throws KeyInputFault where it is too short */
export function splitWrapped(
  ciphertext: Buffer,
  spec: KeySpec,
): { readonly wrappedKey: Buffer; readonly wrapped: Buffer } {
  const length = spec.family === 'RSA' ? spec.bits / 8 : 0;
  if (length === 0 || ciphertext.length <= length) throw doesNotOpen();
  return { wrappedKey: ciphertext.subarray(0, length), wrapped: ciphertext.subarray(length) };
}

/** Opens the second half; the AES key is overwritten. @throws KeyInputFault */
export function unwrapUnder(aesKey: Buffer, wrapped: Buffer): Buffer {
  try {
    const decipher = createDecipheriv(`id-aes${aesKey.length * 8}-wrap-pad`, aesKey, PADDED_WRAP_IV);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch (cause) {
    throw doesNotOpen(cause);
  } finally {
    aesKey.fill(0);
  }
}

/** The key in unwrapped material, which is overwritten or given on. @throws KeyInputFault where it is none of the family */
export function readUnwrapped(material: Buffer, family: KeyFamily): MadeKey {
  if (family === 'oct') {
    if (!OCT_BYTES.includes(material.length)) throw doesNotOpen();
    return { spec: { family, bits: material.length * 8 }, publicMembers: {}, material };
  }
  try {
    const key = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' });
    const details = key.asymmetricKeyDetails ?? {};
    if (family === 'RSA' && key.asymmetricKeyType === 'rsa') {
      const { modulusLength: bits = 0, publicExponent = 0n } = details;
      if (!RSA_BITS.includes(bits) || publicExponent > MAX_EXPONENT) throw doesNotOpen();
      return madeFrom(key, { family, bits, publicExponent: Number(publicExponent) });
    }
    const curve = (Object.keys(curves) as CurveName[]).find((name) => curves[name].openssl === details.namedCurve);
    if (family === 'EC' && curve) return madeFrom(key, { family, curve });
  } catch (cause) {
    throw doesNotOpen(cause);
  } finally {
    material.fill(0);
  }
  throw doesNotOpen();
}

/** One for whatever is wrong. The cause names no content. */
function doesNotOpen(cause?: unknown): KeyInputFault {
  return new KeyInputFault('The wrapped key does not open, or is no key.', {
    cause: (cause as Error | undefined)?.name,
  });
}
