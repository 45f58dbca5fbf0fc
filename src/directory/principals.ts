import { isUuid } from '../base/ids.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import type { PrincipalKind } from './filter-condition.ts';
import type { DirectoryParts } from './parts.ts';
import { nextLink, readQueryOptions, readSelection } from './query-options.ts';
import {
  type CredentialRecord,
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
  const credentials = await credentialsOf(parts.store.reader, page);
  return {
    status: 200,
    body: {
      '@odata.context': `${call.origin}/v1.0/$metadata#${collection}`,
      ...(count === null ? {} : { '@odata.count': count }),
      ...(records.length > page.length ? { '@odata.nextLink': nextLink(call, page[page.length - 1]!.id) } : {}),
      value: page.map((record) => selected(principalOf(record, credentials), options.select)),
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
  const object = principalOf(record, await credentialsOf(reader, [record]));
  return { status: 200, body: { ...context, ...selected(object, readSelection(call)) } };
}

/** `GET /servicePrincipals(appId='…')` */
export async function readPrincipalByAppId(parts: DirectoryParts, call: Call, appId: string): Promise<Answer> {
  const id = await findPrincipalIdOfApp(parts.store.reader, appId);
  return readPrincipal(parts, call, 'servicePrincipals', id ?? appId);
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

/** The credentials of the applications that the principals are of. */
async function credentialsOf(
  session: Session,
  records: readonly PrincipalRecord[],
): Promise<readonly CredentialRecord[]> {
  const isOfApplication = (record: PrincipalRecord) =>
    record.kind === 'ServicePrincipal' && record.type === 'Application';
  return listCredentials(
    session,
    records.flatMap((record) => (isOfApplication(record) && record.app_id !== null ? [record.app_id] : [])),
  );
}

function invalid(property: string, reason: string, kind: string): Refusal {
  return new Refusal('graph-property-invalid', { property, kind, reason });
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
