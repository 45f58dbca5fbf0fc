import { KeyInputFault, type KeyProviders, type WrappedObject } from '../crypto/key-provider.ts';
import { readTokenReference } from '../crypto/token-reference.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import { type HomeParts, type MakeOrder, providerOf, takePlace, typeOf } from './key-home.ts';
import type { KeyRow, SealedKeyRow } from './repository.ts';
import { publicMembersOf, specOf, storedKeyId } from './stored-key.ts';
import { isObjectKept, keepObject, noteObject } from './token-object-rows.ts';

/**
 * The objects of a key, wrapped under a key of the token; null for a key of software, and where they may not leave the token.
 * @param row the stored version, which `material` was opened from
 * @throws KeyTokenFault
 */
export async function wrappedObjects(
  { token }: KeyProviders,
  vault: Vault,
  row: Pick<SealedKeyRow, 'kty' | 'size' | 'public_key' | 'version' | 'name_key' | 'envelope'>,
  material: Buffer,
): Promise<readonly WrappedObject[] | null> {
  if (!typeOf(row).isHsm || !token) return null;
  const id = storedKeyId(vault.id, row);
  return token.wrapObjects({
    id,
    spec: specOf(row),
    publicMembers: publicMembersOf(row),
    open: async () => Buffer.from(material),
  });
}

/** What of a version decides whether a token can hold it again. */
export type RestoredVersion = Pick<KeyRow, 'kty' | 'size' | 'public_key' | 'version'> & {
  /** The material in base64url: for a key of a token, the reference to its objects. */
  readonly material: string;
  /** The objects, wrapped under a key of the token; not there where they may not leave it. */
  readonly wrapped?: readonly WrappedObject[];
};

/**
 * The material of versions to be restored: as it was, or where the token's objects have gone and were wrapped, that of new ones. What is made is
 * noted before, as for a new key.
 * @throws Refusal `key-needs-premium`, `key-token-not-configured`
 */
export async function restoredMaterial(
  parts: HomeParts & { readonly providers: KeyProviders },
  vault: Vault,
  order: Pick<MakeOrder, 'nameKey' | 'isExportable'>,
  versions: readonly RestoredVersion[],
  now: number,
): Promise<ReadonlyMap<string, Buffer>> {
  const materials = new Map<string, Buffer>();
  for (const one of versions) {
    const type = typeOf(one);
    providerOf(parts.providers, vault, type);
    let material: Buffer = Buffer.from(one.material, 'base64url');
    if (type.isHsm && one.wrapped && parts.providers.token) {
      const { id: objectId } = readTokenReference(material);
      if (!(await isObjectKept.first(parts.store.reader, { objectId }))) {
        const place = await takePlace(parts, parts.providers.token, vault, order, one.version, now);
        const key = { spec: specOf(one), publicMembers: publicMembersOf(one) };
        material = await parts.providers.token.unwrapObjects(one.wrapped, key, place).catch((error: unknown) => {
          // Wrapped under the trusted key of another token, or of one that was made anew.
          if (!(error instanceof KeyInputFault)) throw error;
          throw new Refusal('key-token-object-gone', { vault: vault.name, name: order.nameKey }, { cause: error });
        });
      }
    }
    materials.set(one.version, material);
  }
  return materials;
}

/**
 * Gives a restored version its objects: those that were just unwrapped for it, or those of a version that is there.
 * @param isNew whether they were unwrapped for it
 * @throws Refusal `key-token-object-gone` where nobody has them any more
 */
export async function claimObject(
  transaction: Transaction,
  vault: Vault,
  row: KeyRow,
  material: Buffer,
  isNew: boolean,
): Promise<void> {
  const { id: objectId, token } = readTokenReference(material);
  const of = { vaultId: vault.id, nameKey: row.name_key, version: row.version, objectId };
  if (isNew) {
    await keepObject.change(transaction, of);
    return;
  }
  if (!(await isObjectKept.first(transaction, { objectId }))) {
    throw new Refusal('key-token-object-gone', { vault: vault.name, name: row.name });
  }
  await noteObject.change(transaction, { ...of, token, destroyAt: null });
}
