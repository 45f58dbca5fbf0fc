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
  /** How the client proved itself: `1` secret, `2` certificate or managed identity. */
  readonly appIdAcr: '1' | '2';
  readonly lifetimeSeconds: number;
  /** The credential it was got by: the token ends at latest with it. */
  readonly credential?: ProvingCredential;
  /** Resource id of the managed identity, where it is one. */
  readonly managedIdentity?: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** An access token and what is told beside it; times in whole seconds since the Unix epoch. */
export interface IssuedToken {
  readonly token: string;
  /** Its `uti`, for the audit log. */
  readonly id: string;
  readonly notBefore: number;
  readonly expires: number;
}

/**
 * Issues an application's access token with the claims of Entra's version 1 (Microsoft identity platform, "Access token
 * claims").
 */
export async function issueAccessToken(
  parts: {
    readonly signingKeys: SigningKeys;
    readonly random: Random;
    readonly domain: string;
    readonly tenantId: string;
  },
  order: TokenOrder,
): Promise<IssuedToken> {
  const signer = (await parts.signingKeys.current()).signerAt(order.now);
  const issuer = tokenIssuer(parts.domain, parts.tenantId);
  const notBefore = toSeconds(order.now);
  const { credential } = order;
  const expires = Math.min(
    notBefore + order.lifetimeSeconds,
    credential?.expires ? toSeconds(credential.expires) : Number.POSITIVE_INFINITY,
  );
  const id = toBase64Url(parts.random.bytes(16));
  const token = await new SignJWT({
    aud: order.resource,
    iss: issuer,
    iat: notBefore,
    nbf: notBefore,
    exp: expires,
    appid: order.appId,
    appidacr: order.appIdAcr,
    idp: issuer,
    idtyp: 'app',
    oid: order.oid,
    sub: order.oid,
    tid: parts.tenantId,
    uti: id,
    ver: '1.0',
    ...(credential && { [CREDENTIAL_CLAIM]: credential.mark }),
    ...(order.managedIdentity === undefined ? {} : { xms_mirid: order.managedIdentity }),
  })
    .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: signer.kid, x5t: signer.kid })
    .sign(signer.privateKey);
  return { token, id, notBefore, expires };
}
