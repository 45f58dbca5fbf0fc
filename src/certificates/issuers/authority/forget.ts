import type { Session } from '../../../store/port.ts';
import { deleteAuthorities, deleteIssued } from './repository.ts';

/** Forgets the authorities whose keys go with a vault. */
export async function forgetAuthorities(transaction: Session, vaultId: string): Promise<void> {
  await deleteIssued.change(transaction, { vaultId });
  await deleteAuthorities.change(transaction, { vaultId });
}
