import { toSeconds } from '../base/text.ts';
import { managedStoredKey } from '../keys/managed.ts';
import { readAttributeChange } from '../objects/attributes.ts';
import { answerFor, nameOf } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import { certificateKind } from './certificate-kind.ts';
import { readBase64List } from './create.ts';
import { issuedOf } from './issued.ts';
import { type CertificateOperation, completed, isOpen } from './operation-state.ts';
import type { CertificateParts } from './parts.ts';
import { requirePending } from './pending.ts';
import type { WholeCertificateRow } from './repository.ts';
import { certificateQueries } from './repository.ts';
import { completeVersion, type Issued, operationOf, policyOf } from './versions.ts';
import { certificateBundle } from './wire.ts';
import { chainFrom, readAll, whyNoAnswer } from './x509/chain.ts';
import { holdsKey, type ReadCertificate } from './x509/read.ts';

const MAX_TAG_TEXT = 256;

/** POST /certificates/{name}/pending/merge: the authority's answer to the pending request, which completes its version. */
export async function mergeCertificate(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const { name } = nameOf(call);
  const body = call.body ?? {};
  const change = readAttributeChange(body, MAX_TAG_TEXT);
  const ders = readBase64List(body['x5c'], 'x5c');
  const { row, operation } = await requirePending(parts.store.reader, vault, name);
  assertOpen(vault, row.name, operation);
  const answered = await answerOf(parts, parts.store.reader, vault, row, operation, ders, call.time);
  if ('reason' in answered) {
    throw new Refusal('certificate-merge-unusable', { vault: vault.name, name: row.name, reason: answered.reason });
  }
  return call.commit(async (transaction) => {
    const now = await requirePending(transaction, vault, name);
    assertOpen(vault, row.name, now.operation);
    if (now.operation.requestId !== operation.requestId) {
      throw new Refusal('certificate-pending-not-found', { vault: vault.name, name: row.name });
    }
    const ended = { ...now.operation, enabled: change.enabled ?? now.operation.enabled };
    const tags = change.tags === undefined ? undefined : JSON.stringify(change.tags);
    const whole = await complete(transaction, parts, vault, now.row, ended, answered, call.time, tags);
    const answer = answerFor(certificateKind, call, whole, certificateBundle(call, whole));
    return { ...answer, status: 201 };
  });
}

/**
 * What is stored of an authority's answer to a request, or why it is none.
 * @param ders the certificates in any order
 */
export async function answerOf(
  parts: Pick<CertificateParts, 'store' | 'keyring'>,
  session: Session,
  vault: Vault,
  row: WholeCertificateRow,
  operation: CertificateOperation,
  ders: readonly Buffer[],
  now: number,
): Promise<Issued | { readonly reason: string }> {
  const named = { vaultId: vault.id, nameKey: row.name_key, version: operation.version };
  const read = readAll(ders);
  if ('reason' in read) return read;
  const key = await managedStoredKey(parts, session, named);
  const leaf = read.find((certificate) => holdsKey(certificate, key.publicMembers));
  if (!leaf) return { reason: 'none of the certificates is of the key of the request' };
  const others = read.filter((one) => one !== leaf);
  const waiting = await certificateQueries.oneVersion.first(session, named);
  // As it was when the key was made: a change of the policy since then must not let it out.
  const policy = { ...policyOf(row), exportable: policyOf(row).exportable && waiting?.exportable === 1 };
  const reason = whyNoAnswer(leaf, others, policy, toSeconds(now));
  if (reason !== null) return { reason };
  const order: readonly ReadCertificate[] = operation.preserveOrder ? others : chainFrom(leaf, others).chain;
  return issuedOf(policy, key, [leaf, ...order], row.name);
}

/** Completes the version of an operation. */
export async function complete(
  transaction: Transaction,
  parts: Pick<CertificateParts, 'keyring' | 'random'>,
  vault: Vault,
  row: WholeCertificateRow,
  operation: CertificateOperation,
  issued: Issued,
  time: number,
  tags?: string,
): Promise<WholeCertificateRow> {
  const { version } = operation;
  const named = { vaultId: vault.id, nameKey: row.name_key, version };
  const waiting = await certificateQueries.oneVersion.first(transaction, named);
  if (!waiting) throw new Error(`The pending version ${version} is not there.`);
  const ended = completed(operation);
  return completeVersion(transaction, parts, vault, waiting, ended, issued, tags ?? waiting.tags, time);
}

/** The operation of a row that still waits, as it is now; null where it was ended or replaced meanwhile. */
export function stillOpen(row: WholeCertificateRow | null, requestId: string): CertificateOperation | null {
  const operation = row && row.deleted === null ? operationOf(row) : null;
  return isOpen(operation) && operation.requestId === requestId ? operation : null;
}

function assertOpen(vault: Vault, name: string, operation: CertificateOperation): void {
  if (isOpen(operation)) return;
  throw new Refusal('certificate-pending-ended', { vault: vault.name, name, status: operation.status });
}
