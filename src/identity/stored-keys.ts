import { KeyObject, X509Certificate } from 'node:crypto';
import { DAY } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Session, Transaction } from '../store/port.ts';
import { thumbprints } from './certificate.ts';
import type { ScheduledKey } from './key-schedule.ts';

/** A key that signs access tokens, will or did, as the store keeps it under the seal. */
export interface StoredKey {
  /** The SHA-1 thumbprint of its certificate, as Entra names its keys; also `x5t`. */
  readonly kid: string;
  /** Since when it is published, milliseconds since the Unix epoch. */
  readonly created: number;
  /** From when it signs, milliseconds since the Unix epoch. */
  readonly signs: number;
  /** The private part, base64 of its PKCS #8; null once it was destroyed. */
  readonly pkcs8: string | null;
  /** The self-signed certificate around the public part, base64 of its DER. */
  readonly certificate: string;
}

const NAME = 'token-signing-keys';
const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const CERTIFICATE_DAYS = 3650;

/** The keys as the session sees them, in the order in which they sign. */
export async function readKeys(keyring: Keyring, session: Session): Promise<readonly StoredKey[]> {
  const value = await keyring.readValue(session, NAME);
  // The first release wrote no instant of signing: its keys signed at once.
  const keys = value ? (JSON.parse(value.toString('utf8')) as (Omit<StoredKey, 'signs'> & Partial<StoredKey>)[]) : [];
  return keys.map((key) => ({ ...key, signs: key.signs ?? key.created }));
}

/** Replaces the keys. What decisions rest on has changed: every process reads them before its next one. */
export async function writeKeys(
  keyring: Keyring,
  transaction: Transaction,
  keys: readonly StoredKey[],
  now: number,
): Promise<void> {
  const sorted = keys.toSorted((one, other) => one.signs - other.signs);
  await keyring.writeValue(transaction, NAME, Buffer.from(JSON.stringify(sorted)), now);
  transaction.touch();
}

/** The keys as their schedule sees them. */
export function scheduled(keys: readonly StoredKey[]): readonly ScheduledKey[] {
  return keys.map(({ kid, created, signs, pkcs8 }) => ({ kid, created, signs, canSign: pkcs8 !== null }));
}

/** Makes an RSA-2048 key with a certificate of its own. */
export async function newKey(now: number, signs: number): Promise<StoredKey> {
  // Imported here: only the first start and rotations make certificates.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const { subtle } = globalThis.crypto;
  const order = { ...ALGORITHM, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await subtle.generateKey(order, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=Strongroom token signing',
      notBefore: new Date(now),
      notAfter: new Date(now + CERTIFICATE_DAYS * DAY),
      keys,
      signingAlgorithm: ALGORITHM,
    },
    globalThis.crypto,
  );
  const der = Buffer.from(certificate.rawData);
  return {
    kid: thumbprints(new X509Certificate(der)).sha1,
    created: now,
    signs,
    pkcs8: KeyObject.from(keys.privateKey).export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    certificate: der.toString('base64'),
  };
}
