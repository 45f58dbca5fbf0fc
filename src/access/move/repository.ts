import type { AccessPolicy } from '../../resources/vault.ts';
import type { Session, Transaction } from '../../store/port.ts';
import type { ModelChangeTable } from '../../store/schema.ts';
import { statement } from '../../store/statement.ts';
import type { Model, MoveOrder } from './plan.ts';

/** A custom role that a change makes. */
export interface MadeRole {
  readonly id: string;
  readonly name: string;
  readonly dataActions: readonly string[];
}

/** A role assignment at the vault that a change makes. */
export interface MadeAssignment {
  readonly id: string;
  readonly principalId: string;
  readonly principalType: string;
  readonly roleId: string;
}

/** The last change of a vault's permission model that was made by a plan. */
export interface ModelChange {
  readonly vaultId: string;
  readonly id: string;
  readonly to: Model;
  /**
   * `assigning`: begun, not switched yet; `adding`: begun where the vault uses the model already; `reverting`: switched back, and some
   * of what it made is still there.
   */
  readonly state: 'assigning' | 'adding' | 'applied' | 'reverting' | 'reverted';
  /** The digest of the plan. */
  readonly digest: string;
  readonly options: Omit<MoveOrder, 'to'>;
  readonly wasRbac: boolean;
  readonly policiesBefore: readonly AccessPolicy[];
  readonly policiesAfter: readonly AccessPolicy[];
  readonly roles: readonly MadeRole[];
  readonly assignments: readonly MadeAssignment[];
  readonly created: number;
  readonly updated: number;
  /** Object id. */
  readonly createdBy: string;
}

const byVault = statement<{ vaultId: string }, ModelChangeTable>((db, p) =>
  db.selectFrom('model_changes').selectAll().where('vault_id', '=', p('vaultId')),
);
const remove = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('model_changes').where('vault_id', '=', p('vaultId')),
);
const setState = statement<{ vaultId: string; state: string; updated: number }>((db, p) =>
  db
    .updateTable('model_changes')
    .set({ state: p('state'), updated: p('updated') })
    .where('vault_id', '=', p('vaultId')),
);
const insert = statement<ModelChangeTable>((db, p) =>
  db.insertInto('model_changes').values({
    vault_id: p('vault_id'),
    id: p('id'),
    to_model: p('to_model'),
    state: p('state'),
    digest: p('digest'),
    options: p('options'),
    was_rbac: p('was_rbac'),
    policies_before: p('policies_before'),
    policies_after: p('policies_after'),
    roles: p('roles'),
    assignments: p('assignments'),
    created: p('created'),
    updated: p('updated'),
    created_by: p('created_by'),
  }),
);

/** Whether a change was begun and neither applied nor undone. */
export function isUnfinished(change: ModelChange | null): change is ModelChange {
  return change?.state === 'assigning' || change?.state === 'adding';
}

/** The last change of a vault, or null. */
export async function findChange(session: Session, vaultId: string): Promise<ModelChange | null> {
  const row = await byVault.first(session, { vaultId });
  return row && toChange(row);
}

/** Stores a change in place of the one before it. */
export async function storeChange(transaction: Transaction, change: ModelChange): Promise<void> {
  await remove.change(transaction, { vaultId: change.vaultId });
  await insert.change(transaction, {
    vault_id: change.vaultId,
    id: change.id,
    to_model: change.to,
    state: change.state,
    digest: change.digest,
    options: JSON.stringify(change.options),
    was_rbac: change.wasRbac ? 1 : 0,
    policies_before: JSON.stringify(change.policiesBefore),
    policies_after: JSON.stringify(change.policiesAfter),
    roles: JSON.stringify(change.roles),
    assignments: JSON.stringify(change.assignments),
    created: change.created,
    updated: change.updated,
    created_by: change.createdBy,
  });
}

/** Removes the last change of a vault. */
export async function deleteChange(transaction: Transaction, vaultId: string): Promise<void> {
  await remove.change(transaction, { vaultId });
}

/** Notes how far a change has come. */
export async function markChange(
  transaction: Transaction,
  { vaultId }: Pick<ModelChange, 'vaultId'>,
  state: ModelChange['state'],
  now: number,
): Promise<void> {
  await setState.change(transaction, { vaultId, state, updated: now });
}

function toChange(row: ModelChangeTable): ModelChange {
  return {
    vaultId: row.vault_id,
    id: row.id,
    to: row.to_model as Model,
    state: row.state as ModelChange['state'],
    digest: row.digest,
    options: JSON.parse(row.options) as ModelChange['options'],
    wasRbac: row.was_rbac === 1,
    policiesBefore: JSON.parse(row.policies_before) as readonly AccessPolicy[],
    policiesAfter: JSON.parse(row.policies_after) as readonly AccessPolicy[],
    roles: JSON.parse(row.roles) as readonly MadeRole[],
    assignments: JSON.parse(row.assignments) as readonly MadeAssignment[],
    created: row.created,
    updated: row.updated,
    createdBy: row.created_by,
  };
}
