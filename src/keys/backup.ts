import { foldName } from '../base/ids.ts';
import { readTokenReference } from '../crypto/token-reference.ts';
import { answerFor, findRow, liveRow, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import { providerOf, typeOf } from './key-home.ts';
import { insertKey, type KeyRow, keyQueries, writePolicy } from './repository.ts';
import { policyOf, scheduleRotation } from './rotation-due.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import { insertSealed, type KeyParts, keyKind } from './service.ts';
import { keyBinding } from './stored-key.ts';
import { isObjectKept, noteObject } from './token-object-rows.ts';
import { keyBundle } from './wire.ts';

/** The most versions a backup takes (Key Vault service limits). */
const MAX_BACKUP_VERSIONS = 500;

type BackedUpVersion = Omit<
  KeyRow,
  'name_key' | 'name' | 'current_version' | 'deleted' | 'purge_at' | 'release_policy'
> & {
  /** The material in base64url. */
  readonly material: string;
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
export async function backupKey({ store, keyring, random }: KeyParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const current = await liveRow(keyKind, store.reader, call);
  const named = { vaultId: vault.id, nameKey: current.name_key };
  const rows = await keyQueries.allVersions.all(store.reader, { ...named, limit: MAX_BACKUP_VERSIONS + 1 });
  if (rows.length > MAX_BACKUP_VERSIONS) {
    const facts = { kind: 'key', name: current.name, vault: vault.name, limit: MAX_BACKUP_VERSIONS };
    throw new Refusal('backup-too-many-versions', facts);
  }
  const versions: BackedUpVersion[] = [];
  for (const { envelope, name_key, ...row } of rows) {
    const { name: _, current_version: __, deleted: ___, purge_at: ____, release_policy: _____, ...stored } = row;
    const binding = keyBinding(vault.id, name_key, stored.version);
    const material = await keyring.openInVault(store.reader, vault.id, binding, envelope);
    versions.push({ ...stored, material: material.toString('base64url') });
    material.fill(0);
  }
  const policy = await policyOf(store.reader, named);
  const backup: BackedUpKey = { name: current.name, policy, release: current.release_policy, versions };
  const value = sealBackup(keyring, random, vault, 'key', backup);
  return { status: 200, body: { value }, subject: objectId(call, 'keys', current.name) };
}

/** POST /keys/restore: all versions as they were, where the name is free. */
export async function restoreKey({ keyring, random, providers }: KeyParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const backup = openBackup<BackedUpKey>(keyring, vault, 'key', call.body?.['value']);
  const nameKey = foldName(backup.name);
  for (const version of backup.versions) providerOf(providers, vault, typeOf(version));
  return call.commit(async (transaction) => {
    const present = await findRow(keyKind, transaction, vault, nameKey);
    if (present) throw new Refusal('key-exists', { vault: vault.name, name: present.name });
    const newest = backup.versions[backup.versions.length - 1]!.version;
    let row: KeyRow | null = null;
    for (const { material, ...stored } of backup.versions) {
      const state = { name_key: nameKey, name: backup.name, current_version: newest, deleted: null, purge_at: null };
      row = { ...stored, ...state, release_policy: backup.release ?? null };
      const bytes = Buffer.from(material, 'base64url');
      if (typeOf(stored).isHsm) await shareObject(transaction, vault, row, bytes);
      await insertSealed({ keyring, random }, transaction, vault, row, bytes);
    }
    const named = { vaultId: vault.id, nameKey };
    const { created } = backup.versions[0]!;
    const { name, release: releasePolicy = null } = backup;
    await insertKey.change(transaction, { ...named, name, version: newest, created, releasePolicy });
    if (backup.policy) await writePolicy.change(transaction, { ...named, policy: JSON.stringify(backup.policy) });
    await scheduleRotation(transaction, named, row!);
    return answerFor(keyKind, call, row!, keyBundle(call, row!));
  });
}

/** One more version that has an object of a token. @throws Refusal `key-token-object-gone` */
async function shareObject(transaction: Transaction, vault: Vault, row: KeyRow, material: Buffer): Promise<void> {
  const { id: objectId, token } = readTokenReference(material);
  if (!(await isObjectKept.first(transaction, { objectId }))) {
    throw new Refusal('key-token-object-gone', { vault: vault.name, name: row.name });
  }
  const { name_key: nameKey, version } = row;
  await noteObject.change(transaction, { vaultId: vault.id, nameKey, version, objectId, token, destroyAt: null });
}
