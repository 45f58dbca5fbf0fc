import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtInRoles, findBuiltInRole } from './built-in-roles.ts';
import { vaultDataActions } from './data-actions.ts';
import { assignmentActions, mayAssign } from './delegation.ts';
import type { Grant } from './role.ts';
import { leastRole, roleAllows } from './verdict.ts';

const role = (name: string) => builtInRoles.find((one) => one.name === name)!;

describe('built-in roles', () => {
  it('have ids and names of their own, and cannot be changed', () => {
    assert.equal(new Set(builtInRoles.map(({ id }) => id)).size, builtInRoles.length);
    assert.equal(new Set(builtInRoles.map(({ name }) => name)).size, builtInRoles.length);
    for (const one of builtInRoles) {
      assert.match(one.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.throws(() => (one.permissions[0]!.actions as string[]).push('*'), TypeError);
    }
    assert.equal(findBuiltInRole('8E3AF657-A8FF-443C-A75C-2FE8C4BCB635')?.name, 'Owner');
    assert.equal(findBuiltInRole('00000000-0000-0000-0000-000000000000'), null);
  });

  it('keep the management of vaults and the data in them apart', () => {
    for (const name of ['Owner', 'Contributor', 'Reader', 'User Access Administrator', 'Key Vault Contributor']) {
      assert.equal(
        vaultDataActions.some((action) => roleAllows(role(name), 'dataAction', action)),
        false,
        name,
      );
    }
    for (const name of ['Key Vault Administrator', 'Key Vault Secrets Officer', 'Key Vault Secrets User']) {
      assert.equal(roleAllows(role(name), 'action', 'Microsoft.KeyVault/vaults/write'), false, name);
      assert.equal(roleAllows(role(name), 'action', 'Microsoft.Authorization/roleAssignments/write'), false, name);
    }
  });

  it('give what their reference pages say', () => {
    const data = (name: string) =>
      vaultDataActions
        .filter((action) => roleAllows(role(name), 'dataAction', action))
        .map((action) => action.slice('Microsoft.KeyVault/vaults/'.length));
    assert.deepEqual(data('Key Vault Administrator').length, vaultDataActions.length);
    assert.deepEqual(data('Key Vault Secrets User'), ['secrets/getSecret/action', 'secrets/readMetadata/action']);
    assert.equal(data('Key Vault Reader').includes('secrets/getSecret/action'), false);
    assert.equal(data('Key Vault Crypto User').includes('keys/create/action'), false);
    assert.deepEqual(data('Key Vault Crypto Service Release User'), ['keys/release/action']);
    const write = 'Microsoft.Authorization/roleAssignments/write';
    assert.equal(roleAllows(role('Contributor'), 'action', write), false);
    assert.ok(roleAllows(role('User Access Administrator'), 'action', write));
    assert.ok(roleAllows(role('Contributor'), 'action', 'Microsoft.KeyVault/vaults/write'));
    const purge = 'Microsoft.KeyVault/locations/deletedVaults/purge/action';
    assert.equal(roleAllows(role('Key Vault Contributor'), 'action', purge), false);
    assert.ok(roleAllows(role('Key Vault Purge Operator'), 'action', purge));
  });

  it('are proposed by what they give the least besides', () => {
    const least = (action: string) =>
      leastRole(builtInRoles, 'dataAction', `Microsoft.KeyVault/vaults/${action}`, vaultDataActions);
    assert.equal(least('secrets/getSecret/action'), 'Key Vault Secrets User');
    assert.equal(least('secrets/setSecret/action'), 'Key Vault Secrets Officer');
    assert.equal(least('keys/wrap/action'), 'Key Vault Crypto Service Encryption User');
  });
});

describe('the right to assign', () => {
  const grant = (name: string) => ({
    assignmentId: 'a',
    principalId: 'p',
    role: role(name),
    scope: '/',
    scopeKey: '/',
  });

  it('is limited by the role that names what it may assign, unless another role is not', () => {
    const secretsUser = role('Key Vault Secrets User').id;
    const owner = role('Owner').id;
    const limited = grant('Key Vault Data Access Administrator');
    for (const action of [assignmentActions.write, assignmentActions.delete]) {
      const may = (grants: readonly Grant[], roleId: string) =>
        mayAssign(grants, action, { roleId, principalId: owner, principalType: 'User' });
      assert.ok(may([limited], secretsUser.toUpperCase()));
      assert.equal(may([limited], owner), false);
      assert.equal(may([limited], limited.role.id), false);
      assert.ok(may([limited, grant('User Access Administrator')], owner));
      assert.equal(may([], secretsUser), false);
    }
  });

  it('is written as the condition that the service shows', () => {
    const { condition = '', assignsOnly = [] } = role('Key Vault Data Access Administrator');
    assert.equal(assignsOnly.length, 8);
    for (const id of assignsOnly) assert.equal(condition.split(id).length, 3);
    assert.ok(condition.includes("ActionMatches{'Microsoft.Authorization/roleAssignments/delete'}"));
  });
});
