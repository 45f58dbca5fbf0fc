import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Session } from '../store/port.ts';
import type { AuditBatchTable } from '../store/schema.ts';
import { statement } from '../store/statement.ts';

const allChains = statement<object, { chain: string; sequence: number; hash: string; mac: string }>((db) =>
  db.selectFrom('audit_heads').selectAll().orderBy('chain'),
);
const batchesAfter = statement<{ chain: string; after: number; limit: number }, AuditBatchTable>((db, p) =>
  db
    .selectFrom('audit_batches')
    .selectAll()
    .where('chain', '=', p('chain'))
    .where('first_sequence', '>', p('after'))
    .orderBy('first_sequence')
    .limit(p('limit')),
);
const batchFrom = statement<{ chain: string; from: number }, { first_sequence: number; last_time: number }>((db, p) =>
  db
    .selectFrom('audit_batches')
    .select(['first_sequence', 'last_time'])
    .where('chain', '=', p('chain'))
    .where('first_sequence', '>=', p('from'))
    .orderBy('first_sequence')
    .limit(1),
);
const batchesAround = statement<{ chain: string; from: number; to: number; time: number }, { records: Uint8Array }>(
  (db, p) =>
    db
      .selectFrom('audit_batches')
      .select('records')
      .where('chain', '=', p('chain'))
      .where('first_sequence', '>=', p('from'))
      .where('first_sequence', '<=', p('to'))
      .where('first_time', '<=', p('time'))
      .where('last_time', '>=', p('time')),
);
/** Longer than any request lasts: batches are in the order of their ends, requests are looked for by their beginning. */
const SLACK_MS = 60_000;
const PAGE = 200;
/** Where other requests are served meanwhile, which a page makes wait. */
const SMALL_PAGE = 20;
const LEAST_TO_PACK = 4096;
const LEAST_FOR_ALL_TABLES = 20_000;
const PLAIN = 0;
const PACKED = 1;

/** The heads of all chains: one a node. */
export function readHeads(session: Session) {
  return allChains.all(session, {});
}

/** A batch with its records as text, one a line. */
export interface AuditBatch extends Omit<AuditBatchTable, 'records'> {
  readonly records: string;
  /** False where the stored bytes cannot be unpacked; the records are the empty text then. */
  readonly isReadable: boolean;
}

/** Every batch of a chain in its order, a page at a time; those whose first record comes after `start`. */
export async function* readBatches(
  session: Session,
  chain: string,
  start = 0,
  limit = PAGE,
): AsyncGenerator<AuditBatch> {
  let after = start;
  for (;;) {
    const page = await batchesAfter.all(session, { chain, after, limit });
    for (const batch of page) {
      const records = readable(batch.records);
      yield { ...batch, records: records ?? '', isReadable: records !== null };
    }
    if (page.length < limit) return;
    after = page[page.length - 1]!.first_sequence;
  }
}

/** Every batch of every chain that may hold requests since `time`, each chain in its order, a page at a time. */
export async function* readBatchesSince(session: Session, time: number): AsyncGenerator<AuditBatch> {
  for (const { chain, sequence } of await readHeads(session)) {
    const first = await firstBatchSince(session, chain, sequence, time);
    yield* readBatches(session, chain, first - 1, SMALL_PAGE);
  }
}

/**
 * The record of a request, or null. Found by halving: an index by time would cost every request more than it saves here.
 * @param time when the request arrived, in milliseconds since the Unix epoch, as its id tells
 */
export async function findRecord(session: Session, requestId: string, time: number): Promise<string | null> {
  const mark = `"correlationId":"${requestId.toLowerCase()}"`;
  const lineIn = (records: string) => records.split('\n').find((text) => text.includes(mark));
  const heads = await readHeads(session);
  for (const { chain, sequence } of heads) {
    const from = await firstBatchSince(session, chain, sequence, time - SLACK_MS);
    const to = await firstBatchSince(session, chain, sequence, time + SLACK_MS);
    for (const { records } of await batchesAround.all(session, { chain, from, to, time })) {
      const line = lineIn(readable(records) ?? '');
      if (line) return line;
    }
  }
  // A clock that was set back while records were written leads the halving astray: then every record is looked at.
  for (const { chain } of heads) {
    for await (const { records } of readBatches(session, chain)) {
      const line = lineIn(records);
      if (line) return line;
    }
  }
  return null;
}

/**
 * Records as they are stored: a byte that says how, then the text. A line is a kilobyte and much like the one before it, so
 * packing several saves nine tenths of the writing; one or two are stored as they are, since packing costs more than it saves.
 */
export function packRecords(records: string): Buffer {
  if (records.length < LEAST_TO_PACK) return Buffer.concat([Buffer.of(PLAIN), Buffer.from(records)]);
  // Up to there a small window and few tables are quicker: setting up the usual 256 KiB takes longer than the packing itself.
  const options = records.length < LEAST_FOR_ALL_TABLES ? { level: 1, windowBits: 13, memLevel: 5 } : { level: 1 };
  return Buffer.concat([Buffer.of(PACKED), deflateRawSync(records, options)]);
}

/** The text of packed records, or null where they are damaged. */
function readable(packed: Uint8Array): string | null {
  try {
    return unpackRecords(packed);
  } catch {
    return null;
  }
}

/** The text that {@link packRecords} packed. */
export function unpackRecords(stored: Uint8Array): string {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset + 1, stored.byteLength - 1);
  return (stored[0] === PLAIN ? bytes : inflateRawSync(bytes)).toString('utf8');
}

/** The first sequence number of the first batch that holds a request as late as `time`; the end of the chain where none does. */
async function firstBatchSince(session: Session, chain: string, end: number, time: number): Promise<number> {
  let low = 1;
  let high = end;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const batch = await batchFrom.first(session, { chain, from: middle });
    if (!batch || batch.last_time >= time) high = middle;
    else low = Math.max(batch.first_sequence, middle) + 1;
  }
  return low;
}
