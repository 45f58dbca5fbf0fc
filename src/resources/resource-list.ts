import { foldScope } from '../access/scope.ts';
import { foldName } from '../base/ids.ts';
import { listManagedIdentities, type ManagedIdentity } from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { type ArmPage, pageBody, queryOf, readPage } from './arm-page.ts';
import { parseFilter } from './filter.ts';
import { isIdentityResource } from './identity-resource.ts';
import { requireGroup, requireSubscription } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import { listVaults } from './repository.ts';
import { groupScope, subscriptionScope } from './scopes.ts';
import { readerOf } from './visibility.ts';
import { expanded, vaultResourceBody } from './wire.ts';

const VAULTS = 'microsoft.keyvault/vaults';
const IDENTITIES = 'microsoft.managedidentity/userassignedidentities';
const supported = ["resourceType eq 'TYPE'", "name eq 'NAME'", "resourceGroup eq 'GROUP'", 'the same joined by and'];

/** What a filter of a resource list asks for; folded, null where it does not say. */
interface Selection {
  readonly type: string | null;
  readonly name: string | null;
  readonly group: string | null;
}

/** A resource of the list: `key` orders it, vaults before identities. */
interface Listed {
  readonly key: string;
  readonly scopeKey: string;
  readonly body: object;
}

/**
 * Lists the resources of a subscription that the caller may read.
 * @throws Refusal `filter-invalid` for a filter this release does not apply
 */
export async function listSubscriptionResources(parts: ResourceParts, call: Call): Promise<Answer> {
  const selection = readSelection(call);
  const scope = subscriptionScope(call.parameters);
  const { id } = await requireVisible(parts, call, scope, () => requireSubscription(parts.store.reader, call));
  return listResources(parts, call, id, selection, scope);
}

/** Lists the resources of a group that the caller may read. */
export async function listGroupResources(parts: ResourceParts, call: Call): Promise<Answer> {
  const selection = readSelection(call);
  const scope = groupScope(call.parameters);
  const group = await requireVisible(parts, call, scope, () => requireGroup(parts.store.reader, call));
  if (selection.group !== null && selection.group !== group.nameKey) return { status: 200, body: { value: [] } };
  return listResources(parts, call, group.subscriptionId, { ...selection, group: group.nameKey }, scope);
}

async function requireVisible<T>(parts: ResourceParts, call: Call, scope: string, find: () => Promise<T>): Promise<T> {
  await readerOf(parts.access, callerOf(call), 'Microsoft.Resources/subscriptions/resources/read', scope);
  return find();
}

async function listResources(
  parts: ResourceParts,
  call: Call,
  subscriptionId: string,
  selection: Selection,
  scope: string,
): Promise<Answer> {
  const page = readPage(call);
  const expand = queryOf(call, '$expand') ?? '';
  const caller = callerOf(call);
  const canReadVault = await readerOf(parts.access, caller, 'Microsoft.KeyVault/vaults/read', scope);
  const canReadIdentity = await readerOf(
    parts.access,
    caller,
    'Microsoft.ManagedIdentity/userAssignedIdentities/read',
    scope,
  );
  const listed = await vaultsAfter(parts, subscriptionId, selection, page, expand);
  if (listed.length <= page.size) {
    listed.push(...(await identitiesAfter(parts, subscriptionId, selection, page, expand)));
  }
  const toWire = (item: Listed) => {
    const canRead = item.key.startsWith('i') ? canReadIdentity : canReadVault;
    return canRead(item.scopeKey) ? item.body : null;
  };
  return { status: 200, body: pageBody(call, page, listed, (item) => item.key, toWire) };
}

async function vaultsAfter(
  parts: ResourceParts,
  subscriptionId: string,
  selection: Selection,
  page: ArmPage,
  expand: string,
): Promise<Listed[]> {
  if ((selection.type ?? VAULTS) !== VAULTS || page.after.startsWith('i:')) return [];
  const vaults = await listVaults(parts.store.reader, {
    subscriptionId,
    groupKey: selection.group,
    nameKey: selection.name,
    deleted: false,
    after: page.after.replace(/^v:/, ''),
    limit: page.size + 1,
  });
  return vaults.map((vault) => ({
    key: `v:${vault.nameKey}`,
    scopeKey: vault.scopeKey,
    body: vaultResourceBody(vault, expand),
  }));
}

async function identitiesAfter(
  parts: ResourceParts,
  subscriptionId: string,
  selection: Selection,
  page: ArmPage,
  expand: string,
): Promise<Listed[]> {
  if ((selection.type ?? IDENTITIES) !== IDENTITIES) return [];
  const scope = `/subscriptions/${subscriptionId}${selection.group === null ? '' : `/resourceGroups/${selection.group}`}`;
  const identities = await listManagedIdentities(parts.store.reader, scope);
  const after = page.after.startsWith('i:') ? page.after : '';
  return identities
    .filter(({ resourceId }) => isIdentityResource(resourceId))
    .map((identity) => ({
      key: `i:${foldScope(identity.resourceId)}`,
      scopeKey: foldScope(identity.resourceId),
      body: identityResourceBody(identity, expand),
      name: foldName(nameOf(identity)),
    }))
    .filter((item) => item.key > after && (selection.name ?? item.name) === item.name)
    .slice(0, page.size + 1);
}

function identityResourceBody(identity: ManagedIdentity, expand: string): object {
  return {
    id: identity.resourceId,
    name: nameOf(identity),
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
    location: identity.location,
    tags: identity.tags,
    ...expanded(expand, identity.created, identity.created),
  };
}

function nameOf(identity: ManagedIdentity): string {
  return identity.resourceId.slice(identity.resourceId.lastIndexOf('/') + 1);
}

function readSelection(call: Call): Selection {
  const filter = queryOf(call, '$filter') ?? '';
  const invalid = (reason: string) =>
    new Refusal('filter-invalid', { filter: filter.slice(0, 200), reason, supported });
  const conditions = parseFilter(filter);
  if (!conditions) throw invalid('it cannot be read');
  const selection: Record<string, string> = {};
  for (const condition of conditions) {
    if (condition.kind !== 'equals' || !['resourcetype', 'name', 'resourcegroup'].includes(condition.name)) {
      throw invalid(`'${condition.name}' is not a filter of this list`);
    }
    const value = foldName(condition.value);
    if ((selection[condition.name] ?? value) !== value) throw invalid(`'${condition.name}' is there twice`);
    selection[condition.name] = value;
  }
  const { resourcetype = null, name = null, resourcegroup = null } = selection;
  return { type: resourcetype, name, group: resourcegroup };
}
