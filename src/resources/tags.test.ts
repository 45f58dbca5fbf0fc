import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { changeTags, hasTag } from './tag-rules.ts';

describe('changing tags', () => {
  it('merges by names in any case, replaces, and deletes by name or by name and value', () => {
    const current = { Team: 'blue', env: 'dev' };
    assert.deepEqual(changeTags(current, 'merge', { team: 'red', more: '' }), { env: 'dev', team: 'red', more: '' });
    assert.deepEqual(changeTags(current, 'replace', { a: 'b' }), { a: 'b' });
    assert.deepEqual(changeTags(current, 'delete', { TEAM: '' }), { env: 'dev' });
    assert.deepEqual(changeTags(current, 'delete', { team: 'blue' }), { env: 'dev' });
    assert.deepEqual(changeTags(current, 'delete', { team: 'red', other: '' }), current);
  });

  it('leaves at most fifty', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`t${index}`, '']));
    assert.equal(Object.keys(changeTags(many, 'merge', { T0: 'again' })).length, 50);
    assert.throws(() => changeTags(many, 'merge', { one: 'more' }), { code: 'tags-invalid' });
  });

  it('is looked for by name, beginning and value', () => {
    const none = { name: null, namePrefix: null, value: null };
    assert.equal(hasTag({}, none), true);
    assert.equal(hasTag({}, { ...none, name: 'a' }), false);
    assert.equal(hasTag({ A: 'x', b: 'y' }, { ...none, name: 'a', value: 'x' }), true);
    assert.equal(hasTag({ A: 'x', b: 'y' }, { ...none, name: 'a', value: 'y' }), false, 'of one tag, not of two');
    assert.equal(hasTag({ Abc: '' }, { ...none, namePrefix: 'aB' }), true);
  });
});

describe('the tags of a scope', () => {
  let arm: ManagementPlane;
  let group: string;
  let vault: string;
  let machine: string;
  let robot: string;

  before(async () => {
    arm = await managementPlane();
    group = `${arm.subscription}/resourceGroups/apps`;
    vault = `${group}/providers/Microsoft.KeyVault/vaults/tagged`;
    machine = `${group}/providers/Microsoft.Compute/virtualMachines/machine`;
    robot = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/robot`;
    const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
    await arm.send('PUT', vault, { body: { location: 'local', properties, tags: { first: '1' } } });
    await arm.send('PUT', machine, { body: { location: 'local' }, version: '2024-07-01' });
    await arm.send('PUT', robot, { body: { location: 'local' } });
  });
  after(() => arm?.cleanup());

  const version = '2021-04-01';
  const at = (scope: string) => `${scope}/providers/Microsoft.Resources/tags/default`;
  const get = async (scope: string) => (await arm.send('GET', at(scope), { version })).body.properties.tags;
  const put = (scope: string, tags: object, as?: string) =>
    arm.send('PUT', at(scope), { version, body: { properties: { tags } }, ...(as !== undefined && { as }) });
  const patch = (scope: string, operation: string, tags: object) =>
    arm.send('PATCH', at(scope), { version, body: { operation, properties: { tags } } });

  it('are read, replaced, merged and taken away, of subscriptions, groups and every kind of resource', async () => {
    for (const scope of [arm.subscription, group, vault, machine, robot]) {
      const put1 = await put(scope.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions'), { a: 'b', c: 'd' });
      assert.equal(put1.status, 200, scope);
      assert.deepEqual(put1.body, {
        id: at(scope),
        name: 'default',
        type: 'Microsoft.Resources/tags',
        properties: { tags: { a: 'b', c: 'd' } },
      });
      assert.deepEqual((await patch(scope, 'Merge', { e: 'f' })).body.properties.tags, { a: 'b', c: 'd', e: 'f' });
      assert.deepEqual((await patch(scope, 'delete', { a: 'b' })).body.properties.tags, { c: 'd', e: 'f' });
      assert.deepEqual((await patch(scope, 'Replace', { only: '' })).body.properties.tags, { only: '' });
      assert.deepEqual(await get(scope), { only: '' });
      assert.equal((await arm.send('DELETE', at(scope), { version })).status, 200);
      assert.deepEqual(await get(scope), {});
    }
  });

  it('are those that the resource itself shows', async () => {
    for (const [scope, resourceVersion] of [
      [group, '2022-09-01'],
      [vault, '2023-07-01'],
      [machine, '2024-07-01'],
      [robot, '2023-01-31'],
      [arm.subscription, '2022-12-01'],
    ] as const) {
      await put(scope, { shown: 'yes' });
      assert.deepEqual((await arm.send('GET', scope, { version: resourceVersion })).body.tags, { shown: 'yes' }, scope);
    }
    const filter = encodeURIComponent("tagname eq 'shown' and tagvalue eq 'yes'");
    const groups = await arm.send('GET', `${arm.subscription}/resourceGroups?$filter=${filter}`);
    assert.deepEqual(
      groups.body.value.map(({ name }: { name: string }) => name),
      ['apps'],
    );
  });

  it('take the actions of tags, and heed locks at the scope, not below it', async () => {
    const reader = await arm.principal('Reader', vault);
    assert.equal((await arm.send('GET', at(vault), { version, as: reader })).status, 200);
    const refused = await put(vault, {}, reader);
    assert.deepEqual([refused.status, refused.body.error.code], [403, 'AuthorizationFailed']);
    const lock = `${vault}/providers/Microsoft.Authorization/locks/frozen`;
    await arm.send('PUT', lock, { body: { properties: { level: 'ReadOnly' } }, version: '2020-05-01' });
    assert.equal((await put(vault, { x: 'y' })).body.error.code, 'ScopeLocked');
    assert.equal((await arm.send('DELETE', at(group), { version })).status, 200);
    await arm.send('DELETE', lock, { version: '2020-05-01' });
  });

  it('are refused in other forms, and at scopes that have none', async () => {
    for (const body of [
      {},
      { properties: { tags: [] } },
      { properties: { tags: { a: 7 } } },
      { properties: { tags: { 'a<': '' } } },
    ]) {
      assert.equal((await arm.send('PUT', at(vault), { version, body })).status, 400, JSON.stringify(body));
    }
    assert.equal((await patch(vault, 'Perhaps', {})).body.error.code, 'InvalidRequestContent');
    const [nobody] = [`${group}/providers/Microsoft.KeyVault/vaults/nobody`];
    assert.equal((await put(nobody, {})).body.error.code, 'ResourceNotFound');
    assert.equal(
      (await put(`${arm.subscription}/resourceGroups/nowhere`, {})).body.error.code,
      'ResourceGroupNotFound',
    );
    assert.equal((await put(`${vault}/secrets/one`, {})).status, 404);
  });
});
