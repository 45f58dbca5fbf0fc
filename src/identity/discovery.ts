import { tokenIssuer } from './audiences.ts';

/** Where a tenant's endpoints are: the origin the caller used, and the path before `/oauth2` as it was asked for. */
export interface Authority {
  readonly origin: string;
  /** `/{tenant}`, `/adfs/aad/{tenant}` or `/adfs`. */
  readonly base: string;
  readonly tenantId: string;
  readonly domain: string;
}

/**
 * The OpenID Provider metadata (OpenID Connect Discovery 1.0 §3) of one authority. The issuer of version 2 has the
 * authority's origin, since MSAL compares the two; the one of version 1 is what access tokens carry.
 */
export function providerMetadata(authority: Authority, version: 1 | 2): Readonly<Record<string, unknown>> {
  const { origin, tenantId, domain } = authority;
  const base = origin + authority.base;
  const oauth = version === 2 ? `${base}/oauth2/v2.0` : `${base}/oauth2`;
  return {
    issuer: version === 2 ? `${origin}/${tenantId}/v2.0` : tokenIssuer(domain, tenantId),
    authorization_endpoint: `${oauth}/authorize`,
    token_endpoint: `${oauth}/token`,
    device_authorization_endpoint: `${oauth}/devicecode`,
    jwks_uri: version === 2 ? `${base}/discovery/v2.0/keys` : `${base}/discovery/keys`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256'],
    grant_types_supported: [
      'client_credentials',
      'password',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
    // There is no sign-in by redirection yet. Clients want the endpoint named all the same; it says so.
    response_types_supported: [],
    response_modes_supported: [],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    claims_supported: [
      ...['aud', 'iss', 'iat', 'nbf', 'exp', 'appid', 'appidacr', 'idp', 'oid', 'sub', 'tid', 'uti', 'ver'],
      ...['name', 'preferred_username', 'unique_name', 'upn'],
    ],
    tenant_region_scope: null,
    cloud_instance_name: `login.${domain}`,
    msgraph_host: `graph.${domain}`,
  };
}

/** The answer to instance discovery (MSAL asks it of hosts it does not know): this host is its own and only name. */
export function instanceMetadata(origin: string, tenantSegment: string): Readonly<Record<string, unknown>> {
  const host = origin.replace(/^https?:\/\//, '');
  return {
    tenant_discovery_endpoint: `${origin}/${tenantSegment}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

/** The answer to home realm discovery: everybody signs in here, whoever they are, and nobody is told who is known. */
export function userRealm(domain: string): Readonly<Record<string, unknown>> {
  return {
    ver: '1.0',
    account_type: 'Managed',
    domain_name: domain,
    cloud_instance_name: `login.${domain}`,
    cloud_audience_urn: 'urn:federation:MicrosoftOnline',
  };
}
