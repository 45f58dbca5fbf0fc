import { DAY } from '../base/text.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import type { Vault } from '../resources/vault.ts';
import { type Alarm, certificateEntry, logAlarm, raise } from './alarm.ts';
import { makeDraft } from './draft.ts';
import type { CertificateJobParts } from './job.ts';
import { renewalAt } from './lifetime.ts';
import { isOpen } from './operation-state.ts';
import {
  type CertificateRow,
  certificateQueries,
  type DueCertificate,
  dueActions,
  readSchedule,
  writeSchedule,
} from './repository.ts';
import { addCertificateVersion, operationOf, policyOf, schedule } from './versions.ts';

const BATCH = 50;

/** Begins the renewals that are due, and tells whom certificates concern. What fails for one certificate is put off for it alone. */
export async function followPolicies(parts: CertificateJobParts, lease: Lease, now: number): Promise<void> {
  for (;;) {
    const due = await dueActions.all(parts.store.reader, { now, limit: BATCH });
    for (const one of due) if (!(await actOn(parts, lease, now, one))) return;
    if (due.length < BATCH) return;
  }
}

/** Does what is due for one certificate; false where the lease has gone. */
async function actOn(parts: CertificateJobParts, lease: Lease, now: number, due: DueCertificate): Promise<boolean> {
  const named = { vaultId: due.vault_id, nameKey: due.name_key };
  const row = await certificateQueries.current.first(parts.store.reader, named);
  const vault = await parts.findVault(parts.store.reader, due.vault_id);
  if (!row || !vault) return true;
  let fault = '';
  try {
    if (isToRenew(row, now)) return await renew(parts, lease, now, vault, row);
  } catch (error) {
    // A name that was taken, a key that cannot be made, an issuer that is gone: nothing that another certificate waits for.
    fault = (error as Error).message;
  }
  return pass(parts, lease, now, vault, row, fault);
}

/** Whether the current version's time has come and nobody works on the next one yet. */
function isToRenew(row: CertificateRow, now: number): boolean {
  if (row.nbf === null || row.exp === null || row.enabled !== 1 || isOpen(operationOf(row))) return false;
  const at = renewalAt(policyOf(row), { starts: row.nbf * 1000, ends: row.exp * 1000 });
  return at !== null && at <= now;
}

/** Begins the next version by the policy. What signs itself is whole at once; for the others an order is placed. */
async function renew(
  parts: CertificateJobParts,
  lease: Lease,
  now: number,
  vault: Vault,
  row: CertificateRow,
): Promise<boolean> {
  const named = { vaultId: vault.id, nameKey: row.name_key };
  const policy = policyOf(row);
  const order = { name: row.name, policy, before: row, tags: row.tags, preserveOrder: row.preserve_order === 1 };
  const draft = await makeDraft(parts, vault, { ...order, enabled: true, isRenewal: true, time: now });
  const write = parts.store.write(async (transaction) => {
    if (!(await holdsLease(transaction, lease))) return false;
    const current = await certificateQueries.current.first(transaction, named);
    // Renewed, deleted, disabled or given another policy meanwhile: then it is another question, asked anew.
    if (current?.version !== row.version || current.policy !== row.policy || current.deleted !== null) return true;
    if (!isToRenew(current, now)) return true;
    await addCertificateVersion(transaction, parts, vault, draft);
    if (!draft.issued) await schedule(transaction, named, current, now);
    transaction.record(certificateEntry(parts, 'CertificateRenew', vault, `${row.name}/${draft.version}`, '', now));
    return true;
  });
  return write.finally(() => draft.key.material.fill(0));
}

/** Tells the contacts what there is to tell, and notes when to look again: after a failure in a day, else as the policy has it. */
async function pass(
  parts: CertificateJobParts,
  lease: Lease,
  now: number,
  vault: Vault,
  row: CertificateRow,
  fault: string,
): Promise<boolean> {
  const named = { vaultId: vault.id, nameKey: row.name_key };
  const expires = row.exp === null ? null : row.exp * 1000;
  const isOver = expires !== null && expires <= now;
  const kind = fault !== '' ? 'renewal-failed' : isOver ? 'expired' : 'near-expiry';
  const reason = fault || (operationOf(row)?.error?.message ?? '');
  let alarm: Alarm | null = null;
  const isOurs = await parts.store.write(async (transaction) => {
    alarm = null;
    if (!(await holdsLease(transaction, lease))) return false;
    const current = await certificateQueries.current.first(transaction, named);
    if (!current || current.version !== row.version) return true;
    await schedule(transaction, named, current, now);
    const noted = await readSchedule.first(transaction, named);
    const again =
      fault === '' ? (noted?.act_at ?? null) : Math.min(noted?.act_at ?? Number.MAX_SAFE_INTEGER, now + DAY);
    await writeSchedule.change(transaction, { ...named, actAt: again, expires: current.exp });
    const name = isOver ? 'CertificateExpiredEventGridNotification' : 'CertificateNearExpiryEventGridNotification';
    const told = fault === '' ? name : 'CertificateRenewFailed';
    transaction.record(certificateEntry(parts, told, vault, row.name, fault, now));
    alarm = await raise(parts, transaction, { kind, vault, certificate: row.name, expires, reason, time: now });
    return true;
  });
  if (isOurs) logAlarm(parts, alarm);
  return isOurs;
}
