import { isUuid } from '../base/ids.ts';
import * as identity from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { assertUnchanged } from './application-body.ts';
import { requireRight } from './authority.ts';
import type { PrincipalKind } from './filter-condition.ts';
import type { DirectoryParts } from './parts.ts';
import { nextLink, readQueryOptions, readSelection } from './query-options.ts';
import {
  findApplicationByAppId,
  findPrincipal,
  findPrincipalIdOfApp,
  findUserId,
  listApplicationsById,
  listCredentials,
  listPrincipals,
  listPrincipalsById,
  type PrincipalRecord,
} from './repository.ts';
import { applicationOf, applicationType, type GraphObject, principalOf, selected, typedPrincipal } from './wire.ts';

/** The collections of principals, by their name in the path. */
export const collections = {
  servicePrincipals: 'ServicePrincipal',
  users: 'User',
  groups: 'Group',
} as const satisfies Readonly<Record<string, PrincipalKind>>;

/** One of {@link collections}. */
export type Collection = keyof typeof collections;

const MAX_IDS = 1000;

/** `GET /me`: about a signed-in person; an application is told so. */
export async function readMe(parts: DirectoryParts, call: Call): Promise<Answer> {
  const caller = callerOf(call);
  if (caller.kind !== 'User') throw new Refusal('graph-delegated-only', { oid: caller.oid });
  return readPrincipal(parts, call, 'users', caller.oid);
}

/** `GET /servicePrincipals`, `/users`, `/groups` */
export async function readPrincipals(parts: DirectoryParts, call: Call, collection: Collection): Promise<Answer> {
  const options = readQueryOptions(call);
  const { records, count } = await listPrincipals(parts.store.reader, collections[collection], options);
  const page = records.slice(0, options.top);
  return {
    status: 200,
    body: {
      '@odata.context': `${call.origin}/v1.0/$metadata#${collection}`,
      ...(count === null ? {} : { '@odata.count': count }),
      ...(records.length > page.length ? { '@odata.nextLink': nextLink(call, page[page.length - 1]!.id) } : {}),
      value: page.map((record) => selected(principalOf(record), options.select)),
    },
  };
}

/** `GET /{collection}/{id}`; a user also by principal name. */
export async function readPrincipal(
  parts: DirectoryParts,
  call: Call,
  collection: Collection,
  id: string,
): Promise<Answer> {
  const { reader } = parts.store;
  const objectId = collection === 'users' && !isUuid(id) ? await findUserId(reader, id) : id;
  const record = await requirePrincipal(reader, collection, objectId ?? id);
  const context = { '@odata.context': `${call.origin}/v1.0/$metadata#${collection}/$entity` };
  return { status: 200, body: { ...context, ...selected(principalOf(record), readSelection(call)) } };
}

/** `GET /servicePrincipals(appId='…')` */
export async function readPrincipalByAppId(parts: DirectoryParts, call: Call, appId: string): Promise<Answer> {
  const id = await findPrincipalIdOfApp(parts.store.reader, appId);
  return readPrincipal(parts, call, 'servicePrincipals', id ?? appId);
}

/** `POST /servicePrincipals`: makes the service principal of an application. */
export async function makeServicePrincipal(parts: DirectoryParts, call: Call): Promise<Answer> {
  await requireRight(parts.store.reader, call, 'applications');
  const body = call.body ?? {};
  const { appId, accountEnabled = true } = body;
  for (const name of Object.keys(body)) {
    if (name !== 'appId' && name !== 'accountEnabled' && !name.includes('@odata.'))
      assertUnchanged(name, body[name], null, KIND);
  }
  if (typeof appId !== 'string' || !isUuid(appId)) throw invalid('appId', 'it must be the GUID of an application');
  if (typeof accountEnabled !== 'boolean') throw invalid('accountEnabled', 'it must be true or false');
  return call.commit(async (transaction) => {
    await requireRight(transaction, call, 'applications');
    const application = await findApplicationByAppId(transaction, appId);
    if (!application) throw new Refusal('graph-application-missing', { appId });
    if (await findPrincipalIdOfApp(transaction, appId)) throw new Refusal('graph-principal-exists', { appId });
    const { id } = await identity.createServicePrincipal(transaction, parts, {
      appId: application.app_id,
      displayName: application.display_name,
      enabled: accountEnabled,
      now: call.time,
    });
    const record = await requirePrincipal(transaction, 'servicePrincipals', id);
    const url = `${call.origin}/v1.0/servicePrincipals/${id}`;
    const context = { '@odata.context': `${call.origin}/v1.0/$metadata#servicePrincipals/$entity` };
    return {
      status: 201,
      headers: { location: url },
      body: { ...context, ...principalOf(record) },
      subject: url,
      audit: { oid: id, appId: application.app_id },
    };
  });
}

/** `PATCH /servicePrincipals/{id}`: enables or disables it. */
export async function patchServicePrincipal(call: Call): Promise<Answer> {
  const body = call.body ?? {};
  return call.commit(async (transaction) => {
    const record = await requirePrincipal(transaction, 'servicePrincipals', call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'applications', { ownedId: record.id, role: record.directory_role });
    const current = principalOf(record);
    for (const [name, value] of Object.entries(body)) {
      if (name !== 'accountEnabled' && !name.includes('@odata.')) assertUnchanged(name, value, current, KIND);
    }
    const { accountEnabled } = body;
    if (accountEnabled === undefined) return { status: 204 };
    if (typeof accountEnabled !== 'boolean') throw invalid('accountEnabled', 'it must be true or false');
    if (!accountEnabled) await assertNotLast(transaction, record.id);
    await identity.setPrincipalEnabled(transaction, record.id, accountEnabled);
    return { status: 204, audit: { oid: record.id, accountEnabled } };
  });
}

/** `DELETE /servicePrincipals/{id}`: its tokens and roles end with it; the application stays. */
export async function removeServicePrincipal(call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const record = await requirePrincipal(transaction, 'servicePrincipals', call.parameters['id'] ?? '');
    await requireRight(transaction, call, 'applications', { ownedId: record.id, role: record.directory_role });
    if (record.type === 'ManagedIdentity')
      throw new Refusal('directory-managed-identity', { resource: record.resource_id });
    await assertNotLast(transaction, record.id);
    await identity.deletePrincipal(transaction, record.id);
    return { status: 204, audit: { oid: record.id, appId: record.app_id } };
  });
}

/** `POST /directoryObjects/getByIds`: what there is of the ids, whatever it is; what there is not is left out. */
export async function readByIds(parts: DirectoryParts, call: Call): Promise<Answer> {
  const { ids, types } = call.body ?? {};
  if (!isTextList(ids) || ids.length === 0 || ids.length > MAX_IDS) {
    throw invalid('ids', `it must be a list of 1 to ${MAX_IDS} object ids`, 'getByIds');
  }
  if (types !== undefined && types !== null && !isTextList(types))
    throw invalid('types', 'it must be a list of texts', 'getByIds');
  const wanted = ids.filter(isUuid).map((id) => id.toLowerCase());
  const { reader } = parts.store;
  const principals = (await listPrincipalsById(reader, wanted)).map(typedPrincipal);
  const applications = await listApplicationsById(reader, wanted);
  const appIds = applications.map((record) => record.app_id);
  const credentials = await listCredentials(reader, appIds);
  const found: readonly GraphObject[] = [
    ...principals,
    ...applications.map((record) => ({ '@odata.type': applicationType, ...applicationOf(record, credentials) })),
  ];
  const value = types ? found.filter((object) => isOfType(object, types as readonly string[])) : found;
  return { status: 200, body: { '@odata.context': `${call.origin}/v1.0/$metadata#directoryObjects`, value } };
}

function isOfType(object: GraphObject, types: readonly string[]): boolean {
  const type = String(object['@odata.type']).replace('#microsoft.graph.', '').toLowerCase();
  return types.some((wanted) => ['directoryobject', type].includes(wanted.toLowerCase()));
}

async function requirePrincipal(session: Session, collection: Collection, id: string): Promise<PrincipalRecord> {
  const record = await findPrincipal(session, id);
  if (record?.kind === collections[collection]) return record;
  throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: collections[collection] });
}

async function assertNotLast(session: Session, id: string): Promise<void> {
  if (await identity.isLastAdministrator(session, id)) throw new Refusal('directory-last-administrator', { oid: id });
}

const KIND = 'ServicePrincipal';

function invalid(property: string, reason: string, kind: string = KIND): Refusal {
  return new Refusal('graph-property-invalid', { property, kind, reason });
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
