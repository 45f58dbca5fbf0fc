import type { Transaction } from '../store/port.ts';
import { deleteMove, findMoveTo } from './repository.ts';

/** Removes what is kept of moves from a vault and to it, as when it is gone for good. */
export async function forgetMoves(transaction: Transaction, vaultId: string): Promise<void> {
  await deleteMove(transaction, vaultId);
  const move = await findMoveTo(transaction, vaultId);
  if (move) await deleteMove(transaction, move.vaultId);
}
