import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { sampleCaller, sampleTenant, sampleVault } from '../../tests/support/samples.ts';
import { newUuid } from '../base/ids.ts';
import type { Need } from '../operations/operation.ts';
import type { Refusal } from '../refusals/refusal.ts';
import { Access, objectScope } from './authorise.ts';
import { builtInRoles } from './built-in-roles.ts';
import { deleteAssignment, insertAssignment } from './repository.ts';
import { foldScope } from './scope.ts';

const need: Extract<Need, { kind: 'data' }> = {
  kind: 'data',
  dataAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action',
  permission: { of: 'secrets', name: 'get' },
  object: 'secrets',
};
const secret = { kind: 'secrets', name: 'one' } as const;

describe('authorising a caller', () => {
  let parts: TestParts;
  let access: Access;
  const vault = sampleVault();

  before(async () => {
    parts = await testParts();
    access = new Access(parts.store);
  });
  after(() => parts.cleanup());

  const fresh = () => sampleCaller({ oid: newUuid(parts.random) });
  const grant = async (principalId: string, roleName: string, scope: string): Promise<string> => {
    const id = newUuid(parts.random);
    const roleId = builtInRoles.find(({ name }) => name === roleName)!.id;
    const times = { created: 0, updated: 0, createdBy: principalId };
    await parts.store.write((transaction) =>
      insertAssignment(transaction, {
        id,
        scope,
        scopeKey: foldScope(scope),
        roleId,
        principalId,
        principalType: 'ServicePrincipal',
        description: null,
        condition: null,
        ...times,
      }),
    );
    return id;
  };
  const refusalOf = async (work: () => unknown): Promise<Refusal> => {
    try {
      await work();
    } catch (error) {
      return error as Refusal;
    }
    throw new Error('It was not refused.');
  };

  it('lets in whom a role at the vault lets in, and says which', async () => {
    const caller = fresh();
    const assignment = await grant(caller.oid, 'Key Vault Secrets User', vault.resourceId.toUpperCase());
    const admission = await access.authoriseData(caller, vault, need, secret);
    assert.deepEqual([admission.by, admission.assignmentId, admission.wholeVault], ['role', assignment, true]);
    assert.equal(admission.facts['role'], 'Key Vault Secrets User');
  });

  it('keeps nothing for a caller who has left a group, though it was read as a member under the same generation', async () => {
    const team = newUuid(parts.random);
    await grant(team, 'Key Vault Secrets User', vault.resourceId);
    const member = fresh();
    const before = { ...member, principalIds: [member.oid, team] };
    assert.equal((await access.authoriseData(before, vault, need, secret)).by, 'role');
    const refusal = await refusalOf(() => access.authoriseData(member, vault, need, secret));
    assert.equal(refusal.code, 'rbac-no-role');
    const moved = { ...member, principalIds: [member.oid, newUuid(parts.random)] };
    assert.equal((await refusalOf(() => access.authoriseData(moved, vault, need, secret))).code, 'rbac-no-role');
    assert.equal((await access.authoriseData(before, vault, need, secret)).by, 'role');
  });

  it('keeps nothing for a vault that has another model, or other policies, under the same generation', async () => {
    const caller = fresh();
    await grant(caller.oid, 'Key Vault Secrets User', vault.resourceId);
    assert.equal((await access.authoriseData(caller, vault, need, secret)).by, 'role');
    const permissions = { secrets: ['get'] };
    const policies = [{ tenantId: sampleTenant, objectId: caller.oid, permissions }];
    const opened = sampleVault({ settings: { enableRbacAuthorization: false, accessPolicies: policies } });
    const closed = sampleVault({ settings: { enableRbacAuthorization: false, accessPolicies: [] } });
    assert.equal(
      (await refusalOf(() => access.authoriseData(caller, closed, need, secret))).code,
      'policy-role-ignored',
    );
    assert.equal((await access.authoriseData(caller, opened, need, secret)).by, 'policy');
    assert.equal(
      (await refusalOf(() => access.authoriseData(caller, closed, need, secret))).code,
      'policy-role-ignored',
    );
  });

  it('answers at once where it has decided before, and anew when anything has changed', async () => {
    const caller = fresh();
    const assignment = await grant(caller.oid, 'Key Vault Secrets User', vault.resourceId);
    await access.authoriseData(caller, vault, need, secret);
    if (parts.store.driver.dialect === 'sqlite') {
      assert.ok(!(access.authoriseData(caller, vault, need, { ...secret, name: 'another' }) instanceof Promise));
    }
    await parts.store.write((transaction) => deleteAssignment(transaction, vault.scopeKey, assignment));
    assert.equal((await refusalOf(() => access.authoriseData(caller, vault, need, secret))).code, 'rbac-no-role');
    await grant(caller.oid, 'Key Vault Secrets User', vault.resourceId);
    assert.equal((await access.authoriseData(caller, vault, need, secret)).by, 'role');
  });

  it('does not let a decision about one object count for another, for another action, caller or vault', async () => {
    const caller = fresh();
    await grant(caller.oid, 'Key Vault Secrets User', objectScope(vault, secret));
    const admission = await access.authoriseData(caller, vault, need, secret);
    assert.equal(admission.wholeVault, false);
    const set: typeof need = { ...need, dataAction: 'Microsoft.KeyVault/vaults/secrets/setSecret/action' };
    const other = sampleVault({ id: 'other', name: 'other-vault' });
    for (const [work, code] of [
      [() => access.authoriseData(caller, vault, need, { ...secret, name: 'two' }), 'rbac-role-out-of-scope'],
      [() => access.authoriseData(caller, vault, need, null), 'rbac-role-out-of-scope'],
      [() => access.authoriseData(caller, vault, set, secret), 'rbac-role-lacks-action'],
      [() => access.authoriseData(caller, other, need, secret), 'rbac-role-out-of-scope'],
      [() => access.authoriseData(fresh(), vault, need, secret), 'rbac-no-role'],
    ] as const) {
      assert.equal((await refusalOf(work)).code, code);
    }
    assert.equal((await access.authoriseData(caller, vault, need, { ...secret, name: 'ONE' })).by, 'role');
  });

  it('tells the roles and scopes that did not suffice, the model, and the role that would', async () => {
    const caller = fresh();
    await grant(caller.oid, 'Key Vault Crypto User', vault.resourceId);
    const { code, facts, message } = await refusalOf(() => access.authoriseData(caller, vault, need, secret));
    assert.equal(code, 'rbac-role-lacks-action');
    assert.deepEqual([facts['roles'], facts['scopes']], [['Key Vault Crypto User'], [vault.resourceId]]);
    assert.deepEqual(
      [facts['model'], facts['role'], facts['scope']],
      ['RBAC', 'Key Vault Secrets User', objectScope(vault, secret)],
    );
    assert.ok(!message.includes('Crypto User'));
  });

  it('goes by access policies alone where the vault does', async () => {
    const caller = fresh();
    const policy = { tenantId: sampleTenant, objectId: caller.oid, permissions: { secrets: ['get'] } };
    const policies = (accessPolicies: (typeof policy)[]) =>
      sampleVault({ settings: { enableRbacAuthorization: false, accessPolicies } });
    const admission = await access.authoriseData(caller, policies([policy]), need, secret);
    assert.deepEqual([admission.by, admission.assignmentId], ['policy', null]);
    // A changed vault is another generation: without one the decision stands.
    await parts.store.write(async (transaction) => transaction.touch());
    assert.equal(
      (await refusalOf(() => access.authoriseData(caller, policies([]), need, secret))).code,
      'policy-missing',
    );
    await grant(caller.oid, 'Key Vault Administrator', vault.resourceId);
    await grant(caller.oid, 'Owner', vault.resourceId);
    const refusal = await refusalOf(() => access.authoriseData(caller, policies([]), need, secret));
    assert.equal(refusal.code, 'policy-role-ignored');
    assert.deepEqual(refusal.facts['ignored'], [`Key Vault Administrator at ${vault.resourceId}`]);
    assert.ok(!refusal.message.includes('Key Vault Administrator'));
  });

  it('passes over access policies where the vault goes by roles, and says so', async () => {
    const caller = fresh();
    const accessPolicies = [{ tenantId: sampleTenant, objectId: caller.oid, permissions: { secrets: ['all'] } }];
    const refusal = await refusalOf(() =>
      access.authoriseData(caller, sampleVault({ settings: { accessPolicies } }), need, secret),
    );
    assert.equal(refusal.code, 'rbac-policy-ignored');
    assert.deepEqual(refusal.facts['ignored'], [`${caller.oid}: secrets all`]);
    assert.ok(!refusal.message.includes('secrets all'));
  });

  it('decides management actions at their scope', async () => {
    const caller = fresh();
    const group = vault.resourceId.slice(0, vault.resourceId.indexOf('/providers'));
    await grant(caller.oid, 'Key Vault Contributor', group);
    const action = 'Microsoft.KeyVault/vaults/write';
    assert.equal((await access.authoriseManagement(caller, action, vault.resourceId)).by, 'role');
    assert.equal((await access.grantsFor(caller, action, vault.resourceId.toLowerCase())).length, 1);
    const outside = vault.resourceId.replace('/Apps/', '/Apps2/');
    const refusal = await refusalOf(() => access.authoriseManagement(caller, action, outside));
    assert.deepEqual(
      [refusal.code, refusal.facts['reason'], refusal.facts['scopes']],
      ['authorization-failed', 'role-out-of-scope', [group]],
    );
    assert.deepEqual(await access.grantsFor(caller, action, outside), []);
    assert.equal(
      (await refusalOf(() => access.authoriseData(caller, vault, need, secret))).code,
      'rbac-role-lacks-action',
    );
  });
});
