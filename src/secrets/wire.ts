import { objectId, sharedAttributes } from '../objects/lifecycle.ts';
import type { Call } from '../operations/operation.ts';
import { isVersionAtLeast } from '../operations/versions.ts';
import type { SecretRow } from './repository.ts';

/** SecretBundle (secrets.json); `value` is left out where it is not told. */
export function secretBundle(call: Call, row: SecretRow, value?: string): Record<string, unknown> {
  return {
    ...(value === undefined ? {} : { value }),
    ...(row.content_type === null ? {} : { contentType: row.content_type }),
    id: objectId(call, 'secrets', row.name, row.version),
    attributes: sharedAttributes(call, row),
    ...tags(row),
    ...managed(row),
    ...(row.managed === 1 ? { kid: objectId(call, 'keys', row.name, row.version) } : {}),
    ...(row.previous_version !== null && isVersionAtLeast(call.apiVersion, '2025-07-01')
      ? { previousVersion: row.previous_version }
      : {}),
  };
}

/** SecretItem: what lists show; with the version in its id in lists of versions. */
export function secretItem(call: Call, row: SecretRow, withVersion: boolean): Record<string, unknown> {
  return {
    ...(row.content_type === null ? {} : { contentType: row.content_type }),
    id: objectId(call, 'secrets', row.name, withVersion ? row.version : undefined),
    attributes: sharedAttributes(call, row),
    ...tags(row),
    ...managed(row),
  };
}

function managed(row: SecretRow): { managed?: true } {
  return row.managed === 1 ? { managed: true } : {};
}

function tags(row: SecretRow): { tags?: unknown } {
  return row.tags === null ? {} : { tags: JSON.parse(row.tags) as unknown };
}
