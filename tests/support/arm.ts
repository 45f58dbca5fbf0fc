import { randomUUID } from 'node:crypto';
import { builtInRoles } from '../../src/access/built-in-roles.ts';
import { call, type Reply } from './http.ts';
import type { TestServer } from './server.ts';

const VAULTS = '2023-07-01';
const HOSTS = '2024-07-01';

/** The group that the first start makes, as a scope. */
export function groupScope(server: TestServer): string {
  return `/subscriptions/${server.subscriptionId}/resourceGroups/strongroom`;
}

/** A vault of that group, as a scope. */
export function vaultScope(server: TestServer, vault: string): string {
  return `${groupScope(server)}/providers/Microsoft.KeyVault/vaults/${vault}`;
}

/** One management request by the token's owner; a refusal is thrown unless `mayFail`. */
export async function manage(
  server: TestServer,
  token: string,
  ask: { readonly method: string; readonly path: string; readonly body?: unknown; readonly mayFail?: boolean },
): Promise<Reply> {
  const { mayFail = false, ...rest } = ask;
  const reply = await call(server, { ...rest, host: 'management', token });
  if (!mayFail && reply.status >= 300) throw new Error(`${ask.method} ${ask.path}: ${reply.status} ${reply.text}`);
  return reply;
}

/** Creates or replaces a vault. */
export function putVault(
  server: TestServer,
  token: string,
  name: string,
  properties: Readonly<Record<string, unknown>> = {},
  options: { readonly location?: string; readonly mayFail?: boolean } = {},
): Promise<Reply> {
  return manage(server, token, {
    method: 'PUT',
    path: `${vaultScope(server, name)}?api-version=${VAULTS}`,
    body: {
      location: options.location ?? 'local',
      properties: {
        tenantId: server.tenantId,
        sku: { family: 'A', name: 'standard' },
        enableRbacAuthorization: true,
        accessPolicies: [],
        ...properties,
      },
    },
    mayFail: options.mayFail ?? false,
  });
}

/** Soft-deletes a vault. */
export function deleteVault(server: TestServer, token: string, name: string): Promise<Reply> {
  return manage(server, token, { method: 'DELETE', path: `${vaultScope(server, name)}?api-version=${VAULTS}` });
}

/** Gives a principal a built-in role at a scope; @returns the assignment's path, for DELETE */
export async function assignRole(
  server: TestServer,
  token: string,
  grant: {
    readonly role: string;
    readonly principalId: string;
    readonly scope: string;
    /** ServicePrincipal by default. */
    readonly principalType?: string;
  },
): Promise<string> {
  const role = builtInRoles.find(({ name }) => name === grant.role);
  if (!role) throw new Error(`There is no role ${grant.role}.`);
  const path = `${grant.scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01`;
  const roleDefinitionId = `/subscriptions/${server.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${role.id}`;
  await manage(server, token, {
    method: 'PUT',
    path,
    body: {
      properties: {
        roleDefinitionId,
        principalId: grant.principalId,
        principalType: grant.principalType ?? 'ServicePrincipal',
      },
    },
  });
  return path;
}

/** Makes a managed identity without any role and assigns it to this machine: a second principal, whose tokens the local endpoint gives. */
export async function makeIdentity(
  server: TestServer,
  token: string,
  name: string,
): Promise<{ readonly clientId: string; readonly principalId: string }> {
  const path = `${groupScope(server)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}?api-version=2023-01-31`;
  const { body } = await manage(server, token, { method: 'PUT', path, body: { location: 'local' } });
  await assignIdentity(server, token, body.id, server.machineResourceId);
  return body.properties as { clientId: string; principalId: string };
}

/** Assigns a user-assigned identity to a registered host beside those it has. */
export async function assignIdentity(
  server: TestServer,
  token: string,
  identityId: string,
  hostId: string,
): Promise<void> {
  const path = `${hostId}?api-version=${HOSTS}`;
  const { body } = await manage(server, token, { method: 'GET', path });
  const type = /SystemAssigned/.test(body.identity?.type ?? '') ? 'SystemAssigned, UserAssigned' : 'UserAssigned';
  const identity = { type, userAssignedIdentities: { [identityId]: {} } };
  await manage(server, token, { method: 'PATCH', path, body: { identity } });
}

/** The secret by which a registered host asks for tokens in the App Service form. */
export async function identityHeaderOf(server: TestServer, token: string, hostId: string): Promise<string> {
  const path = `${hostId}/listIdentitySecret?api-version=${HOSTS}`;
  return (await manage(server, token, { method: 'POST', path })).body.identityHeader as string;
}

/** The object id that a token's `oid` claim names. */
export function objectIdOf(token: string): string {
  return (JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { oid: string }).oid;
}
