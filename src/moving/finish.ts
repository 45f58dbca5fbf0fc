import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { closeVault, reopenVault, settleSettings } from '../resources/carry-settings.ts';
import { assertDeletable } from '../resources/lock-guard.ts';
import type { Session, Transaction } from '../store/port.ts';
import { carryOver } from './apply.ts';
import type { Carrier, LeftItem, MoveEnds } from './carrier.ts';
import { carriersOf } from './carriers.ts';
import { differences, settleOne } from './carry-over.ts';
import { isClosedBy, type OpenMove, requireOpenMove, requireSameMove } from './ends.ts';
import { moveBody } from './move-body.ts';
import { type EndOrder, readEndOrder } from './order.ts';
import type { MovingParts } from './parts.ts';
import { markMove, storeMove } from './repository.ts';
import { requireCarryingRights, requireEndingRights } from './rights.ts';

const MAX_NAMED = 20;

/**
 * Ends a move. What changed since it was applied is carried; the old vault is closed, so that nothing is written to it any more; the
 * rest is carried; and one transaction compares everything once more and ends the move: what the old vault has acknowledged is in the
 * new one. Where that cannot be, the old vault is opened again. With `keep` it is never closed, and what is written to it while the
 * move ends may be its own.
 * @throws Refusal `vault-move-none`, `vault-move-target-gone`, `vault-move-behind`, `vault-move-conflict`, `vault-move-leaves`,
 *   `scope-locked`, and those of the rights
 */
export async function finishMove(parts: MovingParts, call: Call): Promise<Answer> {
  const order = readEndOrder(call);
  const { reader } = parts.store;
  const open = await requireOpenMove(reader, call);
  const { from, to } = open.ends;
  await requireCarryingRights(parts, call, from, to.name);
  await requireEndingRights(parts, call, open.ends, order.keep);
  if (!order.keep) await assertDeletable(reader, from.resourceId);
  refuseLeft(await leftOf(reader, carriersOf(parts), open.ends), open.ends, order);
  const { carried, conflicts, behind } = await carryOver(parts, call, open);
  if (!order.acceptLosses) refuse('vault-move-conflict', open.ends, conflicts);
  if (order.keep) {
    refuse('vault-move-behind', open.ends, behind);
    return end(parts, call, open, order, carried);
  }
  await close(parts, call, open);
  try {
    const last = await carryOver(parts, call, open);
    return await end(parts, call, open, order, carried + last.carried);
  } catch (error) {
    // Nobody is to wait for a vault that is neither the one nor the other.
    const isBusy = (error as { code?: unknown }).code === 'store-busy';
    if (error instanceof Refusal || isBusy) await reopen(parts, call, open);
    throw error;
  }
}

/** What of a vault stays in it alone. */
export async function leftOf(
  session: Session,
  carriers: readonly Carrier[],
  ends: MoveEnds,
): Promise<readonly LeftItem[]> {
  const left: LeftItem[] = [];
  for (const carrier of carriers) left.push(...((await carrier.left?.(session, ends)) ?? []));
  return left;
}

/** A small transaction of its own: it comes through however busy the vault is, and those that come later meet a deleted vault. */
async function close(parts: MovingParts, call: Call, open: OpenMove): Promise<void> {
  await call.commitStep('close', async (transaction) => {
    const { move, ends } = await requireSameMove(transaction, call, open.move);
    const { from } = ends;
    if (!isClosedBy(move, from)) {
      const now = parts.clock.now();
      await closeVault(transaction, from, now);
      await markMove(transaction, from.id, 'closing', now);
    }
    return { status: 200, subject: from.resourceId, audit: { closed: from.resourceId } };
  });
}

async function reopen(parts: MovingParts, call: Call, open: OpenMove): Promise<void> {
  await call.commitStep('reopen', async (transaction) => {
    const { move, ends } = await requireSameMove(transaction, call, open.move);
    const { from } = ends;
    if (isClosedBy(move, from)) {
      await reopenVault(transaction, from);
      await markMove(transaction, from.id, 'carried', parts.clock.now());
    }
    return { status: 200, subject: from.resourceId, audit: { reopened: from.resourceId } };
  });
}

/**
 * The last transaction. It compares everything although the vault is closed: with several nodes, a write that began before may have
 * become durable after.
 */
async function end(
  parts: MovingParts,
  call: Call,
  open: OpenMove,
  order: EndOrder,
  carriedBefore: number,
): Promise<Answer> {
  const carriers = carriersOf(parts);
  return call.commit(async (transaction) => {
    const { move, ends } = await requireSameMove(transaction, call, open.move);
    const now = parts.clock.now();
    if (!order.keep && !isClosedBy(move, ends.from)) refuse('vault-move-behind', ends, [ends.from.name]);
    const rest = order.keep ? nothing : await carryRest(transaction, carriers, ends, now);
    refuse('vault-move-behind', ends, rest.behind);
    if (!order.acceptLosses) refuse('vault-move-conflict', ends, rest.conflicts);
    const left = await leftOf(transaction, carriers, ends);
    refuseLeft(left, ends, order);
    for (const { settle } of carriers) await settle?.(transaction, ends);
    await settleSettings(transaction, ends, now);
    const done = { ...move, state: 'finished' as const, updated: now };
    await storeMove(transaction, done);
    const carried = carriedBefore + rest.carried;
    const body = {
      properties: { ...moveBody(done, ends), carried, kept: order.keep, overruled: rest.conflicts, left },
    };
    const overruled = rest.conflicts.slice(0, MAX_NAMED);
    const audit = { to: ends.to.resourceId, carried, kept: order.keep, overruled };
    return { status: 200, body, subject: ends.from.resourceId, audit };
  });
}

interface Rest {
  carried: number;
  readonly conflicts: readonly string[];
  readonly behind: readonly string[];
}

const nothing: Rest = Object.freeze({ carried: 0, conflicts: [], behind: [] });

async function carryRest(
  transaction: Transaction,
  carriers: readonly Carrier[],
  ends: MoveEnds,
  now: number,
): Promise<Rest> {
  const named = { conflict: [] as string[], behind: [] as string[] };
  let carried = 0;
  for await (const difference of differences(transaction, ends, carriers)) {
    const outcome = await settleOne(transaction, ends, difference, { now, prepared: null });
    if (outcome === 'conflict' || outcome === 'behind') named[outcome].push(difference.name);
    else carried += 1;
  }
  return { carried, conflicts: named.conflict, behind: named.behind };
}

/** Where the old vault is deleted, what only it has must not be lost unsaid; deleted keys are as good as given up already. */
function refuseLeft(left: readonly LeftItem[], ends: MoveEnds, { keep, acceptLosses }: EndOrder): void {
  if (keep || acceptLosses) return;
  const items = left.filter(({ reason }) => reason !== 'deleted').map(({ name }) => name);
  refuse('vault-move-leaves', ends, items);
}

function refuse(
  code: 'vault-move-behind' | 'vault-move-conflict' | 'vault-move-leaves',
  { from, to }: MoveEnds,
  items: readonly string[],
): void {
  if (items.length === 0) return;
  const shown = items.slice(0, MAX_NAMED);
  throw new Refusal(code, { vault: from.name, target: to.name, count: items.length, items: shown });
}
