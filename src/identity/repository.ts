import type { Session } from '../store/port.ts';
import { statement } from '../store/statement.ts';

/** A principal as tokens are checked against it. */
export interface PrincipalRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly kind: string;
  readonly type: string;
  readonly display_name: string;
  readonly app_id: string | null;
  readonly upn: string | null;
  readonly enabled: number;
  readonly directory_role: string | null;
}

/** A credential of an application, its secret only as a hash. */
export interface CredentialRow {
  readonly id: string;
  readonly app_id: string;
  readonly kind: string;
  readonly display_name: string | null;
  readonly hint: string | null;
  readonly material: string;
  readonly starts: number;
  readonly expires: number;
  readonly created: number;
}

/** A managed identity and the resource it belongs to (a user-assigned identity is itself that resource). */
export interface ManagedIdentityRow {
  readonly resource_key: string;
  readonly resource_id: string;
  readonly principal_id: string;
  readonly client_id: string;
  readonly location: string;
  readonly tags: string;
  readonly created: number;
}

const principalColumns = [
  'id',
  'tenant_id',
  'kind',
  'type',
  'display_name',
  'app_id',
  'upn',
  'enabled',
  'directory_role',
] as const;

/** A principal by its object id, in lower case. */
export const principalById = statement<{ id: string }, PrincipalRow>((db, p) =>
  db.selectFrom('principals').select(principalColumns).where('id', '=', p('id')),
);

/** The service principal of an application id, in lower case. */
export const principalByAppId = statement<{ appId: string }, PrincipalRow>((db, p) =>
  db.selectFrom('principals').select(principalColumns).where('app_id', '=', p('appId')),
);

/** A user by the folded principal name. */
export const userByName = statement<{ upnKey: string }, PrincipalRow>((db, p) =>
  db.selectFrom('principals').select(principalColumns).where('upn_key', '=', p('upnKey')),
);

/** Object and application id of an application registration, by its application id. */
export const applicationByAppId = statement<{ appId: string }, { id: string; app_id: string; display_name: string }>(
  (db, p) => db.selectFrom('applications').select(['id', 'app_id', 'display_name']).where('app_id', '=', p('appId')),
);

/** What an application registration says of itself besides (JSON), by its application id. */
export const applicationDetails = statement<{ appId: string }, { details: string }>((db, p) =>
  db.selectFrom('applications').select('details').where('app_id', '=', p('appId')),
);

/** Every credential of an application, oldest first. */
export const credentialsOfApp = statement<{ appId: string }, CredentialRow>((db, p) =>
  db.selectFrom('credentials').selectAll().where('app_id', '=', p('appId')).orderBy('created').orderBy('id'),
);

/** One credential of an application, if it is still there. */
export const credentialOfApp = statement<{ appId: string; id: string }, { id: string }>((db, p) =>
  db.selectFrom('credentials').select('id').where('app_id', '=', p('appId')).where('id', '=', p('id')),
);

/** Adds a principal. */
export const insertPrincipal = statement<{
  id: string;
  tenantId: string;
  kind: string;
  type: string;
  displayName: string;
  appId: string | null;
  enabled: number;
  directoryRole: string | null;
  created: number;
}>((db, p) =>
  db.insertInto('principals').values({
    id: p('id'),
    tenant_id: p('tenantId'),
    kind: p('kind'),
    type: p('type'),
    display_name: p('displayName'),
    app_id: p('appId'),
    upn: null,
    upn_key: null,
    enabled: p('enabled'),
    directory_role: p('directoryRole'),
    created: p('created'),
  }),
);

/** Removes a principal. */
export const deletePrincipal = statement<{ id: string }>((db, p) =>
  db.deleteFrom('principals').where('id', '=', p('id')),
);

/** Takes every role from a principal that is removed: its object id never comes back, so nothing may hang on it. */
export const deleteGrantsOf = statement<{ id: string }>((db, p) =>
  db.deleteFrom('role_assignments').where('principal_id', '=', p('id')),
);

/** Enables (1) or disables (0) a principal. */
export const setPrincipalEnabled = statement<{ id: string; enabled: number }>((db, p) =>
  db
    .updateTable('principals')
    .set({ enabled: p('enabled') })
    .where('id', '=', p('id')),
);

/** Renames the service principal of an application. */
export const renamePrincipalOfApp = statement<{ appId: string; displayName: string }>((db, p) =>
  db
    .updateTable('principals')
    .set({ display_name: p('displayName') })
    .where('app_id', '=', p('appId')),
);

/** Adds an application registration. */
export const insertApplication = statement<{
  id: string;
  tenantId: string;
  appId: string;
  displayName: string;
  details: string;
  created: number;
}>((db, p) =>
  db.insertInto('applications').values({
    id: p('id'),
    tenant_id: p('tenantId'),
    app_id: p('appId'),
    display_name: p('displayName'),
    details: p('details'),
    created: p('created'),
  }),
);

/** Changes an application's name and details. */
export const updateApplication = statement<{ id: string; displayName: string; details: string }>((db, p) =>
  db
    .updateTable('applications')
    .set({ display_name: p('displayName'), details: p('details') })
    .where('id', '=', p('id')),
);

/** Removes an application registration. */
export const deleteApplicationRow = statement<{ id: string }>((db, p) =>
  db.deleteFrom('applications').where('id', '=', p('id')),
);

/** Adds a credential. */
export const insertCredential = statement<{
  id: string;
  appId: string;
  kind: string;
  displayName: string | null;
  hint: string | null;
  material: string;
  starts: number;
  expires: number;
  created: number;
}>((db, p) =>
  db.insertInto('credentials').values({
    id: p('id'),
    app_id: p('appId'),
    kind: p('kind'),
    display_name: p('displayName'),
    hint: p('hint'),
    material: p('material'),
    starts: p('starts'),
    expires: p('expires'),
    created: p('created'),
  }),
);

/** Removes one credential of an application. */
export const deleteCredential = statement<{ appId: string; id: string; kind: string }>((db, p) =>
  db.deleteFrom('credentials').where('app_id', '=', p('appId')).where('id', '=', p('id')).where('kind', '=', p('kind')),
);

/** Removes every credential of an application. */
export const deleteCredentials = statement<{ appId: string }>((db, p) =>
  db.deleteFrom('credentials').where('app_id', '=', p('appId')),
);

/** A managed identity by the folded id of its resource. */
export const identityByResource = statement<{ resourceKey: string }, ManagedIdentityRow>((db, p) =>
  db.selectFrom('managed_identities').selectAll().where('resource_key', '=', p('resourceKey')),
);

/** A managed identity by its client id. */
export const identityByClient = statement<{ clientId: string }, ManagedIdentityRow>((db, p) =>
  db.selectFrom('managed_identities').selectAll().where('client_id', '=', p('clientId')),
);

/** A managed identity by its principal's object id. */
export const identityByPrincipal = statement<{ principalId: string }, ManagedIdentityRow>((db, p) =>
  db.selectFrom('managed_identities').selectAll().where('principal_id', '=', p('principalId')),
);

/** The managed identities whose folded resource id lies in [from, to), in order of it. */
export const identitiesInRange = statement<{ from: string; to: string }, ManagedIdentityRow>((db, p) =>
  db
    .selectFrom('managed_identities')
    .selectAll()
    .where('resource_key', '>=', p('from'))
    .where('resource_key', '<', p('to'))
    .orderBy('resource_key'),
);

/** A page of the same, after a folded resource id. */
export const identityPage = statement<{ after: string; to: string; limit: number }, ManagedIdentityRow>((db, p) =>
  db
    .selectFrom('managed_identities')
    .selectAll()
    .where('resource_key', '>', p('after'))
    .where('resource_key', '<', p('to'))
    .orderBy('resource_key')
    .limit(p('limit')),
);

/** Adds a managed identity. */
export const insertIdentity = statement<{
  resourceKey: string;
  resourceId: string;
  principalId: string;
  clientId: string;
  location: string;
  tags: string;
  created: number;
}>((db, p) =>
  db.insertInto('managed_identities').values({
    resource_key: p('resourceKey'),
    resource_id: p('resourceId'),
    principal_id: p('principalId'),
    client_id: p('clientId'),
    location: p('location'),
    tags: p('tags'),
    created: p('created'),
  }),
);

/** Replaces a managed identity's tags (JSON). */
export const setIdentityTags = statement<{ resourceKey: string; tags: string }>((db, p) =>
  db
    .updateTable('managed_identities')
    .set({ tags: p('tags') })
    .where('resource_key', '=', p('resourceKey')),
);

/** Removes a managed identity. */
export const deleteIdentity = statement<{ resourceKey: string }>((db, p) =>
  db.deleteFrom('managed_identities').where('resource_key', '=', p('resourceKey')),
);

/** The secret of a host, sealed, by its folded resource id. */
export const secretOfHost = statement<{ resourceKey: string }, { id: string; sealed: Uint8Array }>((db, p) =>
  db.selectFrom('identity_secrets').select(['id', 'sealed']).where('resource_key', '=', p('resourceKey')),
);

/** Secrets of hosts as they are sealed, after one of them in the order of their hosts. */
export const hostSecretPage = statement<{ after: string; limit: number }, { resource_key: string; sealed: Uint8Array }>(
  (db, p) =>
    db
      .selectFrom('identity_secrets')
      .select(['resource_key', 'sealed'])
      .where('resource_key', '>', p('after'))
      .orderBy('resource_key')
      .limit(p('limit')),
);

/** Replaces the envelope of a host's secret by one of the same secret. */
export const resealHostSecret = statement<{ resourceKey: string; sealed: Uint8Array }>((db, p) =>
  db
    .updateTable('identity_secrets')
    .set({ sealed: p('sealed') })
    .where('resource_key', '=', p('resourceKey')),
);

/** Whose secret it is, by the secret's digest. */
export const hostOfSecret = statement<{ digest: string }, { resource_key: string; id: string }>((db, p) =>
  db.selectFrom('identity_secrets').select(['resource_key', 'id']).where('digest', '=', p('digest')),
);

/** Adds a host's secret. */
export const insertHostSecret = statement<{
  resourceKey: string;
  id: string;
  digest: string;
  sealed: Uint8Array;
  created: number;
}>((db, p) =>
  db.insertInto('identity_secrets').values({
    resource_key: p('resourceKey'),
    id: p('id'),
    digest: p('digest'),
    sealed: p('sealed'),
    created: p('created'),
  }),
);

/** Removes a host's secret. */
export const deleteHostSecret = statement<{ resourceKey: string }>((db, p) =>
  db.deleteFrom('identity_secrets').where('resource_key', '=', p('resourceKey')),
);

/** The recorded uses in [from, to). */
export const assertionUses = statement<{ from: string; to: string }, { digest: string }>((db, p) =>
  db.selectFrom('assertions').select('digest').where('digest', '>=', p('from')).where('digest', '<', p('to')),
);

/** Records the use of an assertion until that expires. */
export const insertAssertion = statement<{ digest: string; expires: number }>((db, p) =>
  db.insertInto('assertions').values({ digest: p('digest'), expires: p('expires') }),
);

/** Forgets assertions that have expired. */
export const deleteAssertionsBefore = statement<{ now: number }>((db, p) =>
  db.deleteFrom('assertions').where('expires', '<', p('now')),
);

/** How many enabled principals hold a directory role, apart from one. */
export const countOthersInRole = statement<{ role: string; except: string }, { count: number }>((db, p) =>
  db
    .selectFrom('principals')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('directory_role', '=', p('role'))
    .where('enabled', '=', 1)
    .where('id', '!=', p('except')),
);

// SQLite takes 32,766 parameters a statement.
const MAX_IDS_A_STATEMENT = 10_000;

/**
 * The groups that a principal is in, also through other groups, whatever circles they form; their object ids in no order that
 * means anything.
 */
export function groupsOf(session: Session, principalId: string): Promise<readonly string[]> {
  return followMemberships(session, principalId, 'member_id', 'group_id');
}

/** Every id that memberships lead to from one, in one direction or the other, whatever circles they form; not that id itself. */
export async function followMemberships(
  session: Session,
  start: string,
  from: 'group_id' | 'member_id',
  to: 'group_id' | 'member_id',
): Promise<readonly string[]> {
  const found = new Set<string>();
  let reached: readonly string[] = [start];
  while (reached.length > 0) {
    const next: string[] = [];
    for (let first = 0; first < reached.length; first += MAX_IDS_A_STATEMENT) {
      const rows = await session.db
        .selectFrom('group_members')
        .select(`${to} as id`)
        .where(from, 'in', reached.slice(first, first + MAX_IDS_A_STATEMENT))
        .execute();
      for (const { id } of rows) {
        if (found.has(id)) continue;
        found.add(id);
        next.push(id);
      }
    }
    reached = next;
  }
  found.delete(start);
  return [...found];
}
