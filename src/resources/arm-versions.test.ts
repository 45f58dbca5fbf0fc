import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { keyVaultVersions } from './arm-versions.ts';

/** What a version does where nothing is asked, by the published versions of Microsoft.KeyVault. */
interface Expected {
  readonly version: string;
  /** `enableRbacAuthorization` of a vault that is created without it. */
  readonly rbac: boolean;
  /** Whether a PUT that leaves the member out resets it: only where the version has the member. */
  readonly resets: { readonly networkAcls: boolean; readonly publicNetworkAccess: boolean };
}

const row = (version: string, rbac: boolean, networkAcls: boolean, publicNetworkAccess: boolean): Expected => ({
  version,
  rbac,
  resets: { networkAcls, publicNetworkAccess },
});

const table: readonly Expected[] = [
  row('2015-06-01', false, false, false),
  row('2016-10-01', false, false, false),
  row('2018-02-14-preview', false, true, false),
  row('2018-02-14', false, true, false),
  row('2019-09-01', false, true, false),
  row('2020-04-01-preview', false, true, false),
  row('2021-04-01-preview', false, true, false),
  row('2021-06-01-preview', false, true, true),
  row('2021-10-01', false, true, true),
  row('2021-11-01-preview', false, true, true),
  row('2022-02-01-preview', false, true, true),
  row('2022-07-01', false, true, true),
  row('2022-11-01', false, true, true),
  row('2023-02-01', false, true, true),
  row('2023-07-01', false, true, true),
  row('2024-04-01-preview', false, true, true),
  row('2024-11-01', false, true, true),
  row('2024-12-01-preview', false, true, true),
  row('2025-05-01', false, true, true),
  row('2026-02-01', true, true, true),
  row('2026-05-15', true, true, true),
];

let arm: ManagementPlane;
let group: string;

before(async () => {
  arm = await managementPlane();
  group = `${arm.subscription}/resourceGroups/apps`;
});

after(() => arm?.cleanup());

const closed = {
  networkAcls: { defaultAction: 'Deny', bypass: 'None', ipRules: [{ value: '203.0.113.0/24' }] },
  publicNetworkAccess: 'Disabled',
};
const body = (properties: object) => ({
  location: 'local',
  properties: { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' }, ...properties },
});

it('the table has every version that is served', () => {
  assert.deepEqual(
    table.map(({ version }) => version),
    keyVaultVersions.known,
  );
});

for (const [index, { version, rbac, resets }] of table.entries()) {
  describe(`vaults at ${version}`, () => {
    const send = (method: string, path: string, value?: object) =>
      arm.send(method, path, { version, ...(value && { body: value }) });
    const path = () => `${group}/providers/Microsoft.KeyVault/vaults/ver${index}`;

    it('are created with the defaults of the version', async () => {
      const made = await send('PUT', path(), body({ enableSoftDelete: null, enableRbacAuthorization: null }));
      assert.equal(made.status, 200);
      const { properties, systemData } = made.body;
      assert.equal(properties.enableRbacAuthorization, rbac);
      assert.deepEqual([properties.enableSoftDelete, properties.softDeleteRetentionInDays], [true, 90]);
      assert.deepEqual([properties.publicNetworkAccess, properties.networkAcls.defaultAction], ['Enabled', 'Allow']);
      assert.equal(properties.enablePurgeProtection, undefined, 'it is left out while it is off');
      assert.deepEqual([systemData.createdBy, systemData.createdByType], [arm.owner, 'Application']);
      assert.deepEqual((await send('GET', path())).body, made.body);
    });

    it('always have soft delete, and one retention', async () => {
      const other = `${path()}x`;
      assert.equal((await send('PUT', other, body({ enableSoftDelete: false }))).status, 400);
      assert.equal((await send('GET', other)).status, 404, 'nothing was made');
      const changed = await send('PATCH', path(), { properties: { softDeleteRetentionInDays: 7 } });
      assert.deepEqual([changed.status, changed.body.error.code], [400, 'BadRequest']);
    });

    it('keep, on a PUT without them, the settings that the version does not know', async () => {
      await arm.send('PATCH', path(), { body: { properties: closed }, version: '2026-02-01' });
      const { properties } = (await send('PUT', path(), body({}))).body;
      assert.equal(properties.networkAcls.defaultAction, resets.networkAcls ? 'Allow' : 'Deny');
      assert.equal(properties.publicNetworkAccess, resets.publicNetworkAccess ? 'Enabled' : 'Disabled');
      assert.equal(properties.enableRbacAuthorization, rbac, 'the model never changes unasked');
    });

    it('take their access policies one by one', async () => {
      const policy = (secrets: string[]) => ({
        properties: { accessPolicies: [{ tenantId: arm.tenantId, objectId: arm.owner, permissions: { secrets } }] },
      });
      const change = async (kind: string, secrets: string[]) =>
        (await send('PUT', `${path()}/accessPolicies/${kind}`, policy(secrets))).body.properties.accessPolicies.map(
          ({ permissions }: { permissions: { secrets: string[] } }) => permissions.secrets,
        );
      assert.deepEqual(await change('add', ['get']), [['get']]);
      assert.deepEqual(await change('add', ['list']), [['get', 'list']]);
      assert.deepEqual(await change('remove', ['get']), [['list']]);
      assert.deepEqual(await change('replace', ['set']), [['set']]);
    });

    it('are deleted, listed so, named as taken, and purged', async () => {
      const provider = `${arm.subscription}/providers/Microsoft.KeyVault`;
      const asked = { name: `ver${index}`, type: 'Microsoft.KeyVault/vaults' };
      const check = async () => (await send('POST', `${provider}/checkNameAvailability`, asked)).body;
      assert.equal((await send('DELETE', path())).status, 200);
      const [deleted] = (await send('GET', `${provider}/deletedVaults`)).body.value;
      assert.equal(deleted.properties.vaultId, path());
      assert.deepEqual((await send('GET', `${provider}/locations/local/deletedVaults/ver${index}`)).body, deleted);
      assert.deepEqual([(await check()).nameAvailable, (await check()).reason], [false, 'AlreadyExists']);
      const purged = await send('POST', `${provider}/locations/local/deletedVaults/ver${index}/purge`);
      assert.equal(purged.status, 202);
      assert.equal((await send('GET', purged.headers['location'] as string)).status, 200);
      assert.deepEqual(await check(), { nameAvailable: true });
    });
  });
}
