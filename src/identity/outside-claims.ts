import { shown, type TokenRefusal } from './access-token.ts';
import type { BearerTerms } from './bearer-terms.ts';
import { entraTenantOf, type TrustedIssuer } from './trusted-issuers.ts';

/** What an outside issuer's token says, by claims whose form was checked; instants in milliseconds since the Unix epoch. */
export interface OutsideClaims {
  readonly subject: string;
  readonly audience: string;
  readonly starts: number;
  readonly expires: number;
  readonly jti: string | null;
}

type BearerIssuer = Pick<TrustedIssuer, 'issuer' | 'algorithms'> & { readonly bearer: BearerTerms };
type Members = Readonly<Record<string, unknown>>;

const MAX_SUBJECT = 600;
const HEADER_MEMBERS = ['typ', 'alg', 'kid', 'x5t', 'x5t#S256'];
/** RFC 9068 §2.1 for access tokens; most issuers write the general type, or none. */
const TYPES = ['jwt', 'at+jwt', 'application/at+jwt'];
/** OpenID Connect Core §2 and §3.3.2.11: what only a token for a client that signs somebody in has. */
const IDENTITY_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash'];

/**
 * The key id of a token's header. Refused: algorithms that the operator does not let the issuer use, members that bring or
 * name keys or change what is signed (`jwk`, `jku`, `x5c`, `x5u`, `crit`, `b64`, `zip`), and types that are no access token's.
 */
export function readOutsideHeader(header: Members, issuer: BearerIssuer): { readonly kid: string } | TokenRefusal {
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !issuer.algorithms.includes(alg)) {
    return malformed(issuer, `its algorithm is not one of ${issuer.algorithms.join(', ')}`);
  }
  const extra = Object.keys(header).find((member) => !HEADER_MEMBERS.includes(member));
  if (extra !== undefined) return malformed(issuer, `its header has the member ${shown(extra)}`);
  if (typ !== undefined && (typeof typ !== 'string' || !TYPES.includes(typ.toLowerCase()))) {
    return malformed(issuer, 'its type is not that of an access token');
  }
  return typeof kid === 'string' && kid !== '' ? { kid } : malformed(issuer, 'its header names no key (kid)');
}

/**
 * The claims of a token whose signature was verified. Refused: another issuer, more than one audience, no subject, no times or a
 * life longer than the terms allow, tokens bound to a key (RFC 7800), identity tokens, and, of the real Entra ID, whose
 * authorities share hosts and keys, another tenant than the issuer's.
 * @param keyIssuer the member `issuer` of the key that signed, by which Entra ID says for which tenants it is good
 */
export function readOutsideClaims(
  claims: Members,
  issuer: BearerIssuer,
  keyIssuer: unknown,
): OutsideClaims | TokenRefusal {
  const { iss, aud, exp, iat, nbf, jti } = claims;
  const subject = claims[issuer.bearer.subjectClaim];
  if (iss !== issuer.issuer) return malformed(issuer, 'its issuer is another one');
  const audience = Array.isArray(aud) ? (aud.length === 1 ? (aud[0] as unknown) : null) : aud;
  // A token that is also meant for somebody else could be brought by that somebody.
  if (typeof audience !== 'string' || audience === '') return malformed(issuer, 'it needs exactly one audience (aud)');
  if (!isSubject(subject)) {
    return malformed(issuer, `it needs a subject (${issuer.bearer.subjectClaim}) of 1 to ${MAX_SUBJECT} characters`);
  }
  if (!isInstant(exp) || !isInstant(iat) || !(nbf === undefined || isInstant(nbf))) {
    return malformed(issuer, 'it needs the times iat and exp');
  }
  if (exp - iat > issuer.bearer.maxLifetimeSeconds) {
    return malformed(issuer, `it lives longer than ${issuer.bearer.maxLifetimeSeconds} seconds`);
  }
  const reason = wrongKind(claims) ?? wrongTenant(claims, issuer.issuer, keyIssuer);
  if (reason) return malformed(issuer, reason);
  const starts = Math.max(iat, nbf ?? iat) * 1000;
  return { subject, audience, starts, expires: exp * 1000, jti: typeof jti === 'string' && jti !== '' ? jti : null };
}

function wrongKind(claims: Members): string | null {
  if (claims['cnf'] !== undefined) return 'it is bound to a key (cnf), of which a bearer proves nothing';
  // Keycloak tells its kinds of tokens apart by this claim.
  const { typ } = claims;
  const isIdentity = IDENTITY_CLAIMS.some((name) => claims[name] !== undefined);
  return isIdentity || (typ !== undefined && typ !== 'Bearer') ? 'it is no access token' : null;
}

function wrongTenant(claims: Members, issuer: string, keyIssuer: unknown): string | null {
  const tenant = entraTenantOf(issuer);
  if (tenant === null) return null;
  const { tid } = claims;
  if (typeof tid !== 'string' || tid.toLowerCase() !== tenant) return 'its tenant (tid) is not that of the issuer';
  const ofKey =
    typeof keyIssuer === 'string' ? /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/i.exec(keyIssuer)?.[0] : null;
  return ofKey && ofKey.toLowerCase() !== tenant ? 'its key is good for another tenant' : null;
}

/** A text that every store can hold, and that looks like nothing else in a log. */
function isSubject(value: unknown): value is string {
  const isText = typeof value === 'string' && value !== '' && value.length <= MAX_SUBJECT;
  return isText && value.isWellFormed() && !/\p{Cc}/u.test(value);
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e11;
}

function malformed({ issuer }: BearerIssuer, reason: string): TokenRefusal {
  return { refusal: 'outside-token-malformed', facts: { issuer, reason } };
}
