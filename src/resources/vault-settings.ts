import { isUuid } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import { readAccessPolicies } from './access-policies.ts';
import { openNetwork, readNetworkAcls } from './network-acls.ts';
import type { VaultSettings } from './vault.ts';
import { invalidProperty } from './vault-property.ts';

/** The settings a request names; what it leaves out is not there. */
export type NamedSettings = Partial<VaultSettings>;

/** From this api-version on a vault created without `enableRbacAuthorization` uses role assignments. */
export const RBAC_BY_DEFAULT_SINCE = '2026-02-01';

/**
 * The api-versions that brought settings which are not in the first one (Microsoft.KeyVault's published versions). A PUT by an older
 * one leaves them as they are: a client that cannot name a firewall must not open it.
 */
const settingSince: Readonly<Partial<Record<keyof VaultSettings, string>>> = {
  networkAcls: '2018-02-14',
  publicNetworkAccess: '2021-06-01',
};

/** Bounds of `softDeleteRetentionInDays`. */
export const retentionDays = Object.freeze({ least: 7, most: 90, usual: 90 });

/** Settings of a vault of which nothing was asked. */
export const usualSettings: VaultSettings = Object.freeze({
  sku: 'standard',
  enabledForDeployment: false,
  enabledForDiskEncryption: false,
  enabledForTemplateDeployment: false,
  enableRbacAuthorization: true,
  softDeleteRetentionInDays: retentionDays.usual,
  enablePurgeProtection: false,
  publicNetworkAccess: 'Enabled',
  networkAcls: openNetwork,
  accessPolicies: Object.freeze([]),
});

/**
 * Reads the `properties` of a vault request. Members that only answers have, and unknown ones, are passed over; null counts as
 * left out.
 * @throws Refusal `vault-property-invalid`, `vault-tenant`, `soft-delete-required`, `purge-protection-irreversible`,
 *   `virtual-network-rules`
 */
export function readSettings(properties: Readonly<Record<string, unknown>>, tenantId: string): NamedSettings {
  checkTenant(properties['tenantId'], tenantId);
  if (readBoolean(properties, 'enableSoftDelete') === false) throw new Refusal('soft-delete-required');
  const purgeProtection = readBoolean(properties, 'enablePurgeProtection');
  // The service refuses false even where it is off already; clients know to leave it out.
  if (purgeProtection === false) throw new Refusal('purge-protection-irreversible');
  const named: { -readonly [K in keyof VaultSettings]?: VaultSettings[K] | undefined } = {
    sku: readSku(properties['sku']),
    enabledForDeployment: readBoolean(properties, 'enabledForDeployment'),
    enabledForDiskEncryption: readBoolean(properties, 'enabledForDiskEncryption'),
    enabledForTemplateDeployment: readBoolean(properties, 'enabledForTemplateDeployment'),
    enableRbacAuthorization: readBoolean(properties, 'enableRbacAuthorization'),
    softDeleteRetentionInDays: readRetention(properties['softDeleteRetentionInDays']),
    enablePurgeProtection: purgeProtection,
    publicNetworkAccess: readPublicAccess(properties['publicNetworkAccess']),
  };
  if (properties['networkAcls'] !== undefined) named.networkAcls = readNetworkAcls(properties['networkAcls']);
  const policies = properties['accessPolicies'];
  if (policies !== undefined && policies !== null) named.accessPolicies = readAccessPolicies(policies, tenantId);
  return present(named);
}

/** The settings of a new vault. */
export function settingsForCreate(named: NamedSettings, apiVersion: string): VaultSettings {
  const enableRbacAuthorization = apiVersion >= RBAC_BY_DEFAULT_SINCE;
  return { ...usualSettings, enableRbacAuthorization, ...named };
}

/**
 * The settings of a vault that is replaced (PUT): what is left out goes back to what is usual, save for what never changes
 * unasked: tier, permission model, retention, purge protection, and what the api-version does not know of.
 * @throws Refusal `retention-fixed`, `tier-upgrade`
 */
export function settingsForReplace(current: VaultSettings, named: NamedSettings, apiVersion: string): VaultSettings {
  checkChange(current, named);
  const { sku, enableRbacAuthorization, softDeleteRetentionInDays, enablePurgeProtection } = current;
  return {
    ...usualSettings,
    ...unknownTo(apiVersion, current),
    sku,
    enableRbacAuthorization,
    softDeleteRetentionInDays,
    enablePurgeProtection,
    ...named,
  };
}

/**
 * The settings of a vault that is patched: what is left out stays.
 * @throws Refusal `retention-fixed`, `tier-upgrade`
 */
export function settingsForPatch(current: VaultSettings, named: NamedSettings): VaultSettings {
  checkChange(current, named);
  return { ...current, ...named };
}

function unknownTo(apiVersion: string, current: VaultSettings): NamedSettings {
  const names = Object.keys(settingSince) as (keyof VaultSettings)[];
  // A preview has the date of the version it leads to, and what that brings.
  const later = names.filter((name) => apiVersion.slice(0, 10) < settingSince[name]!);
  return Object.fromEntries(later.map((name) => [name, current[name]])) as NamedSettings;
}

function checkChange(current: VaultSettings, named: NamedSettings): void {
  const { softDeleteRetentionInDays: days, sku } = named;
  if (days !== undefined && days !== current.softDeleteRetentionInDays) {
    throw new Refusal('retention-fixed', { current: current.softDeleteRetentionInDays, asked: days });
  }
  if (sku === 'premium' && current.sku === 'standard') throw new Refusal('tier-upgrade');
}

function checkTenant(value: unknown, tenantId: string): void {
  if (value === undefined || value === null) return;
  if (typeof value !== 'string' || !isUuid(value)) throw invalidProperty('tenantId', 'a tenant id (GUID) is expected');
  if (value.toLowerCase() !== tenantId.toLowerCase())
    throw new Refusal('vault-tenant', { tenant: tenantId, found: value });
}

function readSku(value: unknown): VaultSettings['sku'] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw invalidProperty('sku', 'an object is expected');
  const { family, name } = value as { family?: unknown; name?: unknown };
  if (family !== undefined && family !== null && !(typeof family === 'string' && family.toUpperCase() === 'A')) {
    throw invalidProperty('sku.family', 'A is expected');
  }
  const tier = typeof name === 'string' ? name.toLowerCase() : '';
  if (tier !== 'standard' && tier !== 'premium')
    throw invalidProperty('sku.name', 'one of standard, premium is expected');
  return tier;
}

function readRetention(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const { least, most } = retentionDays;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalidProperty('softDeleteRetentionInDays', `a whole number from ${least} to ${most} is expected`);
  }
  return value;
}

function readPublicAccess(value: unknown): VaultSettings['publicNetworkAccess'] | undefined {
  if (value === undefined || value === null) return undefined;
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  if (word === 'enabled') return 'Enabled';
  if (word === 'disabled') return 'Disabled';
  throw invalidProperty('publicNetworkAccess', 'one of Enabled, Disabled is expected');
}

function readBoolean(properties: Readonly<Record<string, unknown>>, name: string): boolean | undefined {
  const value = properties[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw invalidProperty(name, 'true or false is expected');
  return value;
}

function present(named: { readonly [K in keyof VaultSettings]?: VaultSettings[K] | undefined }): NamedSettings {
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) as NamedSettings;
}
