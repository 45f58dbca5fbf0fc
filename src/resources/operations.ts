import type { Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { activityOperations } from './activity.ts';
import { keyVaultVersions, resourcesVersions } from './arm-versions.ts';
import {
  checkNameAvailability,
  getDeletedVault,
  getOperationResult,
  listDeletedVaults,
  purgeDeletedVault,
} from './deleted-vaults.ts';
import { deleteGroup, getGroup, headGroup, listResourceGroups, patchGroup, putGroup } from './groups.ts';
import { hostOperations } from './host-operations.ts';
import { identitySections } from './identity-operations.ts';
import { lockOperations } from './lock-operations.ts';
import { managedHsmOperations } from './managed-hsm-operations.ts';
import { getEndpoints, getHealth, type Health } from './metadata.ts';
import type { ResourceParts } from './parts.ts';
import {
  deleteConnection,
  getConnection,
  listLinkResources,
  listVaultConnections,
  putConnection,
} from './private-endpoints.ts';
import { listProviderOperations } from './provider-operations.ts';
import { getProvider, listProviders, registerProvider } from './providers.ts';
import { listGroupResources, listSubscriptionResources } from './resource-list.ts';
import { groupScope, segment, subscriptionScope, vaultScope } from './scopes.ts';
import { row, type Section, sectionOperations } from './section.ts';
import { getSubscription, listLocations, listMySubscriptions, listTenants } from './subscriptions.ts';
import { tagOperations } from './tag-operations.ts';
import { changeAccessPolicies } from './vault-policies.ts';
import { deleteVault, getVault, listGroupVaults, listSubscriptionVaults, patchVault, putVault } from './vaults.ts';

const subscription = '/subscriptions/:subscriptionId';
const group = `${subscription}/resourceGroups/:group`;
const vaultType = 'Microsoft.KeyVault/vaults';
const connectionType = 'privateEndpointConnections';
const connections = `/${connectionType}`;
const groupAction = 'Microsoft.Resources/subscriptions/resourceGroups';

const tenantRows: Section = {
  prefix: '',
  versions: resourcesVersions,
  scope: () => '/',
  rows: [
    row('TenantList', 'GET', '/tenants', 'authenticated', listTenants),
    row('SubscriptionList', 'GET', '/subscriptions', 'authenticated', listMySubscriptions),
  ],
};

const subscriptionRows: Section = {
  prefix: subscription,
  versions: resourcesVersions,
  scope: subscriptionScope,
  rows: [
    row('SubscriptionGet', 'GET', '', 'authenticated', getSubscription),
    row('LocationList', 'GET', '/locations', 'authenticated', listLocations),
    row('ResourceGroupList', 'GET', '/resourceGroups', 'authenticated', listResourceGroups),
    row('ResourceList', 'GET', '/resources', 'authenticated', listSubscriptionResources),
    row('ProviderList', 'GET', '/providers', 'authenticated', listProviders),
    row('ProviderGet', 'GET', '/providers/:namespace', 'authenticated', getProvider),
    row(
      'ProviderRegister',
      'POST',
      '/providers/:namespace/register',
      'Microsoft.Resources/subscriptions/providers/register/action',
      registerProvider,
    ),
  ],
};

const groupRows: Section = {
  prefix: group,
  versions: resourcesVersions,
  scope: groupScope,
  rows: [
    row('ResourceGroupPut', 'PUT', '', `${groupAction}/write`, putGroup, 'json', [200, 201]),
    row('ResourceGroupPatch', 'PATCH', '', `${groupAction}/write`, patchGroup, 'json'),
    row('ResourceGroupGet', 'GET', '', `${groupAction}/read`, getGroup),
    row('ResourceGroupExists', 'HEAD', '', `${groupAction}/read`, headGroup, undefined, [204]),
    row('ResourceGroupDelete', 'DELETE', '', `${groupAction}/delete`, deleteGroup),
    row('ResourceList', 'GET', '/resources', 'authenticated', listGroupResources),
  ],
};

const vaultRows: Section = {
  prefix: `${group}/providers/Microsoft.KeyVault/vaults/:vault`,
  versions: keyVaultVersions,
  scope: vaultScope,
  rows: [
    row('VaultPut', 'PUT', '', `${vaultType}/write`, putVault, 'json', [200, 201]),
    row('VaultPatch', 'PATCH', '', `${vaultType}/write`, patchVault, 'json', [200, 201]),
    row('VaultGet', 'GET', '', `${vaultType}/read`, getVault),
    row('VaultDelete', 'DELETE', '', `${vaultType}/delete`, deleteVault, undefined, [200, 204]),
    row(
      'VaultAccessPolicyPut',
      'PUT',
      '/accessPolicies/:operation',
      `${vaultType}/accessPolicies/write`,
      changeAccessPolicies,
      'json',
      [200, 201],
    ),
    row(
      'VaultLinkResourceList',
      'GET',
      '/privateLinkResources',
      `${vaultType}/privateLinkResources/read`,
      listLinkResources,
    ),
    row('VaultConnectionList', 'GET', connections, `${vaultType}/${connectionType}/read`, listVaultConnections),
  ],
};

const connectionRows: Section = {
  prefix: `${group}/providers/Microsoft.KeyVault/vaults/:vault${connections}/:connection`,
  versions: keyVaultVersions,
  scope: (parameters) => `${vaultScope(parameters)}${connections}/${segment(parameters['connection'])}`,
  rows: [
    row('VaultConnectionPut', 'PUT', '', `${vaultType}/${connectionType}/write`, putConnection, 'json'),
    row('VaultConnectionGet', 'GET', '', `${vaultType}/${connectionType}/read`, getConnection),
    row(
      'VaultConnectionDelete',
      'DELETE',
      '',
      `${vaultType}/${connectionType}/delete`,
      deleteConnection,
      undefined,
      [200, 204],
    ),
  ],
};

const vaultListRows: Section = {
  prefix: group,
  versions: keyVaultVersions,
  scope: groupScope,
  rows: [row('VaultList', 'GET', '/providers/Microsoft.KeyVault/vaults', 'authenticated', listGroupVaults)],
};

const keyVaultRows: Section = {
  prefix: `${subscription}/providers/Microsoft.KeyVault`,
  versions: keyVaultVersions,
  scope: subscriptionScope,
  rows: [
    row('VaultList', 'GET', '/vaults', 'authenticated', listSubscriptionVaults),
    row('VaultListDeleted', 'GET', '/deletedVaults', 'Microsoft.KeyVault/deletedVaults/read', listDeletedVaults),
    row(
      'VaultGetDeleted',
      'GET',
      '/locations/:location/deletedVaults/:vault',
      'Microsoft.KeyVault/locations/deletedVaults/read',
      getDeletedVault,
    ),
    row(
      'VaultPurge',
      'POST',
      '/locations/:location/deletedVaults/:vault/purge',
      'Microsoft.KeyVault/locations/deletedVaults/purge/action',
      purgeDeletedVault,
      undefined,
      [200, 202],
    ),
    row(
      'OperationResultGet',
      'GET',
      '/locations/:location/operationResults/:operation',
      'Microsoft.KeyVault/locations/operationResults/read',
      getOperationResult,
      undefined,
      [200, 202],
    ),
    row(
      'VaultCheckName',
      'POST',
      '/checkNameAvailability',
      'Microsoft.KeyVault/checkNameAvailability/read',
      checkNameAvailability,
      'json',
    ),
  ],
};

const sections: readonly Section[] = [
  tenantRows,
  subscriptionRows,
  groupRows,
  vaultRows,
  connectionRows,
  vaultListRows,
  keyVaultRows,
  ...identitySections,
];

/** What the rows of this room need besides the operations' own parts. */
export interface ResourceOperationParts extends ResourceParts {
  readonly version: string;
  health(): Health;
  /** The actions of Microsoft.KeyVault that the whole table of operations asks for. */
  vaultActions(): readonly string[];
}

/** The rows of subscriptions, resource groups, vaults, managed identities and the cloud's metadata. */
export function resourceOperations(parts: ResourceOperationParts): readonly Operation[] {
  const open = { plane: 'management', method: 'GET', need: { kind: 'anonymous' }, throttle: 'none' } as const;
  return [
    ...sections.flatMap((section) => sectionOperations(parts, section)),
    ...lockOperations(parts),
    ...tagOperations(parts),
    ...hostOperations(parts),
    ...activityOperations(parts),
    ...managedHsmOperations(),
    {
      id: 'ProviderOperationList',
      plane: 'management',
      method: 'GET',
      path: '/providers/Microsoft.KeyVault/operations',
      versions: keyVaultVersions,
      need: { kind: 'authenticated' },
      throttle: 'none',
      body: 'none',
      success: [200],
      run: () => listProviderOperations(parts.vaultActions()),
    },
    {
      ...open,
      id: 'CloudEndpoints',
      path: '/metadata/endpoints',
      versions: resourcesVersions,
      body: 'none',
      success: [200],
      unaudited: true,
      run: (call) => getEndpoints(parts.domain, call),
    },
    {
      ...open,
      id: 'Health',
      path: '/metadata/health',
      versions: noVersions,
      body: 'none',
      success: [200],
      unaudited: true,
      run: () => getHealth(parts.version, parts.health()),
    },
  ];
}
