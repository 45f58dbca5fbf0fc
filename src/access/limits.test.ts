import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import type { Answer, Call } from '../operations/operation.ts';
import type { Refusal } from '../refusals/refusal.ts';
import { type CustomRole, storeCustomRole } from './custom-roles/repository.ts';
import { removeDefinition } from './custom-roles/roles.ts';
import { storeDenial } from './denials/repository.ts';
import type { AssignmentParts } from './role-assignments.ts';

describe('limits and races of roles and denials', () => {
  let arm: ManagementPlane;
  const role = (id: string, name: string, assignableScopes: readonly string[]): CustomRole => ({
    id,
    name,
    description: '',
    type: 'CustomRole',
    permissions: [{ actions: ['*/read'], notActions: [], dataActions: [], notDataActions: [] }],
    assignableScopes,
    created: 0,
    updated: 0,
    createdBy: arm.owner,
    updatedBy: arm.owner,
  });

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('there are at most 5,000 custom roles, listed in pages', async () => {
    await arm.store.write(async (transaction) => {
      for (let n = 0; n < 5000; n++)
        await storeCustomRole(transaction, role(randomUUID(), `Role ${n}`, [arm.subscription]));
    });
    const properties = {
      roleName: 'One more',
      permissions: [{ actions: ['*/read'] }],
      assignableScopes: [arm.subscription],
    };
    const path = `${arm.subscription}/providers/Microsoft.Authorization/roleDefinitions`;
    const { status, body } = await arm.send('PUT', `${path}/${randomUUID()}`, { body: { properties } });
    assert.deepEqual([status, body.error.code], [400, 'RoleDefinitionLimitExceeded']);
    const names = new Set<string>();
    let next = `${path}?api-version=2022-04-01&$top=1000&$filter=${encodeURIComponent("type eq 'CustomRole'")}`;
    while (next !== '') {
      const page = (await arm.send('GET', next)).body;
      for (const one of page.value) names.add(one.name);
      next = page.nextLink ? page.nextLink.replace(/^https:\/\/[^/]+/, '') : '';
    }
    assert.equal(names.size, 5000);
  });

  it('there are at most 2,000 denials', async () => {
    const denial = {
      name: 'd',
      description: '',
      scope: arm.subscription,
      scopeKey: arm.subscription,
      permissions: [{ actions: ['*/read'], notActions: [], dataActions: [], notDataActions: [] }],
      principals: [{ id: randomUUID(), type: 'User' }],
      excludePrincipals: [],
      isOnlyHere: false,
      created: 0,
      updated: 0,
      createdBy: arm.owner,
    };
    await arm.store.write(async (transaction) => {
      for (let n = 0; n < 2000; n++) await storeDenial(transaction, { ...denial, id: randomUUID() });
    });
    const properties = {
      denyAssignmentName: 'one more',
      permissions: denial.permissions,
      principals: [{ id: await arm.principal() }],
    };
    const path = `${arm.subscription}/providers/Microsoft.Authorization/denyAssignments/${randomUUID()}`;
    const { status, body } = await arm.send('PUT', `${path}?api-version=2022-04-01`, { body: { properties } });
    assert.deepEqual([status, body.error.code], [400, 'DenyAssignmentLimitExceeded']);
  });

  it('a role that grew between the question and the deed is left alone', async () => {
    const id = randomUUID();
    const group = `${arm.subscription}/resourceGroups/apps`;
    await arm.store.write((transaction) => storeCustomRole(transaction, role(id, 'Grows', [group])));
    const parts: AssignmentParts = {
      ...arm,
      access: {
        grantsOf: (caller) => arm.access.grantsOf(caller),
        grantsFor: (caller, action, scope) => arm.access.grantsFor(caller, action, scope),
        authoriseManagement: async (caller, action, scope) => {
          const admission = await arm.access.authoriseManagement(caller, action, scope);
          const grown = role(id, 'Grows', [group, arm.subscription]);
          await arm.store.write((transaction) => storeCustomRole(transaction, grown));
          return admission;
        },
      },
    };
    const call = {
      parameters: { role: id },
      caller: arm.caller(arm.owner),
      commit: (work: (transaction: never) => Promise<Answer>) =>
        arm.store.write((transaction) => work(transaction as never)),
    } as unknown as Call;
    await assert.rejects(
      () => removeDefinition(parts, call, group),
      (refusal: Refusal) => refusal.code === 'role-definition-changed',
    );
  });
});
