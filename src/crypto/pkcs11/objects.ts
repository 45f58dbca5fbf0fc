import type { KeyFamily } from '../algorithms.ts';
import type { KeySpec } from '../key-provider.ts';
import { type Attribute, type Binding, constant } from './binding.ts';
import { curveParameters } from './mechanisms.ts';
import type { ObjectKind, ObjectPlace } from './messages.ts';

/** A template by names of the specification; texts that begin with CKO_ and CKK_ stand for their values. */
type Named = Readonly<Record<string, Buffer | number | boolean | string>>;

/** HMAC keys are this long: HMAC fills a shorter key with zeros (RFC 2104 §2), and tokens may refuse one shorter than the hash. */
export const MAC_BYTES = 64;

/** The attributes of a template. */
export function template(binding: Binding, named: Named): readonly Attribute[] {
  return Object.entries(named).map(([name, value]) => ({
    type: constant(binding, name),
    value: typeof value === 'string' && /^CK[OK]_/.test(value) ? constant(binding, value) : value,
  }));
}

/** What every secret half is: it never leaves the token as it is, and wrapped only where it may be released or backed up. */
function secret({ id, label, isKept, isExportable, isWrappable }: ObjectPlace): Named {
  return {
    CKA_TOKEN: isKept,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: isExportable || isWrappable,
    ...(isWrappable && !isExportable && { CKA_WRAP_WITH_TRUSTED: true }),
    CKA_ID: Buffer.from(id, 'hex'),
    CKA_LABEL: label,
  };
}

/** What an object of a kind may be used for. `key_ops` is judged before a token is asked. */
const uses: Readonly<Record<string, Named>> = {
  'RSA private': { CKA_SIGN: true, CKA_DECRYPT: true, CKA_UNWRAP: true },
  'EC private': { CKA_SIGN: true },
  'oct aes': { CKA_ENCRYPT: true, CKA_DECRYPT: true, CKA_WRAP: true, CKA_UNWRAP: true },
  'oct mac': { CKA_SIGN: true, CKA_VERIFY: true },
};

const keyTypes: Readonly<Record<string, string>> = {
  'RSA private': 'CKK_RSA',
  'EC private': 'CKK_EC',
  'oct aes': 'CKK_AES',
  'oct mac': 'CKK_GENERIC_SECRET',
};

/** How a private half is made in the token. */
export function privateTemplate(family: 'RSA' | 'EC', place: ObjectPlace): Named {
  return { ...secret(place), ...uses[`${family} private`] };
}

/** The public half of a pair: what it is made of is kept by the vault, so it ends with the connection. */
export function publicTemplate(spec: Exclude<KeySpec, { family: 'oct' }>): Named {
  const shared = { CKA_TOKEN: false, CKA_PRIVATE: false, CKA_VERIFY: true };
  if (spec.family === 'EC') return { ...shared, CKA_EC_PARAMS: curveParameters[spec.curve] };
  return { ...shared, CKA_MODULUS_BITS: spec.bits, CKA_PUBLIC_EXPONENT: exponentBytes(spec.publicExponent) };
}

/** How a symmetric key is made in the token. */
export function secretTemplate(kind: 'aes' | 'mac', bits: number, place: ObjectPlace): Named {
  return { ...secret(place), ...uses[`oct ${kind}`], CKA_VALUE_LEN: kind === 'aes' ? bits / 8 : MAC_BYTES };
}

/** How material from outside is taken in by unwrapping. */
export function importTemplate(family: KeyFamily, kind: ObjectKind, place: ObjectPlace): Named {
  const name = `${family} ${kind}`;
  return { ...classOf(kind), CKA_KEY_TYPE: keyTypes[name]!, ...secret(place), ...uses[name] };
}

/** Keys of the connection's own: AES, under which something is brought in or out, and RSA, under which AES keys come in. */
export const transportTemplates = {
  private: { CKA_TOKEN: false, CKA_PRIVATE: true, CKA_SENSITIVE: true, CKA_EXTRACTABLE: false, CKA_UNWRAP: true },
  public: {
    CKA_TOKEN: false,
    CKA_PRIVATE: false,
    CKA_WRAP: true,
    CKA_MODULUS_BITS: 2048,
    CKA_PUBLIC_EXPONENT: exponentBytes(65_537),
  },
  aes: {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_AES',
    CKA_TOKEN: false,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
    CKA_UNWRAP: true,
    CKA_WRAP: true,
  },
} satisfies Readonly<Record<string, Named>>;

/** A key that secure wrapping makes or opens, for as long as that takes: it leaves wrapped, and does nothing. */
export const carriedTemplate = {
  CKA_TOKEN: false,
  CKA_PRIVATE: true,
  CKA_SENSITIVE: true,
  CKA_EXTRACTABLE: true,
} satisfies Named;

/** By what the point of a private key is found: the key as one that agrees on secrets, and the secret. */
export const pointTemplates = {
  private: {
    CKA_CLASS: 'CKO_PRIVATE_KEY',
    CKA_KEY_TYPE: 'CKK_EC',
    CKA_TOKEN: false,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
    CKA_DERIVE: true,
  },
  shared: {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_TOKEN: false,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: false,
    CKA_EXTRACTABLE: true,
  },
} satisfies Readonly<Record<string, Named>>;

/** A caller's bytes as an object, for as long as they are wrapped or unwrapped: a token wraps objects alone. */
export function valueTemplate(value: Buffer | null): Named {
  return {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_TOKEN: false,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: false,
    CKA_EXTRACTABLE: true,
    ...(value && { CKA_VALUE: value }),
  };
}

/** The key under which objects are backed up; none but the security officer makes a trusted one (PKCS #11 v2.40, §4.10.2). */
export function wrappingKeyTemplate(label: string): Named {
  return {
    CKA_TOKEN: true,
    CKA_PRIVATE: false,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
    CKA_TRUSTED: true,
    CKA_WRAP: true,
    CKA_UNWRAP: true,
    CKA_VALUE_LEN: 32,
    CKA_LABEL: label,
  };
}

/** The key of a seal: it encrypts root keys, and neither leaves nor wraps objects. */
export function sealKeyTemplate(id: string, label: string): Named {
  return {
    CKA_TOKEN: true,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
    CKA_ENCRYPT: true,
    CKA_DECRYPT: true,
    CKA_WRAP: false,
    CKA_UNWRAP: false,
    CKA_VALUE_LEN: 32,
    CKA_ID: Buffer.from(id, 'hex'),
    CKA_LABEL: label,
  };
}

/** By what the trusted key is found. */
export function findWrappingKey(label: string): Named {
  return { CKA_CLASS: 'CKO_SECRET_KEY', CKA_KEY_TYPE: 'CKK_AES', CKA_TRUSTED: true, CKA_LABEL: label };
}

/** By what an object of a key is found. */
export function findTemplate(kind: ObjectKind, id: string): Named {
  const type = kind === 'private' ? {} : { CKA_KEY_TYPE: keyTypes[`oct ${kind}`]! };
  return { ...classOf(kind), ...type, CKA_ID: Buffer.from(id, 'hex') };
}

function classOf(kind: ObjectKind): Named {
  return { CKA_CLASS: kind === 'private' ? 'CKO_PRIVATE_KEY' : 'CKO_SECRET_KEY' };
}

function exponentBytes(exponent: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(exponent);
  return bytes.subarray(bytes.findIndex((byte) => byte !== 0));
}
