import { foldName } from '../base/ids.ts';
import type { MadeKey, StoredKey } from '../crypto/key-provider.ts';
import { findRow } from '../objects/lifecycle.ts';
import type { ManagedName, ManagedVersion } from '../objects/managed.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { KeyRow, SealedKeyRow } from './repository.ts';
import * as repository from './repository.ts';
import { insertSealed, type KeyParts, keyBinding, keyKind, nextVersion } from './service.ts';
import { publicMembersOf, specOf } from './stored-key.ts';

type Sealing = Pick<KeyParts, 'keyring' | 'random'>;

/** The key of a certificate's version, as it is made. */
export interface ManagedKeyVersion extends ManagedVersion {
  /** `RSA` or `EC`, with `-HSM` where a token holds it. */
  readonly kty: string;
  readonly operations: readonly string[];
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

/** Adds the key of a certificate's version. @throws Refusal `key-name-deleted`, `certificate-name-taken` */
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
    size: made.spec.family === 'EC' ? 0 : made.spec.bits,
    public_key: JSON.stringify(made.publicMembers),
    key_ops: JSON.stringify(order.operations),
    managed: 1,
  };
  await insertSealed(parts, transaction, vault, row, made.material);
  const named = { vaultId: vault.id, nameKey, version };
  if (!current) await repository.insertKey.change(transaction, { ...named, name, created: time, managed: 1 });
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
  { keyring }: Pick<KeyParts, 'keyring'>,
  session: Session,
  named: ManagedName,
): Promise<StoredKey> {
  const row = await requireManaged(session, named);
  const binding = keyBinding(named.vaultId, named.nameKey, named.version);
  return {
    id: `${named.vaultId}/${named.nameKey}/${named.version}`,
    spec: specOf(row),
    publicMembers: publicMembersOf(row),
    open: () => keyring.openInVault(session, named.vaultId, binding, row.envelope),
  };
}

/** A managed key with its material, to be kept anew under another version or in a backup; whoever has it overwrites it with zeros. */
export async function openManagedKey(
  parts: Pick<KeyParts, 'keyring'>,
  session: Session,
  named: ManagedName,
): Promise<MadeKey & { readonly kty: string; readonly operations: readonly string[] }> {
  const row = await requireManaged(session, named);
  const stored = await managedStoredKey(parts, session, named);
  const { spec, publicMembers } = stored;
  const operations = JSON.parse(row.key_ops) as readonly string[];
  return { spec, publicMembers, material: await stored.open(), kty: row.kty, operations };
}

async function requireManaged(session: Session, named: ManagedName): Promise<SealedKeyRow> {
  const row = await repository.keyQueries.oneVersion.first(session, named);
  if (!row) throw new Error(`The certificate version ${named.version} has no key.`);
  return row;
}
