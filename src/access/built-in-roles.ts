import { conditionOf } from './conditions/reader.ts';
import type { Role, RolePermission } from './role.ts';

/**
 * The built-in roles served here, with the ids and permissions of Azure's "built-in roles for Security" and "privileged"
 * reference pages.
 */

/** What every data role that is also of use in the portal may read of the management plane. */
const vaultReaderActions = [
  'Microsoft.Authorization/*/read',
  'Microsoft.Insights/alertRules/*',
  'Microsoft.Resources/deployments/*',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.Support/*',
  'Microsoft.KeyVault/checkNameAvailability/read',
  'Microsoft.KeyVault/deletedVaults/read',
  'Microsoft.KeyVault/locations/*/read',
  'Microsoft.KeyVault/vaults/*/read',
  'Microsoft.KeyVault/operations/read',
];

const rbacOnly = "Only works for key vaults that use the 'Azure role-based access control' permission model.";

interface RoleRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
  /** Names after `Microsoft.KeyVault/vaults/`. */
  readonly vaultData?: readonly string[];
  readonly assignsOnly?: readonly string[];
}

const dataRoles: readonly RoleRow[] = [
  {
    id: '00482a5a-887f-4fb3-b363-3b7fe8e74483',
    name: 'Key Vault Administrator',
    description: `Perform all data plane operations on a key vault and all objects in it, including certificates, keys, and secrets. Cannot manage key vault resources or manage role assignments. ${rbacOnly}`,
    actions: vaultReaderActions,
    vaultData: ['*'],
  },
  {
    id: 'a4417e6f-fecd-4de8-b567-7b0420556985',
    name: 'Key Vault Certificates Officer',
    description: `Perform any action on the certificates of a key vault, except manage permissions. ${rbacOnly}`,
    actions: vaultReaderActions,
    vaultData: ['certificatecas/*', 'certificates/*', 'certificatecontacts/write'],
  },
  {
    id: 'db79e9a7-68ee-4b58-9aeb-b90e7c24fcba',
    name: 'Key Vault Certificate User',
    description: `Read certificate contents. ${rbacOnly}`,
    vaultData: ['certificates/read', 'secrets/getSecret/action', 'secrets/readMetadata/action', 'keys/read'],
  },
  {
    id: '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
    name: 'Key Vault Crypto Officer',
    description: `Perform any action on the keys of a key vault, except manage permissions. ${rbacOnly}`,
    actions: vaultReaderActions,
    vaultData: ['keys/*', 'keyrotationpolicies/*'],
  },
  {
    id: 'e147488a-f6f5-4113-8e2d-b22465e65bf6',
    name: 'Key Vault Crypto Service Encryption User',
    description: `Read metadata of keys and perform wrap/unwrap operations. ${rbacOnly}`,
    actions: [
      'Microsoft.EventGrid/eventSubscriptions/write',
      'Microsoft.EventGrid/eventSubscriptions/read',
      'Microsoft.EventGrid/eventSubscriptions/delete',
    ],
    vaultData: ['keys/read', 'keys/wrap/action', 'keys/unwrap/action'],
  },
  {
    id: '08bbd89e-9f13-488c-ac41-acfcb10c90ab',
    name: 'Key Vault Crypto Service Release User',
    description: `Release keys. ${rbacOnly}`,
    vaultData: ['keys/release/action'],
  },
  {
    id: '12338af0-0e69-4776-bea7-57ae8d297424',
    name: 'Key Vault Crypto User',
    description: `Perform cryptographic operations using keys. ${rbacOnly}`,
    vaultData: [
      'keys/read',
      'keys/update/action',
      'keys/backup/action',
      'keys/encrypt/action',
      'keys/decrypt/action',
      'keys/wrap/action',
      'keys/unwrap/action',
      'keys/sign/action',
      'keys/verify/action',
    ],
  },
  {
    id: '21090545-7ca7-4776-b22c-e363652d74d2',
    name: 'Key Vault Reader',
    description: `Read metadata of key vaults and its certificates, keys, and secrets. Cannot read sensitive values such as secret contents or key material. ${rbacOnly}`,
    actions: vaultReaderActions,
    vaultData: ['*/read', 'secrets/readMetadata/action'],
  },
  {
    id: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
    name: 'Key Vault Secrets Officer',
    description: `Perform any action on the secrets of a key vault, except manage permissions. ${rbacOnly}`,
    actions: vaultReaderActions,
    vaultData: ['secrets/*'],
  },
  {
    id: '4633458b-17de-408a-b874-0445c86b69e6',
    name: 'Key Vault Secrets User',
    description: `Read secret contents. ${rbacOnly}`,
    vaultData: ['secrets/getSecret/action', 'secrets/readMetadata/action'],
  },
];

const managementRoles: readonly RoleRow[] = [
  {
    id: 'f25e0fa2-a7c8-4377-a976-54943a77a395',
    name: 'Key Vault Contributor',
    description: 'Lets you manage key vaults, but not access to them.',
    actions: [
      'Microsoft.Authorization/*/read',
      'Microsoft.Insights/alertRules/*',
      'Microsoft.KeyVault/*',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      'Microsoft.Support/*',
    ],
    notActions: [
      'Microsoft.KeyVault/locations/deletedVaults/purge/action',
      'Microsoft.KeyVault/hsmPools/*',
      'Microsoft.KeyVault/managedHsms/*',
    ],
  },
  {
    id: 'a68e7c17-0ab2-4c09-9a58-125dae29748c',
    name: 'Key Vault Purge Operator',
    description: 'Allows permanent deletion of soft-deleted vaults.',
    // The purge itself is documented; the reads are what finding a deleted vault and following its purge take.
    actions: [
      'Microsoft.KeyVault/deletedVaults/read',
      'Microsoft.KeyVault/locations/deletedVaults/read',
      'Microsoft.KeyVault/locations/deletedVaults/purge/action',
      'Microsoft.KeyVault/locations/operationResults/read',
    ],
  },
  {
    id: '8b54135c-b56d-4d72-a534-26097cfdc8d8',
    name: 'Key Vault Data Access Administrator',
    description:
      'Manage access to Azure Key Vault by adding or removing role assignments for the Key Vault Administrator, Key Vault Certificates Officer, Key Vault Crypto Officer, Key Vault Crypto Service Encryption User, Key Vault Crypto User, Key Vault Reader, Key Vault Secrets Officer, or Key Vault Secrets User roles. Includes an ABAC condition to constrain role assignments.',
    actions: [
      'Microsoft.Authorization/roleAssignments/write',
      'Microsoft.Authorization/roleAssignments/delete',
      'Microsoft.Authorization/*/read',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      'Microsoft.Resources/subscriptions/read',
      'Microsoft.Management/managementGroups/read',
      'Microsoft.Support/*',
      'Microsoft.KeyVault/vaults/*/read',
    ],
    assignsOnly: [
      '00482a5a-887f-4fb3-b363-3b7fe8e74483',
      'a4417e6f-fecd-4de8-b567-7b0420556985',
      '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
      'e147488a-f6f5-4113-8e2d-b22465e65bf6',
      '12338af0-0e69-4776-bea7-57ae8d297424',
      '21090545-7ca7-4776-b22c-e363652d74d2',
      'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
      '4633458b-17de-408a-b874-0445c86b69e6',
    ],
  },
  {
    id: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
    name: 'Owner',
    description: 'Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.',
    actions: ['*'],
  },
  {
    id: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    name: 'Contributor',
    description:
      'Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC, manage assignments in Azure Blueprints, or share image galleries.',
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
      'Microsoft.Blueprint/blueprintAssignments/write',
      'Microsoft.Blueprint/blueprintAssignments/delete',
      'Microsoft.Compute/galleries/share/action',
      'Microsoft.Purview/consents/write',
      'Microsoft.Purview/consents/delete',
      'Microsoft.Resources/deploymentStacks/manageDenySetting/action',
      'Microsoft.Subscription/cancel/action',
      'Microsoft.Subscription/enable/action',
    ],
  },
  {
    id: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    name: 'Reader',
    description: 'View all resources, but does not allow you to make any changes.',
    actions: ['*/read'],
  },
  {
    id: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9',
    name: 'User Access Administrator',
    description: 'Lets you manage user access to Azure resources.',
    actions: ['*/read', 'Microsoft.Authorization/*', 'Microsoft.Support/*'],
  },
];

/** Every built-in role, deeply frozen. */
export const builtInRoles: readonly Role[] = Object.freeze([...dataRoles, ...managementRoles].map(toRole));

const byId: ReadonlyMap<string, Role> = new Map(builtInRoles.map((role) => [role.id, role]));

/** The built-in role of this id, letters in either case, or null. */
export function findBuiltInRole(id: string): Role | null {
  return byId.get(id.toLowerCase()) ?? null;
}

function toRole(row: RoleRow): Role {
  const permission: RolePermission = Object.freeze({
    actions: Object.freeze([...(row.actions ?? [])]),
    notActions: Object.freeze([...(row.notActions ?? [])]),
    dataActions: Object.freeze((row.vaultData ?? []).map((name) => `Microsoft.KeyVault/vaults/${name}`)),
    notDataActions: Object.freeze([]),
  });
  return Object.freeze({
    id: row.id,
    name: row.name,
    description: row.description,
    type: 'BuiltInRole',
    permissions: Object.freeze([permission]),
    assignableScopes: Object.freeze(['/']),
    ...(row.assignsOnly && conditionMembers(row.assignsOnly)),
  });
}

function conditionMembers(roleIds: readonly string[]): Pick<Role, 'assignsOnly' | 'condition' | 'holdsIf'> {
  const condition = conditionText(roleIds);
  return { assignsOnly: Object.freeze([...roleIds]), condition, holdsIf: conditionOf(condition) };
}

/** The condition that lets these roles alone be assigned (Azure "delegate role assignment management"). */
function conditionText(roleIds: readonly string[]): string {
  const clause = (action: string, source: string) =>
    `((!(ActionMatches{'Microsoft.Authorization/roleAssignments/${action}'})) OR (@${source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals{${roleIds.join(', ')}}))`;
  return `${clause('write', 'Request')} AND ${clause('delete', 'Resource')}`;
}
