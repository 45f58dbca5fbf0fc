import type { Connection, Result, Value } from './port.ts';

/**
 * One job's way to the write connection. It closes with the job, so that work which goes on too long cannot write into
 * another job's transaction; and after a failed statement it takes no more, as PostgreSQL does, so that work which goes on
 * over an error fails on both databases.
 */
export class Gate implements Connection {
  readonly #connection: Connection;
  #failure: { error: unknown } | null = null;
  #closed = false;
  #mayHaveChanged = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** What the first statement that failed threw, in a box, or null. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** Whether the transaction is another for what went through: after anything but queries that succeeded. */
  get mayHaveChanged(): boolean {
    return this.#mayHaveChanged || this.#failure !== null;
  }

  async run<Row>(sql: string, values: readonly Value[]): Promise<Result<Row>> {
    if (this.#closed) throw new Error('The transaction is over; its work must await every statement.');
    if (this.#failure) throw this.#failure.error;
    this.#mayHaveChanged ||= !/^\s*select\b/i.test(sql);
    try {
      return await this.#connection.run<Row>(sql, values);
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }

  /** Lets nothing more through. */
  close(): void {
    this.#closed = true;
  }
}
