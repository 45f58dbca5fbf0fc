import type { SqlBool } from 'kysely';
import { foldName, isUuid } from '../base/ids.ts';
import { sql } from '../store/kysely.ts';
import type { Session } from '../store/port.ts';
import { statement } from '../store/statement.ts';
import type { Filter } from './filter.ts';
import {
  applicationFields,
  condition,
  escapeLike,
  noNames,
  type PrincipalKind,
  principalFields,
  type ResolvedNames,
} from './filter-condition.ts';
import type { QueryOptions } from './query-options.ts';

/** A principal with what its application and managed identity add. */
export interface PrincipalRecord {
  readonly id: string;
  readonly tenant_id: string;
  readonly kind: string;
  readonly type: string;
  readonly display_name: string;
  readonly app_id: string | null;
  readonly upn: string | null;
  readonly enabled: number;
  readonly directory_role: string | null;
  readonly created: number;
  /** The application's details as JSON, or null. */
  readonly details: string | null;
  /** The principal's own details as JSON, or null. */
  readonly own_details: string | null;
  /** Resource id of the managed identity, or null. */
  readonly resource_id: string | null;
}

/** An application registration. */
export interface ApplicationRecord {
  readonly id: string;
  readonly tenant_id: string;
  readonly app_id: string;
  readonly display_name: string;
  readonly details: string;
  readonly created: number;
}

/** A credential without its material, but for certificates. */
export interface CredentialRecord {
  readonly id: string;
  readonly app_id: string;
  readonly kind: string;
  readonly display_name: string | null;
  readonly hint: string | null;
  readonly material: string;
  readonly starts: number;
  readonly expires: number;
}

const principalColumns = [
  'principals.id',
  'principals.tenant_id',
  'principals.kind',
  'principals.type',
  'principals.display_name',
  'principals.app_id',
  'principals.upn',
  'principals.enabled',
  'principals.directory_role',
  'principals.created',
  'applications.details',
  'principals.details as own_details',
  'managed_identities.resource_id',
] as const;

const onePrincipal = statement<{ id: string }, PrincipalRecord>((db, p) =>
  db
    .selectFrom('principals')
    .leftJoin('applications', 'applications.app_id', 'principals.app_id')
    .leftJoin('managed_identities', 'managed_identities.principal_id', 'principals.id')
    .select(principalColumns)
    .where('principals.id', '=', p('id')),
);
const oneApplication = statement<{ id: string }, ApplicationRecord>((db, p) =>
  db.selectFrom('applications').selectAll().where('id', '=', p('id')),
);
const applicationByAppId = statement<{ appId: string }, ApplicationRecord>((db, p) =>
  db.selectFrom('applications').selectAll().where('app_id', '=', p('appId')),
);
const principalIdByAppId = statement<{ appId: string }, { id: string }>((db, p) =>
  db.selectFrom('principals').select('id').where('app_id', '=', p('appId')),
);
const principalIdByUpn = statement<{ upnKey: string }, { id: string }>((db, p) =>
  db.selectFrom('principals').select('id').where('upn_key', '=', p('upnKey')),
);
const detailsLike = statement<{ pattern: string }, { app_id: string; details: string }>((db, p) =>
  db
    .selectFrom('applications')
    .select(['app_id', 'details'])
    .where((eb) => sql<SqlBool>`${eb.ref('details')} like ${p('pattern')} escape '!'`),
);

/** A principal by its object id, or null. */
export async function findPrincipal(session: Session, id: string): Promise<PrincipalRecord | null> {
  return isUuid(id) ? onePrincipal.first(session, { id: id.toLowerCase() }) : null;
}

/** The object id of an application's service principal, or null. */
export async function findPrincipalIdOfApp(session: Session, appId: string): Promise<string | null> {
  return (await principalIdByAppId.first(session, { appId: foldName(appId) }))?.id ?? null;
}

/** A user's object id by its principal name, or null. */
export async function findUserId(session: Session, upn: string): Promise<string | null> {
  // No name holds what no database can be asked for.
  if (!/^[^\s\p{C}]{1,256}$/u.test(upn)) return null;
  return (await principalIdByUpn.first(session, { upnKey: foldName(upn) }))?.id ?? null;
}

/** An application by its object id, or null. */
export async function findApplication(session: Session, id: string): Promise<ApplicationRecord | null> {
  return isUuid(id) ? oneApplication.first(session, { id: id.toLowerCase() }) : null;
}

/** An application by its application (client) id, or null. */
export async function findApplicationByAppId(session: Session, appId: string): Promise<ApplicationRecord | null> {
  return applicationByAppId.first(session, { appId: foldName(appId) });
}

/** The credentials of applications, oldest first. */
export async function listCredentials(
  session: Session,
  appIds: readonly string[],
): Promise<readonly CredentialRecord[]> {
  if (appIds.length === 0) return [];
  return session.db
    .selectFrom('credentials')
    .select(['id', 'app_id', 'kind', 'display_name', 'hint', 'material', 'starts', 'expires'])
    .where('app_id', 'in', appIds)
    .orderBy('created')
    .orderBy('id')
    .execute();
}

/** The application ids whose identifier URIs hold the text exactly. */
export async function findAppIdsByUri(session: Session, uri: string): Promise<readonly string[]> {
  const pattern = `%${escapeLike(JSON.stringify(uri))}%`;
  const rows = await detailsLike.all(session, { pattern });
  // The pattern only narrows: the text may stand elsewhere in the details.
  return rows
    .filter((row) => (JSON.parse(row.details) as { identifierUris?: string[] }).identifierUris?.includes(uri))
    .map((row) => row.app_id);
}

/**
 * One page of principals of a kind in order of their ids, one more than asked for where more follow, and how many there
 * are.
 */
export async function listPrincipals(
  session: Session,
  kind: PrincipalKind,
  options: QueryOptions,
): Promise<{ readonly records: readonly PrincipalRecord[]; readonly count: number | null }> {
  const names =
    kind === 'ServicePrincipal' ? await resolveNames(session, options.filter, 'servicePrincipalNames') : noNames;
  const base = session.db
    .selectFrom('principals')
    .leftJoin('applications', 'applications.app_id', 'principals.app_id')
    .leftJoin('managed_identities', 'managed_identities.principal_id', 'principals.id')
    .where('principals.kind', '=', kind)
    .where((eb) => condition(eb as never, options.filter, principalFields[kind], names, 'principals.app_id'));
  const page = base
    .select(principalColumns)
    .orderBy('principals.id')
    .limit(options.top + 1);
  const records = await (options.after ? page.where('principals.id', '>', options.after) : page).execute();
  return { records, count: options.count ? await countOf(base) : null };
}

/** As {@link listPrincipals}, for applications. */
export async function listApplications(
  session: Session,
  options: QueryOptions,
): Promise<{ readonly records: readonly ApplicationRecord[]; readonly count: number | null }> {
  const names = await resolveNames(session, options.filter, 'identifierUris');
  const base = session.db
    .selectFrom('applications')
    .where((eb) => condition(eb as never, options.filter, applicationFields, names, 'applications.app_id'));
  const page = base
    .selectAll()
    .orderBy('applications.id')
    .limit(options.top + 1);
  const records = await (options.after ? page.where('applications.id', '>', options.after) : page).execute();
  return { records, count: options.count ? await countOf(base) : null };
}

/** Principals by their object ids, in lower case. */
export async function listPrincipalsById(
  session: Session,
  ids: readonly string[],
): Promise<readonly PrincipalRecord[]> {
  if (ids.length === 0) return [];
  return session.db
    .selectFrom('principals')
    .leftJoin('applications', 'applications.app_id', 'principals.app_id')
    .leftJoin('managed_identities', 'managed_identities.principal_id', 'principals.id')
    .select(principalColumns)
    .where('principals.id', 'in', ids)
    .orderBy('principals.id')
    .execute();
}

/** Applications by their object ids, in lower case. */
export async function listApplicationsById(
  session: Session,
  ids: readonly string[],
): Promise<readonly ApplicationRecord[]> {
  if (ids.length === 0) return [];
  return session.db.selectFrom('applications').selectAll().where('id', 'in', ids).orderBy('id').execute();
}

/** What leads from an object of the directory to others: from which column of which table to which. */
export type Relation = 'members' | 'memberOf' | 'owners' | 'ownedObjects';

const relations = {
  members: { table: 'group_members', from: 'group_id', to: 'member_id' },
  memberOf: { table: 'group_members', from: 'member_id', to: 'group_id' },
  owners: { table: 'directory_owners', from: 'object_id', to: 'owner_id' },
  ownedObjects: { table: 'directory_owners', from: 'owner_id', to: 'object_id' },
} as const;

/** The ids that an object is directly related to, after one and in order of them, at most `limit`. */
export async function listRelated(
  session: Session,
  id: string,
  relation: Relation,
  page: { readonly after: string | null; readonly limit: number },
): Promise<readonly string[]> {
  const { table, from, to } = relations[relation];
  const rows = await session.db
    .selectFrom(table)
    .select(sql<string>`${sql.ref(to)}`.as('id'))
    .where(sql<SqlBool>`${sql.ref(from)} = ${id} and ${sql.ref(to)} > ${page.after ?? ''}`)
    .orderBy(sql.ref(to))
    .limit(page.limit)
    .execute();
  return rows.map((row) => row.id);
}

/** How many ids an object is directly related to. */
export async function countRelated(session: Session, id: string, relation: Relation): Promise<number> {
  const { table, from } = relations[relation];
  return countOf(session.db.selectFrom(table).where(sql<SqlBool>`${sql.ref(from)} = ${id}`));
}

/** One page of the principals that hold a directory role, in order of their ids. */
export async function listRoleHolders(
  session: Session,
  page: { readonly after: string | null; readonly limit: number },
  only: { readonly principalId: string | null; readonly role: string | null },
): Promise<readonly { readonly id: string; readonly directory_role: string | null }[]> {
  let query = session.db
    .selectFrom('principals')
    .select(['id', 'directory_role'])
    .where('directory_role', 'is not', null)
    .where('id', '>', page.after ?? '')
    .orderBy('id')
    .limit(page.limit);
  if (only.principalId !== null) query = query.where('id', '=', only.principalId);
  if (only.role !== null) query = query.where('directory_role', '=', only.role);
  return query.execute();
}

async function countOf(query: { select(selection: unknown): unknown }): Promise<number> {
  const counting = query.select(sql<number>`count(*)`.as('total')) as { execute(): Promise<{ total: number }[]> };
  return Number((await counting.execute())[0]!.total);
}

async function resolveNames(session: Session, filter: Filter | null, property: string): Promise<ResolvedNames> {
  const appIds = new Map<string, readonly string[]>();
  for (const value of filter ? anyValues(filter) : []) {
    const found = await findAppIdsByUri(session, value);
    // A service principal's names are its application id and the application's identifier URIs.
    const isName = property === 'servicePrincipalNames' && isUuid(value);
    appIds.set(value, isName ? [...found, value.toLowerCase()] : found);
  }
  return { property, appIds };
}

function anyValues(filter: Filter): readonly string[] {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.terms.flatMap(anyValues);
  return filter.kind === 'any' ? [filter.value] : [];
}
