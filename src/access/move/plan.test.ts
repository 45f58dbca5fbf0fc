import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyPermissions } from '../../resources/access-policies.ts';
import type { AccessPolicy } from '../../resources/vault.ts';
import { builtInRoles } from '../built-in-roles.ts';
import { conditionOf } from '../conditions/reader.ts';
import { vaultDataActions } from '../data-actions.ts';
import type { Denial } from '../denials/denial.ts';
import type { Grant } from '../role.ts';
import { capabilities, capabilitiesOf, shortAction } from './capabilities.ts';
import { planDigest, planMove } from './make-plan.ts';
import type { Change, MoveFacts, MoveOrder, MovePlan, PrincipalFacts } from './plan.ts';

const tenantId = '00000000-0000-4000-8000-000000000001';
const scope = '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v';
const scopeKey = scope.toLowerCase();
const group: PrincipalFacts = { kind: 'Group', displayName: 'team', appId: null, principalIds: ['team'] };
const person: PrincipalFacts = { kind: 'User', displayName: 'ada', appId: null, principalIds: ['ada', 'team'] };
const app: PrincipalFacts = { kind: 'ServicePrincipal', displayName: 'app', appId: 'app-id', principalIds: ['app'] };

function facts(more: Partial<MoveFacts>): MoveFacts {
  return {
    vault: { name: 'v', scopeKey, tenantId },
    isRbac: false,
    policies: [],
    grants: [],
    conditions: new Map(),
    denials: [],
    principals: new Map([
      ['ada', person],
      ['app', app],
      ['team', group],
    ]),
    roles: builtInRoles,
    ...more,
  };
}

function policy(permissions: AccessPolicy['permissions'], more: Partial<AccessPolicy> = {}): AccessPolicy {
  return { tenantId, objectId: 'ada', permissions, ...more };
}

function grant(roleName: string, more: Partial<Grant> = {}): Grant {
  const role = builtInRoles.find(({ name }) => name === roleName)!;
  return { assignmentId: roleName, principalId: 'ada', role, scope, scopeKey, ...more };
}

function denial(more: Partial<Denial>): Denial {
  return {
    id: 'd',
    name: 'closed',
    description: '',
    scope,
    scopeKey,
    permissions: [{ actions: [], notActions: [], dataActions: ['*/getSecret/action'], notDataActions: [] }],
    principals: [{ id: 'ada', type: 'User' }],
    excludePrincipals: [],
    isOnlyHere: false,
    created: 0,
    updated: 0,
    createdBy: 'x',
    ...more,
  };
}

const order = (more: Partial<MoveOrder> = {}): MoveOrder => ({ to: 'rbac', roles: 'exact', widen: false, ...more });
const toRoles = (policies: readonly AccessPolicy[], more: Partial<MoveOrder> = {}, base: Partial<MoveFacts> = {}) =>
  planMove(facts({ ...base, policies }), order(more));
const toPolicies = (grants: readonly Grant[], more: Partial<MoveOrder> = {}, base: Partial<MoveFacts> = {}) =>
  planMove(facts({ isRbac: true, ...base, grants }), order({ to: 'policies', ...more }));

const rolesOf = ({ grants }: MovePlan) =>
  grants.map(({ role }) => (role.id === null ? role.dataActions.map(shortAction) : role.name));
const said = (changes: readonly Change[]) =>
  changes.map(({ principalId, reason, permissions }) => `${principalId} ${reason}: ${permissions.join(', ')}`);

describe('planMove to roles', () => {
  it('gives readers of secrets the Secrets User role and nothing besides', () => {
    const plan = toRoles([policy({ secrets: ['get', 'list'] })]);
    assert.deepEqual(rolesOf(plan), ['Key Vault Secrets User']);
    assert.deepEqual([plan.gains, plan.losses, plan.notes], [[], [], []]);
  });

  it('says what comes with the data action of another permission', () => {
    const plan = toRoles([policy({ secrets: ['get'] })]);
    assert.deepEqual(rolesOf(plan), ['Key Vault Secrets User']);
    assert.deepEqual(said(plan.gains), ['ada role: secrets list']);
  });

  it('makes a role of just these data actions where no built-in one fits', () => {
    const plan = toRoles([policy({ secrets: ['list', 'set'] })]);
    assert.deepEqual(rolesOf(plan), [
      ['secrets/readMetadata/action', 'secrets/setSecret/action', 'secrets/update/action'],
    ]);
    assert.deepEqual(said(plan.gains), ['ada role: secrets get (secrets/readMetadata/action alone)']);
    assert.deepEqual(rolesOf(toRoles([policy({ secrets: ['purge'] })])), [['secrets/purge/action']]);
  });

  it('lists what built-in roles add where they alone are wanted, on the management plane too', () => {
    const plan = toRoles([policy({ secrets: ['get', 'list', 'set', 'delete'] })], { roles: 'built-in' });
    assert.deepEqual(rolesOf(plan), ['Key Vault Secrets Officer']);
    assert.match(said(plan.gains)[0]!, /^ada management: Microsoft\.Authorization\/\*\/read, /);
    assert.deepEqual(said(plan.gains).slice(1), [
      'ada role: secrets backup, secrets restore, secrets recover, secrets purge',
    ]);
  });

  it('never reveals values to who could only list them', () => {
    assert.deepEqual(rolesOf(toRoles([policy({ secrets: ['list'] })], { roles: 'built-in' })), ['Key Vault Reader']);
  });

  it('gives all but purge for all', () => {
    const all = ['all'];
    const plan = toRoles([policy({ secrets: all, keys: all, certificates: all, storage: all })]);
    assert.equal(rolesOf(plan)[0]!.length, vaultDataActions.length - 3);
    assert.deepEqual(said(plan.gains), []);
    assert.deepEqual(said(plan.notes), ['ada not-served: storage all']);
  });

  it('does not give again what the principal holds at the vault or above, unless under a condition', () => {
    const above = grant('Key Vault Secrets User', { scope: '/subscriptions/s', scopeKey: '/subscriptions/s' });
    const policies = [policy({ secrets: ['get', 'list'] })];
    assert.deepEqual(rolesOf(toRoles(policies, {}, { grants: [above] })), []);
    const holdsIf = conditionOf("@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'a'");
    assert.deepEqual(rolesOf(toRoles(policies, {}, { grants: [{ ...above, holdsIf }] })), ['Key Vault Secrets User']);
    const here = [{ ...grant('Key Vault Secrets User'), holdsIf }];
    const twin = rolesOf(toRoles(policies, {}, { grants: here }));
    assert.deepEqual(twin, [['secrets/getSecret/action', 'secrets/readMetadata/action']]);
  });

  it('says which assignments begin to hold, for objects too', () => {
    const below = grant('Key Vault Secrets User', { scope: `${scope}/secrets/a`, scopeKey: `${scopeKey}/secrets/a` });
    const plan = toRoles([], {}, { grants: [grant('Key Vault Reader', { principalId: 'app' }), below] });
    assert.deepEqual(
      plan.gains.map(({ principalId, detail }) => `${principalId} ${detail}`),
      [`app Key Vault Reader at ${scope}`, `ada Key Vault Secrets User at ${scope}/secrets/a`],
    );
  });

  it('loses what is bound to an application, or gives it through all where that is asked for', () => {
    const bound = [policy({ secrets: ['get', 'list'] }, { applicationId: 'portal' })];
    assert.deepEqual(said(toRoles(bound).losses), ['ada application: secrets get, secrets list']);
    const wide = toRoles(bound, { widen: true });
    assert.deepEqual([said(wide.losses), said(wide.gains)], [[], ['ada widened: secrets get, secrets list']]);
  });

  it('knows that an application comes as itself alone', () => {
    const own = toRoles([policy({ secrets: ['get', 'list'] }, { objectId: 'app', applicationId: 'APP-ID' })]);
    assert.deepEqual([rolesOf(own), own.losses], [['Key Vault Secrets User'], []]);
    const other = toRoles([policy({ secrets: ['get', 'list'] }, { objectId: 'app', applicationId: 'portal' })]);
    assert.deepEqual([rolesOf(other), said(other.notes)], [[], ['app never-applied: secrets get, secrets list']]);
  });

  it('passes over principals that are gone', () => {
    const plan = toRoles([policy({ secrets: ['get'] }, { objectId: 'nobody' })]);
    assert.deepEqual([rolesOf(plan), said(plan.notes)], [[], ['nobody no-such-principal: secrets get']]);
  });

  it('says whom deny assignments will stop, members of a group too', () => {
    const policies = [policy({ secrets: ['get', 'list'] }), policy({ secrets: ['get'] }, { objectId: 'team' })];
    assert.deepEqual(said(toRoles(policies, {}, { denials: [denial({})] }).losses), [
      'ada denied: secrets get (secrets/getSecret/action alone)',
      'team denied: secrets get (secrets/getSecret/action alone)',
    ]);
    const others = denial({ principals: [{ id: 'app', type: 'ServicePrincipal' }] });
    assert.deepEqual(toRoles(policies, {}, { denials: [others] }).losses, []);
  });
});

describe('planMove to policies', () => {
  it('writes what built-in roles give as permissions, exactly', () => {
    const plan = toPolicies([grant('Key Vault Secrets Officer')]);
    assert.deepEqual(plan.policies, [
      policy({ secrets: ['get', 'list', 'set', 'delete', 'backup', 'restore', 'recover', 'purge'] }),
    ]);
    assert.deepEqual([plan.gains, plan.losses], [[], []]);
    const user = toPolicies([grant('Key Vault Crypto User')]);
    assert.deepEqual([user.gains, user.losses], [[], []]);
  });

  it('never reveals values to who could read about them alone, even where it may widen', () => {
    for (const widen of [false, true]) {
      const plan = toPolicies([grant('Key Vault Reader')], { widen });
      assert.deepEqual(plan.policies[0]!.permissions.secrets, ['list']);
      assert.deepEqual(said(plan.losses), ['ada no-such-permission: secrets get (secrets/readMetadata/action alone)']);
      assert.deepEqual(plan.gains, []);
    }
  });

  it('loses what is for one object or under a condition, or gives it for all where that is asked for', () => {
    const holdsIf = conditionOf("@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'a'");
    const grants = [
      grant('Key Vault Secrets User', { scope: `${scope}/secrets/a`, scopeKey: `${scopeKey}/secrets/a` }),
      grant('Key Vault Secrets User', { principalId: 'app', holdsIf }),
    ];
    const plan = toPolicies(grants);
    assert.deepEqual(plan.policies, []);
    assert.deepEqual(said(plan.losses), [
      'ada object-scope: secrets get, secrets list',
      'app condition: secrets get, secrets list',
    ]);
    const wide = toPolicies(grants, { widen: true });
    assert.deepEqual(wide.losses, []);
    assert.deepEqual(said(wide.gains), [
      'ada widened: secrets get, secrets list',
      'app widened: secrets get, secrets list',
    ]);
  });

  it('does not give back what a denial takes from everywhere, and says what one inside the vault will not take any more', () => {
    const grants = [grant('Key Vault Secrets User')];
    const throughout = toPolicies(grants, {}, { denials: [denial({})] });
    assert.deepEqual(throughout.policies, [policy({ secrets: ['list'] })]);
    assert.deepEqual(said(throughout.losses), [
      'ada no-such-permission: secrets get (secrets/readMetadata/action alone)',
    ]);
    const inside = toPolicies(grants, {}, { denials: [denial({ scopeKey: `${scopeKey}/secrets/a` })] });
    assert.deepEqual(inside.policies, [policy({ secrets: ['get', 'list'] })]);
    assert.deepEqual(said(inside.gains), ['ada denial-ends: secrets get (secrets/getSecret/action alone)']);
  });

  it('leaves a group what a denial takes from it where the denial may leave members out', () => {
    const grants = [grant('Key Vault Secrets User', { principalId: 'team' })];
    const principals = [{ id: 'team', type: 'Group' }];
    const all = toPolicies(grants, {}, { denials: [denial({ principals })] });
    assert.deepEqual(all.policies[0]!.permissions, { secrets: ['list'] });
    const excludePrincipals = [{ id: 'ada', type: 'User' }];
    const some = toPolicies(grants, {}, { denials: [denial({ principals, excludePrincipals })] });
    assert.deepEqual(some.policies[0]!.permissions, { secrets: ['get', 'list'] });
    assert.deepEqual(said(some.gains), ['team denial-ends: secrets get (secrets/getSecret/action alone)']);
  });

  it('leaves unused entries behind in a vault of roles, and keeps entries in a vault of policies', () => {
    const policies = [policy({ secrets: ['set'] }, { objectId: 'app' })];
    const plan = toPolicies([grant('Key Vault Secrets User')], {}, { policies });
    assert.deepEqual(plan.policies, [policy({ secrets: ['get', 'list'] })]);
    assert.deepEqual(said(plan.notes), ['app dropped: secrets set']);
    const added = toPolicies([grant('Key Vault Secrets User')], {}, { policies, isRbac: false });
    assert.deepEqual(added.policies, [...policies, policy({ secrets: ['get', 'list'] })]);
    assert.deepEqual(added.notes, []);
  });
});

describe('plans', () => {
  it('have another digest for everything else that they say or rest on', () => {
    const base = facts({ policies: [policy({ secrets: ['get'] })] });
    const digest = (of: MoveFacts, as = order()) => planDigest('vault', of, planMove(of, as));
    const others = [
      digest(facts({ policies: [policy({ secrets: ['list'] })] })),
      digest({ ...base, isRbac: true }),
      digest(base, order({ roles: 'built-in' })),
      digest(base, order({ to: 'policies' })),
      planDigest('other', base, planMove(base, order())),
    ];
    assert.equal(digest(base), digest({ ...base }));
    assert.equal(new Set([digest(base), ...others]).size, 6);
  });
});

describe('capabilities', () => {
  it('know a data action for every permission but those of storage', () => {
    for (const kind of ['secrets', 'keys', 'certificates'] as const) {
      for (const word of policyPermissions[kind].filter((name) => name !== 'all')) {
        const found = capabilitiesOf(kind, word.toLowerCase());
        assert.ok(found.length > 0, `${kind} ${word}`);
        for (const { action } of found) assert.ok(vaultDataActions.includes(action), action);
      }
    }
  });

  it('know a permission for every data action', () => {
    const known = new Set(capabilities.map(({ action }) => action));
    assert.deepEqual(
      vaultDataActions.filter((action) => !known.has(action)),
      [],
    );
  });
});
