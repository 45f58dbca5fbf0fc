import { rows } from './row.ts';

/** Refusals of the management plane. */
export const managementRefusals = rows({
  'arm-version-missing': {
    check: 'request',
    status: 400,
    error: 'MissingApiVersionParameter',
    message: 'The api-version query parameter (?api-version=) is required for all requests.',
    cause: 'The request has no api-version query parameter.',
    remedy: ['Add ?api-version={newest} to the URL.'],
  },
  'arm-version-unknown': {
    check: 'request',
    status: 400,
    error: 'InvalidApiVersionParameter',
    message: "The api-version '{version}' is invalid. The supported versions are '{supported}'.",
    cause: 'The client speaks an api-version that this release does not know.',
    remedy: ['Use api-version={newest}.'],
  },
  'authorization-failed': {
    check: 'authorise',
    status: 403,
    error: 'AuthorizationFailed',
    message:
      "The client '{appid}' with object id '{oid}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
    cause: 'No role that the caller holds at this scope or above it includes the action.',
    remedy: [
      'az role assignment create --role "{role}" --assignee-object-id {oid} --assignee-principal-type {principalType} --scope {scope}',
    ],
  },
  'request-content-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidRequestContent',
    message: "The request content was invalid and could not be deserialized: '{property}: {reason}'.",
    cause: 'A member of the body has the wrong type or is missing.',
    remedy: ['Correct {property}.'],
  },
  'filter-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidFilterInQueryString',
    message: "Invalid $filter '{filter}' specified in the query string: {reason}.",
    cause:
      'This release understands the filters that az and the SDKs send, and says so rather than answer an unfiltered list.',
    remedy: ['Use one of: {supported}.'],
  },
  'page-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidQueryParameterValue',
    message: 'The query parameter {parameter} has an invalid value: {reason}.',
    cause: 'A page size is out of its range, or a page token is damaged or of another list.',
    remedy: ['Start the list again without $skiptoken; $top is 1 to 1000.'],
  },
  'subscription-not-found': {
    check: 'state',
    status: 404,
    error: 'SubscriptionNotFound',
    message: "The subscription '{subscription}' could not be found.",
    cause: 'This installation has no subscription of this id.',
    remedy: ['az account list --refresh --output table'],
  },
  'location-missing': {
    check: 'body',
    status: 400,
    error: 'LocationRequired',
    message: 'The location property is required for this definition.',
    cause: 'The body has no location.',
    remedy: ['az account list-locations --query "[].name"'],
  },
  'location-invalid': {
    check: 'body',
    status: 400,
    error: 'LocationNotAvailableForResourceType',
    message:
      "The provided location '{location}' is not available for resource type '{type}'. List of available regions for the resource type is '{locations}'.",
    cause: 'A location is 2 to 40 letters and digits, e.g. local or westeurope.',
    remedy: ['az account list-locations --query "[].name"'],
  },
  'tags-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidTagValue',
    message: 'The tags are invalid: {reason}.',
    cause: 'A resource has at most 50 tags; names are 1 to 512 characters without <>%&\\?/, values at most 256.',
    remedy: ['Correct the tags.'],
  },
  'group-name-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidResourceGroup',
    message:
      "The provided resource group name '{group}' is invalid. The name is 1 to 90 characters, can only be a letter, digit, '-', '.', '(', ')' or '_', and does not end with '.'.",
    cause: 'The name is not one that a resource group can have.',
    remedy: ['az group create --name NAME --location {location}'],
  },
  'group-location-fixed': {
    check: 'state',
    status: 409,
    error: 'InvalidResourceGroupLocation',
    message: "Invalid resource group location '{asked}'. The Resource group already exists in location '{location}'.",
    cause: 'A resource group stays where it was created.',
    remedy: ['az group create --name {group} --location {location}'],
  },
  'resource-group-not-found': {
    check: 'state',
    status: 404,
    error: 'ResourceGroupNotFound',
    message: "Resource group '{group}' could not be found.",
    cause: 'The subscription has no resource group of this name.',
    remedy: ['az group list --output table', 'az group create --name {group} --location local'],
  },
  'resource-not-found': {
    check: 'state',
    status: 404,
    error: 'ResourceNotFound',
    message:
      "The Resource '{type}/{name}' under resource group '{group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    cause: 'The resource group has no resource of this type and name.',
    remedy: ['az resource list --resource-group {group} --output table'],
  },
  'vault-resource-deleted': {
    check: 'state',
    status: 404,
    error: 'ResourceNotFound',
    message:
      "The Resource '{type}/{name}' under resource group '{group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    cause: 'The vault is soft-deleted since {deleted} and will be purged at {purge}.',
    remedy: ['az keyvault recover --name {name} --location {location}'],
  },
  'vault-name-invalid': {
    check: 'request',
    status: 400,
    error: 'VaultNameNotValid',
    message:
      "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link for more information: https://go.microsoft.com/fwlink/?linkid=2147742",
    cause: 'The name is not one that a vault can have: it becomes part of a host name.',
    remedy: ['az keyvault create --name TEAM-APP-PROD --resource-group GROUP'],
  },
  'vault-name-in-use': {
    check: 'state',
    status: 409,
    error: 'VaultAlreadyExists',
    message:
      "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name is already taken. If you are sure that the vault name was not taken then it is possible that a vault with the same name was recently deleted but not purged after being placed in a recoverable state. If the vault is in a recoverable state then the vault will need to be purged before reusing the name. For more information about VaultAlreadyExists, soft delete and purging a vault follow this link https://go.microsoft.com/fwlink/?linkid=2147740.",
    cause: 'Another vault of this installation, in another resource group or subscription, has the name.',
    remedy: ['az keyvault list --query "[?name==\'{name}\'].id"', 'Choose another name.'],
  },
  'vault-name-deleted': {
    check: 'state',
    status: 409,
    error: 'ConflictError',
    message:
      'A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.',
    cause: 'The vault {name} was deleted at {deleted}; it keeps its name until it is purged at {purge}.',
    remedy: [
      'az keyvault recover --name {name} --location {location}',
      'az keyvault purge --name {name} --location {location}',
    ],
  },
  'resource-location-fixed': {
    check: 'state',
    status: 409,
    error: 'InvalidResourceLocation',
    message:
      "The resource '{name}' already exists in location '{location}' in resource group '{group}'. A resource with the same name cannot be created in location '{asked}'. Please select a new resource name.",
    cause: 'A resource stays where it was created.',
    remedy: ['Leave the location as {location}, or create one of another name in {asked}.'],
  },
  'vault-property-invalid': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message: 'An invalid value was provided for {property}: {reason}.',
    cause: 'A property of the vault has the wrong type or is out of its range.',
    remedy: ['Correct {property}.'],
  },
  'vault-tenant': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message: "The tenant ID '{found}' is not the tenant of the subscription. Expected '{tenant}'.",
    cause: 'A vault belongs to the tenant of its subscription.',
    remedy: ['az account show --query tenantId'],
  },
  'soft-delete-required': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message:
      'The property "enableSoftDelete" can be set to false only for creating new vault. Enabling the \'soft delete\' functionality is an irreversible action.',
    cause: 'Soft delete is always on.',
    remedy: ['Leave enableSoftDelete out; choose a shorter --retention-days (7 to 90) when the vault is created.'],
  },
  'purge-protection-irreversible': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message:
      'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.',
    cause: 'Purge protection is a one-way switch; the property is true or left out.',
    remedy: ['Leave enablePurgeProtection out.'],
  },
  'retention-fixed': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message:
      'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified. It is {current}, not {asked}.',
    cause: 'The retention is fixed when the vault is created.',
    remedy: ['Leave softDeleteRetentionInDays as {current}, or create a new vault.'],
  },
  'tier-upgrade': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message:
      'The vault is of the tier standard and is not changed to premium in place: keys that it holds would stay software-protected. Create a premium vault and move the objects into it.',
    cause: 'The tier of a vault does not change upwards.',
    remedy: ['az keyvault create --name NEW-NAME --resource-group GROUP --sku premium'],
  },
  'virtual-network-rules': {
    check: 'body',
    status: 400,
    error: 'BadRequest',
    message:
      'Virtual network rules are not available in this release of Strongroom, and a rule that would not be enforced is not stored. Use ipRules.',
    cause: 'The request holds {rules} virtual network rules.',
    remedy: ['az keyvault network-rule add --name NAME --ip-address RANGE'],
  },
  'permission-model-protected': {
    check: 'authorise',
    status: 403,
    error: 'AuthorizationFailed',
    message:
      "The client '{appid}' with object id '{oid}' does not have authorization to change the permission model of the vault: this takes the unrestricted permission '{action}' over scope '{scope}'.",
    cause:
      'The permission model decides who reads the data, so that writing the vault is not enough to change it; no role of the caller may assign every role here.',
    remedy: [
      'az role assignment create --role "User Access Administrator" --assignee-object-id {oid} --assignee-principal-type {principalType} --scope {scope}',
      'Leave enableRbacAuthorization as it is.',
    ],
  },
  'policy-operation-unknown': {
    check: 'request',
    status: 400,
    error: 'BadRequest',
    message: "The operation '{operation}' on access policies is not supported. Use add, replace or remove.",
    cause: 'The last segment of the path is none of add, replace, remove.',
    remedy: ['Use add, replace or remove.'],
  },
  'deleted-vault-not-found': {
    check: 'state',
    status: 404,
    error: 'DeletedVaultNotFound',
    message: "The specified deleted vault '{name}' does not exist in location '{location}'.",
    cause: 'The subscription has no deleted vault of this name there: it is live, purged, or never was.',
    remedy: ['az keyvault list-deleted --resource-type vault --output table'],
  },
  'vault-not-recoverable': {
    check: 'state',
    status: 404,
    error: 'SoftDeletedVaultDoesNotExist',
    message:
      'A soft deleted vault with the given name does not exist. Ensure that the name for the vault that is being attempted to recover is in a recoverable state. For more information on soft delete please follow this link https://go.microsoft.com/fwlink/?linkid=2149745',
    cause: 'The resource group has no deleted vault {name}: it is live, purged, of another group, or never was.',
    remedy: ['az keyvault list-deleted --resource-type vault --output table'],
  },
  'vault-purge-protected': {
    check: 'state',
    status: 405,
    error: 'MethodNotAllowed',
    message:
      "Operation 'DeletedVaultPurge' is not allowed. Purge protection is enabled for this vault: it is purged by itself once its retention ends.",
    cause: 'The vault {name} has purge protection: nobody purges it before {purge}.',
    remedy: [
      'az keyvault recover --name {name} --location {location}',
      'Wait until {purge}; it is purged by itself then.',
    ],
  },
  'role-definition-not-found': {
    check: 'state',
    status: 404,
    error: 'RoleDefinitionDoesNotExist',
    message: "The specified role definition with ID '{role}' does not exist.",
    cause: 'There is no role of this id here.',
    remedy: ['az role definition list --query "[].{name:roleName,guid:name}" --output table'],
  },
  'role-definition-unknown': {
    check: 'body',
    status: 400,
    error: 'RoleDefinitionDoesNotExist',
    message: "The specified role definition with ID '{role}' does not exist.",
    cause: 'The assignment names a role that is not here.',
    remedy: ['az role definition list --query "[].{name:roleName,guid:name}" --output table'],
  },
  'role-definition-id-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidRoleDefinitionId',
    message: "The role definition ID '{role}' is not valid. The role definition ID must be a GUID.",
    cause: 'A role is named by its GUID, with or without the scope before it.',
    remedy: ['az role definition list --name "{roleName}" --query "[].id"'],
  },
  'principal-not-found': {
    check: 'state',
    status: 400,
    error: 'PrincipalNotFound',
    message:
      'Principal {principal} does not exist in the directory {tenant}. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype',
    cause:
      'The directory has no such user, group or service principal. A common mistake is the client id of an application, or its object id, in place of the object id of its service principal.',
    remedy: [
      'az ad sp list --all --query "[].{name:displayName,objectId:id}" --output table',
      'az ad sp show --id CLIENT-ID --query id',
    ],
  },
  'principal-id-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidPrincipalId',
    message: "The Principal ID '{principal}' is not valid. Principal ID must be a GUID.",
    cause: 'A principal is named by its object id, not by its name or address.',
    remedy: ['az ad sp list --all --query "[].{name:displayName,objectId:id}" --output table'],
  },
  'principal-type-mismatch': {
    check: 'state',
    status: 400,
    error: 'UnmatchedPrincipalType',
    message:
      "The PrincipalId '{principal}' has type '{actual}' , which is different from specified PrincipalType '{asked}'.",
    cause: 'The request names another kind of principal than the directory holds.',
    remedy: [
      'az role assignment create --assignee-object-id {principal} --assignee-principal-type {actual} --role "{role}" --scope {scope}',
    ],
  },
  'role-assignment-id-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidRoleAssignmentId',
    message: "The role assignment ID '{assignment}' is not valid. The role assignment ID must be a GUID.",
    cause: 'The name of a role assignment is a GUID that the client makes up.',
    remedy: ['az role assignment create --role ROLE --assignee PRINCIPAL --scope {scope}'],
  },
  'role-assignment-exists': {
    check: 'state',
    status: 409,
    error: 'RoleAssignmentExists',
    message: 'The role assignment already exists.',
    cause: 'The principal holds this role at this scope already, by the assignment {assignment}.',
    remedy: ['az role assignment list --scope {scope} --output table'],
  },
  'role-assignment-fixed': {
    check: 'state',
    status: 400,
    error: 'RoleAssignmentUpdateNotPermitted',
    message: 'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.',
    cause: 'The assignment {assignment} exists with another principal, role or scope ({current}).',
    remedy: ['az role assignment delete --ids {current}', 'Use a new GUID for another assignment.'],
  },
  'role-assignment-not-found': {
    check: 'state',
    status: 404,
    error: 'RoleAssignmentNotFound',
    message: "The role assignment '{assignment}' is not found.",
    cause: 'There is no role assignment of this id at this scope.',
    remedy: ['az role assignment list --scope {scope} --output table'],
  },
  'role-not-delegated': {
    check: 'authorise',
    status: 403,
    error: 'AuthorizationFailed',
    message:
      "The client '{appid}' with object id '{oid}' has permission to perform action '{action}' on scope '{scope}'; however, the action is not allowed for the role '{role}' because of an ABAC condition that is not fulfilled.",
    cause: 'A condition limits which assignments the caller may write or delete: {allowed}.',
    remedy: [
      'az role assignment create --role "User Access Administrator" --assignee-object-id {oid} --assignee-principal-type {principalType} --scope {scope}',
    ],
  },
  'arm-scope-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidScope',
    message: "The scope '{scope}' is not valid.",
    cause: 'A scope is a subscription, a resource group, a resource, or an object of a vault.',
    remedy: ['az keyvault show --name NAME --query id'],
  },
  'provider-unknown': {
    check: 'state',
    status: 404,
    error: 'InvalidResourceNamespace',
    message: "The resource namespace '{namespace}' is invalid.",
    cause: 'This installation does not have the resource provider.',
    remedy: ['az provider list --query "[].namespace"'],
  },
  'identity-name-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidResourceName',
    message:
      "The resource name '{name}' is invalid: 3 to 128 letters, digits, hyphens and underscores, a letter or digit first.",
    cause: 'The name is not one that a user-assigned identity can have.',
    remedy: ['az identity create --name NAME --resource-group {group}'],
  },
});
