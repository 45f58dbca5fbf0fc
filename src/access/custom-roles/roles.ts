import { isUuid } from '../../base/ids.ts';
import { type Answer, type Call, callerOf } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { requireScope } from '../../resources/scope-target.ts';
import type { Session } from '../../store/port.ts';
import { builtInRoles, findBuiltInRole } from '../built-in-roles.ts';
import type { Role } from '../role.ts';
import type { AssignmentParts } from '../role-assignments.ts';
import { roleBody } from '../role-wire.ts';
import { type DefinitionBody, readDefinition } from './definition-body.ts';
import {
  assignmentOfRole,
  type CustomRole,
  countCustomRoles,
  deleteCustomRole,
  findCustomRole,
  findCustomRoleByName,
  storeCustomRole,
} from './repository.ts';

/** The actions that managing role definitions takes. */
export const definitionActions = Object.freeze({
  read: 'Microsoft.Authorization/roleDefinitions/read',
  write: 'Microsoft.Authorization/roleDefinitions/write',
  delete: 'Microsoft.Authorization/roleDefinitions/delete',
});

/** How many custom roles there may be (Azure RBAC limits: 5,000 a tenant). */
export const MAX_CUSTOM_ROLES = 5000;

/** The role of this id, built-in or custom, letters in either case; null where there is none. */
export async function findRole(session: Session, id: string): Promise<Role | null> {
  return findBuiltInRole(id) ?? (await findCustomRole(session, id.toLowerCase()));
}

/**
 * Creates or changes a custom role; 201 for both, as the service. Whoever does it holds `roleDefinitions/write` at every scope
 * that the role can be assigned at, and could be before.
 * @throws Refusal `role-definition-id-invalid`, `role-definition-invalid`, `role-definition-built-in`,
 *   `role-definition-name-taken`, `role-definition-limit`, `authorization-failed`, `management-denied`, and those of the scopes
 */
export async function putDefinition(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const id = requireCustomId(call);
  const asked = readDefinition(call);
  const before = await findCustomRole(parts.store.reader, id);
  const allowed = await requireEverywhere(parts, call, definitionActions.write, [
    ...asked.assignableScopes,
    ...(before?.assignableScopes ?? []),
  ]);
  return call.commit(async (transaction) => {
    const scopes: string[] = [];
    for (const one of asked.assignableScopes) scopes.push(await requireScope(transaction, one));
    const existing = await findCustomRole(transaction, id);
    requireUnchanged(existing?.assignableScopes ?? [], allowed, id);
    await requireFreeName(transaction, id, asked.name);
    if (!existing && (await countCustomRoles(transaction)) >= MAX_CUSTOM_ROLES) {
      throw new Refusal('role-definition-limit', { limit: MAX_CUSTOM_ROLES });
    }
    const role = toRole(asked, id, [...new Set(scopes)], existing, { now: parts.clock.now(), by: callerOf(call).oid });
    await storeCustomRole(transaction, role);
    return { status: 201, body: roleBody(scope, role, call.apiVersion) };
  });
}

/**
 * Deletes a custom role that nobody holds; 204 where there is none.
 * @throws Refusal `role-definition-built-in`, `role-definition-in-use`, `authorization-failed`, `management-denied`
 */
export async function removeDefinition(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const id = requireCustomId(call);
  const before = await findCustomRole(parts.store.reader, id);
  const allowed = await requireEverywhere(parts, call, definitionActions.delete, before?.assignableScopes ?? []);
  return call.commit(async (transaction) => {
    const role = await findCustomRole(transaction, id);
    if (!role) return { status: 204 };
    requireUnchanged(role.assignableScopes, allowed, id);
    const assignment = await assignmentOfRole(transaction, id);
    if (assignment) throw new Refusal('role-definition-in-use', { role: id, roleName: role.name, assignment });
    await deleteCustomRole(transaction, id);
    return { status: 200, body: roleBody(scope, role, call.apiVersion) };
  });
}

function requireCustomId(call: Call): string {
  const id = call.parameters['role'] ?? '';
  if (!isUuid(id)) {
    throw new Refusal('role-definition-id-invalid', { role: id.slice(0, 200), roleName: 'Key Vault Reader' });
  }
  const builtIn = findBuiltInRole(id);
  if (builtIn) throw new Refusal('role-definition-built-in', { role: builtIn.id, roleName: builtIn.name });
  return id.toLowerCase();
}

async function requireEverywhere(
  parts: AssignmentParts,
  call: Call,
  action: string,
  scopes: readonly string[],
): Promise<ReadonlySet<string>> {
  const unique = new Set(scopes);
  for (const scope of unique) await parts.access.authoriseManagement(callerOf(call), action, scope);
  return unique;
}

/** What another request has made of the role meanwhile was not asked about. */
function requireUnchanged(scopes: readonly string[], allowed: ReadonlySet<string>, role: string): void {
  if (scopes.some((scope) => !allowed.has(scope))) throw new Refusal('role-definition-changed', { role });
}

async function requireFreeName(session: Session, id: string, name: string): Promise<void> {
  const twin = await findCustomRoleByName(session, name);
  const isBuiltIn = builtInRoles.some((role) => role.name.toLowerCase() === name.toLowerCase());
  if (isBuiltIn || (twin && twin.id !== id)) throw new Refusal('role-definition-name-taken', { roleName: name });
}

function toRole(
  asked: DefinitionBody,
  id: string,
  assignableScopes: readonly string[],
  existing: CustomRole | null,
  change: { readonly now: number; readonly by: string },
): CustomRole {
  return {
    id,
    name: asked.name,
    description: asked.description,
    type: 'CustomRole',
    permissions: asked.permissions,
    assignableScopes,
    created: existing?.created ?? change.now,
    updated: change.now,
    createdBy: existing?.createdBy ?? change.by,
    updatedBy: change.by,
  };
}
