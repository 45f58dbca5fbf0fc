import { toIso } from '../base/text.ts';
import type { Call } from '../operations/operation.ts';
import { policyBody } from './access-policies.ts';
import type { EndpointConnection } from './endpoint-connection.ts';
import type { ResourceGroup, Subscription } from './repository.ts';
import type { Actor, Vault } from './vault.ts';
import { vaultUri } from './vault-uri.ts';

/** A live vault (`Vault` of Microsoft.KeyVault; the same from 2015-06-01 to 2026-05-15). */
export function vaultBody(
  call: Pick<Call, 'port'>,
  domain: string,
  vault: Vault,
  connections: readonly EndpointConnection[],
): object {
  const { settings } = vault;
  return {
    id: vault.resourceId,
    name: vault.name,
    type: 'Microsoft.KeyVault/vaults',
    location: vault.location,
    tags: vault.tags,
    systemData: systemData(vault),
    properties: {
      sku: { family: 'A', name: settings.sku },
      tenantId: vault.tenantId,
      accessPolicies: settings.accessPolicies.map(policyBody),
      networkAcls: {
        bypass: settings.networkAcls.bypass,
        defaultAction: settings.networkAcls.defaultAction,
        ipRules: settings.networkAcls.ipRules.map((value) => ({ value })),
        virtualNetworkRules: [],
      },
      enabledForDeployment: settings.enabledForDeployment,
      enabledForDiskEncryption: settings.enabledForDiskEncryption,
      enabledForTemplateDeployment: settings.enabledForTemplateDeployment,
      enableSoftDelete: true,
      softDeleteRetentionInDays: settings.softDeleteRetentionInDays,
      enableRbacAuthorization: settings.enableRbacAuthorization,
      // The service leaves it out while it is off, and clients send back what they were given.
      ...(settings.enablePurgeProtection && { enablePurgeProtection: true }),
      vaultUri: vaultUri(call, domain, vault),
      provisioningState: 'Succeeded',
      publicNetworkAccess: settings.publicNetworkAccess,
      // The service has the member only where there is something in it.
      ...(connections.length > 0 && {
        privateEndpointConnections: connections.map((one) => {
          const { id, etag, properties } = connectionBody(vault, one);
          return { id, etag, properties };
        }),
      }),
    },
  };
}

/** A private endpoint's connection (`PrivateEndpointConnection` of Microsoft.KeyVault). */
export function connectionBody(vault: Vault, connection: EndpointConnection) {
  return {
    id: `${vault.resourceId}/privateEndpointConnections/${connection.name}`,
    name: connection.name,
    type: 'Microsoft.KeyVault/vaults/privateEndpointConnections',
    location: vault.location,
    etag: connection.etag,
    properties: {
      provisioningState: connection.status === 'Disconnected' ? 'Disconnected' : 'Succeeded',
      privateEndpoint: { id: connection.endpointId },
      privateLinkServiceConnectionState: {
        status: connection.status,
        ...(connection.description !== null && { description: connection.description }),
        actionsRequired: 'None',
      },
    },
  };
}

/** The id of a deleted vault. */
export function deletedVaultId(vault: Vault): string {
  return `/subscriptions/${vault.subscriptionId}/providers/Microsoft.KeyVault/locations/${vault.location}/deletedVaults/${vault.name}`;
}

/** A deleted vault (`DeletedVault` of Microsoft.KeyVault). */
export function deletedVaultBody(vault: Vault): object {
  return {
    id: deletedVaultId(vault),
    name: vault.name,
    type: 'Microsoft.KeyVault/deletedVaults',
    properties: {
      vaultId: vault.resourceId,
      location: vault.location,
      tags: vault.tags,
      deletionDate: toIso(vault.deleted ?? 0),
      scheduledPurgeDate: toIso(vault.purgeAt ?? 0),
      ...(vault.settings.enablePurgeProtection && { purgeProtectionEnabled: true }),
    },
  };
}

/** The members that `$expand` of a resource list adds. */
export function expanded(expand: string, created: number, changed: number): object {
  const asked = expand.toLowerCase().split(',');
  return {
    ...(asked.includes('createdtime') && { createdTime: toIso(created) }),
    ...(asked.includes('changedtime') && { changedTime: toIso(changed) }),
    ...(asked.includes('provisioningstate') && { provisioningState: 'Succeeded' }),
  };
}

/** A resource group. */
export function groupBody(group: ResourceGroup): object {
  return {
    id: groupId(group),
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.location,
    tags: group.tags,
    properties: { provisioningState: 'Succeeded' },
  };
}

/** The resource id of a group. */
export function groupId(group: Pick<ResourceGroup, 'subscriptionId' | 'name'>): string {
  return `/subscriptions/${group.subscriptionId}/resourceGroups/${group.name}`;
}

/** A subscription. */
export function subscriptionBody(subscription: Subscription): object {
  return {
    id: `/subscriptions/${subscription.id}`,
    subscriptionId: subscription.id,
    tenantId: subscription.tenantId,
    displayName: subscription.name,
    state: subscription.state,
    ...(Object.keys(subscription.tags).length > 0 && { tags: subscription.tags }),
    subscriptionPolicies: { spendingLimit: 'Off' },
    authorizationSource: 'RoleBased',
    managedByTenants: [],
  };
}

function systemData(vault: Vault): object {
  return {
    ...by('created', vault.createdBy),
    createdAt: toIso(vault.created),
    ...by('lastModified', vault.updatedBy),
    lastModifiedAt: toIso(vault.updated),
  };
}

function by(word: 'created' | 'lastModified', actor: Actor | null | undefined): object {
  return actor ? { [`${word}By`]: actor.id, [`${word}ByType`]: actor.kind } : {};
}
