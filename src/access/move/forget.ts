import type { Transaction } from '../../store/port.ts';
import { assignmentOfRole, deleteCustomRole } from '../custom-roles/repository.ts';
import { deleteChange, findChange } from './repository.ts';

/** Removes what is kept of the last change of a vault's model, and the custom roles it made for it that nobody holds. */
export async function forgetChange(transaction: Transaction, vaultId: string): Promise<void> {
  const change = await findChange(transaction, vaultId);
  if (!change) return;
  for (const { id } of change.roles) {
    if ((await assignmentOfRole(transaction, id)) === null) await deleteCustomRole(transaction, id);
  }
  await deleteChange(transaction, vaultId);
}
