import { scrypt, timingSafeEqual } from 'node:crypto';
import type { Random } from '../base/ports.ts';
import { toBase64Url } from '../base/text.ts';

const SCHEME = 'scrypt-15-8-3';
// The parameters that OWASP's password storage cheat sheet gives for 32 MiB (2025).
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** The material of nobody's password: verifying against it takes the time of a real one. */
export const noPassword = `${SCHEME}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * Hashes a password that a person chose, for storing: `scrypt-15-8-3$<salt>$<hash>`, salt and hash in base64url. The text is
 * taken in Unicode's form NFC, so that one password typed on two keyboards is the same.
 */
export async function hashPassword(password: string, random: Random): Promise<string> {
  const salt = random.bytes(SALT_BYTES);
  const hash = await derive(password, salt);
  return `${SCHEME}$${toBase64Url(salt)}$${toBase64Url(hash)}`;
}

/** Whether the text is the password whose material is given; the time does not depend on how nearly it is. */
export async function verifyPassword(password: string, material: string): Promise<boolean> {
  const [scheme, salt, expected] = material.split('$');
  if (scheme !== SCHEME || salt === undefined || expected === undefined) return false;
  const wanted = Buffer.from(expected, 'base64url');
  const hash = await derive(password, Buffer.from(salt, 'base64url'));
  return wanted.length === hash.length && timingSafeEqual(wanted, hash);
}

let hashes = 0;

/** How many hashes this process has computed: what an attempt costs, which must not depend on whether a name is known. */
export function passwordHashes(): number {
  return hashes;
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  hashes++;
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, COST, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
