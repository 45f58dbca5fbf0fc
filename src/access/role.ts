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
  /** Where set, the holder may create and delete assignments of these roles alone (the ABAC condition of the built-in role). */
  readonly assignsOnly?: readonly string[];
  /** The condition as the service writes it, for answers. */
  readonly condition?: string;
}

/** A role assignment as the verdict sees it. */
export interface Grant {
  readonly assignmentId: string;
  readonly principalId: string;
  readonly role: Role;
  readonly scope: string;
  /** The folded scope: `/` or `/subscriptions/…`, without a trailing slash. */
  readonly scopeKey: string;
}
