import { createSecretKey, type KeyObject } from 'node:crypto';
import { endOfTurn } from '../../base/end-of-turn.ts';
import type { Random } from '../../base/ports.ts';
import { equalBytes } from '../../base/text.ts';
import {
  type CipherAlgorithm,
  curves,
  type KeyFamily,
  type ReleaseAlgorithm,
  releaseAlgorithms,
  SECURE_WRAP_BYTES,
  type SignatureAlgorithm,
} from '../algorithms.ts';
import {
  type ImportedJwk,
  KeyInputFault,
  type KeyProvider,
  type KeySpec,
  type MadeKey,
  type Plain,
  type RsaPublicMembers,
  type Sealed,
  type StoredKey,
} from '../key-provider.ts';
import { generateKey, publicKeyInfo, readPrivateJwk } from './key-making.ts';
import { readUnwrapped, splitWrapped, unwrapUnder, wrapForRecipient } from './key-wrapping.ts';
import { LibCrypto, type NativeKey, type RsaPadding } from './libcrypto.ts';
import { authenticate, decryptSymmetric, encryptSymmetric } from './symmetric.ts';

/** Opened keys that are kept, each kind: opening an RSA key costs as much as using it once. */
const KEPT = 512;

/** Keys in this process, used by OpenSSL. Loading what they need waits for the first that is used. */
export class SoftwareProvider implements KeyProvider {
  readonly #random: Random;
  #library: Promise<LibCrypto> | null = null;
  readonly #natives = new Map<string, NativeKey>();
  readonly #secrets = new Map<string, KeyObject>();

  constructor(random: Random) {
    this.#random = random;
  }

  async generate(spec: KeySpec): Promise<MadeKey> {
    return generateKey(spec, this.#random);
  }

  async importKey(jwk: ImportedJwk): Promise<MadeKey> {
    return this.#consistent(readPrivateJwk(jwk));
  }

  /** A key whose halves belong together. @throws KeyInputFault */
  async #consistent(key: MadeKey): Promise<MadeKey> {
    if (key.spec.family === 'oct') return key;
    const library = await this.#load();
    const native = library.openPrivate(key.material);
    const isGood = native !== null && (await library.isConsistent(native));
    if (isGood) return key;
    key.material.fill(0);
    throw new KeyInputFault('The private and the public half of the key do not belong together.');
  }

  async sign(key: StoredKey, algorithm: SignatureAlgorithm, digest: Buffer): Promise<Buffer> {
    if (algorithm.family === 'oct') return authenticate(await this.#secret(key), algorithm.digest!, digest);
    const library = await this.#load();
    const native = this.#natives.get(`private/${key.id}`) ?? (await this.#openPrivate(library, key));
    if (algorithm.family === 'RSA') return fits(await library.signOnPool(native, paddingOf(algorithm), digest));
    const curve = curves[algorithm.curve!];
    if (!curve.isQuick) return library.flatSignature(fits(await library.signOnPool(native, null, digest)), curve);
    await endOfTurn();
    return library.flatSignature(fits(library.sign(native, digest)), curve);
  }

  async verify(key: StoredKey, algorithm: SignatureAlgorithm, digest: Buffer, signature: Buffer): Promise<boolean> {
    if (algorithm.family === 'oct') {
      return equalBytes(authenticate(await this.#secret(key), algorithm.digest!, digest), signature);
    }
    const library = await this.#load();
    const native = this.#public(library, key);
    if (algorithm.family === 'RSA') return library.verify(native, paddingOf(algorithm), digest, signature);
    const { fieldBytes, isQuick } = curves[algorithm.curve!];
    if (signature.length !== fieldBytes * 2) return false;
    const der = library.derSignature(signature);
    return isQuick ? library.verify(native, null, digest, der) : library.verifyOnPool(native, digest, der);
  }

  async encrypt(key: StoredKey, algorithm: CipherAlgorithm, plain: Plain): Promise<Sealed> {
    if (algorithm.family === 'oct') return encryptSymmetric(await this.#secret(key), algorithm, plain, this.#random);
    const library = await this.#load();
    const value = fits(library.encrypt(this.#public(library, key), rsaPadding(algorithm), plain.value));
    return { value, iv: null, aad: null, tag: null };
  }

  async decrypt(key: StoredKey, algorithm: CipherAlgorithm, sealed: Sealed): Promise<Buffer> {
    if (algorithm.family === 'oct') return decryptSymmetric(await this.#secret(key), algorithm, sealed);
    // RFC 8017 §7.1.2 and §7.2.2, step 1: OpenSSL takes a shorter one for a smaller number. Its length is no secret.
    if (key.spec.family === 'RSA' && sealed.value.length !== key.spec.bits / 8) fits(null);
    const library = await this.#load();
    const native = this.#natives.get(`private/${key.id}`) ?? (await this.#openPrivate(library, key));
    return fits(await library.decryptOnPool(native, rsaPadding(algorithm), sealed.value));
  }

  async release(key: StoredKey, { digest }: ReleaseAlgorithm, recipient: RsaPublicMembers): Promise<Buffer> {
    const material = await key.open();
    try {
      return wrapForRecipient(material, recipient, digest, this.#random);
    } finally {
      material.fill(0);
    }
  }

  async wrapNewKey(key: StoredKey, algorithm: CipherAlgorithm): Promise<Buffer> {
    const value = this.#random.bytes(SECURE_WRAP_BYTES);
    try {
      return (await this.encrypt(key, algorithm, { value, iv: null, aad: null })).value;
    } finally {
      value.fill(0);
    }
  }

  async rewrapKey(
    key: StoredKey,
    algorithm: CipherAlgorithm,
    wrapped: Buffer,
    { digest }: ReleaseAlgorithm,
    recipient: RsaPublicMembers,
  ): Promise<Buffer> {
    const value = await this.decrypt(key, algorithm, { value: wrapped, iv: null, aad: null, tag: null });
    try {
      return wrapForRecipient(fits(value.length === SECURE_WRAP_BYTES ? value : null), recipient, digest, this.#random);
    } finally {
      value.fill(0);
    }
  }

  async importWrapped(exchangeKey: StoredKey, ciphertext: Buffer, family: KeyFamily): Promise<MadeKey> {
    const { digest } = releaseAlgorithms['CKM_RSA_AES_KEY_WRAP']!;
    const parts = splitWrapped(ciphertext, exchangeKey.spec);
    const library = await this.#load();
    const native = this.#natives.get(`private/${exchangeKey.id}`) ?? (await this.#openPrivate(library, exchangeKey));
    const aesKey = fits(await library.decryptOnPool(native, { kind: 'oaep', digest }, parts.wrappedKey));
    return this.#consistent(readUnwrapped(unwrapUnder(aesKey, parts.wrapped), family));
  }

  #load(): Promise<LibCrypto> {
    this.#library ??= LibCrypto.load();
    return this.#library;
  }

  async #openPrivate(library: LibCrypto, key: StoredKey): Promise<NativeKey> {
    const material = await key.open();
    const id = `private/${key.id}`;
    const raced = this.#natives.get(id);
    const native = raced ?? library.openPrivate(material);
    material.fill(0);
    if (!native) throw new Error('A stored key does not open in OpenSSL.');
    return raced ?? keep(this.#natives, id, native);
  }

  #public(library: LibCrypto, key: StoredKey): NativeKey {
    const id = `public/${key.id}`;
    const known = this.#natives.get(id);
    if (known) return known;
    const native = library.openPublic(publicKeyInfo(key.publicMembers));
    if (!native) throw new Error('A stored public key does not open in OpenSSL.');
    return keep(this.#natives, id, native);
  }

  async #secret(key: StoredKey): Promise<KeyObject> {
    const known = this.#secrets.get(key.id);
    if (known) return known;
    const material = await key.open();
    const secret = createSecretKey(material);
    material.fill(0);
    return keep(this.#secrets, key.id, secret);
  }
}

/** Remembers one more; the one that was there longest makes room. */
function keep<Opened>(opened: Map<string, Opened>, id: string, one: Opened): Opened {
  for (const oldest of opened.keys()) {
    if (opened.size < KEPT) break;
    opened.delete(oldest);
  }
  opened.set(id, one);
  return one;
}

function paddingOf({ padding, digest }: SignatureAlgorithm): RsaPadding {
  return { kind: padding!, ...(digest && { digest }) };
}

function rsaPadding({ mode, digest }: CipherAlgorithm): RsaPadding {
  return mode === 'pkcs1' ? { kind: 'pkcs1' } : { kind: 'oaep', digest: digest! };
}

/** What OpenSSL refused is what does not fit the key. */
function fits(result: Buffer | null): Buffer {
  if (result) return result;
  throw new KeyInputFault('The value does not fit the key and the algorithm.');
}
