import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane, type SendOptions } from '../../tests/support/management-plane.ts';

let arm: ManagementPlane;
let group: string;
let vault: string;
let places: Readonly<Record<string, string>>;

before(async () => {
  arm = await managementPlane();
  group = `${arm.subscription}/resourceGroups/apps`;
  vault = `${group}/providers/Microsoft.KeyVault/vaults/present`;
  const robot = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/robot`;
  await arm.send('PUT', vault, { body: vaultBody({ softDeleteRetentionInDays: 7, enablePurgeProtection: true }) });
  await arm.send('PUT', robot, { body: { location: 'local' } });
  const gone = `${group}/providers/Microsoft.KeyVault/vaults/gone-by`;
  await arm.send('PUT', gone, { body: vaultBody() });
  await arm.send('DELETE', gone);
  const locked = `${group}/providers/Microsoft.KeyVault/vaults/locked-up`;
  await arm.send('PUT', locked, { body: vaultBody() });
  const lock = `${locked}/providers/Microsoft.Authorization/locks/keep`;
  await arm.send('PUT', lock, { body: { properties: { level: 'CanNotDelete' } }, version: '2020-05-01' });
  await arm.send('PUT', `${arm.subscription}/resourceGroups/elsewhere`, { body: { location: 'local' } });
  const reader = await arm.principal('Reader', group);
  places = {
    S: arm.subscription,
    G: group,
    V: vault,
    N: `${group}/providers/Microsoft.KeyVault/vaults`,
    reader,
    robot,
  };
});

after(() => arm?.cleanup());

const vaultBody = (properties: object = {}, more: object = {}) => ({
  location: 'local',
  ...more,
  properties: { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' }, ...properties },
});

type Case = readonly [
  what: string,
  request: string,
  status: number,
  code: string,
  message: RegExp,
  options?: () => SendOptions,
];

const stranger = '00000000-0000-4000-8000-000000000000';
const many = () => Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, '']));
const body = (make: () => object) => () => ({ body: make() });

/** `{S}`, `{G}`, `{V}`, `{N}` stand for the subscription, the group, its vault, and where its vaults are. */
const table: readonly Case[] = [
  ['no api-version', 'GET {V}?api-version=', 400, 'MissingApiVersionParameter', /api-version query parameter/],
  [
    'an unknown api-version',
    'GET {V}?api-version=1999-01-01',
    400,
    'InvalidApiVersionParameter',
    /'1999-01-01' is invalid.+2023-07-01.+2026-02-01/,
  ],
  [
    'a subscription by name',
    'GET /subscriptions/mine/resourceGroups/apps',
    400,
    'InvalidSubscriptionId',
    /'mine' is malformed/,
  ],
  [
    'a subscription that is not there',
    `GET /subscriptions/${stranger}/resourceGroups/apps`,
    403,
    'AuthorizationFailed',
    /or the scope is invalid/,
  ],
  [
    'a group that is not there',
    'GET {S}/resourceGroups/nowhere',
    404,
    'ResourceGroupNotFound',
    /'nowhere' could not be found/,
  ],
  [
    'a vault in a group that is not there',
    'GET {S}/resourceGroups/nowhere/providers/Microsoft.KeyVault/vaults/v',
    404,
    'ResourceGroupNotFound',
    /nowhere/,
  ],
  [
    'a vault that is not there',
    'GET {N}/nobody',
    404,
    'ResourceNotFound',
    /Microsoft\.KeyVault\/vaults\/nobody' under resource group 'apps'/,
  ],
  ['a deleted vault', 'GET {N}/gone-by', 404, 'ResourceNotFound', /gone-by/],
  ['a secret that is not there', 'GET {V}/secrets/nobody', 404, 'SecretNotFound', /nobody/],
  [
    'an unknown provider',
    'GET {G}/providers/Microsoft.Nothing/things/one?api-version=2023-01-01',
    404,
    'InvalidResourceNamespace',
    /Microsoft\.Nothing/,
  ],
  [
    'an unknown provider of a subscription',
    'GET {S}/providers/Microsoft.Nothing',
    404,
    'InvalidResourceNamespace',
    /Microsoft\.Nothing/,
  ],
  [
    'an unknown type',
    'GET {G}/providers/Microsoft.KeyVault/safes/one',
    404,
    'InvalidResourceType',
    /'safes' could not be found in the namespace 'Microsoft\.KeyVault'.+vaults\/secrets/,
  ],
  ['an unknown type below a vault', 'GET {V}/safes/one', 404, 'InvalidResourceType', /'vaults\/safes'/],
  [
    'an unknown type at a vault',
    'GET {V}/providers/Microsoft.Authorization/eligibilities/one',
    404,
    'InvalidResourceType',
    /'eligibilities'.+Microsoft\.Authorization/,
  ],
  ['a path that is none', 'GET {S}/somewhere', 404, 'NotFound', /GET .+somewhere/],
  ['another method', 'POST {V}', 405, 'MethodNotAllowed', /POST/],
  [
    'no location',
    'PUT {S}/resourceGroups/new',
    400,
    'LocationRequired',
    /location property is required/,
    body(() => ({})),
  ],
  [
    'no location of a vault',
    'PUT {N}/new-one',
    400,
    'LocationRequired',
    /location/,
    body(() => vaultBody({}, { location: null })),
  ],
  [
    'a location that is none',
    'PUT {S}/resourceGroups/new',
    400,
    'LocationNotAvailableForResourceType',
    /'no\/where'.+westeurope/,
    body(() => ({ location: 'no/where' })),
  ],
  [
    'another location of a vault',
    'PUT {V}',
    409,
    'InvalidResourceLocation',
    /already exists in location 'local'/,
    body(() => vaultBody({}, { location: 'eastus' })),
  ],
  [
    'another location of a group',
    'PUT {G}',
    409,
    'InvalidResourceGroupLocation',
    /already exists in location 'local'/,
    body(() => ({ location: 'eastus' })),
  ],
  [
    'no name of a group',
    'PUT {S}/resourceGroups/ends.',
    400,
    'InvalidResourceGroup',
    /'ends\.' is invalid/,
    body(() => ({ location: 'local' })),
  ],
  ['no name of a vault', 'PUT {N}/9lives', 400, 'VaultNameNotValid', /'9lives' is invalid/, body(() => vaultBody())],
  [
    'no properties',
    'PUT {N}/new-one',
    400,
    'InvalidRequestContent',
    /'properties: it is missing'/,
    body(() => ({ location: 'local' })),
  ],
  [
    'properties of another type',
    'PUT {N}/new-one',
    400,
    'InvalidRequestContent',
    /could not be deserialized/,
    body(() => ({ location: 'local', properties: 7 })),
  ],
  [
    'no tenant',
    'PUT {N}/new-one',
    400,
    'BadRequest',
    /tenantId: it is required/,
    body(() => vaultBody({ tenantId: null })),
  ],
  [
    'another tenant',
    'PUT {N}/new-one',
    400,
    'BadRequest',
    /is not the tenant of the subscription/,
    body(() => vaultBody({ tenantId: stranger })),
  ],
  [
    'no right',
    'PATCH {V}',
    403,
    'AuthorizationFailed',
    /does not have authorization to perform action 'Microsoft\.KeyVault\/vaults\/write' over scope '.+vaults\/present'/,
    () => ({ as: places['reader']!, body: { tags: {} } }),
  ],
  ['nobody known', 'GET {V}', 401, 'AuthenticationFailed', /./, () => ({ as: null })],
  [
    'a lock',
    'DELETE {N}/locked-up',
    409,
    'ScopeLocked',
    /cannot perform delete operation because following scope\(s\) are locked: '.+locked-up'/,
  ],
  ['a lock inside', 'DELETE {G}', 409, 'ScopeLocked', /locked-up/],
  [
    'a name in use',
    'PUT {S}/resourceGroups/elsewhere/providers/Microsoft.KeyVault/vaults/present',
    409,
    'VaultAlreadyExists',
    /'present' is already in use/,
    body(() => vaultBody()),
  ],
  [
    'a name of a deleted vault',
    'PUT {N}/gone-by',
    409,
    'ConflictError',
    /already exists in deleted state/,
    body(() => vaultBody()),
  ],
  [
    'nothing to recover',
    'PUT {N}/never-was',
    404,
    'SoftDeletedVaultDoesNotExist',
    /./,
    body(() => vaultBody({ createMode: 'recover' })),
  ],
  [
    'nothing to purge',
    'POST {S}/providers/Microsoft.KeyVault/locations/local/deletedVaults/never-was/purge',
    404,
    'DeletedVaultNotFound',
    /never-was/,
  ],
  ['too many tags', 'PATCH {V}', 400, 'InvalidTagValue', /more than 50/, body(() => ({ tags: many() }))],
  [
    'a long value of a tag',
    'PATCH {G}',
    400,
    'InvalidTagValue',
    /at most 256/,
    body(() => ({ tags: { a: 'x'.repeat(257) } })),
  ],
  [
    'a long name of a tag',
    'PATCH {G}',
    400,
    'InvalidTagValue',
    /1 to 512/,
    body(() => ({ tags: { ['x'.repeat(513)]: '' } })),
  ],
  [
    'a name of a tag twice',
    'PATCH {G}',
    400,
    'InvalidTagValue',
    /is there twice/,
    body(() => ({ tags: { a: '', A: '' } })),
  ],
  [
    'another retention',
    'PATCH {V}',
    400,
    'BadRequest',
    /softDeleteRetentionInDays.+can't be modified.+It is 7, not 90/,
    body(() => ({ properties: { softDeleteRetentionInDays: 90 } })),
  ],
  [
    'a retention out of range',
    'PUT {N}/new-one',
    400,
    'BadRequest',
    /from 7 to 90/,
    body(() => vaultBody({ softDeleteRetentionInDays: 6 })),
  ],
  [
    'purge protection taken back',
    'PATCH {V}',
    400,
    'BadRequest',
    /enablePurgeProtection.+cannot be set to false/,
    body(() => ({ properties: { enablePurgeProtection: false } })),
  ],
  [
    'soft delete taken back',
    'PATCH {V}',
    400,
    'BadRequest',
    /enableSoftDelete/,
    body(() => ({ properties: { enableSoftDelete: false } })),
  ],
  [
    'another tier',
    'PATCH {V}',
    400,
    'BadRequest',
    /not changed to premium in place/,
    body(() => ({ properties: { sku: { family: 'A', name: 'premium' } } })),
  ],
  [
    'rules of virtual networks',
    'PATCH {V}',
    400,
    'BadRequest',
    /Virtual network rules/,
    body(() => ({ properties: { networkAcls: { virtualNetworkRules: [{ id: 'x' }] } } })),
  ],
  ['an unknown filter', "GET {S}/resources?$filter=plan eq 'x'", 400, 'InvalidFilterInQueryString', /plan/],
  ['a page size out of range', 'GET {S}/resourceGroups?$top=0', 400, 'InvalidQueryParameterValue', /\$top/],
  [
    'a page token of another list',
    'GET {S}/resourceGroups?$skiptoken=AAAA',
    400,
    'InvalidQueryParameterValue',
    /\$skiptoken/,
  ],
  ['a managed HSM', 'GET {G}/providers/Microsoft.KeyVault/managedHSMs/one', 501, 'NotImplemented', /managed HSM/],
];

describe('the errors of the management plane', () => {
  for (const [what, request, status, code, message, options] of table) {
    it(`${code}: ${what}`, async () => {
      const [method = '', ...path] = request.split(' ');
      const filled = path.join(' ').replace(/\{(\w)\}/g, (_, name: string) => places[name]!);
      const answer = await arm.send(method, filled, options?.() ?? {});
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.deepEqual(Object.keys(answer.body), ['error']);
      assert.deepEqual([answer.body.error.code, Object.keys(answer.body.error)], [code, ['code', 'message']]);
      assert.match(answer.body.error.message, message);
      assert.match(String(answer.headers['x-ms-request-id']), /^[0-9a-f-]{36}$/);
      assert.equal(answer.headers['x-ms-correlation-request-id'], answer.headers['x-ms-request-id']);
    });
  }

  it('LinkedAuthorizationFailed: a right to the machine, none to its identity', async () => {
    const host = `${group}/providers/Microsoft.Compute/virtualMachines/machine`;
    const keeper = await arm.principal('Contributor', host);
    const identity = { type: 'UserAssigned', userAssignedIdentities: { [places['robot']!]: {} } };
    const version = '2024-07-01';
    const answer = await arm.send('PUT', host, { as: keeper, version, body: { location: 'local', identity } });
    assert.deepEqual([answer.status, answer.body.error.code], [403, 'LinkedAuthorizationFailed']);
    assert.match(
      answer.body.error.message,
      /has permission to perform action 'Microsoft\.Compute\/virtualMachines\/write'.+assign\/action' on the linked scope\(s\) '.+\/robot'/,
    );
  });

  it('leave everything as it was', async () => {
    const { body } = await arm.send('GET', vault);
    const { softDeleteRetentionInDays, enablePurgeProtection, sku } = body.properties;
    assert.deepEqual([softDeleteRetentionInDays, enablePurgeProtection, sku.name], [7, true, 'standard']);
    assert.equal((await arm.send('GET', `${group}/providers/Microsoft.KeyVault/vaults/new-one`)).status, 404);
  });
});
