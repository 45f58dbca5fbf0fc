import { hash } from 'node:crypto';
import { isIP } from 'node:net';
import type { Clock, Random } from '../base/ports.ts';
import { equalBytes, toBase64Url } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Answer, Call, Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import type { IdentityParts } from './parts.ts';
import { principalById } from './repository.ts';
import { findManagedIdentity, type ManagedIdentity, machineResourceId } from './service.ts';
import { assertResource } from './token-request.ts';
import { IDENTITY_TOKEN_SECONDS, type IssuedToken, issueAccessToken } from './tokens.ts';

/** What the managed identity endpoint is made of. */
export interface EndpointParts extends IdentityParts {
  readonly subscriptionId: string;
  /** What {@link endpointSecret} gave: callers of the App Service form send it. */
  readonly identityHeader: string;
}

type Parameters = Readonly<Record<string, unknown>>;

const SECRET_NAME = 'identity-endpoint-secret';
const MAX_ID = 2048;
const FIRST_IMDS_VERSION = '2018-02-01';

/** The names under which each form of the endpoint takes an identity. */
const selectors = {
  clientId: ['client_id', 'clientid'],
  principalId: ['object_id', 'principal_id'],
  resourceId: ['msi_res_id', 'mi_res_id'],
} as const;

/**
 * The secret of the App Service form of the endpoint, made on first use and sealed in the store: 43 characters of
 * base64url.
 */
export async function endpointSecret(parts: {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<string> {
  const read = async (session: Session) =>
    (await parts.keyring.readValue(session, SECRET_NAME))?.toString('utf8') ?? null;
  const known = await read(parts.store.reader);
  if (known) return known;
  const made = toBase64Url(parts.random.bytes(32));
  return parts.store.write(async (transaction) => {
    const others = await read(transaction);
    if (others) return others;
    await parts.keyring.writeValue(transaction, SECRET_NAME, Buffer.from(made), parts.clock.now());
    return made;
  });
}

/**
 * The rows of the managed identity endpoint, in the three forms that clients speak: that of virtual machines (Azure
 * Instance Metadata Service), that of App Service, and the older one of `az`. It is plain HTTP on loopback: whoever
 * runs on this machine may have the tokens of its identities. What keeps web pages out is the header that no page can
 * send unasked, and that the host must be an address or `localhost`, so that no name can be pointed here (DNS
 * rebinding).
 */
export function imdsOperations(parts: EndpointParts): readonly Operation[] {
  return [
    {
      ...common,
      id: 'ManagedIdentityToken',
      method: 'GET',
      path: '/metadata/identity/oauth2/token',
      body: 'none',
      run: async (call) => {
        assertLocal(call);
        assertMetadataHeader(call);
        const version = call.query['api-version'] ?? '';
        if (!/^20\d\d-[01]\d-[0-3]\d$/.test(version) || version < FIRST_IMDS_VERSION) {
          throw new Refusal('identity-version', { versions: `${FIRST_IMDS_VERSION} and later` });
        }
        return answerToken(parts, call, call.query);
      },
    },
    {
      ...common,
      id: 'ManagedIdentityTokenAppService',
      method: 'GET',
      path: '/msi/token',
      body: 'none',
      run: async (call) => {
        assertLocal(call);
        const version = call.query['api-version'] ?? '';
        const header = Object.hasOwn(appServiceHeaders, version) ? appServiceHeaders[version] : undefined;
        if (!header) throw new Refusal('identity-version', { versions: Object.keys(appServiceHeaders) });
        assertSecret(call.headers[header], parts.identityHeader, header);
        return answerToken(parts, call, call.query);
      },
    },
    {
      ...common,
      id: 'ManagedIdentityTokenPost',
      method: 'POST',
      path: '/oauth2/token',
      body: 'form',
      run: async (call) => {
        assertLocal(call);
        assertMetadataHeader(call);
        return answerToken(parts, call, call.body ?? {});
      },
    },
  ];
}

/** The header that carries the secret, by api-version. */
const appServiceHeaders: Readonly<Record<string, string>> = {
  '2017-09-01': 'secret',
  '2019-08-01': 'x-identity-header',
};

const common = {
  plane: 'imds',
  versions: noVersions,
  need: { kind: 'anonymous' },
  throttle: 'none',
  success: [200],
  audit: 'ManagedIdentityToken',
} as const;

function assertLocal(call: Call): void {
  const { headers } = call;
  if (headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined)
    throw new Refusal('identity-forwarded');
  const host = typeof headers['host'] === 'string' ? headers['host'] : '';
  const name = host.replace(/:[0-9]{1,5}$/, '').replace(/^\[(.*)\]$/, '$1');
  if (name.toLowerCase() !== 'localhost' && isIP(name) === 0) throw new Refusal('identity-host');
}

function assertMetadataHeader(call: Call): void {
  const value = call.headers['metadata'];
  if (typeof value !== 'string' || value.toLowerCase() !== 'true') throw new Refusal('identity-metadata-header');
}

function assertSecret(given: unknown, secret: string, header: string): void {
  const digest = (text: string) => hash('sha256', text, 'buffer');
  if (typeof given === 'string' && equalBytes(digest(given), digest(secret))) return;
  throw new Refusal('identity-secret-wrong', { header });
}

async function answerToken(parts: EndpointParts, call: Call, parameters: Parameters): Promise<Answer> {
  const resource = text(parameters, 'resource');
  if (!resource) throw new Refusal('identity-resource-missing');
  assertResource(resource, parts.domain);
  const identity = await chooseIdentity(parts, parameters);
  call.note({ resource, clientId: identity.clientId, managedIdentity: identity.resourceId });
  const principal = await principalById.first(parts.store.reader, { id: identity.principalId });
  if (principal?.enabled !== 1) throw new Refusal('identity-disabled', { oid: identity.principalId });
  const issued = await issueAccessToken(parts, {
    resource,
    oid: identity.principalId,
    appId: identity.clientId,
    appIdAcr: '2',
    lifetimeSeconds: IDENTITY_TOKEN_SECONDS,
    managedIdentity: identity.resourceId,
    now: call.time,
  });
  return tokenAnswer(issued, resource, identity);
}

/** Every member is text: the official clients of all three forms parse it, and some take nothing else. */
function tokenAnswer(issued: IssuedToken, resource: string, identity: ManagedIdentity): Answer {
  const seconds = String(issued.expires - issued.notBefore);
  return {
    status: 200,
    headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
    body: {
      access_token: issued.token,
      client_id: identity.clientId,
      expires_in: seconds,
      expires_on: String(issued.expires),
      ext_expires_in: seconds,
      not_before: String(issued.notBefore),
      resource,
      token_type: 'Bearer',
    },
    audit: { oid: identity.principalId, tokenId: issued.id },
  };
}

async function chooseIdentity(parts: EndpointParts, parameters: Parameters): Promise<ManagedIdentity> {
  const chosen = (Object.keys(selectors) as (keyof typeof selectors)[]).flatMap((by) =>
    selectors[by].flatMap((name) => {
      const value = text(parameters, name);
      return value ? [{ by, value }] : [];
    }),
  );
  if (chosen.length > 1) throw new Refusal('identity-ambiguous');
  const { by, value } = chosen[0] ?? { by: 'resourceId' as const, value: machineResourceId(parts.subscriptionId) };
  if (value.length > MAX_ID || !/^[\x21-\x7e]+$/.test(value)) throw new Refusal('identity-not-found', { by });
  const key =
    by === 'clientId' ? { clientId: value } : by === 'principalId' ? { principalId: value } : { resourceId: value };
  const identity = await findManagedIdentity(parts.store.reader, key);
  if (!identity) throw new Refusal('identity-not-found', { by: chosen.length === 0 ? 'none' : selectors[by][0] });
  return identity;
}

function text(parameters: Parameters, name: string): string {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  return typeof value === 'string' ? value : '';
}
