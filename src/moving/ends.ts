import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { assertUnlocked } from '../resources/lock-guard.ts';
import { requireStoredVault, requireVault } from '../resources/lookup.ts';
import type { Vault } from '../resources/vault.ts';
import { readVault } from '../resources/vault-directory.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { MoveEnds } from './carrier.ts';
import { findMove, type VaultMove } from './repository.ts';
import { vaultActions } from './rights.ts';

/** A move under way with the vaults it is between. */
export interface OpenMove {
  readonly move: VaultMove;
  readonly ends: MoveEnds;
}

/** The move under way of a vault, or null. */
export async function findOpenMove(session: Session, vault: Vault): Promise<VaultMove | null> {
  const move = await findMove(session, vault.id);
  return move && move.state !== 'finished' ? move : null;
}

/**
 * The vault that the path names, which a move may have closed. One that somebody deleted, or deleted again, is refused.
 * @throws Refusal `vault-resource-deleted`, and the others of {@link requireVault}
 */
export async function requireMovedVault(session: Session, call: Call): Promise<Vault> {
  const vault = await requireStoredVault(session, call);
  if (vault.deleted === null) return vault;
  const move = await findMove(session, vault.id);
  return move && isClosedBy(move, vault) ? vault : requireVault(session, call);
}

/** Whether a vault is closed for the end of a move. */
export function isClosedBy(move: VaultMove, vault: Vault): boolean {
  return move.state === 'closing' && vault.deleted === move.updated;
}

/**
 * The move under way of the vault that the path names. The new vault may have been deleted.
 * @throws Refusal `vault-move-none`, and those of {@link requireMovedVault}
 */
export async function requireAnyMove(session: Session, call: Call): Promise<OpenMove> {
  const from = await requireMovedVault(session, call);
  const move = await findOpenMove(session, from);
  const to = move && (await readVault(session, move.targetId));
  if (!move || !to) throw new Refusal('vault-move-none', { vault: from.name });
  return { move, ends: { from, to, options: move.options } };
}

/**
 * The move under way of the vault that the path names, with a new vault that is live.
 * @throws Refusal `vault-move-none`, `vault-move-target-gone`, and those of the vault
 */
export async function requireOpenMove(session: Session, call: Call): Promise<OpenMove> {
  const open = await requireAnyMove(session, call);
  const { from, to } = open.ends;
  if (to.deleted !== null) throw new Refusal('vault-move-target-gone', { vault: from.name, target: to.name });
  return open;
}

/**
 * The same inside a step: still this move, and the new vault may still be written.
 * @throws Refusal as {@link requireOpenMove}, and `scope-locked`
 */
export async function requireSameMove(transaction: Transaction, call: Call, move: VaultMove): Promise<OpenMove> {
  const found = await requireOpenMove(transaction, call);
  if (found.move.targetId !== move.targetId) throw new Refusal('vault-move-none', { vault: found.ends.from.name });
  await assertUnlocked(transaction, vaultActions.write, found.ends.to.resourceId);
  return found;
}
