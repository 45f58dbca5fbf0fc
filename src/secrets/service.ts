import { foldName } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { checkWindow } from '../objects/attributes.ts';
import {
  answerFor,
  assertUnmanaged,
  findRow,
  liveRow,
  nameOf,
  type ObjectParts,
  objectId,
} from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { BackedUpSecret } from './backed-up-secret.ts';
import type { SecretRow } from './repository.ts';
import * as repository from './repository.ts';
import { readNewSecret, readSecretChange } from './rules.ts';
import { secretKind } from './secret-kind.ts';
import { addVersion, changeVersion, insertRow, secretBinding } from './versions.ts';
import { secretBundle } from './wire.ts';

/** The most versions a backup takes (Key Vault service limits). */
const MAX_BACKUP_VERSIONS = 500;

/** What the secrets room needs. */
export interface SecretParts extends ObjectParts {
  readonly keyring: Keyring;
  readonly random: Random;
}

/** PUT /secrets/{name}: a new version, which becomes the current one. */
export async function setSecret({ keyring, random }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const secret = readNewSecret(call.body ?? {});
  checkWindow(secret.attributes.nbf, secret.attributes.exp);
  const { name } = nameOf(call);
  return call.commit(async (transaction) => {
    const row = await addVersion(transaction, { keyring, random }, vault, { name, secret, time: call.time });
    return answerFor(secretKind, call, row, secretBundle(call, row, secret.value));
  });
}

/** GET /secrets/{name}[/{version}]: works outside nbf and exp, not on a disabled version. */
export async function getSecret({ store, keyring }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const row = await liveRow(secretKind, store.reader, call);
  if (row.enabled !== 1) {
    throw new Refusal('secret-disabled', { operation: 'get', vault: vault.name, name: row.name, version: row.version });
  }
  const binding = secretBinding(vault.id, row.name_key, row.version);
  const value = await keyring.openInVault(store.reader, vault.id, binding, row.envelope);
  return answerFor(secretKind, call, row, secretBundle(call, row, value.toString('utf8')));
}

/** PATCH /secrets/{name}[/{version}]: changes what is sent, keeps the rest; the value never changes. */
export async function updateSecret(_parts: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const change = readSecretChange(call.body ?? {});
  return call.commit(async (transaction) => {
    const row = await liveRow(secretKind, transaction, call);
    const updated = await changeVersion(transaction, vault, row, change, call.time);
    return answerFor(secretKind, call, updated, secretBundle(call, updated));
  });
}

/** POST /secrets/{name}/backup: every version with its value, sealed. */
export async function backupSecret({ store, keyring, random }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const current = await liveRow(secretKind, store.reader, call);
  assertUnmanaged(secretKind, vault, current, 'backup');
  const rows = await repository.secretQueries.allVersions.all(store.reader, {
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
  return { status: 200, body: { value: blob }, subject: objectId(call, 'secrets', current.name) };
}

/** POST /secrets/restore: all versions as they were, where the name is free. */
export async function restoreSecret({ keyring, random }: SecretParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const backup = openBackup<BackedUpSecret>(keyring, vault, 'secret', call.body?.['value']);
  const nameKey = foldName(backup.name);
  return call.commit(async (transaction) => {
    const present = await findRow(secretKind, transaction, vault, nameKey);
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
        managed: 0,
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
      managed: 0,
    });
    return answerFor(secretKind, call, row!, secretBundle(call, row!));
  });
}
