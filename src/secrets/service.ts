import { removeAssignmentsUnder } from '../access/scope-removal.ts';
import { foldName } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { toIso } from '../base/text.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { checkWindow } from '../objects/attributes.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import type { Pager } from '../operations/paging.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { purgeInstant } from '../recovery/levels.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import type { BackedUpSecret } from './backed-up-secret.ts';
import type { SealedSecretRow, SecretRow } from './repository.ts';
import * as repository from './repository.ts';
import { readNewSecret, readSecretChange } from './rules.ts';
import { addVersion, changeVersion, deletionFacts, insertRow, nameDeleted, secretBinding } from './versions.ts';
import { deletion, secretBundle, secretId, secretItem } from './wire.ts';

/** The most versions a backup takes (Key Vault service limits). */
const MAX_BACKUP_VERSIONS = 500;

/** What the secrets room needs. */
export interface SecretParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly random: Random;
  readonly pager: Pager;
}

/** PUT /secrets/{name}: a new version, which becomes the current one. */
export async function setSecret({ keyring, random }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const secret = readNewSecret(call.body ?? {});
  checkWindow(secret.attributes.nbf, secret.attributes.exp);
  const { name } = nameOf(call);
  return call.commit(async (transaction) => {
    const row = await addVersion(transaction, { keyring, random }, vault, { name, secret, time: call.time });
    return answer(call, 200, row, secretBundle(call, row, secret.value));
  });
}

/** GET /secrets/{name}[/{version}]: works outside nbf and exp, not on a disabled version. */
export async function getSecret({ store, keyring }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const row = await liveRow(store.reader, call);
  if (row.enabled !== 1) {
    throw new Refusal('secret-disabled', { operation: 'get', vault: vault.name, name: row.name, version: row.version });
  }
  const binding = secretBinding(vault.id, row.name_key, row.version);
  const value = await keyring.openInVault(store.reader, vault.id, binding, row.envelope);
  return answer(call, 200, row, secretBundle(call, row, value.toString('utf8')));
}

/** PATCH /secrets/{name}[/{version}]: changes what is sent, keeps the rest; the value never changes. */
export async function updateSecret(_parts: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const change = readSecretChange(call.body ?? {});
  return call.commit(async (transaction) => {
    const row = await liveRow(transaction, call);
    const updated = await changeVersion(transaction, vault, row, change, call.time);
    return answer(call, 200, updated, secretBundle(call, updated));
  });
}

/** GET /secrets and /deletedsecrets, a page at a time, by name. */
export async function listSecrets({ store, pager }: SecretParts, call: Call, deleted: boolean): Promise<Answer> {
  const { size, after } = pager.read(call);
  const page = deleted ? repository.deletedSecrets : repository.liveSecrets;
  const rows = await page.all(store.reader, { vaultId: vaultOf(call).id, after, limit: size + 1 });
  const shown = rows.slice(0, size);
  return listAnswer(
    call,
    shown.map((row) => ({ ...secretItem(call, row, false), ...(deleted ? deletion(call, row) : {}) })),
    rows.length > size ? pager.nextLink(call, shown[size - 1]!.name_key) : null,
  );
}

/** GET /secrets/{name}/versions, a page at a time. */
export async function listVersions({ store, pager }: SecretParts, call: Call): Promise<Answer> {
  const { size, after } = pager.read(call);
  const { nameKey } = nameOf(call);
  const vaultId = vaultOf(call).id;
  const rows = await repository.versionPage.all(store.reader, { vaultId, nameKey, after, limit: size + 1 });
  if (rows.length === 0 && after === '') await liveRow(store.reader, call);
  const shown = rows.slice(0, size);
  return listAnswer(
    call,
    shown.map((row) => secretItem(call, row, true)),
    rows.length > size ? pager.nextLink(call, shown[size - 1]!.version) : null,
  );
}

/** DELETE /secrets/{name}: with all its versions, recoverable until the vault's retention ends. */
export async function deleteSecret(_parts: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await liveRow(transaction, call);
    const gone = { ...row, deleted: call.time, purge_at: purgeInstant(vault.settings, call.time) };
    const nameKey = row.name_key;
    await repository.markDeleted.change(transaction, {
      vaultId: vault.id,
      nameKey,
      deleted: gone.deleted,
      purgeAt: gone.purge_at,
    });
    return answer(call, 200, gone, { ...deletion(call, gone), ...secretBundle(call, gone) });
  });
}

/** GET /deletedsecrets/{name}: the deleted secret without its value. */
export async function getDeletedSecret({ store }: SecretParts, call: Call): Promise<Answer> {
  const row = await deletedRow(store.reader, call);
  return answer(call, 200, row, { ...deletion(call, row), ...secretBundle(call, row) });
}

/** POST /deletedsecrets/{name}/recover: live again with every version. */
export async function recoverSecret(_parts: SecretParts, call: Call): Promise<Answer> {
  const vaultId = vaultOf(call).id;
  return call.commit(async (transaction) => {
    const row = await deletedRow(transaction, call);
    await repository.markDeleted.change(transaction, { vaultId, nameKey: row.name_key, deleted: null, purgeAt: null });
    return answer(call, 200, row, secretBundle(call, row));
  });
}

/** DELETE /deletedsecrets/{name}: for good, unless the vault has purge protection. */
export async function purgeSecret(_parts: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await deletedRow(transaction, call);
    if (vault.settings.enablePurgeProtection) {
      const facts = { vault: vault.name, kind: 'secret', name: row.name, purge: toIso(row.purge_at ?? 0) };
      throw new Refusal('purge-protected', facts);
    }
    await eraseSecret(transaction, vault, row.name_key);
    return { status: 204, subject: secretId(call, row.name) };
  });
}

/** Removes a secret for good, and what was granted on it: a later secret of the name starts clean. The purge job calls it too. */
export async function eraseSecret(transaction: Transaction, vault: Vault, nameKey: string): Promise<void> {
  await repository.removeVersions.change(transaction, { vaultId: vault.id, nameKey });
  await repository.removeSecret.change(transaction, { vaultId: vault.id, nameKey });
  await removeAssignmentsUnder(transaction, `${vault.scopeKey}/secrets/${nameKey}`);
}

/** POST /secrets/{name}/backup: every version with its value, sealed. */
export async function backupSecret({ store, keyring, random }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const current = await liveRow(store.reader, call);
  const rows = await repository.allVersions.all(store.reader, {
    vaultId: vault.id,
    nameKey: current.name_key,
    limit: MAX_BACKUP_VERSIONS + 1,
  });
  if (rows.length > MAX_BACKUP_VERSIONS) {
    throw new Refusal('backup-too-many-versions', {
      kind: 'secret',
      name: current.name,
      vault: vault.name,
      limit: MAX_BACKUP_VERSIONS,
    });
  }
  const versions = [];
  for (const row of rows) {
    const binding = secretBinding(vault.id, row.name_key, row.version);
    const value = await keyring.openInVault(store.reader, vault.id, binding, row.envelope);
    versions.push({
      version: row.version,
      sequence: row.sequence,
      created: row.created,
      updated: row.updated,
      enabled: row.enabled,
      nbf: row.nbf,
      exp: row.exp,
      contentType: row.content_type,
      tags: row.tags,
      previousVersion: row.previous_version,
      value: value.toString('utf8'),
    });
  }
  const blob = sealBackup(keyring, random, vault, 'secret', { name: current.name, versions } satisfies BackedUpSecret);
  return { status: 200, body: { value: blob }, subject: secretId(call, current.name) };
}

/** POST /secrets/restore: all versions as they were, where the name is free. */
export async function restoreSecret({ keyring, random }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const backup = openBackup<BackedUpSecret>(keyring, vault, 'secret', call.body?.['value']);
  const nameKey = foldName(backup.name);
  return call.commit(async (transaction) => {
    const present = await repository.currentSecret.first(transaction, { vaultId: vault.id, nameKey });
    if (present?.deleted != null) throw nameDeleted(vault, present);
    if (present) throw new Refusal('secret-exists', { vault: vault.name, name: present.name });
    const newest = backup.versions[backup.versions.length - 1]!;
    const key = await keyring.vaultKey(transaction, vault.id);
    let row: SecretRow | null = null;
    for (const { value, contentType, previousVersion, ...stored } of backup.versions) {
      row = {
        ...stored,
        name_key: nameKey,
        name: backup.name,
        current_version: newest.version,
        deleted: null,
        purge_at: null,
        content_type: contentType,
        previous_version: previousVersion,
      };
      const binding = secretBinding(vault.id, nameKey, row.version);
      await insertRow(transaction, vault.id, row, sealEnvelope(key, binding, Buffer.from(value), random));
    }
    await repository.insertSecret.change(transaction, {
      vaultId: vault.id,
      nameKey,
      name: backup.name,
      version: newest.version,
      created: backup.versions[0]!.created,
    });
    return answer(call, 200, row!, secretBundle(call, row!));
  });
}

function nameOf(call: Call): { name: string; nameKey: string } {
  const name = call.parameters['name']!;
  return { name, nameKey: foldName(name) };
}

/** The version the call names, or the current one, of a live secret. */
async function liveRow(session: Session, call: Call): Promise<SealedSecretRow> {
  const { name, nameKey } = nameOf(call);
  const vault = vaultOf(call);
  const version = call.parameters['version']?.toLowerCase();
  const row =
    version === undefined
      ? await repository.currentSecret.first(session, { vaultId: vault.id, nameKey })
      : await repository.oneVersion.first(session, { vaultId: vault.id, nameKey, version });
  const id = version === undefined ? name : `${name}/${version}`;
  if (!row) throw new Refusal('secret-not-found', { id, vault: vault.name, name });
  if (row.deleted !== null) {
    throw new Refusal('secret-deleted', { id, ...deletionFacts(vault, row) });
  }
  return row;
}

async function deletedRow(session: Session, call: Call): Promise<SealedSecretRow> {
  const { name, nameKey } = nameOf(call);
  const vault = vaultOf(call);
  const row = await repository.currentSecret.first(session, { vaultId: vault.id, nameKey });
  if (!row || row.deleted === null) throw new Refusal('deleted-secret-not-found', { vault: vault.name, name });
  return row;
}

function answer(call: Call, status: number, row: SecretRow, body: unknown): Answer {
  return { status, body, subject: secretId(call, row.name, row.version) };
}

function listAnswer(call: Call, value: readonly unknown[], nextLink: string | null): Answer {
  const subject = call.parameters['name'] === undefined ? call.origin : secretId(call, call.parameters['name']);
  return { status: 200, body: { value, nextLink }, subject };
}
