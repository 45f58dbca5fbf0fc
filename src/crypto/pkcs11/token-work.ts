import { curves } from '../algorithms.ts';
import type { KeySpec, PublicMembers } from '../key-provider.ts';
import type { Handle } from './binding.ts';
import { failureOf, KnownFailure } from './faults.ts';
import type { RequestOf, TokenAnswers, TokenRequest } from './messages.ts';
import { privateTemplate, publicTemplate, sealKeyTemplate, secretTemplate, valueTemplate } from './objects.ts';
import type { OpenToken } from './open-token.ts';
import { type NamedTemplate, TokenCalls } from './token-calls.ts';
import { TokenCarriage } from './token-carriage.ts';

/** Room that a wrapped value takes beyond the value (RFC 3394, RFC 5649). */
const WRAP_OVERHEAD = 16;

/** What is done with an open token, one session a request. Nothing is tried twice that may have changed something. */
export class TokenWork {
  readonly #token: OpenToken;
  readonly #free: Handle[];
  readonly #waiting: ((session: Handle) => void)[] = [];
  readonly #calls: TokenCalls;
  readonly #carriage: TokenCarriage;

  constructor(token: OpenToken) {
    this.#token = token;
    this.#calls = new TokenCalls(token);
    this.#carriage = new TokenCarriage(this.#calls);
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
          const { n, e } = await this.#carriage.transportKey(session);
          return { n, e };
        }
        case 'import':
          return this.#carriage.import(session, request);
        case 'export':
          return this.#carriage.export(session, request);
        case 'wrap-new':
          return this.#carriage.wrapNew(session, request);
        case 'rewrap':
          return this.#carriage.rewrap(session, request);
        case 'destroy':
          return this.#destroy(session, request.id);
        case 'make-wrapping-key':
          return this.#carriage.makeWrappingKey(session, request.label);
        case 'make-seal-key':
          return this.#makeKey(session, sealKeyTemplate(request.id, request.label));
        case 'look':
          return this.#look(session);
        case 'wrap-object':
          return this.#carriage.wrapObject(session, request);
        case 'unwrap-object':
          return this.#carriage.unwrapObject(session, request);
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

  async #generate(session: Handle, { spec, place }: RequestOf<'generate'>): Promise<PublicMembers> {
    const { cryptoki } = this.#token;
    if (spec.family === 'oct') {
      // Nobody ever sees the value, so a key that encrypts and a key that authenticates may be two.
      const aes = secretTemplate('aes', spec.bits, place);
      await cryptoki.C_GenerateKeyAsync(session, this.#calls.plain('CKM_AES_KEY_GEN'), this.#calls.template(aes));
      if (!this.#calls.has('CKM_GENERIC_SECRET_KEY_GEN')) return {};
      const mac = secretTemplate('mac', spec.bits, place);
      await cryptoki.C_GenerateKeyAsync(
        session,
        this.#calls.plain('CKM_GENERIC_SECRET_KEY_GEN'),
        this.#calls.template(mac),
      );
      return {};
    }
    const mechanism = spec.family === 'EC' ? 'CKM_EC_KEY_PAIR_GEN' : 'CKM_RSA_PKCS_KEY_PAIR_GEN';
    const { publicKey } = await cryptoki.C_GenerateKeyPairAsync(
      session,
      this.#calls.plain(mechanism),
      this.#calls.template(publicTemplate(spec)),
      this.#calls.template(privateTemplate(spec.family, place)),
    );
    const members = this.#publicMembers(session, publicKey, spec);
    cryptoki.C_DestroyObject(session, publicKey);
    return members;
  }

  #publicMembers(session: Handle, key: Handle, spec: Exclude<KeySpec, { family: 'oct' }>): PublicMembers {
    if (spec.family === 'RSA') return this.#calls.modulus(session, key);
    const { fieldBytes } = curves[spec.curve];
    const point = this.#calls.attributes(session, key, 'CKA_EC_POINT')[0]!;
    // 04, x, y (SEC 1 §2.3.3): last in the octet string that the specification asks for, and all of it where a token gives it bare.
    const flat = point.subarray(-(2 * fieldBytes + 1));
    if (flat[0] !== 4 || flat.length !== 2 * fieldBytes + 1) {
      throw new KnownFailure('unsupported', 'The token gives points of curves in a form that is not known.');
    }
    const [x, y] = [flat.subarray(1, 1 + fieldBytes), flat.subarray(1 + fieldBytes)];
    return { crv: spec.curve, x: x.toString('base64url'), y: y.toString('base64url') };
  }

  async #use(session: Handle, request: RequestOf<'use'>): Promise<Buffer> {
    const { kind, id } = request.object;
    const known = this.#calls.known(kind, id);
    try {
      return await this.#useObject(session, known ?? this.#calls.found(session, kind, id), request);
    } catch (error) {
      const isStale = known && failureOf(error) === 'missing';
      if (isStale) {
        return this.#useObject(session, this.#calls.found(session, kind, id), request);
      }
      throw this.#calls.judged(error, session, kind, id);
    }
  }

  async #useObject(session: Handle, key: Handle, request: RequestOf<'use'>): Promise<Buffer> {
    const { cryptoki } = this.#token;
    const mechanism = this.#calls.mechanism(request.mechanism);
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
        const value = cryptoki.C_CreateObject(session, this.#calls.template(valueTemplate(input)));
        const room = Buffer.alloc(input.length + WRAP_OVERHEAD);
        const wrapped = cryptoki.C_WrapKeyAsync(session, mechanism, key, value, room);
        return wrapped.finally(() => cryptoki.C_DestroyObject(session, value));
      }
      case 'unwrap': {
        const plain = this.#calls.template(valueTemplate(null));
        const value = await cryptoki.C_UnwrapKeyAsync(session, mechanism, key, input, plain);
        try {
          return this.#calls.attributes(session, value, 'CKA_VALUE')[0]!;
        } finally {
          cryptoki.C_DestroyObject(session, value);
        }
      }
    }
  }

  /** Two calls that no module sends anywhere far, and that fail where the token is no more. */
  #look(session: Handle): null {
    const { cryptoki, slot, facts } = this.#token;
    cryptoki.C_GetSessionInfo(session);
    if (cryptoki.C_GetTokenInfo(slot).serialNumber.trim() === facts.serial) return null;
    throw new KnownFailure('lost', 'Another token is in its place.');
  }

  #destroy(session: Handle, id: string): number {
    const found = this.#calls.find(session, { CKA_ID: Buffer.from(id, 'hex') });
    for (const object of found) this.#token.cryptoki.C_DestroyObject(session, object);
    this.#calls.forget(id);
    return found.length;
  }

  async #makeKey(session: Handle, named: NamedTemplate): Promise<null> {
    const mechanism = this.#calls.plain('CKM_AES_KEY_GEN');
    await this.#token.cryptoki.C_GenerateKeyAsync(session, mechanism, this.#calls.template(named));
    return null;
  }
}
