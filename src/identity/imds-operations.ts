import { isIP } from 'node:net';
import type { Answer, Call, Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { Refusal } from '../refusals/refusal.ts';
import { hostMark } from './credential-mark.ts';
import { ownerOfSecret } from './host-secrets.ts';
import { chooseIdentity, type IdentityParameters, parameterText } from './identity-choice.ts';
import { type FindHost, type IdentityHost, isMachine } from './identity-host.ts';
import type { IdentityParts } from './parts.ts';
import { principalById } from './repository.ts';
import type { ManagedIdentity } from './service.ts';
import { assertResource } from './token-request.ts';
import { IDENTITY_TOKEN_SECONDS, type IssuedToken, issueAccessToken } from './tokens.ts';

/** What the managed identity endpoint is made of. */
export interface EndpointParts extends IdentityParts {
  /** The registered virtual machine that the machine forms of the endpoint stand for. */
  readonly machineResourceId: string;
  readonly findHost: FindHost;
}

const FIRST_IMDS_VERSION = '2018-02-01';

/** Where a request comes from, as far as the endpoint knows: a host, and how it was told. */
interface Standing {
  readonly host: IdentityHost;
  /** Id of the secret that was shown; null in the machine forms, which ask for none. */
  readonly secretId: string | null;
}

/**
 * The rows of the managed identity endpoint, in the three forms that clients speak: that of virtual machines (Azure
 * Instance Metadata Service), the older one of `az`, and that of App Service. The first two are one machine's: whoever
 * runs here may have the tokens of its identities. The third is whichever host's whose secret is shown. It is plain HTTP
 * on loopback. What keeps web pages out is the header that no page can send unasked, and that the host must be an address
 * or `localhost`, so that no name can be pointed here (DNS rebinding).
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
        return answerToken(parts, call, call.query, await machineOf(parts));
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
        return answerToken(parts, call, call.query, await hostOf(parts, call.headers[header], header));
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
        return answerToken(parts, call, call.body ?? {}, await machineOf(parts));
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

/**
 * The machine that this endpoint stands for.
 * @throws Refusal `identity-machine-missing`
 */
async function machineOf({ store, findHost, machineResourceId }: EndpointParts): Promise<Standing> {
  const host = await findHost(store.reader, machineResourceId);
  if (host && isMachine(host)) return { host, secretId: null };
  throw new Refusal('identity-machine-missing', machineFacts(machineResourceId));
}

/** The parts of a machine's id, for the commands that register it. */
function machineFacts(machine: string): Readonly<Record<string, string>> {
  const [, , , , group = '', , , , name = ''] = machine.split('/');
  return { machine, group, name };
}

/**
 * The host whose secret a header holds.
 * @throws Refusal `identity-secret-wrong`
 */
async function hostOf({ store, findHost }: EndpointParts, secret: unknown, header: string): Promise<Standing> {
  const owner = typeof secret === 'string' ? await ownerOfSecret(store.reader, secret) : null;
  const host = owner && (await findHost(store.reader, owner.resourceKey));
  if (!host) throw new Refusal('identity-secret-wrong', { header });
  return { host, secretId: owner.id };
}

async function answerToken(
  parts: EndpointParts,
  call: Call,
  parameters: IdentityParameters,
  { host, secretId }: Standing,
): Promise<Answer> {
  const resource = parameterText(parameters, 'resource');
  if (!resource) throw new Refusal('identity-resource-missing');
  assertResource(resource, parts.domain);
  call.note({ resource, host: host.resourceId });
  const identity = await chooseIdentity(parts.store.reader, host, parameters, secretId === null);
  call.note({ clientId: identity.clientId, managedIdentity: identity.resourceId });
  const principal = await principalById.first(parts.store.reader, { id: identity.principalId });
  if (principal?.enabled !== 1) throw new Refusal('identity-disabled', { oid: identity.principalId });
  const issued = await issueAccessToken(parts, {
    resource,
    oid: identity.principalId,
    appId: identity.clientId,
    appIdAcr: '2',
    lifetimeSeconds: IDENTITY_TOKEN_SECONDS,
    credential: { mark: hostMark(host.resourceKey, secretId), expires: null },
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
