import { createSecretKey } from 'node:crypto';
import type { Log, Random } from '../../base/ports.ts';
import { equalBytes } from '../../base/text.ts';
import {
  type CipherAlgorithm,
  cipherAlgorithms,
  type Digest,
  type KeyFamily,
  type ReleaseAlgorithm,
  SECURE_WRAP_BYTES,
  type SignatureAlgorithm,
} from '../algorithms.ts';
import {
  type ImportedJwk,
  KeyInputFault,
  type KeyPlace,
  type KeySpec,
  KeyTokenFault,
  KeyUnsupportedFault,
  type MadeKey,
  type Plain,
  type RsaPublicMembers,
  type Sealed,
  type StoredKey,
  type TokenKeys,
  type WrappedObject,
} from '../key-provider.ts';
import { encryptForRecipient, splitWrapped, wrapForRecipient } from '../software/key-wrapping.ts';
import { SoftwareProvider } from '../software/provider.ts';
import { encryptSymmetric } from '../software/symmetric.ts';
import { readTokenReference, type TokenReference, writeTokenReference } from '../token-reference.ts';
import {
  AES_BITS,
  assertReleasable,
  assertShape,
  BLOCK_BYTES,
  doesNotFit,
  halvesOf,
  kindsOf,
  pointsAt,
  rsaSpecOf,
} from './key-shapes.ts';
import { aesUse } from './mechanisms.ts';
import type { ObjectKind, ObjectPlace } from './messages.ts';
import { ObjectUse, type TokenAccess } from './object-use.ts';

/** References that are kept, so that using a key does not mean opening its envelope each time. */
const KEPT = 4096;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CARRIER_BYTES = 32;
/** What wrapping adds to whole blocks of 8 bytes. */
const WRAP_BYTES = 8;

/**
 * Keys inside a PKCS #11 token: made there, sensitive and not extractable, and used there. Public halves are used here, by OpenSSL.
 * Material is a reference to the token's objects.
 */
export class TokenProvider implements TokenKeys {
  readonly #token: TokenAccess;
  readonly #random: Random;
  readonly #software: SoftwareProvider;
  readonly #use: ObjectUse;
  readonly #references = new Map<string, TokenReference>();

  constructor(token: TokenAccess, random: Random, log: Log) {
    this.#token = token;
    this.#random = random;
    this.#software = new SoftwareProvider(random);
    this.#use = new ObjectUse(token, random, log, this.#software);
  }

  async generate(spec: KeySpec, place?: KeyPlace): Promise<MadeKey> {
    const { serial } = await this.#token.facts();
    const at = this.#placeOf(place);
    assertReleasable(spec.family, at);
    const publicMembers = await this.#token.ask<'generate'>({ op: 'generate', spec, place: at });
    const made = { spec, publicMembers, material: writeTokenReference({ token: serial, id: at.id }) };
    if (spec.family === 'oct') return made;
    await this.#use.assertPair(spec, publicMembers, { token: serial, id: at.id });
    return made;
  }

  async importKey(jwk: ImportedJwk, place?: KeyPlace): Promise<MadeKey> {
    const { serial } = await this.#token.facts();
    // The halves are proved to belong together before a token keeps one of them.
    const key = await this.#software.importKey(jwk);
    const at = this.#placeOf(place);
    try {
      assertReleasable(key.spec.family, at);
      for (const [kind, material] of halvesOf(key)) await this.#bringIn(key, kind, material, at);
    } finally {
      key.material.fill(0);
    }
    return { ...key, material: writeTokenReference({ token: serial, id: at.id }) };
  }

  async sign(key: StoredKey, algorithm: SignatureAlgorithm, digest: Buffer): Promise<Buffer> {
    const signature = await this.#use.sign(await this.#reference(key), key.spec, algorithm, digest);
    // One wrong RSA signature gives the key away (the Bellcore attack); looking costs a twentieth of making it.
    const isRight = algorithm.family !== 'RSA' || (await this.#software.verify(key, algorithm, digest, signature));
    if (isRight) return signature;
    throw this.#use.wrong('a signature that is wrong');
  }

  async verify(key: StoredKey, algorithm: SignatureAlgorithm, digest: Buffer, signature: Buffer): Promise<boolean> {
    if (algorithm.family !== 'oct') return this.#software.verify(key, algorithm, digest, signature);
    return equalBytes(await this.#use.sign(await this.#reference(key), key.spec, algorithm, digest), signature);
  }

  async encrypt(key: StoredKey, algorithm: CipherAlgorithm, plain: Plain): Promise<Sealed> {
    if (algorithm.family === 'RSA') return this.#software.encrypt(key, algorithm, plain);
    const { mode } = algorithm;
    if (mode === 'gcm' && plain.iv) throw new KeyInputFault('The initialization vector of GCM is made by the vault.');
    const iv = mode === 'gcm' ? this.#random.bytes(NONCE_BYTES) : plain.iv;
    assertShape(mode, plain.value, iv);
    const reference = await this.#reference(key);
    const out = await this.#use.aes(reference, aesUse(mode, 'in', { iv, aad: plain.aad }), plain.value);
    if (mode === 'wrap-padded' && plain.value.length % 8 !== 0) await this.#assertUnpadded(reference, plain.value, out);
    if (mode !== 'gcm') return { value: out, iv: mode.startsWith('cbc') ? iv : null, aad: null, tag: null };
    const at = out.length - TAG_BYTES;
    return { value: out.subarray(0, at), iv, aad: plain.aad, tag: out.subarray(at) };
  }

  async decrypt(key: StoredKey, algorithm: CipherAlgorithm, sealed: Sealed): Promise<Buffer> {
    const reference = await this.#reference(key);
    const { mode } = algorithm;
    if (algorithm.family === 'RSA') return this.#use.decryptRsa(reference, key.spec, algorithm, sealed.value);
    const { iv, aad, tag, value } = sealed;
    if (mode === 'gcm' && (iv?.length !== NONCE_BYTES || tag?.length !== TAG_BYTES)) throw doesNotFit();
    if (mode === 'cbc' || mode === 'cbc-padded') {
      assertShape('cbc', value, iv);
      if (mode === 'cbc-padded' && value.length === 0) throw doesNotFit();
    }
    const input = mode === 'gcm' ? Buffer.concat([value, tag!]) : value;
    return this.#use.aes(reference, aesUse(mode, 'out', { iv, aad }), input);
  }

  get mayWrap(): boolean {
    return this.#token.backupKey !== null;
  }

  async serial(): Promise<string> {
    return (await this.#token.facts()).serial;
  }

  async destroy(serial: string, placeId: string): Promise<void> {
    await this.#assertToken(serial);
    await this.#token.destroy(serial, placeId);
  }

  async wrapObjects(key: StoredKey): Promise<readonly WrappedObject[] | null> {
    const wrappingLabel = this.#token.backupKey;
    if (wrappingLabel === null) return null;
    const { id } = await this.#reference(key);
    const objects: WrappedObject[] = [];
    for (const kind of kindsOf(key.spec)) {
      try {
        const wrapped = await this.#token.ask<'wrap-object'>({ op: 'wrap-object', kind, id, wrappingLabel });
        objects.push({ kind, wrapped: Buffer.from(wrapped).toString('base64url') });
      } catch (error) {
        // Made before the setting was: it never leaves the token.
        if (error instanceof KeyUnsupportedFault) return null;
        throw error;
      }
    }
    return objects;
  }

  async unwrapObjects(
    wrapped: readonly WrappedObject[],
    { spec, publicMembers }: Pick<StoredKey, 'spec' | 'publicMembers'>,
    place: KeyPlace,
  ): Promise<Buffer> {
    const wrappingLabel = this.#token.backupKey;
    if (wrappingLabel === null) throw new KeyUnsupportedFault('The configuration names no backupKey.');
    const reference = { token: await this.serial(), id: place.id };
    for (const { kind, wrapped: text } of wrapped) {
      const bytes = Buffer.from(text, 'base64url');
      const { family } = spec;
      const asked = { kind, family, place: this.#placeOf(place), wrapped: bytes, wrappingLabel };
      await this.#token.ask<'unwrap-object'>({ op: 'unwrap-object', ...asked });
    }
    if (spec.family !== 'oct') await this.#use.assertPair(spec, publicMembers, reference);
    return writeTokenReference(reference);
  }

  async drawBytes(count: number): Promise<Buffer> {
    return Buffer.from(await this.#token.ask<'random'>({ op: 'random', count }));
  }

  async release(key: StoredKey, { digest }: ReleaseAlgorithm, recipient: RsaPublicMembers): Promise<Buffer> {
    const { id } = await this.#reference(key);
    return this.#forRecipient(recipient, digest, (wrappedKey) =>
      this.#token.ask<'export'>({ op: 'export', id, wrappedKey }),
    );
  }

  /** What the token wraps under a key that is made here, since few tokens have OAEP over SHA-2: that key, for the recipient, before it. */
  async #forRecipient(
    recipient: RsaPublicMembers,
    digest: Digest,
    wrap: (wrappedKey: Buffer) => Promise<Uint8Array>,
  ): Promise<Buffer> {
    const carrier = this.#random.bytes(CARRIER_BYTES);
    try {
      const wrapped = await wrap(await this.#forTransport(carrier));
      return Buffer.concat([encryptForRecipient(carrier, recipient, digest), wrapped]);
    } finally {
      carrier.fill(0);
    }
  }

  async wrapNewKey(key: StoredKey, algorithm: CipherAlgorithm): Promise<Buffer> {
    if (algorithm.family === 'RSA') {
      // Few tokens have OAEP over SHA-2, so what it closes is here for that moment, as what it opens is below.
      const value = await this.drawBytes(SECURE_WRAP_BYTES);
      const sealed = this.#software.encrypt(key, algorithm, { value, iv: null, aad: null });
      return (await sealed.finally(() => value.fill(0))).value;
    }
    const { id } = await this.#reference(key);
    const { mechanism } = aesUse(algorithm.mode, 'in', { iv: null, aad: null });
    return Buffer.from(await this.#token.ask<'wrap-new'>({ op: 'wrap-new', id, mechanism }));
  }

  async rewrapKey(
    key: StoredKey,
    algorithm: CipherAlgorithm,
    wrapped: Buffer,
    { digest }: ReleaseAlgorithm,
    recipient: RsaPublicMembers,
  ): Promise<Buffer> {
    const reference = await this.#reference(key);
    if (algorithm.family === 'RSA') {
      const value = await this.#use.decryptRsa(reference, key.spec, algorithm, wrapped);
      try {
        if (value.length !== SECURE_WRAP_BYTES) throw doesNotFit();
        return wrapForRecipient(value, recipient, digest, this.#random);
      } finally {
        value.fill(0);
      }
    }
    if (wrapped.length !== SECURE_WRAP_BYTES + WRAP_BYTES) throw doesNotFit();
    const { mechanism } = aesUse(algorithm.mode, 'out', { iv: null, aad: null });
    return this.#forRecipient(recipient, digest, (wrappedKey) =>
      this.#token.ask<'rewrap'>({ op: 'rewrap', id: reference.id, mechanism, wrapped, wrappedKey }),
    );
  }

  async importWrapped(
    exchangeKey: StoredKey,
    ciphertext: Buffer,
    family: KeyFamily,
    place?: KeyPlace,
  ): Promise<MadeKey> {
    const unwrapper = (await this.#reference(exchangeKey)).id;
    const at = this.#placeOf(place);
    await assertReleasable(family, at);
    const reference = { token: (await this.#token.facts()).serial, id: at.id };
    const material = writeTokenReference(reference);
    const halves = splitWrapped(ciphertext, exchangeKey.spec);
    const bring = (kind: ObjectKind) =>
      this.#token.ask<'import'>({
        op: 'import',
        unwrapper,
        ...halves,
        family,
        kind,
        place: at,
        isPublicHalfKnown: false,
      });
    if (family === 'oct') {
      // What is unwrapped is that long, or some bytes shorter (RFC 5649 §3), which AES does not take.
      const bits = (halves.wrapped.length - WRAP_BYTES) * 8;
      if (!AES_BITS.includes(bits)) throw doesNotFit();
      await bring('aes');
      await bring('mac');
      const block = { iv: Buffer.alloc(BLOCK_BYTES), aad: null };
      await this.#use.aes(reference, aesUse('cbc', 'in', block), Buffer.alloc(BLOCK_BYTES));
      return { spec: { family, bits }, publicMembers: {}, material };
    }
    const half = (await bring('private'))!;
    if ('crv' in half) {
      const spec: KeySpec = { family: 'EC', curve: half.crv };
      return { spec, publicMembers: await this.#use.pairOf(spec, pointsAt(half), reference), material };
    }
    const publicMembers = half;
    const spec = rsaSpecOf(publicMembers);
    await this.#use.assertPair(spec, publicMembers, reference);
    return { spec, publicMembers, material };
  }

  /** Encrypts material for the connection's transport key, and has the token unwrap it: it is never an object in the clear. */
  async #bringIn(key: MadeKey, kind: ObjectKind, material: Buffer, place: ObjectPlace): Promise<void> {
    const carrier = this.#random.bytes(CARRIER_BYTES);
    const wrappedKey = await this.#forTransport(carrier);
    const secret = createSecretKey(carrier);
    carrier.fill(0);
    const pad = cipherAlgorithms['CKM_AES_KEY_WRAP_PAD']!;
    const { value: wrapped } = encryptSymmetric(secret, pad, { value: material, iv: null, aad: null }, this.#random);
    const { family } = key.spec;
    const halves = { wrappedKey, wrapped, isPublicHalfKnown: true };
    await this.#token.ask<'import'>({ op: 'import', unwrapper: null, ...halves, family, kind, place });
  }

  /** An AES key, encrypted for the connection's transport key. */
  async #forTransport(carrier: Buffer): Promise<Buffer> {
    return encryptForRecipient(carrier, await this.#token.ask<'transport'>({ op: 'transport' }), 'sha1');
  }

  async #reference(key: StoredKey): Promise<TokenReference> {
    const known = this.#references.get(key.id);
    const reference = known ?? readTokenReference(await key.open());
    if (!known) {
      for (const oldest of this.#references.keys()) {
        if (this.#references.size < KEPT) break;
        this.#references.delete(oldest);
      }
      this.#references.set(key.id, reference);
    }
    await this.#assertToken(reference.token);
    return reference;
  }

  /** SoftHSM 2.6 fills such a value with zeros before it wraps it, so that another value comes out (RFC 5649 §4.1 counts the bytes). */
  async #assertUnpadded(reference: TokenReference, value: Buffer, wrapped: Buffer): Promise<void> {
    const opened = await this.#use.aes(reference, aesUse('wrap-padded', 'out', { iv: null, aad: null }), wrapped);
    const isSame = equalBytes(opened, value);
    opened.fill(0);
    if (!isSame) throw new KeyUnsupportedFault('The token wraps only values whose length is a multiple of 8 bytes.');
  }

  async #assertToken(wanted: string): Promise<void> {
    const { serial } = await this.#token.facts();
    if (serial !== wanted)
      throw new KeyTokenFault(`The key is in the token ${wanted}; the one configured is ${serial}.`);
  }

  #placeOf(place: KeyPlace | undefined): ObjectPlace {
    if (place) {
      const { id, label, isExportable, isMomentary = false } = place;
      return { id, label, isExportable, isKept: !isMomentary, isWrappable: this.mayWrap && !isMomentary };
    }
    return {
      id: this.#random.bytes(16).toString('hex'),
      label: 'strongroom, for a moment',
      isKept: false,
      isExportable: false,
      isWrappable: false,
    };
  }
}
