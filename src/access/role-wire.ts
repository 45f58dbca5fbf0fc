import { isUuid } from '../base/ids.ts';
import { toIso } from '../base/text.ts';
import type { RoleAssignment } from './repository.ts';
import type { Role } from './role.ts';
import { parseScope } from './scope.ts';

/**
 * The id of a role as seen from a scope: under the subscription of that scope, never under a group or a resource. Definitions
 * and assignments of one scope must name a role by equal texts, since clients join them by it.
 */
export function roleDefinitionId(scope: string, roleId: string): string {
  const parts = parseScope(scope);
  const prefix = !parts || parts.kind === 'root' ? '' : `/subscriptions/${parts.subscriptionId.toLowerCase()}`;
  return `${prefix}/providers/Microsoft.Authorization/roleDefinitions/${roleId}`;
}

/** The GUID at the end of a role definition's id, or the whole text where that is one; null otherwise. */
export function readRoleId(text: string): string | null {
  const match = /(?:^|\/providers\/Microsoft\.Authorization\/roleDefinitions\/)([^/]+)$/i.exec(text);
  return match && isUuid(match[1]!) ? match[1]!.toLowerCase() : null;
}

/** The first api-version whose permissions have a condition. */
const CONDITIONS_SINCE = '2022-05-01-preview';

/** A role definition as an api-version shows it. */
export function roleBody(scope: string, role: Role, apiVersion: string): object {
  const isShown = role.condition !== undefined && apiVersion >= CONDITIONS_SINCE;
  const condition = isShown ? { conditionVersion: '2.0', condition: role.condition } : {};
  return {
    id: roleDefinitionId(scope, role.id),
    name: role.id,
    type: 'Microsoft.Authorization/roleDefinitions',
    properties: {
      roleName: role.name,
      type: role.type,
      description: role.description,
      assignableScopes: role.assignableScopes,
      permissions: role.permissions.map((permission) => ({ ...permission, ...condition })),
    },
  };
}

/** The id of a role assignment. */
export function assignmentId(assignment: Pick<RoleAssignment, 'scope' | 'id'>): string {
  const prefix = assignment.scope === '/' ? '' : assignment.scope;
  return `${prefix}/providers/Microsoft.Authorization/roleAssignments/${assignment.id}`;
}

/**
 * A role assignment.
 * @param asked the scope that was asked about, from which the role's id is written
 */
export function assignmentBody(asked: string, assignment: RoleAssignment): object {
  return {
    id: assignmentId(assignment),
    name: assignment.id,
    type: 'Microsoft.Authorization/roleAssignments',
    properties: {
      roleDefinitionId: roleDefinitionId(asked, assignment.roleId),
      principalId: assignment.principalId,
      principalType: assignment.principalType,
      scope: assignment.scope,
      ...(assignment.description !== null && { description: assignment.description }),
      createdOn: toIso(assignment.created),
      updatedOn: toIso(assignment.updated),
      createdBy: assignment.createdBy,
      updatedBy: assignment.createdBy,
      ...(assignment.condition !== null && { condition: assignment.condition, conditionVersion: '2.0' }),
    },
  };
}
