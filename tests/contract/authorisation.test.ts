import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Access } from '../../src/access/authorise.ts';
import { builtInRoles } from '../../src/access/built-in-roles.ts';
import { insertAssignment } from '../../src/access/repository.ts';
import { foldScope } from '../../src/access/scope.ts';
import type { Need, ObjectKind } from '../../src/operations/operation.ts';
import { Refusal } from '../../src/refusals/refusal.ts';
import type { Vault } from '../../src/resources/vault.ts';
import { type TestParts, testParts } from '../support/parts.ts';
import { sampleCaller, sampleTenant, sampleVault } from '../support/samples.ts';
import { contractFolder } from './contract-files.ts';

interface ContractRole {
  readonly name: string;
  readonly roleName: string;
  readonly permissions: readonly {
    readonly actions: readonly string[];
    readonly notActions: readonly string[];
    readonly dataActions: readonly string[];
    readonly notDataActions: readonly string[];
  }[];
}

const folder = join(contractFolder(), 'authorization', 'built-in-roles');
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
const roles: readonly ContractRole[] = read('key-vault-roles.json').roles;
const rows: readonly { group: string; permission: string; dataAction: string }[] = read(
  'permission-to-data-action.json',
).rows.filter(({ dataAction }: { dataAction: string | null }) => dataAction);

/** Roles of the management plane, whose actions must give no data action whatsoever. */
const privileged = ['Owner', 'Contributor', 'Reader', 'User Access Administrator'];

/** What a role includes, by regular expressions: nothing of the product's. */
function includes(role: ContractRole, dataAction: string): boolean {
  const matches = (patterns: readonly string[]) =>
    patterns.some((pattern) =>
      new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replace(/\W/g, '\\$&'))
          .join('.*')}$`,
        'i',
      ).test(dataAction),
    );
  return role.permissions.some((block) => matches(block.dataActions) && !matches(block.notDataActions));
}

describe('the built-in roles', () => {
  it('are those of the published reference, pattern for pattern', () => {
    for (const role of roles) {
      const ours = builtInRoles.find(({ id }) => id === role.name);
      assert.ok(ours, role.roleName);
      assert.equal(ours.name, role.roleName);
      const sorted = (given: ContractRole['permissions']) =>
        given.map((block) =>
          [block.actions, block.notActions, block.dataActions, block.notDataActions].map((list) => [...list].sort()),
        );
      assert.deepEqual(sorted(ours.permissions), sorted(role.permissions), role.roleName);
    }
    for (const name of privileged)
      assert.ok(
        builtInRoles.some((role) => role.name === name),
        name,
      );
  });
});

describe('who may do what', () => {
  let parts: TestParts;
  let access: Access;
  let cases = 0;
  const base = sampleVault();
  const byModel = (isRbac: boolean, more: object = {}): Vault =>
    sampleVault({ settings: { enableRbacAuthorization: isRbac, ...more } });
  const group = base.resourceId.split('/providers/')[0]!;
  const scopes: readonly (readonly [string, 'all' | 'none' | 'object'])[] = [
    ['/', 'all'],
    [group.split('/resourceGroups/')[0]!, 'all'],
    [group.toUpperCase(), 'all'],
    [base.resourceId, 'all'],
    [`${base.resourceId}/secrets/one`, 'object'],
    [`${base.resourceId}/secrets/one2`, 'none'],
    [`${base.resourceId}2`, 'none'],
    [`${group}2`, 'none'],
  ];
  const needOf = (row: (typeof rows)[number]): Extract<Need, { kind: 'data' }> => ({
    kind: 'data',
    dataAction: row.dataAction,
    permission: { of: row.group as ObjectKind, name: row.permission },
    object: 'secrets',
  });
  const isLetIn = async (oid: string, vault: Vault, row: (typeof rows)[number], name: string | null) => {
    cases++;
    const object = name === null ? null : ({ kind: 'secrets', name } as const);
    try {
      await access.authoriseData(sampleCaller({ oid }), vault, needOf(row), object);
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.status === 403) return false;
      throw error;
    }
  };

  before(async () => {
    parts = await testParts();
    access = new Access(parts.store);
  });
  after(() => parts.cleanup());

  it('follows the roles at every scope, and only where the vault uses roles', async () => {
    const none = (name: string): ContractRole => ({
      name: builtInRoles.find((role) => role.name === name)!.id,
      roleName: name,
      permissions: [],
    });
    for (const role of [...roles, ...privileged.map(none)]) {
      for (const [scope, reach] of scopes) {
        const oid = randomUUID();
        const assignment = { id: randomUUID(), scope, scopeKey: foldScope(scope), roleId: role.name, principalId: oid };
        const rest = {
          principalType: 'User',
          description: null,
          created: 0,
          updated: 0,
          createdBy: oid,
          condition: null,
        };
        await parts.store.write((transaction) => insertAssignment(transaction, { ...assignment, ...rest }));
        for (const row of rows) {
          for (const name of ['one', null]) {
            const reaches = reach === 'all' || (reach === 'object' && name === 'one');
            const expected = reaches && includes(role, row.dataAction);
            const what = `${role.roleName} at ${scope}: ${row.group} ${row.permission} of ${name}`;
            assert.equal(await isLetIn(oid, byModel(true), row, name), expected, what);
            if (name === 'one') assert.equal(await isLetIn(oid, byModel(false), row, name), false, what);
          }
        }
      }
    }
    assert.ok(cases >= 2000, String(cases));
  });

  it('follows the access policies, each permission and all, and only where the vault uses those', async () => {
    const oid = randomUUID();
    const names = [
      ...rows.map(({ group: of, permission }) => [of, permission] as const),
      ...['keys', 'secrets', 'certificates', 'storage'].map((of) => [of, 'all'] as const),
    ];
    for (const [of, permission] of names) {
      const policy = { tenantId: sampleTenant, objectId: oid, permissions: { [of]: [permission.toLowerCase()] } };
      for (const row of rows) {
        const expected =
          row.group === of && (row.permission === permission || (permission === 'all' && row.permission !== 'purge'));
        const what = `${of} ${permission}: ${row.group} ${row.permission}`;
        // A vault of its own for each: a vault's settings change with the generation, which stands still here.
        const id = randomUUID();
        const vault = (isRbac: boolean) => ({ ...byModel(isRbac, { accessPolicies: [policy] }), id: `${id}${isRbac}` });
        assert.equal(await isLetIn(oid, vault(false), row, 'one'), expected, what);
        assert.equal(await isLetIn(oid, vault(true), row, 'one'), false, what);
      }
    }
  });

  it('follows groups and the application that acts for somebody, in policies', async () => {
    const [row] = rows.filter((one) => one.group === 'secrets' && one.permission === 'get');
    const team = randomUUID();
    const application = randomUUID();
    const policies = [
      { tenantId: sampleTenant, objectId: team, permissions: { secrets: ['get'] } },
      { tenantId: sampleTenant, objectId: application, applicationId: application, permissions: { secrets: ['get'] } },
    ];
    const vault = byModel(false, { accessPolicies: policies });
    const ask = async (caller: object) => {
      try {
        await access.authoriseData(sampleCaller(caller), { ...vault, id: randomUUID() }, needOf(row!), null);
        return true;
      } catch {
        return false;
      }
    };
    const oid = randomUUID();
    assert.equal(await ask({ oid, principalIds: [oid, team] }), true);
    assert.equal(await ask({ oid, principalIds: [oid] }), false);
    assert.equal(await ask({ oid: application, appId: application }), true);
    assert.equal(await ask({ oid: application, appId: oid }), false);
    assert.equal(await ask({ oid, principalIds: [oid, team], tenantId: randomUUID() }), false);
  });
});
