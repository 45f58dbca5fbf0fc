import { constant, type Handle, type NativeMechanism } from './binding.ts';
import { isAmbiguous, KnownFailure } from './faults.ts';
import type { Mechanism, ObjectKind } from './messages.ts';
import { findTemplate, template } from './objects.ts';
import type { OpenToken } from './open-token.ts';

const FIND_AT_ONCE = 64;
/** CKZ_DATA_SPECIFIED, the only source of a label that there is; the package has no name for it. */
const DATA_SPECIFIED = 1;

/** A template by the names of the specification. */
export type NamedTemplate = Parameters<typeof template>[1];

/** What every call needs: objects found by their names, templates and mechanisms as the binding takes them. */
export class TokenCalls {
  readonly token: OpenToken;
  readonly #handles = new Map<string, Handle>();

  constructor(token: OpenToken) {
    this.token = token;
  }

  get cryptoki(): OpenToken['cryptoki'] {
    return this.token.cryptoki;
  }

  has(mechanism: string): boolean {
    return this.token.facts.mechanisms.includes(mechanism);
  }

  template(named: NamedTemplate) {
    return template(this.token.binding, named);
  }

  /** The value of a constant of the specification. */
  of(name: string): number {
    return constant(this.token.binding, name);
  }

  /** @throws KnownFailure `unsupported` where the token does not list it */
  plain(name: string): NativeMechanism {
    if (!this.has(name)) throw new KnownFailure('unsupported', `The token has no ${name}.`);
    return { mechanism: this.of(name), parameter: null };
  }

  /** A mechanism with its parameters. @throws as {@link plain} */
  mechanism({ name, pss, oaep, gcm, iv }: Mechanism): NativeMechanism {
    const { mechanism } = this.plain(name);
    if (pss) {
      const { hash, mgf, saltBytes: saltLen } = pss;
      const type = this.of('CK_PARAMS_RSA_PSS');
      return { mechanism, parameter: { type, hashAlg: this.of(hash), mgf: this.of(mgf), saltLen } };
    }
    if (oaep) {
      const { hash, mgf } = oaep;
      const type = this.of('CK_PARAMS_RSA_OAEP');
      return { mechanism, parameter: { type, hashAlg: this.of(hash), mgf: this.of(mgf), source: DATA_SPECIFIED } };
    }
    if (gcm) {
      const given = { iv: Buffer.from(gcm.iv), ivBits: gcm.iv.length * 8, tagBits: gcm.tagBits };
      const aad = gcm.aad && { aad: Buffer.from(gcm.aad) };
      return { mechanism, parameter: { type: this.of('CK_PARAMS_AES_GCM_v240'), ...given, ...aad } };
    }
    return { mechanism, parameter: iv ? Buffer.from(iv) : null };
  }

  attributes(session: Handle, object: Handle, ...names: readonly string[]): readonly Buffer[] {
    const wanted = names.map((name) => ({ type: this.of(name) }));
    return this.cryptoki.C_GetAttributeValue(session, object, wanted).map(({ value }) => value);
  }

  /** The public members of an RSA key, by either half. */
  modulus(session: Handle, key: Handle): { readonly n: string; readonly e: string } {
    const [n, e] = this.attributes(session, key, 'CKA_MODULUS', 'CKA_PUBLIC_EXPONENT').map(withoutZeros);
    return { n: n!.toString('base64url'), e: e!.toString('base64url') };
  }

  find(session: Handle, named: NamedTemplate): readonly Handle[] {
    this.cryptoki.C_FindObjectsInit(session, this.template(named));
    try {
      return this.cryptoki.C_FindObjects(session, FIND_AT_ONCE);
    } finally {
      this.cryptoki.C_FindObjectsFinal(session);
    }
  }

  /** An object of a key, looked up. @throws KnownFailure `missing` */
  found(session: Handle, kind: ObjectKind, id: string): Handle {
    const [handle] = this.find(session, findTemplate(kind, id));
    if (!handle) throw new KnownFailure('missing', 'The token has no such object.');
    this.#handles.set(`${kind}/${id}`, handle);
    return handle;
  }

  /** The handle by which an object was found before; it may be stale. */
  known(kind: ObjectKind, id: string): Handle | undefined {
    return this.#handles.get(`${kind}/${id}`);
  }

  /** Forgets the handles of a key's objects. */
  forget(id: string): void {
    for (const name of this.#handles.keys()) if (name.endsWith(`/${id}`)) this.#handles.delete(name);
  }

  /** A ciphertext that does not open, or a token that is no more: the object that failed, looked up anew, tells. */
  judged(error: unknown, session: Handle, kind: ObjectKind, id: string): unknown {
    if (!isAmbiguous(error)) return error;
    this.forget(id);
    this.found(session, kind, id);
    return new KnownFailure('input', 'The token does not open it.');
  }
}

function withoutZeros(number: Buffer): Buffer {
  const first = number.findIndex((byte) => byte !== 0);
  return number.subarray(Math.max(first, 0));
}
