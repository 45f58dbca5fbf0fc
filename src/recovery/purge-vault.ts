import { forgetChange } from '../access/move/forget.ts';
import { removeAssignmentsUnder } from '../access/scope-removal.ts';
import { forgetAuthorities } from '../certificates/issuers/authority/forget.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { forgetMoves } from '../moving/forget.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import { statement } from '../store/statement.ts';

const deleteVersions = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('secret_versions').where('vault_id', '=', p('vaultId')),
);
const deleteSecrets = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('secrets').where('vault_id', '=', p('vaultId')),
);
const deleteConnections = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('private_endpoint_connections').where('vault_id', '=', p('vaultId')),
);
const deleteKeyVersions = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('key_versions').where('vault_id', '=', p('vaultId')),
);
const deleteKeys = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('keys').where('vault_id', '=', p('vaultId')),
);
/** What is in a key token is destroyed by a job of its own, for the token may be absent. */
const dropTokenObjects = statement<{ vaultId: string }>((db, p) =>
  db.updateTable('token_objects').set({ destroy_at: 0 }).where('vault_id', '=', p('vaultId')),
);
const deleteCertificateRows = (
  ['certificates', 'certificate_versions', 'certificate_contacts', 'certificate_issuers'] as const
).map((table) => statement<{ vaultId: string }>((db, p) => db.deleteFrom(table).where('vault_id', '=', p('vaultId'))));
const deleteVault = statement<{ vaultId: string }>((db, p) => db.deleteFrom('vaults').where('id', '=', p('vaultId')));

/**
 * Removes a vault for good: its objects, its keys (so that no copy of an envelope opens any more), the role assignments at it
 * and below it, what is kept of a change of its permission model and of moves from it or to it, and its name, which is free again. Whether it may be purged is the caller's question. Purging what is gone
 * already changes nothing.
 */
export async function purgeVault(transaction: Transaction, keyring: Keyring, vault: Vault): Promise<void> {
  await deleteVersions.change(transaction, { vaultId: vault.id });
  await deleteSecrets.change(transaction, { vaultId: vault.id });
  await deleteConnections.change(transaction, { vaultId: vault.id });
  await deleteKeyVersions.change(transaction, { vaultId: vault.id });
  await deleteKeys.change(transaction, { vaultId: vault.id });
  await dropTokenObjects.change(transaction, { vaultId: vault.id });
  for (const remove of deleteCertificateRows) await remove.change(transaction, { vaultId: vault.id });
  await keyring.destroyVaultKeys(transaction, vault.id);
  await forgetAuthorities(transaction, vault.id);
  await removeAssignmentsUnder(transaction, vault.scopeKey);
  await forgetChange(transaction, vault.id);
  await forgetMoves(transaction, vault.id);
  await deleteVault.change(transaction, { vaultId: vault.id });
  transaction.touch();
}
