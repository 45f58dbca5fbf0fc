import { foldName } from '../base/ids.ts';
import type { KeySpec, MadeKey, PublicMembers, StoredKey, WrappedObject } from '../crypto/key-provider.ts';
import { findRow } from '../objects/lifecycle.ts';
import type { ManagedName, ManagedVersion } from '../objects/managed.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import { typeOf } from './key-home.ts';
import type { KeyRow, SealedKeyRow } from './repository.ts';
import * as repository from './repository.ts';
import { insertSealed, type KeyParts, keyKind, nextVersion, sizeOf } from './service.ts';
import { openable } from './stored-key.ts';
import { dropObjectsOfVersion } from './token-object-rows.ts';
import { claimObject, restoredMaterial, wrappedObjects } from './token-restore.ts';

type Sealing = Pick<KeyParts, 'keyring' | 'random'>;
type KeyHome = Pick<KeyParts, 'store' | 'keyring' | 'random' | 'providers'>;

/** The key of a certificate's version, as it is made. */
export interface ManagedKeyVersion extends ManagedVersion {
  /** `RSA` or `EC`, with `-HSM` where a token holds it. */
  readonly kty: string;
  readonly operations: readonly string[];
  /** Whether its material was made for this version; else another version has it too. */
  readonly isNew: boolean;
}

/**
 * Whether the name is free for a certificate, or its own already.
 * @throws Refusal `key-name-deleted`, `certificate-name-taken`
 */
export async function assertKeyNameFits(session: Session, vault: Vault, name: string): Promise<KeyRow | null> {
  const current = await findRow(keyKind, session, vault, foldName(name));
  if (current && current.managed !== 1) {
    throw new Refusal('certificate-name-taken', { kind: 'key', vault: vault.name, name: current.name });
  }
  return current;
}

/**
 * Adds the key of a certificate's version.
 * @throws Refusal `key-name-deleted`, `certificate-name-taken`, `key-token-object-gone`
 */
export async function addManagedKey(
  transaction: Transaction,
  parts: Sealing,
  vault: Vault,
  order: ManagedKeyVersion,
  made: MadeKey,
): Promise<void> {
  const { name, version, time } = order;
  const nameKey = foldName(name);
  const current = await assertKeyNameFits(transaction, vault, name);
  const row: KeyRow = {
    ...nextVersion(current, { name, nameKey, version }, time),
    enabled: order.enabled ? 1 : 0,
    nbf: order.nbf,
    exp: order.exp,
    tags: order.tags,
    kty: order.kty,
    size: sizeOf(made.spec),
    public_key: JSON.stringify(made.publicMembers),
    key_ops: JSON.stringify(order.operations),
    managed: 1,
    release_policy: null,
  };
  if (typeOf(row).isHsm) await claimObject(transaction, vault, row, made.material, order.isNew);
  await insertSealed(parts, transaction, vault, row, made.material);
  const named = { vaultId: vault.id, nameKey, version };
  if (!current)
    await repository.insertKey.change(transaction, { ...named, name, created: time, managed: 1, releasePolicy: null });
  else if (order.isCurrent) await repository.keyQueries.setCurrent.change(transaction, named);
}

/** Changes the attributes of a managed key with its certificate's. @throws Error where there is no such version */
export async function changeManagedKey(
  transaction: Transaction,
  named: ManagedName,
  change: Pick<ManagedVersion, 'enabled' | 'nbf' | 'exp' | 'tags' | 'isCurrent' | 'time'>,
): Promise<void> {
  const row = await requireManaged(transaction, named);
  await repository.updateKeyVersion.change(transaction, {
    ...named,
    updated: change.time,
    enabled: change.enabled ? 1 : 0,
    nbf: change.nbf,
    exp: change.exp,
    tags: change.tags,
    keyOps: row.key_ops,
  });
  if (change.isCurrent) await repository.keyQueries.setCurrent.change(transaction, named);
}

/** A managed key as a provider takes it. */
export async function managedStoredKey(
  parts: Pick<KeyParts, 'store' | 'keyring'>,
  session: Session,
  named: ManagedName,
): Promise<StoredKey> {
  return openable(parts, named.vaultId, await requireManaged(session, named));
}

/** A managed key with its material, to be kept anew under another version or in a backup; whoever has it overwrites it with zeros. */
export async function openManagedKey(
  parts: Pick<KeyParts, 'store' | 'keyring'>,
  session: Session,
  named: ManagedName,
): Promise<MadeKey & { readonly kty: string; readonly operations: readonly string[] }> {
  const row = await requireManaged(session, named);
  const stored = openable(parts, named.vaultId, row);
  const { spec, publicMembers } = stored;
  const operations = JSON.parse(row.key_ops) as readonly string[];
  return { spec, publicMembers, material: await stored.open(), kty: row.kty, operations };
}

/** The key of a certificate's version in a backup. */
export interface BackedUpManagedKey {
  readonly kty: string;
  readonly operations: readonly string[];
  readonly spec: KeySpec;
  readonly publicMembers: PublicMembers;
  /** In base64url; of a key of a token, the reference to its objects. */
  readonly material: string;
  /** Those objects, where they may leave the token. */
  readonly wrapped?: readonly WrappedObject[];
}

/** A managed key as a backup holds it. @throws KeyTokenFault */
export async function backUpManagedKey(parts: KeyHome, vault: Vault, named: ManagedName): Promise<BackedUpManagedKey> {
  const row = await requireManaged(parts.store.reader, named);
  const { material, ...key } = await openManagedKey(parts, parts.store.reader, named);
  try {
    const wrapped = await wrappedObjects(parts.providers, vault, row, material);
    return { ...key, material: material.toString('base64url'), ...(wrapped && { wrapped }) };
  } finally {
    material.fill(0);
  }
}

/**
 * The keys of a backup's versions, to be added with {@link addManagedKey}: a token makes the objects that it has no more.
 * @returns by version; `isNew` as {@link ManagedKeyVersion} has it
 * @throws Refusal `key-needs-premium`, `key-token-not-configured`, `key-token-object-gone`
 */
export async function restoreManagedKeys(
  parts: KeyHome,
  vault: Vault,
  name: string,
  keys: ReadonlyMap<string, BackedUpManagedKey>,
  now: number,
): Promise<ReadonlyMap<string, { readonly made: MadeKey; readonly isNew: boolean }>> {
  const versions = [...keys].map(([version, { kty, spec, publicMembers, material, wrapped }]) => ({
    version,
    kty,
    size: sizeOf(spec),
    public_key: JSON.stringify(publicMembers),
    material,
    ...(wrapped && { wrapped }),
  }));
  const order = { nameKey: foldName(name), isExportable: false };
  const materials = await restoredMaterial(parts, vault, order, versions, now);
  return new Map(
    [...keys].map(([version, { spec, publicMembers, material: before }]) => {
      const material = materials.get(version)!;
      const isNew = material.toString('base64url') !== before;
      return [version, { made: { spec, publicMembers, material }, isNew }];
    }),
  );
}

/** Removes the key of a version that was never issued; what a token has of it is destroyed by the job, unless another version has it. */
export async function removeManagedKey(transaction: Transaction, named: ManagedName): Promise<void> {
  await repository.keyQueries.removeVersion.change(transaction, named);
  await dropObjectsOfVersion.change(transaction, named);
}

async function requireManaged(session: Session, named: ManagedName): Promise<SealedKeyRow> {
  const row = await repository.keyQueries.oneVersion.first(session, named);
  if (!row) throw new Error(`The certificate version ${named.version} has no key.`);
  return row;
}
