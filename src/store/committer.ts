import { StoreFault } from './fault.ts';
import { Gate } from './gate.ts';
import type { Driver, Journal, JournalEntry, Session, Transaction } from './port.ts';
import { openSession } from './session.ts';

const MAX_BATCH = 512;
const MAX_GATHER_MS = 0.5;
// Two nodes that write the same row without a pause: the one that came second gets in about one time of four, since it mostly
// begins while the other is at it. A hundred attempts take some three seconds.
const MAX_ATTEMPTS = 100;

interface Job {
  readonly work: (transaction: Transaction) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  outcome: { value: unknown } | { error: unknown } | null;
}

interface Append {
  readonly entry: JournalEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One transaction for all that waits: writes run one after the other, each undone alone where it fails, the journal entries of
 * writes and of reads are chained, and one commit makes everything durable together. The next batch starts as soon as the
 * last is durable, so batches grow with the load. A write and its audit record are in the same transaction: neither is
 * ever there without the other.
 */
export class Committer {
  readonly #driver: Driver;
  readonly #session: Session;
  /** What jobs get for queries of changing shape: it leads through the gate of the job that runs. */
  readonly #jobSession: Session;
  #gate: Gate;
  readonly #onTouch: (session: Session) => Promise<void>;
  #journal: Journal | null = null;
  #jobs: Job[] = [];
  #appends: Append[] = [];
  #running: Promise<void> | null = null;
  #closed = false;

  /** @param onTouch called inside the transaction when one of its writes has touched what decisions rest on */
  constructor(driver: Driver, onTouch: (session: Session) => Promise<void>) {
    this.#driver = driver;
    this.#session = openSession(driver.dialect, driver.write);
    this.#gate = new Gate(driver.write);
    this.#gate.close();
    this.#jobSession = openSession(driver.dialect, { run: (sql, values) => this.#gate.run(sql, values) });
    this.#onTouch = onTouch;
  }

  /** From now on journal entries go here; without a journal an entry is refused. */
  useJournal(journal: Journal): void {
    this.#journal = journal;
  }

  /**
   * Runs the work in a serialisable transaction and resolves when it is durable. The work may await only the transaction
   * it is given, and may run again when another node got in between, or when another write of its batch has to be undone: it
   * must have no other effect. A statement that failed ends it, even where the work catches the error.
   * @throws whatever the work throws, with nothing of it kept; StoreFault `store-busy` where other nodes never let it through
   */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(closed());
      this.#jobs.push({ work, resolve: resolve as (value: unknown) => void, reject, outcome: null });
      this.#wake();
    });
  }

  /** Resolves when the entry is durable in the journal. */
  append(entry: JournalEntry): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.#closed) return reject(closed());
      this.#appends.push({ entry, resolve, reject });
      this.#wake();
    });
  }

  /** Waits for all that was asked, then refuses more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running) await this.#running;
  }

  #wake(): void {
    if (this.#running) return;
    // setImmediate: every request that this turn of the event loop brings joins the batch.
    this.#running = new Promise<void>((done) => {
      setImmediate(() => {
        this.#drain().then(done, done);
      });
    });
  }

  async #drain(): Promise<void> {
    while (this.#jobs.length > 0 || this.#appends.length > 0) {
      const jobs = this.#jobs.splice(0, MAX_BATCH);
      const appends = this.#appends.splice(0, MAX_BATCH);
      await this.#batch(jobs, appends);
      await this.#gather(jobs.length + appends.length);
    }
    this.#running = null;
  }

  /**
   * Lets the next batch fill: those who were answered come back within a moment, and a flush for the first of them alone would
   * make all the others wait for it. Waits for half as many as came last, at most half a millisecond; a lone writer never.
   */
  async #gather(last: number): Promise<void> {
    const until = performance.now() + MAX_GATHER_MS;
    do {
      await new Promise<void>((turn) => setImmediate(turn));
    } while (this.#jobs.length + this.#appends.length < last / 2 && performance.now() < until);
  }

  async #batch(jobs: Job[], appends: Append[]): Promise<void> {
    try {
      await this.#attempt(jobs, appends);
      for (const job of jobs) settle(job);
      for (const append of appends) append.resolve();
    } catch (error) {
      for (const job of jobs) job.reject(error);
      for (const append of appends) append.reject(error);
    }
  }

  async #attempt(jobs: Job[], appends: Append[]): Promise<void> {
    let isGuarded = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#transact(jobs, appends, isGuarded);
      } catch (error) {
        await this.#driver.write.rollback().catch(() => {});
        if (error instanceof UndoNeeded) {
          isGuarded = true;
          continue;
        }
        if (!this.#driver.isRetryable(error)) throw error;
        if (attempt >= MAX_ATTEMPTS) {
          throw new StoreFault('store-busy', 'Other nodes keep changing the same data; nothing was written.', {
            cause: error,
          });
        }
        // Another node won. Without a pause two nodes can undo each other for ever; the spread comes from the event loop.
        await new Promise((wake) => setTimeout(wake, 2 ** Math.min(attempt, 5) * (0.5 + Math.random())));
      }
    }
  }

  async #transact(jobs: Job[], appends: Append[], isGuarded: boolean): Promise<void> {
    const { write } = this.#driver;
    const entries = appends.map((append) => append.entry);
    let touched = false;
    let keep: (() => void) | null = null;
    await write.begin();
    for (const job of jobs) {
      const { entries: recorded, touches } = await this.#perform(job, isGuarded);
      entries.push(...recorded);
      touched ||= touches;
    }
    if (touched) await this.#onTouch(this.#session);
    if (entries.length > 0) {
      if (!this.#journal) throw new StoreFault('store-closed', 'There is no audit journal to record in.');
      keep = await this.#journal.write(this.#session, entries);
    }
    await write.commit();
    keep?.();
  }

  /**
   * Runs one job; throws only where the whole batch has to end or to begin anew. Unguarded, a job that fails after it changed
   * something ends the batch, which then runs again with a savepoint around each: seldom, and two statements a write less else.
   */
  async #perform(job: Job, isGuarded: boolean): Promise<{ entries: JournalEntry[]; touches: boolean }> {
    const { write, isRetryable } = this.#driver;
    const gate = new Gate(write);
    this.#gate = gate;
    const entries: JournalEntry[] = [];
    let touches = false;
    const transaction: Transaction = {
      dialect: this.#session.dialect,
      run: (sql, values) => gate.run(sql, values),
      db: this.#jobSession.db,
      record: (entry) => entries.push(entry),
      touch: () => {
        touches = true;
      },
    };
    if (isGuarded) await write.run('savepoint job', []);
    try {
      job.outcome = { value: await job.work(transaction) };
      gate.close();
      if (gate.failure) throw gate.failure.error;
      if (isGuarded) await write.run('release savepoint job', []);
      return { entries, touches };
    } catch (error) {
      gate.close();
      if (isRetryable(error)) throw error;
      if (gate.failure && isRetryable(gate.failure.error)) throw gate.failure.error;
      if (isGuarded) {
        await this.#undoJob().catch(() => {
          // The transaction has gone with the connection, or with a full disk: the first error says why.
          throw gate.failure?.error ?? error;
        });
      } else if (gate.mayHaveChanged) throw new UndoNeeded();
      job.outcome = { error };
      return { entries: [], touches: false };
    }
  }

  async #undoJob(): Promise<void> {
    await this.#driver.write.run('rollback to savepoint job', []);
    await this.#driver.write.run('release savepoint job', []);
  }
}

/** A batch has to be rolled back for what one of its jobs has done. */
class UndoNeeded extends Error {}

function settle(job: Job): void {
  const outcome = job.outcome!;
  if ('value' in outcome) job.resolve(outcome.value);
  else job.reject(outcome.error);
}

function closed(): StoreFault {
  return new StoreFault('store-closed', 'The store is closing; nothing more is accepted.');
}
