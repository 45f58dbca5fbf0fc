import '../../../src/client/resolve-localhost.ts';
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { KeyVaultManagementClient, type VaultProperties } from '@azure/arm-keyvault';
import { ClientSecretCredential, type TokenCredential } from '@azure/identity';
import { SecretClient, type SecretClientOptions } from '@azure/keyvault-secrets';
import { startRecordedServer } from '../../support/recorded-server.ts';
import type { ServerOptions, TestServer } from '../../support/server.ts';

/** A service principal made for a test. */
export interface Application {
  readonly appId: string;
  /** Object id of the application, which Graph changes. */
  readonly id: string;
  /** Object id of its service principal, which roles are assigned to. */
  readonly principalId: string;
  readonly credential: TokenCredential;
}

/** A started server and the official clients on it, made as an application makes them. */
export interface Session {
  readonly server: TestServer;
  /** PEM of the only authority that the clients trust. */
  readonly ca: string;
  readonly management: string;
  /** What every credential needs besides its own; the one thing switched off is the question to the public cloud. */
  readonly authority: {
    readonly authorityHost: string;
    readonly disableInstanceDiscovery: true;
    readonly tlsOptions: { readonly ca: string };
  };
  readonly administrator: TokenCredential;
  readonly vaults: KeyVaultManagementClient;
  readonly roles: AuthorizationManagementClient;
  /** Challenge verification stays on. */
  secrets(vault: string, credential?: TokenCredential, options?: SecretClientOptions): SecretClient;
  vaultScope(vault: string): string;
  /** Makes a vault under a fresh name and gives the administrator the named roles on it. */
  makeVault(prefix: string, roles?: readonly string[], properties?: Partial<VaultProperties>): Promise<string>;
  /** Assigns a built-in role by its name. @returns the assignment's name */
  grant(role: string, scope: string, principalId: string): Promise<string>;
  /** A service principal that may do nothing yet. */
  makeApplication(name: string): Promise<Application>;
  /** A plain call as the administrator, for what no pinned package speaks; `host` is `graph` or `management`. */
  // biome-ignore lint/suspicious/noExplicitAny: the shapes are what the assertions are about
  call(method: string, host: string, path: string, body?: unknown): Promise<any>;
  close(): Promise<void>;
}

/** The resource group that every installation begins with. */
export const group = 'strongroom';

/** Starts a server and signs its administrator in. */
export async function openSession(options: ServerOptions = {}): Promise<Session> {
  const server = await startRecordedServer(options);
  const { domain, port, subscriptionId, administrator: first } = server;
  const ca = readFileSync(join(server.dataDir, 'ca.pem'), 'utf8');
  const tlsOptions = { ca };
  const authority = {
    authorityHost: `https://login.${domain}:${port}`,
    disableInstanceDiscovery: true,
    tlsOptions,
  } as const;
  const administrator = new ClientSecretCredential(first.tenantId, first.clientId, first.clientSecret, authority);
  const management = `https://management.${domain}:${port}`;
  const vaults = new KeyVaultManagementClient(administrator, subscriptionId, { endpoint: management, tlsOptions });
  const roles = new AuthorizationManagementClient(administrator, subscriptionId, { endpoint: management, tlsOptions });
  const vaultScope = (vault: string): string =>
    `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${vault}`;

  const session: Session = {
    ...{ server, ca, management, authority, administrator, vaults, roles, vaultScope },
    secrets: (vault, credential = administrator, options = {}) =>
      new SecretClient(`https://${vault}.vault.${domain}:${port}`, credential, { tlsOptions, ...options }),
    makeVault: async (prefix, roleNames = [], properties = {}) => {
      const name = freshName(prefix);
      const sku = { family: 'A', name: 'standard' } as const;
      await vaults.vaults.createOrUpdate(group, name, {
        location: 'local',
        properties: { tenantId: first.tenantId, sku, ...properties },
      });
      const self = objectIdOf((await administrator.getToken(`${management}/.default`)).token);
      for (const role of roleNames) await session.grant(role, vaultScope(name), self);
      return name;
    },
    grant: async (role, scope, principalId) => {
      const name = randomUUID();
      const found = await roles.roleDefinitions.list(scope, { filter: `roleName eq '${role}'` }).next();
      assert.ok(!found.done && found.value.id, `there is no role ${role}`);
      const roleDefinitionId = found.value.id;
      await roles.roleAssignments.create(scope, name, {
        roleDefinitionId,
        principalId,
        principalType: 'ServicePrincipal',
      });
      return name;
    },
    makeApplication: (name) => makeApplication(session, name),
    call: async (method, host, path, body) => {
      const origin = `https://${host}.${domain}:${port}`;
      const { token } = await administrator.getToken(`${origin}/.default`);
      return callPlainly({ url: `${origin}${path}`, method, token, ca }, body);
    },
    close: async () => {
      await server.stop();
    },
  };
  return session;
}

/** A vault or secret name that nobody has used. */
export function freshName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

/** The claims of an access token, unverified: the server verifies, the suites only look. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
}

/** The object id of the principal that a token is for. */
export function objectIdOf(token: string): string {
  return String(claimsOf(token)['oid']);
}

/** Runs something with environment variables set, undefined meaning unset, and puts the old ones back. */
export async function withEnvironment<T>(
  variables: Readonly<Record<string, string | undefined>>,
  run: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    return await run();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

async function makeApplication(session: Session, name: string): Promise<Application> {
  const { appId, id } = await session.call('POST', 'graph', '/v1.0/applications', { displayName: name });
  const principal = await session.call('POST', 'graph', '/v1.0/servicePrincipals', { appId, accountEnabled: true });
  const { secretText } = await session.call('POST', 'graph', `/v1.0/applications/${id}/addPassword`, {
    passwordCredential: {},
  });
  const credential = new ClientSecretCredential(session.server.tenantId, appId, secretText, session.authority);
  return { appId, id, principalId: principal.id, credential };
}

function callPlainly(
  { url, method, token, ca }: { url: string; method: string; token: string; ca: string },
  body: unknown,
): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, ca, headers });
    outgoing.on('error', reject).on('response', (incoming) => {
      let answer = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk;
      });
      incoming.on('end', () => {
        const status = incoming.statusCode ?? 0;
        if (status >= 400) reject(new Error(`${method} ${url}: ${status} ${answer}`));
        else resolve(answer === '' ? undefined : JSON.parse(answer));
      });
    });
    outgoing.end(text);
  });
}
