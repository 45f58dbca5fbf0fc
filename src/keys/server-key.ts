import { foldName } from '../base/ids.ts';
import type { StoredKey } from '../crypto/key-provider.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Store } from '../store/store.ts';
import { keyQueries } from './repository.ts';
import { keyBinding } from './service.ts';
import { publicMembersOf, specOf } from './stored-key.ts';

/** A version of a vault's key, for the server's own use. */
export interface ServerKey {
  readonly version: string;
  readonly key: StoredKey;
}

/**
 * A version of a key as the provider takes it, for what the server itself does with it (an authority that signs): no caller
 * asks, so no permission is looked at. Null where the key is deleted, disabled or not there.
 * @param version null: the current one
 */
export async function serverKey(
  { store, keyring }: { readonly store: Store; readonly keyring: Keyring },
  vaultId: string,
  name: string,
  version: string | null,
): Promise<ServerKey | null> {
  const named = { vaultId, nameKey: foldName(name) };
  const row =
    version === null
      ? await keyQueries.current.first(store.reader, named)
      : await keyQueries.oneVersion.first(store.reader, { ...named, version });
  if (!row || row.deleted !== null || row.enabled !== 1) return null;
  return {
    version: row.version,
    key: {
      id: `${vaultId}/${row.name_key}/${row.version}`,
      spec: specOf(row),
      publicMembers: publicMembersOf(row),
      open: () =>
        keyring.openInVault(store.reader, vaultId, keyBinding(vaultId, row.name_key, row.version), row.envelope),
    },
  };
}
