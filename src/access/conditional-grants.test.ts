import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import type { Refusal } from '../refusals/refusal.ts';
import { builtInRoles } from './built-in-roles.ts';

const GET = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';
const LIST = 'Microsoft.KeyVault/vaults/secrets/readMetadata/action';
const NAME = '@Resource[Microsoft.KeyVault/vaults/secrets:name]';
const ROLE = '[Microsoft.Authorization/roleAssignments:RoleDefinitionId]';
const TYPE = '[Microsoft.Authorization/roleAssignments:PrincipalType]';
const SELF = '[Microsoft.Authorization/roleAssignments:PrincipalId]';
const WRITE = "ActionMatches{'Microsoft.Authorization/roleAssignments/write'}";
const DELETE = "ActionMatches{'Microsoft.Authorization/roleAssignments/delete'}";

describe('grants with conditions', () => {
  let arm: ManagementPlane;
  let group: string;
  let vaultId: string;
  const roleId = (name: string) => builtInRoles.find((role) => role.name === name)!.id;
  const path = (scope: string, id: string) => `${scope}/providers/Microsoft.Authorization/roleAssignments/${id}`;
  const give = (
    principalId: string,
    role: string,
    condition: string | null,
    options: { id?: string; as?: string; scope?: string } = {},
  ) => {
    const { id = randomUUID(), as, scope = vaultId } = options;
    const conditions = condition === null ? {} : { condition, conditionVersion: '2.0' };
    const properties = { roleDefinitionId: roleId(role), principalId, ...conditions };
    return arm.send('PUT', path(scope, id), { body: { properties }, ...(as !== undefined && { as }) });
  };
  const outcome = async (oid: string, name: string | null, dataAction = GET): Promise<string> => {
    const vault = (await arm.directory.find('condition-vault'))!;
    const need = { kind: 'data', dataAction, permission: { of: 'secrets', name: 'get' }, object: 'secrets' } as const;
    try {
      const object = name === null ? null : ({ kind: 'secrets', name } as const);
      return (await arm.access.authoriseData(arm.caller(oid), vault, need, object)).by;
    } catch (refusal) {
      return (refusal as Refusal).code;
    }
  };

  before(async () => {
    arm = await managementPlane();
    group = `${arm.subscription}/resourceGroups/apps`;
    vaultId = `${group}/providers/Microsoft.KeyVault/vaults/condition-vault`;
    const properties = {
      tenantId: arm.tenantId,
      sku: { family: 'A', name: 'standard' },
      enableRbacAuthorization: true,
    };
    await arm.send('PUT', vaultId, { body: { location: 'local', properties } });
  });
  after(() => arm.cleanup());

  it('hold for the secrets that the condition names, each time anew, and for no list', async () => {
    const user = await arm.principal();
    const made = await give(user, 'Key Vault Secrets User', `${NAME} StringStartsWith 'app-'`);
    assert.equal(made.status, 201);
    assert.deepEqual(
      [made.body.properties.conditionVersion, made.body.properties.condition],
      ['2.0', `${NAME} StringStartsWith 'app-'`],
    );
    assert.equal(await outcome(user, 'app-one'), 'role');
    assert.equal(await outcome(user, 'db-one'), 'rbac-condition-not-met');
    assert.equal(await outcome(user, 'APP-one'), 'rbac-condition-not-met');
    assert.equal(await outcome(user, 'app-two'), 'role');
    assert.equal(await outcome(user, null, LIST), 'rbac-condition-not-met');
  });

  it('let lists through where the condition excuses them, without opening what it keeps', async () => {
    const user = await arm.principal();
    await give(user, 'Key Vault Secrets User', `!(ActionMatches{'${GET}'}) OR ${NAME} StringEquals 'app'`);
    assert.equal(await outcome(user, null, LIST), 'role');
    assert.equal(await outcome(user, 'db', LIST), 'role');
    assert.equal(await outcome(user, 'app'), 'role');
    assert.equal(await outcome(user, 'db'), 'rbac-condition-not-met');
    const hidden = await arm.principal();
    await give(hidden, 'Key Vault Secrets User', `NOT Exists ${NAME} OR ${NAME} StringEquals 'app'`);
    assert.equal(await outcome(hidden, null, LIST), 'role');
    assert.equal(await outcome(hidden, 'db', LIST), 'rbac-condition-not-met');
  });

  it('are changed by a later PUT and keep the condition that it leaves out', async () => {
    const user = await arm.principal();
    const id = randomUUID();
    await give(user, 'Key Vault Secrets User', `${NAME} StringEquals 'a'`, { id });
    assert.equal((await give(user, 'Key Vault Secrets User', null, { id })).status, 200);
    assert.equal(await outcome(user, 'b'), 'rbac-condition-not-met');
    await give(user, 'Key Vault Secrets User', `${NAME} StringEquals 'b'`, { id });
    assert.deepEqual([await outcome(user, 'a'), await outcome(user, 'b')], ['rbac-condition-not-met', 'role']);
    await give(user, 'Key Vault Secrets User', '', { id });
    assert.deepEqual([await outcome(user, 'a'), await outcome(user, 'b')], ['role', 'role']);
  });

  it('are not stored where the condition is not understood, or of no version', async () => {
    const user = await arm.principal();
    for (const condition of [`${NAME} StringFoo 'a'`, `@Resource[x:y] StringEquals 'a'`, 'true']) {
      const { status, body } = await give(user, 'Key Vault Secrets User', condition);
      assert.deepEqual([status, body.error.code], [400, 'InvalidConditionFormat']);
    }
    for (const conditionVersion of [undefined, '1.0']) {
      const properties = {
        roleDefinitionId: roleId('Key Vault Secrets User'),
        principalId: user,
        condition: `${NAME} StringEquals 'a'`,
        conditionVersion,
      };
      const { body } = await arm.send('PUT', path(vaultId, randomUUID()), { body: { properties } });
      assert.equal(body.error.code, 'InvalidConditionFormat');
    }
    assert.equal(await outcome(user, 'a'), 'rbac-no-role');
  });

  it('delegate the assigning of some roles, on create, change and delete, to whomever they are given', async () => {
    const allowed = roleId('Key Vault Secrets User');
    const condition =
      `((!(${WRITE})) OR (@Request${ROLE} ForAnyOfAnyValues:GuidEquals {${allowed}} AND @Request${TYPE} StringEqualsIgnoreCase 'ServicePrincipal'))` +
      ` AND ((!(${DELETE})) OR (@Resource${ROLE} ForAnyOfAnyValues:GuidEquals {${allowed}}))`;
    for (const role of ['Owner', 'User Access Administrator']) {
      const delegate = await arm.principal();
      assert.equal((await give(delegate, role, condition, { scope: group })).status, 201);
      const other = await arm.principal();
      const made = await give(other, 'Key Vault Secrets User', null, { as: delegate });
      assert.equal(made.status, 201, role);
      for (const raised of ['Owner', 'Key Vault Administrator', role]) {
        const refused = await give(delegate, raised, null, { as: delegate });
        assert.equal(refused.status, 403, `${role} gave itself ${raised}`);
        assert.equal(refused.body.error.code, 'AuthorizationFailed');
      }
      const above = await give(other, 'Key Vault Secrets User', null, { as: delegate, scope: arm.subscription });
      assert.equal(above.status, 403);
      const kept = await give(other, 'Key Vault Administrator', null);
      assert.equal((await arm.send('DELETE', path(vaultId, kept.body.name), { as: delegate })).status, 403);
      assert.equal((await arm.send('DELETE', path(vaultId, made.body.name), { as: delegate })).status, 200);
      const model = await arm.send('PATCH', vaultId, {
        as: delegate,
        body: { properties: { enableRbacAuthorization: false } },
      });
      assert.equal(model.status, 403);
    }
  });

  it('delegate for some principals alone, and never loosen their own condition', async () => {
    const friend = await arm.principal();
    const delegate = await arm.principal();
    const own = await give(
      delegate,
      'User Access Administrator',
      `!(${WRITE}) OR @Request${SELF} GuidEquals '${friend}'`,
      { scope: group },
    );
    assert.equal((await give(friend, 'Key Vault Reader', null, { as: delegate })).status, 201);
    assert.equal((await give(await arm.principal(), 'Key Vault Reader', null, { as: delegate })).status, 403);
    const loosened = await give(delegate, 'User Access Administrator', '', {
      as: delegate,
      scope: group,
      id: own.body.name,
    });
    assert.equal(loosened.status, 403);
  });

  it('of management hold for whatever the condition does not speak of', async () => {
    const delegate = await arm.principal();
    await give(delegate, 'Owner', `!(${WRITE}) OR @Request${ROLE} GuidEquals ${roleId('Reader')}`, { scope: group });
    const may = async (action: string) =>
      (await arm.access.grantsFor(arm.caller(delegate), action, vaultId)).length > 0;
    assert.ok(await may('Microsoft.KeyVault/vaults/write'));
    assert.equal(await outcome(delegate, 'a'), 'rbac-role-lacks-action');
  });
});
