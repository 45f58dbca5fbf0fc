import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';

describe('resource groups', () => {
  let arm: ManagementPlane;
  const groupPath = (name: string) => `${arm.subscription}/resourcegroups/${name}`;

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('are made, read in any case, retagged, and are there or not', async () => {
    const made = await arm.send('PUT', groupPath('Team-A'), { body: { location: 'West Europe', tags: { a: '1' } } });
    assert.equal(made.status, 201);
    assert.equal(made.body.id, `${arm.subscription}/resourceGroups/Team-A`);
    assert.equal(made.body.location, 'westeurope');
    assert.equal(made.body.properties.provisioningState, 'Succeeded');
    assert.deepEqual((await arm.send('GET', groupPath('TEAM-a'))).body, made.body);
    const again = await arm.send('PUT', groupPath('team-a'), { body: { location: 'westeurope' } });
    assert.equal(again.status, 200);
    assert.equal(again.body.name, 'Team-A');
    assert.deepEqual(again.body.tags, {});
    const patched = await arm.send('PATCH', groupPath('team-a'), { body: { tags: { b: '2' } } });
    assert.deepEqual(patched.body.tags, { b: '2' });
    assert.equal((await arm.send('HEAD', groupPath('team-a'))).status, 204);
    assert.equal((await arm.send('HEAD', groupPath('team-b'))).status, 404);
    const missing = await arm.send('GET', groupPath('team-b'));
    assert.equal(missing.status, 404);
    assert.equal(missing.body.error.code, 'ResourceGroupNotFound');
  });

  it('refuse bad names, bad tags and another location', async () => {
    const send = (name: string, body: object) => arm.send('PUT', groupPath(name), { body });
    assert.equal((await send('ends.', { location: 'local' })).body.error.code, 'InvalidResourceGroup');
    assert.equal((await send('gr%C3%BCppe', { location: 'local' })).body.error.code, 'InvalidResourceGroup');
    assert.equal((await send('a%2Fb', { location: 'local' })).body.error.code, 'InvalidResourceGroup');
    assert.equal((await send('x', {})).body.error.code, 'LocationRequired');
    assert.equal((await send('x', { location: 'local', tags: { a: 1 } })).body.error.code, 'InvalidTagValue');
    const moved = await send('apps', { location: 'westus' });
    assert.equal(moved.status, 409);
    assert.equal(moved.body.error.code, 'InvalidResourceGroupLocation');
  });

  it('are listed in order, page by page, and only those that the caller may read', async () => {
    const list = async (query = '', as?: string) =>
      (await arm.send('GET', `${arm.subscription}/resourcegroups${query}`, as === undefined ? {} : { as })).body;
    await arm.send('PUT', groupPath('listed'), { body: { location: 'local' } });
    const first = await list('?$top=1');
    assert.equal(first.value[0].name, 'apps');
    const second = await arm.send('GET', first.nextLink);
    assert.notEqual(second.body.value[0].name, 'apps');
    const reader = await arm.principal('Reader', `${arm.subscription}/resourceGroups/listed`);
    const names = (await list('', reader)).value.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['listed']);
    assert.equal((await list("?$filter=name eq 'a'")).error.code, 'InvalidFilterInQueryString');
  });

  it('take all that is inside with them: vaults into soft delete, identities and roles for good', async () => {
    await arm.send('PUT', groupPath('doomed'), { body: { location: 'local' } });
    const inside = `${arm.subscription}/resourceGroups/doomed`;
    const vault = `${inside}/providers/Microsoft.KeyVault/vaults/doomed-vault`;
    const identity = `${inside}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/robot`;
    const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
    await arm.send('PUT', vault, { body: { location: 'local', properties } });
    const robot = await arm.send('PUT', identity, { body: { location: 'local' } });
    assert.equal(robot.status, 201);
    const holder = await arm.principal('Reader', inside);
    await arm.grant(holder, 'Key Vault Secrets User', vault);
    await arm.grant(holder, 'Reader', `${arm.subscription}/resourceGroups/doomed2`);

    assert.equal((await arm.send('DELETE', groupPath('doomed'))).status, 200);
    assert.equal((await arm.send('DELETE', groupPath('doomed'))).status, 404);
    assert.notEqual((await arm.directory.find('doomed-vault'))?.deleted, null);
    const left = await arm.access.grantsOf(arm.caller(holder));
    assert.deepEqual(
      left.map(({ scope }) => scope).sort(),
      [vault, `${arm.subscription}/resourceGroups/doomed2`].sort(),
    );
    await arm.send('PUT', groupPath('doomed'), { body: { location: 'local' } });
    assert.equal((await arm.send('GET', identity)).status, 404);
    const recovered = await arm.send('PUT', vault, {
      body: { location: 'local', properties: { ...properties, createMode: 'recover' } },
    });
    assert.equal(recovered.status, 200);
    const back = await arm.access.grantsOf(arm.caller(holder));
    assert.ok(back.some(({ scope }) => scope === vault));
  });

  it('leave the roles at a deleted vault to it, until it is purged', async () => {
    const inside = `${arm.subscription}/resourceGroups/purged`;
    const vault = `${inside}/providers/Microsoft.KeyVault/vaults/purged-vault`;
    const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
    const holder = await arm.principal();
    const create = async () => {
      await arm.send('PUT', groupPath('purged'), { body: { location: 'local' } });
      return arm.send('PUT', vault, { body: { location: 'local', properties } });
    };
    const scopes = async () => (await arm.access.grantsOf(arm.caller(holder))).map(({ scope }) => scope).sort();
    assert.equal((await create()).status, 200);
    await arm.grant(holder, 'Key Vault Secrets User', vault);
    await arm.grant(holder, 'Key Vault Secrets User', `${vault}/secrets/one`);
    await arm.grant(holder, 'Reader', inside);
    assert.equal((await arm.send('DELETE', groupPath('purged'))).status, 200);
    assert.deepEqual(await scopes(), [vault, `${vault}/secrets/one`]);
    assert.equal((await create()).status, 409);
    const deleted = `${arm.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/purged-vault`;
    assert.equal((await arm.send('POST', `${deleted}/purge`)).status, 202);
    assert.deepEqual(await scopes(), []);
    assert.equal((await create()).status, 200);
  });
});
