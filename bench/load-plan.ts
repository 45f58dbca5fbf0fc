import type { RequestFrame, Workload } from './workload.ts';

/** One lane of the load generator: a set of kept-alive connections to one server and what they ask for. */
export interface LanePlan {
  /** Port on 127.0.0.1. */
  readonly port: number;
  /** Name asked for in TLS, checked against the certificate. */
  readonly servername: string;
  /** PEM of the authority that the server's certificate must chain to. */
  readonly authority: string;
  /** Connections, each with one request in flight; at least 1. */
  readonly connections: number;
  /** Process whose processor time is counted. */
  readonly serverPid: number;
  /** Status that every answer must have; another one fails the run. */
  readonly expectedStatus: number;
  readonly frame: RequestFrame;
  readonly workload: Workload;
}

/** What one lane did in one slice of time; all of its connections were idle before and after. */
export interface Slice {
  /** Answers inside the time asked for; those that were still under way at its end are in the lane's total only. */
  readonly requests: number;
  readonly seconds: number;
}

/** All slices of a lane since it was opened or last asked. */
export interface LaneTotal {
  /** Every answer, those after the end of a slice too. */
  readonly requests: number;
  /** Latencies in milliseconds, exact to 0.1 %. */
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  readonly maxMilliseconds: number;
  /** Processor time of the server from the first slice to now, all threads, idle time between slices included. */
  readonly serverMicroseconds: number;
  /** Processor time of the generator during this lane's slices. */
  readonly generatorMicroseconds: number;
}

/** What the load process is told; it answers each order before it takes the next. */
export type LoadOrder =
  | { readonly kind: 'open'; readonly lane: number; readonly plan: LanePlan }
  /** Null runs until the workload is exhausted. */
  | { readonly kind: 'run'; readonly lane: number; readonly milliseconds: number | null }
  /** Asks for the total and begins a new one. */
  | { readonly kind: 'total'; readonly lane: number }
  | { readonly kind: 'close'; readonly lane: number };

/** The answer to an order: nothing, a `Slice` or a `LaneTotal` by its kind, or why the run failed. */
export type LoadAnswer = { readonly result: Slice | LaneTotal | null } | { readonly failure: string };
