import { foldName, newVersion } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { VaultEnvelopes } from '../crypto/sealed-rows.ts';
import { checkWindow } from '../objects/attributes.ts';
import { assertUnmanaged, findRow } from '../objects/lifecycle.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import type { SecretRow } from './repository.ts';
import * as repository from './repository.ts';
import type { NewSecret, SecretChange } from './rules.ts';
import { secretKind } from './secret-kind.ts';

/** What a new version is made of. */
export interface VersionOrder {
  /** The secret's name, its form checked. */
  readonly name: string;
  readonly secret: NewSecret;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}

/**
 * Adds a version, which becomes the current one, on whichever plane it was asked for.
 * @throws Refusal `secret-name-deleted`
 */
export async function addVersion(
  transaction: Transaction,
  { keyring, random }: { readonly keyring: Keyring; readonly random: Random },
  vault: Vault,
  { name, secret, time }: VersionOrder,
): Promise<SecretRow> {
  const nameKey = foldName(name);
  const current = await findRow(secretKind, transaction, vault, nameKey);
  if (current) assertUnmanaged(secretKind, vault, current, 'set');
  const version = newVersion(random);
  const key = await keyring.vaultKey(transaction, vault.id);
  const row: SecretRow = {
    name_key: nameKey,
    name: current?.name ?? name,
    current_version: version,
    deleted: null,
    purge_at: null,
    version,
    sequence: (current?.sequence ?? 0) + 1,
    created: time,
    updated: time,
    enabled: secret.attributes.enabled ? 1 : 0,
    nbf: secret.attributes.nbf,
    exp: secret.attributes.exp,
    content_type: secret.contentType,
    tags: secret.tags && JSON.stringify(secret.tags),
    previous_version: current?.version ?? null,
    managed: 0,
  };
  const binding = secretBinding(vault.id, nameKey, version);
  await insertRow(transaction, vault.id, row, sealEnvelope(key, binding, Buffer.from(secret.value), random));
  if (current) await repository.secretQueries.setCurrent.change(transaction, { vaultId: vault.id, nameKey, version });
  else {
    const added = { vaultId: vault.id, nameKey, name, version, created: time, managed: 0 };
    await repository.insertSecret.change(transaction, added);
  }
  return row;
}

/**
 * Changes what is named of a version and keeps the rest; the value never changes.
 * @throws Refusal `property-invalid`
 */
export async function changeVersion(
  transaction: Transaction,
  vault: Vault,
  row: SecretRow,
  change: SecretChange,
  time: number,
): Promise<SecretRow> {
  assertUnmanaged(secretKind, vault, row, 'update');
  const updated: SecretRow = {
    ...row,
    updated: time,
    enabled: change.enabled === undefined ? row.enabled : Number(change.enabled),
    nbf: change.nbf ?? row.nbf,
    exp: change.exp ?? row.exp,
    content_type: change.contentType ?? row.content_type,
    tags: change.tags === undefined ? row.tags : JSON.stringify(change.tags),
  };
  checkWindow(updated.nbf, updated.exp);
  await repository.updateVersion.change(transaction, {
    vaultId: vault.id,
    nameKey: row.name_key,
    version: row.version,
    updated: updated.updated,
    enabled: updated.enabled,
    nbf: updated.nbf,
    exp: updated.exp,
    contentType: updated.content_type,
    tags: updated.tags,
  });
  return updated;
}

/** What the envelope of a version is bound to. */
export function secretBinding(vaultId: string, nameKey: string, version: string): readonly string[] {
  return ['secret', vaultId, nameKey, version];
}

/** The envelopes of secrets, as the rotation of vault keys sees them. */
export const secretEnvelopes: VaultEnvelopes = { table: 'secret_versions', binding: secretBinding };

/** Stores a version with its sealed value. */
export async function insertRow(
  transaction: Transaction,
  vaultId: string,
  row: SecretRow,
  envelope: Uint8Array,
): Promise<void> {
  await repository.insertVersion.change(transaction, {
    vaultId,
    nameKey: row.name_key,
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
    envelope,
  });
}
