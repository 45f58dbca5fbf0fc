import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';

describe('management locks', () => {
  let arm: ManagementPlane;
  let group: string;
  let vault: string;
  const lockAt = (scope: string, name: string) => `${scope}/providers/Microsoft.Authorization/locks/${name}`;
  const version = '2020-05-01';
  const lock = (scope: string, name: string, level: string, as?: string) =>
    arm.send('PUT', lockAt(scope, name), {
      version,
      body: { properties: { level, notes: 'kept' } },
      ...(as !== undefined && { as }),
    });
  const unlock = (scope: string, name: string) => arm.send('DELETE', lockAt(scope, name), { version });
  const vaultBody = () => ({
    location: 'local',
    properties: { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } },
  });

  before(async () => {
    arm = await managementPlane();
    group = `${arm.subscription}/resourceGroups/apps`;
    vault = `${group}/providers/Microsoft.KeyVault/vaults/locked-vault`;
    assert.equal((await arm.send('PUT', vault, { body: vaultBody() })).status, 200);
  });
  after(() => arm.cleanup());

  it('are made, replaced, read, listed at, above and below, and removed', async () => {
    const made = await lock(vault.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions'), 'Keep', 'cannotdelete');
    assert.equal(made.status, 201);
    assert.deepEqual(made.body, {
      id: lockAt(vault, 'Keep'),
      type: 'Microsoft.Authorization/locks',
      name: 'Keep',
      properties: { level: 'CanNotDelete', notes: 'kept' },
    });
    assert.equal((await lock(vault, 'keep', 'ReadOnly')).status, 200);
    assert.equal((await lock(arm.subscription, 'all', 'CanNotDelete')).status, 201);
    const list = async (scope: string, query = '') =>
      (await arm.send('GET', `${scope}/providers/Microsoft.Authorization/locks${query}`, { version })).body.value.map(
        ({ name }: { name: string }) => name,
      );
    assert.deepEqual(await list(group), ['all', 'Keep']);
    assert.deepEqual(await list(group, '?$filter=atScope()'), ['all']);
    const first = await arm.send('GET', `${vault}/providers/Microsoft.Authorization/locks?$top=1`, { version });
    const second = await arm.send('GET', first.body.nextLink);
    assert.deepEqual([first.body.value[0].name, second.body.value[0].name], ['all', 'Keep']);
    assert.equal((await arm.send('GET', lockAt(vault, 'KEEP'), { version })).body.properties.level, 'ReadOnly');
    assert.equal((await unlock(vault, 'keep')).status, 200);
    assert.equal((await unlock(vault, 'keep')).status, 204);
    assert.equal((await unlock(arm.subscription, 'all')).status, 200);
    const gone = await arm.send('GET', lockAt(vault, 'keep'), { version });
    assert.deepEqual([gone.status, gone.body.error.code], [404, 'LockNotFound']);
    const filtered = await arm.send('GET', `${vault}/providers/Microsoft.Authorization/locks?$filter=x eq 'y'`, {
      version,
    });
    assert.equal(filtered.body.error.code, 'InvalidFilterInQueryString');
  });

  it('are refused where they are not what a lock may be, or at what is not there', async () => {
    for (const properties of [undefined, {}, { level: 'NotSpecified' }, { level: 'ReadOnly', notes: 7 }]) {
      const refused = await arm.send('PUT', lockAt(vault, 'bad'), { version, body: { properties } });
      assert.deepEqual([refused.status, refused.body.error.code], [400, 'InvalidLock']);
    }
    assert.equal((await lock(`${vault}-none`, 'bad', 'ReadOnly')).status, 404);
    assert.equal((await lock(vault, 'a%3Ab', 'ReadOnly')).status, 400);
  });

  it('take locks/write: an Owner or User Access Administrator has it, a Contributor has not', async () => {
    const contributor = await arm.principal('Contributor');
    assert.equal((await lock(vault, 'mine', 'ReadOnly', contributor)).status, 403);
    const administrator = await arm.principal('User Access Administrator');
    assert.equal((await lock(vault, 'mine', 'ReadOnly', administrator)).status, 201);
    await unlock(vault, 'mine');
  });

  it('keep from deletion what they are at and all that holds it, and let changes through', async () => {
    await lock(vault, 'keep', 'CanNotDelete');
    for (const path of [vault, group]) {
      const refused = await arm.send('DELETE', path);
      assert.deepEqual([refused.status, refused.body.error.code], [409, 'ScopeLocked']);
      assert.ok(
        refused.body.error.message.startsWith(
          `The scope '${path}' cannot perform delete operation because following scope(s) are locked: '${vault}'. Please remove the lock and try again.`,
        ),
      );
    }
    assert.equal((await arm.directory.find('locked-vault'))?.deleted, null, 'nothing was half deleted');
    assert.equal((await arm.send('PATCH', vault, { body: { tags: { a: '1' } } })).status, 200);
    await unlock(vault, 'keep');
  });

  it('with ReadOnly above stop every change and no read, roles included', async () => {
    await lock(group, 'frozen', 'ReadOnly');
    const role = `${vault}/providers/Microsoft.Authorization/roleAssignments/${arm.owner}`;
    const policies = { properties: { accessPolicies: [] } };
    const attempts: [string, string, object | undefined][] = [
      ['PUT', `${group}/providers/Microsoft.KeyVault/vaults/another`, vaultBody()],
      ['PATCH', vault, { tags: {} }],
      ['PUT', `${vault}/accessPolicies/add`, policies],
      ['PATCH', group, { tags: {} }],
      ['DELETE', vault, undefined],
      ['PUT', role, { properties: {} }],
    ];
    for (const [method, path, body] of attempts) {
      const refused = await arm.send(method, path, body ? { body } : {});
      assert.deepEqual([refused.status, refused.body.error.code], [409, 'ScopeLocked'], `${method} ${path}`);
    }
    assert.equal((await arm.send('GET', vault)).status, 200);
    assert.equal((await unlock(group, 'frozen')).status, 200);
    assert.equal((await arm.send('PATCH', vault, { body: { tags: {} } })).status, 200, 'from the next request');
  });

  it('at the group keep a deleted vault of it from being purged', async () => {
    const path = `${group}/providers/Microsoft.KeyVault/vaults/to-purge`;
    await arm.send('PUT', path, { body: vaultBody() });
    assert.equal((await arm.send('DELETE', path)).status, 200);
    await lock(group, 'keep', 'CanNotDelete');
    const purge = `${arm.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/to-purge/purge`;
    const refused = await arm.send('POST', purge);
    assert.deepEqual([refused.status, refused.body.error.code], [409, 'ScopeLocked']);
    await unlock(group, 'keep');
    assert.equal((await arm.send('POST', purge)).status, 202);
  });
});
