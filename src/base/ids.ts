import type { Random } from './ports.ts';

/** A version of a secret, key or certificate: 32 lower-case hexadecimal digits (128 random bits). */
export function newVersion(random: Random): string {
  return random.bytes(16).toString('hex');
}

/** A random UUID, version 4 (RFC 9562 §5.4). */
export function newUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}

/**
 * A time-ordered UUID, version 7 (RFC 9562 §5.7), as request id: the audit log is searched by the time inside it.
 * @param now milliseconds since the Unix epoch
 */
export function newRequestId(random: Random, now: number): string {
  const bytes = random.bytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}

/** The milliseconds since the Unix epoch inside a version 7 UUID, or null for any other text. */
export function requestIdTime(id: string): number | null {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(id)) return null;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Whether the text is a UUID of any version in its canonical form, letters in either case. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** The key under which a name is stored and compared: ASCII letters folded, everything else untouched. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
