import type { Answer, Call, Method, Operation } from '../operations/operation.ts';
import { authorizationVersions } from '../resources/arm-versions.ts';
import { segment } from '../resources/scopes.ts';
import {
  type AssignmentParts,
  assignmentActions,
  getAssignment,
  listRoleAssignments,
  putAssignment,
  removeAssignment,
} from './role-assignments.ts';
import { getRoleDefinition, listPermissions, listRoleDefinitions, refuseCustomRole } from './role-definitions.ts';

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

const readRoles = 'Microsoft.Authorization/roleDefinitions/read';

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
    action: readRoles,
    success: [200],
    run: (_parts, call, scope) => listRoleDefinitions(call, scope),
  },
  {
    id: 'RoleDefinitionGet',
    method: 'GET',
    path: '/roleDefinitions/:role',
    action: readRoles,
    success: [200],
    run: (_parts, call, scope) => getRoleDefinition(call, scope),
  },
  {
    id: 'RoleDefinitionPut',
    method: 'PUT',
    path: '/roleDefinitions/:role',
    action: 'Microsoft.Authorization/roleDefinitions/write',
    body: 'json',
    success: [201],
    run: refuseCustomRole,
  },
  {
    id: 'RoleDefinitionDelete',
    method: 'DELETE',
    path: '/roleDefinitions/:role',
    action: 'Microsoft.Authorization/roleDefinitions/delete',
    success: [200, 204],
    run: refuseCustomRole,
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
