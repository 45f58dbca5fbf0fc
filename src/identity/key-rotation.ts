import { jobEntry } from '../audit/job-entry.ts';
import type { Clock, Random } from '../base/ports.ts';
import { toIso } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { holdsLease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Facts } from '../operations/decision.ts';
import type { Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import { dueAt, type KeyPolicy, signerAt } from './key-schedule.ts';
import { newKey, readKeys, type StoredKey, scheduled, writeKeys } from './stored-keys.ts';

/** What rotating keys is done with. */
export interface RotationParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenantId: string;
  readonly keyPolicy: KeyPolicy;
}

/**
 * Announces, retires and removes signing keys as their schedule says, once a minute, each step with its audit record. A
 * step is one transaction that looks again whether it is due, so a kill in between leaves keys as they were.
 */
export function keyRotationJob(parts: RotationParts): Job {
  const { store, keyring, keyPolicy } = parts;
  return {
    name: 'signing-keys',
    everyMilliseconds: 60_000,
    run: async (lease, now) => {
      const due = dueAt(scheduled(await readKeys(keyring, store.reader)), keyPolicy, now);
      if (due.announce === null && due.destroy.length === 0 && due.remove.length === 0) return;
      const made = due.announce === null ? null : await newKey(now, due.announce);
      await store.write(async (transaction) => {
        if (!(await holdsLease(transaction, lease))) return;
        const before = await readKeys(keyring, transaction);
        const { keys, done } = stepped(before, keyPolicy, now, made);
        if (done.length === 0) return;
        await writeKeys(keyring, transaction, keys, now);
        for (const step of done) transaction.record(record(parts, step, now));
      });
    },
  };
}

interface Step {
  readonly operationName: 'SigningKeyAnnounce' | 'SigningKeyDestroy' | 'SigningKeyRemove';
  readonly facts: Facts;
}

/** The keys after everything that is due, and what that was. */
function stepped(
  before: readonly StoredKey[],
  policy: KeyPolicy,
  now: number,
  made: StoredKey | null,
): { readonly keys: readonly StoredKey[]; readonly done: readonly Step[] } {
  const { announce, destroy, remove } = dueAt(scheduled(before), policy, now);
  const done: Step[] = [];
  const keys = before.flatMap((key) => {
    if (remove.includes(key.kid)) {
      done.push({ operationName: 'SigningKeyRemove', facts: { kid: key.kid } });
      return [];
    }
    if (!destroy.includes(key.kid)) return [key];
    done.push({ operationName: 'SigningKeyDestroy', facts: { kid: key.kid } });
    return [{ ...key, pkcs8: null }];
  });
  if (announce !== null && made) {
    keys.push({ ...made, signs: announce });
    done.push({ operationName: 'SigningKeyAnnounce', facts: { kid: made.kid, signs: toIso(announce) } });
  }
  return { keys, done };
}

function record(parts: RotationParts, { operationName, facts }: Step, time: number) {
  const resourceId = `/tenants/${parts.tenantId}`;
  const subject = `${resourceId}/signingKeys/${String(facts['kid'])}`;
  return jobEntry(parts, { operationName, time, vault: null, resourceId, subject, audit: facts });
}

/**
 * Lets the next key sign as soon as everybody can know it: one is announced if none is, and no longer waits for the
 * signing one's time to be over.
 * @param made a key to take where none is announced
 * @returns the next key
 */
export async function hastenKey(
  parts: RotationParts,
  transaction: Transaction,
  made: StoredKey,
  now: number,
): Promise<StoredKey> {
  const { keyring, keyPolicy } = parts;
  const keys = await readKeys(keyring, transaction);
  const announced = keys[signerAt(scheduled(keys), now) + 1];
  const next = announced ?? made;
  const hastened = { ...next, signs: Math.min(next.signs, Math.max(now, next.created + keyPolicy.announcedFor)) };
  await writeKeys(keyring, transaction, [...keys.filter(({ kid }) => kid !== next.kid), hastened], now);
  return hastened;
}

/**
 * Removes a key at once: every token that it signed is refused from the next request on, in every process. Where it was
 * the one that signs, the announced one does from now on, or else a new one, which nobody could know before.
 * @param made a key to take where no other is left
 * @returns the key that signs afterwards, or null where there is no key of that name
 */
export async function revokeKey(
  parts: RotationParts,
  transaction: Transaction,
  kid: string,
  made: StoredKey,
  now: number,
): Promise<StoredKey | null> {
  const keys = await readKeys(parts.keyring, transaction);
  const index = keys.findIndex((key) => key.kid === kid);
  if (index < 0) return null;
  const signer = signerAt(scheduled(keys), now);
  if (index !== signer) {
    await writeKeys(parts.keyring, transaction, keys.toSpliced(index, 1), now);
    return keys[signer]!;
  }
  const successor = { ...(keys[signer + 1] ?? made), signs: now };
  // Those before it have had their time: the successor follows the last of them.
  const left = [...keys.slice(0, signer), successor, ...keys.slice(signer + 2)];
  await writeKeys(parts.keyring, transaction, left, now);
  return successor;
}
