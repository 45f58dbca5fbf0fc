import type { Session, Transaction } from '../store/port.ts';
import { statement } from '../store/statement.ts';

const NAME = 'clock-ahead';

const readAheadRow = statement<object, { value: string }>((db) =>
  db.selectFrom('meta').select('value').where('name', '=', NAME),
);
const writeAheadRow = statement<{ value: string }>((db, p) =>
  db
    .insertInto('meta')
    .values({ name: NAME, value: p('value') })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: p('value') })),
);

/** By how many milliseconds the clock of this data is ahead of the machine's; 0 where it never was moved. */
export async function readAhead(session: Session): Promise<number> {
  const row = await readAheadRow.first(session, {});
  return row ? Number(row.value) : 0;
}

/** Keeps by how many milliseconds it is ahead. */
export async function writeAhead(transaction: Transaction, ahead: number): Promise<void> {
  await writeAheadRow.change(transaction, { value: String(ahead) });
}
