import { foldName } from '../base/ids.ts';
import type { MadeKey } from '../crypto/key-provider.ts';
import {
  addManagedKey,
  assertKeyNameFits,
  type BackedUpManagedKey,
  backUpManagedKey,
  restoreManagedKeys,
} from '../keys/managed.ts';
import { answerFor, findRow, liveRow, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import { addManagedSecret, assertSecretNameFits, openManagedSecret } from '../secrets/managed.ts';
import type { Session, Transaction } from '../store/port.ts';
import { certificateKind } from './certificate-kind.ts';
import type { CertificateParts } from './parts.ts';
import {
  certificateQueries,
  insertCertificate,
  insertCertificateVersion,
  type WholeCertificateRow,
} from './repository.ts';
import { schedule } from './versions.ts';
import { certificateBundle } from './wire.ts';

/** The most versions a backup takes (Key Vault service limits). */
const MAX_BACKUP_VERSIONS = 500;

type StoredVersion = Omit<
  WholeCertificateRow,
  'name_key' | 'name' | 'current_version' | 'deleted' | 'purge_at' | 'policy' | 'operation' | 'managed'
>;

interface BackedUpVersion {
  readonly certificate: StoredVersion;
  readonly key: BackedUpManagedKey;
  readonly secret: { readonly value: string; readonly contentType: string };
}

/** A certificate with its issued versions, oldest first, each with its key and its secret. */
interface BackedUpCertificate {
  readonly name: string;
  readonly policy: string;
  readonly versions: readonly BackedUpVersion[];
}

/** POST /certificates/{name}/backup: every issued version with key and secret, sealed. */
export async function backupCertificate(parts: CertificateParts, call: Call): Promise<Answer> {
  const { store, keyring, random } = parts;
  const vault = vaultOf(call);
  const current = await liveRow(certificateKind, store.reader, call);
  const named = { vaultId: vault.id, nameKey: current.name_key };
  const rows = await certificateQueries.allVersions.all(store.reader, { ...named, limit: MAX_BACKUP_VERSIONS + 1 });
  const issued = rows.filter(({ cer }) => cer !== null);
  if (rows.length > MAX_BACKUP_VERSIONS) {
    const facts = { kind: 'certificate', name: current.name, vault: vault.name, limit: MAX_BACKUP_VERSIONS };
    throw new Refusal('backup-too-many-versions', facts);
  }
  if (issued.length === 0) {
    throw new Refusal('certificate-in-progress', { vault: vault.name, name: current.name, requestId: '-' });
  }
  const versions: BackedUpVersion[] = [];
  for (const row of issued) versions.push(await backUp(parts, vault, row));
  const backup: BackedUpCertificate = { name: current.name, policy: current.policy, versions };
  const value = sealBackup(keyring, random, vault, 'certificate', backup);
  return { status: 200, body: { value }, subject: objectId(call, 'certificates', current.name) };
}

/** POST /certificates/restore: all versions as they were, where the name is free for all three. */
export async function restoreCertificate(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const backup = openBackup<BackedUpCertificate>(parts.keyring, vault, 'certificate', call.body?.['value']);
  const nameKey = foldName(backup.name);
  // Asked again where it counts; here it spares a token objects that nobody will claim.
  await assertFree(parts.store.reader, vault, backup.name);
  const held = new Map(backup.versions.map(({ certificate, key }) => [certificate.version, key]));
  const keys = await restoreManagedKeys(parts, vault, backup.name, held, call.time);
  const commit = call.commit(async (transaction) => {
    await assertFree(transaction, vault, backup.name);
    for (const version of backup.versions) {
      const restored = { ...version, ...keys.get(version.certificate.version)! };
      await restoreVersion(transaction, parts, vault, backup.name, restored);
    }
    const first = backup.versions[0]!.certificate;
    const { certificate: newest } = backup.versions[backup.versions.length - 1]!;
    const { name, policy } = backup;
    const named = { vaultId: vault.id, nameKey };
    const order = { name, policy, version: newest.version, created: first.created, operation: null };
    await insertCertificate.change(transaction, { ...named, ...order });
    const state = { name_key: nameKey, name, current_version: newest.version, deleted: null, purge_at: null };
    const row: WholeCertificateRow = { ...newest, ...state, policy, operation: null };
    // What fell due while it lay in the backup is due at once: nobody would renew what has ended meanwhile.
    await schedule(transaction, named, row, 0);
    return answerFor(certificateKind, call, row, certificateBundle(call, row));
  });
  return commit.finally(() => {
    for (const { made } of keys.values()) made.material.fill(0);
  });
}

async function assertFree(session: Session, vault: Vault, name: string): Promise<void> {
  const present = await findRow(certificateKind, session, vault, foldName(name));
  if (present) throw new Refusal('certificate-exists', { vault: vault.name, name: present.name });
  await assertKeyNameFits(session, vault, name);
  await assertSecretNameFits(session, vault, name);
}

async function backUp(parts: CertificateParts, vault: Vault, row: WholeCertificateRow): Promise<BackedUpVersion> {
  const named = { vaultId: vault.id, nameKey: row.name_key, version: row.version };
  const key = await backUpManagedKey(parts, vault, named);
  const secret = await openManagedSecret(parts, parts.store.reader, named);
  const { name_key: _, name: __, current_version: ___, deleted, purge_at, policy, operation, ...certificate } = row;
  return { certificate, key, secret };
}

async function restoreVersion(
  transaction: Transaction,
  parts: CertificateParts,
  vault: Vault,
  name: string,
  { certificate, key, secret, made, isNew }: BackedUpVersion & { readonly made: MadeKey; readonly isNew: boolean },
): Promise<void> {
  const { version, enabled, nbf, exp, created } = certificate;
  const shared = { name, version, nbf, exp, tags: null, isCurrent: true, time: created, enabled: enabled === 1 };
  const { kty, operations } = key;
  await addManagedKey(transaction, parts, vault, { ...shared, kty, operations, isNew }, made);
  await addManagedSecret(transaction, parts, vault, { ...shared, ...secret });
  const { previous_version: previousVersion, preserve_order: preserveOrder, ...stored } = certificate;
  const named = { vaultId: vault.id, nameKey: foldName(name) };
  await insertCertificateVersion.change(transaction, { ...named, ...stored, previousVersion, preserveOrder });
}
