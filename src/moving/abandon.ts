import { narrowRoles } from '../access/carry.ts';
import { MAX_REPLAY_DAYS } from '../access/move/replay.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { purgeVault } from '../recovery/purge-vault.ts';
import { Refusal } from '../refusals/refusal.ts';
import { reopenVault } from '../resources/carry-settings.ts';
import { assertDeletable } from '../resources/lock-guard.ts';
import type { Session } from '../store/port.ts';
import type { MoveEnds } from './carrier.ts';
import { carriersOf } from './carriers.ts';
import { changedCopies } from './carry-over.ts';
import { clientsOf } from './clients.ts';
import { type OpenMove, requireAnyMove } from './ends.ts';
import { moveBody } from './move-body.ts';
import { readEndOrder } from './order.ts';
import type { MovingParts } from './parts.ts';
import { requireRemovalRights } from './rights.ts';

const MAX_NAMED = 20;

/**
 * Gives a move up: the new vault is purged with all that was carried to it; the old one is as it was. A new vault that clients have
 * called, or that holds something else than what was carried, goes only where that is said.
 * @throws Refusal `vault-move-none`, `vault-move-used`, `vault-purge-protected`, `scope-locked`, and those of the rights
 */
export async function abandonMove(parts: MovingParts, call: Call): Promise<Answer> {
  const { acceptLosses } = readEndOrder(call);
  const { ends: found } = await requireAbandonable(parts.store.reader, call);
  const { from, to } = found;
  const time = { now: parts.clock.now(), days: MAX_REPLAY_DAYS };
  const { clients } = await clientsOf(parts, to, time);
  const callers = clients.map(({ name, principalId }) => `called by ${name ?? ''} (${principalId})`);
  const isUsed = callers.length > 0 || (await changesIn(parts, parts.store.reader, found)).length > 0;
  await requireRemovalRights(parts, call, to.name, isUsed);
  return call.commit(async (transaction) => {
    const { move, ends } = await requireAbandonable(transaction, call);
    if (ends.to.id !== to.id) throw new Refusal('vault-move-none', { vault: from.name });
    const uses = [...callers, ...(await changesIn(parts, transaction, ends))];
    // Used since the rights were asked for: purging takes another right then.
    if (uses.length > 0 && !(acceptLosses && isUsed)) {
      throw new Refusal('vault-move-used', { vault: from.name, target: to.name, uses: uses.slice(0, MAX_NAMED) });
    }
    await assertDeletable(transaction, to.resourceId);
    // A move that fell while it was ended has closed the old vault.
    await reopenVault(transaction, ends.from);
    await narrowRoles(transaction, ends.to);
    await purgeVault(transaction, parts.keyring, ends.to);
    const body = { properties: { ...moveBody(move, ends), state: 'abandoned', lost: uses } };
    const audit = { purged: to.resourceId, lost: uses.slice(0, MAX_NAMED) };
    return { status: 200, body, subject: from.resourceId, audit };
  });
}

/** A new vault that was deleted meanwhile can be given up too. */
async function requireAbandonable(session: Session, call: Call): Promise<OpenMove> {
  const open = await requireAnyMove(session, call);
  const { to } = open.ends;
  if (to.settings.enablePurgeProtection) {
    const facts = { name: to.name, purge: '(never before its retention ends)', location: to.location };
    throw new Refusal('vault-purge-protected', { ...facts, allowed: ['GET'] });
  }
  return open;
}

async function changesIn(parts: MovingParts, session: Session, ends: MoveEnds): Promise<readonly string[]> {
  const changed = await changedCopies(session, ends, carriersOf(parts), MAX_NAMED);
  return changed.map((name) => `${name} was changed in it`);
}
