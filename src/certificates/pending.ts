import { foldName } from '../base/ids.ts';
import { readBoolean } from '../objects/attributes.ts';
import { nameOf, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session } from '../store/port.ts';
import { openIssuer } from './issuer-accounts.ts';
import { type CertificateOperation, cancelled, isOpen } from './operation-state.ts';
import type { CertificateParts } from './parts.ts';
import { SELF, UNKNOWN } from './policy.ts';
import { certificateQueries, type WholeCertificateRow, writeOperation } from './repository.ts';
import { operationOf, removeVersion } from './versions.ts';
import { operationBody } from './wire.ts';

/** GET /certificates/{name}/pending. */
export async function getPending({ store }: CertificateParts, call: Call): Promise<Answer> {
  const { row, operation } = await requirePending(store.reader, vaultOf(call), nameOf(call).name);
  return answer(call, row, operation);
}

/** PATCH /certificates/{name}/pending: cancels what is in progress; the authority is told as far as it lets one. */
export async function updatePending(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const asked = readBoolean(call.body?.['cancellation_requested'], 'cancellation_requested') ?? false;
  const known = await requirePending(parts.store.reader, vault, nameOf(call).name);
  if (asked && isOpen(known.operation)) await giveUp(parts, vault, known.operation);
  return call.commit(async (transaction) => {
    const { row, operation } = await requireSame(transaction, vault, known);
    if (!isOpen(operation)) {
      const facts = { vault: vault.name, name: row.name, status: operation.status };
      throw new Refusal('certificate-pending-ended', facts);
    }
    if (!asked) return answer(call, row, operation);
    const ended = cancelled(operation);
    const named = { vaultId: vault.id, nameKey: row.name_key };
    await writeOperation.change(transaction, { ...named, operation: JSON.stringify(ended), workAt: null });
    return answer(call, row, ended);
  });
}

/** DELETE /certificates/{name}/pending: forgets the operation, and the version that it would have made. */
export async function deletePending(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const known = await requirePending(parts.store.reader, vault, nameOf(call).name);
  if (isOpen(known.operation)) await giveUp(parts, vault, known.operation);
  return call.commit(async (transaction) => {
    const { row, operation } = await requireSame(transaction, vault, known);
    const named = { vaultId: vault.id, nameKey: row.name_key };
    await writeOperation.change(transaction, { ...named, operation: null, workAt: null });
    const isLeft = operation.status !== 'completed' && operation.version !== row.current_version;
    if (isLeft) await removeVersion(transaction, { ...named, version: operation.version });
    return answer(call, row, operation);
  });
}

interface Pending {
  readonly row: WholeCertificateRow;
  readonly operation: CertificateOperation;
}

/** A live certificate with its operation. @throws Refusal `certificate-pending-not-found` */
export async function requirePending(session: Session, vault: Vault, name: string): Promise<Pending> {
  const row = await certificateQueries.current.first(session, { vaultId: vault.id, nameKey: foldName(name) });
  const operation = row && row.deleted === null ? operationOf(row) : null;
  if (!row || !operation) throw new Refusal('certificate-pending-not-found', { vault: vault.name, name });
  return { row, operation };
}

/** The operation of which the authority was told: one that has followed it meanwhile is another question. */
async function requireSame(session: Session, vault: Vault, { row, operation }: Pending): Promise<Pending> {
  const now = await requirePending(session, vault, row.name);
  if (now.operation.requestId === operation.requestId) return now;
  throw new Refusal('certificate-pending-not-found', { vault: vault.name, name: row.name });
}

/** Tells the authority; whether it hears or not, the operation ends here. */
export async function giveUp(
  parts: Pick<CertificateParts, 'store' | 'keyring' | 'issuerFor'>,
  vault: Vault,
  operation: CertificateOperation,
): Promise<void> {
  const { issuer, reference } = operation;
  if (reference === null || issuer === SELF || issuer === UNKNOWN) return;
  try {
    await (await openIssuer(parts, parts.store.reader, vault, issuer)).cancel(reference);
  } catch {
    // The issuer may be gone or out of reach: an order that nobody collects comes to nothing.
  }
}

function answer(call: Call, row: WholeCertificateRow, operation: CertificateOperation): Answer {
  return {
    status: 200,
    body: operationBody(call, row.name, operation),
    subject: `${objectId(call, 'certificates', row.name)}/pending`,
  };
}
