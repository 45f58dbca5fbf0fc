import { createPrivateKey, createPublicKey, KeyObject, X509Certificate } from 'node:crypto';
import type { Clock, Random } from '../base/ports.ts';
import { DAY } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import { thumbprints } from './certificate.ts';

/** A key that signs access tokens or once did. */
export interface SigningKey {
  /** Also `x5t`: the SHA-1 thumbprint of the key's certificate, as Entra names its keys. */
  readonly kid: string;
  /** Milliseconds since the Unix epoch. */
  readonly created: number;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The self-signed certificate around the public key, base64 of its DER. */
  readonly certificate: string;
}

interface StoredKey {
  readonly kid: string;
  readonly created: number;
  readonly pkcs8: string;
  readonly certificate: string;
}

interface SigningParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
}

const NAME = 'token-signing-keys';
const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const CERTIFICATE_DAYS = 3650;
/** How long a key that no longer signs still verifies: longer than the longest token, which is a managed identity's. */
const VERIFIES_FOR_MS = 2 * DAY;
const LEAST_MS_BETWEEN_RELOADS = 5000;

/**
 * The RSA-2048 keys that sign access tokens (RS256). The newest signs; the older ones verify until every token they
 * signed has ended. They are sealed in the store, so every node on one database has the same.
 */
export class SigningKeys {
  readonly #parts: SigningParts;
  #keys: ReadonlyMap<string, SigningKey> = new Map();
  #newest!: SigningKey;
  #reloaded = Number.NEGATIVE_INFINITY;

  private constructor(parts: SigningParts) {
    this.#parts = parts;
  }

  /** Reads the keys; an installation without any gets its first. */
  static async open(parts: SigningParts): Promise<SigningKeys> {
    const keys = new SigningKeys(parts);
    let stored = await readStored(parts, parts.store.reader);
    if (stored.length === 0) {
      const first = await newKey(parts.clock.now());
      await parts.store.write(async (transaction) => {
        // Two nodes that start at once: the second takes what the first has made.
        if ((await readStored(parts, transaction)).length === 0) await writeStored(parts, transaction, [first]);
      });
      stored = await readStored(parts, parts.store.reader);
    }
    keys.#take(stored);
    return keys;
  }

  /** The key that signs. */
  get newest(): SigningKey {
    return this.#newest;
  }

  /** A key by its `kid`, or null. */
  find(kid: string): SigningKey | null {
    return this.#keys.get(kid) ?? null;
  }

  /** As {@link find}, but asks the store where the key is unknown: another node may have rotated. At most every 5 s. */
  async findOrReload(kid: string): Promise<SigningKey | null> {
    const known = this.#keys.get(kid);
    const now = this.#parts.clock.now();
    if (known || Math.abs(now - this.#reloaded) < LEAST_MS_BETWEEN_RELOADS) return known ?? null;
    this.#reloaded = now;
    this.#take(await readStored(this.#parts, this.#parts.store.reader));
    return this.find(kid);
  }

  /** Adds a key, which signs from now on; keys whose tokens have all ended are forgotten. */
  async rotate(): Promise<SigningKey> {
    const now = this.#parts.clock.now();
    const next = await newKey(now);
    const kept = await this.#parts.store.write(async (transaction) => {
      const stored = await readStored(this.#parts, transaction);
      const keys = [...stored.filter((_, index) => verifiesAt(stored, index, now)), next];
      await writeStored(this.#parts, transaction, keys);
      return keys;
    });
    this.#take(kept);
    return this.#newest;
  }

  /** The public keys as a JSON Web Key Set (RFC 7517 §5), newest first. */
  jwks(): { readonly keys: readonly Readonly<Record<string, unknown>>[] } {
    const keys = [...this.#keys.values()].reverse().map((key) => {
      const { n, e } = key.publicKey.export({ format: 'jwk' });
      return { kty: 'RSA', use: 'sig', alg: 'RS256', kid: key.kid, x5t: key.kid, n, e, x5c: [key.certificate] };
    });
    return { keys };
  }

  #take(stored: readonly StoredKey[]): void {
    const keys = stored.map(open);
    this.#keys = new Map(keys.map((key) => [key.kid, key]));
    this.#newest = keys[keys.length - 1]!;
  }
}

/** Whether the key still verifies: it was not yet followed by another so long ago that all its tokens have ended. */
function verifiesAt(keys: readonly StoredKey[], index: number, now: number): boolean {
  const successor = keys[index + 1];
  return !successor || successor.created + VERIFIES_FOR_MS > now;
}

function open(stored: StoredKey): SigningKey {
  const privateKey = createPrivateKey({ key: Buffer.from(stored.pkcs8, 'base64'), format: 'der', type: 'pkcs8' });
  const { kid, created, certificate } = stored;
  return { kid, created, certificate, privateKey, publicKey: createPublicKey(privateKey) };
}

async function newKey(now: number): Promise<StoredKey> {
  // Imported here: only the first start and a rotation make certificates.
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
    pkcs8: KeyObject.from(keys.privateKey).export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    certificate: der.toString('base64'),
  };
}

async function readStored(parts: SigningParts, session: Session): Promise<readonly StoredKey[]> {
  const value = await parts.keyring.readValue(session, NAME);
  return value ? (JSON.parse(value.toString('utf8')) as StoredKey[]) : [];
}

async function writeStored(parts: SigningParts, transaction: Transaction, keys: readonly StoredKey[]): Promise<void> {
  await parts.keyring.writeValue(transaction, NAME, Buffer.from(JSON.stringify(keys)), parts.clock.now());
}
