import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { Random } from '../base/ports.ts';
import type { Session, Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import { EnvelopeFault, type EnvelopeKey } from './envelope.ts';
import * as rows from './repository.ts';
import { type Seal, SealFault } from './seal.ts';

interface RootKey {
  readonly id: string;
  readonly created: number;
  readonly bytes: Buffer;
  readonly wrapping: EnvelopeKey;
}

/** What is told of a root key; the instant in milliseconds since the Unix epoch. */
export interface RootKeyFacts {
  readonly id: string;
  readonly created: number;
  /** Whether it seals; the others only open what was made under them. */
  readonly isActive: boolean;
}

/** A root key that was made and wrapped, and is not stored yet. */
export interface MadeRootKey {
  readonly id: string;
  readonly seal: string;
  readonly wrapped: Uint8Array;
}

/** What is said where another node has changed the seal. */
export const SEAL_CHANGED =
  'The seal was changed on another node since this one was started. Restart this one with the seal that the data has now.';

/** Every root key wrapped anew, to be stored in one transaction. */
export interface Rewrapping {
  readonly seal: Seal;
  readonly keys: readonly MadeRootKey[];
}

/**
 * The root keys of an unsealed installation. One is active: it seals. Those before it stay, since audit records and backups that
 * lie elsewhere were made under them; they only open. What another node made is known after {@link reload}.
 */
export class RootKeys {
  readonly #random: Random;
  #seal: Seal;
  #roots: ReadonlyMap<string, RootKey> = new Map();
  #active!: RootKey;
  #first!: RootKey;
  #stored: StoredSeal = { kinds: [], text: null };
  readonly #derived = new Map<string, EnvelopeKey>();

  private constructor(seal: Seal, random: Random) {
    this.#seal = seal;
    this.#random = random;
  }

  /**
   * Opens the keys with the seal; an installation without any gets its first.
   * @throws SealFault `seal-wrong`
   */
  static async open(store: Store, seal: Seal, random: Random, now: number): Promise<RootKeys> {
    if ((await rows.allRootKeys.all(store.reader, {})).length === 0) await makeFirst(store, seal, random, now);
    const keys = new RootKeys(seal, random);
    await keys.reload(store.reader);
    return keys;
  }

  /** The mechanism by which they are sealed. */
  get sealKind(): string {
    return this.#seal.kind;
  }

  /** Whether the data was under another seal than this process has, when it was last looked at: keys made since would not open here. */
  get isSealStale(): boolean {
    return !isSame(this.#stored, this.#seal);
  }

  /** The one that seals. */
  get active(): EnvelopeKey {
    return this.#active.wrapping;
  }

  /** What wraps vault keys under a root key, or null for one that is not known here. */
  wrapping(id: string): EnvelopeKey | null {
    return this.#roots.get(id)?.wrapping ?? null;
  }

  /** All of them, the eldest first. */
  list(): readonly RootKeyFacts[] {
    return [...this.#roots.values()].map(({ id, created }) => ({ id, created, isActive: id === this.#active.id }));
  }

  /** The ids of those that a value may have been made under, the likeliest first. */
  ids(): readonly string[] {
    return [this.#active.id, ...[...this.#roots.keys()].filter((id) => id !== this.#active.id).reverse()];
  }

  /** The eldest: what has to come out the same for ever is derived from it. */
  get firstId(): string {
    return this.#first.id;
  }

  /** The key derived from a root key for a use of its own (RFC 5869); from the active one unless another is named. */
  derived(use: string, context: string, rootKeyId: string = this.#active.id): EnvelopeKey {
    const name = `${rootKeyId}/${use}/${context}`;
    let key = this.#derived.get(name);
    if (!key) {
      const root = this.#roots.get(rootKeyId);
      if (!root) throw new EnvelopeFault('It was made under a root key that is not here.');
      key = { id: root.id, key: derive(root.bytes, use, context) };
      this.#derived.set(name, key);
    }
    return key;
  }

  /**
   * Takes what the store has now: keys that this process does not know are opened with its seal, and the active one seals from here on.
   * @throws SealFault `seal-wrong`, with the keys as they were, where the seal was changed elsewhere before the key was made
   */
  async reload(session: Session): Promise<void> {
    const stored = await rows.allRootKeys.all(session, {});
    this.#stored = await storedSeal(session, stored);
    const roots = new Map<string, RootKey>();
    for (const row of stored) roots.set(row.id, this.#roots.get(row.id) ?? (await this.#opened(row)));
    this.#roots = roots;
    this.#first = roots.get(stored[0]!.id)!;
    this.#active = roots.get(stored.findLast(({ active }) => active === 1)!.id)!;
  }

  async #opened(row: rows.RootKeyRow): Promise<RootKey> {
    // Where this process has opened it before, the configuration was right: another node has changed the seal.
    if (this.#roots.size > 0 && this.isSealStale) throw new SealFault('seal-wrong', SEAL_CHANGED);
    if (row.seal !== this.#seal.kind) {
      throw new SealFault(
        'seal-wrong',
        `This data is sealed by '${row.seal}', but the configured seal is '${this.#seal.kind}'. Configure the seal it was made with.`,
      );
    }
    const bytes = await this.#seal.unwrap(row.id, row.wrapped);
    return {
      id: row.id,
      created: row.created,
      bytes,
      wrapping: { id: row.id, key: derive(bytes, 'vault-keys', '') },
    };
  }

  /** Makes the next root key under the present seal, before the transaction that stores it. */
  make(): Promise<MadeRootKey> {
    return makeKey(this.#seal, this.#random);
  }

  /**
   * Stores a root key as the one that seals; this process follows with {@link reload}. False where the seal was changed since it was made.
   */
  async add(transaction: Transaction, made: MadeRootKey, now: number): Promise<boolean> {
    const stored = await rows.allRootKeys.all(transaction, {});
    if (!(await isUnder(transaction, stored, this.#seal))) return false;
    // Later than all others whatever the clocks of nodes say: the order tells which is the eldest.
    const created = Math.max(now, (stored.at(-1)?.created ?? 0) + 1);
    await rows.insertRootKey.change(transaction, { ...made, created });
    await rows.retireRootKeysBut.change(transaction, { id: made.id });
    await changed(transaction);
    return true;
  }

  /** Wraps every root key under another seal, before the transaction that stores them so. */
  async rewrap(seal: Seal): Promise<Rewrapping> {
    const keys: MadeRootKey[] = [];
    for (const { id, bytes } of this.#roots.values()) {
      keys.push({ id, seal: seal.kind, wrapped: await seal.wrap(id, bytes) });
    }
    return { seal, keys };
  }

  /**
   * Puts all root keys under the other seal, in one transaction: what was stored before it opens with the old seal, what after it
   * with the new. False where another node added a root key or changed the seal meanwhile: nothing is changed then.
   */
  async store(transaction: Transaction, { seal, keys }: Rewrapping): Promise<boolean> {
    const stored = await rows.allRootKeys.all(transaction, {});
    const isWhole = stored.length === keys.length && stored.every(({ id }) => keys.some((key) => key.id === id));
    if (!isWhole || !(await isUnder(transaction, stored, this.#seal))) return false;
    for (const key of keys) await rows.rewrapRootKey.change(transaction, key);
    await describe(transaction, seal);
    await changed(transaction);
    return true;
  }

  /** From now on root keys are wrapped by this seal: its transaction is durable. */
  useSeal(seal: Seal): void {
    this.#seal = seal;
    // Where it was looked at before: what is stored now is under this one.
    this.#stored = { kinds: [seal.kind], text: seal.description ?? null };
  }
}

/** The kind of the seal that the stored root keys are under; null before there is one. */
export async function storedSealKind(session: Session): Promise<string | null> {
  return (await rows.allRootKeys.first(session, {}))?.seal ?? null;
}

/** Moves what tells other nodes, and this one's memory, that root or vault keys have changed. */
export async function changed(transaction: Transaction): Promise<void> {
  await rows.raiseKeyGeneration.change(transaction, {});
  transaction.touch();
}

/** What the data says of the seal that its root keys are under. */
interface StoredSeal {
  readonly kinds: readonly string[];
  /** The seal's description, where it has one. */
  readonly text: string | null;
}

/** Whether what is stored is still wrapped by the seal. */
async function isUnder(session: Session, stored: readonly rows.RootKeyRow[], seal: Seal): Promise<boolean> {
  return isSame(await storedSeal(session, stored), seal);
}

async function storedSeal(session: Session, stored: readonly rows.RootKeyRow[]): Promise<StoredSeal> {
  return {
    kinds: stored.map((row) => row.seal),
    text: (await rows.readSealText.first(session, {}))?.value ?? null,
  };
}

function isSame({ kinds, text }: StoredSeal, seal: Seal): boolean {
  return kinds.every((kind) => kind === seal.kind) && (text === null || text === (seal.description ?? null));
}

async function describe(transaction: Transaction, seal: Seal): Promise<void> {
  if (seal.description !== undefined) await rows.writeSealText.change(transaction, { value: seal.description });
}

async function makeFirst(store: Store, seal: Seal, random: Random, now: number): Promise<void> {
  const made = await makeKey(seal, random);
  await store.write(async (transaction) => {
    // Two nodes that start at once on one empty database: the second takes what the first has made.
    if ((await rows.allRootKeys.all(transaction, {})).length > 0) return;
    await rows.insertRootKey.change(transaction, { ...made, created: now });
    await describe(transaction, seal);
  });
}

async function makeKey(seal: Seal, random: Random): Promise<MadeRootKey> {
  const id = random.bytes(16).toString('hex');
  const bytes = random.bytes(32);
  try {
    return { id, seal: seal.kind, wrapped: await seal.wrap(id, bytes) };
  } finally {
    bytes.fill(0);
  }
}

function derive(root: Buffer, use: string, context: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', root, '', `strongroom/${use}/${context}`, 32)));
}
