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
const batchesBetween = statement<{ from: number; to: number }, { records: string }>((db, p) =>
  db
    .selectFrom('audit_batches')
    .select('records')
    .where('last_time', '>=', p('from'))
    .where('first_time', '<=', p('to'))
    .orderBy('last_time'),
);
const PAGE = 200;

/** The heads of all chains: one a node. */
export function readHeads(session: Session) {
  return allChains.all(session, {});
}

/** Every batch of a chain in its order, a page at a time. */
export async function* readBatches(session: Session, chain: string): AsyncGenerator<AuditBatchTable> {
  let after = 0;
  for (;;) {
    const page = await batchesAfter.all(session, { chain, after, limit: PAGE });
    yield* page;
    if (page.length < PAGE) return;
    after = page[page.length - 1]!.first_sequence;
  }
}

/**
 * The record of a request, or null.
 * @param time when the request arrived, in milliseconds since the Unix epoch, as its id tells
 */
export async function findRecord(session: Session, requestId: string, time: number): Promise<string | null> {
  const mark = `"correlationId":"${requestId.toLowerCase()}"`;
  for (const { records } of await batchesBetween.all(session, { from: time, to: time })) {
    const line = records.split('\n').find((text) => text.includes(mark));
    if (line) return line;
  }
  return null;
}
