import type { ChildProcess } from 'node:child_process';
import { startModule, stopChild } from './children.ts';
import type { LanePlan, LaneTotal, LoadAnswer, LoadOrder, Slice } from './load-plan.ts';

/** An open lane of the load generator. Lanes take turns: nothing is asked of one while another runs. */
export interface Lane {
  /** Loads the server for so long, or, if null, until the workload is exhausted. */
  run(milliseconds: number | null): Promise<Slice>;
  /** The figures since the lane was opened or last asked. */
  total(): Promise<LaneTotal>;
  close(): Promise<void>;
}

/** The load generator as a child process that lives for the whole benchmark, so that its code is warm in every slice. */
export class LoadProcess {
  readonly #child: ChildProcess = startModule('load.ts');
  #lanes = 0;

  /**
   * Opens the connections of a lane.
   * @throws Error here and from the lane when an answer was not the expected one, a connection failed, or the generator died
   */
  async open(plan: LanePlan): Promise<Lane> {
    this.#lanes += 1;
    const lane = this.#lanes;
    await this.#order({ kind: 'open', lane, plan });
    return {
      run: async (milliseconds) => (await this.#order({ kind: 'run', lane, milliseconds })) as Slice,
      total: async () => (await this.#order({ kind: 'total', lane })) as LaneTotal,
      close: async () => {
        await this.#order({ kind: 'close', lane });
      },
    };
  }

  /** Ends the process. */
  stop(): Promise<void> {
    return stopChild(this.#child);
  }

  #order(order: LoadOrder): Promise<Slice | LaneTotal | null> {
    const done = Promise.withResolvers<Slice | LaneTotal | null>();
    const onExit = () => done.reject(new Error('the load generator died'));
    this.#child.once('exit', onExit);
    this.#child.once('message', (answer: LoadAnswer) => {
      this.#child.removeListener('exit', onExit);
      if ('result' in answer) done.resolve(answer.result);
      else done.reject(new Error(`load failed: ${answer.failure}`));
    });
    this.#child.send(order);
    return done.promise;
  }
}
