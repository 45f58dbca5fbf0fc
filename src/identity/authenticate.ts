import { hash } from 'node:crypto';
import { fromBase64Url, toIso } from '../base/text.ts';
import type { Store } from '../store/store.ts';
import {
  malformed,
  shown,
  type TokenClaims,
  type TokenRefusal,
  verifyAccessToken,
  wrongSignature,
} from './access-token.ts';
import { type TokenPlane, tokenIssuer } from './audiences.ts';
import type { Authentication, Caller } from './caller.ts';
import { isHostMark, stillStands } from './credential-mark.ts';
import type { FindHost } from './identity-host.ts';
import { groupsOf, principalById } from './repository.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Reads Authorization headers. */
export interface Authenticator {
  /**
   * Who calls, or why that is not believed. At once, without a promise and without reading the store, where the token
   * was verified before and nothing has changed since (SQLite).
   * @param expectedTenant the tenant of what is called
   * @param now milliseconds since the Unix epoch
   */
  authenticate(
    header: string | undefined,
    plane: TokenPlane,
    expectedTenant: string,
    now: number,
  ): Authentication | Promise<Authentication>;
}

/** What an authenticator is made of. */
export interface AuthenticatorParts {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly domain: string;
  readonly findHost: FindHost;
}

interface Entry {
  readonly claims: TokenClaims;
  /** The store's generation under which the principal was read. */
  generation: number;
  accepted: { readonly caller: Caller };
}

const MAX_TOKEN_LENGTH = 16 * 1024;
const MAX_CACHED = 10_000;
const NOT_BEFORE_LEEWAY_MS = 300_000;

/**
 * Makes an authenticator. Verified tokens are remembered by SHA-256 digest, never by their text, up to 10,000, the
 * oldest going first; a token that failed is not remembered. What is remembered is the proof, which stays true; times,
 * audience and tenant are judged on each request, and the key and the principal again whenever the store's generation has
 * moved, so that revoking a key, disabling or deleting a principal takes effect with the next request.
 */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  return new TokenAuthenticator(parts);
}

class TokenAuthenticator implements Authenticator {
  readonly #parts: AuthenticatorParts;
  readonly #known = new Map<string, Entry>();

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
  }

  authenticate(
    header: string | undefined,
    plane: TokenPlane,
    expectedTenant: string,
    now: number,
  ): Authentication | Promise<Authentication> {
    if (!header) return { refusal: 'token-missing', facts: {} };
    if (header.length > MAX_TOKEN_LENGTH) return readToken(header) as TokenRefusal;
    const digest = hash('sha256', header, 'binary');
    const entry = this.#known.get(digest);
    if (!entry) {
      const token = readToken(header);
      return typeof token === 'string' ? this.#verify(token, digest, plane, expectedTenant, now) : token;
    }
    const refusal = judgeClaims(entry.claims, this.#parts.domain, plane, expectedTenant, now);
    if (refusal) {
      if (refusal.refusal === 'token-expired') this.#known.delete(digest);
      return refusal;
    }
    const generation = this.#parts.store.generation();
    return typeof generation === 'number'
      ? this.#admit(entry, generation)
      : generation.then((value) => this.#admit(entry, value));
  }

  async #verify(
    token: string,
    digest: string,
    plane: TokenPlane,
    tenant: string,
    now: number,
  ): Promise<Authentication> {
    const { store, keys, domain } = this.#parts;
    // Read before keys and principal: a change in between makes the entry old, never wrongly new.
    const generation = await store.generation();
    const claims = await verifyAccessToken(await keys.under(generation), domain, token);
    if ('refusal' in claims) return claims;
    const refusal = judgeClaims(claims, domain, plane, tenant, now);
    if (refusal) return refusal;
    const result = await readCaller(this.#parts, claims);
    if ('refusal' in result) return result;
    if (this.#known.size >= MAX_CACHED) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(digest, { claims, generation, accepted: result });
    return result;
  }

  #admit(entry: Entry, generation: number): Authentication | Promise<Authentication> {
    return entry.generation === generation ? entry.accepted : this.#admitAgain(entry, generation);
  }

  async #admitAgain(entry: Entry, generation: number): Promise<Authentication> {
    const { claims } = entry;
    const keys = await this.#parts.keys.under(generation);
    if (!keys.find(claims.kid)) return wrongSignature(claims.kid);
    const result = await readCaller(this.#parts, claims);
    if ('refusal' in result) return result;
    entry.generation = generation;
    entry.accepted = result;
    return result;
  }
}

/** The one token of a header `Bearer <JWS compact>` (RFC 6750 §2.1), the scheme in any case. */
function readToken(header: string): string | TokenRefusal {
  // Of another scheme, or of a token without one, nothing may be shown.
  if (!/^bearer +/i.test(header)) return { refusal: 'token-missing', facts: {} };
  if (header.length > MAX_TOKEN_LENGTH) return malformed(`it is longer than ${MAX_TOKEN_LENGTH} characters`);
  const match = /^bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header);
  if (!match) return malformed('it is not one JWT of three parts');
  // RFC 4648 §3.5: bits that mean nothing are zero, so that a token has one spelling.
  const isCanonical = match[1]!.split('.').every((part) => fromBase64Url(part) !== null);
  return isCanonical ? match[1]! : malformed('its base64url is not in the one form that it has');
}

/** What does not hold of a verified token here and now, or null. */
function judgeClaims(
  claims: TokenClaims,
  domain: string,
  plane: TokenPlane,
  tenant: string,
  now: number,
): TokenRefusal | null {
  if (claims.tenantId !== tenant) {
    const facts = {
      expected: tokenIssuer(domain, tenant),
      issuer: claims.issuer,
      found: shown(claims.tenantId),
      tenant,
    };
    return { refusal: 'token-tenant', facts };
  }
  if (claims.plane !== plane) return { refusal: 'token-audience', facts: { audience: shown(claims.audience) } };
  // RFC 7519 §4.1.4: on or after the expiration time the token must not be accepted; ours has no grace.
  if (now >= claims.expires) {
    return { refusal: 'token-expired', facts: { expired: toIso(claims.expires), now: toIso(now) } };
  }
  if (now + NOT_BEFORE_LEEWAY_MS < claims.starts) {
    return { refusal: 'token-not-yet-valid', facts: { starts: toIso(claims.starts), now: toIso(now) } };
  }
  return null;
}

async function readCaller(
  { store, findHost }: AuthenticatorParts,
  claims: TokenClaims,
): Promise<{ readonly caller: Caller } | TokenRefusal> {
  const principal = await principalById.first(store.reader, { id: claims.oid });
  const { oid, tenantId, appId } = claims;
  // The application is compared too: a service principal made anew for another application is another principal.
  const isSame =
    principal?.tenant_id === tenantId && (principal.kind !== 'ServicePrincipal' || principal.app_id === appId);
  if (!principal || !isSame) return { refusal: 'principal-unknown', facts: { oid, appid: appId } };
  if (principal.enabled !== 1) return { refusal: 'principal-disabled', facts: { oid, appid: appId } };
  const { credential } = claims;
  if (credential !== null && !(await stillStands(store.reader, findHost, appId, credential))) {
    return isHostMark(credential)
      ? { refusal: 'token-host-removed', facts: { oid, appid: appId, host: credential.split('#')[0]! } }
      : { refusal: 'token-credential-removed', facts: { oid, appid: appId } };
  }
  const caller: Caller = {
    oid,
    tenantId,
    kind: principal.kind === 'User' ? 'User' : 'ServicePrincipal',
    appId,
    appIdAcr: claims.appIdAcr,
    displayName: principal.display_name,
    issuer: claims.issuer,
    upn: principal.upn,
    managedIdentity: claims.managedIdentity,
    scopes: claims.scopes,
    principalIds: [oid, ...(await groupsOf(store.reader, oid))],
    directoryRole: principal.directory_role,
    expires: claims.expires,
    tokenId: claims.tokenId,
  };
  return { caller };
}
