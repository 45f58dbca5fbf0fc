import { isUuid } from '../base/ids.ts';
import * as people from '../identity/people.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { requireApplicationRight, requireRight } from './authority.ts';
import { requireGroup, requireOwners } from './groups.ts';
import type { DirectoryParts } from './parts.ts';
import { requireUser } from './people.ts';
import { readReferences } from './person-body.ts';
import { nextLink, readQueryOptions } from './query-options.ts';
import {
  countRelated,
  findApplication,
  findPrincipal,
  listApplicationsById,
  listCredentials,
  listPrincipalsById,
  listRelated,
  type Relation,
} from './repository.ts';
import { applicationOf, applicationType, type GraphObject, selected, typedPrincipal } from './wire.ts';

/** The collections of objects that have owners or groups. */
export type ReferencedCollection =
  | 'users'
  | 'groups'
  | 'servicePrincipals'
  | 'applications'
  | 'directoryObjects'
  | 'me';

/** A list of what an object is related to; transitive ones go through groups. */
export type ShownRelation = Relation | 'transitiveMembers' | 'transitiveMemberOf';

const MAX_GROUP_IDS = 20;

/** `GET /{collection}/{id}/{relation}`: paged by the ids of what it shows. */
export async function readRelated(
  parts: DirectoryParts,
  call: Call,
  collection: ReferencedCollection,
  relation: ShownRelation,
): Promise<Answer> {
  const { reader } = parts.store;
  const options = readQueryOptions(call);
  if (options.filter) throw new Refusal('graph-query-unsupported', { reason: 'filtering this collection is not' });
  const id = await requireObject(reader, call, collection);
  const { ids, count } = await relatedIds(reader, id, relation, options);
  const page = ids.slice(0, options.top);
  return {
    status: 200,
    body: {
      '@odata.context': `${call.origin}/v1.0/$metadata#directoryObjects`,
      ...(count === null ? {} : { '@odata.count': count }),
      ...(ids.length > page.length ? { '@odata.nextLink': nextLink(call, page[page.length - 1]!) } : {}),
      value: (await showObjects(reader, page)).map((object) => selectedTyped(object, options.select)),
    },
  };
}

/** `POST /{collection}/{id}/getMemberGroups` and `getMemberObjects`: the ids of the groups it is in, also through groups. */
export async function readMemberGroups(
  parts: DirectoryParts,
  call: Call,
  collection: ReferencedCollection,
): Promise<Answer> {
  const only = call.body?.['securityEnabledOnly'];
  if (only !== undefined && typeof only !== 'boolean') throw invalid('securityEnabledOnly', 'it must be true or false');
  const id = await requireObject(parts.store.reader, call, collection);
  return idsAnswer(call, await people.groupsOfPrincipal(parts.store.reader, id));
}

/** `POST /{collection}/{id}/checkMemberGroups`: which of up to 20 groups it is in, also through groups. */
export async function checkMemberGroups(
  parts: DirectoryParts,
  call: Call,
  collection: ReferencedCollection,
): Promise<Answer> {
  const wanted = call.body?.['groupIds'];
  if (!Array.isArray(wanted) || wanted.length === 0 || wanted.length > MAX_GROUP_IDS || !wanted.every(isId)) {
    throw invalid('groupIds', `it must be a list of 1 to ${MAX_GROUP_IDS} object ids`);
  }
  const id = await requireObject(parts.store.reader, call, collection);
  const groups = new Set(await people.groupsOfPrincipal(parts.store.reader, id));
  return idsAnswer(
    call,
    [...new Set(wanted.map((one) => one.toLowerCase()))].filter((one) => groups.has(one)),
  );
}

/** `POST /{collection}/{id}/owners/$ref` */
export async function addOwner(call: Call, collection: ReferencedCollection): Promise<Answer> {
  return call.commit(async (transaction) => {
    const id = await requireOwnable(transaction, call, collection);
    const ids = readReferences(call.body?.['@odata.id'], '@odata.id', 'directoryObject');
    const [ownerId] = await requireOwners(transaction, ids);
    if (!(await people.addOwner(transaction, id, ownerId!, call.time))) {
      throw new Refusal('graph-reference-exists', { id: ownerId!, property: 'owners' });
    }
    return { status: 204, audit: { oid: id, owner: ownerId! } };
  });
}

/** `DELETE /{collection}/{id}/owners/{owner}/$ref` */
export async function removeOwner(call: Call, collection: ReferencedCollection): Promise<Answer> {
  return call.commit(async (transaction) => {
    const id = await requireOwnable(transaction, call, collection);
    const ownerId = (call.parameters['other'] ?? '').toLowerCase();
    if (!(await people.removeOwner(transaction, id, ownerId))) {
      throw new Refusal('graph-resource-not-found', { id: ownerId.slice(0, 100), kind: 'owner' });
    }
    return { status: 204, audit: { oid: id, owner: ownerId } };
  });
}

/** `GET /directoryObjects/{id}` */
export async function readDirectoryObject(parts: DirectoryParts, call: Call): Promise<Answer> {
  const id = call.parameters['id'] ?? '';
  const [object] = isUuid(id) ? await showObjects(parts.store.reader, [id.toLowerCase()]) : [];
  if (!object) throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: 'object' });
  const context = { '@odata.context': `${call.origin}/v1.0/$metadata#directoryObjects/$entity` };
  return { status: 200, body: { ...context, ...object } };
}

async function relatedIds(
  session: Session,
  id: string,
  relation: ShownRelation,
  options: { readonly after: string | null; readonly top: number; readonly count: boolean },
): Promise<{ readonly ids: readonly string[]; readonly count: number | null }> {
  if (relation === 'transitiveMembers' || relation === 'transitiveMemberOf') {
    const all = await (relation === 'transitiveMembers' ? people.membersOfGroup : people.groupsOfPrincipal)(
      session,
      id,
    );
    const following = all.filter((one) => options.after === null || one > options.after);
    return { ids: following.slice(0, options.top + 1), count: options.count ? all.length : null };
  }
  const ids = await listRelated(session, id, relation, { after: options.after, limit: options.top + 1 });
  return { ids, count: options.count ? await countRelated(session, id, relation) : null };
}

async function showObjects(session: Session, ids: readonly string[]): Promise<readonly GraphObject[]> {
  const principals = (await listPrincipalsById(session, ids)).map(typedPrincipal);
  if (principals.length === ids.length) return principals;
  const applications = await listApplicationsById(session, ids);
  const credentials = await listCredentials(
    session,
    applications.map((record) => record.app_id),
  );
  const shown = applications.map((record) => ({
    '@odata.type': applicationType,
    ...applicationOf(record, credentials),
  }));
  const all: readonly GraphObject[] = [...principals, ...shown];
  return [...all].sort((one, other) => (String(one['id']) < String(other['id']) ? -1 : 1));
}

function selectedTyped(object: GraphObject, select: readonly string[] | null): GraphObject {
  return { '@odata.type': object['@odata.type'], ...selected(object, select) };
}

/** The object id that the path names. @throws Refusal `graph-resource-not-found`, `graph-delegated-only` */
async function requireObject(session: Session, call: Call, collection: ReferencedCollection): Promise<string> {
  const id = call.parameters['id'] ?? '';
  if (collection === 'users') return (await requireUser(session, id)).id;
  if (collection === 'groups') return (await requireGroup(session, id)).id;
  if (collection === 'me') {
    const { kind, oid } = callerOf(call);
    if (kind !== 'User') throw new Refusal('graph-delegated-only', { oid });
    return oid;
  }
  const found = collection === 'applications' ? await findApplication(session, id) : await findPrincipal(session, id);
  const isWrong = collection === 'servicePrincipals' && found && 'kind' in found && found.kind !== 'ServicePrincipal';
  if (!found || isWrong) throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: collection });
  return found.id;
}

/** The object whose owners the caller may change. @throws Refusal */
async function requireOwnable(transaction: Transaction, call: Call, collection: ReferencedCollection): Promise<string> {
  const id = await requireObject(transaction, call, collection);
  if (collection === 'applications') {
    const application = await findApplication(transaction, id);
    await requireApplicationRight(transaction, call, application!);
    return id;
  }
  const record = await findPrincipal(transaction, id);
  const part = collection === 'groups' ? 'groups' : 'applications';
  await requireRight(transaction, call, part, { ownedId: id, role: record?.directory_role ?? null });
  return id;
}

function idsAnswer(call: Call, value: readonly string[]): Answer {
  return { status: 200, body: { '@odata.context': `${call.origin}/v1.0/$metadata#Collection(Edm.String)`, value } };
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && isUuid(value);
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('graph-property-invalid', { property, kind: 'directoryObject', reason });
}
