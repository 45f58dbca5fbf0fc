import { jobEntry, vaultJobEntry } from '../audit/job-entry.ts';
import type { Clock, Log } from '../base/ports.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import { envelopeKeyId } from './envelope.ts';
import { type MovingParts, moveEnvelopes } from './move-envelopes.ts';
import * as rows from './repository.ts';
import { changed } from './root-keys.ts';
import type { RootSealed } from './sealed-rows.ts';

/** After how long keys are followed by new ones, in milliseconds; null for never. */
export interface EncryptionKeyPolicy {
  readonly rootKeyFor: number | null;
  readonly vaultKeyFor: number | null;
}

/** What rotating root and vault keys takes. */
export interface RotationParts extends MovingParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly tenantId: string;
  readonly encryptionKeyPolicy: EncryptionKeyPolicy;
  readonly sealedRows: readonly RootSealed[];
  readonly findVault: (session: Session, id: string) => Promise<Vault | null>;
}

/**
 * How long nothing must have been found under a vault key before it is destroyed, in milliseconds: a request that read an envelope before
 * it was moved has long been answered by then, and a transaction that began before the next key has ended.
 */
export const GRACE_MS = 60_000;
const BATCH = 50;
/** Vaults that get a key by policy in one run: more wait for the next. */
const MOST_DUE = 200;

/**
 * Follows the policy, puts vault keys and the server's own values under the active root key, seals envelopes anew under their vault's newest key,
 * and destroys vault keys that nothing is under any more. Each step is a transaction of its own that may be the last.
 */
export function encryptionKeyJob(parts: RotationParts): Job {
  let isTidyFor = '';
  return {
    name: 'encryption-keys',
    everyMilliseconds: 60_000,
    run: async (lease, now) => {
      const { keyring, store } = parts;
      await keyring.follow(store.reader);
      await rotateDue(parts, lease, now);
      const { id, created } = keyring.roots.list().find(({ isActive }) => isActive)!;
      if (isTidyFor !== id) {
        const isDone = (await rewrapVaultKeys(parts, lease)) && (await resealValues(parts, lease));
        // A node that had not followed yet may have sealed under the one before, for a moment.
        if (isDone && now - created >= GRACE_MS) isTidyFor = id;
      }
      await finishVaultKeys(parts, lease, now);
    },
  };
}

/** Gives a vault its next key, inside a transaction that records it. */
export async function rotateVaultKey(
  { keyring }: Pick<RotationParts, 'keyring'>,
  transaction: Transaction,
  vaultId: string,
  now: number,
): Promise<void> {
  await keyring.createVaultKey(transaction, vaultId, now);
  await changed(transaction);
}

async function rotateDue(parts: RotationParts, lease: Lease, now: number): Promise<void> {
  const { keyring, store, encryptionKeyPolicy: policy } = parts;
  const active = keyring.roots.list().find(({ isActive }) => isActive)!;
  if (policy.rootKeyFor !== null && active.created <= now - policy.rootKeyFor) await rotateDueRoot(parts, lease, now);
  if (policy.vaultKeyFor === null) return;
  const created = now - policy.vaultKeyFor;
  for (const { vault_id: vaultId } of await rows.vaultsWithOldKeys.all(store.reader, { created, limit: MOST_DUE })) {
    await store.write(async (transaction) => {
      const newest = await rows.newestVaultKey.first(transaction, { vaultId });
      if (!newest || newest.created > created || !(await holdsLease(transaction, lease))) return;
      await rotateVaultKey(parts, transaction, vaultId, now);
      const vault = await parts.findVault(transaction, vaultId);
      transaction.record(vaultJobEntry(parts, 'VaultKeyRotateIfDue', vault, '', now));
    });
  }
}

async function rotateDueRoot(parts: RotationParts, lease: Lease, now: number): Promise<void> {
  const { roots } = parts.keyring;
  const made = await roots.make();
  const before = roots.active.id;
  const isAdded = await parts.store.write(async (transaction) => {
    const stored = await rows.allRootKeys.all(transaction, {});
    const isStillDue = stored.some(({ id, active }) => id === before && active === 1);
    if (!isStillDue || !(await holdsLease(transaction, lease))) return true;
    if (!(await roots.add(transaction, made, now))) return false;
    const resourceId = `/tenants/${parts.tenantId}`;
    const event = { operationName: 'RootKeyRotateIfDue', time: now, vault: null, resourceId, subject: resourceId };
    transaction.record(jobEntry(parts, { ...event, audit: { before, after: made.id } }));
    return true;
  });
  if (isAdded) await parts.keyring.follow(parts.store.reader);
  else parts.log.error('The root key is due, but the seal was changed by another node: restart this one.');
}

/** Puts vault keys under the active root key; false where the lease has gone. */
async function rewrapVaultKeys(parts: RotationParts, lease: Lease): Promise<boolean> {
  const { keyring, store } = parts;
  for (;;) {
    const rootKeyId = keyring.roots.active.id;
    const found = await rows.vaultKeysNotUnder.all(store.reader, { rootKeyId, limit: BATCH });
    if (found.length === 0) return true;
    const moved = await store.write(async (transaction) => {
      if (!(await holdsLease(transaction, lease))) return 0;
      let count = 0;
      for (const { vault_id: vaultId, key_id: keyId } of found) {
        const row = await rows.oneVaultKey.first(transaction, { vaultId, keyId });
        const under = row && keyring.rewrapVaultKey(row);
        if (under) count += await rows.rewrapVaultKey.change(transaction, { vaultId, keyId, ...under });
      }
      return count;
    });
    // None: the lease has gone, or what was found is of another node's doing, and the next run sees it.
    if (moved === 0) return false;
  }
}

/** Seals the server's own values anew under the active root key; false where the lease has gone. */
async function resealValues({ keyring, store, sealedRows }: RotationParts, lease: Lease): Promise<boolean> {
  for (const { page, read, write, nameOf } of sealedRows) {
    for (let after = ''; ; ) {
      const found = await page(store.reader, after, BATCH);
      const behind = found.filter(({ envelope }) => envelopeKeyId(envelope) !== keyring.roots.active.id);
      const isHeld =
        behind.length === 0 ||
        (await store.write(async (transaction) => {
          if (!(await holdsLease(transaction, lease))) return false;
          for (const { key } of behind) {
            const envelope = await read(transaction, key);
            if (!envelope || envelopeKeyId(envelope) === keyring.roots.active.id) continue;
            const value = keyring.openValue(nameOf(key), envelope);
            await write(transaction, key, keyring.sealValue(nameOf(key), value));
            value.fill(0);
          }
          return true;
        }));
      if (!isHeld) return false;
      if (found.length < BATCH) break;
      after = found.at(-1)!.key;
    }
  }
  return true;
}

/** Brings every vault that has more than one key to its newest. */
async function finishVaultKeys(parts: RotationParts, lease: Lease, now: number): Promise<void> {
  for (let after = ''; ; ) {
    const found = await rows.vaultsBetweenKeys.all(parts.store.reader, { after, limit: BATCH });
    for (const { vault_id: vaultId } of found) if (!(await finishVault(parts, lease, vaultId, now))) return;
    if (found.length < BATCH) return;
    after = found.at(-1)!.vault_id;
  }
}

async function finishVault(parts: RotationParts, lease: Lease, vaultId: string, now: number): Promise<boolean> {
  const [newest, ...others] = await rows.vaultKeysOf.all(parts.store.reader, { vaultId });
  if (!newest || others.length === 0) return true;
  const met = await moveEnvelopes(parts, lease, vaultId, newest.key_id);
  if (!met) return false;
  for (const { key_id: keyId, emptied } of others) {
    const isEmpty = !met.has(keyId) && now - newest.created >= GRACE_MS;
    if (isEmpty && emptied !== null && now - emptied < GRACE_MS) continue;
    if (!isEmpty && emptied === null) continue;
    const isHeld = await parts.store.write(async (transaction) => {
      if (!(await holdsLease(transaction, lease))) return false;
      if (!isEmpty) await rows.markVaultKey.change(transaction, { vaultId, keyId, emptied: null });
      else if (emptied === null) await rows.markVaultKey.change(transaction, { vaultId, keyId, emptied: now });
      else {
        const vault = await parts.findVault(transaction, vaultId);
        await parts.keyring.destroyVaultKey(transaction, vaultId, keyId);
        transaction.record(vaultJobEntry(parts, 'VaultKeyDestroy', vault, '', now));
      }
      return true;
    });
    if (!isHeld) return false;
  }
  return true;
}
