import { fromBase64Url } from '../base/text.ts';
import type { RsaPublicMembers } from '../crypto/key-provider.ts';
import type { Body } from '../objects/attributes.ts';

/** Whom a key is released to: the RSA key that the attested environment holds. */
export interface Recipient {
  readonly kid: string;
  readonly publicMembers: RsaPublicMembers;
}

const MAX_KEYS = 32;
const LEAST_BITS = 2048;
const MOST_BITS = 8192;
const MAX_EXPONENT_BYTES = 4;

/**
 * The recipient's key in an attestation: the first of the key set in the claim `x-ms-runtime` whose use is encryption, by `use` or
 * by `key_ops` (Key Vault, About keys, Key release: environment assertion). Others, such as those below `x-ms-isolation-tee`,
 * are not the environment's to be released to.
 * @returns the reason where there is none
 */
export function recipientOf(claims: Body): Recipient | { readonly reason: string } {
  const runtime = asObject(claims['x-ms-runtime']);
  const keys = runtime?.['keys'];
  if (!Array.isArray(keys)) return { reason: 'it has no claim x-ms-runtime with keys' };
  if (keys.length > MAX_KEYS) return { reason: `x-ms-runtime has more than ${MAX_KEYS} keys` };
  const key = keys.map(asObject).find((one) => one !== null && isForEncryption(one));
  if (!key) return { reason: 'none of the keys in x-ms-runtime is an RSA key for encryption' };
  const modulus = membersOf(key['n']);
  const exponent = membersOf(key['e']);
  const bits = modulus ? modulus.length * 8 - Math.clz32(modulus[0]!) + 24 : 0;
  if (!modulus || bits < LEAST_BITS || bits > MOST_BITS) {
    return { reason: `the modulus of its key for encryption has not ${LEAST_BITS} to ${MOST_BITS} bits` };
  }
  const isOdd = exponent !== null && exponent.length <= MAX_EXPONENT_BYTES && exponent[exponent.length - 1]! % 2 === 1;
  if (!isOdd || (exponent.length === 1 && exponent[0]! < 3)) {
    return { reason: 'the exponent of its key for encryption is not an odd number above 1' };
  }
  const { kid } = key;
  return {
    kid: typeof kid === 'string' ? kid.slice(0, 256) : '',
    publicMembers: { n: modulus.toString('base64url'), e: exponent.toString('base64url') },
  };
}

function isForEncryption({ kty, use, key_ops: operations }: Body): boolean {
  if (kty !== 'RSA' || (use !== undefined && use !== 'enc')) return false;
  return use === 'enc' || (Array.isArray(operations) && operations.includes('encrypt'));
}

/** A number's bytes without leading zeros, or null. */
function membersOf(value: unknown): Buffer | null {
  const bytes = typeof value === 'string' && value.length <= 2048 ? fromBase64Url(value.replace(/=+$/, '')) : null;
  const first = bytes?.findIndex((byte) => byte !== 0) ?? -1;
  return first < 0 ? null : bytes!.subarray(first);
}

function asObject(value: unknown): Body | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : null;
}
