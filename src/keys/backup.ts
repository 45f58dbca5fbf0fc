import { foldName } from '../base/ids.ts';
import type { WrappedObject } from '../crypto/key-provider.ts';
import { answerFor, assertUnmanaged, findRow, liveRow, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session } from '../store/port.ts';
import { typeOf } from './key-home.ts';
import { isExportable } from './key-purpose.ts';
import { insertKey, type KeyRow, keyQueries, writePolicy } from './repository.ts';
import { policyOf, scheduleRotation } from './rotation-due.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import { insertSealed, type KeyParts, keyKind } from './service.ts';
import { keyBinding } from './stored-key.ts';
import { claimObject, restoredMaterial, wrappedObjects } from './token-restore.ts';
import { keyBundle } from './wire.ts';

/** The most versions a backup takes (Key Vault service limits). */
const MAX_BACKUP_VERSIONS = 500;

type BackedUpVersion = Omit<
  KeyRow,
  'name_key' | 'name' | 'current_version' | 'deleted' | 'purge_at' | 'release_policy' | 'managed'
> & {
  /** The material in base64url. */
  readonly material: string;
  /** Of a key of a token: its objects, where they may leave it. */
  readonly wrapped?: readonly WrappedObject[];
};

/** A key with all its versions, oldest first. */
interface BackedUpKey {
  readonly name: string;
  readonly policy: RotationPolicy | null;
  /** JSON of the release policy; not there in the backups of earlier releases. */
  readonly release?: string | null;
  readonly versions: readonly BackedUpVersion[];
}

/** POST /keys/{name}/backup: every version with its material, sealed. */
export async function backupKey(parts: KeyParts, call: Call): Promise<Answer> {
  const { store, keyring, random } = parts;
  const vault = vaultOf(call);
  const current = await liveRow(keyKind, store.reader, call);
  assertUnmanaged(keyKind, vault, current, 'backup');
  const named = { vaultId: vault.id, nameKey: current.name_key };
  const rows = await keyQueries.allVersions.all(store.reader, { ...named, limit: MAX_BACKUP_VERSIONS + 1 });
  if (rows.length > MAX_BACKUP_VERSIONS) {
    const facts = { kind: 'key', name: current.name, vault: vault.name, limit: MAX_BACKUP_VERSIONS };
    throw new Refusal('backup-too-many-versions', facts);
  }
  const versions: BackedUpVersion[] = [];
  for (const { envelope, name_key, managed: _, name: __, ...row } of rows) {
    const { current_version: ___, deleted: ____, purge_at: _____, release_policy: ______, ...stored } = row;
    const binding = keyBinding(vault.id, name_key, stored.version);
    const material = await keyring.openInVault(store.reader, vault.id, binding, envelope);
    const wrapped = await wrappedObjects(parts.providers, vault, { ...stored, name_key, envelope }, material);
    versions.push({ ...stored, material: material.toString('base64url'), ...(wrapped && { wrapped }) });
    material.fill(0);
  }
  const policy = await policyOf(store.reader, named);
  const backup: BackedUpKey = { name: current.name, policy, release: current.release_policy, versions };
  const value = sealBackup(keyring, random, vault, 'key', backup);
  return { status: 200, body: { value }, subject: objectId(call, 'keys', current.name) };
}

/** POST /keys/restore: all versions as they were, where the name is free. */
export async function restoreKey(parts: KeyParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const { keyring, random } = parts;
  const backup = openBackup<BackedUpKey>(keyring, vault, 'key', call.body?.['value']);
  const nameKey = foldName(backup.name);
  // Asked again where it counts; here it spares a token objects that nobody will claim.
  await assertFree(parts.store.reader, vault, nameKey);
  const last = backup.versions[backup.versions.length - 1]!;
  const order = { nameKey, isExportable: isExportable({ ...last, release_policy: backup.release ?? null }) };
  const materials = await restoredMaterial(parts, vault, order, backup.versions, call.time);
  return call.commit(async (transaction) => {
    await assertFree(transaction, vault, nameKey);
    const newest = last.version;
    let row: KeyRow | null = null;
    for (const { material, wrapped: _, ...stored } of backup.versions) {
      const state = { name_key: nameKey, name: backup.name, current_version: newest, deleted: null, purge_at: null };
      row = { ...stored, ...state, managed: 0, release_policy: backup.release ?? null };
      const bytes = materials.get(stored.version)!;
      const isNew = bytes.toString('base64url') !== material;
      if (typeOf(stored).isHsm) await claimObject(transaction, vault, row, bytes, isNew);
      await insertSealed({ keyring, random }, transaction, vault, row, bytes);
    }
    const named = { vaultId: vault.id, nameKey };
    const { created } = backup.versions[0]!;
    const { name, release: releasePolicy = null } = backup;
    await insertKey.change(transaction, { ...named, name, version: newest, created, managed: 0, releasePolicy });
    if (backup.policy) await writePolicy.change(transaction, { ...named, policy: JSON.stringify(backup.policy) });
    await scheduleRotation(transaction, named, row!);
    return answerFor(keyKind, call, row!, keyBundle(call, row!));
  });
}

async function assertFree(session: Session, vault: Vault, nameKey: string): Promise<void> {
  const present = await findRow(keyKind, session, vault, nameKey);
  if (present) throw new Refusal('key-exists', { vault: vault.name, name: present.name });
}
