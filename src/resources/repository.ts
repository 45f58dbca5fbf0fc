import type { Session, Transaction } from '../store/port.ts';
import type { Tables, VaultTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';
import type { Vault } from './vault.ts';
import { fromRow } from './vault-row.ts';

type SubscriptionRow = Tables['subscriptions'];
type GroupRow = Tables['resource_groups'];

/** A subscription. */
export interface Subscription {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly state: string;
  readonly created: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** A resource group. */
export interface ResourceGroup {
  readonly subscriptionId: string;
  readonly name: string;
  readonly nameKey: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly created: number;
}

const allSubscriptions = statement<object, SubscriptionRow>((db) =>
  db.selectFrom('subscriptions').selectAll().orderBy('id'),
);
const oneSubscription = statement<{ id: string }, SubscriptionRow>((db, p) =>
  db.selectFrom('subscriptions').selectAll().where('id', '=', p('id')),
);
const newSubscription = statement<SubscriptionRow>((db, p) =>
  db.insertInto('subscriptions').values({
    id: p('id'),
    tenant_id: p('tenant_id'),
    name: p('name'),
    state: p('state'),
    created: p('created'),
    tags: p('tags'),
  }),
);

const subscriptionTags = statement<{ id: string; tags: string }>((db, p) =>
  db
    .updateTable('subscriptions')
    .set({ tags: p('tags') })
    .where('id', '=', p('id')),
);

const oneGroup = statement<{ subscriptionId: string; nameKey: string }, GroupRow>((db, p) =>
  db
    .selectFrom('resource_groups')
    .selectAll()
    .where('subscription_id', '=', p('subscriptionId'))
    .where('name_key', '=', p('nameKey')),
);
const groupPage = statement<{ subscriptionId: string; after: string; limit: number }, GroupRow>((db, p) =>
  db
    .selectFrom('resource_groups')
    .selectAll()
    .where('subscription_id', '=', p('subscriptionId'))
    .where('name_key', '>', p('after'))
    .orderBy('name_key')
    .limit(p('limit')),
);
const newGroup = statement<GroupRow>((db, p) =>
  db.insertInto('resource_groups').values({
    subscription_id: p('subscription_id'),
    name_key: p('name_key'),
    name: p('name'),
    location: p('location'),
    tags: p('tags'),
    created: p('created'),
  }),
);
const groupTags = statement<{ subscriptionId: string; nameKey: string; tags: string }>((db, p) =>
  db
    .updateTable('resource_groups')
    .set({ tags: p('tags') })
    .where('subscription_id', '=', p('subscriptionId'))
    .where('name_key', '=', p('nameKey')),
);
const noGroup = statement<{ subscriptionId: string; nameKey: string }>((db, p) =>
  db
    .deleteFrom('resource_groups')
    .where('subscription_id', '=', p('subscriptionId'))
    .where('name_key', '=', p('nameKey')),
);

const vaultByName = statement<{ nameKey: string }, VaultTable>((db, p) =>
  db.selectFrom('vaults').selectAll().where('name_key', '=', p('nameKey')),
);
const vaultById = statement<{ id: string }, VaultTable>((db, p) =>
  db.selectFrom('vaults').selectAll().where('id', '=', p('id')),
);
/** When a vault was deleted and will be purged, both null of a live one. */
export const vaultState = statement<{ id: string }, Pick<VaultTable, 'deleted' | 'purge_at'>>((db, p) =>
  db.selectFrom('vaults').select(['deleted', 'purge_at']).where('id', '=', p('id')),
);
const newVault = statement<VaultTable>((db, p) =>
  db.insertInto('vaults').values({
    id: p('id'),
    name_key: p('name_key'),
    name: p('name'),
    tenant_id: p('tenant_id'),
    subscription_id: p('subscription_id'),
    group_key: p('group_key'),
    group_name: p('group_name'),
    location: p('location'),
    properties: p('properties'),
    tags: p('tags'),
    created: p('created'),
    updated: p('updated'),
    deleted: p('deleted'),
    purge_at: p('purge_at'),
  }),
);
const changeVault = statement<VaultTable>((db, p) =>
  db
    .updateTable('vaults')
    .set({
      properties: p('properties'),
      tags: p('tags'),
      updated: p('updated'),
      deleted: p('deleted'),
      purge_at: p('purge_at'),
    })
    .where('id', '=', p('id')),
);

/** Every subscription, by id. */
export async function listSubscriptions(session: Session): Promise<readonly Subscription[]> {
  return (await allSubscriptions.all(session, {})).map(toSubscription);
}

/** The subscription, by its id in lower case, or null. */
export async function findSubscription(session: Session, id: string): Promise<Subscription | null> {
  const row = await oneSubscription.first(session, { id });
  return row && toSubscription(row);
}

/** Stores a new subscription. */
export async function insertSubscription(transaction: Transaction, subscription: Subscription): Promise<void> {
  await newSubscription.change(transaction, {
    id: subscription.id,
    tenant_id: subscription.tenantId,
    name: subscription.name,
    state: subscription.state,
    created: subscription.created,
    tags: JSON.stringify(subscription.tags),
  });
}

/** Replaces a subscription's tags. */
export async function updateSubscriptionTags(transaction: Transaction, subscription: Subscription): Promise<void> {
  await subscriptionTags.change(transaction, { id: subscription.id, tags: JSON.stringify(subscription.tags) });
}

/** The group of this folded name, or null. */
export async function findGroup(
  session: Session,
  subscriptionId: string,
  nameKey: string,
): Promise<ResourceGroup | null> {
  const row = await oneGroup.first(session, { subscriptionId, nameKey });
  return row && toGroup(row);
}

/** A page of groups after a folded name (the empty text for the first page), in the order of folded names. */
export async function listGroups(
  session: Session,
  page: { readonly subscriptionId: string; readonly after: string; readonly limit: number },
): Promise<readonly ResourceGroup[]> {
  return (await groupPage.all(session, page)).map(toGroup);
}

/** Stores a new group. */
export async function insertGroup(transaction: Transaction, group: ResourceGroup): Promise<void> {
  await newGroup.change(transaction, {
    subscription_id: group.subscriptionId,
    name_key: group.nameKey,
    name: group.name,
    location: group.location,
    tags: JSON.stringify(group.tags),
    created: group.created,
  });
}

/** Replaces a group's tags. */
export async function updateGroupTags(transaction: Transaction, group: ResourceGroup): Promise<void> {
  await groupTags.change(transaction, {
    subscriptionId: group.subscriptionId,
    nameKey: group.nameKey,
    tags: JSON.stringify(group.tags),
  });
}

/** Removes the group's row; what was inside is the caller's to deal with. */
export async function removeGroup(transaction: Transaction, group: ResourceGroup): Promise<void> {
  await noGroup.change(transaction, { subscriptionId: group.subscriptionId, nameKey: group.nameKey });
}

/** The vault of this folded name, live or deleted, or null. */
export async function findVaultByName(session: Session, nameKey: string): Promise<Vault | null> {
  const row = await vaultByName.first(session, { nameKey });
  return row && fromRow(row);
}

/** The vault of this internal id, live or deleted, or null. */
export async function findVaultById(session: Session, id: string): Promise<Vault | null> {
  const row = await vaultById.first(session, { id });
  return row && fromRow(row);
}

/** Which vaults a list holds. */
export interface VaultSelection {
  readonly subscriptionId: string;
  /** Folded name of one group; null for all. */
  readonly groupKey: string | null;
  /** Folded name of one vault; null for all. */
  readonly nameKey: string | null;
  readonly deleted: boolean;
  /** Folded name after which to go on; the empty text for the first page. */
  readonly after: string;
  readonly limit: number;
}

/** A page of vaults in the order of folded names. */
export async function listVaults(session: Session, selection: VaultSelection): Promise<readonly Vault[]> {
  let query = session.db
    .selectFrom('vaults')
    .selectAll()
    .where('subscription_id', '=', selection.subscriptionId)
    .where('deleted', selection.deleted ? 'is not' : 'is', null)
    .where('name_key', '>', selection.after);
  if (selection.groupKey !== null) query = query.where('group_key', '=', selection.groupKey);
  if (selection.nameKey !== null) query = query.where('name_key', '=', selection.nameKey);
  return (await query.orderBy('name_key').limit(selection.limit).execute()).map(fromRow);
}

/** Stores a new vault. */
export async function insertVault(transaction: Transaction, row: VaultTable): Promise<void> {
  await newVault.change(transaction, row);
  transaction.touch();
}

/** Stores a vault's changed settings, tags and state of deletion. */
export async function updateVault(transaction: Transaction, row: VaultTable): Promise<void> {
  await changeVault.change(transaction, row);
  transaction.touch();
}

function toSubscription(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    name: row.name,
    state: row.state,
    created: row.created,
    tags: row.tags === null ? {} : (JSON.parse(row.tags) as Record<string, string>),
  };
}

function toGroup(row: GroupRow): ResourceGroup {
  return {
    subscriptionId: row.subscription_id,
    name: row.name,
    nameKey: row.name_key,
    location: row.location,
    tags: JSON.parse(row.tags) as Record<string, string>,
    created: row.created,
  };
}
