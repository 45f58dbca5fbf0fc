import { createHmac, createSecretKey } from 'node:crypto';
import type { Random } from '../base/ports.ts';
import { equalBytes } from '../base/text.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import { EnvelopeFault, type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope } from './envelope.ts';
import * as rows from './repository.ts';
import { changed, RootKeys } from './root-keys.ts';
import type { Seal } from './seal.ts';

/**
 * What derived keys are for; each purpose has a key of its own (RFC 5869). `lasting` ones find something again by its MAC, which must come
 * out the same for ever: they are derived from the first root key. The others follow the active one, and open under any.
 */
const purposes = Object.freeze({
  'sealed-values': 'active',
  'audit-chain': 'active',
  'page-tokens': 'active',
  'backup-blobs': 'active',
  'server-backup': 'active',
  'sign-in': 'lasting',
} as const);

/** One of the purposes. */
export type KeyPurpose = keyof typeof purposes;

/**
 * The keys of an unsealed installation: root keys, the vaults' keys under them, and keys derived for single purposes. Key
 * bytes stay inside; what leaves are {@link KeyObject}s.
 */
export class Keyring {
  readonly #random: Random;
  /** The root keys, for those who rotate them and change their seal. */
  readonly roots: RootKeys;
  readonly #vaultKeys = new Map<string, EnvelopeKey>();
  /** By vault, the key that seals; only where nobody else writes, and only what is committed. */
  readonly #sealing = new Map<string, EnvelopeKey>();
  /** What is committed, where this process alone writes; null where other nodes do. */
  readonly #owned: Session | null;
  #generation: number;

  private constructor(random: Random, roots: RootKeys, generation: number, owned: Session | null) {
    this.#random = random;
    this.roots = roots;
    this.#generation = generation;
    this.#owned = owned;
  }

  /**
   * Opens the keys with the seal; an installation without any gets its first root key.
   * @throws SealFault `seal-wrong`
   */
  static async open(store: Store, seal: Seal, random: Random, now: number): Promise<Keyring> {
    const generation = await keyGeneration(store.reader);
    const owned = store.driver.dialect === 'sqlite' ? store.reader : null;
    return new Keyring(random, await RootKeys.open(store, seal, random, now), generation, owned);
  }

  /**
   * Follows what any node has changed of root and vault keys since this process looked last.
   * @throws SealFault `seal-wrong` where there is a root key that this process's seal does not open
   */
  async follow(session: Session): Promise<void> {
    const generation = await keyGeneration(session);
    if (generation === this.#generation) return;
    // Destroyed keys must be forgotten, and the store tells what is there: what is needed is opened again.
    this.#vaultKeys.clear();
    this.#sealing.clear();
    await this.roots.reload(session);
    this.#generation = generation;
  }

  /**
   * A key for one purpose, derived from the root key.
   * @param context separates uses of one purpose, e.g. the place a backup may be restored in
   * @param rootKeyId the root key that something was made under; by default the one that the purpose takes
   */
  purposeKey(purpose: KeyPurpose, context = '', rootKeyId = this.#rootFor(purpose)): EnvelopeKey {
    return this.roots.derived(purpose, context, rootKeyId);
  }

  /** HMAC-SHA-256 of a text under the key of a purpose, in hexadecimal. */
  mac(purpose: KeyPurpose, text: string): string {
    return macUnder(this.purposeKey(purpose), text);
  }

  /** Whether {@link mac}, cut to its first `digits`, came from this installation, under whichever of its root keys. */
  isMac(purpose: KeyPurpose, text: string, mac: string, digits = 64): boolean {
    const given = Buffer.from(mac);
    return this.roots
      .ids()
      .some((id) => equalBytes(Buffer.from(macUnder(this.purposeKey(purpose, '', id), text).slice(0, digits)), given));
  }

  #rootFor(purpose: KeyPurpose): string {
    return purposes[purpose] === 'lasting' ? this.roots.firstId : this.roots.active.id;
  }

  /** Makes the key of a new vault, or a vault's next key, inside the transaction that makes the vault or rotates its key. */
  async createVaultKey(transaction: Transaction, vaultId: string, now: number): Promise<EnvelopeKey> {
    const keyId = this.#random.bytes(16).toString('hex');
    const bytes = this.#random.bytes(32);
    const wrapped = sealEnvelope(this.roots.active, ['vault-key', vaultId, keyId], bytes, this.#random);
    const before = await rows.newestVaultKey.first(transaction, { vaultId });
    // Later than the one before, whatever the clocks of nodes say: the newest seals.
    const created = Math.max(now, (before?.created ?? -1) + 1);
    const rootKeyId = this.roots.active.id;
    await rows.insertVaultKey.change(transaction, { vaultId, keyId, rootKeyId, wrapped, created });
    this.#sealing.delete(vaultId);
    const key = { id: keyId, key: createSecretKey(bytes) };
    bytes.fill(0);
    return key;
  }

  /** Destroys a purged vault's keys: what was encrypted under them is gone wherever a copy of it lies. */
  async destroyVaultKeys(transaction: Transaction, vaultId: string): Promise<void> {
    await rows.deleteVaultKeys.change(transaction, { vaultId });
    this.#sealing.delete(vaultId);
    await changed(transaction);
    for (const id of this.#vaultKeys.keys()) if (id.startsWith(`${vaultId}/`)) this.#vaultKeys.delete(id);
  }

  /** Destroys one key of a vault, under which nothing is sealed any more. */
  async destroyVaultKey(transaction: Transaction, vaultId: string, keyId: string): Promise<void> {
    await rows.deleteVaultKey.change(transaction, { vaultId, keyId });
    this.#sealing.delete(vaultId);
    await changed(transaction);
    this.#vaultKeys.delete(`${vaultId}/${keyId}`);
  }

  /**
   * The key under which a vault's new envelopes are sealed. Where other nodes write too it is read anew each time: inside the transaction that
   * stores the envelope, that keeps a key from being destroyed of which somebody still makes use. Where this process alone writes, it is
   * remembered until it changes; never one that a transaction has made which may yet be undone.
   */
  async vaultKey(session: Session | Transaction, vaultId: string): Promise<EnvelopeKey> {
    const remembered = this.#sealing.get(vaultId);
    if (remembered) return remembered;
    const row = await rows.newestVaultKey.first(session, { vaultId });
    if (!row) throw new EnvelopeFault('The vault has no key: it was purged.');
    const key = this.#vaultKeys.get(`${vaultId}/${row.key_id}`) ?? (await this.#openVaultKey(session, row));
    // Outside a transaction a change may be under way.
    const isAlone = this.#owned !== null && 'touch' in session;
    const committed = isAlone && (await rows.newestVaultKey.first(this.#owned, { vaultId }));
    if (committed && committed.key_id === key.id) this.#sealing.set(vaultId, key);
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
      const row = await rows.oneVaultKey.first(session, { vaultId, keyId });
      if (!row) throw new EnvelopeFault('The vault has no such key.');
      key = await this.#openVaultKey(session, row);
    }
    return openEnvelope(key, binding, envelope);
  }

  /**
   * A vault key under the root key that seals now, ready to be stored; null where it is already, or its own root key is gone.
   * @throws EnvelopeFault where the row is damaged
   */
  rewrapVaultKey(row: rows.VaultKeyRow): { readonly rootKeyId: string; readonly wrapped: Uint8Array } | null {
    const { active } = this.roots;
    const under = this.roots.wrapping(row.root_key_id);
    if (row.root_key_id === active.id || !under) return null;
    const binding = ['vault-key', row.vault_id, row.key_id];
    const bytes = openEnvelope(under, binding, row.wrapped);
    const wrapped = sealEnvelope(active, binding, bytes, this.#random);
    bytes.fill(0);
    return { rootKeyId: active.id, wrapped };
  }

  /** Reads a value that the server keeps for itself, or null. */
  async readValue(session: Session, name: string): Promise<Buffer | null> {
    const row = await rows.readSealedValue.first(session, { name });
    if (!row) return null;
    // Another node may have sealed it under a root key that this one has not heard of.
    if (!this.roots.wrapping(envelopeKeyId(row.envelope))) await this.roots.reload(session);
    return this.openValue(name, row.envelope);
  }

  /** Writes a value that the server keeps for itself: signing keys, the local authority's key. */
  async writeValue(transaction: Transaction, name: string, value: Uint8Array, now: number): Promise<void> {
    await rows.writeSealedValue.change(transaction, { name, envelope: this.sealValue(name, value), created: now });
  }

  /** Forgets a value that the server kept for itself. */
  async deleteValue(transaction: Transaction, name: string): Promise<void> {
    await rows.deleteSealedValue.change(transaction, { name });
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

  async #openVaultKey(session: Session, row: rows.VaultKeyRow): Promise<EnvelopeKey> {
    // Another node may have put it under a root key that this one has not heard of.
    if (!this.roots.wrapping(row.root_key_id)) await this.roots.reload(session);
    const root = this.roots.wrapping(row.root_key_id);
    if (!root) throw new EnvelopeFault('The vault key was wrapped under a root key that is not here.');
    const bytes = openEnvelope(root, ['vault-key', row.vault_id, row.key_id], row.wrapped);
    const key = { id: row.key_id, key: createSecretKey(bytes) };
    bytes.fill(0);
    this.#vaultKeys.set(`${row.vault_id}/${row.key_id}`, key);
    return key;
  }
}

async function keyGeneration(session: Session): Promise<number> {
  return (await rows.readKeyGeneration.first(session, {}))?.value ?? 0;
}

function macUnder(key: EnvelopeKey, text: string): string {
  return createHmac('sha256', key.key).update(text).digest('hex');
}
