import { timingSafeEqual } from 'node:crypto';

/** Bytes to base64url without padding (RFC 4648 §5). */
export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/** Base64url without padding to bytes, or null where the text is anything else. Non-canonical tails are refused. */
export function fromBase64Url(text: string): Buffer | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}

/** Whether two byte strings are equal, in time that depends on their lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/** An instant as RFC 3339 text in UTC with milliseconds. */
export function toIso(instant: number): string {
  if (instant !== lastInstant) {
    lastText = new Date(instant).toISOString();
    lastInstant = instant;
  }
  return lastText;
}

// The records of one millisecond share their text: making it costs as much as the rest of a record's head.
let lastInstant = Number.NaN;
let lastText = '';

/** Milliseconds in a day. */
export const DAY = 86_400_000;

/** Whole seconds since the Unix epoch, as the wire has them. */
export function toSeconds(instant: number): number {
  return Math.floor(instant / 1000);
}

/** JSON text as one line to every reader: the characters that some take for the end of a line are escaped. */
export function oneLine(json: string): string {
  return json.replace(/[\u0085\u2028\u2029]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
