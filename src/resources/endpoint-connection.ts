import { foldName } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import { invalidProperty, isObject } from './vault-property.ts';

/** Where a private endpoint's connection to a vault stands (keyvault.json, PrivateEndpointServiceConnectionStatus). */
export type ConnectionStatus = 'Pending' | 'Approved' | 'Rejected' | 'Disconnected';

/** A private endpoint's connection to a vault. */
export interface EndpointConnection {
  /** Internal id of the vault: the connection dies with it. */
  readonly vaultId: string;
  readonly name: string;
  readonly nameKey: string;
  /** Resource id of the private endpoint. */
  readonly endpointId: string;
  readonly status: ConnectionStatus;
  readonly description: string | null;
  /** New with each change. */
  readonly etag: string;
  readonly created: number;
  readonly updated: number;
}

/** What a PUT of a connection names. */
export interface NamedConnection {
  readonly endpointId: string | null;
  readonly status: ConnectionStatus | null;
  readonly description: string | null;
  readonly etag: string | null;
}

/** Most connections of a vault (Key Vault service limits, private endpoints per key vault). */
export const MAX_CONNECTIONS = 64;

const MAX_DESCRIPTION = 140;
const statuses: readonly ConnectionStatus[] = ['Pending', 'Approved', 'Rejected', 'Disconnected'];

/**
 * What an owner may make of a connection ("Manage a private endpoint connection"). Disconnected is what deleting leaves, and a
 * connection that is decided does not become pending again.
 */
const next: Readonly<Record<ConnectionStatus, readonly ConnectionStatus[]>> = {
  Pending: ['Pending', 'Approved', 'Rejected'],
  Approved: ['Approved', 'Rejected'],
  Rejected: ['Rejected', 'Approved'],
  Disconnected: [],
};

/** Whether the text can name a connection: 1 to 80 letters, digits, `.`, `_` and `-`, a letter or digit first, no period last. */
export function isConnectionName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/.test(name) && !name.endsWith('.');
}

/**
 * Reads the body of a PUT.
 * @throws Refusal `vault-property-invalid`
 */
export function readConnection(body: Readonly<Record<string, unknown>>): NamedConnection {
  const properties = object(body['properties'] ?? {}, 'properties');
  const endpoint = object(properties['privateEndpoint'] ?? {}, 'privateEndpoint');
  const state = object(properties['privateLinkServiceConnectionState'] ?? {}, 'privateLinkServiceConnectionState');
  const { etag } = body;
  return {
    endpointId: readEndpoint(endpoint['id']),
    status: readStatus(state['status']),
    description: readDescription(state['description']),
    etag: typeof etag === 'string' && etag !== '' ? etag : null,
  };
}

/**
 * The status of a connection after a change.
 * @param current null for one that is to be made
 * @throws Refusal `private-endpoint-state`
 */
export function statusAfter(current: ConnectionStatus | null, asked: ConnectionStatus | null): ConnectionStatus {
  const status = asked ?? current ?? 'Pending';
  const allowed = next[current ?? 'Pending'];
  if (allowed.includes(status)) return status;
  throw new Refusal('private-endpoint-state', { current: current ?? 'Pending', asked: status, allowed });
}

function readEndpoint(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const form =
    /^\/subscriptions\/[^/?#]{1,64}\/resourceGroups\/[^/?#]{1,90}\/providers\/Microsoft\.Network\/privateEndpoints\/[^/?#]{1,80}$/i;
  if (typeof value === 'string' && form.test(value)) return value;
  throw invalidProperty('privateEndpoint.id', 'the resource id of a Microsoft.Network/privateEndpoints is expected');
}

function readStatus(value: unknown): ConnectionStatus | null {
  if (value === undefined || value === null) return null;
  const status = typeof value === 'string' ? statuses.find((one) => foldName(one) === foldName(value)) : undefined;
  if (status) return status;
  throw invalidProperty('privateLinkServiceConnectionState.status', `one of ${statuses.join(', ')} is expected`);
}

function readDescription(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= MAX_DESCRIPTION && value.isWellFormed() && !/\u0000/.test(value)) {
    return value;
  }
  const reason = `a text of at most ${MAX_DESCRIPTION} characters is expected`;
  throw invalidProperty('privateLinkServiceConnectionState.description', reason);
}

function object(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw invalidProperty(where, 'an object is expected');
}
