import type { Answer, Call, Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { Refusal } from '../refusals/refusal.ts';
import { keepUse } from './client-assertion.ts';
import { type AuthenticatedClient, authenticateClient } from './client-authentication.ts';
import { type Authority, instanceMetadata, providerMetadata } from './discovery.ts';
import { type IdentityParts, isOurTenant } from './parts.ts';
import { deleteAssertionsBefore } from './repository.ts';
import { readTokenRequest, type TokenRequest, unsupportedGrant } from './token-request.ts';
import { type IssuedToken, issueAccessToken, TOKEN_SECONDS } from './tokens.ts';

type Row = Pick<Operation, 'id' | 'method' | 'path' | 'run'> & Partial<Operation>;

/**
 * Every authority comes in two forms: plain, and below `adfs/aad`, where MSAL skips the instance discovery of the
 * public cloud.
 */
const forms = [
  { prefix: '/:tenant', suffix: '', base: '/' },
  { prefix: '/adfs/aad/:tenant', suffix: 'Adfs', base: '/adfs/aad/' },
] as const;

/**
 * The rows of the identity plane: discovery, keys, tokens (Microsoft identity platform, "OpenID Connect" and "Client
 * credentials").
 */
export function loginOperations(parts: IdentityParts): readonly Operation[] {
  const tokens = new TokenEndpoint(parts);
  return forms.flatMap(({ prefix, suffix, base }) => {
    const metadata = (version: 1 | 2) => async (call: Call) =>
      document(providerMetadata(authorityOf(parts, call, base), version));
    const keys = async (call: Call) => {
      authorityOf(parts, call, base);
      return document((await parts.signingKeys.current()).jwks());
    };
    const unavailable = (grant: string) => async (call: Call) => {
      authorityOf(parts, call, base);
      throw unsupportedGrant(grant);
    };
    return [
      discovery({
        id: `LoginMetadata${suffix}`,
        path: `${prefix}/v2.0/.well-known/openid-configuration`,
        run: metadata(2),
      }),
      discovery({
        id: `LoginMetadataV1${suffix}`,
        path: `${prefix}/.well-known/openid-configuration`,
        run: metadata(1),
      }),
      discovery({ id: `LoginKeys${suffix}`, path: `${prefix}/discovery/v2.0/keys`, run: keys }),
      discovery({ id: `LoginKeysV1${suffix}`, path: `${prefix}/discovery/keys`, run: keys }),
      discovery({
        id: `LoginInstance${suffix}`,
        path: `${prefix}/discovery/instance`,
        run: async (call) => document(instanceMetadata(call.origin, tenantAskedFor(parts, call))),
      }),
      token({ id: `TokenIssue${suffix}`, path: `${prefix}/oauth2/v2.0/token`, run: (call) => tokens.issue(call, 2) }),
      token({ id: `TokenIssueV1${suffix}`, path: `${prefix}/oauth2/token`, run: (call) => tokens.issue(call, 1) }),
      token({ id: `DeviceCode${suffix}`, path: `${prefix}/oauth2/v2.0/devicecode`, run: unavailable('device_code') }),
      token({ id: `DeviceCodeV1${suffix}`, path: `${prefix}/oauth2/devicecode`, run: unavailable('device_code') }),
    ];
  });
}

/** The token endpoint: proves the client, issues the token. */
class TokenEndpoint {
  readonly #parts: IdentityParts;
  #cleaned = 0;

  constructor(parts: IdentityParts) {
    this.#parts = parts;
  }

  async issue(call: Call, version: 1 | 2): Promise<Answer> {
    const parts = this.#parts;
    assertTenant(parts, call);
    const authorization = call.headers['authorization'];
    const header = typeof authorization === 'string' ? authorization : undefined;
    const request = readTokenRequest(call.body ?? {}, header, version, parts.domain);
    const { clientId, resource, proof } = request;
    call.note({ clientId, resource, proof: proof.kind });
    const client = await authenticateClient(parts, request, call.clientAddress, call.time);
    // Signed before the assertion is used up: a transaction waits for nothing but itself.
    const issued = await this.#sign(request, client, call.time);
    const answer = tokenAnswer(issued, request, client, version);
    return client.assertion ? this.#useAssertion(call, client, answer) : answer;
  }

  #sign(
    { resource, clientId, proof }: TokenRequest,
    { principal, credential }: AuthenticatedClient,
    now: number,
  ): Promise<IssuedToken> {
    return issueAccessToken(this.#parts, {
      resource,
      oid: principal.id,
      appId: clientId,
      appIdAcr: proof.kind === 'secret' ? '1' : '2',
      lifetimeSeconds: TOKEN_SECONDS,
      credential,
      now,
    });
  }

  /**
   * Keeps an assertion's use, in the transaction of the audit record: of two requests that bring it, one is answered.
   */
  #useAssertion(call: Call, client: AuthenticatedClient, answer: Answer): Promise<Answer> {
    const { use } = client.assertion!;
    const isCleaning = call.time - this.#cleaned > 60_000;
    if (isCleaning) this.#cleaned = call.time;
    return call.commit(async (transaction) => {
      if (isCleaning) await deleteAssertionsBefore.change(transaction, { now: call.time });
      await keepUse(transaction, use, client.principal.app_id ?? '');
      return answer;
    });
  }
}

function tokenAnswer(issued: IssuedToken, request: TokenRequest, client: AuthenticatedClient, version: 1 | 2): Answer {
  const seconds = issued.expires - issued.notBefore;
  // A number in both versions (RFC 6749 §5.1): az adds it to the time, also where it came through the AD FS form.
  const common = {
    token_type: 'Bearer',
    access_token: issued.token,
    expires_in: seconds,
    ext_expires_in: seconds,
  };
  const body =
    version === 2
      ? common
      : {
          ...common,
          expires_on: String(issued.expires),
          not_before: String(issued.notBefore),
          resource: request.resource,
        };
  return {
    status: 200,
    body,
    headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
    audit: { oid: client.principal.id, tokenId: issued.id, keyId: client.credentialId },
  };
}

function authorityOf(parts: IdentityParts, call: Call, base: string): Authority {
  const { origin } = call;
  const segment = assertTenant(parts, call);
  return { origin, base: `${base}${segment}`, tenantId: parts.tenantId, domain: parts.domain };
}

/** The tenant segment as asked for, held against the tenants there are. */
function assertTenant(parts: IdentityParts, call: Call): string {
  const segment = call.parameters['tenant'] ?? '';
  if (isOurTenant(parts, segment)) return segment;
  throw new Refusal('tenant-unknown', { tenant: /^[\w.-]{1,100}$/.test(segment) ? segment : '(not a name)' });
}

/** The tenant that instance discovery is about: the first segment of the authority it names. */
function tenantAskedFor(parts: IdentityParts, call: Call): string {
  assertTenant(parts, call);
  const match = /^https:\/\/[^/]+\/([\w.-]+)\//.exec(call.query['authorization_endpoint'] ?? '');
  return match && isOurTenant(parts, match[1]!) ? match[1]! : parts.tenantId;
}

function document(body: unknown): Answer {
  return { status: 200, body, headers: { 'cache-control': 'max-age=300, private' } };
}

function discovery(row: Omit<Row, 'method'>): Operation {
  return { ...common, method: 'GET', body: 'none', unaudited: true, ...row };
}

function token(row: Omit<Row, 'method'>): Operation {
  return { ...common, method: 'POST', body: 'form', ...row };
}

const common = {
  plane: 'login',
  versions: noVersions,
  need: { kind: 'anonymous' },
  throttle: 'none',
  success: [200],
} as const;
