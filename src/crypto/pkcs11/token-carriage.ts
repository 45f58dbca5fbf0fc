import type { Handle } from './binding.ts';
import { failureOf, KnownFailure } from './faults.ts';
import type { RequestOf, UnwrappedHalf } from './messages.ts';
import {
  carriedTemplate,
  findWrappingKey,
  importTemplate,
  transportTemplates,
  wrappingKeyTemplate,
} from './objects.ts';
import { type CurvePoint, pointOf } from './point.ts';
import type { TokenCalls } from './token-calls.ts';

/** PKCS #8 of an RSA key of 4,096 bits takes 2,400 bytes. */
const MAX_WRAPPED = 8192;
const CARRIED_BYTES = 32;
const BLOCK_BYTES = 16;
const WRAP_PAD = 'CKM_AES_KEY_WRAP_PAD';

/** What goes into a token and out of it, always under a key of its own or of a recipient's, never as bytes in the clear. */
export class TokenCarriage {
  readonly #calls: TokenCalls;
  #transport: Promise<{ readonly key: Handle; readonly n: string; readonly e: string }> | null = null;

  constructor(calls: TokenCalls) {
    this.#calls = calls;
  }

  /** The key that imports are encrypted for, which lives as long as the connection. */
  transportKey(session: Handle) {
    this.#transport ??= (async () => {
      const { privateKey, publicKey } = await this.#calls.cryptoki.C_GenerateKeyPairAsync(
        session,
        this.#calls.plain('CKM_RSA_PKCS_KEY_PAIR_GEN'),
        this.#calls.template(transportTemplates.public),
        this.#calls.template(transportTemplates.private),
      );
      return { key: privateKey, ...this.#calls.modulus(session, publicKey) };
    })();
    return this.#transport;
  }

  async import(session: Handle, request: RequestOf<'import'>): Promise<UnwrappedHalf | null> {
    const { unwrapper, wrappedKey, wrapped, family, kind, place, isPublicHalfKnown } = request;
    const by =
      unwrapper === null ? (await this.transportKey(session)).key : this.#calls.found(session, 'private', unwrapper);
    const opening = this.#withCarrier(session, by, wrappedKey, async (carrier) => {
      const unwrap = (template: Parameters<TokenCalls['template']>[0]) =>
        this.#calls.cryptoki.C_UnwrapKeyAsync(
          session,
          this.#calls.plain(WRAP_PAD),
          carrier,
          Buffer.from(wrapped),
          this.#calls.template(template),
        );
      // Before anything is kept: a token that cannot tell the point keeps nothing.
      const point = family === 'EC' && !isPublicHalfKnown ? await this.#point(session, unwrap) : null;
      const object = await unwrap(importTemplate(family, kind, place));
      return family === 'RSA' ? this.#calls.modulus(session, object) : point;
    });
    return opening.catch((error: unknown) => {
      throw unwrapper === null ? error : this.#calls.judged(error, session, 'private', unwrapper);
    });
  }

  #point(
    session: Handle,
    unwrap: (template: ReturnType<typeof importTemplate>) => Promise<Handle>,
  ): Promise<CurvePoint> {
    return pointOf(this.#calls, session, unwrap);
  }

  async export(session: Handle, { id, wrappedKey }: RequestOf<'export'>): Promise<Buffer> {
    return this.#outUnder(session, wrappedKey, this.#calls.found(session, 'private', id));
  }

  /** A new key, wrapped under one of the token. */
  async wrapNew(session: Handle, { id, mechanism }: RequestOf<'wrap-new'>): Promise<Buffer> {
    const { cryptoki } = this.#calls;
    const wrapping = this.#calls.found(session, 'aes', id);
    const made = await cryptoki.C_GenerateKeyAsync(
      session,
      this.#calls.plain('CKM_AES_KEY_GEN'),
      this.#calls.template({ ...carriedTemplate, CKA_VALUE_LEN: CARRIED_BYTES }),
    );
    try {
      const native = this.#calls.mechanism(mechanism);
      return await cryptoki.C_WrapKeyAsync(session, native, wrapping, made, Buffer.alloc(MAX_WRAPPED));
    } finally {
      cryptoki.C_DestroyObject(session, made);
    }
  }

  /** Such a key, wrapped under another. */
  async rewrap(session: Handle, request: RequestOf<'rewrap'>): Promise<Buffer> {
    const { id, mechanism, wrapped, wrappedKey } = request;
    const { cryptoki } = this.#calls;
    const opening = cryptoki.C_UnwrapKeyAsync(
      session,
      this.#calls.mechanism(mechanism),
      this.#calls.found(session, 'aes', id),
      Buffer.from(wrapped),
      this.#calls.template({
        ...{ ...carriedTemplate, CKA_CLASS: 'CKO_SECRET_KEY', CKA_KEY_TYPE: 'CKK_AES' },
        CKA_ENCRYPT: true,
      }),
    );
    const judged = (error: unknown) => {
      throw this.#calls.judged(error, session, 'aes', id);
    };
    const opened = await opening.catch(judged);
    try {
      await this.#tryAes(session, opened).catch(judged);
      return await this.#outUnder(session, wrappedKey, opened);
    } finally {
      cryptoki.C_DestroyObject(session, opened);
    }
  }

  /** What is unwrapped may be some bytes shorter (RFC 5649 §3), and not every token tells its length: AES takes it or does not. */
  async #tryAes(session: Handle, key: Handle): Promise<void> {
    const { cryptoki } = this.#calls;
    const block = Buffer.alloc(BLOCK_BYTES);
    const mechanism = this.#calls.mechanism({ name: 'CKM_AES_CBC', iv: block });
    try {
      cryptoki.C_EncryptInit(session, mechanism, key);
      await cryptoki.C_EncryptAsync(session, block, Buffer.alloc(2 * BLOCK_BYTES));
    } catch (error) {
      throw failureOf(error) === 'unsupported' ? new KnownFailure('input', 'It is no key of AES.') : error;
    }
  }

  /** An object, wrapped under an AES key that came encrypted for the transport key. */
  async #outUnder(session: Handle, wrappedKey: Uint8Array, object: Handle): Promise<Buffer> {
    const { key } = await this.transportKey(session);
    const mechanism = this.#calls.plain(WRAP_PAD);
    return this.#withCarrier(session, key, wrappedKey, (carrier) =>
      this.#calls.cryptoki.C_WrapKeyAsync(session, mechanism, carrier, object, Buffer.alloc(MAX_WRAPPED)),
    );
  }

  /** An AES key that came encrypted for an RSA key of the token, for as long as something is wrapped or unwrapped under it. */
  async #withCarrier<T>(
    session: Handle,
    by: Handle,
    wrappedKey: Uint8Array,
    work: (carrier: Handle) => Promise<T>,
  ): Promise<T> {
    const { cryptoki } = this.#calls;
    const oaep = { name: 'CKM_RSA_PKCS_OAEP', oaep: { hash: 'CKM_SHA_1', mgf: 'CKG_MGF1_SHA1' } };
    const template = this.#calls.template(transportTemplates.aes);
    const given = Buffer.from(wrappedKey);
    const carrier = await cryptoki.C_UnwrapKeyAsync(session, this.#calls.mechanism(oaep), by, given, template);
    try {
      return await work(carrier);
    } finally {
      cryptoki.C_DestroyObject(session, carrier);
    }
  }

  async makeWrappingKey(session: Handle, label: string): Promise<null> {
    if (this.#calls.find(session, findWrappingKey(label)).length > 0) {
      throw new KnownFailure('unsupported', `The token has a trusted key ${label} already.`);
    }
    const template = this.#calls.template(wrappingKeyTemplate(label));
    await this.#calls.cryptoki.C_GenerateKeyAsync(session, this.#calls.plain('CKM_AES_KEY_GEN'), template);
    return null;
  }

  async wrapObject(session: Handle, { kind, id, wrappingLabel }: RequestOf<'wrap-object'>): Promise<Buffer> {
    const key = this.#calls.found(session, kind, id);
    const wrapping = this.#wrappingKey(session, wrappingLabel);
    const mechanism = this.#calls.plain(WRAP_PAD);
    return this.#calls.cryptoki.C_WrapKeyAsync(session, mechanism, wrapping, key, Buffer.alloc(MAX_WRAPPED));
  }

  async unwrapObject(session: Handle, request: RequestOf<'unwrap-object'>): Promise<null> {
    await this.#calls.cryptoki.C_UnwrapKeyAsync(
      session,
      this.#calls.plain(WRAP_PAD),
      this.#wrappingKey(session, request.wrappingLabel),
      Buffer.from(request.wrapped),
      this.#calls.template(importTemplate(request.family, request.kind, request.place)),
    );
    return null;
  }

  #wrappingKey(session: Handle, label: string): Handle {
    const [key] = this.#calls.find(session, findWrappingKey(label));
    if (!key) throw new KnownFailure('unsupported', `The token has no trusted key ${label}.`);
    return key;
  }
}
