import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';

describe('user-assigned identities', () => {
  let arm: ManagementPlane;
  const path = (name: string) =>
    `${arm.subscription}/resourceGroups/apps/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('are made with a principal that can hold roles, keep it through a PUT, and lose it with themselves', async () => {
    const made = await arm.send('PUT', path('Robot'), { body: { location: 'local', tags: { a: '1' } } });
    assert.equal(made.status, 201);
    assert.equal(made.body.properties.tenantId, arm.tenantId);
    assert.match(made.body.properties.principalId, /^[0-9a-f-]{36}$/);
    const again = await arm.send('PUT', path('robot'), { body: { location: 'local', tags: { b: '2' } } });
    assert.equal(again.status, 200);
    assert.deepEqual(again.body.properties, made.body.properties);
    assert.deepEqual((await arm.send('GET', path('ROBOT'))).body.tags, { b: '2' });
    const patched = await arm.send('PATCH', path('robot'), { body: { tags: { c: '3' } } });
    assert.deepEqual(patched.body.tags, { c: '3' });
    const { principalId } = made.body.properties;
    await arm.grant(principalId, 'Reader', arm.subscription);
    assert.equal((await arm.send('GET', path('robot'), { as: principalId })).status, 200);
    assert.equal((await arm.send('DELETE', path('robot'))).status, 200);
    assert.equal((await arm.send('DELETE', path('robot'))).status, 204);
    assert.equal((await arm.send('GET', path('robot'), { as: principalId })).status, 403);
  });

  it('are listed by group and by subscription', async () => {
    for (const name of ['list-a', 'list-b']) await arm.send('PUT', path(name), { body: { location: 'local' } });
    const type = 'providers/Microsoft.ManagedIdentity/userAssignedIdentities';
    for (const scope of [arm.subscription, `${arm.subscription}/resourceGroups/apps`]) {
      const first = await arm.send('GET', `${scope}/${type}?$top=1`);
      const second = await arm.send('GET', first.body.nextLink);
      const names = [...first.body.value, ...second.body.value].map(({ name }) => name);
      assert.deepEqual(names, ['list-a', 'list-b']);
      assert.equal(second.body.nextLink, undefined);
    }
  });

  it('refuse bad names and another location', async () => {
    assert.equal(
      (await arm.send('PUT', path('_x'), { body: { location: 'local' } })).body.error.code,
      'InvalidResourceName',
    );
    await arm.send('PUT', path('stays'), { body: { location: 'local' } });
    assert.equal((await arm.send('PUT', path('stays'), { body: { location: 'westus' } })).status, 409);
    assert.equal((await arm.send('GET', path('missing'))).body.error.code, 'ResourceNotFound');
  });
});
