import { createHmac } from 'node:crypto';
import type { Random } from '../base/ports.ts';
import { equalBytes, toBase64Url } from '../base/text.ts';

/** A client secret that was just made: its text is told once, its material is what is stored. */
export interface NewSecret {
  readonly secretText: string;
  /** `hmac-sha256$<salt>$<hash>`, salt and hash in base64url. */
  readonly material: string;
  /** The first three characters, for people to tell secrets apart. */
  readonly hint: string;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-';
const FIRST = 62;
const LENGTH = 40;
const SCHEME = 'hmac-sha256';

/** The material of no secret at all: verifying against it takes the time of a real one. */
export const noSecret = `${SCHEME}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * Makes a client secret of 40 characters, about 240 random bits. The first is a letter or digit, so that no command
 * line takes it for an option and no shell for a home directory.
 *
 * Stored is a salted HMAC-SHA-256, not a password hash: slow hashes make up for secrets that people choose, and nobody
 * can search 2^240 at any speed. So a token request costs microseconds and cannot be used to keep the processor busy.
 */
export function newSecret(random: Random): NewSecret {
  let secretText = pick(random, FIRST);
  while (secretText.length < LENGTH) secretText += pick(random, ALPHABET.length);
  const salt = toBase64Url(random.bytes(16));
  return {
    secretText,
    material: `${SCHEME}$${salt}$${toBase64Url(hash(salt, secretText))}`,
    hint: secretText.slice(0, 3),
  };
}

/** Whether the text is the secret whose material is given; the time does not depend on how nearly it is. */
export function verifySecret(secretText: string, material: string): boolean {
  const [scheme, salt, expected] = material.split('$');
  if (scheme !== SCHEME || salt === undefined || expected === undefined) return false;
  return equalBytes(hash(salt, secretText), Buffer.from(expected, 'base64url'));
}

function hash(salt: string, secretText: string): Buffer {
  return createHmac('sha256', salt).update(secretText, 'utf8').digest();
}

/** One of the first `count` characters of the alphabet, each equally likely. */
function pick(random: Random, count: number): string {
  const limit = 256 - (256 % count);
  for (;;) {
    const byte = random.bytes(1)[0]!;
    if (byte < limit) return ALPHABET[byte % count]!;
  }
}
