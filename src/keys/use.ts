import { fromBase64Url } from '../base/text.ts';
import {
  type CipherAlgorithm,
  type CipherUse,
  cipherAlgorithms,
  type SignatureAlgorithm,
  secureWrapAlgorithms,
  signatureAlgorithms,
} from '../crypto/algorithms.ts';
import type { Plain, Sealed } from '../crypto/key-provider.ts';
import { type Body, invalid } from '../objects/attributes.ts';
import { Refusal } from '../refusals/refusal.ts';
import { purposeOf } from './key-purpose.ts';

/** What a key is used for, as `key_ops` names it. */
export type KeyUse = CipherUse | 'sign' | 'verify' | 'secureWrapKey' | 'secureUnwrapKey';

/** What of a key decides whether it may be used. Instants are whole seconds since the Unix epoch. */
export interface UsableKey {
  readonly vault: string;
  readonly name: string;
  readonly version: string;
  readonly isEnabled: boolean;
  readonly nbf: number | null;
  readonly exp: number | null;
  readonly operations: readonly string[];
  readonly family: string;
  readonly bits: number;
  readonly curve: string | null;
}

/** What a key that is not yet, or no longer, valid may still do: open what it once closed (Key Vault, About keys). */
const alwaysAllowed: readonly KeyUse[] = ['decrypt', 'unwrapKey', 'verify', 'secureUnwrapKey'];
/** The longest value; the body ends at 256 KiB. */
const MAX_VALUE_BYTES = 128 * 1024;

/**
 * Whether a version of a key may be used so now.
 * @param now whole seconds since the Unix epoch
 * @throws Refusal `key-disabled`, `key-operation-forbidden`, `key-purpose-forbids`, `key-not-yet-valid`, `key-expired`
 */
export function checkUse(key: UsableKey, use: KeyUse, now: number): void {
  const facts = { operation: use, vault: key.vault, name: key.name, version: key.version };
  if (!key.isEnabled) throw new Refusal('key-disabled', facts);
  if (!key.operations.includes(use)) {
    const isAnotherPurpose = purposeOf(key.operations) !== purposeOf([use]);
    const code = isAnotherPurpose ? 'key-purpose-forbids' : 'key-operation-forbidden';
    throw new Refusal(code, { ...facts, operations: key.operations });
  }
  if (alwaysAllowed.includes(use)) return;
  if (key.nbf !== null && now < key.nbf) throw new Refusal('key-not-yet-valid', { ...facts, nbf: iso(key.nbf) });
  if (key.exp !== null && now >= key.exp) throw new Refusal('key-expired', { ...facts, exp: iso(key.exp) });
}

/**
 * The signature algorithm that a body names, for this key.
 * @throws Refusal `property-invalid`, `key-algorithm-unsuitable`
 */
export function readSignatureAlgorithm(
  body: Body,
  key: UsableKey,
  isServed: (since: string) => boolean,
): SignatureAlgorithm {
  const name = readName(body);
  const algorithm = signatureAlgorithms[name];
  if (!algorithm || (algorithm.since && !isServed(algorithm.since))) throw unknownAlgorithm(name);
  if (algorithm.family !== key.family || (algorithm.curve && algorithm.curve !== key.curve))
    throw unsuitable(name, key);
  return algorithm;
}

/**
 * The encryption algorithm that a body names, for this key and use.
 * @throws Refusal `property-invalid`, `key-algorithm-unsuitable`
 */
export function readCipherAlgorithm(
  body: Body,
  key: UsableKey,
  use: CipherUse,
  isServed: (since: string) => boolean,
): CipherAlgorithm {
  const name = readName(body);
  const algorithm = cipherAlgorithms[name];
  if (!algorithm || (algorithm.since && !isServed(algorithm.since))) throw unknownAlgorithm(name);
  if (!fits(algorithm, key) || !algorithm.uses.includes(use)) throw unsuitable(name, key);
  return algorithm;
}

/**
 * The algorithm of secure wrapping that a body names, for this key.
 * @throws Refusal `property-invalid`, `key-algorithm-unsuitable`
 */
export function readSecureWrapAlgorithm(
  body: Body,
  key: UsableKey,
): { readonly name: string; readonly algorithm: CipherAlgorithm } {
  const name = readName(body);
  const algorithm = secureWrapAlgorithms[name];
  if (!algorithm) throw unknownAlgorithm(name);
  if (!fits(algorithm, key)) throw unsuitable(name, key);
  return { name, algorithm };
}

/** The digest to sign or verify. @throws Refusal `property-invalid` where it has another length than the algorithm's */
export function readDigest(body: Body, member: 'value' | 'digest', { digestBytes }: SignatureAlgorithm): Buffer {
  const digest = readBytes(body[member], member);
  if (digestBytes !== undefined && digest.length !== digestBytes) {
    throw invalid(member, `this algorithm takes a digest of ${digestBytes} bytes`);
  }
  return digest;
}

/** What is to be encrypted or decrypted. @throws Refusal `property-invalid` */
export function readSealed(body: Body): Sealed {
  return { ...readPlain(body), tag: readOptional(body, 'tag') };
}

/** What is to be encrypted. @throws Refusal `property-invalid` */
export function readPlain(body: Body): Plain {
  return { value: readBytes(body['value'], 'value'), iv: readOptional(body, 'iv'), aad: readOptional(body, 'aad') };
}

/** A member that holds bytes in base64url. @throws Refusal `property-invalid` */
export function readBytes(value: unknown, property: string): Buffer {
  const bytes = typeof value === 'string' ? fromBase64Url(value.replace(/=+$/, '')) : null;
  if (!bytes) throw invalid(property, 'it is required and must be base64url');
  if (bytes.length > MAX_VALUE_BYTES) throw invalid(property, `it holds at most ${MAX_VALUE_BYTES} bytes`);
  return bytes;
}

function fits(algorithm: CipherAlgorithm, key: UsableKey): boolean {
  return algorithm.family === key.family && (algorithm.bits === undefined || algorithm.bits === key.bits);
}

function readOptional(body: Body, member: string): Buffer | null {
  const value = body[member];
  return value === undefined || value === null || value === '' ? null : readBytes(value, member);
}

function readName(body: Body): string {
  const { alg } = body;
  if (typeof alg !== 'string' || alg.length === 0) throw invalid('alg', 'it is required and must be a string');
  return alg;
}

function unknownAlgorithm(name: string): Refusal {
  return invalid('alg', `there is no algorithm ${JSON.stringify(name.slice(0, 40))} for this operation`);
}

function unsuitable(algorithm: string, { family, bits, curve, name, vault }: UsableKey): Refusal {
  const type = family === 'EC' ? `${family} ${curve}` : `${family} ${bits}`;
  return new Refusal('key-algorithm-unsuitable', { algorithm, type, name, vault });
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
