import { scopesBelow } from '../access/scope.ts';
import { type Carrier, digestOf, type ItemState, type MoveEnds, type MoveOptions } from '../moving/carrier.ts';
import type { Session, Transaction } from '../store/port.ts';
import { assertDeletable } from './lock-guard.ts';
import { type Lock, listLocks, storeLock } from './lock-repository.ts';
import { updateVault } from './repository.ts';
import type { Vault, VaultSettings } from './vault.ts';
import { readVault } from './vault-directory.ts';
import { toRow } from './vault-row.ts';
import { softDelete } from './vaults.ts';

const KEY = 'settings';
const MAX_LOCKS = 1000;

/** Carries what is set at a vault: permission model, access policies, network rules, the other switches, and tags. */
export const settingsCarrier: Carrier = {
  kind: 'settings',
  isAccess: true,
  page: async (session, { from }, after) => {
    const found = after < KEY ? await readVault(session, from.id) : null;
    return found ? [stateOf(found)] : [];
  },
  find: async (session, { from }) => {
    const found = await readVault(session, from.id);
    return found && stateOf(found);
  },
  findCopy: async (session, { to }) => {
    const found = await readVault(session, to.id);
    return found && { digest: stateOf(found).digest, made: null };
  },
  carry: async (transaction, { from, to, options }, _key, { now }) => {
    const source = (await readVault(transaction, from.id))!;
    const copy = (await readVault(transaction, to.id))!;
    // Somebody may have protected the new vault meanwhile: that is never taken back.
    const { enablePurgeProtection } = copy.settings;
    const settings = { ...movedSettings(source.settings, options), enablePurgeProtection };
    await updateVault(transaction, toRow({ ...copy, settings, tags: source.tags, updated: now }));
    return { digest: stateOf(source).digest, made: null };
  },
  removeCopy: async () => {},
};

/** The settings of a vault in another tier; purge protection comes with the end of the move, since it cannot be taken back. */
export function movedSettings(settings: VaultSettings, { sku }: Pick<MoveOptions, 'sku'>): VaultSettings {
  return { ...settings, sku, enablePurgeProtection: false };
}

/** Ends a move for the settings: purge protection as it was or as asked, and the locks at the old vault and below it. */
export async function settleSettings(transaction: Transaction, ends: MoveEnds, now: number): Promise<void> {
  const source = (await readVault(transaction, ends.from.id))!;
  const copy = (await readVault(transaction, ends.to.id))!;
  if (source.settings.enablePurgeProtection || ends.options.purgeProtection) {
    const settings = { ...copy.settings, enablePurgeProtection: true };
    await updateVault(transaction, toRow({ ...copy, settings, updated: now }));
  }
  for (const lock of await locksWithin(transaction, source)) {
    const scope = `${copy.resourceId}${lock.scope.slice(source.resourceId.length)}`;
    const scopeKey = `${copy.scopeKey}${lock.scopeKey.slice(source.scopeKey.length)}`;
    await storeLock(transaction, { ...lock, scope, scopeKey, created: now });
  }
}

/** The locks at a vault and below it. */
export function locksWithin(session: Session, { scopeKey }: Vault): Promise<readonly Lock[]> {
  return listLocks(session, { at: [scopeKey], below: scopesBelow(scopeKey), after: null, limit: MAX_LOCKS });
}

/** Soft-deletes the old vault before the end of a move: nothing is written to it from now on. @throws Refusal `scope-locked` */
export async function closeVault(transaction: Transaction, vault: Vault, now: number): Promise<void> {
  await assertDeletable(transaction, vault.resourceId);
  await softDelete(transaction, vault, now);
}

/** Makes a vault that was closed live again, where the move does not end. */
export async function reopenVault(transaction: Transaction, vault: Vault): Promise<void> {
  if (vault.deleted !== null) await updateVault(transaction, toRow({ ...vault, deleted: null, purgeAt: null }));
}

function stateOf({ settings, tags }: Vault): ItemState {
  const { sku: _sku, enablePurgeProtection: _protection, ...rest } = settings;
  return { key: KEY, name: KEY, digest: digestOf([rest, tags]), size: 1 };
}
