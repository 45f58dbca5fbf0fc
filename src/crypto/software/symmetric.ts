import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto';
import type { Random } from '../../base/ports.ts';
import type { CipherAlgorithm, Digest } from '../algorithms.ts';
import { KeyInputFault, type Plain, type Sealed } from '../key-provider.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
/** The initial values of RFC 3394 §2.2.3.1 and RFC 5649 §3. */
const WRAP_IV = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');
const PADDED_WRAP_IV = Buffer.from('a65959a6', 'hex');

/** Encrypts or wraps with AES. GCM draws its own nonce: one that came from outside could have been used before. */
export function encryptSymmetric(key: KeyObject, { mode }: CipherAlgorithm, plain: Plain, random: Random): Sealed {
  const bits = key.symmetricKeySize! * 8;
  switch (mode) {
    case 'gcm': {
      if (plain.iv) throw new KeyInputFault('The initialization vector of GCM is made by the vault.');
      const iv = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv(gcm(bits), key, iv, { authTagLength: TAG_BYTES });
      if (plain.aad) cipher.setAAD(plain.aad);
      const value = Buffer.concat([cipher.update(plain.value), cipher.final()]);
      return { value, iv, aad: plain.aad, tag: cipher.getAuthTag() };
    }
    case 'cbc':
    case 'cbc-padded': {
      const cipher = createCipheriv(`aes-${bits}-cbc`, key, cbcIv(plain));
      return { value: cbc(cipher, mode, plain.value), iv: plain.iv, aad: null, tag: null };
    }
    default: {
      refuseNothing(plain);
      const cipher = createCipheriv(wrapName(bits, mode), key, wrapIv(mode));
      return {
        value: run(() => Buffer.concat([cipher.update(plain.value), cipher.final()])),
        iv: null,
        aad: null,
        tag: null,
      };
    }
  }
}

/** Decrypts or unwraps with AES. @throws KeyInputFault, the same for whatever is wrong */
export function decryptSymmetric(key: KeyObject, { mode }: CipherAlgorithm, sealed: Sealed): Buffer {
  const bits = key.symmetricKeySize! * 8;
  switch (mode) {
    case 'gcm': {
      const { iv, tag, aad, value } = sealed;
      if (iv?.length !== NONCE_BYTES || tag?.length !== TAG_BYTES) throw doesNotOpen();
      const decipher = createDecipheriv(gcm(bits), key, iv, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(tag);
      if (aad) decipher.setAAD(aad);
      return run(() => Buffer.concat([decipher.update(value), decipher.final()]));
    }
    case 'cbc':
    case 'cbc-padded':
      return cbc(createDecipheriv(`aes-${bits}-cbc`, key, cbcIv(sealed)), mode, sealed.value);
    default: {
      refuseNothing(sealed);
      const decipher = createDecipheriv(wrapName(bits, mode), key, wrapIv(mode));
      return run(() => Buffer.concat([decipher.update(sealed.value), decipher.final()]));
    }
  }
}

/** The message authentication code of a value (RFC 7518 §3.2). */
export function authenticate(key: KeyObject, digest: Digest, value: Buffer): Buffer {
  return createHmac(digest, key).update(value).digest();
}

type Cbc = ReturnType<typeof createCipheriv> | ReturnType<typeof createDecipheriv>;

function cbc(cipher: Cbc, mode: CipherAlgorithm['mode'], value: Buffer): Buffer {
  cipher.setAutoPadding(mode === 'cbc-padded');
  return run(() => Buffer.concat([cipher.update(value), cipher.final()]));
}

function cbcIv({ iv }: Plain): Buffer {
  if (iv?.length === BLOCK_BYTES) return iv;
  throw new KeyInputFault(`CBC needs an initialization vector of ${BLOCK_BYTES} bytes.`);
}

function gcm(bits: number): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  return `aes-${bits}-gcm` as 'aes-256-gcm';
}

function wrapName(bits: number, mode: CipherAlgorithm['mode']): string {
  return mode === 'wrap' ? `id-aes${bits}-wrap` : `id-aes${bits}-wrap-pad`;
}

/** OpenSSL wraps nothing into nothing and back, which proves nothing: no key is empty, and nothing is no wrapped key. */
function refuseNothing({ value }: Plain): void {
  if (value.length === 0) throw doesNotOpen();
}

function wrapIv(mode: CipherAlgorithm['mode']): Buffer {
  return mode === 'wrap' ? WRAP_IV : PADDED_WRAP_IV;
}

function run(work: () => Buffer): Buffer {
  try {
    return work();
  } catch (cause) {
    throw doesNotOpen(cause);
  }
}

function doesNotOpen(cause?: unknown): KeyInputFault {
  return new KeyInputFault('The value does not fit the key and the algorithm.', { cause });
}
