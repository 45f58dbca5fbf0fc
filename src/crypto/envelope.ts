import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import type { Random } from '../base/ports.ts';

/** Format 1: format (1 byte), key id (16 bytes), nonce (12), tag (16), ciphertext. AES-256-GCM (NIST SP 800-38D). */
const FORMAT = 1;
const KEY_ID_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/** A 256-bit key with the id by which envelopes name it: 32 hexadecimal digits. */
export interface EnvelopeKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** An envelope that does not open: damaged, moved to another row, or made under another key. */
export class EnvelopeFault extends Error {
  readonly code = 'envelope-unreadable';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EnvelopeFault';
  }
}

/**
 * Encrypts under a fresh random nonce; a key may seal 2^32 envelopes (SP 800-38D §8.3).
 * @param binding what the envelope belongs to, e.g. `['secret', vaultId, name, version]`: it opens for the same parts alone
 */
export function sealEnvelope(
  { id, key }: EnvelopeKey,
  binding: readonly string[],
  plaintext: Uint8Array,
  random: Random,
): Buffer {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  const keyId = Buffer.from(id, 'hex');
  cipher.setAAD(boundData(keyId, binding));
  const body = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([Buffer.of(FORMAT), keyId, nonce, cipher.getAuthTag(), body]);
}

/** The id of the key that an envelope names. */
export function envelopeKeyId(envelope: Uint8Array): string {
  const bytes = asBuffer(envelope);
  if (bytes.length < HEADER_BYTES || bytes[0] !== FORMAT) throw new EnvelopeFault('Unknown envelope format.');
  return bytes.toString('hex', 1, 1 + KEY_ID_BYTES);
}

/** By what an envelope differs from every other that was ever sealed: its nonce, in hexadecimal. */
export function envelopeMark(envelope: Uint8Array): string {
  return asBuffer(envelope).toString('hex', 1 + KEY_ID_BYTES, 1 + KEY_ID_BYTES + NONCE_BYTES);
}

/**
 * Decrypts an envelope.
 * @throws EnvelopeFault where the key, the binding or a single bit differs
 */
export function openEnvelope({ id, key }: EnvelopeKey, binding: readonly string[], envelope: Uint8Array): Buffer {
  const bytes = asBuffer(envelope);
  if (envelopeKeyId(bytes) !== id) throw new EnvelopeFault('The envelope was made under another key.');
  const nonceEnd = 1 + KEY_ID_BYTES + NONCE_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1 + KEY_ID_BYTES, nonceEnd), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(boundData(bytes.subarray(1, 1 + KEY_ID_BYTES), binding));
  decipher.setAuthTag(bytes.subarray(nonceEnd, HEADER_BYTES));
  const body = decipher.update(bytes.subarray(HEADER_BYTES));
  try {
    decipher.final();
  } catch (error) {
    throw new EnvelopeFault('The envelope does not open here: it is damaged, or it belongs to another row.', {
      cause: error,
    });
  }
  return body;
}

/** Each part after its length, so that no two bindings have the same bytes. */
function boundData(keyId: Uint8Array, binding: readonly string[]): Buffer {
  let text = '';
  for (const part of binding) text += `${part.length}:${part}`;
  const bytes = Buffer.allocUnsafe(keyId.length + Buffer.byteLength(text));
  bytes.set(keyId);
  bytes.write(text, keyId.length);
  return bytes;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
