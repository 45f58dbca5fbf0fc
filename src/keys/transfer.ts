import { foldName } from '../base/ids.ts';
import { KeyInputFault } from '../crypto/key-provider.ts';
import { type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { BroughtKey, NewKey } from './key-body.ts';
import type { MakeKey } from './key-home.ts';
import { keyQueries } from './repository.ts';
import type { KeyParts } from './service.ts';
import { openable } from './stored-key.ts';
import { checkExchangeKey, exchangeKeyOf } from './transfer-blob.ts';

/**
 * How the key of a transfer blob is taken in: the key exchange key that it names unwraps it, where it is and nowhere else.
 * @throws Refusal `key-transfer-kek-unsuitable`; and `key-transfer-blob-invalid` from what it gives
 */
export async function transferOf(parts: KeyParts, call: Call, key: NewKey & BroughtKey): Promise<MakeKey> {
  const { kid, ciphertext } = key.transfer;
  const { name, version } = exchangeKeyOf(key.transfer, call.origin);
  const vaultId = vaultOf(call).id;
  const row = await keyQueries.oneVersion.first(parts.store.reader, { vaultId, nameKey: foldName(name), version });
  if (!row || row.deleted !== null) {
    throw new Refusal('key-transfer-kek-unsuitable', { kid, reason: 'the vault has no such key' });
  }
  checkExchangeKey(kid, {
    kty: row.kty,
    operations: JSON.parse(row.key_ops) as string[],
    isEnabled: row.enabled === 1,
  });
  const exchangeKey = openable(parts, vaultId, row);
  return async (provider, place) => {
    const made = await provider.importWrapped(exchangeKey, ciphertext, key.family, place).catch((error: unknown) => {
      throw error instanceof KeyInputFault ? wrong('it does not open under that key, or holds no such key') : error;
    });
    if (!key.curve || (made.spec.family === 'EC' && made.spec.curve === key.curve)) return made;
    made.material.fill(0);
    throw wrong('it holds a key of another curve than crv says');
  };
}

function wrong(reason: string): Refusal {
  return new Refusal('key-transfer-blob-invalid', { reason });
}
