import { foldName } from '../base/ids.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { movedSettings } from '../resources/carry-settings.ts';
import { assertUnlocked } from '../resources/lock-guard.ts';
import { actorOf, requireFreeName, requireGroup, requireVault } from '../resources/lookup.ts';
import { vaultScope } from '../resources/scopes.ts';
import { createVault } from '../resources/service.ts';
import type { Vault } from '../resources/vault.ts';
import { readVault } from '../resources/vault-directory.ts';
import type { Session } from '../store/port.ts';
import type { Carrier, MoveOptions, Prepared } from './carrier.ts';
import { carriersOf } from './carriers.ts';
import { type Difference, differences, type Outcome, settleOne } from './carry-over.ts';
import {
  findOpenMove,
  isClosedBy,
  type OpenMove,
  requireMovedVault,
  requireOpenMove,
  requireSameMove,
} from './ends.ts';
import { moveBody } from './move-body.ts';
import { type MoveOrder, readMoveOrder } from './order.ts';
import type { MovingParts } from './parts.ts';
import { findMoveTo, markMove, storeMove } from './repository.ts';
import { beside, requireCarryingRights, vaultActions } from './rights.ts';

/** How much one transaction carries: others wait for it. */
const MAX_ITEMS = 50;
const MAX_ROWS = 200;
/** How often a transaction is run again before it is made shorter, or put off. */
const MAX_RUNS = 3;
/** Conflicts that are told one by one. */
const MAX_NAMED = 100;

/** What a pass over everything has done. */
export interface Tally {
  carried: number;
  removed: number;
  /** Changed in both vaults since it was carried. */
  readonly conflicts: string[];
  /** Written by other nodes so often that it was put off. */
  readonly behind: string[];
}

/**
 * Makes the new vault and carries everything to it; once more, it carries what changed since. The old vault is only read. Each step
 * is whole; after a fall between two the same request goes on.
 * @throws Refusal `vault-move-order-invalid`, `vault-move-open`, `vault-move-target-gone`, `scope-locked`, and those of the rights,
 *   the new name, the group and the keys
 */
export async function applyMove(parts: MovingParts, call: Call): Promise<Answer> {
  const order = readMoveOrder(call);
  const vault = await requireMovedVault(parts.store.reader, call);
  await requireCarryingRights(parts, call, vault, order.to);
  const open = await openOrBegin(parts, call, vault, order);
  const tally = await carryOver(parts, call, open);
  return call.commit(async (transaction) => {
    const { move, ends } = await requireSameMove(transaction, call, open.move);
    const now = parts.clock.now();
    const state = move.state === 'closing' ? move.state : 'carried';
    if (state !== 'closing') await markMove(transaction, ends.from.id, state, now);
    const body = { properties: { ...moveBody({ ...move, state, updated: now }, ends), ...tally } };
    const audit = { to: ends.to.resourceId, carried: tally.carried, conflicts: tally.conflicts.slice(0, MAX_NAMED) };
    return { status: 200, body, subject: ends.from.resourceId, audit };
  });
}

/** Carries what is not in the new vault as it is in the old, some at a time, each transaction with a record of its own. */
export async function carryOver(parts: MovingParts, call: Call, open: OpenMove): Promise<Tally> {
  const tally: Tally = { carried: 0, removed: 0, conflicts: [], behind: [] };
  let most = MAX_ITEMS;
  let batch: Difference[] = [];
  let rows = 0;
  const flush = async () => {
    most = await carryBatch(parts, call, open, batch, { tally, most });
    batch = [];
    rows = 0;
  };
  for await (const difference of differences(parts.store.reader, open.ends, carriersOf(parts))) {
    batch.push(difference);
    rows += difference.size;
    if (batch.length >= most || rows >= MAX_ROWS) await flush();
  }
  if (batch.length > 0) await flush();
  return tally;
}

/** A transaction that other nodes do not let through: shorter ones come through, and what is written without a pause waits. */
class Contended extends Error {}

/** Carries a batch, in shorter transactions where other nodes write without a pause. @returns how many items come through at once */
async function carryBatch(
  parts: MovingParts,
  call: Call,
  open: OpenMove,
  batch: readonly Difference[],
  { tally, most }: { readonly tally: Tally; readonly most: number },
): Promise<number> {
  try {
    await carryAtOnce(parts, call, open, batch, tally);
    return most;
  } catch (error) {
    if (!(error instanceof Contended)) throw error;
    if (batch.length === 1) {
      tally.behind.push(batch[0]!.name);
      return most;
    }
    let fewer = Math.ceil(batch.length / 8);
    for (let start = 0; start < batch.length; ) {
      const part = batch.slice(start, start + fewer);
      fewer = await carryBatch(parts, call, open, part, { tally, most: fewer });
      start += part.length;
    }
    return fewer;
  }
}

async function carryAtOnce(
  parts: MovingParts,
  call: Call,
  open: OpenMove,
  batch: readonly Difference[],
  tally: Tally,
): Promise<void> {
  const prepared: (Prepared | null)[] = [];
  let outcomes: Outcome[] = [];
  let runs = 0;
  try {
    for (const { carrier, key } of batch) {
      prepared.push((await carrier.prepare?.(parts.store.reader, open.ends, key)) ?? null);
    }
    await call.commitStep('carry', async (transaction) => {
      const { move, ends } = await requireSameMove(transaction, call, open.move);
      // Nobody writes to a vault that is closed: there it comes through in the end. So must what the rest waits for.
      const mustPass = batch.length === 1 && (isClosedBy(move, ends.from) || batch[0]!.carrier.isAccess);
      if (++runs > MAX_RUNS && !mustPass) throw new Contended();
      const now = parts.clock.now();
      outcomes = [];
      for (const [index, difference] of batch.entries()) {
        outcomes.push(await settleOne(transaction, ends, difference, { now, prepared: prepared[index]! }));
      }
      const done = (outcome: Outcome) => batch.filter((_, at) => outcomes[at] === outcome).map(({ name }) => name);
      const audit = { to: ends.to.resourceId, carried: done('carried'), removed: done('removed') };
      return { status: 200, subject: ends.to.resourceId, audit };
    });
  } finally {
    for (const one of prepared) one?.dispose();
  }
  for (const [index, { name }] of batch.entries()) {
    if (outcomes[index] === 'carried') tally.carried += 1;
    if (outcomes[index] === 'removed') tally.removed += 1;
    if (outcomes[index] === 'conflict') tally.conflicts.push(name);
    if (outcomes[index] === 'behind') tally.behind.push(name);
  }
}

async function openOrBegin(parts: MovingParts, call: Call, vault: Vault, order: MoveOrder): Promise<OpenMove> {
  const { reader } = parts.store;
  const open = await findOpenMove(reader, vault);
  if (!open) return begin(parts, call, vault, order);
  const to = await readVault(reader, open.targetId);
  const isSame = to?.nameKey === foldName(order.to) && sameOptions(open.options, order.options);
  if (!isSame) {
    const facts = { vault: vault.name, target: to?.name ?? '', options: optionsText(open.options) };
    throw new Refusal('vault-move-open', facts);
  }
  return requireOpenMove(reader, call);
}

async function begin(parts: MovingParts, call: Call, vault: Vault, order: MoveOrder): Promise<OpenMove> {
  const { to: name, options } = order;
  const { reader } = parts.store;
  await requireFreeName(reader, name);
  await checkCarriers(reader, carriersOf(parts), vault, options);
  let open: OpenMove | null = null;
  await call.commitStep('begin', async (transaction) => {
    const from = await requireVault(transaction, call);
    const group = await requireGroup(transaction, call);
    await assertUnlocked(transaction, vaultActions.write, vaultScope(beside(call, name).parameters));
    await requireFreeName(transaction, name);
    const other = (await findMoveTo(transaction, from.id)) ?? (await findOpenMove(transaction, from));
    if (other && other.state !== 'finished') {
      throw new Refusal('vault-move-open', { vault: from.name, target: '', options: optionsText(other.options) });
    }
    const now = parts.clock.now();
    const to = await createVault(transaction, parts, {
      tenantId: from.tenantId,
      subscriptionId: group.subscriptionId,
      group: group.name,
      name,
      location: from.location,
      settings: movedSettings(from.settings, options),
      tags: from.tags,
      by: actorOf(call),
    });
    const by = { created: now, updated: now, createdBy: callerOf(call).oid };
    const move = { vaultId: from.id, targetId: to.id, state: 'carrying' as const, options, ...by };
    await storeMove(transaction, move);
    open = { move, ends: { from, to, options } };
    return { status: 200, subject: to.resourceId, audit: { from: from.resourceId, ...options } };
  });
  return open!;
}

/** Refuses before anything is made what every item of some kind would be refused for. */
export async function checkCarriers(
  session: Session,
  carriers: readonly Carrier[],
  from: Vault,
  options: MoveOptions,
): Promise<void> {
  // The new vault as it will be, as far as rules ask for it.
  const to = { ...from, settings: movedSettings(from.settings, options) };
  for (const { check } of carriers) await check?.(session, { from, to, options });
}

function sameOptions(a: MoveOptions, b: MoveOptions): boolean {
  return optionsText(a) === optionsText(b);
}

function optionsText({ sku, keys, purgeProtection }: MoveOptions): string {
  return `${sku}, keys ${keys}${purgeProtection ? ', with purge protection' : ''}`;
}
