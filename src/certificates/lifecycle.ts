import { toIso } from '../base/text.ts';
import { keyKind } from '../keys/service.ts';
import { answerFor, deletedRow, deletion, eraseObject, liveRow, objectId } from '../objects/lifecycle.ts';
import type { Named } from '../objects/object-queries.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { purgeInstant } from '../recovery/levels.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import { secretKind } from '../secrets/secret-kind.ts';
import type { Transaction } from '../store/port.ts';
import { certificateKind } from './certificate-kind.ts';
import { certificateBundle } from './wire.ts';

/** DELETE /certificates/{name}: with its key and its secret, recoverable until the vault's retention ends. */
export function deleteCertificate(call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await liveRow(certificateKind, transaction, call);
    const gone = { ...row, deleted: call.time, purge_at: purgeInstant(vault.settings, call.time) };
    await markAll(transaction, { vaultId: vault.id, nameKey: row.name_key }, gone.deleted, gone.purge_at);
    const body = { ...deletion(certificateKind, call, gone), ...certificateBundle(call, gone) };
    return answerFor(certificateKind, call, gone, body);
  });
}

/** POST /deletedcertificates/{name}/recover: with its key and its secret, every version. */
export function recoverCertificate(call: Call): Promise<Answer> {
  const vaultId = vaultOf(call).id;
  return call.commit(async (transaction) => {
    const row = await deletedRow(certificateKind, transaction, call);
    await markAll(transaction, { vaultId, nameKey: row.name_key }, null, null);
    return answerFor(certificateKind, call, row, certificateBundle(call, row));
  });
}

/** DELETE /deletedcertificates/{name}: for good, with its key and its secret, unless the vault has purge protection. */
export function purgeCertificate(call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await deletedRow(certificateKind, transaction, call);
    if (vault.settings.enablePurgeProtection) {
      const purge = toIso(row.purge_at ?? 0);
      throw new Refusal('purge-protected', { vault: vault.name, name: row.name, kind: 'certificate', purge });
    }
    await eraseCertificate(transaction, vault, row.name_key);
    return { status: 204, subject: objectId(call, 'certificates', row.name) };
  });
}

/** Removes a certificate with its key and its secret for good. The purge job calls it too. */
export async function eraseCertificate(transaction: Transaction, vault: Vault, nameKey: string): Promise<void> {
  await eraseObject(certificateKind, transaction, vault, nameKey);
  await eraseObject(keyKind, transaction, vault, nameKey);
  await eraseObject(secretKind, transaction, vault, nameKey);
}

async function markAll(
  transaction: Transaction,
  named: Named,
  deleted: number | null,
  purgeAt: number | null,
): Promise<void> {
  for (const { queries } of [certificateKind, keyKind, secretKind]) {
    await queries.markDeleted.change(transaction, { ...named, deleted, purgeAt });
  }
}
