import { foldScope } from '../access/scope.ts';
import { foldName } from '../base/ids.ts';
import { pageOfManagedIdentities } from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { pageBody, queryOf, readPage } from './arm-page.ts';
import { listHosts } from './host-repository.ts';
import { isIdentityResource } from './identity-resource.ts';
import { type ListFilter, parseListFilter, resourceFilters } from './list-filter.ts';
import { requireGroup, requireSubscription } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import { listVaults } from './repository.ts';
import { groupScope, subscriptionScope } from './scopes.ts';
import { hasTag, type Tags } from './tag-rules.ts';
import { readerOf } from './visibility.ts';
import { expanded } from './wire.ts';

/** A resource of the list. */
interface Listed {
  /** Orders it among its kind. */
  readonly key: string;
  readonly resourceId: string;
  readonly type: string;
  readonly location: string;
  readonly tags: Tags;
  readonly created: number;
  readonly updated: number;
}

/** A part of the list as it is asked for: at most `limit` resources after a key, in the order of keys. */
interface Range {
  readonly subscriptionId: string;
  readonly filter: ListFilter;
  readonly after: string;
  readonly limit: number;
}

/** One kind of resource; the list has them one after the other, each a range of its table's index. */
interface Kind {
  /** Begins the keys of the kind in page tokens. */
  readonly mark: string;
  readonly types: readonly string[];
  read(parts: ResourceParts, range: Range): Promise<readonly Listed[]>;
}

const kinds: readonly Kind[] = [
  { mark: 'v', types: ['Microsoft.KeyVault/vaults'], read: readVaults },
  { mark: 'h', types: ['Microsoft.Compute/virtualMachines', 'Microsoft.Web/sites'], read: readHosts },
  { mark: 'i', types: ['Microsoft.ManagedIdentity/userAssignedIdentities'], read: readIdentities },
];

/**
 * Lists the resources of a subscription that the caller may read.
 * @throws Refusal `filter-invalid` for a filter this release does not apply
 */
export async function listSubscriptionResources(parts: ResourceParts, call: Call): Promise<Answer> {
  const filter = readFilter(call);
  const scope = subscriptionScope(call.parameters);
  const { id } = await requireVisible(parts, call, scope, () => requireSubscription(parts.store.reader, call));
  return listResources(parts, call, id, filter, scope);
}

/** Lists the resources of a group that the caller may read. */
export async function listGroupResources(parts: ResourceParts, call: Call): Promise<Answer> {
  const filter = readFilter(call);
  const scope = groupScope(call.parameters);
  const group = await requireVisible(parts, call, scope, () => requireGroup(parts.store.reader, call));
  if (filter.group !== null && filter.group !== group.nameKey) return { status: 200, body: { value: [] } };
  return listResources(parts, call, group.subscriptionId, { ...filter, group: group.nameKey }, scope);
}

async function requireVisible<T>(parts: ResourceParts, call: Call, scope: string, find: () => Promise<T>): Promise<T> {
  await readerOf(parts.access, callerOf(call), 'Microsoft.Resources/subscriptions/resources/read', scope);
  return find();
}

async function listResources(
  parts: ResourceParts,
  call: Call,
  subscriptionId: string,
  filter: ListFilter,
  scope: string,
): Promise<Answer> {
  const page = readPage(call);
  const expand = queryOf(call, '$expand') ?? '';
  const [mark = '', ...rest] = page.after.split(':');
  const first = Math.max(
    0,
    kinds.findIndex((kind) => kind.mark === mark),
  );
  const listed: { readonly key: string; readonly item: Listed }[] = [];
  for (const kind of kinds.slice(first)) {
    const limit = page.size + 1 - listed.length;
    if (limit <= 0) break;
    if (filter.type !== null && !kind.types.some((type) => foldName(type) === filter.type)) continue;
    const after = kind.mark === mark ? rest.join(':') : '';
    const items = await kind.read(parts, { subscriptionId, filter, after, limit });
    listed.push(...items.map((item) => ({ key: `${kind.mark}:${item.key}`, item })));
  }
  const canRead = await readers(parts, call, scope);
  const toWire = ({ item }: { readonly item: Listed }) =>
    isAsked(item, filter) && canRead(item) ? resourceBody(item, expand) : null;
  return { status: 200, body: pageBody(call, page, listed, ({ key }) => key, toWire) };
}

async function readers(parts: ResourceParts, call: Call, scope: string): Promise<(item: Listed) => boolean> {
  const reaches = new Map<string, (scopeKey: string) => boolean>();
  for (const type of kinds.flatMap(({ types }) => types)) {
    reaches.set(type, await readerOf(parts.access, callerOf(call), `${type}/read`, scope));
  }
  return ({ type, resourceId }) => reaches.get(type)?.(foldScope(resourceId)) ?? false;
}

function isAsked(item: Listed, { type, name, group, location, tag }: ListFilter): boolean {
  const id = foldScope(item.resourceId);
  return (
    (type === null || foldName(item.type) === type) &&
    (name === null || id.endsWith(`/${name}`)) &&
    (group === null || id.includes(`/resourcegroups/${group}/providers/`)) &&
    (location === null || item.location === location) &&
    hasTag(item.tags, tag)
  );
}

async function readVaults(parts: ResourceParts, { subscriptionId, filter, after, limit }: Range) {
  const { group: groupKey, name: nameKey } = filter;
  const selection = { subscriptionId, groupKey, nameKey, deleted: false, after, limit };
  const vaults = await listVaults(parts.store.reader, selection);
  return vaults.map((vault) => ({ ...vault, key: vault.nameKey, type: 'Microsoft.KeyVault/vaults' }));
}

async function readHosts(parts: ResourceParts, { subscriptionId, filter, after, limit }: Range) {
  const selection = { subscriptionId, groupKey: filter.group, type: null, after, limit };
  const hosts = await listHosts(parts.store.reader, selection);
  return hosts.map((host) => ({ ...host, key: host.resourceKey }));
}

async function readIdentities(parts: ResourceParts, { subscriptionId, filter, after, limit }: Range) {
  const scope = `/subscriptions/${subscriptionId}${filter.group === null ? '' : `/resourceGroups/${filter.group}`}`;
  const identities = await pageOfManagedIdentities(parts.store.reader, scope, after, limit);
  return identities.map((identity) => ({
    ...identity,
    key: foldScope(identity.resourceId),
    // The identities of machines are no resources of their own; they are of no type here, and nobody reads them.
    type: isIdentityResource(identity.resourceId) ? 'Microsoft.ManagedIdentity/userAssignedIdentities' : '',
    updated: identity.created,
  }));
}

function resourceBody(item: Listed, expand: string): object {
  return {
    id: item.resourceId,
    name: item.resourceId.slice(item.resourceId.lastIndexOf('/') + 1),
    type: item.type,
    location: item.location,
    tags: item.tags,
    ...expanded(expand, item.created, item.updated),
  };
}

function readFilter(call: Call): ListFilter {
  const text = queryOf(call, '$filter') ?? '';
  const filter = parseListFilter(text, resourceFilters);
  if (typeof filter !== 'string') return filter;
  throw new Refusal('filter-invalid', { filter: text.slice(0, 200), reason: filter, supported: resourceFilters });
}
