import { Refusal } from '../refusals/refusal.ts';

const MAX_TAGS = 15;
const MAX_SECONDS = 253_402_300_799;

/** A parsed JSON body. */
export type Body = Readonly<Record<string, unknown>>;

/** The attributes of an object that a caller may set. Instants are whole seconds since the Unix epoch; null where there is none. */
export interface Attributes {
  readonly enabled: boolean;
  readonly nbf: number | null;
  readonly exp: number | null;
}

/** What a body says of the attributes and tags that secrets, keys and certificates share: only what was sent is there. */
export interface AttributeChange {
  readonly enabled?: boolean;
  readonly nbf?: number;
  readonly exp?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * Reads `attributes` and `tags` of a body.
 * @param tagCharacters the most characters of a tag's name and of its value: 512 for secrets, 256 else (Key Vault service limits)
 * @throws Refusal `property-invalid`
 */
export function readAttributeChange(body: Body, tagCharacters: number): AttributeChange {
  const attributes = readObject(body['attributes'], 'attributes');
  const enabled = readBoolean(attributes['enabled'], 'attributes.enabled');
  const nbf = readSeconds(attributes['nbf'], 'attributes.nbf');
  const exp = readSeconds(attributes['exp'], 'attributes.exp');
  const tags = readTags(body['tags'], tagCharacters);
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(nbf === undefined ? {} : { nbf }),
    ...(exp === undefined ? {} : { exp }),
    ...(tags === undefined ? {} : { tags }),
  };
}

/** The attributes of a new version: enabled unless the body says otherwise. */
export function newAttributes({ enabled, nbf, exp }: AttributeChange): Attributes {
  return { enabled: enabled ?? true, nbf: nbf ?? null, exp: exp ?? null };
}

/**
 * Holds the start against the end.
 * @throws Refusal `property-invalid` where the window is empty
 */
export function checkWindow(nbf: number | null, exp: number | null): void {
  if (nbf !== null && exp !== null && exp <= nbf)
    throw invalid('attributes.exp', 'it must be later than attributes.nbf');
}

/** A truth, or nothing where it was not sent. @throws Refusal `property-invalid` */
export function readBoolean(value: unknown, property: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw invalid(property, 'it must be true or false');
  return value;
}

/** An object, empty where none was sent. @throws Refusal `property-invalid` */
export function readObject(value: unknown, property: string): Body {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(property, 'it must be an object');
  return value as Body;
}

/** Well-formed Unicode without NUL, which PostgreSQL cannot store. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

/** The refusal of one member of a body. */
export function invalid(property: string, reason: string): Refusal {
  return new Refusal('property-invalid', { property, reason });
}

function readSeconds(value: unknown, property: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_SECONDS) {
    throw invalid(property, 'it must be whole seconds since 1970-01-01T00:00:00Z');
  }
  return value;
}

function readTags(value: unknown, characters: number): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  const entries = Object.entries(readObject(value, 'tags'));
  if (entries.length > MAX_TAGS) throw invalid('tags', `there may be at most ${MAX_TAGS}`);
  for (const [name, text] of entries) {
    if (name.length === 0 || name.length > characters || !isPlainText(name)) {
      throw invalid('tags', `names must be 1 to ${characters} characters`);
    }
    if (typeof text !== 'string' || text.length > characters || !isPlainText(text)) {
      throw invalid('tags', `values must be strings of at most ${characters} characters`);
    }
  }
  return Object.fromEntries(entries) as Record<string, string>;
}
