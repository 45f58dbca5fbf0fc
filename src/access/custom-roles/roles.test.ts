import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../../tests/support/management-plane.ts';

const READ = 'Microsoft.KeyVault/vaults/read';

describe('custom roles', () => {
  let arm: ManagementPlane;
  let group: string;
  const path = (scope: string, id = '') => `${scope}/providers/Microsoft.Authorization/roleDefinitions/${id}`;
  const put = (properties: object, options: { id?: string; scope?: string; as?: string } = {}) => {
    const { id = randomUUID(), scope = arm.subscription, as } = options;
    return arm.send('PUT', path(scope, id), { body: { properties }, ...(as !== undefined && { as }) });
  };
  const sample = (more: object = {}) => ({
    roleName: `Role ${randomUUID()}`,
    description: 'for a test',
    type: 'CustomRole',
    permissions: [{ actions: [READ], notActions: [], dataActions: [], notDataActions: [] }],
    assignableScopes: [arm.subscription],
    ...more,
  });
  const assign = (scope: string, principalId: string, roleId: string, as?: string) =>
    arm.send('PUT', `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`, {
      body: { properties: { roleDefinitionId: path(arm.subscription, roleId), principalId } },
      ...(as !== undefined && { as }),
    });
  const names = async (scope: string, filter = '') => {
    const query = filter === '' ? '' : `?$filter=${encodeURIComponent(filter)}`;
    const { body } = await arm.send('GET', `${path(scope).replace(/\/$/, '')}${query}`);
    return body.value.map((role: { properties: { roleName: string } }) => role.properties.roleName) as string[];
  };

  before(async () => {
    arm = await managementPlane();
    group = `${arm.subscription}/resourceGroups/apps`;
  });
  after(() => arm.cleanup());

  it('are created (201), read, found by name, changed (201) and deleted', async () => {
    const id = randomUUID();
    const made = await put(sample({ roleName: 'Vault Looker' }), { id });
    assert.equal(made.status, 201);
    assert.equal(made.body.name, id);
    assert.equal(made.body.properties.type, 'CustomRole');
    assert.deepEqual(made.body.properties.assignableScopes, [arm.subscription]);
    assert.deepEqual((await arm.send('GET', path(arm.subscription, id))).body, made.body);
    assert.deepEqual(await names(arm.subscription, "roleName eq 'vault looker'"), ['Vault Looker']);
    assert.ok((await names(group, "type eq 'CustomRole'")).includes('Vault Looker'));
    const changed = await put(sample({ roleName: 'Vault Looker', description: 'other' }), { id });
    assert.equal(changed.status, 201);
    assert.equal(changed.body.properties.description, 'other');
    assert.equal((await arm.send('DELETE', path(arm.subscription, id))).status, 200);
    assert.equal((await arm.send('DELETE', path(arm.subscription, id))).status, 204);
    assert.equal((await arm.send('GET', path(arm.subscription, id))).status, 404);
  });

  it('give what they name with the next request, and what a change of them names with the next', async () => {
    const id = randomUUID();
    const body = sample();
    await put(body, { id });
    const holder = await arm.principal();
    assert.equal((await assign(group, holder, id)).status, 201);
    const may = async (action: string) => (await arm.access.grantsFor(arm.caller(holder), action, group)).length > 0;
    assert.deepEqual([await may(READ), await may('Microsoft.KeyVault/vaults/write')], [true, false]);
    await put({ ...body, permissions: [{ actions: ['Microsoft.KeyVault/*'], notActions: ['*/read'] }] }, { id });
    assert.deepEqual([await may(READ), await may('Microsoft.KeyVault/vaults/write')], [false, true]);
    await put({ ...body, permissions: [{ dataActions: ['Microsoft.KeyVault/*'] }] }, { id });
    assert.deepEqual([await may(READ), await may('Microsoft.KeyVault/vaults/write')], [false, false]);
  });

  it('can be assigned at their scopes and below, nowhere above or beside', async () => {
    const id = randomUUID();
    await put(sample({ assignableScopes: [group.toUpperCase().replace('SUBSCRIPTIONS', 'subscriptions')] }), { id });
    const holder = await arm.principal();
    const above = await assign(arm.subscription, holder, id);
    assert.equal(above.status, 400);
    assert.equal(above.body.error.code, 'RoleAssignmentScopeNotAssignableToRoleDefinition');
    assert.equal((await assign(group, holder, id)).status, 201);
    assert.ok(!(await names(arm.subscription, "type eq 'CustomRole'")).includes('nobody'));
    const here = await names(arm.subscription, "type eq 'CustomRole'");
    const below = await names(arm.subscription, "type eq 'CustomRole' and atScopeAndBelow()");
    assert.equal(below.length, here.length + 1);
  });

  it('are not deleted while somebody holds them', async () => {
    const id = randomUUID();
    await put(sample(), { id });
    const made = await assign(group, await arm.principal(), id);
    const refused = await arm.send('DELETE', path(arm.subscription, id));
    assert.equal(refused.status, 400);
    assert.equal(refused.body.error.code, 'RoleDefinitionHasAssignments');
    await arm.send('DELETE', made.body.id);
    assert.equal((await arm.send('DELETE', path(arm.subscription, id))).status, 200);
  });

  it('have names of their own, over every letter case and the built-in ones', async () => {
    await put(sample({ roleName: 'Only One' }));
    for (const roleName of ['only ONE', 'key vault READER']) {
      const twin = await put(sample({ roleName }));
      assert.equal(twin.status, 409);
      assert.equal(twin.body.error.code, 'RoleDefinitionWithSameNameExists');
    }
  });

  it('are managed by whoever may at every scope that they can be assigned at, or could be before', async () => {
    await arm.send('PUT', `${arm.subscription}/resourceGroups/others`, { body: { location: 'local' } });
    const others = `${arm.subscription}/resourceGroups/others`;
    const local = await arm.principal('User Access Administrator', group);
    const own = await put(sample({ assignableScopes: [group] }), { scope: group, as: local });
    assert.equal(own.status, 201);
    for (const assignableScopes of [[others], [group, others], [arm.subscription]]) {
      const refused = await put(sample({ assignableScopes }), { scope: group, as: local });
      assert.equal(refused.status, 403, String(assignableScopes));
      assert.equal(refused.body.error.code, 'AuthorizationFailed');
    }
    const wide = randomUUID();
    await put(sample({ assignableScopes: [group, others] }), { id: wide });
    const taken = await put(sample({ assignableScopes: [group] }), { id: wide, scope: group, as: local });
    assert.equal(taken.status, 403);
    const gone = await arm.send('DELETE', path(group, wide), { as: local });
    assert.equal(gone.status, 403);
    const limited = await arm.principal('Key Vault Data Access Administrator', group);
    assert.equal((await put(sample({ assignableScopes: [group] }), { scope: group, as: limited })).status, 403);
  });

  it('refuse what is malformed', async () => {
    const permissions = (block: object) => ({ permissions: [block] });
    for (const more of [
      { roleName: '' },
      { roleName: 'a'.repeat(513) },
      { roleName: 'a\nb' },
      { description: 'a'.repeat(2049) },
      { description: 7 },
      { type: 'BuiltInRole' },
      { permissions: [] },
      { permissions: 'all' },
      permissions({}),
      permissions({ actions: ['no pattern'] }),
      permissions({ actions: ['Microsoft.KeyVaսlt/vaults/read'] }),
      permissions({ actions: 'x' }),
      permissions({ actions: ['*'], condition: 'x' }),
      { assignableScopes: [] },
      { assignableScopes: ['/'] },
      { assignableScopes: ['/subscriptions/*'] },
      { assignableScopes: ['/providers/Microsoft.Management/managementGroups/x'] },
    ]) {
      const { status, body } = await put(sample(more));
      assert.equal(status, 400, JSON.stringify(more).slice(0, 100));
      assert.equal(body.error.code, 'InvalidRoleDefinition', JSON.stringify(more).slice(0, 100));
    }
    const missing = await put(sample({ assignableScopes: [`${arm.subscription}/resourceGroups/nowhere`] }));
    assert.equal(missing.body.error.code, 'ResourceGroupNotFound');
    assert.equal((await put(sample(), { id: 'name' })).body.error.code, 'InvalidRoleDefinitionId');
    const owner = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
    for (const refused of [
      await put(sample(), { id: owner }),
      await arm.send('DELETE', path(arm.subscription, owner.toUpperCase())),
    ]) {
      assert.equal(refused.body.error.code, 'BuiltInRoleDefinitionCannotBeModified');
    }
  });
});
