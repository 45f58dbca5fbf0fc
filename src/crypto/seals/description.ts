import type { Session } from '../../store/port.ts';
import { readSealText } from '../repository.ts';
import { SealFault } from '../seal.ts';

/** The mechanisms there are. */
export const sealKinds = ['key-file', 'passphrase', 'shamir', 'pkcs11'] as const;

/** One of them. */
export type SealKind = (typeof sealKinds)[number];

/** How a passphrase became a key: Argon2id (RFC 9106) with these parameters. */
export interface PassphraseDescription {
  readonly format: 1;
  readonly kind: 'passphrase';
  /** Of the key: 32 hexadecimal digits. */
  readonly id: string;
  readonly kdf: 'argon2id';
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
  /** Base64url of 16 bytes. */
  readonly salt: string;
}

/** How a key was split: which set of shares, how many of them, and how many bring it back. */
export interface ShamirDescription {
  readonly format: 1;
  readonly kind: 'shamir';
  /** Of the key and its set of shares: 32 hexadecimal digits. */
  readonly id: string;
  readonly shares: number;
  readonly threshold: number;
}

/** Which key of which token. */
export interface TokenDescription {
  readonly format: 1;
  readonly kind: 'pkcs11';
  /** CKA_ID of the key: 32 hexadecimal digits. */
  readonly id: string;
  /** Serial number of the token that it was made in. */
  readonly serial: string;
}

/** What is stored of a seal beside what it wrapped. */
export type SealDescription =
  | { readonly format: 1; readonly kind: 'key-file'; readonly id: string }
  | PassphraseDescription
  | ShamirDescription
  | TokenDescription;

/**
 * The description of the seal that the data has; null for a key file of an earlier release, and before the first start.
 * @throws SealFault `seal-unreadable` where it is damaged or of a later release
 */
export async function readDescription(session: Session): Promise<SealDescription | null> {
  const text = (await readSealText.first(session, {}))?.value;
  return text === undefined ? null : parseDescription(text);
}

/** @throws SealFault `seal-unreadable` */
export function parseDescription(text: string): SealDescription {
  let value: Readonly<Record<string, unknown>> = {};
  try {
    value = (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    // Told below, as whatever else is wrong with it.
  }
  const isKnown = value['format'] === 1 && /^[0-9a-f]{32}$/.test(String(value['id'] ?? ''));
  const kind = String(value['kind']);
  const isWhole = Object.hasOwn(checks, kind) ? checks[kind] : undefined;
  if (isKnown && isWhole?.(value)) return value as unknown as SealDescription;
  throw new SealFault(
    'seal-unreadable',
    'The stored description of the seal is damaged, or of a later release. Nothing was changed; restore it from a backup.',
  );
}

const isWithin = (value: unknown, least: number, most: number) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** What of a description has to be there. The upper bounds keep a damaged one from taking all memory. */
const checks: Readonly<Record<string, (value: Readonly<Record<string, unknown>>) => boolean>> = {
  'key-file': () => true,
  passphrase: ({ kdf, memoryKiB, passes, lanes, salt }) =>
    kdf === 'argon2id' &&
    isWithin(memoryKiB, 19_456, 4_194_304) &&
    isWithin(passes, 1, 64) &&
    isWithin(lanes, 1, 64) &&
    typeof salt === 'string' &&
    /^[\w-]{22}$/.test(salt),
  shamir: ({ shares, threshold }) =>
    isWithin(shares, 2, 255) && isWithin(threshold, 2, 255) && (threshold as number) <= (shares as number),
  pkcs11: ({ serial }) => typeof serial === 'string' && serial.length <= 64,
};
