import { foldName, newUuid } from '../base/ids.ts';
import type { Clock, Random } from '../base/ports.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Transaction } from '../store/port.ts';
import { insertGroup, insertSubscription, insertVault, type ResourceGroup, type Subscription } from './repository.ts';
import type { Actor, Vault, VaultSettings } from './vault.ts';
import { toRow, vaultResourceId } from './vault-row.ts';
import { usualSettings } from './vault-settings.ts';

/** What making resources takes. */
export interface MakingParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly keyring: Keyring;
}

/** Makes a subscription, enabled from the start. */
export async function createSubscription(
  transaction: Transaction,
  parts: Pick<MakingParts, 'clock' | 'random'>,
  options: { readonly tenantId: string; readonly name: string; readonly id?: string },
): Promise<Subscription> {
  const subscription: Subscription = {
    id: options.id?.toLowerCase() ?? newUuid(parts.random),
    tenantId: options.tenantId,
    name: options.name,
    state: 'Enabled',
    created: parts.clock.now(),
    tags: {},
  };
  await insertSubscription(transaction, subscription);
  return subscription;
}

/** Makes a resource group; the name and the location are taken as checked. */
export async function createGroup(
  transaction: Transaction,
  parts: Pick<MakingParts, 'clock'>,
  options: {
    readonly subscriptionId: string;
    readonly name: string;
    readonly location: string;
    readonly tags?: Readonly<Record<string, string>>;
  },
): Promise<ResourceGroup> {
  const group: ResourceGroup = {
    subscriptionId: options.subscriptionId,
    name: options.name,
    nameKey: foldName(options.name),
    location: options.location,
    tags: options.tags ?? {},
    created: parts.clock.now(),
  };
  await insertGroup(transaction, group);
  return group;
}

/**
 * Makes a vault and its key; the name, the location and the settings are taken as checked, the name as free.
 * @throws the database's error where the name is taken: it is unique over live and deleted vaults
 */
export async function createVault(
  transaction: Transaction,
  parts: MakingParts,
  options: {
    readonly tenantId: string;
    readonly subscriptionId: string;
    /** The group's name as the group itself has it. */
    readonly group: string;
    readonly name: string;
    readonly location: string;
    readonly settings?: Partial<VaultSettings>;
    readonly tags?: Readonly<Record<string, string>>;
    readonly by?: Actor;
  },
): Promise<Vault> {
  const now = parts.clock.now();
  const resourceId = vaultResourceId(options.subscriptionId, options.group, options.name);
  const vault: Vault = {
    id: newUuid(parts.random),
    name: options.name,
    nameKey: foldName(options.name),
    tenantId: options.tenantId,
    subscriptionId: options.subscriptionId,
    groupName: options.group,
    location: options.location,
    settings: { ...usualSettings, ...options.settings },
    tags: options.tags ?? {},
    created: now,
    updated: now,
    deleted: null,
    purgeAt: null,
    resourceId,
    scopeKey: foldName(resourceId),
    createdBy: options.by ?? null,
    updatedBy: options.by ?? null,
    modelSwitch: null,
  };
  await insertVault(transaction, toRow(vault));
  await parts.keyring.createVaultKey(transaction, vault.id, now);
  return vault;
}
