import { isUuid } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Incoming } from './incoming.ts';
import type { ApiVersions } from './operation.ts';

/**
 * The data plane's versions: the stable ones since 2016, and the previews that `az` sends (measured with az 2.45 to 2.91).
 */
export const dataPlaneVersions: ApiVersions = {
  known: [
    '2016-10-01',
    '7.0',
    '7.1',
    '7.2',
    '7.3',
    '7.4-preview.1',
    '7.4',
    '7.5-preview.1',
    '7.5',
    '7.6-preview.1',
    '7.6-preview.2',
    '7.6',
    '2025-07-01',
    '2026-04-01',
  ],
};

/** The data plane's versions from a known one on: earlier ones do not have the operation. */
export function dataPlaneVersionsSince(since: string): ApiVersions {
  return { known: dataPlaneVersions.known.filter((version) => isVersionAtLeast(version, since)) };
}

/** Operations that take no api-version. */
export const noVersions: ApiVersions = { known: [] };

/** Whether a known version is at least another known one of the data plane. */
export function isVersionAtLeast(version: string, least: string): boolean {
  return dataPlaneVersions.known.indexOf(version) >= dataPlaneVersions.known.indexOf(least);
}

/**
 * The version the request asks for, as this release serves it.
 * @throws Refusal `version-missing`, `version-unknown`, or their `arm-` forms
 */
export function checkVersion({ operation, query }: Incoming, acceptNewer: boolean): string {
  const { known, anyDate } = operation.versions;
  const newest = known[known.length - 1];
  const version = query['api-version'];
  if (newest === undefined && !anyDate) return version && /^[\w.-]{1,32}$/.test(version) ? version : '';
  const isData = operation.plane === 'data';
  if (!version)
    throw new Refusal(isData ? 'version-missing' : 'arm-version-missing', { newest: newest ?? '2021-04-01' });
  if (known.includes(version)) return version;
  const isDated = /^20\d\d-[01]\d-[0-3]\d(-preview)?$/.test(version);
  if (anyDate && isDated) return version;
  if (acceptNewer && isDated && newest !== undefined && version > newest) return newest;
  throw new Refusal(isData ? 'version-unknown' : 'arm-version-unknown', {
    version: version.slice(0, 64),
    newest: newest ?? '2021-04-01',
    supported: known,
  });
}

/**
 * Holds a subscription's name in a path of the management plane against the form of its id.
 * @throws Refusal `subscription-id-invalid`
 */
export function checkSubscriptionId({ operation, parameters }: Incoming): void {
  const { subscriptionId } = parameters;
  if (operation.plane !== 'management' || subscriptionId === undefined || isUuid(subscriptionId)) return;
  throw new Refusal('subscription-id-invalid', { subscription: subscriptionId.slice(0, 100) });
}
