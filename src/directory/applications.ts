import { isUuid } from '../base/ids.ts';
import { newSecret } from '../identity/client-secret.ts';
import * as identity from '../identity/service.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { type ApplicationChange, readApplicationBody, readPasswordOrder } from './application-body.ts';
import { requireApplicationRight, requireRight } from './authority.ts';
import type { DirectoryParts } from './parts.ts';
import { nextLink, readQueryOptions, readSelection } from './query-options.ts';
import {
  type ApplicationRecord,
  findAppIdsByUri,
  findApplication,
  findApplicationByAppId,
  findPrincipalIdOfApp,
  listApplications,
  listCredentials,
} from './repository.ts';
import { applicationOf, type GraphObject, passwordCredentialOf, selected } from './wire.ts';

/** Finds the application whose credentials a path is about. */
export type FindApplication = (session: Session, id: string) => Promise<ApplicationRecord>;

/** `GET /applications` */
export async function readApplications(parts: DirectoryParts, call: Call): Promise<Answer> {
  const options = readQueryOptions(call);
  const { records, count } = await listApplications(parts.store.reader, options);
  const page = records.slice(0, options.top);
  const appIds = page.map((record) => record.app_id);
  const credentials = await listCredentials(parts.store.reader, appIds);
  return {
    status: 200,
    body: {
      '@odata.context': `${call.origin}/v1.0/$metadata#applications`,
      ...(count === null ? {} : { '@odata.count': count }),
      ...(records.length > page.length ? { '@odata.nextLink': nextLink(call, page[page.length - 1]!.id) } : {}),
      value: page.map((record) => selected(applicationOf(record, credentials), options.select)),
    },
  };
}

/** `GET /applications/{id}`, by object id. */
export async function readApplication(parts: DirectoryParts, call: Call, id: string): Promise<Answer> {
  const record = await requireApplication(parts.store.reader, id);
  const object = await shownApplication(parts.store.reader, record);
  return { status: 200, body: { ...context(call), ...selected(object, readSelection(call)) } };
}

/** `GET /applications(appId='…')` */
export async function readApplicationByAppId(parts: DirectoryParts, call: Call, appId: string): Promise<Answer> {
  const record = await findApplicationByAppId(parts.store.reader, appId);
  if (!record) throw notFound(appId);
  return readApplication(parts, call, record.id);
}

/** `POST /applications` */
export async function makeApplication(parts: DirectoryParts, call: Call): Promise<Answer> {
  await requireRight(parts.store.reader, call, 'applications');
  const change = readApplicationBody(call.body ?? {}, null);
  return call.commit(async (transaction) => {
    await requireRight(transaction, call, 'applications');
    await assertUrisFree(transaction, change, null);
    const order = { displayName: change.displayName!, details: change.details, now: call.time };
    const { id, appId } = await identity.createApplication(transaction, parts, order);
    await changeCredentials(transaction, parts, appId, change, [], call.time);
    const object = await shownApplication(transaction, await requireApplication(transaction, id));
    return {
      status: 201,
      headers: { location: `${call.origin}/v1.0/applications/${id}` },
      body: { ...context(call), ...object },
      subject: `${call.origin}/v1.0/applications/${id}`,
      audit: { appId },
    };
  });
}

/** `PATCH /applications/{id}` */
export async function patchApplication(parts: DirectoryParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireApplication(transaction, call.parameters['id'] ?? '');
    await requireApplicationRight(transaction, call, record);
    const current = await shownApplication(transaction, record);
    const change = readApplicationBody(call.body ?? {}, current);
    await assertUrisFree(transaction, change, record.app_id);
    await identity.changeApplication(transaction, {
      id: record.id,
      appId: record.app_id,
      displayName: change.displayName ?? record.display_name,
      details: { ...(JSON.parse(record.details) as GraphObject), ...change.details },
    });
    const held = await listCredentials(transaction, [record.app_id]);
    await changeCredentials(transaction, parts, record.app_id, change, held, call.time);
    return { status: 204, audit: { appId: record.app_id, changed: Object.keys(call.body ?? {}).filter(isName) } };
  });
}

/** `DELETE /applications/{id}`: also its service principal, credentials and roles. */
export async function removeApplication(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requireApplication(transaction, call.parameters['id'] ?? '');
    await requireApplicationRight(transaction, call, record);
    const principalId = await findPrincipalIdOfApp(transaction, record.app_id);
    if (principalId && (await identity.isLastAdministrator(transaction, principalId))) {
      throw new Refusal('directory-last-administrator', { oid: principalId });
    }
    await identity.deleteApplication(transaction, { id: record.id, appId: record.app_id });
    return { status: 204, audit: { appId: record.app_id } };
  });
}

/** `POST /applications/{id}/addPassword`: the answer is the only place where the secret is ever told. */
export async function addPassword(
  parts: DirectoryParts,
  call: Call,
  find: FindApplication = requireApplication,
): Promise<Answer> {
  const secret = newSecret(parts.random);
  return call.commit(async (transaction) => {
    const record = await find(transaction, call.parameters['id'] ?? '');
    await requireApplicationRight(transaction, call, record);
    const appId = record.app_id;
    const order = readPasswordOrder(call.body ?? {}, appId, call.time);
    const row = await identity.addSecret(transaction, parts, { appId, secret, ...order, now: call.time });
    return {
      status: 200,
      headers: { 'cache-control': 'no-store' },
      body: {
        '@odata.context': `${call.origin}/v1.0/$metadata#microsoft.graph.passwordCredential`,
        ...passwordCredentialOf(row),
        secretText: secret.secretText,
      },
      audit: { appId, keyId: row.id },
    };
  });
}

/** `POST /applications/{id}/removePassword` */
export async function removePassword(call: Call, find: FindApplication = requireApplication): Promise<Answer> {
  const keyId = call.body?.['keyId'];
  return call.commit(async (transaction) => {
    const record = await find(transaction, call.parameters['id'] ?? '');
    await requireApplicationRight(transaction, call, record);
    const appId = record.app_id;
    const id = typeof keyId === 'string' && isUuid(keyId) ? keyId.toLowerCase() : null;
    if (id && (await identity.removeCredential(transaction, { appId, id, kind: 'secret' }))) {
      return { status: 204, audit: { appId, keyId: id } };
    }
    // What is no GUID is not shown: it may be the secret itself.
    throw new Refusal('graph-credential-not-found', { appId, keyId: id ?? '(not a GUID)' });
  });
}

/** Removes the credentials that a change does not keep, and adds its certificates. */
export async function changeCredentials(
  transaction: Transaction,
  parts: DirectoryParts,
  appId: string,
  change: ApplicationChange,
  held: readonly { readonly id: string; readonly kind: string }[],
  now: number,
): Promise<void> {
  const kept = { certificate: change.certificates?.kept, secret: change.secretsKept };
  for (const { id, kind } of held) {
    const staying = kept[kind as keyof typeof kept];
    if (staying && !staying.includes(id)) {
      await identity.removeCredential(transaction, { appId, id, kind: kind as keyof typeof kept });
    }
  }
  for (const added of change.certificates?.added ?? []) {
    await identity.addCertificate(transaction, parts, { appId, ...added, now });
  }
}

/** Identifier URIs name one application each. */
async function assertUrisFree(session: Session, change: ApplicationChange, ownAppId: string | null): Promise<void> {
  for (const uri of (change.details['identifierUris'] ?? []) as readonly string[]) {
    const holders = await findAppIdsByUri(session, uri);
    if (holders.some((appId) => appId !== ownAppId)) throw new Refusal('graph-uri-taken', { uri });
  }
}

async function shownApplication(session: Session, record: ApplicationRecord): Promise<GraphObject> {
  return applicationOf(record, await listCredentials(session, [record.app_id]));
}

async function requireApplication(session: Session, id: string): Promise<ApplicationRecord> {
  const record = await findApplication(session, id);
  if (!record) throw notFound(id);
  return record;
}

function notFound(id: string): Refusal {
  return new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: 'application' });
}

function context(call: Call): GraphObject {
  return { '@odata.context': `${call.origin}/v1.0/$metadata#applications/$entity` };
}

function isName(name: string): boolean {
  return /^\w{1,100}$/.test(name);
}
