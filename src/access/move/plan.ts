import type { ObjectKind } from '../../operations/operation.ts';
import type { AccessPolicy } from '../../resources/vault.ts';
import type { Role } from '../role.ts';
import { roleAllows } from '../verdict.ts';
import { dataActionsOf, permissionsOf } from './permission-actions.ts';

/** What one principal would be given in place of its access policies. */
export interface PlannedAssignments {
  readonly principalId: string;
  /** The roles to assign at the vault; together they allow all that the policies allow and can be expressed. */
  readonly roles: readonly { readonly id: string; readonly name: string }[];
  /** Data actions that the roles give and the policies did not. */
  readonly gains: readonly string[];
  /** Management actions, as patterns, that come with the roles. */
  readonly management: readonly string[];
}

/** Something that access policies allow and no role assignment here can. */
export interface Inexpressible {
  readonly principalId: string;
  readonly applicationId: string | null;
  /** As `secrets/get`. */
  readonly permissions: readonly string[];
  readonly reason: 'application' | 'no-data-action' | 'no-such-principal';
}

/** What a vault's access policies become as role assignments. */
export interface RolesPlan {
  readonly assignments: readonly PlannedAssignments[];
  /** What would be lost: it is never made up for by giving more to somebody else. */
  readonly lost: readonly Inexpressible[];
}

/** What the plan is made of beside the policies. */
export interface PlanGround {
  /** The roles to choose from. */
  readonly roles: readonly Role[];
  /** Every data action there is, to count what a role gives besides. */
  readonly dataActions: readonly string[];
  /** Whether the directory has a principal of this object id. */
  readonly exists: (principalId: string) => boolean;
}

/**
 * The least roles at the vault that cover its access policies. Least is: the fewest data actions besides, the reading of secret
 * values weighing most; then the fewest roles; then the fewest management actions. An entry that is bound to an application has
 * no counterpart among role assignments, which would hold for every application: it is lost, not widened.
 */
export function planRoles(policies: readonly AccessPolicy[], ground: PlanGround): RolesPlan {
  const choices = new Choices(ground);
  const wanted = new Map<string, Set<string>>();
  const lost: Inexpressible[] = [];
  for (const policy of policies) {
    const permissions = permissionsOf(policy);
    const isGone = !ground.exists(policy.objectId);
    if (isGone || policy.applicationId) {
      if (permissions.length > 0) lost.push(entry(policy, permissions, isGone ? 'no-such-principal' : 'application'));
      continue;
    }
    const unknown = permissions.filter((permission) => dataActionsOf(permission).length === 0);
    if (unknown.length > 0) lost.push(entry(policy, unknown, 'no-data-action'));
    const actions = wanted.get(policy.objectId) ?? new Set<string>();
    for (const action of permissions.flatMap(dataActionsOf)) actions.add(action);
    wanted.set(policy.objectId, actions);
  }
  const assignments = [...wanted].flatMap(([principalId, actions]) =>
    actions.size === 0 ? [] : [{ principalId, ...choices.least(actions) }],
  );
  return { assignments, lost };
}

function entry(
  policy: AccessPolicy,
  permissions: readonly { readonly of: ObjectKind; readonly name: string }[],
  reason: Inexpressible['reason'],
): Inexpressible {
  return {
    principalId: policy.objectId,
    applicationId: policy.applicationId ?? null,
    permissions: permissions.map(({ of, name }) => `${of}/${name}`),
    reason,
  };
}

interface Choice {
  readonly roles: readonly Role[];
  readonly gives: bigint;
  readonly management: readonly string[];
}

/** Every set of the roles that give data actions, with what each gives. */
class Choices {
  readonly #actions: readonly string[];
  readonly #sensitive: bigint;
  readonly #choices: readonly Choice[];

  constructor({ roles, dataActions }: PlanGround) {
    this.#actions = dataActions;
    this.#sensitive = this.#bits((action) => action.endsWith('/getSecret/action'));
    let sets: Choice[] = [{ roles: [], gives: 0n, management: [] }];
    for (const role of roles) {
      const gives = this.#bits((action) => roleAllows(role, 'dataAction', action));
      if (gives === 0n) continue;
      const management = role.permissions.flatMap((permission) => permission.actions);
      sets = sets.flatMap((set) => [
        set,
        {
          roles: [...set.roles, role],
          gives: set.gives | gives,
          management: [...new Set([...set.management, ...management])],
        },
      ]);
    }
    this.#choices = sets;
  }

  least(wanted: ReadonlySet<string>): Omit<PlannedAssignments, 'principalId'> {
    const bits = this.#bits((action) => wanted.has(action));
    let best: { choice: Choice; cost: readonly number[] } | null = null;
    for (const choice of this.#choices) {
      if ((choice.gives & bits) !== bits) continue;
      const extra = choice.gives & ~bits;
      const sensitive = (extra & this.#sensitive) === 0n ? 0 : 1;
      const cost = [sensitive, ones(extra), choice.roles.length, choice.management.length];
      if (!best || isLess(cost, best.cost)) best = { choice, cost };
    }
    if (!best) throw new Error(`no roles cover ${[...wanted].join(', ')}`);
    const { roles, gives, management } = best.choice;
    return {
      roles: roles.map(({ id, name }) => ({ id, name })),
      gains: this.#actions.filter((_, index) => ((gives & ~bits) >> BigInt(index)) & 1n),
      management,
    };
  }

  #bits(isIn: (action: string) => boolean): bigint {
    return this.#actions.reduce((sum, action, index) => (isIn(action) ? sum | (1n << BigInt(index)) : sum), 0n);
  }
}

function ones(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest > 0n; rest &= rest - 1n) count += 1;
  return count;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, position) => value !== b[position]);
  return index >= 0 && a[index]! < b[index]!;
}
