import type { Session, Transaction } from '../store/port.ts';
import type { RoleAssignmentTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';
import { findBuiltInRole } from './built-in-roles.ts';
import { conditionOf } from './conditions/reader.ts';
import { readCustomRoles } from './custom-roles/repository.ts';
import type { Grant, Role } from './role.ts';
import { scopesAbove, scopesBelow, scopesBelowBut } from './scope.ts';

/** A stored role assignment. */
export interface RoleAssignment {
  /** The GUID that is its name, lower case. */
  readonly id: string;
  readonly scope: string;
  readonly scopeKey: string;
  readonly roleId: string;
  readonly principalId: string;
  readonly principalType: string;
  readonly description: string | null;
  readonly created: number;
  readonly updated: number;
  /** Object id of whoever made it. */
  readonly createdBy: string;
  /** The ABAC condition (version 2.0), or null. */
  readonly condition: string | null;
}

// SQLite takes 32,766 parameters a statement, PostgreSQL 65,535.
const MAX_IDS_A_STATEMENT = 10_000;
const PAGE = 1000;

const byScopeAndId = statement<{ scopeKey: string; id: string }, RoleAssignmentTable>((db, p) =>
  db.selectFrom('role_assignments').selectAll().where('scope_key', '=', p('scopeKey')).where('id', '=', p('id')),
);
const byId = statement<{ id: string }, RoleAssignmentTable>((db, p) =>
  db.selectFrom('role_assignments').selectAll().where('id', '=', p('id')),
);
const byGrant = statement<{ principalId: string; roleId: string; scopeKey: string }, RoleAssignmentTable>((db, p) =>
  db
    .selectFrom('role_assignments')
    .selectAll()
    .where('principal_id', '=', p('principalId'))
    .where('role_id', '=', p('roleId'))
    .where('scope_key', '=', p('scopeKey')),
);
const insert = statement<RoleAssignmentTable>((db, p) =>
  db.insertInto('role_assignments').values({
    id: p('id'),
    scope_key: p('scope_key'),
    scope: p('scope'),
    role_id: p('role_id'),
    principal_id: p('principal_id'),
    principal_type: p('principal_type'),
    description: p('description'),
    created: p('created'),
    updated: p('updated'),
    created_by: p('created_by'),
    condition: p('condition'),
    condition_version: p('condition_version'),
  }),
);
const change = statement<{
  scopeKey: string;
  id: string;
  description: string | null;
  condition: string | null;
  version: string | null;
  updated: number;
}>((db, p) =>
  db
    .updateTable('role_assignments')
    .set({
      description: p('description'),
      condition: p('condition'),
      condition_version: p('version'),
      updated: p('updated'),
    })
    .where('scope_key', '=', p('scopeKey'))
    .where('id', '=', p('id')),
);
const remove = statement<{ scopeKey: string; id: string }>((db, p) =>
  db.deleteFrom('role_assignments').where('scope_key', '=', p('scopeKey')).where('id', '=', p('id')),
);
const removeAtOrBelow = statement<{ scopeKey: string; from: string; to: string }>((db, p) =>
  db
    .deleteFrom('role_assignments')
    .where((eb) =>
      eb.or([
        eb('scope_key', '=', p('scopeKey')),
        eb.and([eb('scope_key', '>=', p('from')), eb('scope_key', '<', p('to'))]),
      ]),
    ),
);

const kindOfPrincipal = statement<{ id: string }, { kind: string }>((db, p) =>
  db.selectFrom('principals').select('kind').where('id', '=', p('id')),
);

/** What a principal is: User, Group or ServicePrincipal; null where the directory has none of this object id. */
export async function principalKind(session: Session, id: string): Promise<string | null> {
  return (await kindOfPrincipal.first(session, { id }))?.kind ?? null;
}

/**
 * Every grant of the principals, at any scope, with the roles as they are now; assignments of roles that are not there give
 * nothing.
 */
export async function readGrants(session: Session, principalIds: readonly string[]): Promise<readonly Grant[]> {
  const rows: GrantRow[] = [];
  for (let start = 0; start < principalIds.length; start += MAX_IDS_A_STATEMENT) {
    const page = await session.db
      .selectFrom('role_assignments')
      .select(['id', 'principal_id', 'role_id', 'scope', 'scope_key', 'condition'])
      .where('principal_id', 'in', principalIds.slice(start, start + MAX_IDS_A_STATEMENT))
      .orderBy('scope_key')
      .orderBy('id')
      .execute();
    for (const row of page) rows.push(row);
  }
  const custom = new Set(rows.map((row) => row.role_id).filter((id) => findBuiltInRole(id) === null));
  const roles = custom.size === 0 ? new Map<string, Role>() : await readCustomRoles(session, [...custom]);
  return rows.flatMap((row) => {
    const role = findBuiltInRole(row.role_id) ?? roles.get(row.role_id);
    return role ? [toGrant(row, role)] : [];
  });
}

/** The role assignments at a scope, above it and below it, with their roles; those of roles that are not there are left out. */
export async function readGrantsAround(
  session: Session,
  scopeKey: string,
): Promise<readonly { readonly assignment: RoleAssignment; readonly grant: Grant }[]> {
  const found: RoleAssignment[] = [];
  for (let after: AssignmentSelection['after'] = null; ; ) {
    const page = await listAssignments(session, { scopeKey, below: true, principalIds: null, after, limit: PAGE });
    found.push(...page);
    if (page.length < PAGE) break;
    const { scopeKey: lastScope, id } = page[page.length - 1]!;
    after = { scopeKey: lastScope, id };
  }
  const custom = new Set(found.map(({ roleId }) => roleId).filter((id) => findBuiltInRole(id) === null));
  const roles = custom.size === 0 ? new Map<string, Role>() : await readCustomRoles(session, [...custom]);
  return found.flatMap((assignment) => {
    const role = findBuiltInRole(assignment.roleId) ?? roles.get(assignment.roleId);
    if (!role) return [];
    const { id, principalId, roleId, scope, scopeKey: key, condition } = assignment;
    const row = { id, principal_id: principalId, role_id: roleId, scope, scope_key: key, condition };
    return [{ assignment, grant: toGrant(row, role) }];
  });
}

type GrantRow = Pick<RoleAssignmentTable, 'id' | 'principal_id' | 'role_id' | 'scope' | 'scope_key' | 'condition'>;

function toGrant(row: GrantRow, role: Role): Grant {
  return {
    assignmentId: row.id,
    principalId: row.principal_id,
    role,
    scope: row.scope,
    scopeKey: row.scope_key,
    ...(row.condition !== null && { holdsIf: conditionOf(row.condition) }),
  };
}

/** Which assignments a list holds, and from where on. */
export interface AssignmentSelection {
  readonly scopeKey: string;
  /** Whether scopes below are included; those above always are. */
  readonly below: boolean;
  /** Only assignments to these principals; null for all. */
  readonly principalIds: readonly string[] | null;
  /** Only what comes after this place. */
  readonly after: { readonly scopeKey: string; readonly id: string } | null;
  readonly limit: number;
}

/** A page of role assignments at the scope, above it and (where asked) below it, ordered by folded scope and id. */
export async function listAssignments(
  session: Session,
  selection: AssignmentSelection,
): Promise<readonly RoleAssignment[]> {
  const { after, principalIds } = selection;
  const below = scopesBelow(selection.scopeKey);
  let query = session.db
    .selectFrom('role_assignments')
    .selectAll()
    .where((eb) => {
      const atOrAbove = eb('scope_key', 'in', [...scopesAbove(selection.scopeKey)]);
      if (!selection.below) return atOrAbove;
      return eb.or([atOrAbove, eb.and([eb('scope_key', '>=', below.from), eb('scope_key', '<', below.to)])]);
    });
  if (principalIds) query = query.where('principal_id', 'in', [...principalIds]);
  if (after) {
    query = query.where((eb) =>
      eb.or([
        eb('scope_key', '>', after.scopeKey),
        eb.and([eb('scope_key', '=', after.scopeKey), eb('id', '>', after.id)]),
      ]),
    );
  }
  const rows = await query.orderBy('scope_key').orderBy('id').limit(selection.limit).execute();
  return rows.map(toAssignment);
}

/** The assignment of this id at exactly this scope, or null. */
export async function findAssignment(session: Session, scopeKey: string, id: string): Promise<RoleAssignment | null> {
  const row = await byScopeAndId.first(session, { scopeKey, id });
  return row && toAssignment(row);
}

/** The assignment of this id at whatever scope, or null. */
export async function findAssignmentAnywhere(session: Session, id: string): Promise<RoleAssignment | null> {
  const row = await byId.first(session, { id });
  return row && toAssignment(row);
}

/** The assignment that gives the role to the principal at exactly this scope, or null. */
export async function findAssignmentOf(
  session: Session,
  grant: { readonly principalId: string; readonly roleId: string; readonly scopeKey: string },
): Promise<RoleAssignment | null> {
  const row = await byGrant.first(session, grant);
  return row && toAssignment(row);
}

/** Stores a new assignment and voids cached decisions. */
export async function insertAssignment(transaction: Transaction, assignment: RoleAssignment): Promise<void> {
  await insert.change(transaction, {
    id: assignment.id,
    scope_key: assignment.scopeKey,
    scope: assignment.scope,
    role_id: assignment.roleId,
    principal_id: assignment.principalId,
    principal_type: assignment.principalType,
    description: assignment.description,
    created: assignment.created,
    updated: assignment.updated,
    created_by: assignment.createdBy,
    condition: assignment.condition,
    condition_version: assignment.condition === null ? null : '2.0',
  });
  transaction.touch();
}

/** Changes the description and the condition of an assignment, and voids cached decisions. */
export async function changeAssignment(
  transaction: Transaction,
  { scopeKey, id, description, condition, updated }: RoleAssignment,
): Promise<void> {
  const version = condition === null ? null : '2.0';
  await change.change(transaction, { scopeKey, id, description, condition, version, updated });
  transaction.touch();
}

/** Removes an assignment and voids cached decisions. */
export async function deleteAssignment(transaction: Transaction, scopeKey: string, id: string): Promise<void> {
  await remove.change(transaction, { scopeKey, id });
  transaction.touch();
}

/** Removes every assignment at the scope and below it, but not below `keep`, as when what it names is gone for good. */
export async function deleteAssignmentsUnder(
  transaction: Transaction,
  scopeKey: string,
  keep: string | null,
): Promise<void> {
  for (const range of scopesBelowBut(scopeKey, keep)) {
    await removeAtOrBelow.change(transaction, { scopeKey, ...range });
  }
  transaction.touch();
}

function toAssignment(row: RoleAssignmentTable): RoleAssignment {
  return {
    id: row.id,
    scope: row.scope,
    scopeKey: row.scope_key,
    roleId: row.role_id,
    principalId: row.principal_id,
    principalType: row.principal_type,
    description: row.description,
    created: row.created,
    updated: row.updated,
    createdBy: row.created_by,
    condition: row.condition,
  };
}
