import type { CipherAlgorithm, CurveName, KeyFamily, ReleaseAlgorithm, SignatureAlgorithm } from './algorithms.ts';

/** What is to be made. */
export type KeySpec =
  | { readonly family: 'RSA'; readonly bits: number; readonly publicExponent: number }
  | { readonly family: 'EC'; readonly curve: CurveName }
  | { readonly family: 'oct'; readonly bits: number };

/** The public members of a JWK (RFC 7518 §6), without `kty`; empty for a symmetric key. */
export type PublicMembers =
  | RsaPublicMembers
  | { readonly crv: CurveName; readonly x: string; readonly y: string }
  | Readonly<Record<string, never>>;

/** The public members of an RSA key. */
export type RsaPublicMembers = { readonly n: string; readonly e: string };

/** A key that was made or taken in. */
export interface MadeKey {
  readonly spec: KeySpec;
  readonly publicMembers: PublicMembers;
  /** What is to be sealed and kept; whoever seals it overwrites it with zeros. */
  readonly material: Buffer;
}

/** A stored version of a key, as a provider asks for it. */
export interface StoredKey {
  /** Unique for the material, for ever: what was opened may be remembered by it. */
  readonly id: string;
  readonly spec: KeySpec;
  readonly publicMembers: PublicMembers;
  /** Opens the sealed material; the provider overwrites it when it is done. */
  open(): Promise<Buffer>;
}

/** What an encryption takes. */
export interface Plain {
  readonly value: Buffer;
  /** 16 bytes for CBC; the other modes make their own. */
  readonly iv: Buffer | null;
  readonly aad: Buffer | null;
}

/** What an encryption gives and a decryption takes. */
export interface Sealed extends Plain {
  readonly tag: Buffer | null;
}

/** The JWK of a key to be taken in: private members as bytes. */
export interface ImportedJwk {
  readonly family: 'RSA' | 'EC' | 'oct';
  readonly members: Readonly<Record<string, string>>;
}

/** Where a token keeps a key. */
export interface KeyPlace {
  /** 16 random bytes in hexadecimal, never used twice: by them the key is found, and destroyed. */
  readonly id: string;
  /** For people who look into the token. */
  readonly label: string;
  /** Whether the token may give it out, wrapped under another key. */
  readonly isExportable: boolean;
  /** True for one that ends with the connection to the token all the same. */
  readonly isMomentary?: boolean;
}

/**
 * Where keys are made and used. Whatever a caller gave wrong (a value too long, a ciphertext that does not open) is a
 * {@link KeyInputFault}, the same for every cause; anything else that goes wrong is a fault of the provider.
 */
export interface KeyProvider {
  /** @param place where a token puts the key; one without a place ends with the connection to the token */
  generate(spec: KeySpec, place?: KeyPlace): Promise<MadeKey>;
  /** @throws KeyInputFault where the members are no key, or its halves do not belong together */
  importKey(jwk: ImportedJwk, place?: KeyPlace): Promise<MadeKey>;
  /** Signs a digest. ECDSA signatures are r and s side by side (RFC 7518 §3.4). */
  sign(key: StoredKey, algorithm: SignatureAlgorithm, digest: Buffer): Promise<Buffer>;
  verify(key: StoredKey, algorithm: SignatureAlgorithm, digest: Buffer, signature: Buffer): Promise<boolean>;
  encrypt(key: StoredKey, algorithm: CipherAlgorithm, plain: Plain): Promise<Sealed>;
  decrypt(key: StoredKey, algorithm: CipherAlgorithm, sealed: Sealed): Promise<Buffer>;
  /**
   * Wraps a key for a recipient: its PKCS #8, or the bytes of a symmetric key, under an AES-256 key made for it (RFC 5649), after
   * that key under RSA-OAEP (PKCS #11 v3.0, CKM_RSA_AES_KEY_WRAP).
   */
  release(key: StoredKey, algorithm: ReleaseAlgorithm, recipient: RsaPublicMembers): Promise<Buffer>;
  /** Makes a symmetric key of 256 bits and wraps it; the key is seen by nobody. */
  wrapNewKey(key: StoredKey, algorithm: CipherAlgorithm): Promise<Buffer>;
  /**
   * Opens such a key, and wraps it for a recipient as {@link release} does.
   * @throws KeyInputFault where it does not open, or is no key of 256 bits; the same for every cause
   */
  rewrapKey(
    key: StoredKey,
    algorithm: CipherAlgorithm,
    wrapped: Buffer,
    release: ReleaseAlgorithm,
    recipient: RsaPublicMembers,
  ): Promise<Buffer>;
  /**
   * Takes in a key that was wrapped as a release is, under SHA-1, for a key of this provider.
   * @param place as with {@link generate}
   * @throws KeyInputFault where it does not open, or is no key of the family; the same for every cause
   */
  importWrapped(exchangeKey: StoredKey, ciphertext: Buffer, family: KeyFamily, place?: KeyPlace): Promise<MadeKey>;
}

/** An object of a token, wrapped under a key of the token. */
export interface WrappedObject {
  readonly kind: 'private' | 'aes' | 'mac';
  /** In base64url. */
  readonly wrapped: string;
}

/** A provider whose keys are objects of a token. */
export interface TokenKeys extends KeyProvider {
  /** The token's serial number. @throws KeyTokenFault */
  serial(): Promise<string>;
  /** Destroys the objects at a place of the token that is named; destroying nothing is no fault. @throws KeyTokenFault */
  destroy(serial: string, placeId: string): Promise<void>;
  /** Whether keys that are made may leave the token wrapped, for backups. */
  readonly mayWrap: boolean;
  /** The objects of a key, wrapped under a key of the token, or null where they may not leave it. @throws KeyTokenFault */
  wrapObjects(key: StoredKey): Promise<readonly WrappedObject[] | null>;
  /**
   * Takes wrapped objects in again. @returns the new material
   * @throws KeyUnsupportedFault where no wrapping key is configured or there, KeyInputFault where they were wrapped under another
   */
  unwrapObjects(
    wrapped: readonly WrappedObject[],
    key: Pick<StoredKey, 'spec' | 'publicMembers'>,
    place: KeyPlace,
  ): Promise<Buffer>;
  /** Bytes of the token's generator, 1 to 1,024. @throws KeyTokenFault */
  drawBytes(count: number): Promise<Buffer>;
}

/** Where software keys are, and where those of hardware types. */
export interface KeyProviders {
  readonly software: KeyProvider;
  /** Null where no token is configured. */
  readonly token: TokenKeys | null;
}

/** The caller's input does not fit the key, or does not open under it. */
export class KeyInputFault extends Error {
  readonly code = 'key-input';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KeyInputFault';
  }
}

/** Keys cannot be used on this machine. */
export class KeyProviderFault extends Error {
  readonly code = 'key-provider-unavailable';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KeyProviderFault';
  }
}

/** The token that holds keys is not there, or does not work; it may be back at the next use. The message is for the operator. */
export class KeyTokenFault extends Error {
  readonly code = 'key-token-unavailable';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KeyTokenFault';
  }
}

/** The token is there, and has no such object; it was removed from it, or the token is another. */
export class KeyObjectFault extends KeyTokenFault {}

/** The token cannot do what is asked, now or later. */
export class KeyUnsupportedFault extends Error {
  readonly code = 'key-token-lacks';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KeyUnsupportedFault';
  }
}
