import { setImmediate } from 'node:timers/promises';
import { readBatchesSince } from '../../audit/repository.ts';
import { DAY, toIso } from '../../base/text.ts';
import type { Caller } from '../../identity/caller.ts';
import { describePrincipal } from '../../identity/service.ts';
import type { Operation } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import type { Vault } from '../../resources/vault.ts';
import type { Store } from '../../store/store.ts';
import type { Access, ObjectScope } from '../authorise.ts';
import { type DataRow, type LoggedCall, LoggedCalls } from './logged-calls.ts';

/** One model to judge by: who may what, and the vault as it would be. */
export interface Judge {
  readonly access: Pick<Access, 'authoriseData'>;
  readonly vault: Vault;
}

/** A caller and an operation that worked and would be refused. */
export interface RefusedCalls {
  readonly principalId: string;
  readonly appId: string;
  readonly name: string | null;
  readonly operation: string;
  readonly calls: number;
  /** Milliseconds since the Unix epoch. */
  readonly last: number;
  /** Names of objects, at most {@link MAX_OBJECTS} of them. */
  readonly objects: readonly string[];
  readonly hasMoreObjects: boolean;
  /** The code of the refusal. */
  readonly reason: string;
}

/** The few objects that a caller touched, as `secrets/NAME`. */
export interface NarrowUse {
  readonly principalId: string;
  readonly objects: readonly string[];
}

/** What the calls of the last days would meet. */
export interface Replay {
  readonly days: number;
  /** Milliseconds since the Unix epoch. */
  readonly since: number;
  /** Calls that were let in. */
  readonly calls: number;
  /** Those that the vault's other model would refuse too, as policies or roles are now: nobody loses them by the move. */
  readonly refusedAnyway: number;
  /** Those of callers that no longer exist. */
  readonly ofGoneCallers: number;
  readonly goneCallers: readonly string[];
  readonly refused: readonly RefusedCalls[];
  /** Callers who touched a few objects alone, at most {@link MAX_OBJECTS}, and never the vault as a whole. */
  readonly narrow: readonly NarrowUse[];
  /** Calls beyond the rows of `refused`, where there are too many to list. */
  readonly unlisted: number;
  /** Batches of the log that cannot be read. */
  readonly unreadable: number;
  /** Calls of operations that this release does not have. */
  readonly unknown: number;
}

/** The longest time that may be replayed. */
export const MAX_REPLAY_DAYS = 3650;
const MAX_ROWS = 5000;
const MAX_OBJECTS = 20;
const MAX_CALLERS = 5000;
/** Some milliseconds of work. */
const CALLS_AT_A_TIME = 100;

/** What a replay needs. */
export interface ReplayParts {
  readonly store: Store;
  readonly tenantId: string;
  /** The operations of the data plane. */
  readonly dataOperations: readonly Operation[];
}

/**
 * Asks of every call that a vault let in during the last days whether it would be let in again: by `after`, and where not, by
 * `before`. Reads the log in its order, a batch at a time, and keeps what is refused alone, so that memory does not grow with it.
 * The callers are judged by the groups they are in now.
 */
export async function replayLog(
  parts: ReplayParts,
  vault: Vault,
  time: { readonly now: number; readonly days: number },
  judges: { readonly before: Judge; readonly after: Judge },
): Promise<Replay> {
  const since = Math.max(time.now - time.days * DAY, vault.created);
  const tally = new Tally(parts, judges);
  const logged = new LoggedCalls(parts.dataOperations, vault, since);
  let unreadable = 0;
  for await (const batch of readBatchesSince(parts.store.reader, since)) {
    if (!batch.isReadable) unreadable += 1;
    let judged = 0;
    for (const call of logged.of(batch.records)) {
      await tally.judge(call);
      // Other requests come first: nothing waits for a replay.
      if (++judged % CALLS_AT_A_TIME === 0) await setImmediate();
    }
    await setImmediate();
  }
  return { days: time.days, since, ...tally.result(), unreadable, unknown: logged.unknown };
}

interface Row {
  readonly first: LoggedCall;
  readonly name: string;
  readonly reason: string;
  readonly objects: Set<string>;
  hasMoreObjects: boolean;
  calls: number;
  last: number;
}

class Tally {
  readonly #parts: ReplayParts;
  readonly #judges: { readonly before: Judge; readonly after: Judge };
  readonly #callers = new Map<string, Caller | null>();
  readonly #rows = new Map<string, Row>();
  readonly #gone = new Set<string>();
  /** By object id; null for who touched more than a few. */
  readonly #objects = new Map<string, Set<string> | null>();
  #calls = 0;
  #refusedAnyway = 0;
  #ofGoneCallers = 0;
  #unlisted = 0;

  constructor(parts: ReplayParts, judges: { readonly before: Judge; readonly after: Judge }) {
    this.#parts = parts;
    this.#judges = judges;
  }

  async judge(call: LoggedCall): Promise<void> {
    this.#calls += 1;
    const caller = await this.#callerOf(call);
    if (!caller) {
      this.#ofGoneCallers += 1;
      if (this.#gone.size < MAX_ROWS) this.#gone.add(call.oid);
      return;
    }
    this.#noteUse(call);
    const reason = await refusalOf(this.#judges.after, caller, call.row, call.object);
    if (reason === null) return;
    if ((await refusalOf(this.#judges.before, caller, call.row, call.object)) !== null) this.#refusedAnyway += 1;
    else this.#note(call, caller, reason);
  }

  result(): Pick<Replay, Exclude<keyof Replay, 'days' | 'since' | 'unreadable' | 'unknown'>> {
    const refused = [...this.#rows.values()].map(({ first, name, reason, objects, hasMoreObjects, calls, last }) => ({
      principalId: first.oid,
      appId: first.appId,
      name,
      operation: first.row.id,
      calls,
      last,
      objects: [...objects].sort(),
      hasMoreObjects,
      reason,
    }));
    return {
      calls: this.#calls,
      refusedAnyway: this.#refusedAnyway,
      ofGoneCallers: this.#ofGoneCallers,
      goneCallers: [...this.#gone],
      narrow: [...this.#objects].flatMap(([principalId, objects]) =>
        objects ? [{ principalId, objects: [...objects].sort() }] : [],
      ),
      refused,
      unlisted: this.#unlisted,
    };
  }

  #noteUse({ oid, object }: LoggedCall): void {
    const known = this.#objects.get(oid);
    if (known === null || (known === undefined && this.#objects.size >= MAX_CALLERS)) return;
    const objects = known ?? new Set();
    if (object) objects.add(`${object.kind}/${object.name}`);
    this.#objects.set(oid, object && objects.size <= MAX_OBJECTS ? objects : null);
  }

  #note(call: LoggedCall, { displayName }: Caller, reason: string): void {
    const key = `${call.oid} ${call.appId} ${call.row.id}`;
    let row = this.#rows.get(key);
    if (!row) {
      if (this.#rows.size >= MAX_ROWS) {
        this.#unlisted += 1;
        return;
      }
      row = { first: call, name: displayName, reason, objects: new Set(), hasMoreObjects: false, calls: 0, last: 0 };
      this.#rows.set(key, row);
    }
    row.calls += 1;
    row.last = Math.max(row.last, call.time);
    if (!call.object || row.objects.has(call.object.name)) return;
    if (row.objects.size < MAX_OBJECTS) row.objects.add(call.object.name);
    else row.hasMoreObjects = true;
  }

  async #callerOf({ oid, appId }: LoggedCall): Promise<Caller | null> {
    const key = `${oid} ${appId}`;
    const known = this.#callers.get(key);
    if (known !== undefined) return known;
    const caller = await readCaller(this.#parts, oid, appId);
    if (this.#callers.size >= MAX_CALLERS) this.#callers.clear();
    this.#callers.set(key, caller);
    return caller;
  }
}

async function refusalOf(
  judge: Judge,
  caller: Caller,
  row: DataRow,
  object: ObjectScope | null,
): Promise<string | null> {
  try {
    await judge.access.authoriseData(caller, judge.vault, row.need, object);
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

/** The caller as decisions see it; null where the principal is gone, or is another application's by now. */
async function readCaller(parts: ReplayParts, oid: string, appId: string): Promise<Caller | null> {
  const principal = await describePrincipal(parts.store.reader, oid);
  if (!principal || (principal.kind === 'ServicePrincipal' && principal.appId !== appId)) return null;
  return {
    oid,
    tenantId: parts.tenantId,
    kind: principal.kind === 'User' ? 'User' : 'ServicePrincipal',
    appId,
    appIdAcr: '',
    displayName: principal.displayName,
    issuer: '',
    upn: null,
    managedIdentity: null,
    scopes: null,
    principalIds: principal.principalIds,
    directoryRole: null,
    expires: 0,
    tokenId: '',
  };
}

/** A replay as the wire has it. */
export function replayBody(replay: Replay): object {
  const { since, refused, narrow: _, ...rest } = replay;
  return { ...rest, since: toIso(since), refused: refused.map((row) => ({ ...row, last: toIso(row.last) })) };
}
