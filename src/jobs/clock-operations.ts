import type { Clock, Log } from '../base/ports.ts';
import { DAY, toIso } from '../base/text.ts';
import type { Caller } from '../identity/caller.ts';
import { type Answer, type ApiVersions, type Call, callerOf, type Operation } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { MovableClock } from './movable-clock.ts';
import { readAhead, writeAhead } from './repository.ts';

/** The longest way ahead of the machine's clock: 20 years. */
export const MAX_AHEAD_DAYS = 7305;
/** The api-version of the clock's two operations. */
export const CLOCK_API_VERSION = '2026-01-01';

const versions: ApiVersions = { known: [CLOCK_API_VERSION] };

/** What the clock's operations are made of. */
export interface ClockParts {
  readonly movableClock: MovableClock;
  /** The machine's own clock. */
  readonly machineClock: Clock;
  readonly log: Log;
  /** Whether the caller is an Owner of the scope or of what is above it. */
  readonly isOwner: (caller: Caller, scope: string) => Promise<boolean>;
  /** Runs every job that this node may run, to its end. */
  readonly runJobs: () => Promise<void>;
}

/** The rows of the clock: reading it, and moving it forward where the configuration lets it be moved. */
export function clockOperations(parts: ClockParts): readonly Operation[] {
  const common = {
    plane: 'management',
    path: '/subscriptions/:subscriptionId/providers/Strongroom.Development/clock',
    versions,
    throttle: 'none',
    success: [200],
  } as const;
  const need = (action: string): Operation['need'] => ({ kind: 'management', action, scope });
  return [
    {
      ...common,
      id: 'ClockGet',
      method: 'GET',
      need: need('Strongroom.Development/clock/read'),
      body: 'none',
      run: async () => ({ status: 200, body: shown(parts) }),
    },
    {
      ...common,
      id: 'ClockMove',
      method: 'POST',
      need: need('Strongroom.Development/clock/write'),
      body: 'json',
      run: (call) => moveClock(parts, call),
    },
  ];
}

function scope(parameters: Readonly<Record<string, string>>): string {
  return `/subscriptions/${parameters['subscriptionId'] ?? ''}`;
}

/**
 * Moves the clock forward, for every node, and runs what is due by then before it answers.
 * @throws Refusal `clock-fixed`, `clock-not-owner`, `clock-move-invalid`
 */
async function moveClock(parts: ClockParts, call: Call): Promise<Answer> {
  const { movableClock: clock, machineClock, log } = parts;
  if (!clock.isMovable) throw new Refusal('clock-fixed');
  const caller = callerOf(call);
  if (!(await parts.isOwner(caller, scope(call.parameters)))) throw new Refusal('clock-not-owner', { oid: caller.oid });
  const order = readOrder(call.body ?? {});
  let ahead = 0;
  let from = 0;
  const answer = await call.commit(async (transaction) => {
    const machine = machineClock.now();
    const before = await readAhead(transaction);
    from = machine + before;
    ahead = order.to === null ? before + order.advance : order.to - machine;
    if (ahead < before) throw invalid(`the clock only goes forward, and it is ${toIso(from)}`);
    if (ahead > MAX_AHEAD_DAYS * DAY) throw invalid(`it may be at most ${MAX_AHEAD_DAYS} days ahead of the machine's`);
    await writeAhead(transaction, ahead);
    transaction.touch();
    return { status: 200, audit: { from: toIso(from), to: toIso(machine + ahead) } };
  });
  clock.follow(ahead);
  log.warn('The clock was moved.', { from: toIso(from), to: toIso(clock.now()), by: caller.oid });
  await parts.runJobs();
  return { ...answer, body: shown(parts) };
}

interface MoveOrder {
  /** Milliseconds forward, where no instant is named. */
  readonly advance: number;
  /** The instant to go to. */
  readonly to: number | null;
}

function readOrder(body: Readonly<Record<string, unknown>>): MoveOrder {
  const { advanceSeconds, to } = body;
  if ((advanceSeconds === undefined) === (to === undefined)) {
    throw invalid('either advanceSeconds or to is expected');
  }
  if (to !== undefined) {
    const isInstant = typeof to === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(to);
    const instant = isInstant ? Date.parse(to) : Number.NaN;
    if (Number.isNaN(instant)) throw invalid('to is an instant such as 2030-01-31T12:00:00Z');
    return { advance: 0, to: instant };
  }
  if (!Number.isSafeInteger(advanceSeconds) || (advanceSeconds as number) < 1) {
    throw invalid('advanceSeconds is a whole number, 1 or more');
  }
  return { advance: (advanceSeconds as number) * 1000, to: null };
}

function invalid(reason: string): Refusal {
  return new Refusal('clock-move-invalid', { reason });
}

function shown({ movableClock: clock, machineClock }: ClockParts): Readonly<Record<string, unknown>> {
  return {
    now: toIso(clock.now()),
    machine: toIso(machineClock.now()),
    aheadSeconds: Math.round(clock.ahead() / 1000),
    movable: clock.isMovable,
  };
}
