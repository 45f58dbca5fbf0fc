import { setImmediate } from 'node:timers/promises';
import type { Session, Transaction } from '../store/port.ts';
import type { Carrier, ItemState, MoveEnds, Prepared } from './carrier.ts';
import { type CarriedItem, deleteItem, findItem, itemsUpTo, listItems, storeItem } from './repository.ts';

/** Something that is not in the new vault as it is in the old. */
export interface Difference {
  readonly carrier: Carrier;
  readonly key: string;
  readonly name: string;
  /** Rows that a transaction writes for it. */
  readonly size: number;
}

/** What became of a difference: `behind` was not done, since it takes what a transaction cannot make. */
export type Outcome = 'carried' | 'removed' | 'same' | 'conflict' | 'behind';

const PAGE = 100;
/** The state of an item that is gone while its copy had to stay. */
const GONE = 'gone';

/** Goes through everything that is carried and gives what was added, changed or removed since it was carried last. */
export async function* differences(
  session: Session,
  ends: MoveEnds,
  carriers: readonly Carrier[],
): AsyncGenerator<Difference> {
  for (const carrier of carriers) yield* differencesOf(session, ends, carrier);
}

async function* differencesOf(session: Session, ends: MoveEnds, carrier: Carrier): AsyncGenerator<Difference> {
  const { kind } = carrier;
  const vaultId = ends.from.id;
  let after = '';
  for (;;) {
    const page = await carrier.page(session, ends, after, PAGE);
    const last = page[page.length - 1];
    if (!last) break;
    const known = await itemsUpTo(session, { vaultId, kind, after, to: last.key });
    for (const { key, name, digest, size } of page) {
      if (known.get(key)?.source !== digest) yield { carrier, key, name, size };
      known.delete(key);
    }
    yield* gone(carrier, known.values());
    after = last.key;
    // Other requests come first.
    await setImmediate();
  }
  for (;;) {
    const items = await listItems(session, { vaultId, kind, after, limit: PAGE });
    yield* gone(carrier, items);
    if (items.length < PAGE) return;
    after = items[items.length - 1]!.key;
  }
}

/** Items of which the old vault has nothing any more. */
function* gone(carrier: Carrier, items: Iterable<CarriedItem>): Generator<Difference> {
  for (const { key, source } of items) {
    if (source !== GONE) yield { carrier, key, name: `${carrier.kind} ${key}`, size: 1 };
  }
}

/**
 * Makes the copy of one item like the item, unless somebody has changed the copy since it was made: then it is left as it is. What
 * stands there already and is just as the copy would be counts as the copy; one that was purged is made again.
 */
export async function settleOne(
  transaction: Transaction,
  ends: MoveEnds,
  { carrier, key }: Difference,
  { now, prepared }: { readonly now: number; readonly prepared: Prepared | null },
): Promise<Outcome> {
  const { kind } = carrier;
  const vaultId = ends.from.id;
  const item = await findItem(transaction, vaultId, kind, key);
  const state = await carrier.find(transaction, ends, key);
  if (item && state?.digest === item.source) return 'same';
  const copy = await carrier.findCopy(transaction, ends, key, item?.made ?? null);
  const isOurs = !copy || copy.digest === item?.digest;
  if (!state) {
    if (!item) return 'same';
    if (!isOurs) return 'conflict';
    if (copy) await carrier.removeCopy(transaction, ends, key, now, item.made);
    const left = await carrier.findCopy(transaction, ends, key, item.made);
    if (left) await storeItem(transaction, vaultId, kind, { ...left, key, source: GONE });
    else await deleteItem(transaction, vaultId, kind, key);
    return 'removed';
  }
  if (!isOurs) {
    if (copy.digest !== state.digest) return 'conflict';
    await storeItem(transaction, vaultId, kind, { ...copy, key, source: state.digest });
    return 'same';
  }
  const made = await carrier.carry(transaction, ends, key, { now, prepared, before: item && copy });
  if (!made) return 'behind';
  await storeItem(transaction, vaultId, kind, { ...made, key, source: state.digest });
  return 'carried';
}

/** What is in the new vault and was put there, or changed there, by somebody else than the move. */
export async function changedCopies(
  session: Session,
  ends: MoveEnds,
  carriers: readonly Carrier[],
  most: number,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { kind, pageOfCopies } of carriers) {
    if (!pageOfCopies) continue;
    for (let after = ''; found.length < most; ) {
      const page: readonly ItemState[] = await pageOfCopies(session, ends, after, PAGE);
      const last = page[page.length - 1];
      if (!last) break;
      const known = await itemsUpTo(session, { vaultId: ends.from.id, kind, after, to: last.key });
      for (const { key, name, digest } of page) if (known.get(key)?.digest !== digest) found.push(name);
      after = last.key;
    }
  }
  return found.slice(0, most);
}
