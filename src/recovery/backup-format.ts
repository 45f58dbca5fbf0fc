import { oneLine } from '../base/text.ts';
import { schemaVersion } from '../store/migrate.ts';
import type { Value } from '../store/port.ts';
import type { Tables } from '../store/schema.ts';

/** What a server backup holds: every table with its primary key, in the order in which rows are written. */
export const backupTables: readonly { readonly table: keyof Tables; readonly key: readonly string[] }[] = [
  { table: 'generations', key: ['topic'] },
  { table: 'meta', key: ['name'] },
  { table: 'root_keys', key: ['id'] },
  { table: 'sealed_values', key: ['name'] },
  { table: 'subscriptions', key: ['id'] },
  { table: 'resource_groups', key: ['subscription_id', 'name_key'] },
  { table: 'vaults', key: ['id'] },
  { table: 'vault_keys', key: ['vault_id', 'key_id'] },
  { table: 'secrets', key: ['vault_id', 'name_key'] },
  { table: 'secret_versions', key: ['vault_id', 'name_key', 'version'] },
  { table: 'keys', key: ['vault_id', 'name_key'] },
  { table: 'key_versions', key: ['vault_id', 'name_key', 'version'] },
  { table: 'token_objects', key: ['vault_id', 'name_key', 'version', 'object_id'] },
  { table: 'certificates', key: ['vault_id', 'name_key'] },
  { table: 'certificate_versions', key: ['vault_id', 'name_key', 'version'] },
  { table: 'certificate_contacts', key: ['vault_id'] },
  { table: 'certificate_issuers', key: ['vault_id', 'name_key'] },
  { table: 'principals', key: ['id'] },
  { table: 'applications', key: ['id'] },
  { table: 'credentials', key: ['app_id', 'id'] },
  { table: 'managed_identities', key: ['resource_key'] },
  { table: 'assertions', key: ['digest'] },
  { table: 'role_assignments', key: ['scope_key', 'id'] },
  { table: 'role_definitions', key: ['id'] },
  { table: 'deny_assignments', key: ['scope_key', 'id'] },
  { table: 'group_members', key: ['group_id', 'member_id'] },
  { table: 'directory_owners', key: ['object_id', 'owner_id'] },
  { table: 'federated_credentials', key: ['app_id', 'id'] },
  { table: 'passwords', key: ['principal_id'] },
  { table: 'sign_in_failures', key: ['subject'] },
  { table: 'locks', key: ['scope_key', 'name_key'] },
  { table: 'resources', key: ['resource_key'] },
  { table: 'private_endpoint_connections', key: ['vault_id', 'name_key'] },
  { table: 'activity_log', key: ['subscription_id', 'time', 'id'] },
  { table: 'identity_secrets', key: ['resource_key'] },
  { table: 'model_changes', key: ['vault_id'] },
  { table: 'vault_authorities', key: ['vault_id', 'authority'] },
  { table: 'authority_certificates', key: ['vault_id', 'authority', 'serial'] },
  { table: 'vault_moves', key: ['vault_id'] },
  { table: 'vault_move_items', key: ['vault_id', 'kind', 'item_key'] },
  { table: 'audit_heads', key: ['chain'] },
  { table: 'audit_batches', key: ['chain', 'first_sequence'] },
];

/**
 * Tables that say who works at what right now, which means nothing elsewhere, and who is signed in: a sign-in that ended after the
 * backup was taken must not come back with it, nor an e-mail that was sent since.
 */
export const leftOut: readonly (keyof Tables)[] = ['leases', 'device_codes', 'refresh_tokens', 'mail_queue'];

/** The first line of a backup. */
export interface BackupHeader {
  readonly kind: 'strongroom-backup';
  readonly format: 1;
  /** Schema version of the rows. */
  readonly schema: number;
  /** RFC 3339. */
  readonly created: string;
}

/** The last line: how many rows came before, and an HMAC over everything before it. */
export interface BackupEnd {
  readonly end: true;
  readonly rows: number;
  readonly mac: string;
}

/** A backup that cannot be taken or restored; the message is for the operator. */
export class BackupFault extends Error {
  readonly code = 'backup-unusable';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BackupFault';
  }
}

/** The header of a backup taken at `created`. */
export function backupHeader(created: string): BackupHeader {
  return { kind: 'strongroom-backup', format: 1, schema: schemaVersion, created };
}

/** A row as a line: bytes as `{"$bytes": base64}`. */
export function rowLine(table: string, row: Readonly<Record<string, Value>>): string {
  const plain = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('base64') } : value,
    ]),
  );
  // Node's readline ends lines at more characters than JSON escapes.
  return oneLine(JSON.stringify({ table, row: plain }));
}

/** The row of a line written by {@link rowLine}. */
export function rowValues(row: Readonly<Record<string, unknown>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const bytes = (value as { $bytes?: string } | null)?.$bytes;
      return [name, bytes === undefined ? (value as Value) : Buffer.from(bytes, 'base64')];
    }),
  );
}
