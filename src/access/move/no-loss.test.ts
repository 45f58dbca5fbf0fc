import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectKind } from '../../operations/operation.ts';
import { policyPermissions } from '../../resources/access-policies.ts';
import type { AccessPolicy } from '../../resources/vault.ts';
import { builtInRoles } from '../built-in-roles.ts';
import { conditionOf } from '../conditions/reader.ts';
import { vaultDataActions } from '../data-actions.ts';
import { type Denial, denialOf, isAgainst } from '../denials/denial.ts';
import type { Grant, Role } from '../role.ts';
import { judgePolicies, judgeRoles } from '../verdict.ts';
import { type Capability, capabilities, permissionWords } from './capabilities.ts';
import { lockedOutBySwitch } from './lockout.ts';
import { planMove } from './make-plan.ts';
import type { Change, MoveFacts, MovePlan, PlannedGrant, PrincipalFacts } from './plan.ts';

/** The long run: `STRONGROOM_WORLDS=5000 node --test src/access/move/no-loss.test.ts`. */
const ROUNDS = Number(process.env['STRONGROOM_WORLDS'] ?? 30);
const tenantId = '00000000-0000-4000-8000-000000000001';
const scope = '/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v';
const kinds = ['secrets', 'keys', 'certificates', 'storage'] as const;
const names = ['a', 'b'] as const;

/** mulberry32: the same worlds in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

interface World {
  readonly facts: MoveFacts;
  readonly callers: readonly {
    readonly tenantId: string;
    readonly principalIds: readonly string[];
    readonly appId: string;
  }[];
}

function worldOf(random: () => number): World {
  const chance = (share: number) => random() < share;
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const some = <T>(list: readonly T[], share: number): T[] => list.filter(() => chance(share));
  const principals = new Map<string, PrincipalFacts>();
  for (const id of ['team', 'crew'])
    principals.set(id, { kind: 'Group', displayName: id, appId: null, principalIds: [id] });
  for (const id of ['ada', 'bob']) {
    principals.set(id, {
      kind: 'User',
      displayName: id,
      appId: null,
      principalIds: [id, ...some(['team', 'crew'], 0.4)],
    });
  }
  for (const id of ['web', 'job']) {
    const principalIds = [id, ...some(['team', 'crew'], 0.4)];
    principals.set(id, { kind: 'ServicePrincipal', displayName: id, appId: `${id}-app`, principalIds });
  }
  const everybody = [...principals.keys(), 'gone'];
  const custom = (): Role => ({
    id: 'custom',
    name: 'custom',
    description: '',
    type: 'CustomRole',
    permissions: [{ actions: [], notActions: [], dataActions: some(vaultDataActions, 0.15), notDataActions: [] }],
    assignableScopes: [],
  });
  const placeOf = () => one(['/', '/subscriptions/s', scope, scope, `${scope}/secrets/a`]);
  const grants = Array.from({ length: Math.floor(random() * 8) }, (_, index): Grant => {
    const scopeKey = placeOf();
    const condition = chance(0.2)
      ? { holdsIf: conditionOf("@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'a'") }
      : {};
    const role = chance(0.3) ? custom() : one(builtInRoles.filter(({ name }) => name.startsWith('Key Vault')));
    return { assignmentId: `g${index}`, principalId: one(everybody), role, scope: scopeKey, scopeKey, ...condition };
  });
  const denials = Array.from(
    { length: chance(0.4) ? 2 : 0 },
    (_, index): Denial => ({
      id: `d${index}`,
      name: 'closed',
      description: '',
      scope,
      scopeKey: placeOf(),
      permissions: [{ actions: [], notActions: [], dataActions: some(vaultDataActions, 0.2), notDataActions: [] }],
      principals: [{ id: one(everybody), type: '' }],
      excludePrincipals: chance(0.2) ? [{ id: one(everybody), type: '' }] : [],
      isOnlyHere: chance(0.2),
      created: 0,
      updated: 0,
      createdBy: '',
    }),
  );
  const policies = Array.from({ length: Math.floor(random() * 6) }, (): AccessPolicy => {
    const permissions: Partial<Record<ObjectKind, string[]>> = {};
    for (const kind of some(kinds, 0.5)) {
      permissions[kind] = some(
        policyPermissions[kind].map((name) => name.toLowerCase()),
        chance(0.5) ? 0.2 : 0.6,
      );
    }
    const bound = chance(0.2) ? { applicationId: one(['web-app', 'portal']) } : {};
    return { tenantId, objectId: one(everybody), ...bound, permissions };
  });
  const callers = [...principals]
    .filter(([, { kind }]) => kind !== 'Group')
    .flatMap(([, { principalIds, appId }]) =>
      (appId ? [appId] : ['portal', 'shell']).map((client) => ({ tenantId, principalIds, appId: client })),
    );
  const facts: MoveFacts = {
    vault: { name: 'v', scopeKey: scope, tenantId },
    isRbac: false,
    policies,
    grants,
    conditions: new Map(),
    denials,
    principals,
    roles: builtInRoles,
  };
  return { facts, callers };
}

type CallerIds = World['callers'][number];

/** What the real verdicts say of one operation, for an object or (null) for the list of all. */
function isAllowed(facts: MoveFacts, caller: CallerIds, capability: Capability, name: string | null): boolean {
  if (!facts.isRbac) return judgePolicies(facts.policies, caller, capability) !== null;
  const key = name === null ? scope : `${scope}/${capability.of}/${name}`;
  const attributes = new Map<string, string>();
  if (name !== null && capability.of === 'secrets') {
    attributes.set('resource:microsoft.keyvault/vaults/secrets:name', name);
  }
  const own = facts.grants.filter(({ principalId }) => caller.principalIds.includes(principalId));
  const against = facts.denials.filter((denial) => isAgainst(denial, caller.principalIds));
  return (
    judgeRoles(own, 'dataAction', capability.action, key, { attributes, isEarly: false }).allowed &&
    denialOf(against, 'dataAction', capability.action, key) === null
  );
}

function toGrant({ principalId, role }: PlannedGrant): Grant {
  const made: Role =
    role.id === null
      ? {
          id: 'made',
          name: 'made',
          description: '',
          type: 'CustomRole',
          permissions: [{ actions: [], notActions: [], dataActions: role.dataActions, notDataActions: [] }],
          assignableScopes: [],
        }
      : builtInRoles.find(({ id }) => id === role.id)!;
  return { assignmentId: 'planned', principalId, role: made, scope, scopeKey: scope };
}

function applied(facts: MoveFacts, plan: MovePlan): MoveFacts {
  return plan.to === 'rbac'
    ? { ...facts, isRbac: true, grants: [...facts.grants, ...plan.grants.map(toGrant)] }
    : { ...facts, isRbac: false, policies: plan.policies };
}

/** Whether a list of changes speaks of the capability for the caller, by the words in which it is told. */
function isTold(changes: readonly Change[], caller: CallerIds, capability: Capability): boolean {
  const [whole] = permissionWords(
    capabilities.filter(({ of, name }) => of === capability.of && name === capability.name),
  );
  const [alone] = permissionWords([capability]);
  return changes.some(
    ({ principalId, permissions }) =>
      caller.principalIds.includes(principalId) && (permissions.includes(whole!) || permissions.includes(alone!)),
  );
}

function check(world: World, plan: MovePlan): number {
  const { facts, callers } = world;
  const after = applied(facts, plan);
  let compared = 0;
  for (const caller of callers) {
    for (const capability of capabilities) {
      for (const name of [null, ...names]) {
        const before = isAllowed(facts, caller, capability, name);
        const now = isAllowed(after, caller, capability, name);
        compared += 1;
        if (before === now) continue;
        const list = before ? plan.losses : plan.gains;
        const what = `${caller.principalIds[0]} ${before ? 'loses' : 'gains'} ${permissionWords([capability])} of ${name}`;
        assert.ok(isTold(list, caller, capability), `${what}: ${JSON.stringify(list)}`);
      }
    }
  }
  return compared;
}

describe('whatever the policies, roles, groups, conditions and denials', () => {
  for (const to of ['rbac', 'policies'] as const) {
    for (const roles of ['exact', 'built-in'] as const) {
      for (const widen of [false, true]) {
        it(`a plan to ${to} (${roles}${widen ? ', widened' : ''}) tells every gain and every loss`, () => {
          for (let round = 0; round < ROUNDS; round++) {
            const { facts, callers } = worldOf(randomOf(round));
            const world = { facts: { ...facts, isRbac: to === 'policies' }, callers };
            const plan = planMove(world.facts, { to, roles, widen });
            assert.ok(check(world, plan) > 0);
            if (to === 'rbac' && widen) assert.ok(plan.losses.every(({ reason }) => reason === 'denied'));
          }
        });
      }
    }
  }

  it('exact roles add nothing but what comes with the same data actions', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { facts } = worldOf(randomOf(round));
      const plan = planMove(facts, { to: 'rbac', roles: 'exact', widen: false });
      for (const { reason } of plan.gains) assert.ok(reason === 'assignment' || reason === 'role', reason);
      const given = new Set(plan.grants.flatMap(({ role }) => (role.id === null ? role.dataActions : [])));
      const wanted = capabilities.filter((one) => facts.policies.some((policy) => judged(policy, one)));
      for (const action of given)
        assert.ok(
          wanted.some((one) => one.action === action),
          action,
        );
    }
  });

  for (const to of ['rbac', 'policies'] as const) {
    it(`a switch to ${to} by hand names everybody who is refused afterwards`, () => {
      for (let round = 0; round < ROUNDS; round++) {
        const { facts, callers } = worldOf(randomOf(round));
        const before = { ...facts, isRbac: to === 'policies' };
        const after = { ...facts, isRbac: to === 'rbac' };
        const told = lockedOutBySwitch(before, to).map(
          (one): Change => ({
            ...one,
            applicationId: null,
            reason: 'dropped',
            detail: '',
          }),
        );
        for (const caller of callers) {
          for (const capability of capabilities) {
            for (const name of [null, ...names]) {
              const isLost = isAllowed(before, caller, capability, name) && !isAllowed(after, caller, capability, name);
              if (isLost)
                assert.ok(isTold(told, caller, capability), `${caller.principalIds[0]} ${JSON.stringify(capability)}`);
            }
          }
        }
      }
    });
  }
});

function judged(policy: AccessPolicy, capability: Capability): boolean {
  const caller = { tenantId, principalIds: [policy.objectId], appId: policy.applicationId ?? '' };
  return judgePolicies([policy], caller, capability) !== null;
}
