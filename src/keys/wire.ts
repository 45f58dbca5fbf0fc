import { objectId, sharedAttributes } from '../objects/lifecycle.ts';
import type { Call } from '../operations/operation.ts';
import { isVersionAtLeast } from '../operations/versions.ts';
import { isExportable } from './key-purpose.ts';
import type { KeyRow } from './repository.ts';

/** The `kid` of a version of a key. */
export function keyId(call: Call, row: KeyRow): string {
  return objectId(call, 'keys', row.name, row.version);
}

/** KeyBundle (keys.json): public members alone, whatever kind of key. */
export function keyBundle(call: Call, row: KeyRow): Record<string, unknown> {
  const publicMembers = JSON.parse(row.public_key) as Record<string, string>;
  return {
    key: {
      kid: keyId(call, row),
      kty: row.kty,
      key_ops: JSON.parse(row.key_ops) as unknown,
      ...publicMembers,
    },
    attributes: attributes(call, row),
    ...tags(row),
    ...(row.release_policy !== null && knowsRelease(call) ? { release_policy: JSON.parse(row.release_policy) } : {}),
    ...managed(row),
  };
}

/** Whether the api-version of a call is at least another. */
export function isServed(call: Call): (since: string) => boolean {
  return (since) => isVersionAtLeast(call.apiVersion, since);
}

/** Whether the api-version has keys that leave. */
export function knowsRelease(call: Call): boolean {
  return isVersionAtLeast(call.apiVersion, '7.3');
}

/** KeyItem: what lists show; with the version in its id in lists of versions. */
export function keyItem(call: Call, row: KeyRow, withVersion: boolean): Record<string, unknown> {
  return {
    kid: withVersion ? keyId(call, row) : objectId(call, 'keys', row.name),
    attributes: attributes(call, row),
    ...tags(row),
    ...managed(row),
  };
}

function managed(row: KeyRow): { managed?: true } {
  return row.managed === 1 ? { managed: true } : {};
}

function attributes(call: Call, row: KeyRow): Record<string, unknown> {
  const isHsm = row.kty.endsWith('-HSM');
  return {
    ...sharedAttributes(call, row),
    ...(knowsRelease(call) ? { exportable: isExportable(row) } : {}),
    ...(isVersionAtLeast(call.apiVersion, '7.5-preview.1') ? { hsmPlatform: isHsm ? '1' : '0' } : {}),
    ...(isVersionAtLeast(call.apiVersion, '2026-04-01') && row.kty.startsWith('oct') ? { key_size: row.size } : {}),
  };
}

function tags(row: KeyRow): { tags?: unknown } {
  return row.tags === null ? {} : { tags: JSON.parse(row.tags) as unknown };
}
