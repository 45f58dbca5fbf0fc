import { fromBase64Url } from '../base/text.ts';
import { Refusal } from '../refusals/refusal.ts';

/** A key that comes wrapped for a key exchange key of the vault (Bring your own key specification, Key transfer blob). */
export interface TransferBlob {
  /** The key exchange key's version, as the blob names it. */
  readonly kid: string;
  /** CKM_RSA_AES_KEY_WRAP: an AES key under RSA-OAEP, and after it the key under the AES key (PKCS #11 §2.1.22). */
  readonly ciphertext: Buffer;
}

/** A version of a key, by names as a `kid` has them. */
export interface NamedVersion {
  readonly name: string;
  readonly version: string;
}

const MAX_CHARACTERS = 64 * 1024;
/** The AES key under RSA of 2,048 bits, and the shortest thing that can be wrapped. */
const LEAST_BYTES = 256 + 16;
const MEMBERS = ['schema_version', 'header', 'ciphertext', 'generator'];
const HEADER_MEMBERS = ['kid', 'alg', 'enc'];
/** Tools of makers of modules write either. */
const SCHEMAS: readonly unknown[] = ['1.0.0', '1.0'];

/**
 * Reads a `key_hsm`: base64url of a transfer blob, which is JSON.
 * @throws Refusal `key-transfer-blob-invalid`
 */
export function readTransferBlob(value: unknown): TransferBlob {
  if (typeof value !== 'string' || value.length > MAX_CHARACTERS) {
    throw wrong(`key_hsm must be a text of at most ${MAX_CHARACTERS} characters`);
  }
  const blob = readMembers(parse(value), 'the blob', MEMBERS);
  if (!SCHEMAS.includes(blob['schema_version'])) throw wrong('schema_version must be 1.0.0');
  const header = readMembers(blob['header'], 'its header', HEADER_MEMBERS);
  if (header['alg'] !== 'dir') throw wrong('alg must be dir');
  if (header['enc'] !== 'CKM_RSA_AES_KEY_WRAP') throw wrong('enc must be CKM_RSA_AES_KEY_WRAP');
  const { kid } = header;
  if (typeof kid !== 'string' || kid.length > 1024) throw wrong('kid must name the key exchange key');
  const { ciphertext, generator } = blob;
  if (generator !== undefined && typeof generator !== 'string') throw wrong('generator must be a text');
  const bytes = typeof ciphertext === 'string' ? fromBase64Url(ciphertext.replace(/=+$/, '')) : null;
  if (!bytes || bytes.length < LEAST_BYTES) throw wrong('ciphertext must be base64url of a wrapped key');
  return { kid, ciphertext: bytes };
}

/**
 * The key exchange key that a blob names, which must be of the vault that is asked: by its host, whichever the port.
 * @param origin `https://host[:port]` of the request
 * @throws Refusal `key-transfer-kek-unsuitable`
 */
export function exchangeKeyOf({ kid }: TransferBlob, origin: string): NamedVersion {
  const url = URL.canParse(kid) ? new URL(kid) : null;
  const [, name, version] = /^\/keys\/([0-9a-zA-Z-]{1,127})\/([0-9a-fA-F]{32})$/.exec(url?.pathname ?? '') ?? [];
  const isHere = url?.protocol === 'https:' && url.hostname === new URL(origin).hostname;
  if (isHere && name && version) return { name, version: version.toLowerCase() };
  throw unsuitableExchangeKey(kid, 'it is no version of a key of this vault');
}

/**
 * Whether a stored key may unwrap transfer blobs: an RSA key of a hardware security module whose only operation is `import`.
 * @throws Refusal `key-transfer-kek-unsuitable`
 */
export function checkExchangeKey(
  kid: string,
  key: { readonly kty: string; readonly operations: readonly string[]; readonly isEnabled: boolean },
): void {
  const isExchangeKey = key.kty === 'RSA-HSM' && key.operations.length === 1 && key.operations[0] === 'import';
  if (!isExchangeKey) throw unsuitableExchangeKey(kid, 'its type must be RSA-HSM, and import its only operation');
  if (!key.isEnabled) throw unsuitableExchangeKey(kid, 'it is disabled');
}

function parse(value: string): unknown {
  const bytes = fromBase64Url(value.replace(/=+$/, ''));
  if (!bytes) throw wrong('key_hsm must be base64url');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw wrong('key_hsm must hold JSON in UTF-8');
  }
}

function readMembers(value: unknown, what: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${what} must be an object`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(`${what} has a member that does not exist: ${unknown.slice(0, 64)}`);
  return value as Readonly<Record<string, unknown>>;
}

function wrong(reason: string): Refusal {
  return new Refusal('key-transfer-blob-invalid', { reason });
}

function unsuitableExchangeKey(kid: string, reason: string): Refusal {
  return new Refusal('key-transfer-kek-unsuitable', { kid: kid.slice(0, 300), reason });
}
