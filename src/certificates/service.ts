import { readAttributeChange, readObject } from '../objects/attributes.ts';
import { answerFor, listObjects, liveRow, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import { certificateKind, issuedKind } from './certificate-kind.ts';
import { assertIssuer } from './issuer-accounts.ts';
import type { CertificateParts } from './parts.ts';
import type { CertificatePolicy } from './policy.ts';
import { changePolicy } from './policy-body.ts';
import { certificateQueries, type WholeCertificateRow, writePolicy } from './repository.ts';
import { changeVersion, policyOf, schedule } from './versions.ts';
import { certificateBundle, policyBody } from './wire.ts';

const MAX_TAG_TEXT = 256;

/** GET /certificates/{name}[/{version}]: also what is not issued yet, disabled and without a certificate. */
export async function getCertificate({ store }: CertificateParts, call: Call): Promise<Answer> {
  const row = await liveRow(certificateKind, store.reader, call);
  return answerFor(certificateKind, call, row, certificateBundle(call, row));
}

/** GET /certificates and /deletedcertificates: a page by name; those never issued where `includePending` says so. */
export function listCertificates(parts: CertificateParts, call: Call, deleted: boolean): Promise<Answer> {
  const asked = call.query['includePending'] ?? 'false';
  if (!/^(true|false)$/i.test(asked)) {
    const facts = { parameter: 'includePending', reason: 'it must be true or false' };
    return Promise.reject(new Refusal('query-invalid', facts));
  }
  return listObjects(/^true$/i.test(asked) ? certificateKind : issuedKind, parts, call, deleted);
}

/** PATCH /certificates/{name}[/{version}]: attributes, tags and policy as far as they are sent; dates are the certificate's own. */
export async function updateCertificate(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const change = readAttributeChange(call.body ?? {}, MAX_TAG_TEXT);
  return call.commit(async (transaction) => {
    const row = await liveRow(certificateKind, transaction, call);
    const policy = await changedPolicy(parts, transaction, call, vault, row, call.body?.['policy']);
    const updated: WholeCertificateRow = {
      ...row,
      updated: call.time,
      // What is not issued cannot be used, whatever it says.
      enabled: change.enabled === undefined || row.cer === null ? row.enabled : Number(change.enabled),
      tags: change.tags === undefined ? row.tags : JSON.stringify(change.tags),
      policy: JSON.stringify(policy),
    };
    await changeVersion(transaction, parts, vault, updated);
    await store(transaction, vault, row, updated, call.time);
    return answerFor(certificateKind, call, updated, certificateBundle(call, updated));
  });
}

/** GET /certificates/{name}/policy. */
export async function getPolicy({ store: { reader } }: CertificateParts, call: Call): Promise<Answer> {
  const row = await liveRow(certificateKind, reader, call);
  return policyAnswer(call, row, policyOf(row));
}

/** PATCH /certificates/{name}/policy: what is not sent stays; it holds for versions to come. */
export async function updatePolicy(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await liveRow(certificateKind, transaction, call);
    const policy = await changedPolicy(parts, transaction, call, vault, row, call.body ?? {});
    await store(transaction, vault, row, { ...row, policy: JSON.stringify(policy) }, call.time);
    return policyAnswer(call, row, policy);
  });
}

async function changedPolicy(
  parts: CertificateParts,
  transaction: Transaction,
  call: Call,
  vault: Vault,
  row: WholeCertificateRow,
  sent: unknown,
): Promise<CertificatePolicy> {
  const before = policyOf(row);
  if (sent === undefined || sent === null) return before;
  const policy = changePolicy(readObject(sent, 'policy'), before, call.time);
  if (policy.issuer !== before.issuer) await assertIssuer(parts, transaction, vault, policy.issuer);
  return policy;
}

async function store(
  transaction: Transaction,
  vault: Vault,
  before: WholeCertificateRow,
  row: WholeCertificateRow,
  now: number,
): Promise<void> {
  const named = { vaultId: vault.id, nameKey: row.name_key };
  if (row.policy !== before.policy) await writePolicy.change(transaction, { ...named, policy: row.policy });
  // The policy is the certificate's, whichever version it was sent with: what follows from it follows from the current one.
  const current =
    row.version === row.current_version ? row : await certificateQueries.current.first(transaction, named);
  // What another policy asks for, or what lay idle, may be due since long: then it is due at once.
  const isAnew = row.policy !== before.policy || row.enabled !== before.enabled;
  if (current) await schedule(transaction, named, current, isAnew ? 0 : now);
}

function policyAnswer(call: Call, row: WholeCertificateRow, policy: CertificatePolicy): Answer {
  const subject = `${objectId(call, 'certificates', row.name)}/policy`;
  return { status: 200, body: policyBody(call, row.name, policy), subject };
}
