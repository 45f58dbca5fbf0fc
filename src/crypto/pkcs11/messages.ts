import type { CurveName, KeyFamily } from '../algorithms.ts';
import type { KeySpec, PublicMembers, RsaPublicMembers } from '../key-provider.ts';

/** Which token of a module: by one of these. */
export type TokenSelector =
  | { readonly label: string }
  | { readonly serial: string }
  /** The place of the slot in the module's list of slots with a token. */
  | { readonly slot: number };

/** A mechanism with its parameters, by the names of the specification. */
export interface Mechanism {
  readonly name: string;
  readonly pss?: { readonly hash: string; readonly mgf: string; readonly saltBytes: number };
  readonly oaep?: { readonly hash: string; readonly mgf: string };
  readonly gcm?: { readonly iv: Uint8Array; readonly aad: Uint8Array | null; readonly tagBits: number };
  readonly iv?: Uint8Array;
}

/** The objects that a key may have: a private half, or for a symmetric key one for AES and one for HMAC. */
export type ObjectKind = 'private' | 'aes' | 'mac';

/** How an object is used. `wrap` and `unwrap` work on the bytes of a value, which become an object for that moment. */
export type ObjectUse = 'sign' | 'encrypt' | 'decrypt' | 'wrap' | 'unwrap';

/** Where new objects are put. */
export interface ObjectPlace {
  /** CKA_ID: random, never used twice. */
  readonly id: string;
  /** CKA_LABEL: for people who look into the token. */
  readonly label: string;
  /** False for objects that end with the connection. */
  readonly isKept: boolean;
  /** Whether it may leave the token wrapped under any key, for a release. */
  readonly isExportable: boolean;
  /** Whether it may leave the token, wrapped under a key that the token's security officer trusts, and in no other way. */
  readonly isWrappable: boolean;
}

/** What the process that talks to the token is asked. */
export type TokenRequest =
  | {
      readonly op: 'open';
      readonly module: string;
      readonly bindingDirectory: string;
      readonly selector: TokenSelector;
      readonly pin: string;
      /** Logged in as the security officer, who makes the trusted key. */
      readonly isOfficer: boolean;
      readonly sessions: number;
    }
  | { readonly op: 'generate'; readonly spec: KeySpec; readonly place: ObjectPlace }
  | {
      readonly op: 'use';
      readonly use: ObjectUse;
      readonly object: { readonly kind: ObjectKind; readonly id: string };
      readonly mechanism: Mechanism;
      readonly input: Uint8Array;
      /** The room for the answer. */
      readonly outputBytes: number;
    }
  | { readonly op: 'transport' }
  | {
      readonly op: 'import';
      /** The RSA key that unwraps: an object of the token, or null for the transport key. */
      readonly unwrapper: string | null;
      /** An AES key, encrypted with RSA-OAEP (SHA-1) for it. */
      readonly wrappedKey: Uint8Array;
      /** The material, wrapped under that AES key (RFC 5649): PKCS #8, or the bytes of a symmetric key. */
      readonly wrapped: Uint8Array;
      readonly family: KeyFamily;
      readonly kind: ObjectKind;
      readonly place: ObjectPlace;
      /** Whether the answer need not tell the point of a key of a curve. */
      readonly isPublicHalfKnown: boolean;
    }
  | {
      readonly op: 'export';
      readonly id: string;
      /** An AES key of 256 bits, encrypted with RSA-OAEP (SHA-1) for the transport key. */
      readonly wrappedKey: Uint8Array;
    }
  /** A new AES key of 256 bits, wrapped under an AES key of the token. */
  | { readonly op: 'wrap-new'; readonly id: string; readonly mechanism: Mechanism }
  /** Such a key, unwrapped in the token and wrapped under another. */
  | {
      readonly op: 'rewrap';
      readonly id: string;
      readonly mechanism: Mechanism;
      readonly wrapped: Uint8Array;
      /** As with `export`. */
      readonly wrappedKey: Uint8Array;
    }
  | { readonly op: 'destroy'; readonly id: string }
  | { readonly op: 'make-wrapping-key'; readonly label: string }
  /** The key of a seal: AES of 256 bits, which encrypts and never leaves. */
  | { readonly op: 'make-seal-key'; readonly id: string; readonly label: string }
  /** Whether the token is still there. */
  | { readonly op: 'look' }
  /** An object, wrapped under the trusted key of that label (RFC 5649). */
  | { readonly op: 'wrap-object'; readonly kind: ObjectKind; readonly id: string; readonly wrappingLabel: string }
  | {
      readonly op: 'unwrap-object';
      readonly wrapped: Uint8Array;
      readonly family: KeyFamily;
      readonly kind: ObjectKind;
      readonly place: ObjectPlace;
      readonly wrappingLabel: string;
    }
  | { readonly op: 'random'; readonly count: number };

/** What an opened token is. */
export interface TokenFacts {
  readonly label: string;
  readonly serial: string;
  readonly model: string;
  /** Names (CKM_…) of the mechanisms that it has, of those that are used. */
  readonly mechanisms: readonly string[];
}

/** One request. */
export type RequestOf<Op extends TokenRequest['op']> = Extract<TokenRequest, { op: Op }>;

/** What a private half tells of the public one: all of it of an RSA key, one coordinate of a key of a curve. */
export type UnwrappedHalf = RsaPublicMembers | { readonly crv: CurveName; readonly x: string };

/** The answers, by request. */
export interface TokenAnswers {
  readonly open: TokenFacts;
  readonly generate: PublicMembers;
  readonly use: Uint8Array;
  /** The public half of the key that imports are encrypted for; it lives as long as the connection. */
  readonly transport: { readonly n: string; readonly e: string };
  readonly import: UnwrappedHalf | null;
  /** The PKCS #8 of a private half, wrapped under the AES key (RFC 5649). */
  readonly export: Uint8Array;
  readonly 'wrap-new': Uint8Array;
  readonly rewrap: Uint8Array;
  /** How many objects there were. */
  readonly destroy: number;
  readonly random: Uint8Array;
  readonly 'make-wrapping-key': null;
  readonly 'make-seal-key': null;
  readonly look: null;
  readonly 'wrap-object': Uint8Array;
  readonly 'unwrap-object': null;
}

/** What can go wrong there, told apart by what follows from it. */
export type TokenFailure =
  /** What the caller gave does not fit, or does not open. */
  | 'input'
  /** The token cannot do this, now or later. */
  | 'unsupported'
  /** The token answers, and has no such object. */
  | 'missing'
  /** The token refuses the PIN: trying it again would lock the token. */
  | 'pin'
  /** The token, its module or the binding is not there, or does not work. */
  | 'lost';

/** A request on its way. */
export interface RequestMessage {
  readonly number: number;
  readonly request: TokenRequest;
}

/** An answer, or what came in its place. */
export type AnswerMessage =
  | { readonly number: number; readonly answer: unknown }
  | { readonly number: number; readonly failure: TokenFailure; readonly reason: string };
