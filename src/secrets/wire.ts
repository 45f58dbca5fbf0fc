import { toSeconds } from '../base/text.ts';
import { type Call, vaultOf } from '../operations/operation.ts';
import { isVersionAtLeast } from '../operations/versions.ts';
import { recoveryLevel } from '../recovery/levels.ts';
import type { SecretRow } from './repository.ts';

/** The id of a secret, with its version where one is given, on the host and port the caller used. */
export function secretId(call: Call, name: string, version?: string): string {
  return version === undefined ? `${call.origin}/secrets/${name}` : `${call.origin}/secrets/${name}/${version}`;
}

/** SecretBundle (secrets.json); `value` is left out where it is not told. */
export function secretBundle(call: Call, row: SecretRow, value?: string): Record<string, unknown> {
  return {
    ...(value === undefined ? {} : { value }),
    ...(row.content_type === null ? {} : { contentType: row.content_type }),
    id: secretId(call, row.name, row.version),
    attributes: attributes(call, row),
    ...tags(row),
    ...(row.previous_version !== null && isVersionAtLeast(call.apiVersion, '2025-07-01')
      ? { previousVersion: row.previous_version }
      : {}),
  };
}

/** SecretItem: what lists show; with the version in its id in lists of versions. */
export function secretItem(call: Call, row: SecretRow, withVersion: boolean): Record<string, unknown> {
  return {
    ...(row.content_type === null ? {} : { contentType: row.content_type }),
    id: secretId(call, row.name, withVersion ? row.version : undefined),
    attributes: attributes(call, row),
    ...tags(row),
  };
}

/** What DeletedSecretBundle and DeletedSecretItem add. */
export function deletion(call: Call, row: SecretRow): Record<string, unknown> {
  return {
    recoveryId: `${call.origin}/deletedsecrets/${row.name}`,
    deletedDate: toSeconds(row.deleted ?? 0),
    scheduledPurgeDate: toSeconds(row.purge_at ?? 0),
  };
}

function attributes(call: Call, row: SecretRow): Record<string, unknown> {
  const { settings } = vaultOf(call);
  return {
    enabled: row.enabled === 1,
    ...(row.nbf === null ? {} : { nbf: row.nbf }),
    ...(row.exp === null ? {} : { exp: row.exp }),
    created: toSeconds(row.created),
    updated: toSeconds(row.updated),
    recoveryLevel: recoveryLevel(settings),
    ...(isVersionAtLeast(call.apiVersion, '7.1') ? { recoverableDays: settings.softDeleteRetentionInDays } : {}),
  };
}

function tags(row: SecretRow): { tags?: unknown } {
  return row.tags === null ? {} : { tags: JSON.parse(row.tags) as unknown };
}
