import { DAY } from '../base/text.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import { type Alarm, certificateEntry, logAlarm, raise } from './alarm.ts';
import { commonNames, readName } from './distinguished-name.ts';
import { openIssuer } from './issuer-accounts.ts';
import { type CertificateOrder, IssuerFault, type OrderProgress } from './issuers/issuer.ts';
import type { CertificateJobParts } from './job.ts';
import { answerOf, complete, stillOpen } from './merge.ts';
import { type CertificateOperation, failed, hindered, type OperationError, waitAfter } from './operation-state.ts';
import { giveUp } from './pending.ts';
import {
  certificateQueries,
  type DueCertificate,
  dueOperations,
  type WholeCertificateRow,
  writeOperation,
  writeSchedule,
} from './repository.ts';
import { type Issued, operationOf, policyOf } from './versions.ts';

const BATCH = 50;
/** How long an operation that failed for good rests before its policy begins another. */
const REST_MS = DAY;

/** What an attempt has brought. */
type Outcome =
  | { readonly kind: 'issued'; readonly issued: Issued }
  | { readonly kind: 'waits'; readonly operation: CertificateOperation; readonly workAt: number }
  | { readonly kind: 'hindered'; readonly error: OperationError; readonly retryAfterSeconds: number | null }
  | { readonly kind: 'failed'; readonly error: OperationError };

/** Places the orders that wait, and asks what became of those that are placed. */
export async function workOnOrders(parts: CertificateJobParts, lease: Lease, now: number): Promise<void> {
  for (;;) {
    const due = await dueOperations.all(parts.store.reader, { now, limit: BATCH });
    for (const one of due) if (!(await workOn(parts, lease, now, one))) return;
    if (due.length < BATCH) return;
  }
}

/** One attempt for one certificate; false where the lease has gone. */
async function workOn(parts: CertificateJobParts, lease: Lease, now: number, due: DueCertificate): Promise<boolean> {
  const named = { vaultId: due.vault_id, nameKey: due.name_key };
  const row = await certificateQueries.current.first(parts.store.reader, named);
  const vault = await parts.findVault(parts.store.reader, due.vault_id);
  const operation = row && operationOf(row);
  if (!row || !vault || !operation) return true;
  const outcome = await attempt(parts, vault, row, operation, now).catch((error: unknown): Outcome => {
    const retryAfterSeconds = error instanceof IssuerFault ? error.retryAfterSeconds : null;
    const code = error instanceof IssuerFault || error instanceof Refusal ? error.code : 'internal-error';
    return { kind: 'hindered', error: { code, message: (error as Error).message }, retryAfterSeconds };
  });
  return settle(parts, lease, now, vault, row, operation, outcome);
}

async function attempt(
  parts: CertificateJobParts,
  vault: Vault,
  row: WholeCertificateRow,
  operation: CertificateOperation,
  now: number,
): Promise<Outcome> {
  const issuer = await openIssuer(parts, parts.store.reader, vault, operation.issuer);
  const progress: OrderProgress =
    operation.reference === null
      ? await issuer.order(orderOf(row, operation), operation.requestId)
      : await issuer.poll(operation.reference);
  switch (progress.state) {
    case 'issued': {
      const issued = await answerOf(parts, parts.store.reader, vault, row, operation, progress.chain, now);
      if (!('reason' in issued)) return { kind: 'issued', issued };
      const message = `The authority gave a certificate that does not answer the request: ${issued.reason}.`;
      return { kind: 'failed', error: { code: 'answer-unsuitable', message } };
    }
    case 'pending': {
      const { reference, details } = progress;
      const workAt = now + Math.max(1, progress.askAgainSeconds) * 1000;
      const changed = { ...operation, reference, statusDetails: details, error: null, failures: 0 };
      return { kind: 'waits', operation: changed, workAt };
    }
    case 'refused':
      return { kind: 'failed', error: { code: progress.code, message: progress.details } };
  }
}

function orderOf(row: WholeCertificateRow, operation: CertificateOperation): CertificateOrder {
  const policy = policyOf(row);
  const subject = readName(policy.subject);
  const names = [...('reason' in subject ? [] : commonNames(subject)), ...policy.sans.dnsNames];
  return {
    csr: Buffer.from(operation.csr, 'base64'),
    dnsNames: [...new Set(names.map((name) => name.toLowerCase()))],
    validityMonths: policy.validityMonths,
    certificateType: operation.certificateType,
    replaces: operation.isRenewal && row.cer !== null ? Buffer.from(row.cer, 'base64') : null,
  };
}

/** Writes what an attempt has brought, unless the operation was ended meanwhile, and tells whom it concerns. */
async function settle(
  parts: CertificateJobParts,
  lease: Lease,
  now: number,
  vault: Vault,
  row: WholeCertificateRow,
  operation: CertificateOperation,
  outcome: Outcome,
): Promise<boolean> {
  const named = { vaultId: vault.id, nameKey: row.name_key };
  const kind = outcome.kind === 'failed' ? 'renewal-failed' : 'renewal-hindered';
  const expires = row.cer === null || row.exp === null ? null : row.exp * 1000;
  let alarm: Alarm | null = null;
  let isEnded = false;
  const isOurs = await parts.store.write(async (transaction) => {
    [alarm, isEnded] = [null, false];
    if (!(await holdsLease(transaction, lease))) return false;
    const current = await certificateQueries.current.first(transaction, named);
    const open = stillOpen(current, operation.requestId);
    isEnded = !open;
    if (!current || !open) return true;
    const told = await write(transaction, parts, vault, current, open, outcome, now);
    const notice = told && ({ kind, vault, certificate: row.name, expires, reason: told.message, time: now } as const);
    if (notice) alarm = await raise(parts, transaction, notice);
    return true;
  });
  if (isOurs) logAlarm(parts, alarm);
  // Whoever ended it while it was placed could not tell the authority of an order that nobody knew yet.
  if (isEnded && outcome.kind === 'waits') await giveUp(parts, vault, outcome.operation);
  return isOurs;
}

/** The outcome in the store; gives what contacts are to be told, or null. */
async function write(
  transaction: Transaction,
  parts: CertificateJobParts,
  vault: Vault,
  row: WholeCertificateRow,
  open: CertificateOperation,
  outcome: Outcome,
  now: number,
): Promise<OperationError | null> {
  const named = { vaultId: vault.id, nameKey: row.name_key };
  const save = (operation: CertificateOperation, workAt: number | null) =>
    writeOperation.change(transaction, { ...named, operation: JSON.stringify(operation), workAt });
  const path = `${row.name}/${open.version}`;
  switch (outcome.kind) {
    case 'issued':
      await complete(transaction, parts, vault, row, open, outcome.issued, now);
      transaction.record(certificateEntry(parts, 'CertificateEnroll', vault, path, '', now));
      return null;
    case 'waits':
      await save(outcome.operation, outcome.workAt);
      return null;
    case 'hindered': {
      const isToldAgain = open.alarmed === null || now - open.alarmed >= DAY;
      const next = { ...hindered(open, outcome.error), alarmed: isToldAgain ? now : open.alarmed };
      await save(next, now + Math.max(waitAfter(next.failures), (outcome.retryAfterSeconds ?? 0) * 1000));
      if (!isToldAgain) return null;
      transaction.record(certificateEntry(parts, 'CertificateEnrollHindered', vault, path, outcome.error.code, now));
      return outcome.error;
    }
    case 'failed':
      await save(failed(open, outcome.error), null);
      transaction.record(certificateEntry(parts, 'CertificateEnrollFailed', vault, path, outcome.error.code, now));
      // A policy that renews tries again; a version that somebody asked for is theirs to ask for again.
      if (open.isRenewal) await writeSchedule.change(transaction, { ...named, actAt: now + REST_MS, expires: row.exp });
      return outcome.error;
  }
}
