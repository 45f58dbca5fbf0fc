import { setTimeout as pause } from 'node:timers/promises';
import { call, getToken, resources } from './http.ts';
import type { TestServer } from './server.ts';

const V = 'api-version=7.6';

/** Clients that read, write, list, sign and verify without a pause, and note every answer that is wrong or refused. */
export interface SteadyLoad {
  /** Answers that were wrong, with what they were. */
  readonly wrong: readonly string[];
  /** How many answers were right. */
  count(): number;
  /** Milliseconds that reads of secrets took since this was asked last, the slowest last. */
  takeReadTimes(): readonly number[];
  /** Lets it work for so many more answers. */
  work(answers: number): Promise<void>;
  /** Takes new tokens, whatever the clock says now. */
  signIn(): Promise<void>;
  /** Ends it, and reads every secret once more on every node. */
  stop(): Promise<void>;
}

/** What makes a load. */
export interface LoadOptions {
  readonly secrets: number;
  readonly clients: number;
}

/** Starts a load on nodes of one installation: a client asks one node after the other. */
export async function startLoad(nodes: readonly TestServer[], { secrets, clients }: LoadOptions): Promise<SteadyLoad> {
  const wrong: string[] = [];
  const values = new Map<string, Set<string>>();
  let tokens: readonly string[] = [];
  let isOver = false;
  let answers = 0;
  let times: number[] = [];
  let next = 0;

  const signIn = async () => {
    tokens = await Promise.all(nodes.map((node) => getToken(node, resources.data)));
  };
  const ask = async (turn: number, method: string, path: string, body?: unknown) => {
    const at = turn % nodes.length;
    const target = path.includes('?') ? path : `${path}?${V}`;
    const reply = await call(nodes[at]!, { method, path: target, token: tokens[at]!, body });
    if (reply.status !== 200)
      wrong.push(`${reply.status} ${method} ${path} on node ${at}: ${reply.text.slice(0, 200)}`);
    else answers++;
    return reply;
  };
  const write = async (turn: number, name: string) => {
    const value = `value-${++next}-${'x'.repeat(200)}`;
    const known = values.get(name) ?? new Set();
    values.set(name, known.add(value));
    await ask(turn, 'PUT', `/secrets/${name}`, { value });
  };
  const read = async (turn: number, name: string) => {
    const began = performance.now();
    const { status, body } = await ask(turn, 'GET', `/secrets/${name}`);
    times.push(performance.now() - began);
    if (status === 200 && !values.get(name)!.has(body.value)) wrong.push(`a value of ${name} that nobody wrote`);
  };
  const sign = async (turn: number) => {
    const digest = Buffer.alloc(32, turn % 251).toString('base64url');
    const { status, body } = await ask(turn, 'POST', '/keys/signer/sign', { alg: 'ES256', value: digest });
    if (status !== 200) return;
    const proof = { alg: 'ES256', digest, value: body.value };
    const verified = await ask(turn + 1, 'POST', '/keys/signer/verify', proof);
    if (verified.body?.value !== true) wrong.push('a signature that does not verify');
  };
  // The link of one node is followed on the other: its token has to mean the same there.
  const list = async (turn: number) => {
    const { status, body } = await ask(turn, 'GET', `/secrets?${V}&maxresults=5`);
    if (status !== 200 || !body.nextLink) return;
    const { pathname, search } = new URL(body.nextLink);
    await ask(turn + 1, 'GET', pathname + search);
  };
  const work = async (client: number) => {
    for (let turn = client; !isOver; turn++) {
      const name = `steady-${(turn * 7 + client) % secrets}`;
      if (turn % 12 === 0) await write(turn, name);
      else if (turn % 12 === 5) await sign(turn);
      else if (turn % 12 === 9) await list(turn);
      else await read(turn, name);
    }
  };

  await signIn();
  for (let index = 0; index < secrets; index++) await write(index, `steady-${index}`);
  await ask(0, 'POST', '/keys/signer/create', { kty: 'EC' });
  const working = Array.from({ length: clients }, (_, client) =>
    work(client).catch((error: Error) => void wrong.push(`no answer: ${error.message}`)),
  );
  return {
    wrong,
    count: () => answers,
    takeReadTimes: () => {
      const taken = times.toSorted((a, b) => a - b);
      times = [];
      return taken;
    },
    work: async (more) => {
      const until = answers + more;
      while (answers < until && wrong.length === 0) await pause(2);
    },
    signIn,
    stop: async () => {
      isOver = true;
      await Promise.all(working);
      await signIn();
      for (const turn of nodes.keys()) for (const name of values.keys()) await read(turn, name);
    },
  };
}

/** The time that 99 of 100 do not exceed; the list in its order. */
export function p99(times: readonly number[]): number {
  return times[Math.floor(times.length * 0.99)] ?? 0;
}
