import { foldName } from '../base/ids.ts';
import type { KeySpec, PublicMembers } from '../crypto/key-provider.ts';
import { addManagedKey, assertKeyNameFits, openManagedKey } from '../keys/managed.ts';
import { answerFor, findRow, liveRow, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import { addManagedSecret, assertSecretNameFits, openManagedSecret } from '../secrets/managed.ts';
import type { Transaction } from '../store/port.ts';
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
  readonly key: {
    readonly kty: string;
    readonly operations: readonly string[];
    readonly spec: KeySpec;
    readonly publicMembers: PublicMembers;
    /** Base64url. */
    readonly material: string;
  };
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
  return call.commit(async (transaction) => {
    const present = await findRow(certificateKind, transaction, vault, nameKey);
    if (present) throw new Refusal('certificate-exists', { vault: vault.name, name: present.name });
    await assertKeyNameFits(transaction, vault, backup.name);
    await assertSecretNameFits(transaction, vault, backup.name);
    for (const version of backup.versions) await restoreVersion(transaction, parts, vault, backup.name, version);
    const first = backup.versions[0]!.certificate;
    const { certificate: newest } = backup.versions[backup.versions.length - 1]!;
    const { name, policy } = backup;
    const named = { vaultId: vault.id, nameKey };
    const order = { name, policy, version: newest.version, created: first.created, operation: null };
    await insertCertificate.change(transaction, { ...named, ...order });
    const state = { name_key: nameKey, name, current_version: newest.version, deleted: null, purge_at: null };
    const row: WholeCertificateRow = { ...newest, ...state, policy, operation: null };
    await schedule(transaction, named, row, call.time);
    return answerFor(certificateKind, call, row, certificateBundle(call, row));
  });
}

async function backUp(parts: CertificateParts, vault: Vault, row: WholeCertificateRow): Promise<BackedUpVersion> {
  const named = { vaultId: vault.id, nameKey: row.name_key, version: row.version };
  const { material, ...key } = await openManagedKey(parts, parts.store.reader, named);
  const secret = await openManagedSecret(parts, parts.store.reader, named);
  const { name_key: _, name: __, current_version: ___, deleted, purge_at, policy, operation, ...certificate } = row;
  const text = material.toString('base64url');
  material.fill(0);
  return { certificate, key: { ...key, material: text }, secret };
}

async function restoreVersion(
  transaction: Transaction,
  parts: CertificateParts,
  vault: Vault,
  name: string,
  { certificate, key, secret }: BackedUpVersion,
): Promise<void> {
  const { version, enabled, nbf, exp, created } = certificate;
  const shared = { name, version, nbf, exp, tags: null, isCurrent: true, time: created, enabled: enabled === 1 };
  const made = { ...key, material: Buffer.from(key.material, 'base64url') };
  await addManagedKey(transaction, parts, vault, { ...shared, kty: key.kty, operations: key.operations }, made);
  await addManagedSecret(transaction, parts, vault, { ...shared, ...secret });
  const { previous_version: previousVersion, preserve_order: preserveOrder, ...stored } = certificate;
  const named = { vaultId: vault.id, nameKey: foldName(name) };
  await insertCertificateVersion.change(transaction, { ...named, ...stored, previousVersion, preserveOrder });
}
