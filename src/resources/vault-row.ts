import { foldName } from '../base/ids.ts';
import type { VaultTable } from '../store/schema.ts';
import type { Actor, ModelSwitch, Vault, VaultSettings } from './vault.ts';

/** What the `properties` column holds. */
interface StoredProperties {
  readonly settings: VaultSettings;
  readonly createdBy: Actor | null;
  readonly updatedBy: Actor | null;
  /** Not there in rows that were written before it was kept. */
  readonly modelSwitch?: ModelSwitch | null;
}

/** The resource id of a vault. */
export function vaultResourceId(subscriptionId: string, group: string, name: string): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${name}`;
}

/** A stored row as the vault it is. */
export function fromRow(row: VaultTable): Vault {
  const { settings, createdBy, updatedBy, modelSwitch = null } = JSON.parse(row.properties) as StoredProperties;
  const resourceId = vaultResourceId(row.subscription_id, row.group_name, row.name);
  return {
    id: row.id,
    name: row.name,
    nameKey: row.name_key,
    tenantId: row.tenant_id,
    subscriptionId: row.subscription_id,
    groupName: row.group_name,
    location: row.location,
    settings,
    tags: JSON.parse(row.tags) as Record<string, string>,
    created: row.created,
    updated: row.updated,
    deleted: row.deleted,
    purgeAt: row.purge_at,
    resourceId,
    scopeKey: foldName(resourceId),
    createdBy,
    updatedBy,
    modelSwitch,
  };
}

/** A vault as the row to store. */
export function toRow(vault: Vault): VaultTable {
  const properties: StoredProperties = {
    settings: vault.settings,
    createdBy: vault.createdBy ?? null,
    updatedBy: vault.updatedBy ?? null,
    modelSwitch: vault.modelSwitch ?? null,
  };
  return {
    id: vault.id,
    name_key: vault.nameKey,
    name: vault.name,
    tenant_id: vault.tenantId,
    subscription_id: vault.subscriptionId,
    group_key: foldName(vault.groupName),
    group_name: vault.groupName,
    location: vault.location,
    properties: JSON.stringify(properties),
    tags: JSON.stringify(vault.tags),
    created: vault.created,
    updated: vault.updated,
    deleted: vault.deleted,
    purge_at: vault.purgeAt,
  };
}
