import { statement } from '../store/statement.ts';

/** A root key as it is stored: wrapped by the seal that its row names. */
export interface RootKeyRow {
  readonly id: string;
  readonly seal: string;
  readonly wrapped: Uint8Array;
  readonly created: number;
  readonly active: number;
}

/** A vault key as it is stored: sealed under a root key. */
export interface VaultKeyRow {
  readonly vault_id: string;
  readonly key_id: string;
  readonly root_key_id: string;
  readonly wrapped: Uint8Array;
  readonly created: number;
  readonly emptied: number | null;
}

/** Every root key, the eldest first. */
export const allRootKeys = statement<object, RootKeyRow>((db) =>
  db.selectFrom('root_keys').select(['id', 'seal', 'wrapped', 'created', 'active']).orderBy('created').orderBy('id'),
);
/** Adds a root key as the one that seals. */
export const insertRootKey = statement<{ id: string; seal: string; wrapped: Uint8Array; created: number }>((db, p) =>
  db
    .insertInto('root_keys')
    .values({ id: p('id'), seal: p('seal'), wrapped: p('wrapped'), created: p('created'), active: 1 }),
);
/** Lets every root key but one only open. */
export const retireRootKeysBut = statement<{ id: string }>((db, p) =>
  db.updateTable('root_keys').set({ active: 0 }).where('id', '<>', p('id')),
);
/** Replaces what a root key is wrapped by. */
export const rewrapRootKey = statement<{ id: string; seal: string; wrapped: Uint8Array }>((db, p) =>
  db
    .updateTable('root_keys')
    .set({ seal: p('seal'), wrapped: p('wrapped') })
    .where('id', '=', p('id')),
);

/** The description of the seal: what, besides its secret, opening it takes. Not there for a key file of an earlier release. */
export const readSealText = statement<object, { value: string }>((db) =>
  db.selectFrom('meta').select('value').where('name', '=', 'seal'),
);
/** Writes the description of the seal. */
export const writeSealText = statement<{ value: string }>((db, p) =>
  db
    .insertInto('meta')
    .values({ name: 'seal', value: p('value') })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: p('value') })),
);

/** The number that moves with every change of root and vault keys that other nodes must follow. */
export const readKeyGeneration = statement<object, { value: number }>((db) =>
  db.selectFrom('generations').select('value').where('topic', '=', 'keys'),
);
/** Moves it. */
export const raiseKeyGeneration = statement<object>((db) =>
  db
    .insertInto('generations')
    .values({ topic: 'keys', value: 1 })
    .onConflict((conflict) =>
      conflict.column('topic').doUpdateSet((eb) => ({ value: eb('generations.value', '+', 1) })),
    ),
);

/** The key under which a vault's new envelopes are sealed. */
export const newestVaultKey = statement<{ vaultId: string }, VaultKeyRow>((db, p) =>
  db
    .selectFrom('vault_keys')
    .select(['vault_id', 'key_id', 'root_key_id', 'wrapped', 'created', 'emptied'])
    .where('vault_id', '=', p('vaultId'))
    .orderBy('created', 'desc')
    .orderBy('key_id')
    .limit(1),
);
/** One key of a vault. */
export const oneVaultKey = statement<{ vaultId: string; keyId: string }, VaultKeyRow>((db, p) =>
  db
    .selectFrom('vault_keys')
    .select(['vault_id', 'key_id', 'root_key_id', 'wrapped', 'created', 'emptied'])
    .where('vault_id', '=', p('vaultId'))
    .where('key_id', '=', p('keyId')),
);
/** Adds a vault key. */
export const insertVaultKey = statement<{
  vaultId: string;
  keyId: string;
  rootKeyId: string;
  wrapped: Uint8Array;
  created: number;
}>((db, p) =>
  db.insertInto('vault_keys').values({
    vault_id: p('vaultId'),
    key_id: p('keyId'),
    root_key_id: p('rootKeyId'),
    wrapped: p('wrapped'),
    created: p('created'),
  }),
);
/** Removes every key of a vault. */
export const deleteVaultKeys = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('vault_keys').where('vault_id', '=', p('vaultId')),
);
/** Removes one key of a vault. */
export const deleteVaultKey = statement<{ vaultId: string; keyId: string }>((db, p) =>
  db.deleteFrom('vault_keys').where('vault_id', '=', p('vaultId')).where('key_id', '=', p('keyId')),
);
/** Puts a vault key under another root key. */
export const rewrapVaultKey = statement<{ vaultId: string; keyId: string; rootKeyId: string; wrapped: Uint8Array }>(
  (db, p) =>
    db
      .updateTable('vault_keys')
      .set({ root_key_id: p('rootKeyId'), wrapped: p('wrapped') })
      .where('vault_id', '=', p('vaultId'))
      .where('key_id', '=', p('keyId')),
);
/** Notes since when nothing was found under a vault key; null where something was. */
export const markVaultKey = statement<{ vaultId: string; keyId: string; emptied: number | null }>((db, p) =>
  db
    .updateTable('vault_keys')
    .set({ emptied: p('emptied') })
    .where('vault_id', '=', p('vaultId'))
    .where('key_id', '=', p('keyId')),
);
/** A page of the keys of all vaults. */
export const vaultKeyPage = statement<{ vaultId: string; keyId: string; limit: number }, VaultKeyRow>((db, p) =>
  db
    .selectFrom('vault_keys')
    .select(['vault_id', 'key_id', 'root_key_id', 'wrapped', 'created', 'emptied'])
    .where((eb) =>
      eb.or([
        eb('vault_id', '>', p('vaultId')),
        eb.and([eb('vault_id', '=', p('vaultId')), eb('key_id', '>', p('keyId'))]),
      ]),
    )
    .orderBy('vault_id')
    .orderBy('key_id')
    .limit(p('limit')),
);

/** One of the server's own values, sealed. */
export const readSealedValue = statement<{ name: string }, { envelope: Uint8Array }>((db, p) =>
  db.selectFrom('sealed_values').select('envelope').where('name', '=', p('name')),
);
/** Removes one. */
export const deleteSealedValue = statement<{ name: string }>((db, p) =>
  db.deleteFrom('sealed_values').where('name', '=', p('name')),
);
/** Writes one. */
export const writeSealedValue = statement<{ name: string; envelope: Uint8Array; created: number }>((db, p) =>
  db
    .insertInto('sealed_values')
    .values({ name: p('name'), envelope: p('envelope'), created: p('created') })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ envelope: p('envelope'), created: p('created') })),
);

/** Every key of a vault, the newest first. */
export const vaultKeysOf = statement<{ vaultId: string }, VaultKeyRow>((db, p) =>
  db
    .selectFrom('vault_keys')
    .select(['vault_id', 'key_id', 'root_key_id', 'wrapped', 'created', 'emptied'])
    .where('vault_id', '=', p('vaultId'))
    .orderBy('created', 'desc')
    .orderBy('key_id'),
);
/** Vault keys under another root key than this one. */
export const vaultKeysNotUnder = statement<{ rootKeyId: string; limit: number }, VaultKeyRow>((db, p) =>
  db
    .selectFrom('vault_keys')
    .select(['vault_id', 'key_id', 'root_key_id', 'wrapped', 'created', 'emptied'])
    .where('root_key_id', '<>', p('rootKeyId'))
    .orderBy('vault_id')
    .orderBy('key_id')
    .limit(p('limit')),
);
/** The vaults after this one that have more than one key. */
export const vaultsBetweenKeys = statement<{ after: string; limit: number }, { vault_id: string }>((db, p) =>
  db
    .selectFrom('vault_keys')
    .select('vault_id')
    .where('vault_id', '>', p('after'))
    .groupBy('vault_id')
    .having((eb) => eb(eb.fn.countAll(), '>', 1))
    .orderBy('vault_id')
    .limit(p('limit')),
);
/** The vaults whose newest key is of this instant or earlier. */
export const vaultsWithOldKeys = statement<{ created: number; limit: number }, { vault_id: string }>((db, p) =>
  db
    .selectFrom('vault_keys')
    .select('vault_id')
    .groupBy('vault_id')
    .having((eb) => eb(eb.fn.max('created'), '<=', p('created')))
    .limit(p('limit')),
);
/** How many vaults have a key, how many have more than one, and the instant of the eldest key. */
export const countVaultKeys = statement<object, { vaults: number; keys: number; eldest: number | null }>((db) =>
  db
    .selectFrom('vault_keys')
    .select((eb) => [
      eb.fn.count<number>('vault_id').distinct().as('vaults'),
      eb.fn.countAll<number>().as('keys'),
      eb.fn.min('created').as('eldest'),
    ]),
);

/** A page of the server's own values, after a name. */
export const sealedValuePage = statement<{ after: string; limit: number }, { name: string; envelope: Uint8Array }>(
  (db, p) =>
    db
      .selectFrom('sealed_values')
      .select(['name', 'envelope'])
      .where('name', '>', p('after'))
      .orderBy('name')
      .limit(p('limit')),
);
/** Replaces a value's envelope by one of the same value. */
export const resealValue = statement<{ name: string; envelope: Uint8Array }>((db, p) =>
  db
    .updateTable('sealed_values')
    .set({ envelope: p('envelope') })
    .where('name', '=', p('name')),
);
