import type { Client } from 'pg';
import type { Result, Value, WriteConnection } from '../port.ts';
import { discard, query, send } from './client.ts';
import { explained, meaningOf } from './faults.ts';

/** A write connection that is opened anew for the next transaction after it was lost, and that can be closed. */
export interface Writer extends WriteConnection {
  close(): Promise<void>;
}

/**
 * The connection that writes. A transaction whose connection is lost fails with `store-unreachable`; if that was at its
 * commit, nobody knows whether it was kept. The next one opens another connection.
 */
export class PostgresWriter implements Writer {
  readonly #open: () => Promise<Client>;
  readonly #place: string;
  #client: Client | null;
  #inTransaction = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @param client a connection that is open already, from `open` */
  constructor(client: Client, open: () => Promise<Client>, place: string) {
    this.#open = open;
    this.#place = place;
    this.#client = null;
    this.#use(client);
  }

  run<Row>(sql: string, values: readonly Value[]): Promise<Result<Row>> {
    return this.#inTurn(async () => this.#guard(async () => query<Row>(await this.#current(), sql, values)));
  }

  begin(): Promise<void> {
    return this.#inTurn(async () => {
      // A transaction that could not be rolled back is left behind with its connection.
      if (this.#inTransaction) this.#drop();
      this.#inTransaction = false;
      const start = () =>
        this.#guard(async () => send(await this.#current(), 'begin isolation level serializable', []));
      const idle = this.#client;
      try {
        await start();
      } catch (error) {
        // Nothing was done on it yet: where it died unseen while idle, another connection does as well.
        if (idle === null || this.#client !== null) throw error;
        await start();
      }
      this.#inTransaction = true;
    });
  }

  commit(): Promise<void> {
    return this.#inTurn(async () => {
      const { command } = await this.#guard(async () => send(await this.#current(), 'commit', []));
      // A transaction with a failed statement in it answers COMMIT with ROLLBACK, and no error.
      if (command !== 'COMMIT') throw new Error('The database rolled the transaction back instead of committing it.');
      this.#inTransaction = false;
    });
  }

  rollback(): Promise<void> {
    return this.#inTurn(async () => {
      const client = this.#client;
      if (client && this.#inTransaction) await send(client, 'rollback', []).catch(() => this.#drop());
      this.#inTransaction = false;
    });
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#client?.end().catch(() => {});
  }

  /** One statement at a time, in the order they were asked for. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn;
    return turn;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const meaning = meaningOf(error);
      if (meaning === 'lost' || meaning === 'stale') this.#drop();
      throw explained(error, this.#place);
    }
  }

  async #current(): Promise<Client> {
    if (this.#client) return this.#client;
    // On a new connection the rest of a transaction would be committed statement by statement.
    if (this.#inTransaction) throw new Error('the connection was lost inside the transaction');
    const client = await this.#open();
    this.#use(client);
    return client;
  }

  #use(client: Client): void {
    this.#client = client;
    const forget = () => {
      if (this.#client === client) this.#client = null;
    };
    client.once('error', forget);
    client.once('end', forget);
  }

  #drop(): void {
    const client = this.#client;
    this.#client = null;
    if (client) discard(client);
  }
}
