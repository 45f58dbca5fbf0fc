import { toBase64Url } from '../base/text.ts';
import type { Answer } from '../operations/operation.ts';
import { readResource, tokenIssuer } from './audiences.ts';
import { personMark } from './credential-mark.ts';
import type { IdentityParts } from './parts.ts';
import type { PersonOrder } from './person-request.ts';
import type { PersonClient } from './public-clients.ts';
import type { PrincipalRow } from './repository.ts';
import { issueAccessToken, issueIdToken, TOKEN_SECONDS } from './tokens.ts';

/** Whom tokens are for, through which client, resting on what. */
export interface PersonGrant {
  readonly principal: PrincipalRow;
  readonly client: PersonClient;
  /** The version of the password. */
  readonly proof: string;
  /** The refresh token to give and its family; null where none is asked for. */
  readonly refresh: { readonly family: string; readonly text: string } | null;
  /** The issuer of id tokens of version 2. */
  readonly issuer: string;
  readonly address: string;
  readonly now: number;
}

/** Signs what a person's client gets and makes the answer of it; nothing is kept by that. */
export async function answerPerson(parts: IdentityParts, grant: PersonGrant, order: PersonOrder): Promise<Answer> {
  const { principal, client, refresh, now } = grant;
  const { id: oid, display_name: displayName } = principal;
  const upn = principal.upn ?? '';
  const scopes = scopesOf(order.resource, parts.domain);
  const access = await issueAccessToken(parts, {
    resource: order.resource,
    oid,
    appId: client.clientId,
    appIdAcr: client.acr,
    lifetimeSeconds: TOKEN_SECONDS,
    credential: { mark: personMark({ oid, proof: grant.proof, family: refresh?.family ?? null }), expires: null },
    person: { upn, displayName, scopes, address: grant.address },
    now,
  });
  const { version } = order;
  const issuer = version === 2 ? grant.issuer : tokenIssuer(parts.domain, parts.tenantId);
  const idToken = order.wantsIdToken
    ? await issueIdToken(parts, { clientId: client.clientId, issuer, version, oid, upn, displayName, now })
    : null;
  const seconds = access.expires - access.notBefore;
  return {
    status: 200,
    body: {
      token_type: 'Bearer',
      scope: order.scope === '' ? scopes : order.scope,
      expires_in: seconds,
      ext_expires_in: seconds,
      ...(version === 1 && {
        expires_on: String(access.expires),
        not_before: String(access.notBefore),
        resource: order.resource,
      }),
      access_token: access.token,
      ...(refresh && { refresh_token: refresh.text }),
      ...(idToken && { id_token: idToken }),
      ...(order.wantsClientInfo && { client_info: clientInfo(oid, parts.tenantId) }),
    },
    headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
    audit: { oid, tokenId: access.id, ...(refresh && { family: refresh.family }) },
  };
}

/** All that an application may do for a person, by the name that each plane has for it. */
function scopesOf(resource: string, domain: string): string {
  return readResource(resource, domain)?.plane === 'graph' ? 'Directory.AccessAsUser.All' : 'user_impersonation';
}

function clientInfo(oid: string, tenantId: string): string {
  return toBase64Url(Buffer.from(JSON.stringify({ uid: oid, utid: tenantId })));
}
