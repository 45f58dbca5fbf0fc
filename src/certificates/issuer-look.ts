import { jobEntry } from '../audit/job-entry.ts';
import { DAY } from '../base/text.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import { type Alarm, logAlarm, raise } from './alarm.ts';
import { openIssuer } from './issuer-accounts.ts';
import { type HealthJudgement, type HealthState, judgeHealth } from './issuers/health.ts';
import { IssuerFault, type IssuerHealth } from './issuers/issuer.ts';
import type { CertificateJobParts } from './job.ts';
import type { Notice } from './parts.ts';
import { type DueIssuer, dueIssuers, writeIssuerHealth } from './repository.ts';

const BATCH = 50;

/**
 * Asks each issuer once a day whether it would take an order now: credentials that have ended or were revoked are found before a
 * renewal needs them.
 */
export async function lookAtIssuers(parts: CertificateJobParts, lease: Lease, now: number): Promise<void> {
  for (;;) {
    const due = await dueIssuers.all(parts.store.reader, { now, limit: BATCH });
    for (const one of due) if (!(await lookAt(parts, lease, now, one))) return;
    if (due.length < BATCH) return;
  }
}

/** Looks at one; false where the lease has gone. */
async function lookAt(parts: CertificateJobParts, lease: Lease, now: number, due: DueIssuer): Promise<boolean> {
  const named = { vaultId: due.vault_id, nameKey: due.name_key };
  const vault = await parts.findVault(parts.store.reader, due.vault_id);
  const before = due.health === null ? null : (JSON.parse(due.health) as HealthState);
  const isLive = vault !== null && vault.deleted === null;
  const judged = isLive ? judgeHealth(before, await healthOf(parts, vault, due.name), now) : null;
  let alarm: Alarm | null = null;
  const isOurs = await parts.store.write(async (transaction) => {
    alarm = null;
    if (!(await holdsLease(transaction, lease))) return false;
    const health = judged ? JSON.stringify(judged.state) : due.health;
    const failingSince = judged && !judged.state.health.isGood ? judged.state.since : null;
    // One that was set anew meanwhile is looked at anew.
    const row = { ...named, updated: due.updated, health, failingSince, lookAt: now + DAY };
    await writeIssuerHealth.change(transaction, row);
    if (judged && judged.alarm !== 'none') {
      transaction.record(entryOf(parts, vault!, due.name, judged, now));
      alarm = await raise(parts, transaction, noticeOf(vault!, due.name, judged.state.health, now));
    }
    return true;
  });
  if (isOurs) logAlarm(parts, alarm);
  return isOurs;
}

async function healthOf(parts: CertificateJobParts, vault: Vault, name: string): Promise<IssuerHealth> {
  try {
    const issuer = await openIssuer(parts, parts.store.reader, vault, name);
    return await issuer.check();
  } catch (error) {
    // Whatever it is, the other issuers are looked at all the same, and somebody is told of this one.
    const code = error instanceof IssuerFault || error instanceof Refusal ? error.code : 'internal-error';
    return { isGood: false, code, details: (error as Error).message };
  }
}

function entryOf(
  parts: CertificateJobParts,
  vault: Vault,
  name: string,
  { state, alarm }: HealthJudgement,
  time: number,
) {
  const { resourceId } = vault;
  const reason = state.health.isGood ? null : state.health.code;
  return jobEntry(parts, {
    operationName: alarm === 'recovered' ? 'CertificateIssuerRecovered' : 'CertificateIssuerFailing',
    time,
    vault,
    resourceId,
    subject: `${resourceId}/certificates/issuers/${name}`,
    audit: reason === null ? null : { reason },
  });
}

function noticeOf(vault: Vault, name: string, health: IssuerHealth, time: number): Omit<Notice, 'contacts'> {
  const kind = health.isGood ? 'issuer-recovered' : 'issuer-failing';
  const reason = health.isGood ? '' : health.details;
  return { kind, vault, certificate: `issuers/${name}`, expires: null, reason, time };
}
