import { foldName } from '../base/ids.ts';
import type { Session } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import { findVaultById, findVaultByName, vaultState } from './repository.ts';
import type { Vault } from './vault.ts';

/** Vaults by name, as every request needs one. */
export interface VaultDirectory {
  /**
   * The vault of this name in any ASCII case, live or soft-deleted (see {@link Vault.deleted}), or null. Answers at once where
   * it is known under the store's current generation and that is known at once; what it answers is never older than what
   * was committed before the call.
   */
  find(name: string): Vault | null | Promise<Vault | null>;
}

const MAX_KNOWN = 10_000;

/** The directory over a store; void as soon as the store's generation moves. */
export function createVaultDirectory(store: Store): VaultDirectory {
  let generation = -1;
  let known = new Map<string, Vault>();

  const look = async (nameKey: string, current: number): Promise<Vault | null> => {
    const vault = await findVaultByName(store.reader, nameKey);
    // Names without a vault are not kept: anyone may ask for as many as they like.
    if (!vault) return null;
    if (current > generation) {
      generation = current;
      known = new Map();
    }
    // What was read may be newer than `current`, never older; under an older number it is dropped with it.
    if (current === generation) remember(known, nameKey, vault);
    return vault;
  };
  const answer = (nameKey: string, current: number): Vault | Promise<Vault | null> => {
    if (current === generation) {
      const vault = known.get(nameKey);
      if (vault) return vault;
    }
    return look(nameKey, current);
  };

  return {
    find(name) {
      const nameKey = foldName(name);
      const current = store.generation();
      return typeof current === 'number' ? answer(nameKey, current) : current.then((value) => answer(nameKey, value));
    },
  };
}

/** The vault of an internal id, live or soft-deleted, as the session sees it; null once it is purged. */
export function readVault(session: Session, id: string): Promise<Vault | null> {
  return findVaultById(session, id);
}

/** A vault that was found before, its deletion read anew: every write asks, and to read all of it takes three times as long. */
export async function refreshVault(session: Session, vault: Vault): Promise<Vault | null> {
  const state = await vaultState.first(session, { id: vault.id });
  if (!state) return null;
  return state.deleted === vault.deleted ? vault : { ...vault, deleted: state.deleted, purgeAt: state.purge_at };
}

function remember(known: Map<string, Vault>, nameKey: string, vault: Vault): void {
  if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!);
  known.set(nameKey, vault);
}
