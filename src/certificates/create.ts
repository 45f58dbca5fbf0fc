import { invalid, newAttributes, readAttributeChange, readBoolean, readObject } from '../objects/attributes.ts';
import { nameOf, objectId } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { makeDraft } from './draft.ts';
import { assertIssuer } from './issuer-accounts.ts';
import type { CertificateParts } from './parts.ts';
import { readPolicy } from './policy-body.ts';
import { addCertificateVersion, assertRoom, policyOf } from './versions.ts';
import { operationBody, pendingId } from './wire.ts';

const MAX_TAG_TEXT = 256;
const RETRY_SECONDS = 10;

/**
 * POST /certificates/{name}/create: a new version by the policy in the body, or by the certificate's own. A certificate that signs
 * itself is there when this is answered, though the answer says `inProgress`, as the service's does: clients ask again.
 */
export async function createCertificate(parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const { name } = nameOf(call);
  const body = call.body ?? {};
  const change = readAttributeChange(body, MAX_TAG_TEXT);
  const asked = readObject(body['policy'], 'policy');
  const preserveOrder = readBoolean(body['preserveCertOrder'], 'preserveCertOrder') ?? false;
  // Asked again where it counts; here it spares the making of a key that nobody can have.
  const before = await assertRoom(parts.store.reader, vault, name);
  const policy =
    body['policy'] === undefined || body['policy'] === null ? before && policyOf(before) : readPolicy(asked, call.time);
  if (!policy) throw new Refusal('certificate-create-unknown', { vault: vault.name, name });
  await assertIssuer(parts, parts.store.reader, vault, policy.issuer);
  const { enabled } = newAttributes(change);
  const tags = change.tags ? JSON.stringify(change.tags) : null;
  const order = { name, policy, before, enabled, tags, preserveOrder, isRenewal: false, time: call.time };
  const draft = await makeDraft(parts, vault, order);
  const commit = call.commit(async (transaction) => {
    const row = await addCertificateVersion(transaction, parts, vault, draft);
    const pending = pendingId(call, row.name);
    const { operation } = draft;
    const shown = { ...operation!, status: 'inProgress' as const, statusDetails: STARTED };
    return {
      status: 202,
      body: operationBody(call, row.name, operation!.status === 'completed' ? shown : operation!),
      headers: {
        location: `${pending}?api-version=${call.apiVersion}&request_id=${operation!.requestId}`,
        'retry-after': String(RETRY_SECONDS),
      },
      subject: objectId(call, 'certificates', row.name, row.version),
    };
  });
  return commit.finally(() => draft.key.material.fill(0));
}

const STARTED =
  'Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later.';

/** Reads a list of base64 texts. @throws Refusal `property-invalid` */
export function readBase64List(value: unknown, property: string): readonly Buffer[] {
  const isOne = (text: unknown) => typeof text === 'string' && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  if (!Array.isArray(value) || value.length === 0 || !value.every(isOne)) {
    throw invalid(property, 'it must be a list of certificates in base64');
  }
  return (value as string[]).map((text) => Buffer.from(text, 'base64'));
}
