import { hash } from 'node:crypto';
import { decodeProtectedHeader } from 'jose/decode/protected_header';
import type { LocalJWKSet } from 'jose/jwks/local';
import { compactVerify } from 'jose/jws/compact/verify';
import { decodeJwt } from 'jose/jwt/decode';
import { toIso } from '../base/text.ts';
import type { Store } from '../store/store.ts';
import { shown, type TokenRefusal } from './access-token.ts';
import type { TokenPlane } from './audiences.ts';
import type { BearerTerms } from './bearer-terms.ts';
import type { Authentication } from './caller.ts';
import { credentialsOfSubject } from './federated-credentials.ts';
import { type OutsideClaims, readOutsideClaims, readOutsideHeader } from './outside-claims.ts';
import { IssuerKeysFault, type OutsideIssuers } from './outside-issuers.ts';
import { callerOfPrincipal, type TokenProof } from './proof.ts';
import { type PrincipalRow, principalByAppId, principalById } from './repository.ts';
import type { TrustedIssuer } from './trusted-issuers.ts';

/** What tokens of outside issuers are verified with. */
export interface OutsideTokenParts {
  readonly store: Store;
  readonly issuers: OutsideIssuers;
}

/** An issuer whose tokens are bearer tokens here. */
type BearerIssuer = TrustedIssuer & { readonly bearer: BearerTerms };

/**
 * The trusted issuer that a token names, yet unproven, where its tokens are bearer tokens here; null for every other token,
 * which can only be one of our own.
 */
export function bearerIssuerOf(issuers: OutsideIssuers, token: string): BearerIssuer | null {
  try {
    const { iss } = decodeJwt(token);
    const issuer = typeof iss === 'string' ? issuers.find(iss) : null;
    return issuer?.bearer ? (issuer as BearerIssuer) : null;
  } catch {
    return null;
  }
}

/**
 * Verifies a token of an outside issuer: signed by the key of that issuer which its header names, with an algorithm that the
 * operator lets it use, by the rules of `readOutsideHeader` and `readOutsideClaims`. Nothing in the token leads to an
 * address.
 * @param tenant the tenant of what is called: principals of that one alone can stand for the subject
 */
export async function proveOutsideToken(
  parts: OutsideTokenParts,
  issuer: BearerIssuer,
  token: string,
  tenant: string,
): Promise<TokenProof | TokenRefusal> {
  const header = readOutsideHeader(decodeHeader(token), issuer);
  if ('refusal' in header) return header;
  const { kid } = header;
  let keys: LocalJWKSet;
  try {
    keys = await parts.issuers.keysOf(issuer, kid);
  } catch (error) {
    if (!(error instanceof IssuerKeysFault)) throw error;
    return { refusal: 'outside-keys-unavailable', facts: { issuer: issuer.issuer, reason: error.message } };
  }
  const payload = await verified(token, keys, issuer);
  if (!payload) return { refusal: 'outside-token-signature', facts: { issuer: issuer.issuer, kid: shown(kid) } };
  const jwk = keys.jwks().keys.find((key) => key.kid === kid) as { readonly issuer?: unknown } | undefined;
  const claims = readOutsideClaims(payload, issuer, jwk?.issuer);
  if ('refusal' in claims) return claims;
  const tokenId = claims.jti ?? hash('sha256', token, 'base64url').slice(0, 22);
  return new OutsideToken(parts, issuer, keys, { ...claims, tokenId }, tenant);
}

function decodeHeader(token: string): Readonly<Record<string, unknown>> {
  try {
    return decodeProtectedHeader(token) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

/** The claims, where a key of the issuer that the header names has signed them. */
async function verified(
  token: string,
  keys: LocalJWKSet,
  { algorithms }: TrustedIssuer,
): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const { payload } = await compactVerify(token, keys, { algorithms: [...algorithms] });
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    return typeof claims === 'object' && claims !== null ? (claims as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

/** Believed as long as the keys that proved it are those of the issuer, an hour at most before they are loaded again. */
class OutsideToken implements TokenProof {
  readonly #parts: OutsideTokenParts;
  readonly #issuer: BearerIssuer;
  readonly #keys: LocalJWKSet;
  readonly #claims: OutsideClaims & { readonly tokenId: string };
  readonly #tenant: string;

  constructor(
    parts: OutsideTokenParts,
    issuer: BearerIssuer,
    keys: LocalJWKSet,
    claims: OutsideClaims & { readonly tokenId: string },
    tenant: string,
  ) {
    this.#parts = parts;
    this.#issuer = issuer;
    this.#keys = keys;
    this.#claims = claims;
    this.#tenant = tenant;
  }

  isProven(now: number): boolean {
    return this.#parts.issuers.areCurrent(this.#issuer, this.#keys, now);
  }

  judge(plane: TokenPlane, tenant: string, now: number): TokenRefusal | null {
    const { issuer, bearer } = this.#issuer;
    const { audience, starts, expires } = this.#claims;
    if (tenant !== this.#tenant || !bearer.audiences[plane]?.includes(audience)) {
      const expected = bearer.audiences[plane] ?? [];
      return { refusal: 'outside-token-audience', facts: { issuer, audience: shown(audience), plane, expected } };
    }
    const skew = bearer.clockSkewSeconds * 1000;
    if (now >= expires + skew) return this.#mistimed(`it expired at ${toIso(expires)}`, now);
    if (now + skew < starts) return this.#mistimed(`it starts at ${toIso(starts)}`, now);
    return null;
  }

  async callerUnder(): Promise<Authentication> {
    const { issuer, bearer } = this.#issuer;
    const { subject, expires, tokenId } = this.#claims;
    const principal = await this.#principal();
    if (typeof principal === 'string') {
      return { refusal: 'outside-subject-unknown', facts: { issuer, subject: shown(subject), reason: principal } };
    }
    const { id: oid, app_id: appId } = principal;
    if (principal.enabled !== 1) return { refusal: 'principal-disabled', facts: { oid, appid: appId ?? '' } };
    const says = {
      appId: appId ?? '',
      appIdAcr: '2',
      issuer,
      managedIdentity: null,
      scopes: null,
      expires: expires + bearer.clockSkewSeconds * 1000,
      tokenId: shown(tokenId),
      outsideSubject: shown(subject),
    };
    return { caller: await callerOfPrincipal(this.#parts.store.reader, principal, says) };
  }

  #mistimed(reason: string, now: number): TokenRefusal {
    return { refusal: 'outside-token-time', facts: { issuer: this.#issuer.issuer, reason, now: toIso(now) } };
  }

  /** The principal that stands for the subject, or why there is none. */
  async #principal(): Promise<PrincipalRow | string> {
    const { reader } = this.#parts.store;
    const { bearer } = this.#issuer;
    const { subject } = this.#claims;
    const objectId = bearer.principals.get(subject);
    const appId = objectId === undefined && bearer.federatedCredentials ? await this.#application() : null;
    if (appId !== null && typeof appId === 'object') return appId.reason;
    const principal =
      objectId !== undefined
        ? await principalById.first(reader, { id: objectId })
        : appId && (await principalByAppId.first(reader, { appId }));
    if (!principal) return objectId ? `there is no principal ${objectId}` : 'nothing maps it to a principal';
    const isOne = principal.kind === 'User' || principal.kind === 'ServicePrincipal';
    if (!isOne || principal.tenant_id !== this.#tenant) return `${principal.id} is no person or service principal here`;
    return principal;
  }

  /** The application whose federated credential names the subject; null where none does. */
  async #application(): Promise<string | null | { readonly reason: string }> {
    const { issuer } = this.#issuer;
    const { subject, audience } = this.#claims;
    const [found, other] = await credentialsOfSubject(this.#parts.store.reader, { issuer, subject });
    if (!found) return null;
    // Whoever may add a credential to one application must not come to another's by it.
    if (other)
      return { reason: `the applications ${found.appId} and ${other.appId} both have a federated credential for it` };
    if (found.audiences.includes(audience)) return found.appId;
    return { reason: `the federated credential of ${found.appId} has the audience ${found.audiences.join(', ')}` };
  }
}
