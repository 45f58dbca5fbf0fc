import {
  addFederatedCredential,
  type FederatedCredential,
  type FederatedFault,
  findFederatedCredential,
  listFederatedCredentials,
  removeFederatedCredential,
} from '../identity/federated-credentials.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { assertUnchanged } from './application-body.ts';
import { requireApplicationRight } from './authority.ts';
import type { DirectoryParts } from './parts.ts';
import { readQueryOptions } from './query-options.ts';
import { type ApplicationRecord, findApplication } from './repository.ts';
import type { GraphObject } from './wire.ts';

const KIND = 'FederatedIdentityCredential';

/** `GET /applications/{id}/federatedIdentityCredentials`: all, of which there are at most 20. */
export async function readFederatedCredentials(parts: DirectoryParts, call: Call): Promise<Answer> {
  const options = readQueryOptions(call);
  const { filter } = options;
  const isName = filter?.kind === 'eq' && filter.property === 'name' && typeof filter.value === 'string';
  if (filter && !isName) throw new Refusal('graph-query-unsupported', { reason: 'filtering but by name is not' });
  const application = await requireApplication(parts.store.reader, call);
  const all = await listFederatedCredentials(parts.store.reader, application.app_id);
  const value = isName ? all.filter(({ name }) => name === filter.value) : all;
  return { status: 200, body: { '@odata.context': contextOf(call, application, ''), value } };
}

/** `GET /applications/{id}/federatedIdentityCredentials/{id or name}` */
export async function readFederatedCredential(parts: DirectoryParts, call: Call): Promise<Answer> {
  const application = await requireApplication(parts.store.reader, call);
  const credential = await requireCredential(parts.store.reader, application, call);
  return { status: 200, body: { '@odata.context': contextOf(call, application, '/$entity'), ...credential } };
}

/** `POST /applications/{id}/federatedIdentityCredentials` */
export async function makeFederatedCredential(parts: DirectoryParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const application = await requireApplication(transaction, call);
    await requireApplicationRight(transaction, call, application);
    const credential = readCredential(call.body ?? {}, null);
    const order = { appId: application.app_id, credential, now: call.time };
    const made = accepted(await addFederatedCredential(transaction, parts, order));
    const url = `${call.origin}/v1.0/applications/${application.id}/federatedIdentityCredentials/${made.id}`;
    return {
      status: 201,
      headers: { location: url },
      body: { '@odata.context': contextOf(call, application, '/$entity'), ...made },
      subject: url,
      audit: auditOf(application, made),
    };
  });
}

/** `PATCH /applications/{id}/federatedIdentityCredentials/{id or name}`: all but its name. */
export async function patchFederatedCredential(parts: DirectoryParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const application = await requireApplication(transaction, call);
    await requireApplicationRight(transaction, call, application);
    const before = await requireCredential(transaction, application, call);
    const { id, ...credential } = readCredential(call.body ?? {}, before);
    await removeFederatedCredential(transaction, application.app_id, before.id);
    const order = { appId: application.app_id, credential, id: before.id, now: call.time };
    const made = accepted(await addFederatedCredential(transaction, parts, order));
    return { status: 204, audit: auditOf(application, made) };
  });
}

/** `DELETE /applications/{id}/federatedIdentityCredentials/{id or name}` */
export async function removeFederated(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const application = await requireApplication(transaction, call);
    await requireApplicationRight(transaction, call, application);
    const credential = await requireCredential(transaction, application, call);
    await removeFederatedCredential(transaction, application.app_id, credential.id);
    return { status: 204, audit: auditOf(application, credential) };
  });
}

function readCredential(body: GraphObject, current: FederatedCredential | null): FederatedCredential {
  const { name, issuer, subject, audiences, description, id: _, ...rest } = { ...current, ...body };
  for (const property of Object.keys(rest)) {
    if (!property.includes('@odata.')) assertUnchanged(property, rest[property as keyof typeof rest], null, KIND);
  }
  if (current && body['id'] !== undefined) assertUnchanged('id', body['id'], { id: current.id }, KIND);
  if (current && name !== current.name) assertUnchanged('name', name, { name: current.name }, KIND);
  for (const [property, value] of Object.entries({ name, issuer, subject })) {
    if (typeof value !== 'string') throw invalid(property, 'it must be a text');
  }
  if (!Array.isArray(audiences) || !audiences.every((audience) => typeof audience === 'string')) {
    throw invalid('audiences', 'it must be a list of one text');
  }
  if (description !== undefined && description !== null && typeof description !== 'string') {
    throw invalid('description', 'it must be a text');
  }
  return {
    id: current?.id ?? '',
    name: name as string,
    issuer: issuer as string,
    subject: subject as string,
    audiences: audiences as string[],
    description: (description as string | null | undefined) ?? null,
  };
}

function accepted(result: FederatedCredential | FederatedFault): FederatedCredential {
  if (!('kind' in result)) return result;
  if (result.kind === 'invalid') throw invalid(result.property, result.reason);
  if (result.kind === 'full') throw new Refusal('graph-federated-full', { most: result.most });
  throw new Refusal('graph-federated-taken', { property: result.property });
}

async function requireApplication(session: Session, call: Call): Promise<ApplicationRecord> {
  const id = call.parameters['id'] ?? '';
  const record = await findApplication(session, id);
  if (record) return record;
  throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: 'application' });
}

async function requireCredential(
  session: Session,
  application: ApplicationRecord,
  call: Call,
): Promise<FederatedCredential> {
  const id = call.parameters['other'] ?? '';
  const found = await findFederatedCredential(session, application.app_id, id);
  if (found) return found;
  throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: KIND });
}

function auditOf(application: ApplicationRecord, { id, issuer, subject }: FederatedCredential) {
  return { appId: application.app_id, federatedCredential: id, issuer, subject };
}

function contextOf(call: Call, application: ApplicationRecord, end: string): string {
  return `${call.origin}/v1.0/$metadata#applications('${application.id}')/federatedIdentityCredentials${end}`;
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('graph-property-invalid', { property, kind: KIND, reason });
}
