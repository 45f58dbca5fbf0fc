import type { Session, Transaction } from '../store/port.ts';
import type { ResourceTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';

/** A machine or application host: a resource that is registered for its identities. */
export interface Host {
  readonly resourceId: string;
  readonly resourceKey: string;
  readonly type: string;
  readonly name: string;
  readonly subscriptionId: string;
  readonly groupKey: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly hasSystemIdentity: boolean;
  /** Resource ids of its user-assigned identities, as those write themselves. */
  readonly userIdentities: readonly string[];
  /** The members of the body besides those above, as they were put. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly created: number;
  readonly updated: number;
}

const oneHost = statement<{ resourceKey: string }, ResourceTable>((db, p) =>
  db.selectFrom('resources').selectAll().where('resource_key', '=', p('resourceKey')),
);
const noHost = statement<{ resourceKey: string }>((db, p) =>
  db.deleteFrom('resources').where('resource_key', '=', p('resourceKey')),
);
const newHost = statement<ResourceTable>((db, p) =>
  db.insertInto('resources').values({
    resource_key: p('resource_key'),
    resource_id: p('resource_id'),
    type: p('type'),
    name: p('name'),
    subscription_id: p('subscription_id'),
    group_key: p('group_key'),
    location: p('location'),
    tags: p('tags'),
    identity_type: p('identity_type'),
    user_identities: p('user_identities'),
    properties: p('properties'),
    created: p('created'),
    updated: p('updated'),
  }),
);
const hostsWith = statement<{ part: string }, ResourceTable>((db, p) =>
  db.selectFrom('resources').selectAll().where('user_identities', 'like', p('part')),
);

/** The host of this folded resource id, or null. */
export async function findHost(session: Session, resourceKey: string): Promise<Host | null> {
  const row = await oneHost.first(session, { resourceKey });
  return row && toHost(row);
}

/** Stores a host, in place of one of its id. */
export async function storeHost(transaction: Transaction, host: Host): Promise<void> {
  await noHost.change(transaction, { resourceKey: host.resourceKey });
  await newHost.change(transaction, {
    resource_key: host.resourceKey,
    resource_id: host.resourceId,
    type: host.type,
    name: host.name,
    subscription_id: host.subscriptionId,
    group_key: host.groupKey,
    location: host.location,
    tags: JSON.stringify(host.tags),
    identity_type: identityType(host),
    user_identities: JSON.stringify(host.userIdentities),
    properties: JSON.stringify(host.members),
    created: host.created,
    updated: host.updated,
  });
  transaction.touch();
}

/** Removes a host's row. */
export async function removeHost(transaction: Transaction, host: Host): Promise<void> {
  await noHost.change(transaction, { resourceKey: host.resourceKey });
  transaction.touch();
}

/** The hosts that a user-assigned identity is assigned to. */
export async function hostsOfIdentity(session: Session, resourceId: string): Promise<readonly Host[]> {
  const rows = await hostsWith.all(session, { part: `%${JSON.stringify(resourceId)}%` });
  return rows.map(toHost).filter(({ userIdentities }) => userIdentities.includes(resourceId));
}

/** A page of hosts in the order of folded resource ids: of a group, a type, or all of the subscription. */
export async function listHosts(
  session: Session,
  selection: {
    readonly subscriptionId: string;
    readonly groupKey: string | null;
    readonly type: string | null;
    readonly after: string;
    readonly limit: number;
  },
): Promise<readonly Host[]> {
  let query = session.db
    .selectFrom('resources')
    .selectAll()
    .where('subscription_id', '=', selection.subscriptionId)
    .where('resource_key', '>', selection.after);
  if (selection.groupKey !== null) query = query.where('group_key', '=', selection.groupKey);
  if (selection.type !== null) query = query.where('type', '=', selection.type);
  return (await query.orderBy('resource_key').limit(selection.limit).execute()).map(toHost);
}

/** How the wire names what identities a host has. */
export function identityType({ hasSystemIdentity, userIdentities }: Host): string {
  const kinds = [hasSystemIdentity ? 'SystemAssigned' : '', userIdentities.length > 0 ? 'UserAssigned' : ''];
  return kinds.filter((kind) => kind !== '').join(', ') || 'None';
}

function toHost(row: ResourceTable): Host {
  return {
    resourceId: row.resource_id,
    resourceKey: row.resource_key,
    type: row.type,
    name: row.name,
    subscriptionId: row.subscription_id,
    groupKey: row.group_key,
    location: row.location,
    tags: JSON.parse(row.tags) as Record<string, string>,
    hasSystemIdentity: row.identity_type.startsWith('SystemAssigned'),
    userIdentities: JSON.parse(row.user_identities) as string[],
    members: JSON.parse(row.properties) as Record<string, unknown>,
    created: row.created,
    updated: row.updated,
  };
}
