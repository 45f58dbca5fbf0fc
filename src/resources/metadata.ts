import type { Answer, Call } from '../operations/operation.ts';
import { portSuffix } from './vault-uri.ts';

/** What the health of a server is told from. */
export interface Health {
  readonly seal: { readonly kind: string; readonly state: string };
  /** Since when the present root key seals, RFC 3339. */
  readonly rootKey?: { readonly since: string };
  readonly store: { readonly kind: string };
  /** Told only where the clock may be moved. */
  readonly clock?: { readonly movable: boolean; readonly aheadSeconds: number };
}

/** The version from which on the metadata is one object; before it was a list of clouds. */
const ONE_OBJECT_SINCE = '2022-09-01';

/**
 * The endpoints of this cloud, as tools that are given the ARM URL alone look for them. Everything is built from the domain
 * and the port that the caller used.
 */
export async function getEndpoints(domain: string, call: Call): Promise<Answer> {
  const port = portSuffix(call);
  const url = (host: string) => `https://${host}.${domain}${port}`;
  const authentication = {
    loginEndpoint: url('login'),
    audiences: [`${url('management')}/`, 'https://management.core.windows.net/', 'https://management.azure.com/'],
    tenant: 'common',
    identityProvider: 'AAD',
  };
  if (call.apiVersion === '2015-01-01') {
    const body = {
      galleryEndpoint: `${url('management')}/`,
      graphEndpoint: `${url('graph')}/`,
      portalEndpoint: `${url('portal')}/`,
      authentication,
    };
    return { status: 200, body };
  }
  const cloud = {
    name: 'Strongroom',
    portal: url('portal'),
    resourceManager: `${url('management')}/`,
    gallery: `${url('management')}/`,
    graph: `${url('graph')}/`,
    graphAudience: `${url('graph')}/`,
    microsoftGraphResourceId: `${url('graph')}/`,
    logAnalyticsResourceId: url('api.loganalytics'),
    media: url('management'),
    batch: `${url('management')}/`,
    sqlManagement: `${url('management')}/`,
    vmImageAliasDoc: `${url('management')}/`,
    activeDirectoryDataLake: `${url('management')}/`,
    authentication,
    suffixes: {
      keyVaultDns: `vault.${domain}${port}`,
      mhsmDns: `managedhsm.${domain}${port}`,
      storage: `storage.${domain}`,
    },
  };
  return { status: 200, body: call.apiVersion >= ONE_OBJECT_SINCE ? cloud : [cloud] };
}

/** Whether the server is up, for `strongroom status` and for probes. */
export async function getHealth(version: string, health: Health): Promise<Answer> {
  return { status: 200, body: { status: 'ok', version, ...health } };
}
