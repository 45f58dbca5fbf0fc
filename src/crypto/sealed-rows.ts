import { sql } from '../store/kysely.ts';
import type { Session, Transaction } from '../store/port.ts';
import { type Statement, statement } from '../store/statement.ts';
import * as rows from './repository.ts';

/** A version of an object, by its row; the empty text where the table has one row for a name. */
export interface VersionKey {
  readonly nameKey: string;
  readonly version: string;
}

/** The tables of versions whose `envelope` is sealed under a key of their vault. */
export type EnvelopeTable = 'secret_versions' | 'key_versions' | 'certificate_issuers';

/** A table of envelopes under vault keys, as the rotation of these keys sees it. Each room declares its own. */
export interface VaultEnvelopes {
  readonly table: EnvelopeTable;
  /** What the envelope of a version is bound to. */
  readonly binding: (vaultId: string, nameKey: string, version: string) => readonly string[];
}

/** A row whose value is sealed under a root key. */
export interface SealedRow {
  readonly key: string;
  readonly envelope: Uint8Array;
}

/** A table of values that {@link Keyring.sealValue} sealed, as the rotation of the root key sees it. */
export interface RootSealed {
  readonly table: 'sealed_values' | 'identity_secrets';
  /** The name that a row's value is sealed under. */
  readonly nameOf: (key: string) => string;
  /** Rows after a key, in the order of keys. */
  readonly page: (session: Session, after: string, limit: number) => Promise<readonly SealedRow[]>;
  /** The row as it is now; null where it is gone. */
  readonly read: (session: Session, key: string) => Promise<Uint8Array | null>;
  readonly write: (transaction: Transaction, key: string, envelope: Uint8Array) => Promise<unknown>;
}

/** The server's own values: signing keys, the local authority. */
export const serverValues: RootSealed = {
  table: 'sealed_values',
  nameOf: (key) => key,
  page: async (session, after, limit) =>
    (await rows.sealedValuePage.all(session, { after, limit })).map(({ name, envelope }) => ({ key: name, envelope })),
  read: async (session, name) => (await rows.readSealedValue.first(session, { name }))?.envelope ?? null,
  write: (transaction, name, envelope) => rows.resealValue.change(transaction, { name, envelope }),
};

/** The queries over one table of envelopes. */
export interface EnvelopeQueries {
  /** A page of versions after one, each with the id of the key that its envelope names; the envelopes stay where they are. */
  readonly page: Statement<
    { vaultId: string; nameKey: string; version: string; limit: number },
    { name_key: string; version: string; key_id: Uint8Array }
  >;
  readonly read: Statement<{ vaultId: string } & VersionKey, { envelope: Uint8Array }>;
  readonly write: Statement<{ vaultId: string; envelope: Uint8Array } & VersionKey, unknown>;
}

// The same columns in each: one of them stands for all where the types are checked.
const table = (name: EnvelopeTable) => name as 'secret_versions';

/** The column of versions, or what stands for it in tables that have none. */
const versionIn = (name: EnvelopeTable) =>
  name === 'certificate_issuers' ? sql<string>`cast('' as text)` : sql.ref<string>('version');

/** The queries over a table of envelopes. An envelope names its key in its bytes 2 to 17 (`envelope.ts`, format 1). */
export function envelopeQueries(name: EnvelopeTable): EnvelopeQueries {
  const version = versionIn(name);
  return {
    page: statement((db, p) =>
      db
        .selectFrom(table(name))
        .select(['name_key', version.as('version'), sql<Uint8Array>`substr(envelope, 2, 16)`.as('key_id')])
        .where('vault_id', '=', p('vaultId'))
        .where((eb) =>
          eb.or([
            eb('name_key', '>', p('nameKey')),
            eb.and([eb('name_key', '=', p('nameKey')), eb(version, '>', p('version'))]),
          ]),
        )
        .orderBy('name_key')
        .orderBy(version)
        .limit(p('limit')),
    ),
    read: statement((db, p) =>
      db
        .selectFrom(table(name))
        .select('envelope')
        .where('vault_id', '=', p('vaultId'))
        .where('name_key', '=', p('nameKey'))
        .where(version, '=', p('version')),
    ),
    write: statement((db, p) =>
      db
        .updateTable(table(name))
        .set({ envelope: p('envelope') })
        .where('vault_id', '=', p('vaultId'))
        .where('name_key', '=', p('nameKey'))
        .where(version, '=', p('version')),
    ),
  };
}
