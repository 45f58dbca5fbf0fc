import { foldName, isUuid } from '../base/ids.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { pageBody, queryOf, readPage } from '../resources/arm-page.ts';
import { parseFilter } from '../resources/filter.ts';
import type { Store } from '../store/store.ts';
import type { Access } from './authorise.ts';
import { builtInRoles } from './built-in-roles.ts';
import { listCustomRoles } from './custom-roles/repository.ts';
import { findRole } from './custom-roles/roles.ts';
import type { Role } from './role.ts';
import { roleBody } from './role-wire.ts';
import { foldScope } from './scope.ts';
import { scopeReaches } from './verdict.ts';

const supported = ["roleName eq 'NAME'", "type eq 'BuiltInRole'", "type eq 'CustomRole'", 'atScopeAndBelow()'];

/** What a list of roles asks for. */
interface RoleFilter {
  /** Whether roles count that can be assigned only below the scope. */
  readonly below: boolean;
  readonly matches: (role: Role) => boolean;
}

/**
 * Lists the role definitions that can be assigned at a scope (with `atScopeAndBelow()` also below it): the built-in ones on
 * the first page, before the custom ones.
 * @throws Refusal `filter-invalid`, `page-invalid`
 */
export async function listRoleDefinitions(
  parts: { readonly store: Store },
  call: Call,
  scope: string,
): Promise<Answer> {
  const filter = readFilter(call);
  const page = readPage(call);
  const key = foldScope(scope);
  const isHere = ({ assignableScopes }: Role) =>
    assignableScopes.some((one) => {
      const at = foldScope(one);
      return scopeReaches(at, key) || (filter.below && scopeReaches(key, at));
    });
  const limit = page.size + 1;
  // The built-in roles are few; they do not count against the page, which is of what is stored.
  const first = page.after === '' ? builtInRoles.filter(filter.matches) : [];
  const stored = await listCustomRoles(parts.store.reader, { after: page.after, limit });
  const toWire = (role: Role) => (isHere(role) && filter.matches(role) ? roleBody(scope, role, call.apiVersion) : null);
  const body = pageBody(call, page, stored, (role) => role.id, toWire);
  return { status: 200, body: { ...body, value: [...first.map(toWire), ...body.value] } };
}

/**
 * Reads a role definition by its GUID.
 * @throws Refusal `role-definition-not-found`
 */
export async function getRoleDefinition(parts: { readonly store: Store }, call: Call, scope: string): Promise<Answer> {
  const id = call.parameters['role'] ?? '';
  const role = isUuid(id) ? await findRole(parts.store.reader, id) : null;
  if (!role) throw new Refusal('role-definition-not-found', { role: id.slice(0, 100) });
  return { status: 200, body: roleBody(scope, role, call.apiVersion) };
}

/** Lists what the caller may do at a scope: the permissions of every role that reaches it. */
export async function listPermissions(access: Pick<Access, 'grantsOf'>, call: Call, scope: string): Promise<Answer> {
  const scopeKey = foldScope(scope);
  const grants = await access.grantsOf(callerOf(call));
  const reaching = grants.filter((grant) => scopeReaches(grant.scopeKey, scopeKey));
  const roles = [...new Map(reaching.map(({ role }) => [role.id, role])).values()];
  return { status: 200, body: { value: roles.flatMap((role) => role.permissions) } };
}

function readFilter(call: Call): RoleFilter {
  const filter = queryOf(call, '$filter') ?? '';
  const conditions = parseFilter(filter);
  const invalid = (reason: string) =>
    new Refusal('filter-invalid', { filter: filter.slice(0, 200), reason, supported });
  if (!conditions) throw invalid('it cannot be read');
  let below = false;
  const tests: ((role: Role) => boolean)[] = [];
  for (const { kind, name, value } of conditions) {
    if (kind === 'equals' && name === 'rolename') tests.push((role) => foldName(role.name) === foldName(value));
    else if (kind === 'equals' && name === 'type') tests.push((role) => foldName(role.type) === foldName(value));
    else if (kind === 'call' && name === 'atscopeandbelow') below = true;
    else throw invalid(`'${name}' is not a filter of this list`);
  }
  return { below, matches: (role) => tests.every((test) => test(role)) };
}
