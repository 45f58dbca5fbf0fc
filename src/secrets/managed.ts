import { foldName } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { findRow } from '../objects/lifecycle.ts';
import type { ManagedName, ManagedVersion } from '../objects/managed.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { SecretRow } from './repository.ts';
import * as repository from './repository.ts';
import { secretKind } from './secret-kind.ts';
import { insertRow, secretBinding } from './versions.ts';

interface Sealing {
  readonly keyring: Keyring;
  readonly random: Random;
}

/** The secret of a certificate's version. */
export interface ManagedSecretVersion extends ManagedVersion {
  /** Key and chain in the form that `contentType` names; the empty text until the certificate is issued. */
  readonly value: string;
  readonly contentType: string;
}

/**
 * Whether the name is free for a certificate, or its own already.
 * @throws Refusal `secret-name-deleted`, `certificate-name-taken`
 */
export async function assertSecretNameFits(session: Session, vault: Vault, name: string): Promise<SecretRow | null> {
  const current = await findRow(secretKind, session, vault, foldName(name));
  if (current && current.managed !== 1) {
    throw new Refusal('certificate-name-taken', { kind: 'secret', vault: vault.name, name: current.name });
  }
  return current;
}

/** Adds the secret of a certificate's version. @throws Refusal `secret-name-deleted`, `certificate-name-taken` */
export async function addManagedSecret(
  transaction: Transaction,
  { keyring, random }: Sealing,
  vault: Vault,
  order: ManagedSecretVersion,
): Promise<void> {
  const { name, version, time } = order;
  const nameKey = foldName(name);
  const current = await assertSecretNameFits(transaction, vault, name);
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
    enabled: order.enabled ? 1 : 0,
    nbf: order.nbf,
    exp: order.exp,
    content_type: order.contentType,
    tags: order.tags,
    previous_version: current?.version ?? null,
    managed: 1,
  };
  const key = await keyring.vaultKey(transaction, vault.id);
  const binding = secretBinding(vault.id, nameKey, version);
  await insertRow(transaction, vault.id, row, sealEnvelope(key, binding, Buffer.from(order.value), random));
  const named = { vaultId: vault.id, nameKey, version };
  if (!current) await repository.insertSecret.change(transaction, { ...named, name, created: time, managed: 1 });
  else if (order.isCurrent) await repository.secretQueries.setCurrent.change(transaction, named);
}

/** Changes the attributes of a managed secret with its certificate's; a value replaces the one before. */
export async function changeManagedSecret(
  transaction: Transaction,
  { keyring, random }: Sealing,
  named: ManagedName,
  change: Omit<ManagedSecretVersion, 'name' | 'version' | 'value' | 'contentType'> & {
    readonly value?: string;
    readonly contentType?: string;
  },
): Promise<void> {
  const row = await repository.secretQueries.oneVersion.first(transaction, named);
  if (!row) throw new Error(`The certificate version ${named.version} has no secret.`);
  await repository.updateVersion.change(transaction, {
    ...named,
    updated: change.time,
    enabled: change.enabled ? 1 : 0,
    nbf: change.nbf,
    exp: change.exp,
    contentType: change.contentType ?? row.content_type,
    tags: change.tags,
  });
  if (change.value !== undefined) {
    const key = await keyring.vaultKey(transaction, named.vaultId);
    const binding = secretBinding(named.vaultId, named.nameKey, named.version);
    const envelope = sealEnvelope(key, binding, Buffer.from(change.value), random);
    await repository.replaceValue.change(transaction, { ...named, envelope });
  }
  if (change.isCurrent) await repository.secretQueries.setCurrent.change(transaction, named);
}

/** The value of a managed secret, for a backup of its certificate. */
export async function openManagedSecret(
  { keyring }: Pick<Sealing, 'keyring'>,
  session: Session,
  named: ManagedName,
): Promise<{ readonly value: string; readonly contentType: string }> {
  const row = await repository.secretQueries.oneVersion.first(session, named);
  if (!row) throw new Error(`The certificate version ${named.version} has no secret.`);
  const binding = secretBinding(named.vaultId, named.nameKey, named.version);
  const value = await keyring.openInVault(session, named.vaultId, binding, row.envelope);
  return { value: value.toString('utf8'), contentType: row.content_type ?? '' };
}
