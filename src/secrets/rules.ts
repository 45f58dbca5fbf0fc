import {
  type AttributeChange,
  type Attributes,
  type Body,
  invalid,
  isPlainText,
  newAttributes,
  readAttributeChange,
} from '../objects/attributes.ts';
import { Refusal } from '../refusals/refusal.ts';

/** The largest secret value in UTF-8 bytes (Key Vault service limits: 25 KB). */
export const MAX_VALUE_BYTES = 25_600;
const MAX_CONTENT_TYPE = 255;
const MAX_TAG_TEXT = 512;

/** A validated body of a set. */
export interface NewSecret {
  readonly value: string;
  readonly contentType: string | null;
  readonly attributes: Attributes;
  readonly tags: Readonly<Record<string, string>> | null;
}

/** A validated body of an update: only what was sent is there. */
export interface SecretChange extends AttributeChange {
  readonly contentType?: string;
}

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
    attributes: newAttributes(change),
    tags: change.tags ?? null,
  };
}

/**
 * Reads the body of an update (SecretUpdateParameters).
 * @throws Refusal `property-invalid`
 */
export function readSecretChange(body: Body): SecretChange {
  const contentType = readContentType(body['contentType']);
  return { ...(contentType === undefined ? {} : { contentType }), ...readAttributeChange(body, MAX_TAG_TEXT) };
}

function readContentType(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value.length > MAX_CONTENT_TYPE || !isPlainText(value)) {
    throw invalid('contentType', `it must be a string of at most ${MAX_CONTENT_TYPE} characters`);
  }
  return value;
}
