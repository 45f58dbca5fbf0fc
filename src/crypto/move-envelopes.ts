import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../base/ports.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import type { Store } from '../store/store.ts';
import { envelopeKeyId, sealEnvelope } from './envelope.ts';
import type { Keyring } from './keyring.ts';
import { type EnvelopeQueries, envelopeQueries, type VaultEnvelopes, type VersionKey } from './sealed-rows.ts';

/** Rows looked at in one query: some 0.3 ms of the event loop on SQLite. */
const PAGE = 250;
/** Envelopes sealed anew in one transaction: small, so that reads and writes come in between. */
const BATCH = 50;
/** How long it rests after a batch, as a multiple of what that took, and at most, in milliseconds: requests go before. */
const REST = 2;
const LONGEST_REST_MS = 500;

/** What moving envelopes takes. */
export interface MovingParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly random: Random;
  readonly envelopes: readonly VaultEnvelopes[];
}

/**
 * Seals anew, under the vault's newest key, every envelope of a vault that is under another. A kill in between leaves each envelope under the one
 * or the other; the next pass goes on.
 * @returns the ids of the other keys that were still met, or null where the lease has gone
 */
export async function moveEnvelopes(
  parts: MovingParts,
  lease: Lease,
  vaultId: string,
  newest: string,
): Promise<ReadonlySet<string> | null> {
  const met = new Set<string>();
  for (const envelopes of parts.envelopes) {
    const queries = envelopeQueries(envelopes.table);
    let last: VersionKey = { nameKey: '', version: '' };
    for (;;) {
      const page = await queries.page.all(parts.store.reader, { vaultId, ...last, limit: PAGE });
      const behind = page.flatMap(({ name_key: nameKey, version, key_id }) => {
        const keyId = Buffer.from(key_id).toString('hex');
        if (keyId === newest) return [];
        met.add(keyId);
        return [{ nameKey, version }];
      });
      for (let start = 0; start < behind.length; start += BATCH) {
        const batch = behind.slice(start, start + BATCH);
        const began = performance.now();
        if (!(await moveBatch(parts, lease, vaultId, { ...envelopes, queries }, batch))) return null;
        await pause(Math.min(LONGEST_REST_MS, REST * (performance.now() - began)));
      }
      if (page.length < PAGE) break;
      const { name_key: nameKey, version } = page.at(-1)!;
      last = { nameKey, version };
    }
  }
  return met;
}

async function moveBatch(
  { store, keyring, random }: MovingParts,
  lease: Lease,
  vaultId: string,
  { binding, queries }: VaultEnvelopes & { readonly queries: EnvelopeQueries },
  batch: readonly VersionKey[],
): Promise<boolean> {
  return store.write(async (transaction) => {
    if (!(await holdsLease(transaction, lease))) return false;
    const key = await keyring.vaultKey(transaction, vaultId);
    for (const { nameKey, version } of batch) {
      const row = await queries.read.first(transaction, { vaultId, nameKey, version });
      // Purged, or moved by another node, since the page was read.
      if (!row || envelopeKeyId(row.envelope) === key.id) continue;
      const bound = binding(vaultId, nameKey, version);
      const value = await keyring.openInVault(transaction, vaultId, bound, row.envelope);
      const envelope = sealEnvelope(key, bound, value, random);
      value.fill(0);
      await queries.write.change(transaction, { vaultId, nameKey, version, envelope });
    }
    return true;
  });
}
