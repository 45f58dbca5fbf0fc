import { Access } from '../../src/access/authorise.ts';
import { builtInRoles } from '../../src/access/built-in-roles.ts';
import { insertAssignment } from '../../src/access/repository.ts';
import { accessOperations } from '../../src/access/role-operations.ts';
import { foldScope } from '../../src/access/scope.ts';
import { newUuid } from '../../src/base/ids.ts';
import { buildApp } from '../../src/http/app.ts';
import type { Caller } from '../../src/identity/caller.ts';
import { createApplication, createServicePrincipal } from '../../src/identity/service.ts';
import { hostReader } from '../../src/operations/hosts.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { Pipeline } from '../../src/operations/pipeline.ts';
import { assertUnlocked } from '../../src/resources/lock-guard.ts';
import { resourceOperations } from '../../src/resources/operations.ts';
import { actionsOf } from '../../src/resources/provider-operations.ts';
import { createGroup, createSubscription } from '../../src/resources/service.ts';
import { createVaultDirectory, refreshVault, type VaultDirectory } from '../../src/resources/vault-directory.ts';
import { armSecretOperations } from '../../src/secrets/arm-operations.ts';
import { type TestParts, testParts } from './parts.ts';

/** An answer of the management plane. */
export interface ArmAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would.
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** How a request differs from the usual one. */
export interface SendOptions {
  /** Object id of the caller; the owner by default, null for no token. */
  readonly as?: string | null;
  readonly body?: unknown;
  readonly version?: string;
  readonly host?: string;
}

/** The management plane over a real store, without a socket: requests go through routing, pipeline and audit. */
export interface ManagementPlane extends TestParts {
  readonly access: Access;
  readonly directory: VaultDirectory;
  readonly tenantId: string;
  readonly subscriptionId: string;
  /** `/subscriptions/{id}`. */
  readonly subscription: string;
  /** Object id of an Owner of the subscription. */
  readonly owner: string;
  /** Makes a service principal, with a role at a scope (the subscription by default) where one is named. */
  principal(roleName?: string, scope?: string): Promise<string>;
  /** Gives a role; answers the assignment's id. */
  grant(principalId: string, roleName: string, scope: string): Promise<string>;
  /** The caller as the pipeline sees it. */
  caller(oid: string): Caller;
  /** Sends a request; an api-version is added where the path has none. */
  send(method: string, path: string, options?: SendOptions): Promise<ArmAnswer>;
}

const TENANT = '11111111-1111-4111-8111-111111111111';
const ORIGIN = 'https://management.localhost:8443';

/** Makes a management plane with one subscription, the group `apps` in `local`, and an owner. */
export async function managementPlane(): Promise<ManagementPlane> {
  const parts = await testParts();
  const { store, random, clock } = parts;
  const access = new Access(store);
  const directory = createVaultDirectory(store);
  const app = await appOver(parts, access, directory);

  const grant = (principalId: string, roleName: string, scope: string) =>
    grantRole(parts, principalId, roleName, scope);
  const principal = async (roleName?: string, scope = subscription) => {
    const oid = await store.write(async (transaction) => {
      const making = { random, tenantId: TENANT };
      const order = { displayName: 'test', now: clock.now() };
      const { appId } = await createApplication(transaction, making, order);
      return (await createServicePrincipal(transaction, making, { ...order, appId })).id;
    });
    if (roleName !== undefined) await grant(oid, roleName, scope);
    return oid;
  };
  const subscriptionId = await store.write(async (transaction) => {
    const { id } = await createSubscription(transaction, parts, { tenantId: TENANT, name: 'Strongroom' });
    await createGroup(transaction, parts, { subscriptionId: id, name: 'apps', location: 'local' });
    return id;
  });
  const subscription = `/subscriptions/${subscriptionId}`;
  const owner = await principal('Owner', subscription);

  const send = async (method: string, path: string, options: SendOptions = {}): Promise<ArmAnswer> => {
    const as = options.as === undefined ? owner : options.as;
    const response = await app.inject({
      method: method as 'GET',
      url: withVersion(path.startsWith(ORIGIN) ? path.slice(ORIGIN.length) : path, options.version),
      headers: {
        host: options.host ?? 'management.localhost:8443',
        ...(as !== null && { authorization: `Bearer ${as}` }),
        ...(options.body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(options.body !== undefined && { payload: JSON.stringify(options.body) }),
    });
    const text = response.body;
    return { status: response.statusCode, body: text === '' ? null : JSON.parse(text), headers: response.headers };
  };
  return {
    ...parts,
    access,
    directory,
    tenantId: TENANT,
    subscriptionId,
    subscription,
    owner,
    principal,
    grant,
    caller: callerFor,
    send,
    cleanup: async () => {
      await app.close();
      await parts.cleanup();
    },
  };
}

async function appOver(parts: TestParts, access: Access, directory: VaultDirectory) {
  const base = { ...parts, tenantId: TENANT, domain: 'localhost', access };
  const log = { info: () => {}, warn: () => {}, error: console.error };
  const pipeline = new Pipeline({
    ...base,
    log,
    acceptNewerApiVersions: false,
    assertUnlocked,
    findVault: (nameKey) => directory.find(nameKey),
    refreshVault,
    authenticate: (header) => {
      const oid = /^Bearer (\S+)$/.exec(header ?? '')?.[1];
      return oid ? { caller: callerFor(oid) } : { refusal: 'token-missing', facts: {} };
    },
  });
  const health = () => ({ seal: { kind: 'key-file', state: 'open' }, store: { kind: 'sqlite' } });
  const operations: readonly Operation[] = [
    ...resourceOperations({
      ...base,
      version: '0.0.0',
      health,
      vaultActions: () => actionsOf(operations, 'Microsoft.KeyVault'),
    }),
    ...armSecretOperations(base),
    ...accessOperations(base),
  ];
  const readHost = hostReader('localhost');
  return buildApp({ pipeline, operations, readHost, clock: parts.clock, tenantId: TENANT, domain: 'localhost' });
}

async function grantRole(parts: TestParts, principalId: string, roleName: string, scope: string): Promise<string> {
  const role = builtInRoles.find(({ name }) => name === roleName);
  if (!role) throw new Error(`There is no role ${roleName}.`);
  const id = newUuid(parts.random);
  const now = parts.clock.now();
  await parts.store.write((transaction) =>
    insertAssignment(transaction, {
      id,
      scope,
      scopeKey: foldScope(scope),
      roleId: role.id,
      principalId,
      principalType: 'ServicePrincipal',
      description: null,
      condition: null,
      created: now,
      updated: now,
      createdBy: principalId,
    }),
  );
  return id;
}

function withVersion(path: string, version: string | undefined): string {
  if (path.includes('api-version=')) return path;
  return `${path}${path.includes('?') ? '&' : '?'}api-version=${version ?? usualVersion(path)}`;
}

function usualVersion(path: string): string {
  if (/microsoft\.authorization\//i.test(path)) return '2022-04-01';
  if (/providers\/microsoft\.managedidentity\//i.test(path)) return '2023-01-31';
  return /providers\/microsoft\.keyvault\//i.test(path) ? '2026-02-01' : '2022-12-01';
}

function callerFor(oid: string): Caller {
  return {
    oid,
    tenantId: TENANT,
    kind: 'ServicePrincipal',
    appId: oid,
    appIdAcr: '1',
    displayName: 'test',
    issuer: `https://sts.windows.net/${TENANT}/`,
    upn: null,
    managedIdentity: null,
    scopes: null,
    principalIds: [oid],
    directoryRole: null,
    expires: Number.MAX_SAFE_INTEGER,
    tokenId: 'test',
  };
}
