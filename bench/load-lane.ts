import { createHistogram } from 'node:perf_hooks';
import { connect, type TLSSocket } from 'node:tls';
import type { LanePlan, LaneTotal, Slice } from './load-plan.ts';
import { processorMicroseconds } from './process-figures.ts';
import { ResponseReader } from './response-reader.ts';
import { type RequestSource, requestSource } from './workload.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const DRAIN_TIMEOUT_MS = 30_000;
/** Every body is read; one in so many is also searched for the text that it must contain. */
const BODIES_PER_CHECK = 64;

/**
 * Connections to one server in a closed loop: each sends its next request when it has the answer to the last, and all rest
 * between slices. An unexpected status or body, or a connection that ends, fails the slice under way or the next one.
 */
export class LoadLane {
  readonly #plan: LanePlan;
  readonly #source: RequestSource;
  readonly #latencies = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  readonly #sendFunctions: Array<() => void> = [];
  readonly #sockets: TLSSocket[] = [];
  #failure: Error | null = null;
  #slice = Promise.withResolvers<void>();
  #resting = 0;
  #isOver = true;
  #requestsInSlice = 0;
  #answers = 0;
  #requests = 0;
  #generatorMicroseconds = 0;
  #serverMicrosecondsBefore: number;

  private constructor(plan: LanePlan) {
    this.#plan = plan;
    this.#source = requestSource(plan.workload, plan.frame);
    this.#serverMicrosecondsBefore = processorMicroseconds(plan.serverPid);
    this.#slice.resolve();
  }

  /** Opens all connections. */
  static async open(plan: LanePlan): Promise<LoadLane> {
    const lane = new LoadLane(plan);
    const sockets = await Promise.all(Array.from({ length: plan.connections }, () => openConnection(plan)));
    for (const socket of sockets) lane.#add(socket);
    return lane;
  }

  /** Drives all connections for so long, or until the workload is exhausted, and waits for the last answers. */
  async run(milliseconds: number | null): Promise<Slice> {
    const generatorBefore = processorMicroseconds(process.pid);
    this.#slice = Promise.withResolvers<void>();
    this.#isOver = false;
    this.#resting = 0;
    this.#requestsInSlice = 0;
    if (this.#failure !== null) throw this.#failure;
    const startedAt = performance.now();
    let endedAt = 0;
    const end = () => {
      endedAt = performance.now();
      this.#isOver = true;
    };
    const timer = milliseconds === null ? null : setTimeout(end, milliseconds);
    const late = () => this.#fail(new Error('answers are missing'));
    const deadline = milliseconds === null ? null : setTimeout(late, milliseconds + DRAIN_TIMEOUT_MS);
    try {
      for (const send of this.#sendFunctions) send();
      await this.#slice.promise;
    } finally {
      clearTimeout(timer ?? undefined);
      clearTimeout(deadline ?? undefined);
    }
    if (milliseconds !== null && endedAt === 0) throw new Error('the workload was exhausted before the slice ended');
    if (endedAt === 0) endedAt = performance.now();
    this.#generatorMicroseconds += processorMicroseconds(process.pid) - generatorBefore;
    return { requests: this.#requestsInSlice, seconds: (endedAt - startedAt) / 1e3 };
  }

  /** The figures of all slices since the last call, or since the lane was opened. */
  total(): LaneTotal {
    const serverNow = processorMicroseconds(this.#plan.serverPid);
    const total: LaneTotal = {
      requests: this.#requests,
      p50Milliseconds: this.#latencies.percentile(50) / 1e6,
      p99Milliseconds: this.#latencies.percentile(99) / 1e6,
      maxMilliseconds: this.#latencies.max / 1e6,
      serverMicroseconds: serverNow - this.#serverMicrosecondsBefore,
      generatorMicroseconds: this.#generatorMicroseconds,
    };
    this.#serverMicrosecondsBefore = serverNow;
    this.#generatorMicroseconds = 0;
    this.#requests = 0;
    this.#latencies.reset();
    return total;
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#sockets.splice(0)) {
      socket.removeAllListeners('close');
      socket.end();
    }
  }

  #add(socket: TLSSocket): void {
    let sentAt = 0;
    let expected = '';
    const send = () => {
      const request = this.#isOver ? null : this.#source.next();
      if (request === null) return this.#rest();
      expected = this.#source.expected();
      sentAt = performance.now();
      socket.write(request, 'latin1');
    };
    const reader = new ResponseReader((status, data, start, end) => {
      this.#check(status, data.subarray(start, end), expected);
      this.#requests += 1;
      if (!this.#isOver) this.#requestsInSlice += 1;
      this.#latencies.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)));
      send();
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed a connection')));
    this.#sockets.push(socket);
    this.#sendFunctions.push(send);
  }

  #check(status: number, body: Buffer, expected: string): void {
    if (status !== this.#plan.expectedStatus) throw new Error(unexpectedAnswer(status, body.toString('utf8')));
    this.#answers += 1;
    if (this.#answers % BODIES_PER_CHECK === 1 && !body.includes(expected, 0, 'latin1')) {
      throw new Error('an answer belongs to another request than the one sent');
    }
  }

  #rest(): void {
    this.#resting += 1;
    if (this.#resting === this.#sockets.length) this.#slice.resolve();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#slice.reject(error);
  }
}

function openConnection(plan: LanePlan): Promise<TLSSocket> {
  const opened = Promise.withResolvers<TLSSocket>();
  const socket = connect({
    host: '127.0.0.1',
    port: plan.port,
    servername: plan.servername,
    ca: plan.authority,
    minVersion: 'TLSv1.3',
  });
  const abandon = setTimeout(() => socket.destroy(new Error('connecting takes too long')), CONNECT_TIMEOUT_MS);
  socket.once('error', opened.reject);
  socket.once('secureConnect', () => {
    clearTimeout(abandon);
    socket.removeListener('error', opened.reject);
    socket.setNoDelay(true);
    opened.resolve(socket);
  });
  return opened.promise;
}

/** Names the status and the error code only: the rest of a body is nobody's business in a log. */
function unexpectedAnswer(status: number, body: string): string {
  const code = /"code" *: *"([^"]{1,80})"/.exec(body)?.[1] ?? 'no error code';
  return `unexpected answer with status ${status} (${code})`;
}
