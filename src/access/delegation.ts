import { attributeKey } from './conditions/condition.ts';
import type { Grant } from './role.ts';
import { conditionHolds } from './verdict.ts';

/** The actions that assigning takes. */
export const assignmentActions = Object.freeze({
  read: 'Microsoft.Authorization/roleAssignments/read',
  write: 'Microsoft.Authorization/roleAssignments/write',
  delete: 'Microsoft.Authorization/roleAssignments/delete',
});

/** An assignment as conditions on delegation see it. */
export interface AssignmentFacts {
  readonly roleId: string;
  readonly principalId: string;
  readonly principalType: string;
}

/** Whether the conditions of grants of this action hang on an assignment that is known only after its body, or row, is read. */
export function isJudgedLater(action: string): boolean {
  const folded = action.toLowerCase();
  return [assignmentActions.write, assignmentActions.delete].some((one) => one.toLowerCase() === folded);
}

/**
 * Whether one of the grants lets its holder create, change or delete the assignment (Azure "delegate role assignment
 * management with conditions"): what is written is the request, what is deleted the resource.
 * @param grants the caller's grants that include the action at the scope
 */
export function mayAssign(grants: readonly Grant[], action: string, assignment: AssignmentFacts): boolean {
  const source = action === assignmentActions.delete ? 'resource' : 'request';
  const key = (name: string) => attributeKey(source, `Microsoft.Authorization/roleAssignments:${name}`);
  const attributes = new Map([
    [key('RoleDefinitionId'), assignment.roleId],
    [key('PrincipalId'), assignment.principalId],
    [key('PrincipalType'), assignment.principalType],
  ]);
  return grants.some((grant) => conditionHolds(grant, action, { attributes, isEarly: false }));
}
