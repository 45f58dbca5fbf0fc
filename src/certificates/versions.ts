import { foldName } from '../base/ids.ts';
import type { BundleForm } from '../crypto/certificate-bundle.ts';
import type { MadeKey } from '../crypto/key-provider.ts';
import { addManagedKey, assertKeyNameFits, changeManagedKey, removeManagedKey } from '../keys/managed.ts';
import { findRow } from '../objects/lifecycle.ts';
import type { Named } from '../objects/object-queries.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import { addManagedSecret, assertSecretNameFits, changeManagedSecret } from '../secrets/managed.ts';
import { secretKind } from '../secrets/secret-kind.ts';
import type { Session, Transaction } from '../store/port.ts';
import { certificateKind } from './certificate-kind.ts';
import { nextDue } from './lifetime.ts';
import { type CertificateOperation, isOpen } from './operation-state.ts';
import type { CertificateParts } from './parts.ts';
import { type CertificatePolicy, keyOperationsOf } from './policy.ts';
import type { CertificateRow, WholeCertificateRow } from './repository.ts';
import * as repository from './repository.ts';

type Sealing = Pick<CertificateParts, 'keyring' | 'random'>;

/** What was issued, as it is stored. */
export interface Issued {
  /** Base64 of the DER. */
  readonly cer: string;
  readonly chain: readonly string[];
  readonly x5t: string;
  /** Whole seconds since the Unix epoch. */
  readonly nbf: number;
  readonly exp: number;
  /** The value of the secret: key and chain, or the chain alone. */
  readonly secret: string;
  /** The form of that value; a policy may have changed since the version was begun. */
  readonly form: BundleForm;
}

/** A version to be added: whole where it is issued, else waiting for that. */
export interface Draft {
  readonly name: string;
  readonly version: string;
  readonly policy: CertificatePolicy;
  readonly operation: CertificateOperation | null;
  readonly key: MadeKey;
  /** Whether the key was made for this version; else it is that of an earlier one. */
  readonly isKeyNew: boolean;
  readonly issued: Issued | null;
  readonly enabled: boolean;
  readonly tags: string | null;
  readonly preserveOrder: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  /** When the job is to look at the operation; null where it need not. */
  readonly workAt: number | null;
}

/** The operation of a stored certificate, or null. */
export function operationOf(row: Pick<CertificateRow, 'operation'>): CertificateOperation | null {
  return row.operation === null ? null : (JSON.parse(row.operation) as CertificateOperation);
}

/** The policy of a stored certificate. */
export function policyOf(row: Pick<CertificateRow, 'policy'>): CertificatePolicy {
  return JSON.parse(row.policy) as CertificatePolicy;
}

/**
 * Whether a name can get a version now, and what it has.
 * @throws Refusal `certificate-name-deleted`, `certificate-in-progress`, and what its key and secret refuse
 */
export async function assertRoom(session: Session, vault: Vault, name: string): Promise<CertificateRow | null> {
  const current = await findRow(certificateKind, session, vault, foldName(name));
  await assertKeyNameFits(session, vault, name);
  await assertSecretNameFits(session, vault, name);
  const operation = current && operationOf(current);
  if (current && isOpen(operation)) {
    throw new Refusal('certificate-in-progress', {
      vault: vault.name,
      name: current.name,
      requestId: operation.requestId,
    });
  }
  return current;
}

/**
 * Adds a version of a certificate with its key and its secret, all of one version and in one transaction. It becomes the current
 * one when it is issued, or where there is no issued one; what an earlier attempt left behind is removed.
 * @throws Refusal as {@link assertRoom}
 */
export async function addCertificateVersion(
  transaction: Transaction,
  parts: Sealing,
  vault: Vault,
  draft: Draft,
): Promise<CertificateRow> {
  const current = await assertRoom(transaction, vault, draft.name);
  const named: Named = { vaultId: vault.id, nameKey: foldName(draft.name) };
  const left = current && leftBehind(current);
  const isCurrent = draft.issued !== null || !current || current.cer === null;
  if (left && left !== current.current_version) await removeVersion(transaction, { ...named, version: left });
  const row = rowOf(draft, current, isCurrent);
  await addParts(transaction, parts, vault, draft, isCurrent);
  await repository.insertCertificateVersion.change(transaction, {
    ...named,
    ...stored(row),
    sequence: row.sequence,
    created: row.created,
    previousVersion: row.previous_version,
    chain: JSON.stringify(draft.issued?.chain ?? []),
    preserveOrder: row.preserve_order,
    exportable: row.exportable,
  });
  const { version, policy, operation } = row;
  if (!current) {
    const { name, created } = row;
    await repository.insertCertificate.change(transaction, { ...named, name, version, created, policy, operation });
  } else if (isCurrent) await repository.certificateQueries.setCurrent.change(transaction, { ...named, version });
  if (left && left === current.current_version) await removeVersion(transaction, { ...named, version: left });
  await repository.writePolicy.change(transaction, { ...named, policy });
  await repository.writeOperation.change(transaction, { ...named, operation, workAt: draft.workAt });
  if (isCurrent) await schedule(transaction, named, row, draft.time);
  return row;
}

/** Writes what was issued to the version that waited for it, which becomes the current one, with its key and its secret. */
export async function completeVersion(
  transaction: Transaction,
  parts: Sealing,
  vault: Vault,
  waiting: WholeCertificateRow,
  operation: CertificateOperation,
  issued: Issued,
  tags: string | null,
  time: number,
): Promise<WholeCertificateRow> {
  const named = { vaultId: vault.id, nameKey: waiting.name_key, version: waiting.version };
  const row: WholeCertificateRow = {
    ...waiting,
    current_version: waiting.version,
    updated: time,
    enabled: operation.enabled ? 1 : 0,
    nbf: issued.nbf,
    exp: issued.exp,
    cer: issued.cer,
    x5t: issued.x5t,
    chain: JSON.stringify(issued.chain),
    tags,
    operation: JSON.stringify(operation),
  };
  await repository.updateCertificateVersion.change(transaction, { ...named, ...stored(row), chain: row.chain });
  await repository.certificateQueries.setCurrent.change(transaction, named);
  await repository.writeOperation.change(transaction, { ...named, operation: row.operation, workAt: null });
  await schedule(transaction, named, row, time);
  const mirrored = { enabled: operation.enabled, nbf: issued.nbf, exp: issued.exp, tags: null, isCurrent: true, time };
  await changeManagedKey(transaction, named, mirrored);
  await changeManagedSecret(transaction, parts, named, { ...mirrored, value: issued.secret, contentType: issued.form });
  return row;
}

/** Changes attributes and tags of a version; its key and its secret follow. */
export async function changeVersion(
  transaction: Transaction,
  parts: Sealing,
  vault: Vault,
  row: WholeCertificateRow,
): Promise<void> {
  const named = { vaultId: vault.id, nameKey: row.name_key, version: row.version };
  await repository.updateCertificateVersion.change(transaction, { ...named, ...stored(row), chain: row.chain });
  const mirrored = { enabled: row.enabled === 1, nbf: row.nbf, exp: row.exp, tags: null, isCurrent: false };
  await changeManagedKey(transaction, named, { ...mirrored, time: row.updated });
  await changeManagedSecret(transaction, parts, named, { ...mirrored, time: row.updated });
}

/** Removes a version that was never issued, with its key and its secret. */
export async function removeVersion(transaction: Transaction, named: Named & { version: string }): Promise<void> {
  await certificateKind.queries.removeVersion.change(transaction, named);
  await removeManagedKey(transaction, named);
  await secretKind.queries.removeVersion.change(transaction, named);
}

/** Notes what is next in the life of a certificate, now that this version is the current one. */
export async function schedule(
  transaction: Transaction,
  { vaultId, nameKey }: Named,
  row: CertificateRow,
  after: number,
): Promise<void> {
  const isLive = row.cer !== null && row.nbf !== null && row.exp !== null && row.enabled === 1;
  const due = isLive ? nextDue(policyOf(row), { starts: row.nbf! * 1000, ends: row.exp! * 1000 }, after) : null;
  const expires = row.cer === null ? null : row.exp;
  await repository.writeSchedule.change(transaction, { vaultId, nameKey, actAt: due?.at ?? null, expires });
}

/** The version that an attempt without a certificate left, or null. */
function leftBehind(current: CertificateRow): string | null {
  if (current.cer === null) return current.version;
  const operation = operationOf(current);
  return operation && operation.status !== 'completed' ? operation.version : null;
}

async function addParts(
  transaction: Transaction,
  parts: Sealing,
  vault: Vault,
  draft: Draft,
  isCurrent: boolean,
): Promise<void> {
  const { name, version, time, issued, policy } = draft;
  const shared = {
    name,
    version,
    time,
    isCurrent,
    enabled: draft.enabled && issued !== null,
    nbf: issued?.nbf ?? null,
    exp: issued?.exp ?? null,
    tags: null,
  };
  const key = { ...shared, kty: policy.kty, operations: keyOperationsOf(policy), isNew: draft.isKeyNew };
  await addManagedKey(transaction, parts, vault, key, draft.key);
  const secret = { ...shared, value: issued?.secret ?? '', contentType: policy.contentType };
  await addManagedSecret(transaction, parts, vault, secret);
}

function rowOf(draft: Draft, current: CertificateRow | null, isCurrent: boolean): CertificateRow {
  const { name, version, time, issued } = draft;
  return {
    name_key: foldName(name),
    name: current?.name ?? name,
    current_version: isCurrent ? version : current!.current_version,
    deleted: null,
    purge_at: null,
    version,
    sequence: (current?.sequence ?? 0) + 1,
    created: time,
    updated: time,
    enabled: draft.enabled && issued ? 1 : 0,
    nbf: issued?.nbf ?? null,
    exp: issued?.exp ?? null,
    tags: draft.tags,
    previous_version: current?.version ?? null,
    policy: JSON.stringify(draft.policy),
    operation: draft.operation && JSON.stringify(draft.operation),
    cer: issued?.cer ?? null,
    x5t: issued?.x5t ?? null,
    preserve_order: draft.preserveOrder ? 1 : 0,
    exportable: draft.policy.exportable ? 1 : 0,
  };
}

function stored({ version, updated, enabled, nbf, exp, tags, cer, x5t }: CertificateRow) {
  return { version, updated, enabled, nbf, exp, tags, cer, x5t };
}
