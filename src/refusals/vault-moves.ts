import { rows } from './row.ts';

/** Refusals of moving a vault to another. */
export const vaultMoveRefusals = rows({
  'vault-move-order-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidVaultMoveOrder',
    message: "The value of '{property}' is not valid: {reason}.",
    cause: 'A member of the request for a move is missing or has a value that is not allowed.',
    remedy: ['strongroom vault move --help'],
  },
  'vault-move-open': {
    check: 'state',
    status: 409,
    error: 'VaultMoveInProgress',
    message: "A move of '{vault}' to '{target}' is under way and was asked for otherwise: {options}. End it first.",
    cause: 'A vault is moved to one other at a time, and what becomes of its keys is not changed half-way.',
    remedy: [
      'strongroom vault move --from {vault} --to {target} --finish',
      'strongroom vault move --from {vault} --to {target} --abandon',
    ],
  },
  'vault-move-none': {
    check: 'state',
    status: 404,
    error: 'VaultMoveNotFound',
    message: "There is no move of '{vault}' under way.",
    cause: 'No move was begun, or it was finished or abandoned.',
    remedy: ['strongroom vault move --from {vault} --to NEW'],
  },
  'vault-move-target-gone': {
    check: 'state',
    status: 409,
    error: 'VaultMoveTargetGone',
    message: "The new vault of the move of '{vault}' has been deleted. Recover it, or abandon the move.",
    cause: 'Somebody deleted the vault that the move made.',
    remedy: ['az keyvault recover --name {target}', 'strongroom vault move --from {vault} --to {target} --abandon'],
  },
  'vault-move-behind': {
    check: 'state',
    status: 409,
    error: 'VaultMoveBehind',
    message:
      "{count} of '{vault}' changed while the move was being finished: {items}. Nothing was ended. Finish it again.",
    cause:
      'Somebody recovered the old vault while the move was being finished, a key was written in the moment it was closed, or, with keep, something is written without a pause.',
    remedy: ['strongroom vault move --from {vault} --to {target} --finish'],
  },
  'vault-move-conflict': {
    check: 'state',
    status: 409,
    error: 'VaultMoveConflict',
    message:
      "{count} were changed in '{vault}' after they were carried, and otherwise in '{target}': {items}. Nothing was ended. Finish with acceptLosses if the new vault's are to stay.",
    cause: 'Clients write to both vaults. What they wrote to the new one is not overwritten.',
    remedy: [
      'Write what is to hold to {target}, and stop writing to {vault}.',
      'strongroom vault move --from {vault} --to {target} --finish --accept-losses',
    ],
  },
  'vault-move-leaves': {
    check: 'state',
    status: 409,
    error: 'VaultMoveLeaves',
    message:
      "{count} stay in '{vault}' alone: {items}. What was encrypted or wrapped under such a key can be read there alone. Finish with keep, or with acceptLosses if the old vault is to be deleted all the same.",
    cause: 'Keys that are made anew cannot read what the old ones encrypted, and keys of a token do not leave it.',
    remedy: [
      'strongroom vault move --from {vault} --to {target} --finish --keep',
      'strongroom vault move --from {vault} --to {target} --finish --accept-losses',
    ],
  },
  'vault-move-used': {
    check: 'state',
    status: 409,
    error: 'VaultMoveTargetUsed',
    message:
      "'{target}' is used already: {uses}. Nothing was removed. Abandon with acceptLosses if it is to be purged with all that it holds.",
    cause: 'Clients have called the new vault, or something was changed in it since it was carried.',
    remedy: [
      'strongroom vault move --from {vault} --to {target} --finish',
      'strongroom vault move --from {vault} --to {target} --abandon --accept-losses',
    ],
  },
});
