import type { LaneTotal, Slice } from './load-plan.ts';
import type { Lane } from './load-process.ts';
import { quartiles } from './statistics.ts';

/** Figures of one side of a comparison. */
export interface Side extends LaneTotal {
  readonly requestsPerSecond: number;
  /** Processor time of the server per request, all threads, in microseconds. */
  readonly serverMicrosecondsPerRequest: number;
  /** Processor time over the time of the slices: 1 is one processor fully used. */
  readonly serverLoad: number;
  readonly generatorLoad: number;
}

/** A ratio of two rates. */
export interface Ratio {
  /** All of one side over all of the other. */
  readonly value: number;
  /** A quarter of the neighbouring pairs of slices lies below, a quarter above. */
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
}

/** Two servers measured next to each other. */
export interface Comparison {
  readonly a: Side;
  readonly b: Side;
  /** Rate of `a` over rate of `b`. */
  readonly rateRatio: Ratio;
  /** Processor time per request of `a` over that of `b`. */
  readonly costRatio: number;
}

/** How long a comparison takes: so many slices on each side, after a warm-up of each. */
export interface SliceSettings {
  readonly slices: number;
  readonly sliceMilliseconds: number;
  /** Requests before counting begins: V8 optimises by how often code ran, not by how long. */
  readonly warmupRequests: number;
}

const WARMUP_LIMIT_MS = 60_000;

/**
 * Loads until each lane has had so many requests, for 60 seconds at most, and forgets the figures. In turns, for a server
 * closes connections that it hears nothing from.
 */
export async function warmUp(lanes: readonly Lane[], settings: SliceSettings): Promise<void> {
  const startedAt = performance.now();
  let fewest = 0;
  const requests = lanes.map(() => 0);
  while (fewest < settings.warmupRequests && performance.now() - startedAt < WARMUP_LIMIT_MS) {
    for (const [i, lane] of lanes.entries()) {
      requests[i] = (requests[i] ?? 0) + (await lane.run(settings.sliceMilliseconds)).requests;
    }
    fewest = Math.min(...requests);
  }
  for (const lane of lanes) await lane.total();
}

/**
 * Measures two things in turn, slice by slice, each pair in the other order: on a shared machine speed wanders by tens of
 * per cent within seconds, and only neighbours can be compared.
 */
export async function interleave<A, B>(
  slices: number,
  measureA: () => Promise<A>,
  measureB: () => Promise<B>,
): Promise<Array<{ readonly a: A; readonly b: B }>> {
  const pairs: Array<{ a: A; b: B }> = [];
  for (let slice = 0; slice < slices; slice += 1) {
    if (slice % 2 === 0) {
      const a = await measureA();
      pairs.push({ a, b: await measureB() });
    } else {
      const b = await measureB();
      pairs.push({ a: await measureA(), b });
    }
  }
  return pairs;
}

/** The ratio of two rates that were measured slice by slice. */
export function ratioOf(pairs: ReadonlyArray<{ readonly a: Slice; readonly b: Slice }>): Ratio {
  const [lowerQuartile, upperQuartile] = quartiles(pairs.map((pair) => rateOf(pair.a) / rateOf(pair.b)));
  const value = meanRate(pairs.map((pair) => pair.a)) / meanRate(pairs.map((pair) => pair.b));
  return { value, lowerQuartile, upperQuartile };
}

/** Compares the servers behind two lanes, and closes the lanes. */
export async function compareLanes(a: Lane, b: Lane, settings: SliceSettings): Promise<Comparison> {
  const { slices, sliceMilliseconds } = settings;
  await warmUp([a, b], settings);
  const pairs = await interleave(
    slices,
    () => a.run(sliceMilliseconds),
    () => b.run(sliceMilliseconds),
  );
  const sides = {
    a: sideOf(
      await a.total(),
      pairs.map((pair) => pair.a),
    ),
    b: sideOf(
      await b.total(),
      pairs.map((pair) => pair.b),
    ),
  };
  await a.close();
  await b.close();
  return {
    ...sides,
    rateRatio: ratioOf(pairs),
    costRatio: sides.a.serverMicrosecondsPerRequest / sides.b.serverMicrosecondsPerRequest,
  };
}

/** Requests per second over all slices. */
export function meanRate(slices: readonly Slice[]): number {
  return sumOf(slices, 'requests') / sumOf(slices, 'seconds');
}

/** Puts a lane's total and its slices together. */
export function sideOf(total: LaneTotal, slices: readonly Slice[]): Side {
  const seconds = sumOf(slices, 'seconds');
  return {
    ...total,
    requestsPerSecond: meanRate(slices),
    serverMicrosecondsPerRequest: total.serverMicroseconds / total.requests,
    serverLoad: total.serverMicroseconds / 1e6 / seconds,
    generatorLoad: total.generatorMicroseconds / 1e6 / seconds,
  };
}

function rateOf(slice: Slice): number {
  return slice.requests / slice.seconds;
}

function sumOf(slices: readonly Slice[], field: keyof Slice): number {
  return slices.reduce((sum, slice) => sum + slice[field], 0);
}
