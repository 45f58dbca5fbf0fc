import { Refusal } from '../refusals/refusal.ts';

/**
 * Lets costly work in a few pieces at once, others waiting in turn, and turns away what is too much: in all, and of one
 * source, so that one source leaves room for the others.
 */
export class WorkLimit {
  readonly #limits: { readonly atOnce: number; readonly waiting: number; readonly ofOneSource: number };
  readonly #waiting: (() => void)[] = [];
  readonly #ofSource = new Map<string, number>();
  #running = 0;

  constructor(limits: { readonly atOnce: number; readonly waiting: number; readonly ofOneSource: number }) {
    this.#limits = limits;
  }

  /**
   * Runs the work in its turn.
   * @throws Refusal `sign-in-busy` at once where there is no room, and whatever the work throws
   */
  async run<T>(source: string, work: () => Promise<T>): Promise<T> {
    const { atOnce, waiting, ofOneSource } = this.#limits;
    const mine = this.#ofSource.get(source) ?? 0;
    if (mine >= ofOneSource || (this.#running >= atOnce && this.#waiting.length >= waiting))
      throw new Refusal('sign-in-busy');
    this.#ofSource.set(source, mine + 1);
    try {
      if (this.#running >= atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      else this.#running++;
      return await work();
    } finally {
      // Whoever waits takes over the place, so that nobody who comes in between gets it.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
      const left = this.#ofSource.get(source)! - 1;
      if (left === 0) this.#ofSource.delete(source);
      else this.#ofSource.set(source, left);
    }
  }
}
