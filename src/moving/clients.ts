import { setImmediate } from 'node:timers/promises';
import { type LoggedCall, LoggedCalls } from '../access/move/logged-calls.ts';
import { readBatchesSince } from '../audit/repository.ts';
import { DAY } from '../base/text.ts';
import { describePrincipal } from '../identity/service.ts';
import type { Vault } from '../resources/vault.ts';
import type { MovingParts } from './parts.ts';

/** Who used a vault, how, and until when. */
export interface VaultClient {
  readonly principalId: string;
  readonly appId: string;
  /** Null where the directory has no such principal any more. */
  readonly name: string | null;
  readonly kind: string | null;
  readonly calls: number;
  /** Milliseconds since the Unix epoch. */
  readonly last: number;
  /** Names of operations, by name. */
  readonly operations: readonly string[];
  /** As `secrets/NAME`, at most {@link MAX_OBJECTS} of them. */
  readonly objects: readonly string[];
  readonly hasMoreObjects: boolean;
}

/** What the log tells of a vault's clients. */
export interface VaultUse {
  /** Milliseconds since the Unix epoch. */
  readonly since: number;
  readonly clients: readonly VaultClient[];
  /** Clients beyond those that are listed. */
  readonly unlisted: number;
  /** Batches of the log that cannot be read. */
  readonly unreadable: number;
}

const MAX_CLIENTS = 2000;
const MAX_OBJECTS = 20;

interface Tally {
  readonly oid: string;
  readonly appId: string;
  readonly operations: Set<string>;
  readonly objects: Set<string>;
  hasMoreObjects: boolean;
  calls: number;
  last: number;
}

/** Finds in the log who was let into a vault during the last days. Reads a batch at a time and keeps a row a client. */
export async function clientsOf(
  { store, dataOperations }: Pick<MovingParts, 'store' | 'dataOperations'>,
  vault: Vault,
  time: { readonly now: number; readonly days: number },
): Promise<VaultUse> {
  const since = Math.max(time.now - time.days * DAY, vault.created);
  const logged = new LoggedCalls(dataOperations, vault, since);
  const tallies = new Map<string, Tally>();
  const unlisted = new Set<string>();
  let unreadable = 0;
  for await (const batch of readBatchesSince(store.reader, since)) {
    if (!batch.isReadable) unreadable += 1;
    for (const call of logged.of(batch.records)) {
      const key = `${call.oid} ${call.appId}`;
      const isKnown = tallies.has(key);
      if (isKnown || tallies.size < MAX_CLIENTS) count(tallies, key, call);
      else if (unlisted.size < MAX_CLIENTS) unlisted.add(key);
    }
    // Other requests come first.
    await setImmediate();
  }
  const clients: VaultClient[] = [];
  for (const { oid, ...tally } of tallies.values()) {
    const found = await describePrincipal(store.reader, oid);
    const { displayName: name = null, kind = null } = found ?? {};
    const operations = [...tally.operations].sort();
    clients.push({ ...tally, principalId: oid, name, kind, operations, objects: [...tally.objects].sort() });
  }
  clients.sort((a, b) => b.last - a.last);
  return { since, clients, unlisted: unlisted.size, unreadable };
}

function count(tallies: Map<string, Tally>, key: string, { oid, appId, row, object, time }: LoggedCall): void {
  const tally = tallies.get(key) ?? {
    oid,
    appId,
    operations: new Set<string>(),
    objects: new Set<string>(),
    hasMoreObjects: false,
    calls: 0,
    last: time,
  };
  tallies.set(key, tally);
  tally.calls += 1;
  tally.last = Math.max(tally.last, time);
  tally.operations.add(row.id);
  if (!object) return;
  const name = `${object.kind}/${object.name}`;
  if (tally.objects.size < MAX_OBJECTS || tally.objects.has(name)) tally.objects.add(name);
  else tally.hasMoreObjects = true;
}
