import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyPermissions } from '../../resources/access-policies.ts';
import type { AccessPolicy } from '../../resources/vault.ts';
import { builtInRoles } from '../built-in-roles.ts';
import { vaultDataActions } from '../data-actions.ts';
import { dataActionsOf } from './permission-actions.ts';
import { planRoles } from './plan.ts';

const ada = '11111111-1111-4111-8111-111111111111';
const bob = '22222222-2222-4222-8222-222222222222';
const app = '33333333-3333-4333-8333-333333333333';
const ground = { roles: builtInRoles, dataActions: vaultDataActions, exists: (id: string) => id === ada };

function policy(permissions: AccessPolicy['permissions'], more: Partial<AccessPolicy> = {}): AccessPolicy {
  return { tenantId: app, objectId: ada, permissions, ...more };
}

function planned(...permissions: AccessPolicy['permissions'][]) {
  const { assignments, lost } = planRoles(
    permissions.map((given) => policy(given)),
    ground,
  );
  assert.deepEqual(lost, []);
  assert.equal(assignments.length, 1);
  const { roles, gains } = assignments[0]!;
  return {
    roles: roles.map(({ name }) => name),
    gains: gains.map((action) => action.slice('Microsoft.KeyVault/vaults/'.length)),
  };
}

describe('planRoles', () => {
  it('gives readers of secrets the Secrets User role and nothing besides', () => {
    assert.deepEqual(planned({ secrets: ['get', 'list'] }), { roles: ['Key Vault Secrets User'], gains: [] });
  });

  it('never gives the values of secrets to who could only list them', () => {
    assert.deepEqual(planned({ secrets: ['list'] }), {
      roles: ['Key Vault Reader'],
      gains: ['keys/read', 'keyrotationpolicies/read', 'certificates/read', 'certificatecas/read'],
    });
  });

  it('lists what an officer gains', () => {
    assert.deepEqual(planned({ secrets: ['get', 'list', 'set', 'delete'] }), {
      roles: ['Key Vault Secrets Officer'],
      gains: ['secrets/recover/action', 'secrets/backup/action', 'secrets/restore/action', 'secrets/purge/action'],
    });
  });

  it('finds the role of those who use keys', () => {
    const keys = ['encrypt', 'decrypt', 'wrapkey', 'unwrapkey', 'sign', 'verify', 'get', 'list'];
    assert.deepEqual(planned({ keys }), {
      roles: ['Key Vault Crypto User'],
      gains: ['keys/update/action', 'keys/backup/action'],
    });
    assert.deepEqual(planned({ keys: ['get', 'wrapkey', 'unwrapkey'] }), {
      roles: ['Key Vault Crypto Service Encryption User'],
      gains: [],
    });
  });

  it('adds up the entries of a principal', () => {
    assert.deepEqual(planned({ secrets: ['get'] }, { keys: ['release'] }), {
      roles: ['Key Vault Crypto Service Release User', 'Key Vault Secrets User'],
      gains: [],
    });
  });

  it('makes an administrator of who may do all, and says that purging is new', () => {
    const all = ['all'];
    assert.deepEqual(planned({ secrets: all, keys: all, certificates: all }), {
      roles: ['Key Vault Administrator'],
      gains: ['secrets/purge/action', 'keys/purge/action', 'certificates/purge/action'],
    });
  });

  it('widens nothing for what has no counterpart', () => {
    const plan = planRoles(
      [
        policy({ secrets: ['get'] }, { applicationId: app }),
        policy({ secrets: ['get'] }, { objectId: bob }),
        policy({ storage: ['get'] }),
        policy({ secrets: [] }),
      ],
      ground,
    );
    assert.deepEqual(plan.assignments, []);
    assert.deepEqual(plan.lost, [
      { principalId: ada, applicationId: app, permissions: ['secrets/get'], reason: 'application' },
      { principalId: bob, applicationId: null, permissions: ['secrets/get'], reason: 'no-such-principal' },
      { principalId: ada, applicationId: null, permissions: ['storage/get'], reason: 'no-data-action' },
    ]);
  });

  it('knows a data action for every permission but those of storage', () => {
    for (const kind of ['secrets', 'keys', 'certificates'] as const) {
      for (const name of policyPermissions[kind].filter((word) => word !== 'all')) {
        const actions = dataActionsOf({ of: kind, name });
        assert.ok(
          actions.length > 0 && actions.every((action) => vaultDataActions.includes(action)),
          `${kind}/${name}`,
        );
      }
    }
  });
});
