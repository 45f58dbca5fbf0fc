import { foldName } from '../base/ids.ts';
import { answerFor, assertUnmanaged, findRow, liveRow, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { Refusal } from '../refusals/refusal.ts';
import { insertKey, type KeyRow, keyQueries, writePolicy } from './repository.ts';
import { policyOf, scheduleRotation } from './rotation-due.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import { insertSealed, type KeyParts, keyBinding, keyKind } from './service.ts';
import { keyBundle } from './wire.ts';

/** The most versions a backup takes (Key Vault service limits). */
const MAX_BACKUP_VERSIONS = 500;

type BackedUpVersion = Omit<KeyRow, 'name_key' | 'name' | 'current_version' | 'deleted' | 'purge_at' | 'managed'> & {
  /** The material in base64url. */
  readonly material: string;
};

/** A key with all its versions, oldest first. */
interface BackedUpKey {
  readonly name: string;
  readonly policy: RotationPolicy | null;
  readonly versions: readonly BackedUpVersion[];
}

/** POST /keys/{name}/backup: every version with its material, sealed. */
export async function backupKey({ store, keyring, random }: KeyParts, call: Call): Promise<Answer> {
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
  for (const {
    envelope,
    name_key,
    name: _,
    current_version: __,
    deleted: ___,
    purge_at: ____,
    managed: _____,
    ...stored
  } of rows) {
    const binding = keyBinding(vault.id, name_key, stored.version);
    const material = await keyring.openInVault(store.reader, vault.id, binding, envelope);
    versions.push({ ...stored, material: material.toString('base64url') });
    material.fill(0);
  }
  const backup: BackedUpKey = { name: current.name, policy: await policyOf(store.reader, named), versions };
  const value = sealBackup(keyring, random, vault, 'key', backup);
  return { status: 200, body: { value }, subject: objectId(call, 'keys', current.name) };
}

/** POST /keys/restore: all versions as they were, where the name is free. */
export async function restoreKey({ keyring, random }: KeyParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const backup = openBackup<BackedUpKey>(keyring, vault, 'key', call.body?.['value']);
  const nameKey = foldName(backup.name);
  return call.commit(async (transaction) => {
    const present = await findRow(keyKind, transaction, vault, nameKey);
    if (present) throw new Refusal('key-exists', { vault: vault.name, name: present.name });
    const newest = backup.versions[backup.versions.length - 1]!.version;
    let row: KeyRow | null = null;
    for (const { material, ...stored } of backup.versions) {
      const state = { name_key: nameKey, name: backup.name, current_version: newest, deleted: null, purge_at: null };
      row = { ...stored, ...state, managed: 0 };
      await insertSealed({ keyring, random }, transaction, vault, row, Buffer.from(material, 'base64url'));
    }
    const named = { vaultId: vault.id, nameKey };
    const { created } = backup.versions[0]!;
    await insertKey.change(transaction, { ...named, name: backup.name, version: newest, created, managed: 0 });
    if (backup.policy) await writePolicy.change(transaction, { ...named, policy: JSON.stringify(backup.policy) });
    await scheduleRotation(transaction, named, row!);
    return answerFor(keyKind, call, row!, keyBundle(call, row!));
  });
}
