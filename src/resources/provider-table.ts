import { foldName } from '../base/ids.ts';
import {
  authorizationVersions,
  hostVersions,
  insightsVersions,
  keyVaultVersions,
  managedIdentityVersions,
  resourcesVersions,
} from './arm-versions.ts';

/** A resource provider with its types. */
export interface Provider {
  readonly namespace: string;
  readonly versions: readonly string[];
  readonly types: readonly string[];
}

/** The resource providers and types that this release serves. */
export const providers: readonly Provider[] = Object.freeze([
  {
    namespace: 'Microsoft.KeyVault',
    versions: keyVaultVersions.known,
    types: [
      'vaults',
      'vaults/accessPolicies',
      'vaults/keys',
      'vaults/keys/versions',
      'vaults/secrets',
      'vaults/privateEndpointConnections',
      'vaults/privateLinkResources',
      'operations',
      'deletedVaults',
      'locations',
      'locations/deletedVaults',
      'locations/operationResults',
      'checkNameAvailability',
    ],
  },
  {
    namespace: 'Microsoft.Authorization',
    versions: authorizationVersions.known,
    types: ['roleAssignments', 'roleDefinitions', 'denyAssignments', 'permissions', 'locks'],
  },
  {
    namespace: 'Microsoft.ManagedIdentity',
    versions: managedIdentityVersions.known,
    types: ['userAssignedIdentities', 'userAssignedIdentities/federatedIdentityCredentials'],
  },
  { namespace: 'Microsoft.Insights', versions: insightsVersions.known, types: ['eventtypes', 'eventcategories'] },
  { namespace: 'Microsoft.Compute', versions: hostVersions.known, types: ['virtualMachines'] },
  { namespace: 'Microsoft.Web', versions: hostVersions.known, types: ['sites'] },
  {
    namespace: 'Microsoft.Resources',
    versions: resourcesVersions.known,
    types: ['subscriptions', 'resourceGroups', 'resources', 'providers', 'tags'],
  },
]);

/** The provider of a namespace, in any case, or null. */
export function providerOf(namespace: string): Provider | null {
  return providers.find((candidate) => foldName(candidate.namespace) === foldName(namespace)) ?? null;
}
