import { type Named, objectQueries, type VersionRow } from '../objects/object-queries.ts';
import { statement } from '../store/statement.ts';

/** A version of a certificate together with its name's state. */
export interface CertificateRow extends VersionRow {
  policy: string;
  operation: string | null;
  cer: string | null;
  x5t: string | null;
  preserve_order: number;
  exportable: number;
}

/** A version with its chain. */
export interface WholeCertificateRow extends CertificateRow {
  chain: string;
}

const tables = { names: 'certificates', versions: 'certificate_versions' } as const;
const columns = ['v.cer', 'v.x5t', 'v.preserve_order', 'v.exportable', 'o.policy', 'o.operation'] as const;

/** The queries that certificates share with the other kinds; its lists hold what is pending too. */
export const certificateQueries = objectQueries<CertificateRow, WholeCertificateRow>(tables, columns, ['v.chain']);

/** A page of names, live or deleted, whose current version is issued. */
function issuedPage(state: 'is' | 'is not') {
  return statement<{ vaultId: string; after: string; limit: number }, CertificateRow>((db, p) =>
    db
      .selectFrom('certificates as o')
      .innerJoin('certificate_versions as v', (join) =>
        join
          .onRef('v.vault_id', '=', 'o.vault_id')
          .onRef('v.name_key', '=', 'o.name_key')
          .onRef('v.version', '=', 'o.current_version'),
      )
      .selectAll('v')
      .select(['o.name', 'o.current_version', 'o.deleted', 'o.purge_at', 'o.policy', 'o.operation'])
      .where('o.vault_id', '=', p('vaultId'))
      .where('o.name_key', '>', p('after'))
      .where('o.deleted', state, null)
      .where('v.cer', 'is not', null)
      .orderBy('o.name_key')
      .limit(p('limit'))
      .$castTo<CertificateRow>(),
  );
}

/** The same queries with lists that leave out what was never issued. */
export const issuedQueries = { ...certificateQueries, livePage: issuedPage('is'), deletedPage: issuedPage('is not') };

/** Adds a certificate that was not there; its first version is inserted beside it. */
export const insertCertificate = statement<
  Named & { name: string; version: string; created: number; policy: string; operation: string | null }
>((db, p) =>
  db.insertInto('certificates').values({
    vault_id: p('vaultId'),
    name_key: p('nameKey'),
    name: p('name'),
    current_version: p('version'),
    created: p('created'),
    deleted: null,
    purge_at: null,
    policy: p('policy'),
    operation: p('operation'),
    work_at: null,
    act_at: null,
    expires: null,
  }),
);

/** The parameters of {@link insertCertificateVersion}. */
export interface NewCertificateVersion extends Named {
  version: string;
  sequence: number;
  created: number;
  updated: number;
  enabled: number;
  nbf: number | null;
  exp: number | null;
  tags: string | null;
  previousVersion: string | null;
  cer: string | null;
  x5t: string | null;
  chain: string;
  preserveOrder: number;
  exportable: number;
}

/** Adds a version, issued or not. */
export const insertCertificateVersion = statement<NewCertificateVersion>((db, p) =>
  db.insertInto('certificate_versions').values({
    vault_id: p('vaultId'),
    name_key: p('nameKey'),
    version: p('version'),
    sequence: p('sequence'),
    created: p('created'),
    updated: p('updated'),
    enabled: p('enabled'),
    nbf: p('nbf'),
    exp: p('exp'),
    tags: p('tags'),
    previous_version: p('previousVersion'),
    cer: p('cer'),
    x5t: p('x5t'),
    chain: p('chain'),
    preserve_order: p('preserveOrder'),
    exportable: p('exportable'),
  }),
);

/** Writes what was issued, or other attributes, to a version. */
export const updateCertificateVersion = statement<
  Named & {
    version: string;
    updated: number;
    enabled: number;
    nbf: number | null;
    exp: number | null;
    tags: string | null;
    cer: string | null;
    x5t: string | null;
    chain: string;
  }
>((db, p) =>
  db
    .updateTable('certificate_versions')
    .set({
      updated: p('updated'),
      enabled: p('enabled'),
      nbf: p('nbf'),
      exp: p('exp'),
      tags: p('tags'),
      cer: p('cer'),
      x5t: p('x5t'),
      chain: p('chain'),
    })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('version', '=', p('version')),
);

/** Sets the policy of a certificate. */
export const writePolicy = statement<Named & { policy: string }>((db, p) =>
  db
    .updateTable('certificates')
    .set({ policy: p('policy') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** Sets the operation of a certificate and when it is worked on again. */
export const writeOperation = statement<Named & { operation: string | null; workAt: number | null }>((db, p) =>
  db
    .updateTable('certificates')
    .set({ operation: p('operation'), work_at: p('workAt') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** Sets when the next lifetime action is due, and until when the current version is valid. */
export const writeSchedule = statement<Named & { actAt: number | null; expires: number | null }>((db, p) =>
  db
    .updateTable('certificates')
    .set({ act_at: p('actAt'), expires: p('expires') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** A certificate that something is due for. */
export interface DueCertificate {
  vault_id: string;
  name_key: string;
  name: string;
  due: number;
}

/** Live certificates of live vaults with something due in the column. */
function dueBy(column: 'work_at' | 'act_at') {
  return statement<{ now: number; limit: number }, DueCertificate>((db, p) =>
    db
      .selectFrom('certificates as o')
      .innerJoin('vaults', 'vaults.id', 'o.vault_id')
      .select(['o.vault_id', 'o.name_key', 'o.name', `o.${column} as due`])
      .where(`o.${column}`, 'is not', null)
      .where(`o.${column}`, '<=', p('now'))
      .where('o.deleted', 'is', null)
      .where('vaults.deleted', 'is', null)
      .orderBy(`o.${column}`)
      .limit(p('limit'))
      .$castTo<DueCertificate>(),
  );
}

/** Operations to be worked on. */
export const dueOperations = dueBy('work_at');
/** Lifetime actions that are due. */
export const dueActions = dueBy('act_at');

/** A live certificate, with what tells whether it is at risk. */
export interface ListedCertificate {
  vault_id: string;
  vault_name: string;
  name_key: string;
  name: string;
  policy: string;
  operation: string | null;
  expires: number | null;
  enabled: number;
  cer: string | null;
  nbf: number | null;
}

/** The mark of a completed operation in its JSON: within a text of it the quotes would be escaped. */
const COMPLETED = '%"status":"completed"%';

/**
 * Live certificates of the live vaults of a subscription that end before a moment or have an operation that is not completed, by vault
 * and name, after a place in that order.
 * @param before whole seconds since the Unix epoch
 */
export const listedCertificates = statement<
  { subscriptionId: string; before: number; afterVault: string; afterName: string; limit: number },
  ListedCertificate
>((db, p) =>
  db
    .selectFrom('certificates as o')
    .innerJoin('vaults', 'vaults.id', 'o.vault_id')
    .innerJoin('certificate_versions as v', (join) =>
      join
        .onRef('v.vault_id', '=', 'o.vault_id')
        .onRef('v.name_key', '=', 'o.name_key')
        .onRef('v.version', '=', 'o.current_version'),
    )
    .select(['o.vault_id', 'vaults.name as vault_name', 'o.name_key', 'o.name', 'o.policy', 'o.operation', 'o.expires'])
    .select(['v.enabled', 'v.cer', 'v.nbf'])
    .where('vaults.subscription_id', '=', p('subscriptionId'))
    .where('vaults.deleted', 'is', null)
    .where('o.deleted', 'is', null)
    .where(({ or, eb }) => or([eb('o.expires', '<', p('before')), eb('o.operation', 'not like', COMPLETED)]))
    .where(({ or, and, eb }) =>
      or([
        eb('o.vault_id', '>', p('afterVault')),
        and([eb('o.vault_id', '=', p('afterVault')), eb('o.name_key', '>', p('afterName'))]),
      ]),
    )
    .orderBy('o.vault_id')
    .orderBy('o.name_key')
    .limit(p('limit'))
    .$castTo<ListedCertificate>(),
);

/** When the next lifetime action of a certificate is due. */
export const readSchedule = statement<Named, { act_at: number | null; work_at: number | null }>((db, p) =>
  db
    .selectFrom('certificates')
    .select(['act_at', 'work_at'])
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** The contacts of a vault. */
export const readContacts = statement<{ vaultId: string }, { contacts: string }>((db, p) =>
  db.selectFrom('certificate_contacts').select('contacts').where('vault_id', '=', p('vaultId')),
);

/** Sets the contacts of a vault. */
export const writeContacts = statement<{ vaultId: string; contacts: string; updated: number }>((db, p) =>
  db
    .insertInto('certificate_contacts')
    .values({ vault_id: p('vaultId'), contacts: p('contacts'), updated: p('updated') })
    .onConflict((conflict) =>
      conflict.column('vault_id').doUpdateSet({ contacts: p('contacts'), updated: p('updated') }),
    ),
);

/** Removes the contacts of a vault. */
export const removeContacts = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('certificate_contacts').where('vault_id', '=', p('vaultId')),
);

/** An issuer of a vault. */
export interface IssuerRow {
  vault_id: string;
  name_key: string;
  name: string;
  provider: string;
  account_id: string | null;
  organization: string;
  enabled: number;
  created: number;
  updated: number;
  envelope: Uint8Array;
}

/** An issuer by its name. */
export const readIssuer = statement<Named, IssuerRow>((db, p) =>
  db
    .selectFrom('certificate_issuers')
    .selectAll()
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey')),
);

/** A page of the issuers of a vault. */
export const issuerPage = statement<{ vaultId: string; after: string; limit: number }, IssuerRow>((db, p) =>
  db
    .selectFrom('certificate_issuers')
    .selectAll()
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '>', p('after'))
    .orderBy('name_key')
    .limit(p('limit')),
);

/** Adds an issuer. */
export const insertIssuer = statement<
  Named & {
    name: string;
    provider: string;
    accountId: string | null;
    organization: string;
    enabled: number;
    created: number;
    updated: number;
    envelope: Uint8Array;
  }
>((db, p) =>
  db.insertInto('certificate_issuers').values({
    vault_id: p('vaultId'),
    name_key: p('nameKey'),
    name: p('name'),
    provider: p('provider'),
    account_id: p('accountId'),
    organization: p('organization'),
    enabled: p('enabled'),
    created: p('created'),
    updated: p('updated'),
    envelope: p('envelope'),
    health: null,
    failing_since: null,
    look_at: p('updated'),
  }),
);

/** Removes an issuer. */
export const removeIssuer = statement<Named>((db, p) =>
  db.deleteFrom('certificate_issuers').where('vault_id', '=', p('vaultId')).where('name_key', '=', p('nameKey')),
);

/** An issuer that is to be looked at. */
export type DueIssuer = Pick<IssuerRow, 'vault_id' | 'name_key' | 'name' | 'updated'> & { health: string | null };

/** Enabled issuers whose daily look is due. */
export const dueIssuers = statement<{ now: number; limit: number }, DueIssuer>((db, p) =>
  db
    .selectFrom('certificate_issuers')
    .select(['vault_id', 'name_key', 'name', 'updated', 'health'])
    .where('enabled', '=', 1)
    .where('look_at', '<=', p('now'))
    .orderBy('look_at')
    .limit(p('limit')),
);

/** Keeps what a look at an issuer has found, unless it was set anew meanwhile. */
export const writeIssuerHealth = statement<
  Named & { updated: number; health: string | null; failingSince: number | null; lookAt: number }
>((db, p) =>
  db
    .updateTable('certificate_issuers')
    .set({ health: p('health'), failing_since: p('failingSince'), look_at: p('lookAt') })
    .where('vault_id', '=', p('vaultId'))
    .where('name_key', '=', p('nameKey'))
    .where('updated', '=', p('updated')),
);

/** An issuer that would take no order. */
export interface FailingIssuer {
  vault_name: string;
  name: string;
  provider: string;
  failing_since: number;
  health: string;
}

/** Enabled issuers of the live vaults of a subscription that would take no order. */
export const failingIssuers = statement<{ subscriptionId: string; limit: number }, FailingIssuer>((db, p) =>
  db
    .selectFrom('certificate_issuers as i')
    .innerJoin('vaults', 'vaults.id', 'i.vault_id')
    .select(['vaults.name as vault_name', 'i.name', 'i.provider', 'i.failing_since', 'i.health'])
    .where('vaults.subscription_id', '=', p('subscriptionId'))
    .where('vaults.deleted', 'is', null)
    .where('i.enabled', '=', 1)
    .where('i.failing_since', 'is not', null)
    .orderBy('i.failing_since')
    .limit(p('limit'))
    .$castTo<FailingIssuer>(),
);
