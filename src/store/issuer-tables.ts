import { type Kysely, sql } from './kysely.ts';
import type { TableMaker } from './migrations.ts';
import type { Tables } from './schema.ts';

/** One e-mail to one recipient that the mail server has not taken yet. */
export interface MailTable {
  id: string;
  recipient: string;
  subject: string;
  body: string;
  created: number;
  attempts: number;
  /** When it is tried next; null where it is given up. */
  next_at: number | null;
  /** What the mail server said last; null where it was not asked yet. */
  failure: string | null;
}

/** A certificate that an authority of the vault's own has issued. */
export interface AuthorityCertificateTable {
  vault_id: string;
  /** Name of the authority in the configuration. */
  authority: string;
  /** Lower-case hexadecimal. */
  serial: string;
  /** What the order was placed under, so that placing it twice gives this one. */
  order_key: string;
  certificate: Uint8Array;
  issued: number;
  not_after: number;
  revoked: number | null;
  /** RFC 5280 §5.3.1. */
  reason: number | null;
}

/** An authority of the vault's own: its certificate and the state of its revocation list. */
export interface AuthorityTable {
  vault_id: string;
  authority: string;
  /** Version of the vault's key that it signs with, for ever: a rotated key is another authority. */
  key_version: string;
  /** DER. */
  certificate: Uint8Array;
  created: number;
  /** Number of the newest list (RFC 5280 §5.2.3); 0 before the first. */
  crl_number: number;
  /** DER; empty before the first. */
  crl: Uint8Array;
  crl_next_update: number;
}

/** A step of the schema: mail that waits, and what authorities of vaults have issued. */
export async function createIssuerTables(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'mail_queue',
    {
      id: 'text',
      recipient: 'text',
      subject: 'text',
      body: 'text',
      created: 'integer',
      attempts: 'integer',
      next_at: 'integer?',
      failure: 'text?',
    },
    ['id'],
  );
  await db.schema
    .createIndex('mail_queue_next')
    .on('mail_queue')
    .column('next_at')
    .where(sql.ref('next_at'), 'is not', null)
    .execute();
  await create(
    'vault_authorities',
    {
      vault_id: 'text',
      authority: 'text',
      key_version: 'text',
      certificate: 'bytes',
      created: 'integer',
      crl_number: 'integer',
      crl: 'bytes',
      crl_next_update: 'integer',
    },
    ['vault_id', 'authority'],
  );
  await createIssued(db, create);
}

async function createIssued(db: Kysely<Tables>, create: TableMaker): Promise<void> {
  await create(
    'authority_certificates',
    {
      vault_id: 'text',
      authority: 'text',
      serial: 'text',
      order_key: 'text',
      certificate: 'bytes',
      issued: 'integer',
      not_after: 'integer',
      revoked: 'integer?',
      reason: 'integer?',
    },
    ['vault_id', 'authority', 'serial'],
  );
  await db.schema
    .createIndex('authority_certificates_order')
    .on('authority_certificates')
    .columns(['vault_id', 'authority', 'order_key'])
    .unique()
    .execute();
  // Few of many: the revocation list reads these alone.
  await db.schema
    .createIndex('authority_certificates_revoked')
    .on('authority_certificates')
    .columns(['vault_id', 'authority', 'revoked'])
    .where(sql.ref('revoked'), 'is not', null)
    .execute();
}
