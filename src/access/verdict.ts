import type { ObjectKind } from '../operations/operation.ts';
import type { AccessPolicy } from '../resources/vault.ts';
import { type Expression, judgeCondition, type Truth } from './conditions/condition.ts';
import { matchesAction } from './pattern.ts';
import type { Grant, Role } from './role.ts';

/** The two kinds of action a role may give. */
export type ActionKind = 'action' | 'dataAction';

/** Whether the role includes the action: some block names it and does not take it away again. */
export function roleAllows(role: Pick<Role, 'permissions'>, kind: ActionKind, action: string): boolean {
  return role.permissions.some((permission) => {
    const given = kind === 'action' ? permission.actions : permission.dataActions;
    const taken = kind === 'action' ? permission.notActions : permission.notDataActions;
    return (
      given.some((pattern) => matchesAction(pattern, action)) &&
      !taken.some((pattern) => matchesAction(pattern, action))
    );
  });
}

/** Whether a grant at `scopeKey` reaches the resource: at it, or above it at a whole segment. Both are folded. */
export function scopeReaches(scopeKey: string, resourceKey: string): boolean {
  return scopeKey === '/' || resourceKey === scopeKey || resourceKey.startsWith(`${scopeKey}/`);
}

/** What role assignments say of one action on one resource. */
export type RoleVerdict =
  | { readonly allowed: true; readonly grants: readonly Grant[] }
  | {
      readonly allowed: false;
      readonly reason: 'no-role' | 'role-lacks-action' | 'role-out-of-scope' | 'condition-not-met';
      /** The grants that came nearest: at the wrong scope, or at the right one without the action. */
      readonly nearest: readonly Grant[];
    };

/** What conditions are judged by beside the action. */
export interface ConditionFacts {
  /** The attributes of the request, by their keys. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Whether a grant counts whose condition hangs on attributes that are not known yet: they are judged again once they are. */
  readonly isEarly: boolean;
}

const noFacts: ConditionFacts = { attributes: new Map(), isEarly: false };

/** Whether anything but its permissions and its scope limits the grant. */
export function isConditional(grant: Grant): boolean {
  return grant.holdsIf !== undefined || grant.role.holdsIf !== undefined;
}

/** Whether the conditions of the grant and of its role hold. */
export function conditionHolds(grant: Grant, action: string, facts: ConditionFacts): boolean {
  if (!isConditional(grant)) return true;
  const context = { action, attributes: facts.attributes };
  const truthOf = (condition: Expression | undefined): Truth =>
    condition === undefined ? 'yes' : judgeCondition(condition, context);
  return [grant.holdsIf, grant.role.holdsIf].every((condition) => {
    const truth = truthOf(condition);
    return truth === 'yes' || (facts.isEarly && truth === 'unknown');
  });
}

/** The verdict of the caller's role assignments. Pure: all grants of the caller go in. */
export function judgeRoles(
  grants: readonly Grant[],
  kind: ActionKind,
  action: string,
  resourceKey: string,
  facts: ConditionFacts = noFacts,
): RoleVerdict {
  const reaching = grants.filter((grant) => scopeReaches(grant.scopeKey, resourceKey));
  const including = reaching.filter((grant) => roleAllows(grant.role, kind, action));
  const allowing = including.filter((grant) => conditionHolds(grant, action, facts));
  if (allowing.length > 0) return { allowed: true, grants: allowing };
  if (including.length > 0) return { allowed: false, reason: 'condition-not-met', nearest: including };
  const elsewhere = grants.filter((grant) => roleAllows(grant.role, kind, action));
  if (elsewhere.length > 0) return { allowed: false, reason: 'role-out-of-scope', nearest: elsewhere };
  if (reaching.length > 0) return { allowed: false, reason: 'role-lacks-action', nearest: reaching };
  return { allowed: false, reason: 'no-role', nearest: [] };
}

/** A permission of access policies, e.g. of secrets, get. */
export interface PolicyPermission {
  readonly of: ObjectKind;
  readonly name: string;
}

/** Whether an access policy entry is about the caller: the principal or a group of it, of this tenant, by this application. */
export function concerns(
  policy: AccessPolicy,
  caller: { readonly tenantId: string; readonly principalIds: readonly string[]; readonly appId: string },
): boolean {
  if (policy.tenantId.toLowerCase() !== caller.tenantId.toLowerCase()) return false;
  if (!caller.principalIds.includes(policy.objectId.toLowerCase())) return false;
  return !policy.applicationId || policy.applicationId.toLowerCase() === caller.appId.toLowerCase();
}

/**
 * The access policy entry that gives the permission, or null. An entry with an application counts only for tokens of that
 * application on behalf of the principal; permissions never add up over entries of different principals' ids and tenants.
 */
export function judgePolicies(
  policies: readonly AccessPolicy[],
  caller: { readonly tenantId: string; readonly principalIds: readonly string[]; readonly appId: string },
  permission: PolicyPermission,
): AccessPolicy | null {
  const name = permission.name.toLowerCase();
  for (const policy of policies) {
    if (!concerns(policy, caller)) continue;
    const given = policy.permissions[permission.of] ?? [];
    // `all` leaves out purge: the service wants that one named (Key Vault access policy documentation).
    if (given.includes(name) || (given.includes('all') && name !== 'purge')) return policy;
  }
  return null;
}

/** The role that gives the data action and the least besides, for the remedy of a refusal. */
export function leastRole(roles: readonly Role[], kind: ActionKind, action: string, known: readonly string[]): string {
  let best: { name: string; weight: number } | null = null;
  for (const role of roles) {
    if (!roleAllows(role, kind, action)) continue;
    const weight =
      known.reduce((sum, other) => sum + (roleAllows(role, kind, other) ? weightOf(other) : 0), 0) +
      role.permissions.reduce((sum, permission) => sum + permission.actions.length, 0);
    if (!best || weight < best.weight) best = { name: role.name, weight };
  }
  return best?.name ?? 'Owner';
}

/** To read the values of secrets is more to give away than all there is to know about them. */
function weightOf(dataAction: string): number {
  return dataAction.endsWith('/getSecret/action') ? 2000 : 100;
}
