import { statement } from '../../../store/statement.ts';

/** An authority of a vault's own. */
export interface AuthorityOf {
  readonly vaultId: string;
  readonly authority: string;
}

/** What is kept of an authority. */
export interface AuthorityRow {
  readonly key_version: string;
  readonly certificate: Uint8Array;
  readonly crl_number: number;
  readonly crl: Uint8Array;
  readonly crl_next_update: number;
}

/** A certificate that it has issued. */
export interface IssuedRow {
  readonly serial: string;
  readonly certificate: Uint8Array;
  readonly issued: number;
  readonly not_after: number;
  readonly revoked: number | null;
  readonly reason: number | null;
}

const issuedColumns = ['serial', 'certificate', 'issued', 'not_after', 'revoked', 'reason'] as const;

/** The state of an authority. */
export const readAuthority = statement<AuthorityOf, AuthorityRow>((db, p) =>
  db
    .selectFrom('vault_authorities')
    .select(['key_version', 'certificate', 'crl_number', 'crl', 'crl_next_update'])
    .where('vault_id', '=', p('vaultId'))
    .where('authority', '=', p('authority')),
);

/** Adds an authority, which has no revocation list yet. */
export const insertAuthority = statement<
  AuthorityOf & { keyVersion: string; certificate: Uint8Array; created: number; crl: Uint8Array }
>((db, p) =>
  db.insertInto('vault_authorities').values({
    vault_id: p('vaultId'),
    authority: p('authority'),
    key_version: p('keyVersion'),
    certificate: p('certificate'),
    created: p('created'),
    crl_number: 0,
    crl: p('crl'),
    crl_next_update: 0,
  }),
);

/** Keeps a new list, unless another was kept, or a certificate revoked, since `before` was read. */
export const writeCrl = statement<
  AuthorityOf & { number: number; crl: Uint8Array; nextUpdate: number; before: number; beforeNumber: number }
>((db, p) =>
  db
    .updateTable('vault_authorities')
    .set({ crl_number: p('number'), crl: p('crl'), crl_next_update: p('nextUpdate') })
    .where('vault_id', '=', p('vaultId'))
    .where('authority', '=', p('authority'))
    .where('crl_number', '=', p('beforeNumber'))
    .where('crl_next_update', '=', p('before')),
);

/** Marks the list as out of date, by a number that no mark before had. */
export const spoilCrl = statement<AuthorityOf & { mark: number }>((db, p) =>
  db
    .updateTable('vault_authorities')
    .set({ crl_next_update: p('mark') })
    .where('vault_id', '=', p('vaultId'))
    .where('authority', '=', p('authority')),
);

/** What was issued for an order. */
export const issuedByOrder = statement<AuthorityOf & { orderKey: string }, IssuedRow>((db, p) =>
  db
    .selectFrom('authority_certificates')
    .select(issuedColumns)
    .where('vault_id', '=', p('vaultId'))
    .where('authority', '=', p('authority'))
    .where('order_key', '=', p('orderKey')),
);

/** What was issued under a serial number. */
export const issuedBySerial = statement<AuthorityOf & { serial: string }, IssuedRow>((db, p) =>
  db
    .selectFrom('authority_certificates')
    .select(issuedColumns)
    .where('vault_id', '=', p('vaultId'))
    .where('authority', '=', p('authority'))
    .where('serial', '=', p('serial')),
);

/** Notes what was issued. */
export const insertIssued = statement<
  AuthorityOf & { serial: string; orderKey: string; certificate: Uint8Array; issued: number; notAfter: number }
>((db, p) =>
  db.insertInto('authority_certificates').values({
    vault_id: p('vaultId'),
    authority: p('authority'),
    serial: p('serial'),
    order_key: p('orderKey'),
    certificate: p('certificate'),
    issued: p('issued'),
    not_after: p('notAfter'),
    revoked: null,
    reason: null,
  }),
);

/** Revokes a certificate that is not revoked. */
export const revokeIssued = statement<AuthorityOf & { serial: string; revoked: number; reason: number }>((db, p) =>
  db
    .updateTable('authority_certificates')
    .set({ revoked: p('revoked'), reason: p('reason') })
    .where('vault_id', '=', p('vaultId'))
    .where('authority', '=', p('authority'))
    .where('serial', '=', p('serial'))
    .where('revoked', 'is', null),
);

/** The revoked certificates that have not expired before an instant, by serial number. */
export const revokedOf = statement<AuthorityOf & { expiresFrom: number }, IssuedRow>((db, p) =>
  db
    .selectFrom('authority_certificates')
    .select(issuedColumns)
    .where('vault_id', '=', p('vaultId'))
    .where('authority', '=', p('authority'))
    .where('revoked', 'is not', null)
    .where('not_after', '>=', p('expiresFrom'))
    .orderBy('serial'),
);

/** Forgets the authorities of a vault that is purged. */
export const deleteAuthorities = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('vault_authorities').where('vault_id', '=', p('vaultId')),
);

/** Forgets what the authorities of a vault have issued. */
export const deleteIssued = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('authority_certificates').where('vault_id', '=', p('vaultId')),
);
