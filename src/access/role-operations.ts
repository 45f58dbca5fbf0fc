import type { Answer, Call, Method, Operation } from '../operations/operation.ts';
import { authorizationVersions } from '../resources/arm-versions.ts';
import { segment } from '../resources/scopes.ts';
import { definitionActions, putDefinition, removeDefinition } from './custom-roles/roles.ts';
import { assignmentActions } from './delegation.ts';
import { denialActions, getDenial, listDenyAssignments, putDenial, removeDenial } from './denials/deny-assignments.ts';
import {
  type AssignmentParts,
  getAssignment,
  listRoleAssignments,
  putAssignment,
  removeAssignment,
} from './role-assignments.ts';
import { getRoleDefinition, listPermissions, listRoleDefinitions } from './role-definitions.ts';

/** Every form of scope, as the path before `/providers/Microsoft.Authorization`. */
const scopeTemplates = [
  '',
  '/subscriptions/:subscriptionId',
  '/subscriptions/:subscriptionId/resourceGroups/:group',
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/:namespace/:type/:resource',
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/:namespace/:type/:resource/:childType/:child',
];

interface Row {
  readonly id: string;
  readonly method: Method;
  /** The path after `/providers/Microsoft.Authorization`. */
  readonly path: string;
  /** The action that it takes; null where any token will do. */
  readonly action: string | null;
  readonly body?: 'json';
  readonly success: readonly number[];
  readonly run: (parts: AssignmentParts, call: Call, scope: string) => Promise<Answer>;
}

const table: readonly Row[] = [
  {
    id: 'RoleAssignmentPut',
    method: 'PUT',
    path: '/roleAssignments/:assignment',
    action: assignmentActions.write,
    body: 'json',
    success: [200, 201],
    run: putAssignment,
  },
  {
    id: 'RoleAssignmentGet',
    method: 'GET',
    path: '/roleAssignments/:assignment',
    action: assignmentActions.read,
    success: [200],
    run: getAssignment,
  },
  {
    id: 'RoleAssignmentDelete',
    method: 'DELETE',
    path: '/roleAssignments/:assignment',
    action: assignmentActions.delete,
    success: [200, 204],
    run: removeAssignment,
  },
  {
    id: 'RoleAssignmentList',
    method: 'GET',
    path: '/roleAssignments',
    action: assignmentActions.read,
    success: [200],
    run: listRoleAssignments,
  },
  {
    id: 'RoleDefinitionList',
    method: 'GET',
    path: '/roleDefinitions',
    action: definitionActions.read,
    success: [200],
    run: listRoleDefinitions,
  },
  {
    id: 'RoleDefinitionGet',
    method: 'GET',
    path: '/roleDefinitions/:role',
    action: definitionActions.read,
    success: [200],
    run: getRoleDefinition,
  },
  {
    id: 'RoleDefinitionPut',
    method: 'PUT',
    path: '/roleDefinitions/:role',
    // Beside the scope of the path, every scope that the role can be assigned at is asked about.
    action: definitionActions.write,
    body: 'json',
    success: [201],
    run: putDefinition,
  },
  {
    id: 'RoleDefinitionDelete',
    method: 'DELETE',
    path: '/roleDefinitions/:role',
    action: definitionActions.delete,
    success: [200, 204],
    run: removeDefinition,
  },
  {
    id: 'DenyAssignmentPut',
    method: 'PUT',
    path: '/denyAssignments/:denial',
    action: denialActions.write,
    body: 'json',
    success: [200, 201],
    run: putDenial,
  },
  {
    id: 'DenyAssignmentGet',
    method: 'GET',
    path: '/denyAssignments/:denial',
    action: denialActions.read,
    success: [200],
    run: getDenial,
  },
  {
    id: 'DenyAssignmentDelete',
    method: 'DELETE',
    path: '/denyAssignments/:denial',
    action: denialActions.delete,
    success: [200, 204],
    run: removeDenial,
  },
  {
    id: 'DenyAssignmentList',
    method: 'GET',
    path: '/denyAssignments',
    action: denialActions.read,
    success: [200],
    run: listDenyAssignments,
  },
  {
    id: 'PermissionList',
    method: 'GET',
    path: '/permissions',
    action: null,
    success: [200],
    run: (parts, call, scope) => listPermissions(parts.access, call, scope),
  },
];

/** The rows of role definitions and role assignments, at every form of scope. */
export function accessOperations(parts: AssignmentParts): readonly Operation[] {
  return scopeTemplates.flatMap((template) => table.map((row) => toOperation(parts, template, row)));
}

function toOperation(parts: AssignmentParts, template: string, row: Row): Operation {
  const scope = (parameters: Readonly<Record<string, string>>) =>
    template === '' ? '/' : template.replace(/:(\w+)/g, (_, name: string) => segment(parameters[name]));
  const { action } = row;
  return {
    id: row.id,
    plane: 'management',
    method: row.method,
    path: `${template}/providers/Microsoft.Authorization${row.path}`,
    versions: authorizationVersions,
    need: action === null ? { kind: 'authenticated' } : { kind: 'management', action, scope },
    throttle: 'none',
    body: row.body ?? 'none',
    success: row.success,
    run: (call) => row.run(parts, call, scope(call.parameters)),
  };
}
