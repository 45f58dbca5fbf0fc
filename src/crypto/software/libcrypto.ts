import type { Curve, Digest } from '../algorithms.ts';
import { KeyProviderFault } from '../key-provider.ts';
import { type AsyncNative, poolTurns } from './pool-turns.ts';

/** A key inside OpenSSL. */
export type NativeKey = { readonly pointer: unknown; readonly outputBytes: number };

/** How an RSA key pads; null for curves. */
export interface RsaPadding {
  readonly kind: 'pkcs1' | 'oaep' | 'pss';
  readonly digest?: Digest;
}

type Operation = 'sign' | 'verify' | 'encrypt' | 'decrypt';

/** The values of rsa.h and evp.h. */
const PADDINGS = { pkcs1: 1, oaep: 4, pss: 6 } as const;
const SALT_AS_LONG_AS_DIGEST = -1;

const prototypes = {
  d2i_AutoPrivateKey: 'void *d2i_AutoPrivateKey(void *a, const uint8_t **pp, long length)',
  d2i_PUBKEY: 'void *d2i_PUBKEY(void *a, const uint8_t **pp, long length)',
  EVP_PKEY_free: 'void EVP_PKEY_free(void *key)',
  EVP_PKEY_get_size: 'int EVP_PKEY_get_size(void *key)',
  EVP_PKEY_CTX_new: 'void *EVP_PKEY_CTX_new(void *key, void *engine)',
  EVP_PKEY_CTX_free: 'void EVP_PKEY_CTX_free(void *context)',
  EVP_PKEY_check: 'int EVP_PKEY_check(void *context)',
  EVP_PKEY_sign_init: 'int EVP_PKEY_sign_init(void *context)',
  EVP_PKEY_verify_init: 'int EVP_PKEY_verify_init(void *context)',
  EVP_PKEY_encrypt_init: 'int EVP_PKEY_encrypt_init(void *context)',
  EVP_PKEY_decrypt_init: 'int EVP_PKEY_decrypt_init(void *context)',
  EVP_PKEY_sign: 'int EVP_PKEY_sign(void *c, uint8_t *out, _Inout_ size_t *outlen, const uint8_t *in, size_t inlen)',
  EVP_PKEY_encrypt:
    'int EVP_PKEY_encrypt(void *c, uint8_t *out, _Inout_ size_t *outlen, const uint8_t *in, size_t inlen)',
  EVP_PKEY_decrypt:
    'int EVP_PKEY_decrypt(void *c, uint8_t *out, _Inout_ size_t *outlen, const uint8_t *in, size_t inlen)',
  EVP_PKEY_verify: 'int EVP_PKEY_verify(void *c, const uint8_t *sig, size_t siglen, const uint8_t *in, size_t inlen)',
  EVP_PKEY_CTX_set_rsa_padding: 'int EVP_PKEY_CTX_set_rsa_padding(void *context, int padding)',
  EVP_PKEY_CTX_set_rsa_pss_saltlen: 'int EVP_PKEY_CTX_set_rsa_pss_saltlen(void *context, int length)',
  EVP_PKEY_CTX_set_rsa_oaep_md: 'int EVP_PKEY_CTX_set_rsa_oaep_md(void *context, void *md)',
  EVP_PKEY_CTX_set_signature_md: 'int EVP_PKEY_CTX_set_signature_md(void *context, void *md)',
  EVP_get_digestbyname: 'void *EVP_get_digestbyname(const char *name)',
  ERR_clear_error: 'void ERR_clear_error()',
  d2i_ECDSA_SIG: 'void *d2i_ECDSA_SIG(void *a, const uint8_t **pp, long length)',
  i2d_ECDSA_SIG: 'int i2d_ECDSA_SIG(void *sig, uint8_t **out)',
  ECDSA_SIG_new: 'void *ECDSA_SIG_new()',
  ECDSA_SIG_free: 'void ECDSA_SIG_free(void *sig)',
  ECDSA_SIG_get0_r: 'void *ECDSA_SIG_get0_r(void *sig)',
  ECDSA_SIG_get0_s: 'void *ECDSA_SIG_get0_s(void *sig)',
  ECDSA_SIG_set0: 'int ECDSA_SIG_set0(void *sig, void *r, void *s)',
  RSA_padding_check_PKCS1_OAEP_mgf1:
    'int RSA_padding_check_PKCS1_OAEP_mgf1(uint8_t *to, int tlen, const uint8_t *from, int flen, int num, void *p, int pl, void *md, void *mgf1md)',
  BN_bin2bn: 'void *BN_bin2bn(const uint8_t *bytes, int length, void *out)',
  BN_bn2binpad: 'int BN_bn2binpad(void *number, uint8_t *out, int length)',
} as const;

/**
 * The few functions of OpenSSL that Node keeps to itself: it cannot sign or verify a digest that was made elsewhere, and
 * decrypts with RSA on the event loop alone. They are called in Node's own copy of OpenSSL, through koffi (prebuilt, no
 * compiler); what runs is OpenSSL's constant-time code. Whatever takes longer than a change of threads runs on the thread pool.
 */
export class LibCrypto {
  readonly #native: Readonly<Record<keyof typeof prototypes, AsyncNative>>;
  readonly #digests = new Map<Digest, unknown>();
  /** A key is given back when nobody holds it any more: no order of awaits can free one that is about to be used. */
  readonly #unused: FinalizationRegistry<unknown>;

  private constructor(native: Readonly<Record<keyof typeof prototypes, AsyncNative>>) {
    this.#native = native;
    this.#unused = new FinalizationRegistry((pointer) => native.EVP_PKEY_free(pointer));
  }

  /** @throws KeyProviderFault where there is no koffi for this platform, or this Node does not export OpenSSL */
  static async load(bring = () => import('koffi')): Promise<LibCrypto> {
    try {
      const { default: koffi } = await bring();
      const library = koffi.load(null);
      const native: Record<string, unknown> = {};
      for (const [name, prototype] of Object.entries(prototypes)) native[name] = library.func(prototype);
      return new LibCrypto(native as Record<keyof typeof prototypes, AsyncNative>);
    } catch (cause) {
      throw new KeyProviderFault(
        `Software keys need the package koffi and a Node that exports OpenSSL's functions; on ${process.platform} ` +
          `${process.arch} with Node ${process.versions.node} they cannot be had. The builds of nodejs.org have them.`,
        { cause },
      );
    }
  }

  /** Takes in a private key in PKCS #8, or null where it is none. */
  openPrivate(der: Buffer): NativeKey | null {
    return this.#opened(this.#native.d2i_AutoPrivateKey(null, [der], der.length));
  }

  /** Takes in a public key in SubjectPublicKeyInfo, or null where it is none. */
  openPublic(der: Buffer): NativeKey | null {
    return this.#opened(this.#native.d2i_PUBKEY(null, [der], der.length));
  }

  /** Whether the halves of a private key belong together and its numbers are what they should be (SP 800-56A, 56B). */
  async isConsistent(key: NativeKey): Promise<boolean> {
    const context = this.#native.EVP_PKEY_CTX_new(key.pointer, null);
    try {
      return (await poolTurns.call(this.#native.EVP_PKEY_check, [context])) === 1;
    } finally {
      this.#native.EVP_PKEY_CTX_free(context);
    }
  }

  /** Signs a digest on the thread pool, for curves in DER (RFC 3279 §2.2.3); null where the key cannot: the value is too long for it. */
  signOnPool(key: NativeKey, padding: RsaPadding | null, digest: Buffer): Promise<Buffer | null> {
    return this.#onPool('sign', key, padding, digest);
  }

  /** Signs a digest at once, in DER: for the curve whose signatures take less time than a change of threads. */
  sign(key: NativeKey, digest: Buffer): Buffer | null {
    return this.#atOnce('sign', key, null, digest);
  }

  /** Whether a signature is right; DER for curves. */
  verify(key: NativeKey, padding: RsaPadding | null, digest: Buffer, signature: Buffer): boolean {
    const context = this.#context('verify', key, padding);
    const { EVP_PKEY_verify, EVP_PKEY_CTX_free, ERR_clear_error } = this.#native;
    const result = EVP_PKEY_verify(context, signature, signature.length, digest, digest.length);
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return result === 1;
  }

  /** The same on the thread pool, for curves. */
  async verifyOnPool(key: NativeKey, digest: Buffer, signature: Buffer): Promise<boolean> {
    const context = this.#context('verify', key, null);
    const parameters = [context, signature, signature.length, digest, digest.length];
    try {
      return (await poolTurns.call(this.#native.EVP_PKEY_verify, parameters)) === 1;
    } finally {
      this.#native.EVP_PKEY_CTX_free(context);
    }
  }

  /** Encrypts with a public RSA key; null where the value is too long. */
  encrypt(key: NativeKey, padding: RsaPadding, value: Buffer): Buffer | null {
    return this.#atOnce('encrypt', key, padding, value);
  }

  /**
   * Decrypts with a private RSA key; null where it does not open. With PKCS #1 v1.5 a wrong padding gives other bytes, not
   * an error (implicit rejection, OpenSSL 3.2): there is nothing to tell apart.
   */
  decryptOnPool(key: NativeKey, padding: RsaPadding, value: Buffer): Promise<Buffer | null> {
    return this.#onPool('decrypt', key, padding, value);
  }

  /** What a block that RSA has decrypted holds under OAEP (RFC 8017 §7.1.2, step 3), or null; in constant time. */
  openOaep(block: Buffer, digest: Digest): Buffer | null {
    const out = Buffer.alloc(block.length);
    const md = this.#digest(digest);
    const { RSA_padding_check_PKCS1_OAEP_mgf1: open, ERR_clear_error } = this.#native;
    const length = open(out, out.length, block, block.length, block.length, null, 0, md, md) as number;
    ERR_clear_error();
    return length < 0 ? null : out.subarray(0, length);
  }

  /** An ECDSA signature in DER as r and s side by side (RFC 7518 §3.4). */
  flatSignature(der: Buffer, { fieldBytes }: Curve): Buffer {
    const native = this.#native;
    const signature = native.d2i_ECDSA_SIG(null, [der], der.length);
    const flat = Buffer.alloc(fieldBytes * 2);
    const wroteR = native.BN_bn2binpad(native.ECDSA_SIG_get0_r(signature), flat, fieldBytes);
    const wroteS = native.BN_bn2binpad(native.ECDSA_SIG_get0_s(signature), flat.subarray(fieldBytes), fieldBytes);
    native.ECDSA_SIG_free(signature);
    if (wroteR !== fieldBytes || wroteS !== fieldBytes) throw new Error('OpenSSL gave a signature of another curve.');
    return flat;
  }

  /** The DER of an ECDSA signature given as r and s side by side. */
  derSignature(flat: Buffer): Buffer {
    const native = this.#native;
    const half = flat.length / 2;
    const signature = native.ECDSA_SIG_new();
    native.ECDSA_SIG_set0(
      signature,
      native.BN_bin2bn(flat, half, null),
      native.BN_bin2bn(flat.subarray(half), half, null),
    );
    const der = Buffer.alloc(flat.length + 16);
    const length = native.i2d_ECDSA_SIG(signature, [der]) as number;
    native.ECDSA_SIG_free(signature);
    return der.subarray(0, length);
  }

  #opened(pointer: unknown): NativeKey | null {
    this.#native.ERR_clear_error();
    if (!pointer) return null;
    const key = { pointer, outputBytes: this.#native.EVP_PKEY_get_size(pointer) as number };
    this.#unused.register(key, pointer);
    return key;
  }

  #atOnce(operation: 'sign' | 'encrypt', key: NativeKey, padding: RsaPadding | null, value: Buffer): Buffer | null {
    const context = this.#context(operation, key, padding);
    const out = Buffer.alloc(key.outputBytes);
    const length = [out.length];
    const result = this.#native[`EVP_PKEY_${operation}`](context, out, length, value, value.length);
    this.#native.EVP_PKEY_CTX_free(context);
    this.#native.ERR_clear_error();
    return result === 1 ? out.subarray(0, Number(length[0])) : null;
  }

  async #onPool(operation: 'sign' | 'decrypt', key: NativeKey, padding: RsaPadding | null, value: Buffer) {
    const context = this.#context(operation, key, padding);
    const out = Buffer.alloc(key.outputBytes);
    const length = [out.length];
    const parameters = [context, out, length, value, value.length];
    try {
      const result = await poolTurns.call(this.#native[`EVP_PKEY_${operation}`], parameters);
      return result === 1 ? out.subarray(0, Number(length[0])) : null;
    } finally {
      this.#native.EVP_PKEY_CTX_free(context);
    }
  }

  #context(operation: Operation, key: NativeKey, padding: RsaPadding | null): unknown {
    const native = this.#native;
    const context = native.EVP_PKEY_CTX_new(key.pointer, null);
    const steps = [native[`EVP_PKEY_${operation}_init`](context)];
    if (padding) {
      steps.push(native.EVP_PKEY_CTX_set_rsa_padding(context, PADDINGS[padding.kind]));
      if (padding.kind === 'oaep')
        steps.push(native.EVP_PKEY_CTX_set_rsa_oaep_md(context, this.#digest(padding.digest!)));
      else if (padding.digest && (operation === 'sign' || operation === 'verify'))
        steps.push(native.EVP_PKEY_CTX_set_signature_md(context, this.#digest(padding.digest)));
      if (padding.kind === 'pss') steps.push(native.EVP_PKEY_CTX_set_rsa_pss_saltlen(context, SALT_AS_LONG_AS_DIGEST));
    }
    if (steps.every((step) => step === 1)) return context;
    native.EVP_PKEY_CTX_free(context);
    native.ERR_clear_error();
    throw new Error(`OpenSSL refused to prepare the operation ${operation}.`);
  }

  #digest(name: Digest): unknown {
    let digest = this.#digests.get(name);
    if (!digest) {
      digest = this.#native.EVP_get_digestbyname(name);
      this.#digests.set(name, digest);
    }
    return digest;
  }
}
