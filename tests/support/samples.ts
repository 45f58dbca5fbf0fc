import { foldName } from '../../src/base/ids.ts';
import type { Caller } from '../../src/identity/caller.ts';
import type { Incoming } from '../../src/operations/incoming.ts';
import type { Call, Operation } from '../../src/operations/operation.ts';
import type { Vault, VaultSettings } from '../../src/resources/vault.ts';
import { usualSettings } from '../../src/resources/vault-settings.ts';

/** The tenant of every sample. */
export const sampleTenant = '11111111-1111-4111-8111-111111111111';
const SUBSCRIPTION = '22222222-2222-4222-8222-222222222222';

/** A live vault `sample-vault` with the usual settings, but for what is given. */
export function sampleVault({
  settings,
  ...given
}: Partial<Omit<Vault, 'settings'>> & { settings?: Partial<VaultSettings> } = {}): Vault {
  const name = given.name ?? 'sample-vault';
  const resourceId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Apps/providers/Microsoft.KeyVault/vaults/${name}`;
  return {
    id: '33333333-3333-4333-8333-333333333333',
    name,
    nameKey: foldName(name),
    tenantId: sampleTenant,
    subscriptionId: SUBSCRIPTION,
    groupName: 'Apps',
    location: 'local',
    settings: { ...usualSettings, ...settings },
    tags: {},
    created: 0,
    updated: 0,
    deleted: null,
    purgeAt: null,
    resourceId,
    scopeKey: foldName(resourceId),
    ...given,
  };
}

/** A service principal as the authenticator gives it. */
export function sampleCaller(given: Partial<Caller> = {}): Caller {
  const oid = given.oid ?? '44444444-4444-4444-8444-444444444444';
  return {
    oid,
    tenantId: sampleTenant,
    kind: 'ServicePrincipal',
    appId: '55555555-5555-4555-8555-555555555555',
    appIdAcr: '1',
    displayName: 'sample',
    issuer: `https://sts.localhost/${sampleTenant}/`,
    upn: null,
    managedIdentity: null,
    scopes: null,
    principalIds: [oid],
    directoryRole: null,
    expires: Number.MAX_SAFE_INTEGER,
    tokenId: 'token-id',
    ...given,
  };
}

/** A row of the data plane that takes any version and answers nothing. */
export function sampleOperation(given: Partial<Operation> = {}): Operation {
  return {
    id: 'Sample',
    plane: 'data',
    method: 'GET',
    path: '/samples/:name',
    versions: { known: ['7.4', '7.5'] },
    need: { kind: 'authenticated' },
    throttle: 'none',
    body: 'none',
    success: [200],
    run: async () => ({ status: 200 }),
    ...given,
  };
}

/** A request as `http` hands it over. */
export function sampleIncoming(given: Partial<Incoming> = {}): Incoming {
  return {
    operation: sampleOperation(),
    host: {
      plane: 'data',
      origin: 'https://sample-vault.vault.localhost:8443',
      host: 'sample-vault.vault.localhost',
      port: ':8443',
      vaultKey: 'sample-vault',
    },
    method: 'GET',
    path: '/samples/one',
    parameters: {},
    query: {},
    headers: {},
    clientAddress: '127.0.0.1',
    tlsVersion: 'TLS1_3',
    ...given,
  };
}

/** A request as a service function sees it; its writes are refused. */
export function sampleCall(given: Partial<Call> = {}): Call {
  const { host, ...incoming } = sampleIncoming();
  return {
    ...incoming,
    requestId: '01900000-0000-7000-8000-000000000000',
    time: 0,
    origin: host.origin,
    port: host.port,
    apiVersion: '7.5',
    caller: sampleCaller(),
    vault: sampleVault(),
    body: null,
    note: () => {},
    commit: () => Promise.reject(new Error('A sample writes nothing.')),
    commitStep: () => Promise.reject(new Error('A sample writes nothing.')),
    ...given,
  };
}
