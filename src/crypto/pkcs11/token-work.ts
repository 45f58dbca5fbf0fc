import { curves } from '../algorithms.ts';
import type { KeySpec, PublicMembers, RsaPublicMembers } from '../key-provider.ts';
import { constant, type Handle, type NativeMechanism } from './binding.ts';
import { failureOf, isAmbiguous, KnownFailure } from './faults.ts';
import type { Mechanism, ObjectKind, TokenAnswers, TokenRequest } from './messages.ts';
import {
  findTemplate,
  findWrappingKey,
  importTemplate,
  privateTemplate,
  publicTemplate,
  sealKeyTemplate,
  secretTemplate,
  template,
  transportTemplates,
  valueTemplate,
  wrappingKeyTemplate,
} from './objects.ts';
import type { OpenToken } from './open-token.ts';

type Request<Op extends TokenRequest['op']> = Extract<TokenRequest, { op: Op }>;

/** Room that a wrapped value takes beyond the value (RFC 3394, RFC 5649). */
const WRAP_OVERHEAD = 16;
const FIND_AT_ONCE = 64;
/** PKCS #8 of an RSA key of 4,096 bits takes 2,400 bytes. */
const MAX_WRAPPED = 8192;
/** CKZ_DATA_SPECIFIED, the only source of a label that there is; the package has no name for it. */
const DATA_SPECIFIED = 1;

/** What is done with an open token, one session a request. Nothing is tried twice that may have changed something. */
export class TokenWork {
  readonly #token: OpenToken;
  readonly #free: Handle[];
  readonly #waiting: ((session: Handle) => void)[] = [];
  readonly #handles = new Map<string, Handle>();
  #transport: Promise<{ readonly key: Handle; readonly n: string; readonly e: string }> | null = null;

  constructor(token: OpenToken) {
    this.#token = token;
    this.#free = [...token.sessions];
  }

  /** Answers a request. @throws errors of the binding, and KnownFailure */
  answer(request: Exclude<TokenRequest, { op: 'open' }>): Promise<TokenAnswers[keyof TokenAnswers]> {
    return this.#withSession<TokenAnswers[keyof TokenAnswers]>(async (session) => {
      switch (request.op) {
        case 'generate':
          return this.#generate(session, request);
        case 'use':
          return this.#use(session, request);
        case 'transport': {
          const { n, e } = await this.#transportKey(session);
          return { n, e };
        }
        case 'import':
          return this.#import(session, request);
        case 'export':
          return this.#export(session, request);
        case 'destroy':
          return this.#destroy(session, request.id);
        case 'make-wrapping-key':
          return this.#makeWrappingKey(session, request.label);
        case 'make-seal-key':
          return this.#makeKey(session, sealKeyTemplate(request.id, request.label));
        case 'look':
          return this.#look(session);
        case 'wrap-object':
          return this.#wrapObject(session, request);
        case 'unwrap-object':
          return this.#unwrapObject(session, request);
        case 'random':
          return this.#token.cryptoki.C_GenerateRandom(session, Buffer.alloc(request.count));
      }
    });
  }

  async #withSession<T>(work: (session: Handle) => Promise<T>): Promise<T> {
    const session = this.#free.pop() ?? (await new Promise<Handle>((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(session);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(session);
      else this.#free.push(session);
    }
  }

  async #generate(session: Handle, { spec, place }: Request<'generate'>): Promise<PublicMembers> {
    const { cryptoki } = this.#token;
    if (spec.family === 'oct') {
      // Nobody ever sees the value, so a key that encrypts and a key that authenticates may be two.
      const aes = secretTemplate('aes', spec.bits, place);
      await cryptoki.C_GenerateKeyAsync(session, this.#plain('CKM_AES_KEY_GEN'), this.#template(aes));
      if (!this.#has('CKM_GENERIC_SECRET_KEY_GEN')) return {};
      const mac = secretTemplate('mac', spec.bits, place);
      await cryptoki.C_GenerateKeyAsync(session, this.#plain('CKM_GENERIC_SECRET_KEY_GEN'), this.#template(mac));
      return {};
    }
    const mechanism = spec.family === 'EC' ? 'CKM_EC_KEY_PAIR_GEN' : 'CKM_RSA_PKCS_KEY_PAIR_GEN';
    const { publicKey } = await cryptoki.C_GenerateKeyPairAsync(
      session,
      this.#plain(mechanism),
      this.#template(publicTemplate(spec)),
      this.#template(privateTemplate(spec.family, place)),
    );
    const members = this.#publicMembers(session, publicKey, spec);
    cryptoki.C_DestroyObject(session, publicKey);
    return members;
  }

  #publicMembers(session: Handle, key: Handle, spec: Exclude<KeySpec, { family: 'oct' }>): PublicMembers {
    if (spec.family === 'RSA') return this.#modulus(session, key);
    const { fieldBytes } = curves[spec.curve];
    const point = this.#attributes(session, key, 'CKA_EC_POINT')[0]!;
    // 04, x, y (SEC 1 §2.3.3): last in the octet string that the specification asks for, and all of it where a token gives it bare.
    const flat = point.subarray(-(2 * fieldBytes + 1));
    if (flat[0] !== 4 || flat.length !== 2 * fieldBytes + 1) {
      throw new KnownFailure('unsupported', 'The token gives points of curves in a form that is not known.');
    }
    const [x, y] = [flat.subarray(1, 1 + fieldBytes), flat.subarray(1 + fieldBytes)];
    return { crv: spec.curve, x: x.toString('base64url'), y: y.toString('base64url') };
  }

  #modulus(session: Handle, key: Handle): { readonly n: string; readonly e: string } {
    const [n, e] = this.#attributes(session, key, 'CKA_MODULUS', 'CKA_PUBLIC_EXPONENT').map(withoutZeros);
    return { n: n!.toString('base64url'), e: e!.toString('base64url') };
  }

  #attributes(session: Handle, object: Handle, ...names: readonly string[]): readonly Buffer[] {
    const wanted = names.map((name) => ({ type: constant(this.#token.binding, name) }));
    return this.#token.cryptoki.C_GetAttributeValue(session, object, wanted).map(({ value }) => value);
  }

  async #use(session: Handle, request: Request<'use'>): Promise<Buffer> {
    const { kind, id } = request.object;
    const name = `${kind}/${id}`;
    const known = this.#handles.get(name);
    try {
      return await this.#useObject(session, known ?? this.#found(session, kind, id), request);
    } catch (error) {
      const isStale = known && failureOf(error) === 'missing';
      if (isStale) {
        this.#handles.delete(name);
        return this.#useObject(session, this.#found(session, kind, id), request);
      }
      throw this.#judged(error, session, kind, id);
    }
  }

  /** A ciphertext that does not open, or a token that is no more: the object that failed, looked up anew, tells. */
  #judged(error: unknown, session: Handle, kind: ObjectKind, id: string): unknown {
    if (!isAmbiguous(error)) return error;
    this.#handles.delete(`${kind}/${id}`);
    this.#found(session, kind, id);
    return new KnownFailure('input', 'The token does not open it.');
  }

  async #useObject(session: Handle, key: Handle, request: Request<'use'>): Promise<Buffer> {
    const { cryptoki } = this.#token;
    const mechanism = this.#mechanism(request.mechanism);
    const [input, output] = [Buffer.from(request.input), Buffer.alloc(request.outputBytes)];
    switch (request.use) {
      case 'sign':
        cryptoki.C_SignInit(session, mechanism, key);
        return cryptoki.C_SignAsync(session, input, output);
      case 'encrypt':
        cryptoki.C_EncryptInit(session, mechanism, key);
        return cryptoki.C_EncryptAsync(session, input, output);
      case 'decrypt':
        cryptoki.C_DecryptInit(session, mechanism, key);
        return cryptoki.C_DecryptAsync(session, input, output);
      case 'wrap': {
        const value = cryptoki.C_CreateObject(session, this.#template(valueTemplate(input)));
        const room = Buffer.alloc(input.length + WRAP_OVERHEAD);
        const wrapped = cryptoki.C_WrapKeyAsync(session, mechanism, key, value, room);
        return wrapped.finally(() => cryptoki.C_DestroyObject(session, value));
      }
      case 'unwrap': {
        const plain = this.#template(valueTemplate(null));
        const value = await cryptoki.C_UnwrapKeyAsync(session, mechanism, key, input, plain);
        try {
          return this.#attributes(session, value, 'CKA_VALUE')[0]!;
        } finally {
          cryptoki.C_DestroyObject(session, value);
        }
      }
    }
  }

  #found(session: Handle, kind: ObjectKind, id: string): Handle {
    const [handle] = this.#find(session, findTemplate(kind, id));
    if (!handle) throw new KnownFailure('missing', 'The token has no such object.');
    this.#handles.set(`${kind}/${id}`, handle);
    return handle;
  }

  #find(session: Handle, named: Parameters<typeof template>[1]): readonly Handle[] {
    const { cryptoki } = this.#token;
    cryptoki.C_FindObjectsInit(session, this.#template(named));
    try {
      return cryptoki.C_FindObjects(session, FIND_AT_ONCE);
    } finally {
      cryptoki.C_FindObjectsFinal(session);
    }
  }

  #transportKey(session: Handle) {
    this.#transport ??= (async () => {
      const { privateKey, publicKey } = await this.#token.cryptoki.C_GenerateKeyPairAsync(
        session,
        this.#plain('CKM_RSA_PKCS_KEY_PAIR_GEN'),
        this.#template(transportTemplates.public),
        this.#template(transportTemplates.private),
      );
      return { key: privateKey, ...this.#modulus(session, publicKey) };
    })();
    return this.#transport;
  }

  async #import(session: Handle, request: Request<'import'>): Promise<RsaPublicMembers | null> {
    const { unwrapper, wrappedKey, wrapped, family, kind, place } = request;
    const { cryptoki } = this.#token;
    const by =
      unwrapper === null ? (await this.#transportKey(session)).key : this.#found(session, 'private', unwrapper);
    const opening = this.#withCarrier(session, by, wrappedKey, (carrier) =>
      cryptoki.C_UnwrapKeyAsync(
        session,
        this.#plain('CKM_AES_KEY_WRAP_PAD'),
        carrier,
        Buffer.from(wrapped),
        this.#template(importTemplate(family, kind, place)),
      ),
    );
    const object = await opening.catch((error: unknown) => {
      throw unwrapper === null ? error : this.#judged(error, session, 'private', unwrapper);
    });
    return family === 'RSA' ? this.#modulus(session, object) : null;
  }

  async #export(session: Handle, { id, wrappedKey }: Request<'export'>): Promise<Buffer> {
    const { key } = await this.#transportKey(session);
    const mechanism = this.#plain('CKM_AES_KEY_WRAP_PAD');
    const object = this.#found(session, 'private', id);
    return this.#withCarrier(session, key, wrappedKey, (carrier) =>
      this.#token.cryptoki.C_WrapKeyAsync(session, mechanism, carrier, object, Buffer.alloc(MAX_WRAPPED)),
    );
  }

  /** An AES key that came encrypted for an RSA key of the token, for as long as something is wrapped or unwrapped under it. */
  async #withCarrier<T>(
    session: Handle,
    by: Handle,
    wrappedKey: Uint8Array,
    work: (carrier: Handle) => Promise<T>,
  ): Promise<T> {
    const { cryptoki } = this.#token;
    const oaep = { name: 'CKM_RSA_PKCS_OAEP', oaep: { hash: 'CKM_SHA_1', mgf: 'CKG_MGF1_SHA1' } };
    const template = this.#template(transportTemplates.aes);
    const given = Buffer.from(wrappedKey);
    const carrier = await cryptoki.C_UnwrapKeyAsync(session, this.#mechanism(oaep), by, given, template);
    try {
      return await work(carrier);
    } finally {
      cryptoki.C_DestroyObject(session, carrier);
    }
  }

  async #makeWrappingKey(session: Handle, label: string): Promise<null> {
    if (this.#find(session, findWrappingKey(label)).length > 0) {
      throw new KnownFailure('unsupported', `The token has a trusted key ${label} already.`);
    }
    return this.#makeKey(session, wrappingKeyTemplate(label));
  }

  async #makeKey(session: Handle, named: Parameters<typeof template>[1]): Promise<null> {
    const mechanism = this.#plain('CKM_AES_KEY_GEN');
    await this.#token.cryptoki.C_GenerateKeyAsync(session, mechanism, this.#template(named));
    return null;
  }

  async #wrapObject(session: Handle, { kind, id, wrappingLabel }: Request<'wrap-object'>): Promise<Buffer> {
    const key = this.#found(session, kind, id);
    const wrapping = this.#wrappingKey(session, wrappingLabel);
    const mechanism = this.#plain('CKM_AES_KEY_WRAP_PAD');
    return this.#token.cryptoki.C_WrapKeyAsync(session, mechanism, wrapping, key, Buffer.alloc(MAX_WRAPPED));
  }

  async #unwrapObject(session: Handle, request: Request<'unwrap-object'>): Promise<null> {
    await this.#token.cryptoki.C_UnwrapKeyAsync(
      session,
      this.#plain('CKM_AES_KEY_WRAP_PAD'),
      this.#wrappingKey(session, request.wrappingLabel),
      Buffer.from(request.wrapped),
      this.#template(importTemplate(request.family, request.kind, request.place)),
    );
    return null;
  }

  #wrappingKey(session: Handle, label: string): Handle {
    const [key] = this.#find(session, findWrappingKey(label));
    if (!key) throw new KnownFailure('unsupported', `The token has no trusted key ${label}.`);
    return key;
  }

  /** Two calls that no module sends anywhere far, and that fail where the token is no more. */
  #look(session: Handle): null {
    const { cryptoki, slot, facts } = this.#token;
    cryptoki.C_GetSessionInfo(session);
    if (cryptoki.C_GetTokenInfo(slot).serialNumber.trim() === facts.serial) return null;
    throw new KnownFailure('lost', 'Another token is in its place.');
  }

  #destroy(session: Handle, id: string): number {
    const found = this.#find(session, { CKA_ID: Buffer.from(id, 'hex') });
    for (const object of found) this.#token.cryptoki.C_DestroyObject(session, object);
    for (const name of this.#handles.keys()) if (name.endsWith(`/${id}`)) this.#handles.delete(name);
    return found.length;
  }

  #has(name: string): boolean {
    return this.#token.facts.mechanisms.includes(name);
  }

  #template(named: Parameters<typeof template>[1]) {
    return template(this.#token.binding, named);
  }

  /** @throws KnownFailure `unsupported` where the token does not list it */
  #plain(name: string): NativeMechanism {
    if (!this.#has(name)) throw new KnownFailure('unsupported', `The token has no ${name}.`);
    return { mechanism: constant(this.#token.binding, name), parameter: null };
  }

  #mechanism({ name, pss, oaep, gcm, iv }: Mechanism): NativeMechanism {
    const { mechanism } = this.#plain(name);
    const of = (constantName: string) => constant(this.#token.binding, constantName);
    if (pss) {
      const { hash, mgf, saltBytes: saltLen } = pss;
      return { mechanism, parameter: { type: of('CK_PARAMS_RSA_PSS'), hashAlg: of(hash), mgf: of(mgf), saltLen } };
    }
    if (oaep) {
      const source = DATA_SPECIFIED;
      const { hash, mgf } = oaep;
      return { mechanism, parameter: { type: of('CK_PARAMS_RSA_OAEP'), hashAlg: of(hash), mgf: of(mgf), source } };
    }
    if (gcm) {
      const given = { iv: Buffer.from(gcm.iv), ivBits: gcm.iv.length * 8, tagBits: gcm.tagBits };
      const aad = gcm.aad && { aad: Buffer.from(gcm.aad) };
      return { mechanism, parameter: { type: of('CK_PARAMS_AES_GCM_v240'), ...given, ...aad } };
    }
    return { mechanism, parameter: iv ? Buffer.from(iv) : null };
  }
}

function withoutZeros(number: Buffer): Buffer {
  const first = number.findIndex((byte) => byte !== 0);
  return number.subarray(Math.max(first, 0));
}
