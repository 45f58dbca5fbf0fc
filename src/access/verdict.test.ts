import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleCaller, sampleTenant } from '../../tests/support/samples.ts';
import type { AccessPolicy } from '../resources/vault.ts';
import { builtInRoles } from './built-in-roles.ts';
import { vaultDataActions } from './data-actions.ts';
import type { Grant, Role } from './role.ts';
import { judgePolicies, judgeRoles, leastRole, roleAllows, scopeReaches } from './verdict.ts';

const data = (name: string) => `Microsoft.KeyVault/vaults/${name}`;
const role = (permission: Partial<Role['permissions'][number]>, name = 'role'): Role => ({
  id: name,
  name,
  description: '',
  type: 'CustomRole',
  permissions: [{ actions: [], notActions: [], dataActions: [], notDataActions: [], ...permission }],
  assignableScopes: ['/'],
});
const grant = (given: Role, scopeKey: string): Grant => ({
  assignmentId: 'a',
  principalId: 'p',
  role: given,
  scope: scopeKey,
  scopeKey,
});
const vault = '/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v';
const reader = role({ dataActions: [data('secrets/getSecret/action')] }, 'reader');

describe('what a role allows', () => {
  it('is what a block gives and does not take away again', () => {
    const mixed = role({ dataActions: [data('*')], notDataActions: [data('secrets/*')] });
    assert.ok(roleAllows(mixed, 'dataAction', data('keys/read')));
    assert.ok(!roleAllows(mixed, 'dataAction', data('secrets/getSecret/action')));
    const two = { ...mixed, permissions: [...mixed.permissions, ...reader.permissions] };
    assert.ok(roleAllows(two, 'dataAction', data('secrets/getSecret/action')));
  });

  it('keeps actions and data actions apart', () => {
    assert.ok(!roleAllows(role({ actions: ['*'] }), 'dataAction', data('secrets/getSecret/action')));
    assert.ok(!roleAllows(role({ dataActions: ['*'] }), 'action', 'Microsoft.KeyVault/vaults/read'));
    const owner = builtInRoles.find(({ name }) => name === 'Owner')!;
    for (const action of vaultDataActions) assert.ok(!roleAllows(owner, 'dataAction', action), action);
  });
});

describe('the reach of a scope', () => {
  it('is itself and what is below it, by whole segments', () => {
    for (const scope of ['/', '/subscriptions/s', '/subscriptions/s/resourcegroups/g', vault])
      assert.ok(scopeReaches(scope, vault), scope);
    for (const scope of ['/subscriptions/s/resourcegroups/gg', vault.slice(0, -1), `${vault}2`, `${vault}/secrets/a`]) {
      assert.ok(!scopeReaches(scope, vault), scope);
    }
    assert.ok(!scopeReaches(`${vault}/secrets/a`, `${vault}/secrets/ab`));
    assert.ok(!scopeReaches(`${vault}/secrets/a`, `${vault}/keys/a`));
  });
});

describe('the verdict of role assignments', () => {
  const judge = (grants: readonly Grant[], resource = `${vault}/secrets/a`) =>
    judgeRoles(grants, 'dataAction', data('secrets/getSecret/action'), resource);

  it('allows by any grant that reaches and includes the action', () => {
    const good = grant(reader, '/subscriptions/s');
    assert.deepEqual(judge([grant(reader, `${vault}x`), good]), { allowed: true, grants: [good] });
  });

  it('says which came nearest: right action elsewhere, wrong action here, or none', () => {
    const elsewhere = grant(reader, `${vault}/secrets/b`);
    const lacking = grant(role({ dataActions: [data('keys/read')] }, 'keys'), vault);
    assert.deepEqual(judge([elsewhere, lacking]), {
      allowed: false,
      reason: 'role-out-of-scope',
      nearest: [elsewhere],
    });
    assert.deepEqual(judge([lacking]), { allowed: false, reason: 'role-lacks-action', nearest: [lacking] });
    assert.deepEqual(judge([grant(role({}), '/subscriptions/other')]), {
      allowed: false,
      reason: 'no-role',
      nearest: [],
    });
    assert.deepEqual(judge([]), { allowed: false, reason: 'no-role', nearest: [] });
  });

  it('does not let a grant on one object reach the vault', () => {
    assert.equal(judge([grant(reader, `${vault}/secrets/a`)], vault).allowed, false);
  });
});

describe('the verdict of access policies', () => {
  const caller = sampleCaller({ principalIds: ['caller', 'group'], appId: 'app' });
  const policy = (given: Partial<AccessPolicy>): AccessPolicy => ({
    tenantId: sampleTenant,
    objectId: 'caller',
    permissions: { secrets: ['get'] },
    ...given,
  });
  const judge = (policies: readonly AccessPolicy[], name = 'get') =>
    judgePolicies(policies, caller, { of: 'secrets', name });

  it('allows what an entry of the caller or of its groups gives', () => {
    for (const objectId of ['caller', 'CALLER', 'group']) assert.ok(judge([policy({ objectId })]), objectId);
    assert.ok(judge([policy({ tenantId: sampleTenant.toUpperCase() })]));
    for (const other of [
      { objectId: 'other' },
      { tenantId: 'other' },
      { permissions: { keys: ['get'] } },
      { permissions: {} },
    ]) {
      assert.equal(judge([policy(other)]), null);
    }
  });

  it('holds an entry with an application to tokens of it', () => {
    assert.ok(judge([policy({ applicationId: 'APP' })]));
    assert.equal(judge([policy({ applicationId: 'other' })]), null);
  });

  it('takes all for everything but purge, which has to be named', () => {
    const all = policy({ permissions: { secrets: ['all'] } });
    for (const name of ['get', 'set', 'recover']) assert.ok(judge([all], name), name);
    assert.equal(judge([all], 'purge'), null);
    assert.ok(judge([policy({ permissions: { secrets: ['all', 'purge'] } })], 'purge'));
  });
});

describe('the role that a remedy names', () => {
  const least = (action: string) => leastRole(builtInRoles, 'dataAction', data(action), vaultDataActions);

  it('gives the action and the least besides, values of secrets last of all', () => {
    assert.equal(least('secrets/getSecret/action'), 'Key Vault Secrets User');
    assert.equal(least('secrets/readMetadata/action'), 'Key Vault Reader');
    assert.equal(least('secrets/setSecret/action'), 'Key Vault Secrets Officer');
    assert.equal(least('secrets/purge/action'), 'Key Vault Secrets Officer');
  });

  it('includes the action, for every data action there is', () => {
    for (const action of vaultDataActions) {
      const found = builtInRoles.find(
        ({ name }) => name === leastRole(builtInRoles, 'dataAction', action, vaultDataActions),
      )!;
      assert.ok(roleAllows(found, 'dataAction', action), `${action}: ${found.name}`);
    }
  });
});
