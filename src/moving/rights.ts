import { rolesBoundTo } from '../access/carry.ts';
import { definitionActions } from '../access/custom-roles/roles.ts';
import { assignmentActions } from '../access/delegation.ts';
import { type Call, callerOf } from '../operations/operation.ts';
import { locksWithin } from '../resources/carry-settings.ts';
import { requireUnrestricted } from '../resources/permission-model.ts';
import { subscriptionScope, vaultScope } from '../resources/scopes.ts';
import type { Vault } from '../resources/vault.ts';
import type { MoveEnds } from './carrier.ts';
import type { MovingParts } from './parts.ts';

/** The actions that making and deleting vaults take, and that purging a deleted one takes. */
export const vaultActions = Object.freeze({
  write: 'Microsoft.KeyVault/vaults/write',
  delete: 'Microsoft.KeyVault/vaults/delete',
  purge: 'Microsoft.KeyVault/locations/deletedVaults/purge/action',
});
const WRITE_LOCKS = 'Microsoft.Authorization/locks/write';

/** The request as if it were about a vault beside the one that it names. */
export function beside(call: Call, vault: string): Call {
  return { ...call, parameters: { ...call.parameters, vault } };
}

/**
 * Lets a caller carry a vault's contents to another. It takes the unrestricted right to assign roles at both, besides the right to
 * write them: whoever has that could give themselves every right to the data, so the move is no way round a right that is not held.
 * The values pass through the server alone; the caller sees none.
 * @throws Refusal `authorization-failed`, `management-denied`, `permission-model-protected`
 */
export async function requireCarryingRights(parts: MovingParts, call: Call, from: Vault, to: string): Promise<void> {
  const { access, store } = parts;
  const there = beside(call, to);
  await requireUnrestricted(access, call);
  await access.authoriseManagement(callerOf(call), vaultActions.write, vaultScope(there.parameters));
  await requireUnrestricted(access, there);
  const bound = await rolesBoundTo(store.reader, from, vaultScope(there.parameters).toLowerCase());
  if (bound.length > 0) {
    await access.authoriseManagement(callerOf(call), definitionActions.write, vaultScope(call.parameters));
  }
}

/** Lets a caller end a move: delete the old vault where it is not kept, and lock the new one where the old is locked. */
export async function requireEndingRights(
  { access, store }: MovingParts,
  call: Call,
  { from, to }: MoveEnds,
  keep: boolean,
): Promise<void> {
  const caller = callerOf(call);
  if (!keep) await access.authoriseManagement(caller, vaultActions.delete, vaultScope(call.parameters));
  if ((await locksWithin(store.reader, from)).length > 0) {
    await access.authoriseManagement(caller, WRITE_LOCKS, vaultScope(beside(call, to.name).parameters));
  }
}

/** Lets a caller remove the vault that a move made; one that is in use takes the right to purge vaults besides. */
export async function requireRemovalRights(
  { access }: MovingParts,
  call: Call,
  to: string,
  isUsed: boolean,
): Promise<void> {
  const there = beside(call, to);
  await requireUnrestricted(access, call);
  await requireUnrestricted(access, there, assignmentActions.delete);
  await access.authoriseManagement(callerOf(call), vaultActions.delete, vaultScope(there.parameters));
  if (!isUsed) return;
  await access.authoriseManagement(callerOf(call), vaultActions.purge, subscriptionScope(call.parameters));
}
