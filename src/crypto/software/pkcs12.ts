import { BundleFault } from '../bundle-fault.ts';
import { KeyProviderFault } from '../key-provider.ts';
import { DerivationBudget } from './derivation-cost.ts';
import { type AsyncNative, poolTurns } from './pool-turns.ts';

const prototypes = {
  OSSL_LIB_CTX_new: 'void *OSSL_LIB_CTX_new()',
  OSSL_PROVIDER_load: 'void *OSSL_PROVIDER_load(void *context, const char *name)',
  PKCS12_init_ex: 'void *PKCS12_init_ex(int mode, void *context, const char *query)',
  d2i_PKCS12: 'void *d2i_PKCS12(_Inout_ void **p12, const uint8_t **pp, long length)',
  i2d_PKCS12: 'int i2d_PKCS12(void *p12, uint8_t **out)',
  PKCS12_free: 'void PKCS12_free(void *p12)',
  PKCS12_mac_present: 'int PKCS12_mac_present(void *p12)',
  PKCS12_get0_mac:
    'void PKCS12_get0_mac(void *mac, _Out_ void **algorithm, void *salt, _Out_ void **rounds, void *p12)',
  ASN1_INTEGER_get: 'long ASN1_INTEGER_get(void *integer)',
  i2d_X509_ALGOR: 'int i2d_X509_ALGOR(void *algorithm, uint8_t **out)',
  PKCS12_verify_mac: 'int PKCS12_verify_mac(void *p12, const char *password, int length)',
  PKCS12_unpack_authsafes: 'void *PKCS12_unpack_authsafes(void *p12)',
  PKCS12_unpack_p7data: 'void *PKCS12_unpack_p7data(void *p7)',
  PKCS12_unpack_p7encdata: 'void *PKCS12_unpack_p7encdata(void *p7, const char *password, int length)',
  PKCS7_free: 'void PKCS7_free(void *p7)',
  i2d_PKCS7: 'int i2d_PKCS7(void *p7, uint8_t **out)',
  PKCS12_SAFEBAG_free: 'void PKCS12_SAFEBAG_free(void *bag)',
  PKCS12_SAFEBAG_get_nid: 'int PKCS12_SAFEBAG_get_nid(void *bag)',
  PKCS12_SAFEBAG_get0_pkcs8: 'void *PKCS12_SAFEBAG_get0_pkcs8(void *bag)',
  PKCS12_SAFEBAG_get0_p8inf: 'void *PKCS12_SAFEBAG_get0_p8inf(void *bag)',
  PKCS12_SAFEBAG_get1_cert: 'void *PKCS12_SAFEBAG_get1_cert(void *bag)',
  PKCS12_SAFEBAG_get0_safes: 'void *PKCS12_SAFEBAG_get0_safes(void *bag)',
  PKCS8_decrypt_ex:
    'void *PKCS8_decrypt_ex(void *sig, const char *password, int length, void *context, const char *query)',
  d2i_X509_SIG: 'void *d2i_X509_SIG(void *a, const uint8_t **pp, long length)',
  i2d_X509_SIG: 'int i2d_X509_SIG(void *sig, uint8_t **out)',
  X509_SIG_free: 'void X509_SIG_free(void *sig)',
  i2d_PKCS8_PRIV_KEY_INFO: 'int i2d_PKCS8_PRIV_KEY_INFO(void *info, uint8_t **out)',
  PKCS8_PRIV_KEY_INFO_free: 'void PKCS8_PRIV_KEY_INFO_free(void *info)',
  d2i_AutoPrivateKey: 'void *d2i_AutoPrivateKey(void *a, const uint8_t **pp, long length)',
  EVP_PKEY_free: 'void EVP_PKEY_free(void *key)',
  d2i_X509: 'void *d2i_X509(void *a, const uint8_t **pp, long length)',
  i2d_X509: 'int i2d_X509(void *certificate, uint8_t **out)',
  X509_free: 'void X509_free(void *certificate)',
  OPENSSL_sk_num: 'int OPENSSL_sk_num(void *stack)',
  OPENSSL_sk_value: 'void *OPENSSL_sk_value(void *stack, int index)',
  OPENSSL_sk_new_null: 'void *OPENSSL_sk_new_null()',
  OPENSSL_sk_push: 'int OPENSSL_sk_push(void *stack, void *element)',
  OPENSSL_sk_free: 'void OPENSSL_sk_free(void *stack)',
  PKCS12_create:
    'void *PKCS12_create(const char *pass, const char *name, void *key, void *cert, void *ca, int nid_key, int nid_cert, int iter, int mac_iter, int keytype)',
  PKCS12_set_mac:
    'int PKCS12_set_mac(void *p12, const char *pass, int length, void *salt, int saltlen, int iter, void *md)',
  EVP_get_digestbyname: 'void *EVP_get_digestbyname(const char *name)',
  ERR_clear_error: 'void ERR_clear_error()',
} as const;

type Natives = Readonly<Record<keyof typeof prototypes, AsyncNative>>;

/** The values of obj_mac.h. */
const NID = {
  data: 21,
  encrypted: 26,
  keyBag: 150,
  shroudedKeyBag: 151,
  certificateBag: 152,
  safeContents: 155,
} as const;
const PBE_SHA1_3DES = 146;
const ROUNDS = 2048;
const NO_MAC = -1;
const MOST_BAGS = 100;
const DEEPEST = 4;

/** What a PKCS #12 file holds: private keys in PKCS #8, certificates, both in DER and in the file's order. */
export interface Pkcs12Content {
  readonly keys: readonly Buffer[];
  readonly certificates: readonly Buffer[];
}

/** A password as OpenSSL takes it: null and the empty text are two different ones (RFC 7292 appendix B). */
type Password = string | null;

/**
 * PKCS #12 by OpenSSL in Node's own copy of it: it reads what any product wrote in thirty years, RC2 and RC4 included, for which
 * an own library context has the legacy provider. Costs are counted before they are worked, and worked on the thread pool.
 */
export class Pkcs12 {
  readonly #native: Natives;
  readonly #context: unknown;

  private constructor(native: Natives) {
    this.#native = native;
    this.#context = native.OSSL_LIB_CTX_new();
    native.OSSL_PROVIDER_load(this.#context, 'default');
    native.OSSL_PROVIDER_load(this.#context, 'legacy');
  }

  /** @throws KeyProviderFault where there is no koffi for this platform, or this Node does not export OpenSSL */
  static async load(): Promise<Pkcs12> {
    try {
      const { default: koffi } = await import('koffi');
      const library = koffi.load(null);
      const native: Record<string, unknown> = {};
      for (const [name, prototype] of Object.entries(prototypes)) native[name] = library.func(prototype);
      return new Pkcs12(native as Natives);
    } catch (cause) {
      throw new KeyProviderFault('PKCS #12 needs the package koffi and a Node that exports the functions of OpenSSL.', {
        cause,
      });
    }
  }

  /** Reads a file. @throws BundleFault `unreadable`, `password`, `costly` */
  async read(der: Buffer, password: string): Promise<Pkcs12Content> {
    const native = this.#native;
    const holder = [native.PKCS12_init_ex(NID.data, this.#context, null)];
    if (!native.d2i_PKCS12(holder, [der], der.length)) throw this.#fault('unreadable');
    const p12 = holder[0];
    try {
      const budget = new DerivationBudget();
      const fitting = await this.#fittingPassword(p12, password, budget);
      return await this.#unpack(p12, fitting, budget);
    } finally {
      native.PKCS12_free(p12);
      native.ERR_clear_error();
    }
  }

  /** Decrypts a key in PKCS #8 (`ENCRYPTED PRIVATE KEY`). @throws BundleFault `unreadable`, `password`, `costly` */
  async decryptKey(der: Buffer, password: string): Promise<Buffer> {
    const sealed = this.#native.d2i_X509_SIG(null, [der], der.length);
    if (!sealed) throw this.#fault('unreadable');
    try {
      return await this.#openKey(sealed, password, new DerivationBudget());
    } finally {
      this.#native.X509_SIG_free(sealed);
      this.#native.ERR_clear_error();
    }
  }

  /**
   * Writes a file without a password, in the form that every reader knows: key and certificates under PBES1 with 3DES, MAC by
   * SHA-1, all by the empty password, as the service does. It hides nothing; whoever holds it holds the key.
   */
  async write(key: Buffer | null, certificates: readonly Buffer[], name: string): Promise<Buffer> {
    const native = this.#native;
    const opened = key ? native.d2i_AutoPrivateKey(null, [key], key.length) : null;
    const parsed = certificates.map((der) => native.d2i_X509(null, [der], der.length));
    const chain = native.OPENSSL_sk_new_null();
    for (const one of key ? parsed.slice(1) : parsed) native.OPENSSL_sk_push(chain, one);
    const leaf = key ? parsed[0] : null;
    const order = ['', name, opened, leaf, chain, PBE_SHA1_3DES, PBE_SHA1_3DES, ROUNDS, NO_MAC, 0];
    const p12 = await poolTurns.call(native.PKCS12_create, order);
    try {
      const digest = native.EVP_get_digestbyname('sha1');
      const isMade = p12 && (await poolTurns.call(native.PKCS12_set_mac, [p12, '', 0, null, 0, ROUNDS, digest])) === 1;
      if (!isMade) throw new Error('OpenSSL refused to write a PKCS #12 file.');
      return this.#der('i2d_PKCS12', p12);
    } finally {
      if (p12) native.PKCS12_free(p12);
      native.OPENSSL_sk_free(chain);
      for (const one of parsed) native.X509_free(one);
      if (opened) native.EVP_PKEY_free(opened);
      native.ERR_clear_error();
    }
  }

  /** No password is written as none at all or as an empty text: the MAC tells which, as OpenSSL's own reader tries them. */
  async #fittingPassword(p12: unknown, password: string, budget: DerivationBudget): Promise<Password> {
    const native = this.#native;
    if (native.PKCS12_mac_present(p12) !== 1) return password;
    const [algorithm, rounds] = [[null], [null]];
    native.PKCS12_get0_mac(null, algorithm, null, rounds, p12);
    const candidates: readonly Password[] = password === '' ? [null, ''] : [password];
    for (const candidate of candidates) {
      // The rounds stand beside the algorithm, or (RFC 9579) within it.
      budget.spend(rounds[0] ? Number(native.ASN1_INTEGER_get(rounds[0])) : 1);
      await budget.spendFor(this.#der('i2d_X509_ALGOR', algorithm[0]));
      if ((await poolTurns.call(native.PKCS12_verify_mac, [p12, candidate, lengthOf(candidate)])) === 1)
        return candidate;
    }
    throw this.#fault('password');
  }

  async #unpack(p12: unknown, password: Password, budget: DerivationBudget): Promise<Pkcs12Content> {
    const native = this.#native;
    const safes = native.PKCS12_unpack_authsafes(p12);
    if (!safes) throw this.#fault('unreadable');
    const found: { keys: Buffer[]; certificates: Buffer[]; bags: number } = { keys: [], certificates: [], bags: 0 };
    try {
      for (const safe of this.#elements(safes)) {
        const bags = await this.#openSafe(safe, password, budget);
        try {
          for (const bag of this.#elements(bags)) await this.#readBag(bag, password, budget, found, 1);
        } finally {
          this.#freeAll(bags, native.PKCS12_SAFEBAG_free);
        }
      }
    } finally {
      this.#freeAll(safes, native.PKCS7_free);
    }
    return found;
  }

  /** The bags of one part: a part that is not encrypted opens as data, one that is needs the password. */
  async #openSafe(safe: unknown, password: Password, budget: DerivationBudget): Promise<unknown> {
    const native = this.#native;
    const plain = native.PKCS12_unpack_p7data(safe);
    if (plain) return plain;
    await budget.spendFor(this.#der('i2d_PKCS7', safe));
    const opened = await poolTurns.call(native.PKCS12_unpack_p7encdata, [safe, password, lengthOf(password)]);
    if (!opened) throw this.#fault('password');
    return opened;
  }

  async #readBag(
    bag: unknown,
    password: Password,
    budget: DerivationBudget,
    found: { keys: Buffer[]; certificates: Buffer[]; bags: number },
    depth: number,
  ): Promise<void> {
    const native = this.#native;
    if (++found.bags > MOST_BAGS || depth > DEEPEST) throw new BundleFault('costly');
    switch (native.PKCS12_SAFEBAG_get_nid(bag)) {
      case NID.keyBag:
        found.keys.push(this.#der('i2d_PKCS8_PRIV_KEY_INFO', native.PKCS12_SAFEBAG_get0_p8inf(bag)));
        return;
      case NID.shroudedKeyBag:
        found.keys.push(await this.#openKey(native.PKCS12_SAFEBAG_get0_pkcs8(bag), password, budget));
        return;
      case NID.certificateBag: {
        // Null for the kinds of certificate that nobody issues any more (SDSI).
        const certificate = native.PKCS12_SAFEBAG_get1_cert(bag);
        if (!certificate) return;
        found.certificates.push(this.#der('i2d_X509', certificate));
        native.X509_free(certificate);
        return;
      }
      case NID.safeContents:
        for (const inner of this.#elements(native.PKCS12_SAFEBAG_get0_safes(bag))) {
          await this.#readBag(inner, password, budget, found, depth + 1);
        }
        return;
      default:
        // Secrets and revocation lists are nothing that a certificate is made of.
        return;
    }
  }

  async #openKey(sealed: unknown, password: Password, budget: DerivationBudget): Promise<Buffer> {
    const native = this.#native;
    await budget.spendFor(this.#der('i2d_X509_SIG', sealed));
    const parameters = [sealed, password, lengthOf(password), this.#context, null];
    const info = await poolTurns.call(native.PKCS8_decrypt_ex, parameters);
    if (!info) throw this.#fault('password');
    const der = this.#der('i2d_PKCS8_PRIV_KEY_INFO', info);
    native.PKCS8_PRIV_KEY_INFO_free(info);
    return der;
  }

  *#elements(stack: unknown): Generator<unknown> {
    const count = this.#native.OPENSSL_sk_num(stack) as number;
    for (let index = 0; index < count; index++) yield this.#native.OPENSSL_sk_value(stack, index);
  }

  #freeAll(stack: unknown, free: AsyncNative): void {
    for (const element of this.#elements(stack)) free(element);
    this.#native.OPENSSL_sk_free(stack);
  }

  #der(
    write: 'i2d_PKCS12' | 'i2d_X509' | 'i2d_X509_ALGOR' | 'i2d_X509_SIG' | 'i2d_PKCS7' | 'i2d_PKCS8_PRIV_KEY_INFO',
    of: unknown,
  ) {
    const length = of ? (this.#native[write](of, null) as number) : -1;
    if (length <= 0) throw this.#fault('unreadable');
    const der = Buffer.alloc(length);
    this.#native[write](of, [der]);
    return der;
  }

  #fault(problem: 'unreadable' | 'password'): BundleFault {
    this.#native.ERR_clear_error();
    return new BundleFault(problem);
  }
}

function lengthOf(password: Password): number {
  return password === null ? 0 : Buffer.byteLength(password);
}
