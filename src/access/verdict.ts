import type { ObjectKind } from '../operations/operation.ts';
import type { AccessPolicy } from '../resources/vault.ts';
import { matchesAction } from './pattern.ts';
import type { Grant, Role } from './role.ts';

/** The two kinds of action a role may give. */
export type ActionKind = 'action' | 'dataAction';

/** Whether the role includes the action: some block names it and does not take it away again. */
export function roleAllows(role: Role, kind: ActionKind, action: string): boolean {
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
      readonly reason: 'no-role' | 'role-lacks-action' | 'role-out-of-scope';
      /** The grants that came nearest: at the wrong scope, or at the right one without the action. */
      readonly nearest: readonly Grant[];
    };

/** The verdict of the caller's role assignments. Pure: all grants of the caller go in. */
export function judgeRoles(
  grants: readonly Grant[],
  kind: ActionKind,
  action: string,
  resourceKey: string,
): RoleVerdict {
  const reaching = grants.filter((grant) => scopeReaches(grant.scopeKey, resourceKey));
  const allowing = reaching.filter((grant) => roleAllows(grant.role, kind, action));
  if (allowing.length > 0) return { allowed: true, grants: allowing };
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
    if (policy.tenantId.toLowerCase() !== caller.tenantId.toLowerCase()) continue;
    if (!caller.principalIds.includes(policy.objectId.toLowerCase())) continue;
    if (policy.applicationId && policy.applicationId.toLowerCase() !== caller.appId.toLowerCase()) continue;
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
