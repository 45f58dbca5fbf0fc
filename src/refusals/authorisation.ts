import { rows } from './row.ts';

const rbac =
  'Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n' +
  "Caller: appid={appid};oid={oid};iss={iss}\r\nAction: '{action}'\r\nResource: '{resource}'\r\n";

/** Refusals of custom roles, conditions and deny assignments. */
export const authorisationRefusals = rows({
  'rbac-condition-not-met': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByRbac',
    message: `${rbac}Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: {vault};location={location}\r\n`,
    cause:
      'The caller holds {roles} at {scopes}, but the condition of the assignment does not hold for this request. A condition on a name never holds for a list, which has none.',
    remedy: [
      'az role assignment list --assignee {oid} --scope {scope} --include-inherited --query "[].condition"',
      'az role assignment create --role "{role}" --assignee-object-id {oid} --assignee-principal-type {principalType} --scope {scope}',
    ],
  },
  'rbac-denied': {
    check: 'authorise',
    status: 403,
    error: 'Forbidden',
    inner: 'ForbiddenByRbac',
    message: `${rbac}Assignment: (not found)\r\nDenyAssignmentId: '{shownId}'\r\nDecisionReason: 'DeniedWithExplicitDeny' \r\nVault: {vault};location={location}\r\n`,
    cause:
      "The deny assignment '{denialName}' ({denial}) at {denialScope} takes this action away, whatever roles are held.",
    remedy: [
      'az rest --method delete --url "{denialScope}/providers/Microsoft.Authorization/denyAssignments/{denial}?api-version=2022-04-01"',
      "Or add the caller to the deny assignment's excludePrincipals.",
    ],
  },
  'management-denied': {
    check: 'authorise',
    status: 403,
    error: 'DenyAssignmentAuthorizationFailed',
    message:
      "The client '{appid}' with object id '{oid}' has permission to perform action '{action}' on scope '{scope}'; however, the access is denied because of the deny assignment with name '{shownName}' and Id '{shownId}' at scope '{shownScope}'.",
    cause:
      "The deny assignment '{denialName}' ({denial}) at {denialScope} takes this action away, whatever roles are held.",
    remedy: [
      'az rest --method delete --url "{denialScope}/providers/Microsoft.Authorization/denyAssignments/{denial}?api-version=2022-04-01"',
      "Or add the caller to the deny assignment's excludePrincipals.",
    ],
  },
  'role-condition-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidConditionFormat',
    message: 'The condition of the role assignment is not valid: {reason}.',
    cause: 'A condition that is not understood in full would not be enforced in full, so it is not stored.',
    remedy: [
      "Use version 2.0 with the attributes and operators of docs/divergences.md, e.g. @Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'NAME'",
    ],
  },
  'role-not-assignable': {
    check: 'state',
    status: 400,
    error: 'RoleAssignmentScopeNotAssignableToRoleDefinition',
    message: "The role assignment scope '{scope}' is not assignable to role definition '{role}'.",
    cause: 'None of the assignableScopes of the role {roleName} is this scope or above it.',
    remedy: ['az role definition list --custom-role-only true --query "[].{name:roleName,scopes:assignableScopes}"'],
  },
  'role-definition-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidRoleDefinition',
    message: 'The role definition is not valid: {reason}.',
    cause: 'A member of the role definition is missing or has a form that is not allowed.',
    remedy: ['az role definition create --role-definition @role.json'],
  },
  'role-definition-built-in': {
    check: 'request',
    status: 400,
    error: 'BuiltInRoleDefinitionCannotBeModified',
    message: "The role definition '{role}' is built in and can be neither changed nor deleted.",
    cause: 'The id is that of the built-in role {roleName}.',
    remedy: ['Use a new GUID for a custom role.'],
  },
  'role-definition-name-taken': {
    check: 'state',
    status: 409,
    error: 'RoleDefinitionWithSameNameExists',
    message: 'A role definition cannot be updated with a name that already exists.',
    cause: "There is another role of the name '{roleName}', built-in or custom.",
    remedy: ['az role definition list --name "{roleName}"'],
  },
  'role-definition-in-use': {
    check: 'state',
    status: 400,
    error: 'RoleDefinitionHasAssignments',
    message: 'There are existing role assignments referencing role (code: {role}).',
    cause: 'The role {roleName} is assigned, by {assignment} and perhaps others.',
    remedy: ['az role assignment list --all --role {role} --query "[].id"'],
  },
  'role-definition-limit': {
    check: 'state',
    status: 400,
    error: 'RoleDefinitionLimitExceeded',
    message: 'Role definition limit exceeded. No more role definitions can be created.',
    cause: 'There are {limit} custom roles already.',
    remedy: ['az role definition list --custom-role-only true --query "[].roleName"'],
  },
  'role-definition-changed': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    message: "The role definition '{role}' was changed by another request meanwhile. Try again.",
    cause: 'Its assignable scopes are others than those that the caller was authorised for.',
    remedy: ['Send the request again.'],
  },
  'deny-assignment-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidDenyAssignment',
    message: 'The deny assignment is not valid: {reason}.',
    cause: 'A member of the deny assignment is missing or has a form that is not allowed.',
    remedy: ['See docs/operations.md, "Denying".'],
  },
  'deny-assignment-id-invalid': {
    check: 'request',
    status: 400,
    error: 'InvalidDenyAssignmentId',
    message: "The deny assignment ID '{denial}' is not valid. The deny assignment ID must be a GUID.",
    cause: 'The name of a deny assignment is a GUID that the client makes up.',
    remedy: ['Use a GUID as the last segment of the path.'],
  },
  'deny-assignment-not-found': {
    check: 'state',
    status: 404,
    error: 'DenyAssignmentNotFound',
    message: "The deny assignment '{denial}' is not found.",
    cause: 'There is no deny assignment of this id at this scope.',
    remedy: [
      'az rest --method get --url "{scope}/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01"',
    ],
  },
  'deny-assignment-fixed': {
    check: 'state',
    status: 400,
    error: 'DenyAssignmentUpdateNotPermitted',
    message: 'The scope of a deny assignment is not allowed to be updated.',
    cause: 'A deny assignment of this id exists at another scope: {current}.',
    remedy: ['Use a new GUID for another deny assignment.'],
  },
  'deny-assignment-limit': {
    check: 'state',
    status: 400,
    error: 'DenyAssignmentLimitExceeded',
    message: 'No more than {limit} deny assignments can be created.',
    cause: 'Every decision looks at all deny assignments, so their number is limited.',
    remedy: ['Deny groups instead of single principals.'],
  },
  'deny-assignment-locks-out': {
    check: 'body',
    status: 400,
    error: 'DenyAssignmentLocksOut',
    message: 'The deny assignment would take {actions} from the caller, who could not take it back.',
    cause: 'The caller is among the principals, and not among those that are excluded.',
    remedy: ['Add {oid} to excludePrincipals.', 'Or add Microsoft.Authorization/denyAssignments/* to notActions.'],
  },
});
