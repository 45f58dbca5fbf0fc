import { hash, X509Certificate } from 'node:crypto';
import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { compactVerify } from 'jose/jws/compact/verify';
import { foldName } from '../base/ids.ts';
import { DAY, toIso } from '../base/text.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Transaction } from '../store/port.ts';
import { readResource, tokenIssuer } from './audiences.ts';
import { thumbprints } from './certificate.ts';
import { type IdentityParts, isOurTenant } from './parts.ts';
import { assertionUses, type CredentialRow, insertAssertion } from './repository.ts';

/** An assertion that proves the client, and what is kept of it so that it does not prove it twice. */
export interface VerifiedAssertion {
  readonly credentialId: string;
  readonly use: AssertionUse;
}

/** The use of an assertion, each part a SHA-256 in base64url. */
export interface AssertionUse {
  /** Of the client with the assertion's `jti`, or with what was signed where it has none. */
  readonly assertion: string;
  /** Of the address it came from; all of loopback is one. */
  readonly address: string;
  /** Of the resource asked for. */
  readonly resource: string;
  /** When the assertion ends, milliseconds since the Unix epoch. */
  readonly expires: number;
}

interface Assertion {
  readonly iss: unknown;
  readonly sub: unknown;
  readonly aud: unknown;
  readonly exp: unknown;
  readonly nbf: unknown;
  readonly jti: unknown;
}

const MAX_LENGTH = 16 * 1024;
const MAX_LIFETIME_MS = DAY;
const NOT_BEFORE_LEEWAY_MS = 300_000;
const ALGORITHMS = ['RS256', 'PS256'];

/**
 * Verifies a client assertion (RFC 7523 §3; Microsoft identity platform, "Certificate credentials"): signed with RS256
 * or PS256 by a certificate that is registered for the client, by and about the client, meant for this authority,
 * within its times.
 * @throws Refusal
 */
export async function verifyAssertion(
  parts: IdentityParts,
  request: {
    readonly clientId: string;
    readonly assertion: string;
    readonly resource: string;
    readonly address: string;
  },
  credentials: readonly CredentialRow[],
  now: number,
): Promise<VerifiedAssertion> {
  const { clientId, assertion } = request;
  if (assertion.length > MAX_LENGTH || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(assertion)) {
    throw new Refusal('assertion-malformed', { clientId, reason: 'it is not a signed JWT of three parts' });
  }
  const credential = chooseCertificate(credentials, readHeader(assertion, clientId), clientId);
  const claims = await readClaims(assertion, credential, clientId);
  if (credential.row.expires <= now || credential.row.starts > now + NOT_BEFORE_LEEWAY_MS) {
    const { starts, expires } = credential.row;
    const facts = {
      clientId,
      starts: toIso(starts),
      expired: toIso(expires),
      now: toIso(now),
      keyId: credential.row.id,
    };
    throw new Refusal('assertion-certificate-expired', facts);
  }
  assertParties(parts, claims, clientId);
  const expires = readTimes(claims, clientId, now);
  const id =
    typeof claims.jti === 'string' ? `jti:${claims.jti}` : `jws:${assertion.slice(0, assertion.lastIndexOf('.'))}`;
  const use = {
    assertion: digest(JSON.stringify([clientId, id])),
    address: digest(/^(::ffff:)?127\.|^::1$/i.test(request.address) ? 'loopback' : request.address),
    resource: digest(readResource(request.resource, parts.domain)?.name ?? request.resource),
    expires,
  };
  return { credentialId: credential.row.id, use };
}

/**
 * Keeps the use of an assertion, inside the transaction that answers for it. An assertion is good once for each
 * resource, and only where it was first used. Once in all would be simpler, but MSAL for Node keeps one assertion for
 * its ten minutes and asks for a token of each resource with it; the address keeps an overheard one from being taken to
 * a resource not asked for yet.
 * @throws Refusal `assertion-replayed`
 */
export async function keepUse(transaction: Transaction, use: AssertionUse, clientId: string): Promise<void> {
  const { assertion, address, resource, expires } = use;
  // `/` follows `.`: the range holds the uses of this assertion and nothing else.
  const earlier = await assertionUses.all(transaction, { from: `${assertion}.`, to: `${assertion}/` });
  const isReplayed = earlier.some((row) => {
    const [, from, target] = row.digest.split('.');
    return from !== address || target === resource;
  });
  if (isReplayed) throw new Refusal('assertion-replayed', { clientId });
  await insertAssertion.change(transaction, { digest: `${assertion}.${address}.${resource}`, expires });
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url');
}

interface Header {
  readonly alg: string;
  /** Thumbprints that the header names, without padding. */
  readonly sha1: string | null;
  readonly sha256: string | null;
}

function readHeader(assertion: string, clientId: string): Header {
  let header: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(assertion);
  } catch {
    throw new Refusal('assertion-malformed', { clientId, reason: 'its header cannot be decoded' });
  }
  const { alg, kid, x5t, 'x5t#S256': x5tS256 } = header;
  if (typeof alg !== 'string' || !ALGORITHMS.includes(alg)) throw new Refusal('assertion-algorithm', { clientId });
  if (header['crit'] !== undefined) {
    throw new Refusal('assertion-malformed', { clientId, reason: 'its header has critical extensions' });
  }
  const sha1 = thumbprint(x5t, 20) ?? thumbprint(kid, 20);
  const sha256 = thumbprint(x5tS256, 32) ?? thumbprint(kid, 32);
  if (!sha1 && !sha256) {
    throw new Refusal('assertion-malformed', {
      clientId,
      reason: 'its header names no certificate (x5t, x5t#S256 or kid)',
    });
  }
  return { alg, sha1, sha256 };
}

/** A thumbprint as base64url (padded or not) or hexadecimal text, of so many bytes; or null. */
function thumbprint(value: unknown, length: number): string | null {
  if (typeof value !== 'string' || value.length > 100) return null;
  const isHex = value.length === length * 2 && /^[0-9a-f]+$/i.test(value);
  const bytes = isHex ? Buffer.from(value, 'hex') : Buffer.from(value.replace(/=+$/, ''), 'base64url');
  return bytes.length === length ? bytes.toString('base64url') : null;
}

interface Registered {
  readonly row: CredentialRow;
  readonly certificate: X509Certificate;
  readonly alg: string;
}

/**
 * The registered certificate that the header names. The header only chooses: a certificate it brings along is not
 * looked at.
 */
function chooseCertificate(credentials: readonly CredentialRow[], header: Header, clientId: string): Registered {
  for (const row of credentials) {
    if (row.kind !== 'certificate') continue;
    const certificate = new X509Certificate(row.material);
    const { sha1, sha256 } = thumbprints(certificate);
    const isNamed = header.sha256 ? header.sha256 === sha256 : header.sha1 === sha1;
    if (isNamed) return { row, certificate, alg: header.alg };
  }
  throw new Refusal('assertion-certificate-unknown', { clientId, thumbprint: header.sha256 ?? header.sha1 });
}

async function readClaims(assertion: string, { certificate, alg }: Registered, clientId: string): Promise<Assertion> {
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(assertion, certificate.publicKey, { algorithms: [alg] }));
  } catch {
    throw new Refusal('assertion-signature', { clientId });
  }
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    if (typeof claims === 'object' && claims !== null) return claims as Assertion;
  } catch {
    // Told below.
  }
  throw new Refusal('assertion-malformed', { clientId, reason: 'its claims are not a JSON object' });
}

function assertParties(parts: IdentityParts, claims: Assertion, clientId: string): void {
  const isClient = (value: unknown) => typeof value === 'string' && value.toLowerCase() === clientId;
  if (!isClient(claims.iss) || !isClient(claims.sub)) throw new Refusal('assertion-issuer', { clientId });
  if (typeof claims.aud === 'string' && isOurAudience(parts, claims.aud)) return;
  const expected = `https://login.${parts.domain}/${parts.tenantId}/oauth2/v2.0/token`;
  throw new Refusal('assertion-audience', { clientId, expected });
}

/**
 * Whether it is our issuer, or a URL of an authority of ours or its token endpoint, with whatever port a proxy may
 * have.
 */
function isOurAudience(parts: IdentityParts, audience: string): boolean {
  if (audience === tokenIssuer(parts.domain, parts.tenantId)) return true;
  const match = /^https:\/\/([a-z0-9.-]+)(?::[0-9]{1,5})?\/(adfs\/aad\/)?([\w.-]+)(\/[\w./]*)?$/i.exec(audience);
  if (!match || foldName(match[1]!) !== `login.${parts.domain}` || !isOurTenant(parts, match[3]!)) return false;
  return ['', '/', '/v2.0', '/v2.0/', '/oauth2/token', '/oauth2/v2.0/token'].includes(match[4] ?? '');
}

function readTimes(claims: Assertion, clientId: string, now: number): number {
  const { exp, nbf } = claims;
  // Fractions of a second are legal (RFC 7519 §2, NumericDate), and az sends them.
  if (typeof exp !== 'number' || !Number.isFinite(exp)) {
    throw new Refusal('assertion-malformed', { clientId, reason: 'it has no expiration time (exp)' });
  }
  const expires = Math.ceil(exp * 1000);
  if (nbf !== undefined && (typeof nbf !== 'number' || !Number.isFinite(nbf))) {
    throw new Refusal('assertion-malformed', { clientId, reason: 'its nbf is not a number' });
  }
  const starts = typeof nbf === 'number' ? nbf * 1000 : 0;
  if (expires <= now || starts > now + NOT_BEFORE_LEEWAY_MS) {
    throw new Refusal('assertion-time', {
      clientId,
      now: toIso(now),
      starts: instant(starts),
      expired: instant(expires),
    });
  }
  if (expires > now + MAX_LIFETIME_MS)
    throw new Refusal('assertion-lifetime', { clientId, hours: MAX_LIFETIME_MS / 3_600_000 });
  return expires;
}

function instant(time: number): string {
  return Math.abs(time) <= 8.64e15 ? toIso(time) : '(out of range)';
}
