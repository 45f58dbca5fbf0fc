import { SignJWT } from 'jose/jwt/sign';
import type { Random } from '../base/ports.ts';
import { toBase64Url, toSeconds } from '../base/text.ts';
import { tokenIssuer } from './audiences.ts';
import type { ProvingCredential } from './credential-mark.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Seconds that an application's token lives. */
export const TOKEN_SECONDS = 3599;
/** Seconds that a managed identity's token lives, as on the service. */
export const IDENTITY_TOKEN_SECONDS = 86_399;

/** The claim that names the credential a token was got by; Entra's tokens have none like it. */
export const CREDENTIAL_CLAIM = 'strongroom_credential';

/** What a token is to say. */
export interface TokenOrder {
  /** The audience, exactly as it was asked for. */
  readonly resource: string;
  readonly oid: string;
  readonly appId: string;
  /** How the client proved itself: `0` not at all, being public; `1` secret, `2` certificate or managed identity. */
  readonly appIdAcr: '0' | '1' | '2';
  readonly lifetimeSeconds: number;
  /** The credential it was got by: the token ends at latest with it. */
  readonly credential?: ProvingCredential;
  /** Resource id of the managed identity, where it is one. */
  readonly managedIdentity?: string;
  /** The person it is for; without one it is the application's own. */
  readonly person?: TokenPerson;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** What a token says of a person. */
export interface TokenPerson {
  readonly upn: string;
  readonly displayName: string;
  /** What the application may do for the person. */
  readonly scopes: string;
  readonly address: string;
}

/** What tokens are made with. */
export interface TokenParts {
  readonly signingKeys: SigningKeys;
  readonly random: Random;
  readonly domain: string;
  readonly tenantId: string;
}

/** An access token and what is told beside it; times in whole seconds since the Unix epoch. */
export interface IssuedToken {
  readonly token: string;
  /** Its `uti`, for the audit log. */
  readonly id: string;
  readonly notBefore: number;
  readonly expires: number;
}

/** Issues an access token with the claims of Entra's version 1 (Microsoft identity platform, "Access token claims"). */
export async function issueAccessToken(parts: TokenParts, order: TokenOrder): Promise<IssuedToken> {
  const issuer = tokenIssuer(parts.domain, parts.tenantId);
  const notBefore = toSeconds(order.now);
  const { credential } = order;
  const expires = Math.min(
    notBefore + order.lifetimeSeconds,
    credential?.expires ? toSeconds(credential.expires) : Number.POSITIVE_INFINITY,
  );
  const id = toBase64Url(parts.random.bytes(16));
  const token = await sign(parts, order.now, {
    aud: order.resource,
    iss: issuer,
    iat: notBefore,
    nbf: notBefore,
    exp: expires,
    appid: order.appId,
    appidacr: order.appIdAcr,
    idp: issuer,
    idtyp: order.person ? 'user' : 'app',
    oid: order.oid,
    sub: order.oid,
    tid: parts.tenantId,
    uti: id,
    ver: '1.0',
    ...(credential && { [CREDENTIAL_CLAIM]: credential.mark }),
    ...(order.managedIdentity === undefined ? {} : { xms_mirid: order.managedIdentity }),
    ...(order.person && personClaims(order.person)),
  });
  return { token, id, notBefore, expires };
}

/** What an id token is to say of the sign-in of a person. */
export interface IdTokenOrder {
  readonly clientId: string;
  readonly issuer: string;
  readonly version: 1 | 2;
  readonly oid: string;
  readonly upn: string;
  readonly displayName: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Issues an id token (OpenID Connect Core 1.0 §2) with the claims of Entra's version 1 or 2. */
export function issueIdToken(parts: TokenParts, order: IdTokenOrder): Promise<string> {
  const notBefore = toSeconds(order.now);
  return sign(parts, order.now, {
    aud: order.clientId,
    iss: order.issuer,
    iat: notBefore,
    nbf: notBefore,
    exp: notBefore + TOKEN_SECONDS,
    name: order.displayName,
    oid: order.oid,
    sub: order.oid,
    tid: parts.tenantId,
    uti: toBase64Url(parts.random.bytes(16)),
    ...(order.version === 2
      ? { preferred_username: order.upn, ver: '2.0' }
      : { amr: ['pwd'], unique_name: order.upn, upn: order.upn, ver: '1.0' }),
  });
}

function personClaims({ upn, displayName, scopes, address }: TokenPerson): Readonly<Record<string, unknown>> {
  return { acr: '1', amr: ['pwd'], ipaddr: address, name: displayName, scp: scopes, unique_name: upn, upn };
}

async function sign(
  { signingKeys }: TokenParts,
  now: number,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const signer = (await signingKeys.current()).signerAt(now);
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: signer.kid, x5t: signer.kid })
    .sign(signer.privateKey);
}
