import { hash } from 'node:crypto';
import type { Contents } from '../objects/carried-queries.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';

/** What becomes of keys: copied as they are, taken into the new vault's kind of key, or made anew. */
export type KeyTreatment = 'copy' | 'import' | 'generate';

/** What a move is asked to do. */
export interface MoveOptions {
  readonly sku: Vault['settings']['sku'];
  readonly keys: KeyTreatment;
  /** Whether the new vault gets purge protection although the old one has none. */
  readonly purgeProtection: boolean;
}

/** The two vaults of a move, as the session sees them. */
export interface MoveEnds {
  readonly from: Vault;
  readonly to: Vault;
  readonly options: MoveOptions;
}

/** Something that is carried, in the state it has now. */
export interface ItemState {
  /** Unique in its kind; what pages go on from. */
  readonly key: string;
  /** For people, e.g. `secrets/NAME`. */
  readonly name: string;
  /** Another for every other state that a copy would show. */
  readonly digest: string;
  /** How many rows a transaction writes for it. */
  readonly size: number;
}

/** What was made for an item before its transaction, to be overwritten after it. */
export interface Prepared {
  dispose(): void;
}

/** A copy as it was made. */
export interface MadeCopy {
  readonly digest: string;
  /** How the copy is found where its key is not the item's. */
  readonly made: string | null;
}

/** How an item is carried. */
export interface CarryContext {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** What {@link Carrier.prepare} made; null inside the last transaction, which makes nothing. */
  readonly prepared: Prepared | null;
  /** The copy that is there already, unchanged since it was made. */
  readonly before: MadeCopy | null;
}

/** Something that stays in the old vault alone. */
export interface LeftItem {
  readonly name: string;
  /** Why; the words of it are in docs/operations.md. */
  readonly reason:
    | 'not-exportable'
    | 'deleted'
    | 'made-anew'
    | 'private-endpoint'
    | 'certificate'
    | 'deleted-certificate';
}

/** One kind of what is carried. A copy is whole or not there; to carry an item again makes the copy like the item. */
export interface Carrier {
  readonly kind: string;
  /** Whether it decides who is let in: it is carried before what comes after it, however long that takes. */
  readonly isAccess?: boolean;
  /** What the old vault has, by key. */
  page(session: Session, ends: MoveEnds, after: string, limit: number): Promise<readonly ItemState[]>;
  find(session: Session, ends: MoveEnds, key: string): Promise<ItemState | null>;
  /** The state of the copy, or of what stands where the copy would; null where there is none. */
  findCopy(session: Session, ends: MoveEnds, key: string, made: string | null): Promise<MadeCopy | null>;
  /** Makes what must not be made inside a transaction. */
  prepare?(session: Session, ends: MoveEnds, key: string): Promise<Prepared | null>;
  /** Null where it cannot be done without having been prepared. */
  carry(transaction: Transaction, ends: MoveEnds, key: string, context: CarryContext): Promise<MadeCopy | null>;
  /** Takes away a copy whose item is gone. */
  removeCopy(transaction: Transaction, ends: MoveEnds, key: string, now: number, made: string | null): Promise<void>;
  /** What is due at the move's end, when everything is carried. */
  settle?(transaction: Transaction, ends: MoveEnds): Promise<void>;
  /** How much of it the old vault has. */
  contents?(session: Session, ends: MoveEnds): Promise<Contents>;
  /** What of it stays in the old vault alone. */
  left?(session: Session, ends: MoveEnds): Promise<readonly LeftItem[]>;
  /** Refuses at once what would be refused later, item by item. */
  check?(session: Session, ends: MoveEnds): Promise<void>;
  /** Everything the new vault has of this kind, by key: what clients put there is found among it. */
  pageOfCopies?(session: Session, ends: MoveEnds, after: string, limit: number): Promise<readonly ItemState[]>;
}

/** A text that is another for every other value: 43 characters of base64url. */
export function digestOf(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url');
}
