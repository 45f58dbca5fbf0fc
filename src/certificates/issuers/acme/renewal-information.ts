import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { AuthorityKeyIdentifierExtension, X509Certificate } from '@peculiar/x509';

/** How a certificate is named to its authority (RFC 9773 §4.1); null where it names no authority key. */
export function renewalId(certificate: Buffer): string | null {
  const parsed = new X509Certificate(certificate);
  const keyId = parsed.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  if (keyId === undefined) return null;
  const serial = Buffer.from(parsed.serialNumber, 'hex');
  // A DER integer: a first byte above 127 has a zero before it, which the name keeps.
  const der = serial.length > 0 && serial[0]! > 127 ? Buffer.concat([Buffer.from([0]), serial]) : serial;
  return `${Buffer.from(keyId, 'hex').toString('base64url')}.${der.toString('base64url')}`;
}

/**
 * The moment within the window that the authority suggests (RFC 9773 §4.2), spread over it by the certificate's name, so
 * that every node and every look comes to the same. Milliseconds since the Unix epoch; null where the answer has no window.
 */
export function renewalMoment(id: string, told: unknown): number | null {
  const window = (told as { suggestedWindow?: { start?: unknown; end?: unknown } } | null)?.suggestedWindow;
  const [start, end] = [instantOf(window?.start), instantOf(window?.end)];
  if (start === null || end === null || end < start) return null;
  const share = createHash('sha256').update(id).digest().readUInt32BE() / 0x1_0000_0000;
  return Math.floor(start + share * (end - start));
}

function instantOf(value: unknown): number | null {
  const instant = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(instant) ? instant : null;
}
