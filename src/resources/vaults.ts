import { foldName } from '../base/ids.ts';
import { DAY } from '../base/text.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Transaction } from '../store/port.ts';
import { pageBody, readPage } from './arm-page.ts';
import { connectionsOf } from './endpoint-repository.ts';
import { actorOf, deletionFacts, isInGroup, requireGroup, requireSubscription, requireVault } from './lookup.ts';
import { type ForeseenSwitch, foreseeSwitch, switchWarning, withSwitch } from './model-switch.ts';
import { isVaultName } from './names.ts';
import type { ResourceParts } from './parts.ts';
import { checkModelChange, mayChangeModel } from './permission-model.ts';
import { findVaultByName, listVaults, type ResourceGroup, updateVault } from './repository.ts';
import { readLocation, readProperties, readTags } from './request-body.ts';
import { groupScope, subscriptionScope } from './scopes.ts';
import { createVault } from './service.ts';
import type { Vault, VaultSettings } from './vault.ts';
import { invalidProperty } from './vault-property.ts';
import { toRow } from './vault-row.ts';
import {
  type NamedSettings,
  readSettings,
  settingsForCreate,
  settingsForPatch,
  settingsForReplace,
} from './vault-settings.ts';
import { readerOf } from './visibility.ts';
import { vaultBody } from './wire.ts';

const READ = 'Microsoft.KeyVault/vaults/read';
const TYPE = 'Microsoft.KeyVault/vaults';

/** What a PUT asks for. */
interface VaultRequest {
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly named: NamedSettings;
  readonly isRecovery: boolean;
}

/**
 * Creates a vault, replaces the settings of one, or (`createMode: recover`) brings a deleted one back.
 * @throws Refusal `vault-name-invalid`, `vault-name-in-use`, `vault-name-deleted`, `vault-not-recoverable`,
 *   `resource-location-fixed`, `permission-model-protected`, and those of the settings
 */
export async function putVault(parts: ResourceParts, call: Call): Promise<Answer> {
  const request = readRequest(parts, call);
  const mayChange = await mayChangeModel(parts.access, call, request.named);
  const settingsAfter = (settings: VaultSettings) => settingsForReplace(settings, request.named, call.apiVersion);
  const foreseen = mayChange.isHeld ? await foreseeSwitch(parts, call, settingsAfter) : null;
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    const existing = await findVaultByName(transaction, foldName(request.name));
    if (request.isRecovery) return recoverVault(parts, call, transaction, existing, group);
    if (!existing) return makeVault(parts, call, transaction, group, request);
    if (existing.deleted !== null) {
      throw new Refusal('vault-name-deleted', { name: existing.name, ...deletionFacts(existing) });
    }
    if (!isInGroup(existing, group)) throw new Refusal('vault-name-in-use', { name: request.name });
    const { location, tags } = request;
    if (location !== existing.location) {
      const facts = { name: existing.name, location: existing.location, group: group.name, asked: location };
      throw new Refusal('resource-location-fixed', facts);
    }
    const settings = settingsAfter(existing.settings);
    checkModelChange(existing.settings, settings, mayChange);
    return storeChanged(parts, call, transaction, existing, { ...existing, settings, tags }, foreseen);
  });
}

/** Changes the settings and tags that the body names. */
export async function patchVault(parts: ResourceParts, call: Call): Promise<Answer> {
  const named = readSettings(readProperties(call, false), parts.tenantId);
  const tags = readTags(call);
  const mayChange = await mayChangeModel(parts.access, call, named);
  const settingsAfter = (settings: VaultSettings) => settingsForPatch(settings, named);
  const foreseen = mayChange.isHeld ? await foreseeSwitch(parts, call, settingsAfter) : null;
  return call.commit(async (transaction) => {
    const vault = await requireVault(transaction, call);
    const settings = settingsAfter(vault.settings);
    checkModelChange(vault.settings, settings, mayChange);
    return storeChanged(parts, call, transaction, vault, { ...vault, settings, tags: tags ?? vault.tags }, foreseen);
  });
}

/** Reads a live vault. */
export async function getVault(parts: ResourceParts, call: Call): Promise<Answer> {
  const vault = await requireVault(parts.store.reader, call);
  const connections = await connectionsOf(parts.store.reader, [vault.id]);
  return { status: 200, body: vaultBody(call, parts.domain, vault, connections), subject: vault.resourceId };
}

/**
 * Soft-deletes a vault: its name and role assignments stay, its objects are out of reach until it is recovered, and it purges
 * itself when its retention ends. 204 where there is no such vault.
 */
export async function deleteVault(parts: ResourceParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const group = await requireGroup(transaction, call);
    const vault = await findVaultByName(transaction, foldName(call.parameters['vault'] ?? ''));
    if (!vault || vault.deleted !== null || !isInGroup(vault, group)) return { status: 204 };
    await softDelete(transaction, vault, parts.clock.now());
    return { status: 200, subject: vault.resourceId };
  });
}

/** Marks a live vault as deleted at `now`, to be purged when its retention ends. */
export async function softDelete(transaction: Transaction, vault: Vault, now: number): Promise<void> {
  const purgeAt = now + vault.settings.softDeleteRetentionInDays * DAY;
  await updateVault(transaction, toRow({ ...vault, deleted: now, purgeAt }));
}

/** Lists the vaults of a group, those that the caller may read. */
export async function listGroupVaults(parts: ResourceParts, call: Call): Promise<Answer> {
  const canRead = await readerOf(parts.access, callerOf(call), READ, groupScope(call.parameters));
  const group = await requireGroup(parts.store.reader, call);
  return listPage(parts, call, canRead, group.subscriptionId, group.nameKey);
}

/** Lists the vaults of a subscription, those that the caller may read. */
export async function listSubscriptionVaults(parts: ResourceParts, call: Call): Promise<Answer> {
  const canRead = await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  const subscription = await requireSubscription(parts.store.reader, call);
  return listPage(parts, call, canRead, subscription.id, null);
}

async function listPage(
  parts: ResourceParts,
  call: Call,
  canRead: (scopeKey: string) => boolean,
  subscriptionId: string,
  groupKey: string | null,
): Promise<Answer> {
  const page = readPage(call);
  const vaults = await listVaults(parts.store.reader, {
    subscriptionId,
    groupKey,
    nameKey: null,
    deleted: false,
    after: page.after,
    limit: page.size + 1,
  });
  const readable = vaults.slice(0, page.size).filter((vault) => canRead(vault.scopeKey));
  const connections = await connectionsOf(
    parts.store.reader,
    readable.map(({ id }) => id),
  );
  const toWire = (vault: Vault) => {
    if (!readable.includes(vault)) return null;
    const own = connections.filter(({ vaultId }) => vaultId === vault.id);
    return vaultBody(call, parts.domain, vault, own);
  };
  return { status: 200, body: pageBody(call, page, vaults, (vault) => vault.nameKey, toWire) };
}

function readRequest(parts: ResourceParts, call: Call): VaultRequest {
  const name = call.parameters['vault'] ?? '';
  if (!isVaultName(name)) throw new Refusal('vault-name-invalid', { name: name.slice(0, 100) });
  const location = readLocation(call, TYPE);
  const properties = readProperties(call, true);
  const mode = properties['createMode'] ?? 'default';
  if (mode !== 'default' && mode !== 'recover')
    throw invalidProperty('createMode', 'one of default, recover is expected');
  for (const required of ['tenantId', 'sku']) {
    if (properties[required] === undefined || properties[required] === null) {
      throw invalidProperty(required, 'it is required');
    }
  }
  return {
    name,
    location,
    tags: readTags(call) ?? {},
    named: readSettings(properties, parts.tenantId),
    isRecovery: mode === 'recover',
  };
}

async function makeVault(
  parts: ResourceParts,
  call: Call,
  transaction: Transaction,
  group: ResourceGroup,
  request: VaultRequest,
): Promise<Answer> {
  const vault = await createVault(transaction, parts, {
    tenantId: parts.tenantId,
    subscriptionId: group.subscriptionId,
    group: group.name,
    name: request.name,
    location: request.location,
    settings: settingsForCreate(request.named, call.apiVersion),
    tags: request.tags,
    by: actorOf(call),
  });
  // Done at once, and 200 as the service says it: az waits 30 s after a 201 that is not final.
  return { status: 200, body: vaultBody(call, parts.domain, vault, []), subject: vault.resourceId };
}

/** Recovery keeps all that the vault was: clients always send the same few settings with it. */
async function recoverVault(
  parts: ResourceParts,
  call: Call,
  transaction: Transaction,
  vault: Vault | null,
  group: ResourceGroup,
): Promise<Answer> {
  // Only in the group it was in: the right to write there is what was checked.
  if (!vault || vault.deleted === null || !isInGroup(vault, group)) {
    throw new Refusal('vault-not-recoverable', { name: call.parameters['vault'] ?? '' });
  }
  const answer = await storeVault(parts, call, transaction, { ...vault, deleted: null, purgeAt: null });
  return { ...answer, audit: { createMode: 'recover' } };
}

async function storeChanged(
  parts: ResourceParts,
  call: Call,
  transaction: Transaction,
  before: Vault,
  changed: Vault,
  foreseen: ForeseenSwitch | null,
): Promise<Answer> {
  const vault = withSwitch(before, changed, call, parts.clock.now());
  const answer = await storeVault(parts, call, transaction, vault);
  return { ...answer, headers: switchWarning(vault.name, foreseen) };
}

async function storeVault(parts: ResourceParts, call: Call, transaction: Transaction, changed: Vault): Promise<Answer> {
  const vault = { ...changed, updated: parts.clock.now(), updatedBy: actorOf(call) };
  await updateVault(transaction, toRow(vault));
  const connections = await connectionsOf(transaction, [vault.id]);
  return { status: 200, body: vaultBody(call, parts.domain, vault, connections), subject: vault.resourceId };
}
