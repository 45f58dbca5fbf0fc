import { type Kysely, sql } from './kysely.ts';
import type { TableMaker } from './migrations.ts';
import type { DialectName } from './port.ts';
import type { Tables } from './schema.ts';

/** A certificate's name with its current version; soft-deleted when `deleted` is set. */
export interface CertificateTable {
  vault_id: string;
  name_key: string;
  name: string;
  current_version: string;
  created: number;
  deleted: number | null;
  purge_at: number | null;
  /** JSON of the policy. */
  policy: string;
  /** JSON of the last operation that made or makes a version; null where it was deleted, or the certificate was imported. */
  operation: string | null;
  /** When the operation is to be worked on again; null where nothing waits. */
  work_at: number | null;
  /** When the policy's next lifetime action is due; null where none is. */
  act_at: number | null;
  /** Until when the current version is valid, in whole seconds; null before there is one. What is at risk is found by it. */
  expires: number | null;
}

/** One version of a certificate; `cer` is null until it is issued. */
export interface CertificateVersionTable {
  vault_id: string;
  name_key: string;
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  tags: string | null;
  previous_version: string | null;
  /** The certificate in base64 of its DER. */
  cer: string | null;
  /** SHA-1 of the DER in base64url. */
  x5t: string | null;
  /** JSON array: the issuers' certificates in base64 of their DER, next issuer first. */
  chain: string;
  preserve_order: number;
  /** 1 where the secret holds the key: what was made not to leave never does, whatever a later policy says. */
  exportable: number;
}

/** Whom a vault's certificates concern. `contacts` is JSON as the wire has it. */
export interface CertificateContactTable {
  vault_id: string;
  contacts: string;
  updated: number;
}

/** An account at an authority. `envelope` seals the password; an account without one seals the empty text. */
export interface CertificateIssuerTable {
  vault_id: string;
  name_key: string;
  name: string;
  provider: string;
  account_id: string | null;
  /** JSON as the wire has it. */
  organization: string;
  enabled: number;
  created: number;
  updated: number;
  envelope: Uint8Array;
  /** JSON of what the last daily look found; null before the first. */
  health: string | null;
  /** Since when it has been failing; null while it is good. */
  failing_since: number | null;
  look_at: number;
}

/** The tables of certificates, their versions, issuers and contacts; secrets learn whether a certificate rules them. */
export async function createCertificateTables(
  db: Kysely<Tables>,
  create: TableMaker,
  dialect: DialectName,
): Promise<void> {
  await createNames(db, create);
  await create(
    'certificate_versions',
    {
      vault_id: 'text',
      name_key: 'text',
      version: 'text',
      sequence: 'integer',
      created: 'integer',
      updated: 'integer',
      enabled: 'integer',
      nbf: 'integer?',
      exp: 'integer?',
      tags: 'text?',
      previous_version: 'text?',
      cer: 'text?',
      x5t: 'text?',
      chain: 'text',
      preserve_order: 'integer',
      exportable: 'integer',
    },
    ['vault_id', 'name_key', 'version'],
  );
  await createIssuers(db, create);
  await db.schema
    .alterTable('secrets')
    .addColumn('managed', dialect === 'sqlite' ? 'integer' : 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
}

async function createIssuers(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create('certificate_contacts', { vault_id: 'text', contacts: 'text', updated: 'integer' }, ['vault_id']);
  await create(
    'certificate_issuers',
    {
      vault_id: 'text',
      name_key: 'text',
      name: 'text',
      provider: 'text',
      account_id: 'text?',
      organization: 'text',
      enabled: 'integer',
      created: 'integer',
      updated: 'integer',
      envelope: 'bytes',
      health: 'text?',
      failing_since: 'integer?',
      look_at: 'integer',
    },
    ['vault_id', 'name_key'],
  );
  await db.schema.createIndex('certificate_issuers_look').on('certificate_issuers').column('look_at').execute();
}

async function createNames(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'certificates',
    {
      vault_id: 'text',
      name_key: 'text',
      name: 'text',
      current_version: 'text',
      created: 'integer',
      deleted: 'integer?',
      purge_at: 'integer?',
      policy: 'text',
      operation: 'text?',
      work_at: 'integer?',
      act_at: 'integer?',
      expires: 'integer?',
    },
    ['vault_id', 'name_key'],
  );
  // Few of many: the lists of deleted certificates and the jobs read these alone.
  const few = [
    ['certificates_purge', ['purge_at'], 'purge_at'],
    ['certificates_work', ['work_at'], 'work_at'],
    ['certificates_act', ['act_at'], 'act_at'],
    ['certificates_deleted', ['vault_id', 'name_key'], 'deleted'],
  ] as const;
  for (const [name, columns, isSet] of few) {
    await db.schema
      .createIndex(name)
      .on('certificates')
      .columns([...columns])
      .where(sql.ref(isSet), 'is not', null)
      .execute();
  }
}
