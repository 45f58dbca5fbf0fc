import { foldName, newVersion } from '../base/ids.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { pageBody, readPage } from './arm-page.ts';
import {
  type EndpointConnection,
  isConnectionName,
  MAX_CONNECTIONS,
  type NamedConnection,
  readConnection,
  statusAfter,
} from './endpoint-connection.ts';
import { findConnection, listConnections, removeConnection, storeConnection } from './endpoint-repository.ts';
import { requireVault } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import type { Vault } from './vault.ts';
import { invalidProperty } from './vault-property.ts';
import { connectionBody } from './wire.ts';

const TYPE = 'Microsoft.KeyVault/vaults/privateEndpointConnections';

/**
 * Approves, rejects or describes a connection; makes it where it is not there and the body names its private endpoint. There is
 * no network behind it yet: what is stored lets nobody in and keeps nobody out.
 * @throws Refusal `vault-property-invalid`, `private-endpoint-state`, `private-endpoint-changed`, `resource-not-found`
 */
export async function putConnection(parts: ResourceParts, call: Call): Promise<Answer> {
  const name = call.parameters['connection'] ?? '';
  if (!isConnectionName(name)) {
    throw invalidProperty(
      'privateEndpointConnections',
      'a name has 1 to 80 letters, digits, periods, underscores and hyphens',
    );
  }
  const named = readConnection(call.body ?? {});
  const etag = newVersion(parts.random);
  return call.commit(async (transaction) => {
    const vault = await requireVault(transaction, call);
    const existing = await findConnection(transaction, { vaultId: vault.id, nameKey: foldName(name) });
    const now = parts.clock.now();
    const connection: EndpointConnection = existing
      ? { ...existing, ...changed(existing, named), etag, updated: now }
      : { ...(await made(transaction, vault, name, named)), etag, created: now, updated: now };
    await storeConnection(transaction, connection);
    return answer(vault, connection);
  });
}

/** Reads a connection. @throws Refusal `resource-not-found` */
export async function getConnection(parts: ResourceParts, call: Call): Promise<Answer> {
  const vault = await requireVault(parts.store.reader, call);
  const name = call.parameters['connection'] ?? '';
  const connection = await findConnection(parts.store.reader, { vaultId: vault.id, nameKey: foldName(name) });
  if (!connection) throw notFound(vault, name);
  return answer(vault, connection);
}

/** Removes a connection, whatever its status (200 with what it was); 204 where there is none. */
export async function deleteConnection(_parts: ResourceParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const vault = await requireVault(transaction, call);
    const nameKey = foldName(call.parameters['connection'] ?? '');
    const connection = await findConnection(transaction, { vaultId: vault.id, nameKey });
    if (!connection) return { status: 204 };
    await removeConnection(transaction, connection);
    return answer(vault, { ...connection, status: 'Disconnected' });
  });
}

/** Lists the connections of a vault. */
export async function listVaultConnections(parts: ResourceParts, call: Call): Promise<Answer> {
  const page = readPage(call);
  const vault = await requireVault(parts.store.reader, call);
  const limit = page.size + 1;
  const rows = await listConnections(parts.store.reader, { vaultId: vault.id, after: page.after, limit });
  const toWire = (connection: EndpointConnection) => connectionBody(vault, connection);
  return { status: 200, body: pageBody(call, page, rows, ({ nameKey }) => nameKey, toWire) };
}

/** What a private endpoint may connect to: the vault itself. */
export async function listLinkResources(parts: ResourceParts, call: Call): Promise<Answer> {
  const vault = await requireVault(parts.store.reader, call);
  const resource = {
    id: `${vault.resourceId}/privateLinkResources/vault`,
    name: 'vault',
    type: 'Microsoft.KeyVault/vaults/privateLinkResources',
    properties: {
      groupId: 'vault',
      requiredMembers: ['default'],
      requiredZoneNames: [`privatelink.vault.${parts.domain}`],
    },
  };
  return { status: 200, body: { value: [resource] } };
}

function changed(existing: EndpointConnection, named: NamedConnection) {
  const { endpointId, etag } = named;
  if (endpointId !== null && foldName(endpointId) !== foldName(existing.endpointId)) {
    throw invalidProperty('privateEndpoint.id', `the connection is that of ${existing.endpointId}`);
  }
  if (etag !== null && etag !== existing.etag) {
    throw new Refusal('private-endpoint-changed', { name: existing.name, etag: existing.etag });
  }
  return {
    status: statusAfter(existing.status, named.status),
    description: named.description ?? existing.description,
  };
}

async function made(session: Session, vault: Vault, name: string, named: NamedConnection) {
  if (named.endpointId === null) throw notFound(vault, name);
  const others = await listConnections(session, { vaultId: vault.id, after: '', limit: MAX_CONNECTIONS });
  if (others.length === MAX_CONNECTIONS) {
    throw invalidProperty('privateEndpointConnections', `a vault has at most ${MAX_CONNECTIONS}`);
  }
  return {
    vaultId: vault.id,
    name,
    nameKey: foldName(name),
    endpointId: named.endpointId,
    status: statusAfter(null, named.status),
    description: named.description,
  };
}

function notFound(vault: Vault, name: string): Refusal {
  const facts = { type: TYPE, name: `${vault.name}/${name.slice(0, 100)}`, group: vault.groupName };
  return new Refusal('resource-not-found', facts);
}

function answer(vault: Vault, connection: EndpointConnection): Answer {
  const body = connectionBody(vault, connection);
  return { status: 200, body, subject: `${vault.resourceId}/privateEndpointConnections/${connection.name}` };
}
