/** A function of a native library that can run on the thread pool. */
export type PoolFunction = { async: (...parameters: unknown[]) => void };

/** The same, where it can be called at once too. */
export type AsyncNative = ((...parameters: unknown[]) => unknown) & PoolFunction;

/** One less than libuv's pool has threads, unless the operator gives it more. */
const MOST_AT_ONCE = 3;

/**
 * Turns on the thread pool for what takes the processor, first come, first served. One thread is left to the flushes of the
 * store, which would otherwise wait behind every signature that was asked for before them; and koffi refuses the 257th call
 * that is under way.
 */
export class PoolTurns {
  readonly #most: number;
  #running = 0;
  readonly #waiting: Array<() => void> = [];

  /** @param most how many may run at once */
  constructor(most = MOST_AT_ONCE) {
    this.#most = most;
  }

  /** Runs a native function on the pool when its turn has come. Its buffers stay referenced until it has ended. */
  call(native: PoolFunction, parameters: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const start = () => {
        this.#running++;
        native.async(...parameters, (error: unknown, result: unknown) => {
          this.#running--;
          this.#waiting.shift()?.();
          if (error) reject(error instanceof Error ? error : new Error('A native call failed.'));
          else resolve(parameters.length > 0 ? result : undefined);
        });
      };
      if (this.#running < this.#most) start();
      else this.#waiting.push(start);
    });
  }
}

/** The turns of everything that OpenSSL does for this process on the thread pool. */
export const poolTurns = new PoolTurns();
