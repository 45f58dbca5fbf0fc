import { createPrivateKey, hash, type KeyObject, X509Certificate } from 'node:crypto';
import type { Clock } from '../base/ports.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Store } from '../store/store.ts';
import { endsAt, type KeyState, type ScheduledKey, signerAt, stateAt } from './key-schedule.ts';
import { newKey, readKeys, type StoredKey, scheduled, writeKeys } from './stored-keys.ts';

/** A key that signs access tokens, will or did. */
export interface SigningKey extends ScheduledKey {
  /** Null once it was destroyed, which it is soon after another signs. */
  readonly privateKey: KeyObject | null;
  readonly publicKey: KeyObject;
  /** The self-signed certificate around the public key, base64 of its DER. */
  readonly certificate: string;
}

/** The key that signs, its private part at hand. */
export interface Signer {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** What is told of a key; instants in milliseconds since the Unix epoch. */
export interface KeyFacts {
  readonly kid: string;
  readonly state: KeyState;
  readonly created: number;
  readonly signs: number;
  /** When it is removed; null while no other key follows it. */
  readonly ends: number | null;
  /** Whether its private part is still there. */
  readonly canSign: boolean;
}

/** All keys at one moment. */
export class KeySet {
  readonly #keys: readonly SigningKey[];
  readonly #byId: ReadonlyMap<string, SigningKey>;

  constructor(keys: readonly SigningKey[]) {
    this.#keys = keys;
    this.#byId = new Map(keys.map((key) => [key.kid, key]));
  }

  /** A key by its `kid`, or null. */
  find(kid: string): SigningKey | null {
    return this.#byId.get(kid) ?? null;
  }

  /** The key that signs at `now`. */
  signerAt(now: number): Signer {
    const key = this.#keys[signerAt(this.#keys, now)];
    if (!key?.privateKey) throw new Error('There is no key that signs tokens.');
    return { kid: key.kid, privateKey: key.privateKey };
  }

  /** All of them, the one that signs last first. */
  listAt(now: number): readonly KeyFacts[] {
    return this.#keys
      .map(({ kid, created, signs, canSign }, index) => ({
        kid,
        state: stateAt(this.#keys, index, now),
        created,
        signs,
        ends: endsAt(this.#keys, index),
        canSign,
      }))
      .toReversed();
  }

  /** The public keys as a JSON Web Key Set (RFC 7517 §5), announced ones included, the one that signs last first. */
  jwks(): { readonly keys: readonly Readonly<Record<string, unknown>>[] } {
    const keys = this.#keys.toReversed().map(({ kid, publicKey, certificate }) => {
      const { n, e } = publicKey.export({ format: 'jwk' });
      return { kty: 'RSA', use: 'sig', alg: 'RS256', kid, x5t: kid, n, e, x5c: [certificate] };
    });
    return { keys };
  }
}

/** What the keys are read with. */
export interface SigningParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

/**
 * The RSA-2048 keys that sign access tokens (RS256), sealed in the store, so that every process on one database has the
 * same. What was read holds as long as the store's generation: a key that any process made or removed is known, or gone,
 * with the next token.
 */
export class SigningKeys {
  readonly #parts: SigningParts;
  #generation = Number.NaN;
  /** Of what was read last. */
  #digest = '';
  #set = new KeySet([]);

  private constructor(parts: SigningParts) {
    this.#parts = parts;
  }

  /** Reads the keys; an installation without any gets its first. */
  static async open(parts: SigningParts): Promise<SigningKeys> {
    const { store, keyring, clock } = parts;
    if ((await readKeys(keyring, store.reader)).length === 0) {
      const now = clock.now();
      const first = await newKey(now, now);
      await store.write(async (transaction) => {
        // Two nodes that start at once: the second takes what the first has made.
        if ((await readKeys(keyring, transaction)).length === 0) await writeKeys(keyring, transaction, [first], now);
      });
    }
    return new SigningKeys(parts);
  }

  /** The keys as of now. */
  async current(): Promise<KeySet> {
    return this.under(await this.#parts.store.generation());
  }

  /** The keys at least as new as a generation of the store that was read before. */
  async under(generation: number): Promise<KeySet> {
    if (generation === this.#generation) return this.#set;
    const stored = await readKeys(this.#parts.keyring, this.#parts.store.reader);
    // Most generations are about something else: then the keys stay as they are.
    const digest = hash('sha256', JSON.stringify(stored));
    const set = digest === this.#digest ? this.#set : new KeySet(stored.map(open));
    this.#generation = generation;
    this.#digest = digest;
    this.#set = set;
    return set;
  }
}

function open(stored: StoredKey): SigningKey {
  const { pkcs8, certificate } = stored;
  const { publicKey } = new X509Certificate(Buffer.from(certificate, 'base64'));
  const privateKey =
    pkcs8 === null ? null : createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), format: 'der', type: 'pkcs8' });
  return { ...scheduled([stored])[0]!, privateKey, publicKey, certificate };
}
