import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { compactVerify } from 'jose/jws/compact/verify';
import { decodeJwt } from 'jose/jwt/decode';
import { isUuid } from '../base/ids.ts';
import { readResource, type TokenPlane, tokenIssuer } from './audiences.ts';
import type { Authentication } from './caller.ts';
import type { KeySet } from './signing-keys.ts';
import { CREDENTIAL_CLAIM } from './tokens.ts';

/** The claims of a token whose signature and issuer have been verified. */
export interface TokenClaims {
  /** The key of ours that signed it. */
  readonly kid: string;
  readonly audience: string;
  /** The plane its audience belongs to, or null. */
  readonly plane: TokenPlane | null;
  readonly issuer: string;
  readonly tenantId: string;
  readonly oid: string;
  readonly appId: string;
  readonly appIdAcr: string;
  readonly scopes: string | null;
  readonly managedIdentity: string | null;
  readonly tokenId: string;
  /** The mark of the credential, or of the host, that it was got by; null where it names none. */
  readonly credential: string | null;
  /** Milliseconds since the Unix epoch. */
  readonly starts: number;
  readonly expires: number;
}

/** A refused token. */
export type TokenRefusal = Extract<Authentication, { readonly refusal: unknown }>;

const MAX_SHOWN = 200;
const HEADER_MEMBERS = new Set(['typ', 'alg', 'kid', 'x5t']);

/**
 * Reads an access token in JWS compact form (RFC 7515 §7.1) and verifies that one of our keys signed it and that its
 * issuer is the one of its tenant. The header only chooses among our own keys; one that brings keys, or anything else
 * we never write, is refused, and so is every algorithm but RS256 (RFC 8725 §3.1).
 * @param token three base64url parts with dots between, no longer than the caller allows
 */
export async function verifyAccessToken(
  keys: KeySet,
  domain: string,
  token: string,
): Promise<TokenClaims | TokenRefusal> {
  const header = readHeader(token);
  if ('refusal' in header) return header;
  const key = keys.find(header.kid);
  if (!key) return foreign(token, domain, header.kid);
  let payload: Record<string, unknown>;
  try {
    const verified = await compactVerify(token, key.publicKey, { algorithms: ['RS256'] });
    payload = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(verified.payload)) as Record<string, unknown>;
  } catch {
    return wrongSignature(header.kid);
  }
  const claims = readClaims(payload, domain, header.kid);
  if (!claims) return malformed('a claim is missing or of the wrong type');
  const expected = tokenIssuer(domain, claims.tenantId);
  return claims.issuer === expected ? claims : wrongIssuer(expected, claims.issuer);
}

function readHeader(token: string): { readonly kid: string } | TokenRefusal {
  let header: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    return malformed('its header cannot be decoded');
  }
  if (header['alg'] !== 'RS256') return malformed('its algorithm is not RS256');
  if (Object.keys(header).some((member) => !HEADER_MEMBERS.has(member))) {
    return malformed('its header has members that tokens of this server never have');
  }
  const { kid } = header;
  return typeof kid === 'string' ? { kid } : malformed('its header names no key');
}

/** No key of ours signed it. Its issuer is unproven, but tells its holder from where the token is. */
function foreign(token: string, domain: string, kid: string): TokenRefusal {
  let claims: Record<string, unknown> = {};
  try {
    claims = decodeJwt(token);
  } catch {
    return malformed('its claims cannot be decoded');
  }
  const { iss, tid } = claims;
  const expected = tokenIssuer(domain, typeof tid === 'string' && isUuid(tid) ? tid : '{tenant}');
  if (typeof iss === 'string' && iss !== expected) return wrongIssuer(tokenIssuer(domain, '{tenant}'), iss);
  return wrongSignature(kid);
}

function readClaims(payload: Record<string, unknown>, domain: string, kid: string): TokenClaims | null {
  const { aud, iss, tid, oid, appid, appidacr, uti, exp, nbf, scp, xms_mirid: mirid } = payload;
  const credential = payload[CREDENTIAL_CLAIM];
  if (typeof aud !== 'string' || typeof iss !== 'string' || typeof uti !== 'string') return null;
  if (typeof tid !== 'string' || typeof oid !== 'string' || typeof appid !== 'string') return null;
  if (typeof exp !== 'number' || typeof nbf !== 'number') return null;
  return {
    kid,
    audience: aud,
    plane: readResource(aud, domain)?.plane ?? null,
    issuer: iss,
    tenantId: tid,
    oid,
    appId: appid,
    appIdAcr: typeof appidacr === 'string' ? appidacr : '0',
    scopes: typeof scp === 'string' ? scp : null,
    managedIdentity: typeof mirid === 'string' ? mirid : null,
    tokenId: uti,
    credential: typeof credential === 'string' ? credential : null,
    starts: nbf * 1000,
    expires: exp * 1000,
  };
}

/** A token that no key of ours signed, or one that is no key of ours any more. */
export function wrongSignature(kid: string): TokenRefusal {
  return { refusal: 'token-signature', facts: { kid: shown(kid) } };
}

/** A token that cannot be read. */
export function malformed(reason: string): TokenRefusal {
  return { refusal: 'token-malformed', facts: { reason } };
}

function wrongIssuer(expected: string, issuer: string): TokenRefusal {
  return { refusal: 'token-issuer', facts: { expected, issuer: shown(issuer) } };
}

/** Text of a token that may be told: cut, and without what is not printable ASCII. */
export function shown(text: string): string {
  return text.slice(0, MAX_SHOWN).replace(/[^\x20-\x7e]/g, '?');
}
