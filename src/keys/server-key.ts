import { foldName } from '../base/ids.ts';
import type { KeyProvider, KeyProviders, StoredKey } from '../crypto/key-provider.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Store } from '../store/store.ts';
import { typeOf } from './key-home.ts';
import { keyQueries } from './repository.ts';
import { openable } from './stored-key.ts';

/** A version of a vault's key, for the server's own use. */
export interface ServerKey {
  readonly version: string;
  readonly key: StoredKey;
  /** Where the key is. */
  readonly provider: KeyProvider;
}

/**
 * A version of a key as the provider takes it, for what the server itself does with it (an authority that signs): no caller
 * asks, so no permission is looked at. Null where the key is deleted, disabled, not there, or in a token and none is configured.
 * @param version null: the current one
 */
export async function serverKey(
  parts: { readonly store: Store; readonly keyring: Keyring; readonly providers: KeyProviders },
  vaultId: string,
  name: string,
  version: string | null,
): Promise<ServerKey | null> {
  const named = { vaultId, nameKey: foldName(name) };
  const row =
    version === null
      ? await keyQueries.current.first(parts.store.reader, named)
      : await keyQueries.oneVersion.first(parts.store.reader, { ...named, version });
  if (!row || row.deleted !== null || row.enabled !== 1) return null;
  const provider = typeOf(row).isHsm ? parts.providers.token : parts.providers.software;
  return provider && { version: row.version, key: openable(parts, vaultId, row), provider };
}
