import * as people from '../identity/people.ts';
import * as identity from '../identity/service.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { assertUnchanged } from './application-body.ts';
import { requireRight } from './authority.ts';
import type { DirectoryParts } from './parts.ts';
import { nextLink, readQueryOptions } from './query-options.ts';
import { findPrincipal, listRoleHolders } from './repository.ts';
import { type DirectoryRole, directoryRoles } from './rights.ts';
import type { GraphObject } from './wire.ts';

const KIND = 'unifiedRoleAssignment';

/** `GET /roleManagement/directory/roleDefinitions`: the roles there are. */
export async function readRoleDefinitions(call: Call): Promise<Answer> {
  const { filter } = readQueryOptions(call);
  const isName = filter?.kind === 'eq' && filter.property === 'displayName';
  if (filter && !isName)
    throw new Refusal('graph-query-unsupported', { reason: 'filtering but by displayName is not' });
  const value = directoryRoles.filter((role) => !isName || role.name === filter.value).map(definitionOf);
  const context = `${call.origin}/v1.0/$metadata#roleManagement/directory/roleDefinitions`;
  return { status: 200, body: { '@odata.context': context, value } };
}

/** `GET /roleManagement/directory/roleDefinitions/{id}` */
export async function readRoleDefinition(call: Call): Promise<Answer> {
  const id = (call.parameters['id'] ?? '').toLowerCase();
  const role = directoryRoles.find(({ templateId }) => templateId === id);
  if (!role) throw new Refusal('graph-resource-not-found', { id: id.slice(0, 100), kind: 'roleDefinition' });
  const context = `${call.origin}/v1.0/$metadata#roleManagement/directory/roleDefinitions/$entity`;
  return { status: 200, body: { '@odata.context': context, ...definitionOf(role) } };
}

/** `GET /roleManagement/directory/roleAssignments`, also of one principal or role; paged by principal. */
export async function readRoleAssignments(parts: DirectoryParts, call: Call): Promise<Answer> {
  const options = readQueryOptions(call);
  const { filter } = options;
  const isKnown = filter?.kind === 'eq' && ['principalId', 'roleDefinitionId'].includes(filter.property);
  if (filter && !isKnown) {
    throw new Refusal('graph-query-unsupported', { reason: 'filtering but by principalId or roleDefinitionId is not' });
  }
  const wanted = isKnown ? String(filter.value).toLowerCase() : null;
  const isByRole = isKnown && filter.property === 'roleDefinitionId';
  const page = { after: options.after, limit: options.top + 1 };
  const holders = await listRoleHolders(parts.store.reader, page, {
    principalId: isByRole ? null : wanted,
    role: isByRole ? (directoryRoles.find(({ templateId }) => templateId === wanted)?.name ?? '') : null,
  });
  const shown = holders.slice(0, options.top);
  return {
    status: 200,
    body: {
      '@odata.context': `${call.origin}/v1.0/$metadata#roleManagement/directory/roleAssignments`,
      ...(holders.length > shown.length ? { '@odata.nextLink': nextLink(call, shown[shown.length - 1]!.id) } : {}),
      value: shown.flatMap(({ id, directory_role: name }) => {
        const role = directoryRoles.find((one) => one.name === name);
        return role ? [assignmentOf(role, id)] : [];
      }),
    },
  };
}

/** `GET /roleManagement/directory/roleAssignments/{id}` */
export async function readRoleAssignment(parts: DirectoryParts, call: Call): Promise<Answer> {
  const { role, principalId } = readAssignmentId(call);
  const holder = await findPrincipal(parts.store.reader, principalId);
  if (holder?.directory_role !== role.name) throw notFound(call);
  return { status: 200, body: { '@odata.context': contextOf(call), ...assignmentOf(role, principalId) } };
}

/** `POST /roleManagement/directory/roleAssignments`: a principal holds one directory role. */
export async function makeRoleAssignment(call: Call): Promise<Answer> {
  const { roleDefinitionId, principalId, directoryScopeId = '/', ...rest } = call.body ?? {};
  for (const name of Object.keys(rest)) if (!name.includes('@odata.')) assertUnchanged(name, rest[name], null, KIND);
  if (directoryScopeId !== '/') throw invalid('directoryScopeId', 'it must be / : roles hold in the whole directory');
  const role = directoryRoles.find(({ templateId }) => templateId === String(roleDefinitionId).toLowerCase());
  if (!role)
    throw invalid('roleDefinitionId', 'it must be the id of a role in /roleManagement/directory/roleDefinitions');
  return call.commit(async (transaction) => {
    await requireRight(transaction, call, 'roles');
    const holder = await findPrincipal(transaction, String(principalId));
    if (!holder)
      throw new Refusal('graph-resource-not-found', { id: String(principalId).slice(0, 100), kind: 'principal' });
    if (holder.kind === 'Group') throw invalid('principalId', 'groups hold no directory role here');
    if (holder.directory_role !== null) {
      throw new Refusal('directory-role-held', { oid: holder.id, role: holder.directory_role });
    }
    await people.setDirectoryRole(transaction, holder.id, role.name);
    const assignment = assignmentOf(role, holder.id);
    const url = `${call.origin}/v1.0/roleManagement/directory/roleAssignments/${assignment['id']}`;
    return {
      status: 201,
      headers: { location: url },
      body: { '@odata.context': contextOf(call), ...assignment },
      subject: url,
      audit: { oid: holder.id, role: role.name },
    };
  });
}

/** `DELETE /roleManagement/directory/roleAssignments/{id}` */
export async function removeRoleAssignment(call: Call): Promise<Answer> {
  const { role, principalId } = readAssignmentId(call);
  return call.commit(async (transaction) => {
    await requireRight(transaction, call, 'roles');
    const holder = await findPrincipal(transaction, principalId);
    if (holder?.directory_role !== role.name) throw notFound(call);
    if (await identity.isLastAdministrator(transaction, holder.id)) {
      throw new Refusal('directory-last-administrator', { oid: holder.id });
    }
    await people.setDirectoryRole(transaction, holder.id, null);
    return { status: 204, audit: { oid: holder.id, role: role.name } };
  });
}

function definitionOf(role: DirectoryRole): GraphObject {
  return {
    id: role.templateId,
    description: role.description,
    displayName: role.name,
    isBuiltIn: true,
    isEnabled: true,
    resourceScopes: ['/'],
    rolePermissions: [],
    templateId: role.templateId,
    version: '1',
  };
}

/** Role and principal make an assignment, so they are its id. */
function assignmentOf(role: DirectoryRole, principalId: string): GraphObject {
  const id = `${role.templateId}-${principalId}`;
  return { id, principalId, directoryScopeId: '/', roleDefinitionId: role.templateId };
}

function readAssignmentId(call: Call): { readonly role: DirectoryRole; readonly principalId: string } {
  const id = (call.parameters['id'] ?? '').toLowerCase();
  const role = directoryRoles.find(({ templateId }) => id.startsWith(`${templateId}-`));
  if (!role) throw notFound(call);
  return { role, principalId: id.slice(role.templateId.length + 1) };
}

function contextOf(call: Call): string {
  return `${call.origin}/v1.0/$metadata#roleManagement/directory/roleAssignments/$entity`;
}

function notFound(call: Call): Refusal {
  return new Refusal('graph-resource-not-found', { id: (call.parameters['id'] ?? '').slice(0, 100), kind: KIND });
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('graph-property-invalid', { property, kind: KIND, reason });
}
