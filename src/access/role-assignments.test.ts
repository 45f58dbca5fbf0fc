import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { principalIdsOf } from '../identity/service.ts';
import { builtInRoles } from './built-in-roles.ts';

describe('role assignments', () => {
  let arm: ManagementPlane;
  let vault: string;
  const roleId = (name: string) => builtInRoles.find((role) => role.name === name)!.id;
  const definition = (name: string) =>
    `${arm.subscription}/providers/Microsoft.Authorization/roleDefinitions/${roleId(name)}`;
  const path = (scope: string, id: string) => `${scope}/providers/Microsoft.Authorization/roleAssignments/${id}`;
  const assign = (
    scope: string,
    principalId: string,
    role: string,
    more: object = {},
    as?: string,
    id = randomUUID(),
  ) =>
    arm.send('PUT', path(scope, id), {
      ...(as !== undefined && { as }),
      body: { properties: { roleDefinitionId: definition(role), principalId, ...more } },
    });
  const list = async (
    scope: string,
    filter = '',
  ): Promise<{ id: string; scope: string; roleDefinitionId: string }[]> => {
    const query = filter === '' ? '' : `?$filter=${encodeURIComponent(filter)}`;
    const { body } = await arm.send('GET', `${scope}/providers/Microsoft.Authorization/roleAssignments${query}`);
    return body.value.map((one: { name: string; properties: object }) => ({ id: one.name, ...one.properties }));
  };

  before(async () => {
    arm = await managementPlane();
    vault = `${arm.subscription}/resourceGroups/apps/providers/Microsoft.KeyVault/vaults/roles-vault`;
    const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
    await arm.send('PUT', vault, { body: { location: 'local', properties } });
  });
  after(() => arm.cleanup());

  it('are made at every kind of scope, work with the next request, and end with it', async () => {
    const scopes = [
      arm.subscription,
      `${arm.subscription}/resourceGroups/apps`,
      vault,
      `${vault}/secrets/one`,
      `${vault}/keys/one`,
      `${vault}/certificates/one`,
    ];
    for (const scope of scopes) {
      const reader = await arm.principal();
      const before = await arm.access.grantsFor(arm.caller(reader), 'Microsoft.KeyVault/vaults/read', scope);
      assert.deepEqual(before, []);
      const made = await assign(scope, reader, 'Reader', { principalType: 'ServicePrincipal' });
      assert.equal(made.status, 201, scope);
      assert.equal(made.body.properties.scope, scope);
      assert.equal(made.body.properties.roleDefinitionId, definition('Reader'));
      assert.equal(made.body.properties.principalId, reader);
      assert.equal(made.body.id, path(scope, made.body.name));
      const during = await arm.access.grantsFor(arm.caller(reader), 'Microsoft.KeyVault/vaults/read', scope);
      assert.equal(during.length, 1);
      assert.deepEqual((await arm.send('GET', made.body.id)).body, made.body);
      const gone = await arm.send('DELETE', made.body.id);
      assert.equal(gone.status, 200);
      assert.equal((await arm.send('DELETE', made.body.id)).status, 204);
      assert.equal((await arm.send('GET', made.body.id)).body.error.code, 'RoleAssignmentNotFound');
      const later = await arm.access.grantsFor(arm.caller(reader), 'Microsoft.KeyVault/vaults/read', scope);
      assert.deepEqual(later, []);
    }
  });

  it('are compared by folded scope and shown under the names as they were made', async () => {
    const reader = await arm.principal();
    const made = await assign(
      `${vault.toUpperCase().replace('/SUBSCRIPTIONS/', '/subscriptions/')}/SECRETS/Mine`,
      reader,
      'Reader',
    );
    assert.equal(made.status, 201);
    assert.equal(made.body.properties.scope, `${vault}/secrets/Mine`);
    const twin = await assign(`${vault}/secrets/mine`, reader, 'Reader');
    assert.equal(twin.status, 409);
  });

  it('are given once: a second of the same is a conflict that az understands, the same again is not', async () => {
    const reader = await arm.principal();
    const id = randomUUID();
    assert.equal((await assign(vault, reader, 'Reader', {}, undefined, id)).status, 201);
    assert.equal((await assign(vault, reader, 'Reader', {}, undefined, id)).status, 200);
    const twin = await assign(vault, reader, 'Reader');
    assert.equal(twin.status, 409);
    assert.equal(twin.body.error.code, 'RoleAssignmentExists');
    assert.ok(twin.body.error.message.startsWith('The role assignment already exists.'));
    for (const change of [
      () => assign(vault, reader, 'Key Vault Reader', {}, undefined, id),
      () => assign(arm.subscription, reader, 'Reader', {}, undefined, id),
      async () => assign(vault, await arm.principal(), 'Reader', {}, undefined, id),
    ]) {
      const { status, body } = await change();
      assert.equal(status, 400);
      assert.equal(body.error.code, 'RoleAssignmentUpdateNotPermitted');
    }
    const described = await assign(vault, reader, 'Reader', { description: 'why' }, undefined, id);
    assert.equal(described.body.properties.description, 'why');
    assert.equal((await arm.send('GET', path(vault, id))).body.properties.description, 'why');
  });

  it('of groups reach whoever is in them, through groups too, until they leave', async () => {
    const member = await arm.principal();
    const chain = Array.from({ length: 5 }, () => randomUUID());
    const joins = [member, ...chain].slice(0, 5).map((id, at) => ({ member_id: id, group_id: chain[at]!, created: 0 }));
    // Round in a circle too: the last is in the first.
    joins.push({ member_id: chain[4]!, group_id: chain[0]!, created: 0 });
    await arm.store.write(async (transaction) => {
      await transaction.db.insertInto('group_members').values(joins).execute();
      transaction.touch();
    });
    await arm.grant(chain[4]!, 'Reader', vault);
    assert.equal((await list(vault, `atScope() and assignedTo('${member}')`)).length, 1);
    assert.equal((await list(vault, `atScope() and principalId eq '${member}'`)).length, 0);
    const ids = async () => principalIdsOf(arm.store.reader, member);
    const may = async () =>
      (
        await arm.access.grantsFor(
          { ...arm.caller(member), principalIds: await ids() },
          'Microsoft.KeyVault/vaults/read',
          vault,
        )
      ).length;
    assert.equal(await may(), 1);
    await arm.store.write(async (transaction) => {
      await transaction.db.deleteFrom('group_members').where('group_id', '=', chain[2]!).execute();
      transaction.touch();
    });
    assert.equal(await may(), 0);
    assert.deepEqual(await list(vault, `atScope() and assignedTo('${member}')`), []);
  });

  it('refuse what is not there, what is malformed, and what would not be enforced', async () => {
    const reader = await arm.principal();
    const put = (properties: object, scope = vault, id: string = randomUUID()) =>
      arm.send('PUT', path(scope, id), { body: { properties } });
    const good = { roleDefinitionId: definition('Reader'), principalId: reader };
    const cases: [Promise<{ status: number; body: { error: { code: string } } }>, number, string][] = [
      [put({ ...good, principalId: randomUUID() }), 400, 'PrincipalNotFound'],
      [put({ ...good, principalId: 'someone' }), 400, 'InvalidPrincipalId'],
      [put({ ...good, principalType: 'User' }), 400, 'UnmatchedPrincipalType'],
      [put({ ...good, roleDefinitionId: definition('Reader').replace(/.$/, '0') }), 400, 'RoleDefinitionDoesNotExist'],
      [put({ ...good, roleDefinitionId: 'Reader' }), 400, 'InvalidRoleDefinitionId'],
      [put({ ...good, condition: "@Resource[x] StringEquals 'y'" }), 400, 'InvalidConditionFormat'],
      [put({ ...good, description: 7 }), 400, 'InvalidRequestContent'],
      [put(good, vault, 'not-a-guid'), 400, 'InvalidRoleAssignmentId'],
      [put(good, `${arm.subscription}/resourceGroups/nowhere`), 404, 'ResourceGroupNotFound'],
      [put(good, `${vault}-not`), 404, 'ResourceNotFound'],
      [put(good, `${vault}/storage/one`), 400, 'InvalidScope'],
      [put(good, `${vault}/secrets/a.b`), 400, 'InvalidScope'],
    ];
    for (const [answer, status, code] of cases) {
      const { body, ...rest } = await answer;
      assert.equal(body.error.code, code);
      assert.equal(rest.status, status, code);
    }
    assert.deepEqual(await list(arm.subscription, `principalId eq '${reader}'`), []);
  });

  it('cannot be made past the scope that a role reaches, whatever is encoded in the path', async () => {
    const owner = await arm.principal('Owner', vault);
    const friend = await arm.principal();
    assert.equal((await assign(vault, friend, 'Reader', {}, owner)).status, 201);
    assert.equal((await assign(arm.subscription, friend, 'Reader', {}, owner)).status, 403);
    assert.equal((await assign('', friend, 'Owner', {}, owner)).status, 403);
    const inner = vault.slice(`${arm.subscription}/resourceGroups/`.length);
    const smuggled = `${arm.subscription}/resourceGroups/${encodeURIComponent(inner)}`;
    assert.equal((await assign(smuggled, friend, 'Owner', {}, owner)).status, 403);
    for (const name of ['x%2F..%2F..', '..%2F', 'a%00', 'a%20b']) {
      assert.equal((await assign(`${vault}/secrets/${name}`, friend, 'Owner', {}, owner)).status, 400, name);
    }
  });

  it('are made and removed by a limited administrator for the roles it was given alone', async () => {
    const limited = await arm.principal('Key Vault Data Access Administrator', vault);
    const friend = await arm.principal();
    const made = await assign(vault, friend, 'Key Vault Secrets User', {}, limited);
    assert.equal(made.status, 201);
    for (const role of ['Owner', 'Contributor', 'Key Vault Data Access Administrator', 'Key Vault Certificate User']) {
      const refused = await assign(vault, limited, role, {}, limited);
      assert.equal(refused.status, 403, role);
      assert.equal(refused.body.error.code, 'AuthorizationFailed', role);
    }
    const other = await assign(vault, friend, 'Contributor');
    assert.equal((await arm.send('DELETE', other.body.id, { as: limited })).status, 403);
    assert.equal((await arm.send('GET', other.body.id)).status, 200);
    assert.equal((await arm.send('DELETE', made.body.id, { as: limited })).status, 200);
  });

  it('are listed with the inherited ones, and with those below unless at the scope alone', async () => {
    const group = `${arm.subscription}/resourceGroups/tree`;
    await arm.send('PUT', group, { body: { location: 'local' } });
    await arm.send('PUT', `${arm.subscription}/resourceGroups/tree2`, { body: { location: 'local' } });
    const deep = `${group}/providers/Microsoft.KeyVault/vaults/tree-vault`;
    const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
    await arm.send('PUT', deep, { body: { location: 'local', properties } });
    const one = await arm.principal();
    for (const scope of [
      arm.subscription,
      group,
      `${arm.subscription}/resourceGroups/tree2`,
      deep,
      `${deep}/secrets/x`,
    ]) {
      await assign(scope, one, 'Key Vault Reader');
    }
    const scopes = async (scope: string, filter: string) =>
      (await list(scope, filter)).map((assignment) => assignment.scope);
    const mine = `principalId eq '${one}'`;
    assert.deepEqual(await scopes(group, mine), [arm.subscription, group, deep, `${deep}/secrets/x`]);
    assert.deepEqual(await scopes(group, `atScope() and assignedTo('${one}')`), [arm.subscription, group]);
    assert.deepEqual(await scopes(deep, `atScope() and ${mine}`), [arm.subscription, group, deep]);
    assert.equal((await scopes(arm.subscription, mine)).length, 5);
    assert.ok((await list(arm.subscription)).length > 5);
    assert.ok((await list(arm.subscription, 'atScope()')).every(({ scope }) => scope === arm.subscription));
    const bad = await arm.send(
      'GET',
      `${arm.subscription}/providers/Microsoft.Authorization/roleAssignments?$filter=${encodeURIComponent("roleName eq 'x'")}`,
    );
    assert.equal(bad.body.error.code, 'InvalidFilterInQueryString');
    const pages: string[] = [];
    let next = `${arm.subscription}/providers/Microsoft.Authorization/roleAssignments?$top=2&$filter=${encodeURIComponent(mine)}`;
    for (let count = 0; next !== '' && count < 9; count++) {
      const { body } = await arm.send('GET', next);
      pages.push(...body.value.map((entry: { properties: { scope: string } }) => entry.properties.scope));
      next = body.nextLink ?? '';
    }
    assert.deepEqual(pages, await scopes(arm.subscription, mine));
  });

  it('name roles by the very texts that the list of roles has, at any scope', async () => {
    for (const scope of [arm.subscription, `${arm.subscription}/resourceGroups/apps`, vault]) {
      const { body } = await arm.send('GET', `${scope}/providers/Microsoft.Authorization/roleDefinitions`);
      const ids = new Set(body.value.map(({ id }: { id: string }) => id));
      for (const assignment of await list(scope)) assert.ok(ids.has(assignment.roleDefinitionId));
    }
  });
});

describe('role definitions', () => {
  let arm: ManagementPlane;
  const roles = () => `${arm.subscription}/providers/Microsoft.Authorization/roleDefinitions`;

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('are found by name and by id', async () => {
    const filter = encodeURIComponent("roleName eq 'Key Vault Secrets User'");
    const { body } = await arm.send('GET', `${roles()}?$filter=${filter}`, { version: '2022-05-01-preview' });
    assert.equal(body.value.length, 1);
    const [found] = body.value;
    assert.equal(found.id, `${roles()}/4633458b-17de-408a-b874-0445c86b69e6`);
    assert.equal(found.properties.type, 'BuiltInRole');
    assert.deepEqual((await arm.send('GET', found.id)).body, found);
    const custom = encodeURIComponent("type eq 'CustomRole'");
    assert.deepEqual((await arm.send('GET', `${roles()}?$filter=${custom}`)).body.value, []);
    const missing = await arm.send('GET', `${roles()}/00000000-0000-0000-0000-000000000000`);
    assert.equal(missing.status, 404);
    assert.equal(missing.body.error.code, 'RoleDefinitionDoesNotExist');
  });

  it('show the condition of the limited administrator where the api-version has conditions', async () => {
    const shown = async (version: string) =>
      (await arm.send('GET', `${roles()}/8b54135c-b56d-4d72-a534-26097cfdc8d8`, { version })).body.properties
        .permissions[0];
    assert.equal((await shown('2022-05-01-preview')).conditionVersion, '2.0');
    assert.equal((await shown('2022-04-01')).condition, undefined);
  });

  it('come with the list of what the caller may do at a scope', async () => {
    const scope = `${arm.subscription}/resourceGroups/apps`;
    const reader = await arm.principal('Reader', scope);
    const { body } = await arm.send('GET', `${scope}/providers/Microsoft.Authorization/permissions`, { as: reader });
    assert.deepEqual(body.value, [{ actions: ['*/read'], notActions: [], dataActions: [], notDataActions: [] }]);
  });
});
