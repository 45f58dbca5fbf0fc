import type { ColumnType } from 'kysely';
import type {
  CertificateContactTable,
  CertificateIssuerTable,
  CertificateTable,
  CertificateVersionTable,
} from './certificate-tables.ts';
import type { AuthorityCertificateTable, AuthorityTable, MailTable } from './issuer-tables.ts';
import type { KeyTable, KeyVersionTable } from './key-tables.ts';
import type { TokenObjectTable } from './token-object-table.ts';
import type { VaultMoveItemTable, VaultMoveTable } from './vault-move-tables.ts';

/**
 * The tables, as both databases have them. Instants are milliseconds since the Unix epoch, truths are 0 or 1, JSON is text;
 * `*_key` columns hold folded names and are what is compared. The vault comes first in every key of a vault's own rows.
 */
export interface Tables {
  meta: { name: string; value: string };
  generations: { topic: string; value: number };
  root_keys: { id: string; seal: string; wrapped: Uint8Array; created: number; active: number };
  sealed_values: { name: string; envelope: Uint8Array; created: number };
  subscriptions: SubscriptionTable;
  resource_groups: {
    subscription_id: string;
    name_key: string;
    name: string;
    location: string;
    tags: string;
    created: number;
  };
  vaults: VaultTable;
  vault_keys: {
    vault_id: string;
    key_id: string;
    root_key_id: string;
    wrapped: Uint8Array;
    created: number;
    /** Since when nothing was found under it, where a newer key follows; it is destroyed a while later. */
    emptied: Optional<number>;
  };
  secrets: SecretTable;
  secret_versions: SecretVersionTable;
  keys: KeyTable;
  key_versions: KeyVersionTable;
  token_objects: TokenObjectTable;
  certificates: CertificateTable;
  certificate_versions: CertificateVersionTable;
  certificate_contacts: CertificateContactTable;
  certificate_issuers: CertificateIssuerTable;
  principals: PrincipalTable;
  applications: ApplicationTable;
  credentials: CredentialTable;
  managed_identities: {
    resource_key: string;
    resource_id: string;
    principal_id: string;
    client_id: string;
    location: string;
    tags: string;
    created: number;
  };
  assertions: { digest: string; expires: number };
  role_assignments: RoleAssignmentTable;
  role_definitions: RoleDefinitionTable;
  deny_assignments: DenyAssignmentTable;
  group_members: { group_id: string; member_id: string; created: number };
  directory_owners: { object_id: string; owner_id: string; created: number };
  federated_credentials: FederatedCredentialTable;
  passwords: PasswordTable;
  sign_in_failures: { subject: string; failures: number; locked_until: number; last: number };
  device_codes: DeviceCodeTable;
  refresh_tokens: RefreshTokenTable;
  locks: LockTable;
  resources: ResourceTable;
  private_endpoint_connections: PrivateEndpointConnectionTable;
  activity_log: ActivityTable;
  identity_secrets: IdentitySecretTable;
  model_changes: ModelChangeTable;
  mail_queue: MailTable;
  vault_authorities: AuthorityTable;
  authority_certificates: AuthorityCertificateTable;
  vault_moves: VaultMoveTable;
  vault_move_items: VaultMoveItemTable;
  audit_batches: AuditBatchTable;
  audit_heads: { chain: string; sequence: number; hash: string; mac: string };
  leases: { name: string; holder: string; fence: number; expires: number };
}

/** A subscription; `tags` is JSON, null where nothing was ever tagged. */
export interface SubscriptionTable {
  id: string;
  tenant_id: string;
  name: string;
  state: string;
  created: number;
  tags: string | null;
}

/** A vault, live or soft-deleted; `name_key` is unique over both. `properties` is the JSON of its settings. */
export interface VaultTable {
  id: string;
  name_key: string;
  name: string;
  tenant_id: string;
  subscription_id: string;
  group_key: string;
  group_name: string;
  location: string;
  properties: string;
  tags: string;
  created: number;
  updated: number;
  deleted: number | null;
  purge_at: number | null;
}

/** A secret's name with its current version; soft-deleted when `deleted` is set. */
export interface SecretTable {
  vault_id: string;
  name_key: string;
  name: string;
  current_version: string;
  created: number;
  deleted: number | null;
  purge_at: number | null;
  /** 1 where a certificate made it and rules its life; 0 by default. */
  managed: ColumnType<number, number | undefined, number>;
}

/** One version of a secret. `sequence` counts up within the name, so that the newest is never a matter of the clock. */
export interface SecretVersionTable {
  vault_id: string;
  name_key: string;
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  content_type: string | null;
  tags: string | null;
  previous_version: string | null;
  envelope: Uint8Array;
}

/** Whoever can hold a role: `kind` is User, Group or ServicePrincipal. */
export interface PrincipalTable {
  id: string;
  tenant_id: string;
  kind: string;
  /** Application, ManagedIdentity (service principals), Member, Guest (users), or the empty text. */
  type: string;
  display_name: string;
  app_id: string | null;
  upn: string | null;
  upn_key: string | null;
  enabled: number;
  /** The directory role held, or null; `Global Administrator` may change the directory. */
  directory_role: string | null;
  created: number;
  /** JSON of what Graph hands back besides (mail nickname, description, given name, …); null for none. */
  details: string | null;
}

/** An application registration. */
export interface ApplicationTable {
  id: string;
  tenant_id: string;
  app_id: string;
  display_name: string;
  /** JSON: identifierUris, notes, tags and such that Graph hands back. */
  details: string;
  created: number;
}

/** A credential of an application: a hashed client secret or a registered certificate. */
export interface CredentialTable {
  id: string;
  app_id: string;
  kind: string;
  display_name: string | null;
  /** First three characters of a secret, for people to tell secrets apart. */
  hint: string | null;
  /** Hashed secret (text of our own format) or certificate (PEM). */
  material: string;
  starts: number;
  expires: number;
  created: number;
}

/** A role given to a principal at a scope. `scope_key` is the folded scope. */
export interface RoleAssignmentTable {
  id: string;
  scope_key: string;
  scope: string;
  role_id: string;
  principal_id: string;
  principal_type: string;
  description: string | null;
  created: number;
  updated: number;
  created_by: string;
  /** An ABAC condition and its version, `2.0`; null where the role is given without one. */
  condition: string | null;
  condition_version: string | null;
}

/** A custom role. `permissions` is JSON of RolePermission[], `assignable_scopes` of string[]; `name_key` is unique. */
export interface RoleDefinitionTable {
  id: string;
  name_key: string;
  name: string;
  description: string;
  permissions: string;
  assignable_scopes: string;
  created: number;
  updated: number;
  created_by: string;
  updated_by: string;
}

/** A deny assignment. `permissions`, `principals` and `exclude_principals` are JSON arrays as the wire has them. */
export interface DenyAssignmentTable {
  scope_key: string;
  id: string;
  scope: string;
  name: string;
  description: string;
  permissions: string;
  principals: string;
  exclude_principals: string;
  /** 1 where it does not apply to child scopes. */
  only_here: number;
  created: number;
  updated: number;
  created_by: string;
}

/** An issuer and subject whose tokens an application (or, by its client id, a managed identity) is believed by. */
export interface FederatedCredentialTable {
  app_id: string;
  id: string;
  name_key: string;
  name: string;
  issuer: string;
  subject: string;
  /** JSON array of text. */
  audiences: string;
  description: string | null;
  created: number;
}

/** A person's password, hashed; `version` is new with each password, so that what was got by an older one ends. */
export interface PasswordTable {
  principal_id: string;
  material: string;
  must_change: number;
  changed: number;
  version: string;
}

/** A device code by the SHA-256 of it; `state` is pending, approved, declined or used. `request` is JSON. */
export interface DeviceCodeTable {
  digest: string;
  user_code: string;
  client_id: string;
  request: string;
  state: string;
  principal_id: string | null;
  attempts: number;
  polled: number;
  created: number;
  expires: number;
}

/** A refresh token by the SHA-256 of it; `family` joins those that came of one sign-in; `state` is live or used. */
export interface RefreshTokenTable {
  digest: string;
  family: string;
  principal_id: string;
  client_id: string;
  /** What it rests on: the version of the password. */
  proof: string;
  state: string;
  created: number;
  expires: number;
}

/** A management lock; `level` is CanNotDelete or ReadOnly, `owners` JSON. */
export interface LockTable {
  scope_key: string;
  name_key: string;
  scope: string;
  name: string;
  level: string;
  notes: string | null;
  owners: string;
  created: number;
}

/** A resource that has identities but no service of its own here: a machine, an application host. JSON where the wire has objects. */
export interface ResourceTable {
  resource_key: string;
  resource_id: string;
  type: string;
  name: string;
  subscription_id: string;
  group_key: string;
  location: string;
  tags: string;
  /** None, SystemAssigned, UserAssigned, or both joined by a comma and a space. */
  identity_type: string;
  /** JSON array of the resource ids of user-assigned identities. */
  user_identities: string;
  properties: string;
  created: number;
  updated: number;
}

/** A private endpoint's connection to a vault; `status` is Pending, Approved, Rejected or Disconnected. */
export interface PrivateEndpointConnectionTable {
  vault_id: string;
  name_key: string;
  name: string;
  endpoint_id: string;
  status: string;
  description: string | null;
  etag: string;
  created: number;
  updated: number;
}

/** A management operation that changed something or tried to: what it is looked for by, and the rest as JSON. Keys are folded. */
export interface ActivityTable {
  subscription_id: string;
  time: number;
  /** The request's id. */
  id: string;
  /** The scope of the group; the empty text at a subscription. */
  group_key: string;
  /** The scope of the resource, without what is below it. */
  resource_key: string;
  provider_key: string;
  caller_key: string;
  /** Succeeded or Failed. */
  status: string;
  event: string;
}

/** The secret by which a machine or application asks for its identities' tokens: its SHA-256 to find it, and itself sealed. */
export interface IdentitySecretTable {
  resource_key: string;
  /** New with each secret. */
  id: string;
  digest: string;
  sealed: Uint8Array;
  created: number;
}

/** The last change of a vault's permission model by a plan; JSON but for the names of model and state. */
export interface ModelChangeTable {
  vault_id: string;
  id: string;
  /** rbac or policies. */
  to_model: string;
  /** assigning, adding, applied, reverting or reverted. */
  state: string;
  digest: string;
  options: string;
  was_rbac: number;
  policies_before: string;
  policies_after: string;
  roles: string;
  assignments: string;
  created: number;
  updated: number;
  created_by: string;
}

/** The audit records that became durable together: JSON lines (as `packRecords` stores them), their hash chain's end, and its seal. */
export interface AuditBatchTable {
  chain: string;
  first_sequence: number;
  last_sequence: number;
  first_time: number;
  last_time: number;
  records: Uint8Array;
  hash: string;
  mac: string;
}

/** A nullable column that an insert may leave out. */
export type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>;
