import type { Answer, Method, Operation } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { keyVaultVersions } from './arm-versions.ts';

const subscription = '/subscriptions/:subscriptionId';
const provider = 'providers/Microsoft.KeyVault';
const pools = `${subscription}/resourceGroups/:group/${provider}/managedHSMs`;
const pool = `${pools}/:hsm`;
const deleted = `${subscription}/${provider}/locations/:location/deletedManagedHSMs/:hsm`;

/** Every operation of managed HSMs (managedHsm.json, keysManagedHsm.json); `empty` are the lists that `az keyvault list` asks for. */
const table: readonly (readonly [id: string, method: Method, path: string, empty?: 'empty'])[] = [
  ['ManagedHsmList', 'GET', pools, 'empty'],
  ['ManagedHsmList', 'GET', `${subscription}/${provider}/managedHSMs`, 'empty'],
  ['ManagedHsmListDeleted', 'GET', `${subscription}/${provider}/deletedManagedHSMs`, 'empty'],
  ['ManagedHsmPut', 'PUT', pool],
  ['ManagedHsmPatch', 'PATCH', pool],
  ['ManagedHsmGet', 'GET', pool],
  ['ManagedHsmDelete', 'DELETE', pool],
  ['ManagedHsmGetDeleted', 'GET', deleted],
  ['ManagedHsmPurge', 'POST', `${deleted}/purge`],
  ['ManagedHsmCheckName', 'POST', `${subscription}/${provider}/checkMhsmNameAvailability`],
  ['ManagedHsmRegionList', 'GET', `${pool}/regions`],
  ['ManagedHsmLinkResourceList', 'GET', `${pool}/privateLinkResources`],
  ['ManagedHsmConnectionList', 'GET', `${pool}/privateEndpointConnections`],
  ['ManagedHsmConnectionGet', 'GET', `${pool}/privateEndpointConnections/:connection`],
  ['ManagedHsmConnectionPut', 'PUT', `${pool}/privateEndpointConnections/:connection`],
  ['ManagedHsmConnectionDelete', 'DELETE', `${pool}/privateEndpointConnections/:connection`],
  ['ManagedHsmKeyList', 'GET', `${pool}/keys`],
  ['ManagedHsmKeyGet', 'GET', `${pool}/keys/:key`],
  ['ManagedHsmKeyPut', 'PUT', `${pool}/keys/:key`],
  ['ManagedHsmKeyListVersions', 'GET', `${pool}/keys/:key/versions`],
  ['ManagedHsmKeyGetVersion', 'GET', `${pool}/keys/:key/versions/:version`],
];

/** The rows of managed HSMs: there are none here, so that lists are empty and everything else says so (501). */
export function managedHsmOperations(): readonly Operation[] {
  return table.map(([id, method, path, empty]) => ({
    id,
    plane: 'management',
    method,
    path,
    versions: keyVaultVersions,
    need: { kind: 'authenticated' },
    throttle: 'none',
    body: method === 'GET' || method === 'DELETE' ? 'none' : 'json',
    success: [200],
    run: empty ? listNothing : refuse,
  }));
}

async function listNothing(): Promise<Answer> {
  return { status: 200, body: { value: [] } };
}

async function refuse(): Promise<Answer> {
  throw new Refusal('not-implemented', { feature: 'managed HSM pools' });
}
