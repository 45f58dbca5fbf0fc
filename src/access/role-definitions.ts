import { foldName, isUuid } from '../base/ids.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { queryOf } from '../resources/arm-page.ts';
import { parseFilter } from '../resources/filter.ts';
import type { Access } from './authorise.ts';
import { builtInRoles, findBuiltInRole } from './built-in-roles.ts';
import { roleBody } from './role-wire.ts';
import { foldScope } from './scope.ts';
import { scopeReaches } from './verdict.ts';

const supported = ["roleName eq 'NAME'", "type eq 'BuiltInRole'", "type eq 'CustomRole'", 'atScopeAndBelow()'];

/**
 * Lists the role definitions that can be assigned at a scope.
 * @throws Refusal `filter-invalid`
 */
export async function listRoleDefinitions(call: Call, scope: string): Promise<Answer> {
  const filter = queryOf(call, '$filter') ?? '';
  const conditions = parseFilter(filter);
  const invalid = (reason: string) =>
    new Refusal('filter-invalid', { filter: filter.slice(0, 200), reason, supported });
  if (!conditions) throw invalid('it cannot be read');
  let roles = builtInRoles;
  for (const { kind, name, value } of conditions) {
    if (kind === 'equals' && name === 'rolename') {
      roles = roles.filter((role) => foldName(role.name) === foldName(value));
    } else if (kind === 'equals' && name === 'type') {
      roles = roles.filter((role) => foldName(role.type) === foldName(value));
    } else if (kind !== 'call' || name !== 'atscopeandbelow') {
      // Built-in roles can be assigned anywhere, so `atScopeAndBelow()` leaves none of them out.
      throw invalid(`'${name}' is not a filter of this list`);
    }
  }
  return { status: 200, body: { value: roles.map((role) => roleBody(scope, role, call.apiVersion)) } };
}

/**
 * Reads a role definition by its GUID.
 * @throws Refusal `role-definition-not-found`
 */
export async function getRoleDefinition(call: Call, scope: string): Promise<Answer> {
  const id = call.parameters['role'] ?? '';
  const role = isUuid(id) ? findBuiltInRole(id) : null;
  if (!role) throw new Refusal('role-definition-not-found', { role: id.slice(0, 100) });
  return { status: 200, body: roleBody(scope, role, call.apiVersion) };
}

/** @throws Refusal `not-implemented`: custom roles are not in this release */
export async function refuseCustomRole(): Promise<Answer> {
  throw new Refusal('not-implemented', { feature: 'custom roles' });
}

/** Lists what the caller may do at a scope: the permissions of every role that reaches it. */
export async function listPermissions(access: Pick<Access, 'grantsOf'>, call: Call, scope: string): Promise<Answer> {
  const scopeKey = foldScope(scope);
  const grants = await access.grantsOf(callerOf(call));
  const reaching = grants.filter((grant) => scopeReaches(grant.scopeKey, scopeKey));
  const roles = [...new Map(reaching.map(({ role }) => [role.id, role])).values()];
  return { status: 200, body: { value: roles.flatMap((role) => role.permissions) } };
}
