/** The families of keys. */
export type KeyFamily = 'RSA' | 'EC' | 'oct';

/** Curves by their names on the wire (JsonWebKeyCurveName). */
export type CurveName = 'P-256' | 'P-384' | 'P-521' | 'P-256K';

/** A curve: OpenSSL's name for it, the name in a JWK (RFC 7518 §6.2.1.1, RFC 8812 §3.1), the bytes of a coordinate. */
export interface Curve {
  readonly openssl: string;
  readonly jwk: string;
  readonly fieldBytes: number;
  /** Whether OpenSSL has code of its own for it in Node's build: a signature takes 0.03 ms, on the other curves 0.35 to 1.8. */
  readonly isQuick: boolean;
}

/** Every curve there is. */
export const curves: Readonly<Record<CurveName, Curve>> = Object.freeze({
  'P-256': { openssl: 'prime256v1', jwk: 'P-256', fieldBytes: 32, isQuick: true },
  'P-384': { openssl: 'secp384r1', jwk: 'P-384', fieldBytes: 48, isQuick: false },
  'P-521': { openssl: 'secp521r1', jwk: 'P-521', fieldBytes: 66, isQuick: false },
  'P-256K': { openssl: 'secp256k1', jwk: 'secp256k1', fieldBytes: 32, isQuick: false },
});

/** Hash functions by OpenSSL's names. */
export type Digest = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A signature algorithm (RFC 7518 §3, RFC 8812 §3.2). The value signed is a digest of `digestBytes`. */
export interface SignatureAlgorithm {
  readonly family: KeyFamily;
  /** How a digest is padded: PKCS #1 v1.5 or PSS with a salt as long as the digest (RFC 8017 §8). */
  readonly padding?: 'pkcs1' | 'pss';
  readonly digest?: Digest;
  /** Not set where any length is taken. */
  readonly digestBytes?: number;
  readonly curve?: CurveName;
  /** The first api-version that has it. */
  readonly since?: string;
}

const rsa = (padding: 'pkcs1' | 'pss', digest: Digest, digestBytes: number): SignatureAlgorithm => ({
  family: 'RSA',
  padding,
  digest,
  digestBytes,
});
const ec = (curve: CurveName, digestBytes: number): SignatureAlgorithm => ({ family: 'EC', curve, digestBytes });
const mac = (digest: Digest): SignatureAlgorithm => ({ family: 'oct', digest, since: '7.6-preview.1' });

/** The signature algorithms by their wire names (JsonWebKeySignatureAlgorithm). */
export const signatureAlgorithms: Readonly<Record<string, SignatureAlgorithm>> = table({
  RS256: rsa('pkcs1', 'sha256', 32),
  RS384: rsa('pkcs1', 'sha384', 48),
  RS512: rsa('pkcs1', 'sha512', 64),
  PS256: rsa('pss', 'sha256', 32),
  PS384: rsa('pss', 'sha384', 48),
  PS512: rsa('pss', 'sha512', 64),
  // The value itself is padded, without the name of a hash function: what TLS 1.0 signs (RFC 4346 §7.4.3).
  RSNULL: { family: 'RSA', padding: 'pkcs1' },
  ES256: ec('P-256', 32),
  ES256K: ec('P-256K', 32),
  ES384: ec('P-384', 48),
  ES512: ec('P-521', 64),
  HS256: mac('sha256'),
  HS384: mac('sha384'),
  HS512: mac('sha512'),
});

/** What a key can be asked to do with bytes, as `key_ops` names it. */
export type CipherUse = 'encrypt' | 'decrypt' | 'wrapKey' | 'unwrapKey';

/** An encryption or key wrapping algorithm (RFC 7518 §4 and §5, RFC 3394, RFC 5649). */
export interface CipherAlgorithm {
  readonly family: 'RSA' | 'oct';
  readonly mode: 'pkcs1' | 'oaep' | 'gcm' | 'cbc' | 'cbc-padded' | 'wrap' | 'wrap-padded';
  readonly digest?: Digest;
  /** The size of the key; not set where any size will do. */
  readonly bits?: number;
  readonly uses: readonly CipherUse[];
  readonly since?: string;
}

const everyUse: readonly CipherUse[] = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'];
const encryption: readonly CipherUse[] = ['encrypt', 'decrypt'];
const wrapping: readonly CipherUse[] = ['wrapKey', 'unwrapKey'];
const aes = (mode: CipherAlgorithm['mode'], bits: number, uses: readonly CipherUse[]): CipherAlgorithm => ({
  family: 'oct',
  mode,
  bits,
  uses,
});

/** The encryption algorithms by their wire names (JsonWebKeyEncryptionAlgorithm). */
export const cipherAlgorithms: Readonly<Record<string, CipherAlgorithm>> = table({
  RSA1_5: { family: 'RSA', mode: 'pkcs1', uses: everyUse },
  'RSA-OAEP': { family: 'RSA', mode: 'oaep', digest: 'sha1', uses: everyUse },
  'RSA-OAEP-256': { family: 'RSA', mode: 'oaep', digest: 'sha256', uses: everyUse },
  A128GCM: aes('gcm', 128, encryption),
  A192GCM: aes('gcm', 192, encryption),
  A256GCM: aes('gcm', 256, encryption),
  A128CBC: aes('cbc', 128, encryption),
  A192CBC: aes('cbc', 192, encryption),
  A256CBC: aes('cbc', 256, encryption),
  A128CBCPAD: aes('cbc-padded', 128, encryption),
  A192CBCPAD: aes('cbc-padded', 192, encryption),
  A256CBCPAD: aes('cbc-padded', 256, encryption),
  A128KW: aes('wrap', 128, wrapping),
  A192KW: aes('wrap', 192, wrapping),
  A256KW: aes('wrap', 256, wrapping),
  CKM_AES_KEY_WRAP: { family: 'oct', mode: 'wrap', uses: wrapping, since: '7.6-preview.1' },
  CKM_AES_KEY_WRAP_PAD: { family: 'oct', mode: 'wrap-padded', uses: wrapping, since: '7.6-preview.1' },
});

const secureWrap = (mode: 'wrap' | 'wrap-padded', bits?: number): CipherAlgorithm => ({
  family: 'oct',
  mode,
  ...(bits !== undefined && { bits }),
  uses: wrapping,
});

/** The algorithms of secure wrapping by their wire names (JsonWebKeyWrapAlgorithm). */
export const secureWrapAlgorithms: Readonly<Record<string, CipherAlgorithm>> = table({
  'RSA-OAEP-256': { family: 'RSA', mode: 'oaep', digest: 'sha256', uses: wrapping },
  A128KW: secureWrap('wrap', 128),
  A192KW: secureWrap('wrap', 192),
  A256KW: secureWrap('wrap', 256),
  A128KWPAD: secureWrap('wrap-padded', 128),
  A192KWPAD: secureWrap('wrap-padded', 192),
  A256KWPAD: secureWrap('wrap-padded', 256),
  CKM_AES_KEY_WRAP: secureWrap('wrap'),
  CKM_AES_KEY_WRAP_PAD: secureWrap('wrap-padded'),
});

/** The bytes of a key that secure wrapping makes. */
export const SECURE_WRAP_BYTES = 32;

/** How a key is wrapped for whom it is released to: RSA-OAEP with this digest, then AES-256 key wrap with padding. */
export interface ReleaseAlgorithm {
  readonly digest: Digest;
}

/** The algorithms of key release by their wire names (KeyEncryptionAlgorithm). */
export const releaseAlgorithms: Readonly<Record<string, ReleaseAlgorithm>> = table({
  CKM_RSA_AES_KEY_WRAP: { digest: 'sha1' },
  RSA_AES_KEY_WRAP_256: { digest: 'sha256' },
  RSA_AES_KEY_WRAP_384: { digest: 'sha384' },
});

/** Where a release names none. */
export const DEFAULT_RELEASE_ALGORITHM = 'CKM_RSA_AES_KEY_WRAP';

/** A name that comes from outside must not find `constructor`. */
function table<Row>(rows: Readonly<Record<string, Row>>): Readonly<Record<string, Row>> {
  return Object.freeze(Object.assign(Object.create(null) as Record<string, Row>, rows));
}
