import { toIso } from '../base/text.ts';
import type { Store } from '../store/store.ts';
import { shown, type TokenClaims, type TokenRefusal, verifyAccessToken, wrongSignature } from './access-token.ts';
import { type TokenPlane, tokenIssuer } from './audiences.ts';
import type { Authentication } from './caller.ts';
import { isHostMark, stillStands } from './credential-mark.ts';
import type { FindHost } from './identity-host.ts';
import { callerOfPrincipal, type TokenProof } from './proof.ts';
import { principalById } from './repository.ts';
import type { SigningKeys } from './signing-keys.ts';

const NOT_BEFORE_LEEWAY_MS = 300_000;

/** What our own tokens are verified with. */
export interface OwnTokenParts {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly domain: string;
  readonly findHost: FindHost;
}

/** Verifies a token of our own, with the keys as of a generation of the store that was read before. */
export async function proveOwnToken(
  parts: OwnTokenParts,
  token: string,
  generation: number,
): Promise<TokenProof | TokenRefusal> {
  const claims = await verifyAccessToken(await parts.keys.under(generation), parts.domain, token);
  return 'refusal' in claims ? claims : new OwnToken(parts, claims);
}

/** The signature stays true; the key, the principal and the credential are asked again under each generation. */
class OwnToken implements TokenProof {
  readonly #parts: OwnTokenParts;
  readonly #claims: TokenClaims;

  constructor(parts: OwnTokenParts, claims: TokenClaims) {
    this.#parts = parts;
    this.#claims = claims;
  }

  isProven(): boolean {
    return true;
  }

  judge(plane: TokenPlane, tenant: string, now: number): TokenRefusal | null {
    const claims = this.#claims;
    if (claims.tenantId !== tenant) {
      const expected = tokenIssuer(this.#parts.domain, tenant);
      const facts = { expected, issuer: claims.issuer, found: shown(claims.tenantId), tenant };
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

  async callerUnder(generation: number): Promise<Authentication> {
    const { store, keys, findHost } = this.#parts;
    const { kid, oid, tenantId, appId, credential, ...claims } = this.#claims;
    if (!(await keys.under(generation)).find(kid)) return wrongSignature(kid);
    const principal = await principalById.first(store.reader, { id: oid });
    // The application is compared too: a service principal made anew for another application is another principal.
    const isSame =
      principal?.tenant_id === tenantId && (principal.kind !== 'ServicePrincipal' || principal.app_id === appId);
    if (!principal || !isSame) return { refusal: 'principal-unknown', facts: { oid, appid: appId } };
    if (principal.enabled !== 1) return { refusal: 'principal-disabled', facts: { oid, appid: appId } };
    if (credential !== null && !(await stillStands(store.reader, findHost, appId, credential))) {
      return isHostMark(credential)
        ? { refusal: 'token-host-removed', facts: { oid, appid: appId, host: credential.split('#')[0]! } }
        : { refusal: 'token-credential-removed', facts: { oid, appid: appId } };
    }
    const { appIdAcr, issuer, managedIdentity, scopes, expires, tokenId } = claims;
    const says = { appId, appIdAcr, issuer, managedIdentity, scopes, expires, tokenId };
    return { caller: await callerOfPrincipal(store.reader, principal, says) };
  }
}
