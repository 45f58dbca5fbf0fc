import assert from 'node:assert/strict';
import { type ContractFiles, isObject, type JsonObject } from './contract-files.ts';

/** One request that an official client really sent, as the contract recorded it. */
export interface Recording {
  /** The client's step it belongs to; empty where the file names none. */
  readonly step: string;
  readonly method: string;
  readonly host: string;
  readonly url: string;
  readonly authorized: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Form text, JSON value, or undefined. */
  readonly body: unknown;
}

/** The requests of `recorded/{name}`, in the order in which they were sent. */
export function readRecordings(files: ContractFiles, prefix: string): readonly Recording[] {
  const name = files.list('recorded').find((file) => file.startsWith(prefix));
  if (!name) throw new Error(`The contract has no recording that begins with ${prefix}.`);
  const entries = files.loadArray(`recorded/${name}`);
  let step = '';
  const recordings: Recording[] = [];
  for (const entry of entries.filter(isObject)) {
    if (typeof entry['step'] === 'string') step = entry['step'];
    else recordings.push({ step, ...requestOf(entry) });
  }
  return recordings;
}

function requestOf(entry: JsonObject): Omit<Recording, 'step'> {
  const headers = isObject(entry['headers']) ? entry['headers'] : {};
  return {
    method: String(entry['method']),
    host: String(entry['host']),
    url: String(entry['url']),
    authorized: entry['authorized'] === true,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    body: entry['body'],
  };
}

/** Takes recordings out one by one, so that the end of a suite can tell which ones nobody sent. */
export class Deck {
  readonly #left: Recording[];

  constructor(recordings: readonly Recording[]) {
    this.#left = [...recordings];
  }

  /** The next recording of a step, of a method and a path that begins with a text. */
  take(method: string, start: string, step?: string): Recording {
    const found = this.#left.findIndex(
      (one) => one.method === method && one.url.startsWith(start) && (step === undefined || one.step === step),
    );
    assert.ok(found >= 0, `no recording of ${method} ${start} ${step ?? ''} is left`);
    return this.#left.splice(found, 1)[0]!;
  }

  /** The next recording of a step. */
  step(name: string): Recording {
    return this.take(this.#left.find(({ step }) => step === name)?.method ?? '(none)', '', name);
  }

  rest(): readonly Recording[] {
    return this.#left;
  }
}
