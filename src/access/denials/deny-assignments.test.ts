import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../../tests/support/management-plane.ts';
import type { Refusal } from '../../refusals/refusal.ts';
import { everyone } from './denial.ts';

const READ = 'Microsoft.KeyVault/vaults/read';
const GET = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';
const V = 'api-version=2022-04-01';

describe('deny assignments', () => {
  let arm: ManagementPlane;
  let group: string;
  let vaultId: string;
  const path = (scope: string, id: string) => `${scope}/providers/Microsoft.Authorization/denyAssignments/${id}?${V}`;
  const put = (scope: string, more: object, options: { id?: string; as?: string } = {}) => {
    const properties = {
      denyAssignmentName: 'a denial',
      permissions: [{ actions: ['*'], notActions: [], dataActions: ['*'], notDataActions: [] }],
      ...more,
    };
    const { id = randomUUID(), as } = options;
    return arm.send('PUT', path(scope, id), { body: { properties }, ...(as !== undefined && { as }) });
  };
  const drop = (scope: string, id: string) => arm.send('DELETE', path(scope, id));
  const who = (id: string) => [{ id, type: 'ServicePrincipal' }];
  const may = async (oid: string, action: string, scope: string) =>
    (await arm.access.grantsFor(arm.caller(oid), action, scope)).length > 0;
  const dataOutcome = async (oid: string, name: string | null, dataAction = GET): Promise<string> => {
    const vault = (await arm.directory.find('deny-vault'))!;
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
    vaultId = `${group}/providers/Microsoft.KeyVault/vaults/deny-vault`;
    const properties = {
      tenantId: arm.tenantId,
      sku: { family: 'A', name: 'standard' },
      enableRbacAuthorization: true,
    };
    await arm.send('PUT', vaultId, { body: { location: 'local', properties } });
  });
  after(() => arm.cleanup());

  it('win over every grant in both planes with the next request, and end with the next', async () => {
    const owner = await arm.principal('Owner', group);
    await arm.grant(owner, 'Key Vault Administrator', vaultId);
    assert.ok(await may(owner, READ, vaultId));
    assert.equal(await dataOutcome(owner, 'one'), 'role');
    const made = await put(group, { principals: who(owner) });
    assert.equal(made.status, 201);
    assert.equal(await may(owner, READ, vaultId), false);
    assert.equal(await dataOutcome(owner, 'one'), 'rbac-denied');
    assert.equal(await dataOutcome(owner, null), 'rbac-denied');
    const refused = await arm.send('GET', vaultId, { as: owner });
    assert.equal(refused.status, 403);
    assert.equal(refused.body.error.code, 'DenyAssignmentAuthorizationFailed');
    const listed = await arm.send('GET', `${arm.subscription}/resources`, { as: owner });
    assert.deepEqual(listed.body.value ?? [], []);
    assert.equal((await drop(group, made.body.name)).status, 200);
    assert.equal((await drop(group, made.body.name)).status, 204);
    assert.ok(await may(owner, READ, vaultId));
    assert.equal(await dataOutcome(owner, 'one'), 'role');
  });

  it('are named to those alone who may read them', async () => {
    const id = randomUUID();
    const reader = await arm.principal('Contributor', group);
    await put(group, { principals: who(reader), permissions: [{ actions: ['*/write'] }] }, { id });
    const refusedBy = async (oid: string) =>
      (await arm.send('PUT', vaultId, { as: oid, body: { location: 'local', properties: {} } })).body.error.message;
    assert.ok((await refusedBy(reader)).includes(id));
    const blind = await arm.principal();
    const role = randomUUID();
    const properties = {
      roleName: 'Blind writer',
      permissions: [{ actions: ['Microsoft.KeyVault/vaults/write'] }],
      assignableScopes: [group],
    };
    await arm.send('PUT', `${group}/providers/Microsoft.Authorization/roleDefinitions/${role}`, {
      body: { properties },
    });
    await arm.send('PUT', `${group}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`, {
      body: { properties: { roleDefinitionId: role, principalId: blind } },
    });
    await put(group, { principals: [...who(reader), ...who(blind)], permissions: [{ actions: ['*/write'] }] }, { id });
    const message = await refusedBy(blind);
    assert.ok(message.includes('(not shown)') && !message.includes(id));
    await drop(group, id);
  });

  it('hold for one object though the vault is open, for the scope alone where they say so', async () => {
    const user = await arm.principal('Key Vault Secrets User', vaultId);
    assert.equal(await dataOutcome(user, 'closed'), 'role');
    const one = await put(`${vaultId}/secrets/Closed`, { principals: who(user) });
    assert.equal(await dataOutcome(user, 'open'), 'role');
    assert.equal(await dataOutcome(user, 'closed'), 'rbac-denied');
    await drop(`${vaultId}/secrets/closed`, one.body.name);
    const list = 'Microsoft.KeyVault/vaults/secrets/readMetadata/action';
    assert.equal(await dataOutcome(user, null, list), 'role');
    const here = await put(vaultId, { principals: who(user), doNotApplyToChildScopes: true });
    assert.equal(await dataOutcome(user, 'open', list), 'role');
    assert.equal(await dataOutcome(user, null, list), 'rbac-denied');
    assert.equal(await dataOutcome(user, 'open', list), 'role');
    await drop(vaultId, here.body.name);
  });

  it('hold for everyone but whom they leave out', async () => {
    const user = await arm.principal('Key Vault Secrets User', vaultId);
    const spared = await arm.principal('Key Vault Secrets User', vaultId);
    const principals = [{ id: everyone, type: 'SystemDefined' }];
    const made = await put(vaultId, { principals, excludePrincipals: [...who(arm.owner), ...who(spared)] });
    assert.equal(made.status, 201);
    assert.equal(await dataOutcome(user, 'one'), 'rbac-denied');
    assert.equal(await dataOutcome(spared, 'one'), 'role');
    await drop(vaultId, made.body.name);
  });

  it('do not take the way back from whoever makes them, nor from the Owner of a subscription', async () => {
    const principals = [{ id: everyone }];
    const refused = await put(group, { principals });
    assert.equal(refused.status, 400);
    assert.equal(refused.body.error.code, 'DenyAssignmentLocksOut');
    const local = await arm.principal('Owner', group);
    const made = await put(group, { principals, excludePrincipals: who(local) }, { as: local });
    assert.equal(made.status, 201);
    assert.equal(await may(arm.owner, READ, vaultId), false);
    const other = await arm.principal('User Access Administrator', group);
    assert.equal((await arm.send('DELETE', path(group, made.body.name), { as: other })).status, 403);
    assert.equal((await drop(group, made.body.name)).status, 200);
    assert.ok(await may(arm.owner, READ, vaultId));
  });

  it('are read and listed at, above and below a scope, in pages', async () => {
    const user = await arm.principal();
    const ids: string[] = [];
    for (const scope of [arm.subscription, group, vaultId]) {
      const { body } = await put(scope, { principals: who(user), denyAssignmentName: 'listed' });
      ids.push(body.name);
      assert.deepEqual((await arm.send('GET', path(scope, body.name))).body, body);
      const elsewhere = await arm.send('GET', path(scope === group ? arm.subscription : group, body.name));
      assert.deepEqual([elsewhere.status, elsewhere.body.error.code], [404, 'DenyAssignmentNotFound']);
    }
    const list = async (scope: string, query: string) => {
      const found: string[] = [];
      let next = `${scope}/providers/Microsoft.Authorization/denyAssignments?${V}&$top=1&$filter=${encodeURIComponent(query)}`;
      while (next !== '') {
        const { body } = await arm.send('GET', next);
        found.push(...body.value.map(({ name }: { name: string }) => name));
        next = body.nextLink ? body.nextLink.replace(/^https:\/\/[^/]+/, '') : '';
      }
      return found.sort();
    };
    assert.deepEqual(await list(group, 'atScope()'), ids.slice(0, 2).sort());
    assert.deepEqual(await list(group, "denyAssignmentName eq 'Listed'"), [...ids].sort());
    const same = await put(arm.subscription, { principals: who(user) }, { id: ids[0]! });
    assert.equal(same.status, 200);
    const moved = await put(group, { principals: who(user) }, { id: ids[0]! });
    assert.equal(moved.body.error.code, 'DenyAssignmentUpdateNotPermitted');
  });

  it('refuse what is malformed, and whom the directory has not', async () => {
    const user = await arm.principal();
    for (const more of [
      { principals: [] },
      {},
      { principals: who(user), denyAssignmentName: '' },
      { principals: who(user), permissions: [] },
      { principals: who(user), condition: "ActionMatches{'*'}" },
      { principals: who(user), doNotApplyToChildScopes: 'yes' },
      { principals: who(user), isSystemProtected: true },
      { principals: [{ id: 'me' }] },
      { principals: [{ id: user, type: 'Robot' }] },
      { principals: who(user), excludePrincipals: [{ id: everyone }] },
    ]) {
      const { status, body } = await put(group, more);
      assert.deepEqual([status, body.error.code], [400, 'InvalidDenyAssignment'], JSON.stringify(more));
    }
    assert.equal((await put(group, { principals: who(randomUUID()) })).body.error.code, 'PrincipalNotFound');
    assert.equal((await put(group, { principals: who(user) }, { id: 'x' })).body.error.code, 'InvalidDenyAssignmentId');
    const contributor = await arm.principal('Contributor', group);
    assert.equal((await put(group, { principals: who(user) }, { as: contributor })).status, 403);
  });
});
