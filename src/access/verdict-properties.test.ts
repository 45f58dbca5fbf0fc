import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleCaller, sampleTenant } from '../../tests/support/samples.ts';
import { policyPermissions } from '../resources/access-policies.ts';
import type { AccessPolicy } from '../resources/vault.ts';
import { builtInRoles } from './built-in-roles.ts';
import { secretName } from './conditions/condition.ts';
import { conditionOf } from './conditions/reader.ts';
import { vaultDataActions } from './data-actions.ts';
import { type Denial, denialOf } from './denials/denial.ts';
import type { Grant } from './role.ts';
import { type ActionKind, type ConditionFacts, judgePolicies, judgeRoles } from './verdict.ts';

const CASES = 3000;
const vault = '/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v';
const scopes = [
  '/',
  '/subscriptions/s',
  '/subscriptions/t',
  '/subscriptions/s/resourcegroups/g',
  vault,
  `${vault}2`,
  `${vault}/secrets/one`,
  `${vault}/secrets/two`,
];
const actions = [
  'Microsoft.KeyVault/vaults/read',
  'Microsoft.KeyVault/vaults/write',
  'Microsoft.Authorization/roleAssignments/read',
];
const name = '@Resource[Microsoft.KeyVault/vaults/secrets:name]';
const conditions = [
  null,
  `${name} StringEquals 'one'`,
  `!(${name} StringStartsWith 'o')`,
  `!(ActionMatches{'*/getSecret/action'}) OR ${name} StringLike 't*'`,
];

/** The same numbers for the same seed (xorshift, 32 bits). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

interface Question {
  readonly kind: ActionKind;
  readonly action: string;
  readonly resource: string;
  readonly facts: ConditionFacts;
}

function worlds(seed: number) {
  const next = numbers(seed);
  const pick = <T>(list: readonly T[]): T => list[next(list.length)]!;
  const grant = (): Grant => {
    const scope = pick(scopes);
    const condition = pick(conditions);
    const holdsIf = condition === null ? {} : { holdsIf: conditionOf(condition) };
    return {
      assignmentId: String(next(1e9)),
      principalId: 'p',
      role: pick(builtInRoles),
      scope,
      scopeKey: scope,
      ...holdsIf,
    };
  };
  const question = (): Question => {
    const kind = pick(['action', 'dataAction'] as const);
    const resource = pick(scopes);
    const secret = /\/secrets\/(.*)$/.exec(resource)?.[1];
    const attributes = new Map(secret === undefined ? [] : [[secretName, secret]]);
    return {
      kind,
      action: pick(kind === 'action' ? actions : vaultDataActions),
      resource,
      facts: { attributes, isEarly: false },
    };
  };
  const some = <T>(make: () => T): readonly T[] => Array.from({ length: next(6) }, make);
  return { next, pick, grant, question, some };
}

const isAllowed = (grants: readonly Grant[], { kind, action, resource, facts }: Question) =>
  judgeRoles(grants, kind, action, resource, facts).allowed;

describe('verdicts, whatever the grants', () => {
  it('lose nothing by another grant, and gain nothing by one less', () => {
    const world = worlds(20_260_101);
    for (let n = 0; n < CASES; n++) {
      const grants = world.some(world.grant);
      const question = world.question();
      const more = [...grants, world.grant()];
      if (isAllowed(grants, question)) assert.ok(isAllowed(more, question), `case ${n}`);
      const less = grants.filter((_, index) => index !== 0);
      if (!isAllowed(grants, question)) assert.ok(!isAllowed(less, question), `case ${n}`);
    }
  });

  it('are those of the grants one by one, in any order', () => {
    const world = worlds(7);
    for (let n = 0; n < CASES; n++) {
      const grants = world.some(world.grant);
      const question = world.question();
      const alone = grants.some((grant) => isAllowed([grant], question));
      assert.equal(isAllowed([...grants].reverse(), question), alone, `case ${n}`);
    }
  });

  it('never let actions give data actions, nor data actions give actions', () => {
    const world = worlds(99);
    for (let n = 0; n < CASES; n++) {
      const grants = world.some(world.grant);
      const question = world.question();
      const stripped = grants.map((grant) => ({
        ...grant,
        role: {
          ...grant.role,
          permissions: grant.role.permissions.map((block) =>
            question.kind === 'action' ? { ...block, dataActions: ['*'] } : { ...block, actions: ['*'] },
          ),
        },
      }));
      assert.equal(isAllowed(stripped, question), isAllowed(grants, question), `case ${n}`);
    }
  });

  it('are overruled by a denial at the resource or above it, and by no other', () => {
    const world = worlds(4242);
    for (let n = 0; n < CASES; n++) {
      const { kind, action, resource } = world.question();
      const scopeKey = world.pick(scopes);
      const isOnlyHere = world.next(2) === 1;
      const denial = {
        scopeKey,
        isOnlyHere,
        permissions: [{ actions: ['*'], notActions: [], dataActions: ['*'], notDataActions: [] }],
      } as unknown as Denial;
      const isAbove = scopeKey === '/' || resource === scopeKey || resource.startsWith(`${scopeKey}/`);
      const expected = isOnlyHere ? resource === scopeKey : isAbove;
      assert.equal(denialOf([denial], kind, action, resource) !== null, expected, `case ${n}`);
    }
  });

  it('of policies lose nothing by another entry, and heed the principal, the tenant and the application', () => {
    const world = worlds(5);
    const kinds = ['keys', 'secrets', 'certificates', 'storage'] as const;
    const caller = sampleCaller({ principalIds: ['p', 'g'], appId: 'a' });
    const entry = (): AccessPolicy => {
      const of = world.pick(kinds);
      const application = world.pick([null, 'a', 'b']);
      return {
        tenantId: world.pick([sampleTenant, 'other']),
        objectId: world.pick(['p', 'g', 'q']),
        ...(application !== null && { applicationId: application }),
        permissions: { [of]: [world.pick(policyPermissions[of]).toLowerCase()] },
      };
    };
    for (let n = 0; n < CASES; n++) {
      const policies = world.some(entry);
      const of = world.pick(kinds);
      const permission = { of, name: world.pick(policyPermissions[of].slice(1)) };
      const found = judgePolicies(policies, caller, permission);
      if (found) assert.ok(judgePolicies([entry(), ...policies], caller, permission), `case ${n}`);
      const counts = policies.filter(
        (policy) =>
          policy.tenantId === sampleTenant &&
          ['p', 'g'].includes(policy.objectId) &&
          (policy.applicationId === undefined || policy.applicationId === 'a') &&
          (policy.permissions[of] ?? []).some(
            (given) => given === permission.name.toLowerCase() || (given === 'all' && permission.name !== 'purge'),
          ),
      );
      assert.equal(found !== null, counts.length > 0, `case ${n}`);
    }
  });
});
