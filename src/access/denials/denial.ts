import type { RolePermission } from '../role.ts';
import { type ActionKind, roleAllows, scopeReaches } from '../verdict.ts';

/** The object id that stands for every principal there is. */
export const everyone = '00000000-0000-0000-0000-000000000000';

/** Somebody a denial names. */
export interface DeniedPrincipal {
  /** Object id, lower case; {@link everyone} for all. */
  readonly id: string;
  /** User, Group, ServicePrincipal, or SystemDefined for all. */
  readonly type: string;
}

/** A stored deny assignment. */
export interface Denial {
  /** The GUID that is its name, lower case. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly scope: string;
  /** The folded scope. */
  readonly scopeKey: string;
  readonly permissions: readonly RolePermission[];
  readonly principals: readonly DeniedPrincipal[];
  readonly excludePrincipals: readonly DeniedPrincipal[];
  /** Whether it leaves what is below its scope alone. */
  readonly isOnlyHere: boolean;
  readonly created: number;
  readonly updated: number;
  /** Object id of whoever made it. */
  readonly createdBy: string;
}

/** Whether it holds for a caller: it names them, or a group they are in, or everyone, and leaves none of these out. */
export function isAgainst(
  denial: Pick<Denial, 'principals' | 'excludePrincipals'>,
  principalIds: readonly string[],
): boolean {
  const names = ({ id }: DeniedPrincipal) => id === everyone || principalIds.includes(id);
  return denial.principals.some(names) && !denial.excludePrincipals.some(names);
}

/** Whether it takes the action away from whom it is against, wherever that is. */
export function takesAway(denial: Pick<Denial, 'permissions'>, kind: ActionKind, action: string): boolean {
  return roleAllows(denial, kind, action);
}

/**
 * The denial that takes an action on a resource away, or null. Whatever grants there are, it wins.
 * @param denials those against the caller
 * @param resourceKey the folded resource
 */
export function denialOf(
  denials: readonly Denial[],
  kind: ActionKind,
  action: string,
  resourceKey: string,
): Denial | null {
  const reaches = ({ scopeKey, isOnlyHere }: Denial) =>
    isOnlyHere ? scopeKey === resourceKey : scopeReaches(scopeKey, resourceKey);
  return denials.find((denial) => reaches(denial) && takesAway(denial, kind, action)) ?? null;
}

/** Whether what holds at a scope may not hold for something below it: a denial is there, or is for the scope alone. */
export function isUneven(denials: readonly Denial[], kind: ActionKind, action: string, scopeKey: string): boolean {
  return denials.some((denial) => scopeReaches(scopeKey, denial.scopeKey) && takesAway(denial, kind, action));
}
