import { appendFileSync } from 'node:fs';

interface Event {
  readonly type: string;
  readonly data: {
    readonly file?: string;
    readonly counts?: { passed: number; failed: number; cancelled: number; skipped: number; todo: number };
  };
}

/** A reporter that appends the final counts of a run, as one line of JSON, to the file STRONGROOM_TEST_COUNTS names. */
export default async function* count(source: AsyncIterable<Event>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type === 'test:summary' && data.file === undefined && data.counts) {
      appendFileSync(process.env['STRONGROOM_TEST_COUNTS']!, `${JSON.stringify(data.counts)}\n`);
    }
  }
  yield '';
}
