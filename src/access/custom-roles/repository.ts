import { foldName } from '../../base/ids.ts';
import type { Session, Transaction } from '../../store/port.ts';
import type { RoleDefinitionTable } from '../../store/schema.ts';
import { statement } from '../../store/statement.ts';
import type { Role, RolePermission } from '../role.ts';

/** A custom role with what is kept about it. */
export interface CustomRole extends Role {
  readonly created: number;
  readonly updated: number;
  readonly createdBy: string;
  readonly updatedBy: string;
}

const byId = statement<{ id: string }, RoleDefinitionTable>((db, p) =>
  db.selectFrom('role_definitions').selectAll().where('id', '=', p('id')),
);
const byName = statement<{ nameKey: string }, RoleDefinitionTable>((db, p) =>
  db.selectFrom('role_definitions').selectAll().where('name_key', '=', p('nameKey')),
);
const after = statement<{ after: string; limit: number }, RoleDefinitionTable>((db, p) =>
  db.selectFrom('role_definitions').selectAll().where('id', '>', p('after')).orderBy('id').limit(p('limit')),
);
const count = statement<object, { count: number }>((db) =>
  db.selectFrom('role_definitions').select((eb) => eb.fn.countAll<number>().as('count')),
);
const insert = statement<RoleDefinitionTable>((db, p) =>
  db.insertInto('role_definitions').values({
    id: p('id'),
    name_key: p('name_key'),
    name: p('name'),
    description: p('description'),
    permissions: p('permissions'),
    assignable_scopes: p('assignable_scopes'),
    created: p('created'),
    updated: p('updated'),
    created_by: p('created_by'),
    updated_by: p('updated_by'),
  }),
);
const remove = statement<{ id: string }>((db, p) => db.deleteFrom('role_definitions').where('id', '=', p('id')));
const assignmentOf = statement<{ roleId: string }, { id: string }>((db, p) =>
  db.selectFrom('role_assignments').select('id').where('role_id', '=', p('roleId')).limit(1),
);

/** The custom role of this id (lower case), or null. */
export async function findCustomRole(session: Session, id: string): Promise<CustomRole | null> {
  const row = await byId.first(session, { id });
  return row && toRole(row);
}

/** The custom role of this name, compared without regard to ASCII case, or null. */
export async function findCustomRoleByName(session: Session, name: string): Promise<CustomRole | null> {
  const row = await byName.first(session, { nameKey: foldName(name) });
  return row && toRole(row);
}

/** The custom roles of these ids; those that are not there are left out. */
export async function readCustomRoles(session: Session, ids: readonly string[]): Promise<ReadonlyMap<string, Role>> {
  const found = new Map<string, Role>();
  // There are at most 5,000 of them, which is below what a statement takes.
  for (let start = 0; start < ids.length; start += 5000) {
    const rows = await session.db
      .selectFrom('role_definitions')
      .selectAll()
      .where('id', 'in', ids.slice(start, start + 5000))
      .execute();
    for (const row of rows) found.set(row.id, toRole(row));
  }
  return found;
}

/** A page of the custom roles, ordered by id. */
export async function listCustomRoles(
  session: Session,
  place: { readonly after: string; readonly limit: number },
): Promise<readonly CustomRole[]> {
  return (await after.all(session, place)).map(toRole);
}

/** How many custom roles there are. */
export async function countCustomRoles(session: Session): Promise<number> {
  return Number((await count.first(session, {}))?.count ?? 0);
}

/** The id of some assignment of the role, or null where nobody holds it. */
export async function assignmentOfRole(session: Session, roleId: string): Promise<string | null> {
  return (await assignmentOf.first(session, { roleId }))?.id ?? null;
}

/** Stores a custom role, in place of the one of the same id, and voids cached decisions. */
export async function storeCustomRole(transaction: Transaction, role: CustomRole): Promise<void> {
  await remove.change(transaction, { id: role.id });
  await insert.change(transaction, {
    id: role.id,
    name_key: foldName(role.name),
    name: role.name,
    description: role.description,
    permissions: JSON.stringify(role.permissions),
    assignable_scopes: JSON.stringify(role.assignableScopes),
    created: role.created,
    updated: role.updated,
    created_by: role.createdBy,
    updated_by: role.updatedBy,
  });
  transaction.touch();
}

/** Removes a custom role and voids cached decisions. */
export async function deleteCustomRole(transaction: Transaction, id: string): Promise<void> {
  await remove.change(transaction, { id });
  transaction.touch();
}

function toRole(row: RoleDefinitionTable): CustomRole {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    type: 'CustomRole',
    permissions: JSON.parse(row.permissions) as readonly RolePermission[],
    assignableScopes: JSON.parse(row.assignable_scopes) as readonly string[],
    created: row.created,
    updated: row.updated,
    createdBy: row.created_by,
    updatedBy: row.updated_by,
  };
}
