import type { Session, Transaction } from '../../store/port.ts';
import type { DenyAssignmentTable } from '../../store/schema.ts';
import { statement } from '../../store/statement.ts';
import type { RolePermission } from '../role.ts';
import { scopesAbove, scopesBelow, scopesBelowBut } from '../scope.ts';
import type { Denial, DeniedPrincipal } from './denial.ts';

const all = statement<object, DenyAssignmentTable>((db) =>
  db.selectFrom('deny_assignments').selectAll().orderBy('scope_key').orderBy('id'),
);
const byId = statement<{ id: string }, DenyAssignmentTable>((db, p) =>
  db.selectFrom('deny_assignments').selectAll().where('id', '=', p('id')),
);
const count = statement<object, { count: number }>((db) =>
  db.selectFrom('deny_assignments').select((eb) => eb.fn.countAll<number>().as('count')),
);
const insert = statement<DenyAssignmentTable>((db, p) =>
  db.insertInto('deny_assignments').values({
    scope_key: p('scope_key'),
    id: p('id'),
    scope: p('scope'),
    name: p('name'),
    description: p('description'),
    permissions: p('permissions'),
    principals: p('principals'),
    exclude_principals: p('exclude_principals'),
    only_here: p('only_here'),
    created: p('created'),
    updated: p('updated'),
    created_by: p('created_by'),
  }),
);
const remove = statement<{ scopeKey: string; id: string }>((db, p) =>
  db.deleteFrom('deny_assignments').where('scope_key', '=', p('scopeKey')).where('id', '=', p('id')),
);
const removeAtOrBelow = statement<{ scopeKey: string; from: string; to: string }>((db, p) =>
  db
    .deleteFrom('deny_assignments')
    .where((eb) =>
      eb.or([
        eb('scope_key', '=', p('scopeKey')),
        eb.and([eb('scope_key', '>=', p('from')), eb('scope_key', '<', p('to'))]),
      ]),
    ),
);

/** Every denial there is; a limit on their number keeps this small. */
export async function readDenials(session: Session): Promise<readonly Denial[]> {
  return (await all.all(session, {})).map(toDenial);
}

/** The denial of this id at whatever scope, or null. */
export async function findDenial(session: Session, id: string): Promise<Denial | null> {
  const row = await byId.first(session, { id });
  return row && toDenial(row);
}

/** How many denials there are. */
export async function countDenials(session: Session): Promise<number> {
  return Number((await count.first(session, {}))?.count ?? 0);
}

/** A page of the denials at the scope, above it and (where asked) below it, ordered by folded scope and id. */
export async function listDenials(
  session: Session,
  selection: {
    readonly scopeKey: string;
    readonly below: boolean;
    readonly after: { readonly scopeKey: string; readonly id: string } | null;
    readonly limit: number;
  },
): Promise<readonly Denial[]> {
  const { after } = selection;
  const below = scopesBelow(selection.scopeKey);
  let query = session.db
    .selectFrom('deny_assignments')
    .selectAll()
    .where((eb) => {
      const atOrAbove = eb('scope_key', 'in', [...scopesAbove(selection.scopeKey)]);
      if (!selection.below) return atOrAbove;
      return eb.or([atOrAbove, eb.and([eb('scope_key', '>=', below.from), eb('scope_key', '<', below.to)])]);
    });
  if (after) {
    query = query.where((eb) =>
      eb.or([
        eb('scope_key', '>', after.scopeKey),
        eb.and([eb('scope_key', '=', after.scopeKey), eb('id', '>', after.id)]),
      ]),
    );
  }
  return (await query.orderBy('scope_key').orderBy('id').limit(selection.limit).execute()).map(toDenial);
}

/** Stores a denial, in place of the one of the same scope and id, and voids cached decisions. */
export async function storeDenial(transaction: Transaction, denial: Denial): Promise<void> {
  await remove.change(transaction, { scopeKey: denial.scopeKey, id: denial.id });
  await insert.change(transaction, {
    scope_key: denial.scopeKey,
    id: denial.id,
    scope: denial.scope,
    name: denial.name,
    description: denial.description,
    permissions: JSON.stringify(denial.permissions),
    principals: JSON.stringify(denial.principals),
    exclude_principals: JSON.stringify(denial.excludePrincipals),
    only_here: denial.isOnlyHere ? 1 : 0,
    created: denial.created,
    updated: denial.updated,
    created_by: denial.createdBy,
  });
  transaction.touch();
}

/** Removes a denial and voids cached decisions. */
export async function deleteDenial(transaction: Transaction, scopeKey: string, id: string): Promise<void> {
  await remove.change(transaction, { scopeKey, id });
  transaction.touch();
}

/** Removes every denial at the scope and below it, but not below `keep`, as when what it names is gone for good. */
export async function deleteDenialsUnder(
  transaction: Transaction,
  scopeKey: string,
  keep: string | null,
): Promise<void> {
  for (const range of scopesBelowBut(scopeKey, keep)) {
    await removeAtOrBelow.change(transaction, { scopeKey, ...range });
  }
  transaction.touch();
}

function toDenial(row: DenyAssignmentTable): Denial {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    scope: row.scope,
    scopeKey: row.scope_key,
    permissions: JSON.parse(row.permissions) as readonly RolePermission[],
    principals: JSON.parse(row.principals) as readonly DeniedPrincipal[],
    excludePrincipals: JSON.parse(row.exclude_principals) as readonly DeniedPrincipal[],
    isOnlyHere: row.only_here === 1,
    created: row.created,
    updated: row.updated,
    createdBy: row.created_by,
  };
}
