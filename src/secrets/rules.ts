import { Refusal } from '../refusals/refusal.ts';

/** The largest secret value in UTF-8 bytes (Key Vault service limits: 25 KB). */
export const MAX_VALUE_BYTES = 25_600;
const MAX_CONTENT_TYPE = 255;
const MAX_TAGS = 15;
const MAX_TAG_TEXT = 512;
const MAX_SECONDS = 253_402_300_799;

/** The attributes a caller may set. Instants are whole seconds since the Unix epoch; null where there is none. */
export interface Attributes {
  readonly enabled: boolean;
  readonly nbf: number | null;
  readonly exp: number | null;
}

/** A validated body of a set. */
export interface NewSecret {
  readonly value: string;
  readonly contentType: string | null;
  readonly attributes: Attributes;
  readonly tags: Readonly<Record<string, string>> | null;
}

/** A validated body of an update: only what was sent is there. */
export interface SecretChange {
  readonly contentType?: string;
  readonly enabled?: boolean;
  readonly nbf?: number;
  readonly exp?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

type Body = Readonly<Record<string, unknown>>;

/**
 * Reads the body of a set (secrets.json, SecretSetParameters). Members that the API does not have are ignored, as the
 * service does.
 * @throws Refusal `property-invalid`, `secret-too-large`
 */
export function readNewSecret(body: Body): NewSecret {
  const { value } = body;
  if (typeof value !== 'string') throw invalid('value', 'it is required and must be a string');
  const size = Buffer.byteLength(value);
  if (size > MAX_VALUE_BYTES) throw new Refusal('secret-too-large', { size, limit: MAX_VALUE_BYTES });
  // A lone surrogate has no UTF-8 form: it would come back as another character.
  if (!value.isWellFormed()) throw invalid('value', 'it is not well-formed Unicode');
  const change = readSecretChange(body);
  return {
    value,
    contentType: change.contentType ?? null,
    attributes: { enabled: change.enabled ?? true, nbf: change.nbf ?? null, exp: change.exp ?? null },
    tags: change.tags ?? null,
  };
}

/**
 * Reads the body of an update (SecretUpdateParameters).
 * @throws Refusal `property-invalid`
 */
export function readSecretChange(body: Body): SecretChange {
  const attributes = readObject(body['attributes'], 'attributes');
  const contentType = readContentType(body['contentType']);
  const enabled = readBoolean(attributes['enabled']);
  const nbf = readSeconds(attributes['nbf'], 'attributes.nbf');
  const exp = readSeconds(attributes['exp'], 'attributes.exp');
  const tags = readTags(body['tags']);
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(nbf === undefined ? {} : { nbf }),
    ...(exp === undefined ? {} : { exp }),
    ...(tags === undefined ? {} : { tags }),
  };
}

/**
 * Holds the start against the end.
 * @throws Refusal `property-invalid` where the window is empty
 */
export function checkWindow(nbf: number | null, exp: number | null): void {
  if (nbf !== null && exp !== null && exp <= nbf)
    throw invalid('attributes.exp', 'it must be later than attributes.nbf');
}

function readContentType(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value.length > MAX_CONTENT_TYPE || !isPlainText(value)) {
    throw invalid('contentType', `it must be a string of at most ${MAX_CONTENT_TYPE} characters`);
  }
  return value;
}

function readBoolean(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw invalid('attributes.enabled', 'it must be true or false');
  return value;
}

function readSeconds(value: unknown, property: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_SECONDS) {
    throw invalid(property, 'it must be whole seconds since 1970-01-01T00:00:00Z');
  }
  return value;
}

function readTags(value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  const entries = Object.entries(readObject(value, 'tags'));
  if (entries.length > MAX_TAGS) throw invalid('tags', `there may be at most ${MAX_TAGS}`);
  for (const [name, text] of entries) {
    if (name.length === 0 || name.length > MAX_TAG_TEXT || !isPlainText(name)) {
      throw invalid('tags', `names must be 1 to ${MAX_TAG_TEXT} characters`);
    }
    if (typeof text !== 'string' || text.length > MAX_TAG_TEXT || !isPlainText(text)) {
      throw invalid('tags', `values must be strings of at most ${MAX_TAG_TEXT} characters`);
    }
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

function readObject(value: unknown, property: string): Body {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(property, 'it must be an object');
  return value as Body;
}

/** Well-formed Unicode without NUL, which PostgreSQL cannot store. */
function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('property-invalid', { property, reason });
}
