import { X509Certificate } from 'node:crypto';
import { toBase64Url } from '../base/text.ts';

/** A certificate that an application signs its assertions with. */
export interface AppCertificate {
  readonly pem: string;
  /** SHA-1 of the DER in base64url, as JWT's `x5t` (RFC 7515 §4.1.7). */
  readonly sha1: string;
  /** SHA-256 of the DER in base64url, as JWT's `x5t#S256`. */
  readonly sha256: string;
  /** Milliseconds since the Unix epoch. */
  readonly starts: number;
  readonly expires: number;
  readonly subject: string;
}

const MAX_LENGTH = 32_768;
const LEAST_BITS = 2048;

/**
 * Reads a certificate as PEM, or as base64 of its DER, also in several lines (`az` sends it so). Only its public key
 * matters: who signed it and with which hash does not, since it is registered by hand.
 * @returns the certificate, or the reason why it is none that can be used
 */
export function readCertificate(text: string): AppCertificate | { readonly reason: string } {
  if (text.length > MAX_LENGTH) return { reason: `it is longer than ${MAX_LENGTH} characters` };
  const certificate = parse(text);
  if (!certificate) return { reason: 'it is neither base64 of a DER certificate nor PEM' };
  const { publicKey } = certificate;
  if (publicKey.asymmetricKeyType !== 'rsa') return { reason: 'its key is not RSA' };
  if ((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < LEAST_BITS) {
    return { reason: `its RSA key has less than ${LEAST_BITS} bits` };
  }
  const starts = Date.parse(certificate.validFrom);
  const expires = Date.parse(certificate.validTo);
  if (Number.isNaN(starts) || Number.isNaN(expires)) return { reason: 'its validity cannot be read' };
  return {
    pem: certificate.toString(),
    ...thumbprints(certificate),
    starts,
    expires,
    subject: certificate.subject,
  };
}

/** Both thumbprints of a certificate, in base64url. */
export function thumbprints(certificate: X509Certificate): { readonly sha1: string; readonly sha256: string } {
  const bytes = (fingerprint: string) => Buffer.from(fingerprint.replaceAll(':', ''), 'hex');
  return {
    sha1: toBase64Url(bytes(certificate.fingerprint)),
    sha256: toBase64Url(bytes(certificate.fingerprint256)),
  };
}

function parse(text: string): X509Certificate | null {
  const isPem = text.includes('-----BEGIN CERTIFICATE-----');
  const compact = text.replace(/\s+/g, '');
  if (!isPem && !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return null;
  try {
    const certificate = new X509Certificate(isPem ? text : Buffer.from(compact, 'base64'));
    // Reading the key here, so that one that OpenSSL cannot decode is found at registration.
    return certificate.publicKey ? certificate : null;
  } catch {
    return null;
  }
}
