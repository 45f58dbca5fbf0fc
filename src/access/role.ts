import type { Expression } from './conditions/condition.ts';

/** One block of a role's permissions. Patterns may hold `*`, which stands for any text, slashes too. */
export interface RolePermission {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
}

/** A role definition. */
export interface Role {
  /** The GUID that is its name on the wire. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly type: 'BuiltInRole' | 'CustomRole';
  readonly permissions: readonly RolePermission[];
  readonly assignableScopes: readonly string[];
  /** The roles that its condition lets the holder assign, for whoever asks what would be allowed. */
  readonly assignsOnly?: readonly string[];
  /** The condition under which the built-in role gives anything, as the service writes it. */
  readonly condition?: string;
  /** The same, read. */
  readonly holdsIf?: Expression;
}

/** A role assignment as the verdict sees it. */
export interface Grant {
  readonly assignmentId: string;
  readonly principalId: string;
  readonly role: Role;
  readonly scope: string;
  /** The folded scope: `/` or `/subscriptions/…`, without a trailing slash. */
  readonly scopeKey: string;
  /** The condition of the assignment, beside that of its role; without one it always holds. */
  readonly holdsIf?: Expression;
}
