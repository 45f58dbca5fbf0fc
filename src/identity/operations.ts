import type { Answer, Call, Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { type Authority, instanceMetadata, providerMetadata, userRealm } from './discovery.ts';
import { pageOperations } from './page-operations.ts';
import { assertTenant, type IdentityParts, isOurTenant } from './parts.ts';
import { PersonSignIn } from './person-sign-in.ts';
import { PersonTokens } from './person-tokens.ts';
import { TokenEndpoint } from './token-endpoint.ts';
import { unsupportedGrant } from './token-request.ts';

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
  const signIn = new PersonSignIn(parts);
  const people = new PersonTokens(parts, signIn);
  const tokens = new TokenEndpoint(parts, people);
  const start = (version: 1 | 2) => async (call: Call) => {
    assertTenant(parts, call);
    return people.startDevice(call, version);
  };
  const rows = forms.flatMap(({ prefix, suffix, base }) => {
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
      discovery({
        id: `LoginUserRealm${suffix}`,
        path: `${prefix}/userrealm/:user`,
        run: async (call) => {
          assertTenant(parts, call);
          return document(userRealm(parts.domain));
        },
      }),
      discovery({
        id: `LoginAuthorize${suffix}`,
        path: `${prefix}/oauth2/v2.0/authorize`,
        run: unavailable('authorization_code'),
      }),
      discovery({
        id: `LoginAuthorizeV1${suffix}`,
        path: `${prefix}/oauth2/authorize`,
        run: unavailable('authorization_code'),
      }),
      token({ id: `TokenIssue${suffix}`, path: `${prefix}/oauth2/v2.0/token`, run: (call) => tokens.issue(call, 2) }),
      token({ id: `TokenIssueV1${suffix}`, path: `${prefix}/oauth2/token`, run: (call) => tokens.issue(call, 1) }),
      token({ id: `DeviceCode${suffix}`, path: `${prefix}/oauth2/v2.0/devicecode`, run: start(2) }),
      token({ id: `DeviceCodeV1${suffix}`, path: `${prefix}/oauth2/devicecode`, run: start(1) }),
    ];
  });
  return [...rows, ...pageOperations(parts, signIn)];
}

function authorityOf(parts: IdentityParts, call: Call, base: string): Authority {
  const { origin } = call;
  const segment = assertTenant(parts, call);
  return { origin, base: `${base}${segment}`, tenantId: parts.tenantId, domain: parts.domain };
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
