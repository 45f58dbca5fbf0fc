import type { Clock, Log } from '../base/ports.ts';
import type { Store } from '../store/store.ts';
import { type Lease, takeLease } from './lease.ts';

const LEASE_MILLISECONDS = 60_000;
/** Often enough that one renewal may fail. */
const RENEWAL_MILLISECONDS = 20_000;

/** Work that is due by the clock. */
export interface Job {
  readonly name: string;
  /** How often it looks for due work, in milliseconds. */
  readonly everyMilliseconds: number;
  /** Does what is due at `now`; running twice does no harm. */
  run(lease: Lease, now: number): Promise<void>;
}

/** Runs jobs, each on whichever node holds its lease. */
export class Scheduler {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #holder: string;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #jobs = new Map<Job, Promise<void> | null>();

  constructor(parts: { store: Store; clock: Clock; log: Log; holder: string }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#holder = parts.holder;
  }

  /** Runs the job now and then in its rhythm, one run at a time. */
  start(job: Job): void {
    const tick = () => void this.#runAlone(job);
    this.#timers.push(setInterval(tick, job.everyMilliseconds).unref());
    tick();
  }

  /** Runs a started job soon, out of its rhythm; a run under way is followed by another. */
  hasten(name: string): void {
    const job = [...this.#jobs.keys()].find((one) => one.name === name);
    if (!job) return;
    void (this.#jobs.get(job) ?? Promise.resolve()).then(() => this.#runAlone(job));
  }

  /** Runs every started job once, after what runs already, and waits for the end: what is due by now is done then. */
  async runAll(): Promise<void> {
    await Promise.all(
      [...this.#jobs.keys()].map(async (job) => {
        // The run under way looked at an earlier moment.
        await this.#jobs.get(job);
        await this.#runAlone(job);
      }),
    );
  }

  /** One run, or the one under way. */
  #runAlone(job: Job): Promise<void> {
    const current = this.#jobs.get(job);
    if (current) return current;
    const run = this.runOnce(job).finally(() => {
      this.#jobs.set(job, null);
      this.#running.delete(run);
    });
    this.#jobs.set(job, run);
    this.#running.add(run);
    return run;
  }

  /** One run, if this node gets the lease, which it keeps until the end; a failure is logged and tried again at the next turn. */
  async runOnce(job: Job): Promise<void> {
    const now = this.#clock.now();
    try {
      const lease = await this.#lease(job, now);
      if (lease) await this.#keeping(job, () => job.run(lease, now));
    } catch (error) {
      this.#log.error('A job failed; it will be tried again.', { job: job.name, reason: (error as Error).message });
    }
  }

  #lease(job: Job, now: number): Promise<Lease | null> {
    return takeLease(this.#store, `job/${job.name}`, this.#holder, now, LEASE_MILLISECONDS);
  }

  /**
   * Renews the lease while something works. An authority that takes its minutes over an answer would otherwise never be heard: another node
   * began the same anew meanwhile, and the answer counted no more.
   */
  async #keeping(job: Job, work: () => Promise<void>): Promise<void> {
    const renewal = setInterval(() => {
      // A store that cannot be written to ends the work by itself.
      this.#lease(job, this.#clock.now()).catch(() => undefined);
    }, RENEWAL_MILLISECONDS).unref();
    try {
      await work();
    } finally {
      clearInterval(renewal);
    }
  }

  /** Stops the rhythm and waits for runs under way. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#running);
  }
}
