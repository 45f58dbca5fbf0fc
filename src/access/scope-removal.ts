import type { Transaction } from '../store/port.ts';
import { deleteDenialsUnder } from './denials/repository.ts';
import { deleteAssignmentsUnder } from './repository.ts';

/**
 * Removes the role and deny assignments at a scope and below it, as when what it names is gone for good: names come back, and what was
 * granted to the old, or taken from it, must not hold for the new.
 * @param scopeKey the folded scope
 * @param keep a folded scope below it: what is below that one stays
 */
export async function removeAssignmentsUnder(
  transaction: Transaction,
  scopeKey: string,
  keep: string | null = null,
): Promise<void> {
  await deleteAssignmentsUnder(transaction, scopeKey, keep);
  await deleteDenialsUnder(transaction, scopeKey, keep);
}
