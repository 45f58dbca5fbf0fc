import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { Random } from '../base/ports.ts';
import type { Session, Transaction } from '../store/port.ts';
import { statement } from '../store/statement.ts';
import type { Store } from '../store/store.ts';
import { EnvelopeFault, type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope } from './envelope.ts';
import { type Seal, SealFault } from './seal.ts';

interface RootKey {
  readonly id: string;
  readonly bytes: Buffer;
  readonly wrapping: EnvelopeKey;
}

/** What derived keys are for; each purpose has a key of its own (RFC 5869). */
export type KeyPurpose = 'sealed-values' | 'audit-chain' | 'page-tokens' | 'backup-blobs' | 'server-backup' | 'sign-in';

const allRootKeys = statement<object, { id: string; seal: string; wrapped: Uint8Array; active: number }>((db) =>
  db.selectFrom('root_keys').select(['id', 'seal', 'wrapped', 'active']).orderBy('created'),
);
const insertRootKey = statement<{ id: string; seal: string; wrapped: Uint8Array; created: number }>((db, p) =>
  db
    .insertInto('root_keys')
    .values({ id: p('id'), seal: p('seal'), wrapped: p('wrapped'), created: p('created'), active: 1 }),
);
const newestVaultKey = statement<{ vaultId: string }, { key_id: string; root_key_id: string; wrapped: Uint8Array }>(
  (db, p) =>
    db
      .selectFrom('vault_keys')
      .select(['key_id', 'root_key_id', 'wrapped'])
      .where('vault_id', '=', p('vaultId'))
      .orderBy('created', 'desc')
      .orderBy('key_id')
      .limit(1),
);
const oneVaultKey = statement<{ vaultId: string; keyId: string }, { root_key_id: string; wrapped: Uint8Array }>(
  (db, p) =>
    db
      .selectFrom('vault_keys')
      .select(['root_key_id', 'wrapped'])
      .where('vault_id', '=', p('vaultId'))
      .where('key_id', '=', p('keyId')),
);
const insertVaultKey = statement<{
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
const deleteVaultKeys = statement<{ vaultId: string }>((db, p) =>
  db.deleteFrom('vault_keys').where('vault_id', '=', p('vaultId')),
);
const readSealedValue = statement<{ name: string }, { envelope: Uint8Array }>((db, p) =>
  db.selectFrom('sealed_values').select('envelope').where('name', '=', p('name')),
);
const deleteSealedValue = statement<{ name: string }>((db, p) =>
  db.deleteFrom('sealed_values').where('name', '=', p('name')),
);
const writeSealedValue = statement<{ name: string; envelope: Uint8Array; created: number }>((db, p) =>
  db
    .insertInto('sealed_values')
    .values({ name: p('name'), envelope: p('envelope'), created: p('created') })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ envelope: p('envelope'), created: p('created') })),
);

/**
 * The keys of an unsealed installation: root keys, the vaults' keys under them, and keys derived for single purposes. Key
 * bytes stay inside; what leaves are {@link KeyObject}s.
 */
export class Keyring {
  readonly #random: Random;
  readonly #roots: ReadonlyMap<string, RootKey>;
  readonly #active: RootKey;
  readonly #vaultKeys = new Map<string, EnvelopeKey>();
  readonly #newest = new Map<string, EnvelopeKey>();
  readonly #purposeKeys = new Map<string, EnvelopeKey>();

  private constructor(random: Random, roots: ReadonlyMap<string, RootKey>, active: RootKey) {
    this.#random = random;
    this.#roots = roots;
    this.#active = active;
  }

  /**
   * Opens the keys with the seal; an installation without any gets its first root key.
   * @throws SealFault `seal-wrong`
   */
  static async open(store: Store, seal: Seal, random: Random, now: number): Promise<Keyring> {
    let rows = await allRootKeys.all(store.reader, {});
    if (rows.length === 0) {
      await createRootKey(store, seal, random, now);
      rows = await allRootKeys.all(store.reader, {});
    }
    const roots = new Map<string, RootKey>();
    let active: RootKey | null = null;
    for (const row of rows) {
      if (row.seal !== seal.kind) {
        throw new SealFault(
          'seal-wrong',
          `This data is sealed by '${row.seal}', but the configured seal is '${seal.kind}'. Configure the seal it was made with.`,
        );
      }
      const bytes = await seal.unwrap(row.id, row.wrapped);
      const root = { id: row.id, bytes, wrapping: { id: row.id, key: derive(bytes, 'vault-keys', '') } };
      roots.set(row.id, root);
      if (row.active === 1) active = root;
    }
    return new Keyring(random, roots, active!);
  }

  /**
   * A key for one purpose, derived from the root key.
   * @param context separates uses of one purpose, e.g. the place a backup may be restored in
   * @param rootKeyId an older root key, by what was made under it; the active one by default
   */
  purposeKey(purpose: KeyPurpose, context = '', rootKeyId = this.#active.id): EnvelopeKey {
    const name = `${rootKeyId}/${purpose}/${context}`;
    let key = this.#purposeKeys.get(name);
    if (!key) {
      const root = this.#roots.get(rootKeyId);
      if (!root) throw new EnvelopeFault('It was made under a root key that is not here.');
      key = { id: root.id, key: derive(root.bytes, purpose, context) };
      this.#purposeKeys.set(name, key);
    }
    return key;
  }

  /** HMAC-SHA-256 of a text under the key of a purpose, in hexadecimal. */
  mac(purpose: KeyPurpose, text: string): string {
    return createHmac('sha256', this.purposeKey(purpose).key).update(text).digest('hex');
  }

  /** Makes the key of a new vault, inside the transaction that makes the vault. */
  async createVaultKey(transaction: Transaction, vaultId: string, now: number): Promise<EnvelopeKey> {
    const keyId = this.#random.bytes(16).toString('hex');
    const bytes = this.#random.bytes(32);
    const wrapped = sealEnvelope(this.#active.wrapping, ['vault-key', vaultId, keyId], bytes, this.#random);
    await insertVaultKey.change(transaction, { vaultId, keyId, rootKeyId: this.#active.id, wrapped, created: now });
    const key = { id: keyId, key: createSecretKey(bytes) };
    bytes.fill(0);
    return key;
  }

  /** Destroys a purged vault's keys: what was encrypted under them is gone wherever a copy of it lies. */
  async destroyVaultKeys(transaction: Transaction, vaultId: string): Promise<void> {
    await deleteVaultKeys.change(transaction, { vaultId });
    this.#newest.delete(vaultId);
    for (const id of this.#vaultKeys.keys()) if (id.startsWith(`${vaultId}/`)) this.#vaultKeys.delete(id);
  }

  /** The key under which a vault's new envelopes are sealed. */
  async vaultKey(session: Session, vaultId: string): Promise<EnvelopeKey> {
    const known = this.#newest.get(vaultId);
    if (known) return known;
    const row = await newestVaultKey.first(session, { vaultId });
    if (!row) throw new EnvelopeFault('The vault has no key: it was purged.');
    const key = this.#unwrapVaultKey(vaultId, row.key_id, row.root_key_id, row.wrapped);
    this.#newest.set(vaultId, key);
    return key;
  }

  /** Opens an envelope of a vault, under whichever of its keys sealed it. */
  async openInVault(
    session: Session,
    vaultId: string,
    binding: readonly string[],
    envelope: Uint8Array,
  ): Promise<Buffer> {
    const keyId = envelopeKeyId(envelope);
    let key = this.#vaultKeys.get(`${vaultId}/${keyId}`);
    if (!key) {
      const row = await oneVaultKey.first(session, { vaultId, keyId });
      if (!row) throw new EnvelopeFault('The vault has no such key.');
      key = this.#unwrapVaultKey(vaultId, keyId, row.root_key_id, row.wrapped);
    }
    return openEnvelope(key, binding, envelope);
  }

  /** Reads a value that the server keeps for itself, or null. */
  async readValue(session: Session, name: string): Promise<Buffer | null> {
    const row = await readSealedValue.first(session, { name });
    if (!row) return null;
    return this.openValue(name, row.envelope);
  }

  /** Writes a value that the server keeps for itself: signing keys, the local authority's key. */
  async writeValue(transaction: Transaction, name: string, value: Uint8Array, now: number): Promise<void> {
    await writeSealedValue.change(transaction, { name, envelope: this.sealValue(name, value), created: now });
  }

  /** Forgets a value that the server kept for itself. */
  async deleteValue(transaction: Transaction, name: string): Promise<void> {
    await deleteSealedValue.change(transaction, { name });
  }

  /** Seals a value for a row of another table; it opens under the same name alone. */
  sealValue(name: string, value: Uint8Array): Uint8Array {
    return sealEnvelope(this.purposeKey('sealed-values'), ['sealed-value', name], value, this.#random);
  }

  /**
   * Opens what {@link sealValue} sealed under the name.
   * @throws EnvelopeFault where it was sealed under another, altered, or under a root key that is not here
   */
  openValue(name: string, envelope: Uint8Array): Buffer {
    return openEnvelope(
      this.purposeKey('sealed-values', '', envelopeKeyId(envelope)),
      ['sealed-value', name],
      envelope,
    );
  }

  #unwrapVaultKey(vaultId: string, keyId: string, rootKeyId: string, wrapped: Uint8Array): EnvelopeKey {
    const root = this.#roots.get(rootKeyId);
    if (!root) throw new EnvelopeFault('The vault key was wrapped under a root key that is not here.');
    const bytes = openEnvelope(root.wrapping, ['vault-key', vaultId, keyId], wrapped);
    const key = { id: keyId, key: createSecretKey(bytes) };
    bytes.fill(0);
    this.#vaultKeys.set(`${vaultId}/${keyId}`, key);
    return key;
  }
}

async function createRootKey(store: Store, seal: Seal, random: Random, now: number): Promise<void> {
  const id = random.bytes(16).toString('hex');
  const bytes = random.bytes(32);
  const wrapped = await seal.wrap(id, bytes);
  bytes.fill(0);
  await store.write(async (transaction) => {
    // Two nodes that start at once on one empty database: the second takes what the first has made.
    if ((await allRootKeys.all(transaction, {})).length > 0) return;
    await insertRootKey.change(transaction, { id, seal: seal.kind, wrapped, created: now });
  });
}

function derive(root: Buffer, purpose: string, context: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', root, '', `strongroom/${purpose}/${context}`, 32)));
}
