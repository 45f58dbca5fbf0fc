import type { Kysely } from 'kysely';
import type { ActivityTable, Tables } from './schema.ts';

/** The databases there is a driver for. */
export type DialectName = 'sqlite' | 'postgres';

/**
 * A value that a statement takes or a row holds. Numbers are safe integers; text holds neither U+0000 nor half a surrogate
 * pair: drivers refuse the rest with a TypeError, since not every database could give it back. Truths are 0 and 1.
 */
export type Value = string | number | null | Uint8Array;

/** What one statement gave. */
export interface Result<Row> {
  readonly rows: Row[];
  /** Rows inserted, changed or removed; 0 for a statement that gives rows. */
  readonly changed: number;
}

/** One connection of a driver. Statements on it run one after the other. */
export interface Connection {
  run<Row>(sql: string, values: readonly Value[]): Promise<Result<Row>>;
}

/** The connection that writes: it can also hold a transaction open and make it durable. */
export interface WriteConnection extends Connection {
  begin(): Promise<void>;
  /** Ends the transaction; resolves only when what it wrote survives a power cut. */
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/**
 * A database behind the store. Reads see only committed data. One write connection a process: writers queue in the
 * committer, so that they share a commit.
 */
export interface Driver {
  readonly dialect: DialectName;
  /** Where the data is, for people: a path, or a host and database name, never a password. */
  readonly place: string;
  readonly read: Connection;
  readonly write: WriteConnection;
  /** Whether the error means that the same transaction may succeed if tried again (serialisation, deadlock). */
  isRetryable(error: unknown): boolean;
  /** Runs `work` on one consistent snapshot of everything, as of its first statement, beside readers and writers. */
  snapshot<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Where a repository runs its statements: outside any transaction, or inside one. */
export interface Session extends Connection {
  readonly dialect: DialectName;
  /** Kysely over this session, for queries whose shape depends on the request; the others are {@link Statement}s. */
  readonly db: Kysely<Tables>;
}

/** A session inside a write transaction. */
export interface Transaction extends Session {
  /** Adds an entry to the journal of this transaction: kept if and only if the transaction is. */
  record(entry: JournalEntry): void;
  /** Says that something a cached decision may rest on has changed. */
  touch(): void;
}

/** One audit record before it is chained: its instant and its JSON text without the closing brace. */
export interface JournalEntry {
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  /** A JSON object's text up to, but without, its final `}`. */
  readonly text: string;
  /** The event of the activity log that it makes, stored in the same transaction. */
  readonly activity?: ActivityTable;
}

/** The audit chain as the committer sees it. */
export interface Journal {
  /**
   * Chains the entries and persists them inside the transaction; called at most once a commit, if there are entries.
   * @returns what to call once the transaction is durable: only then does the chain go on from there
   */
  write(session: Session, entries: readonly JournalEntry[]): Promise<() => void>;
}
