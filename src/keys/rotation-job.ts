import { vaultJobEntry } from '../audit/job-entry.ts';
import type { Clock, Log } from '../base/ports.ts';
import { KeyUnsupportedFault } from '../crypto/key-provider.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session } from '../store/port.ts';
import { makeKey, orderLike } from './key-home.ts';
import { dueRotations, keyQueries } from './repository.ts';
import { successor } from './rotation.ts';
import { policyOf } from './rotation-due.ts';
import { rotationDue } from './rotation-policy.ts';
import { type KeyParts, storeVersion } from './service.ts';
import { specOf } from './stored-key.ts';

const BATCH = 50;
/** Types of keys that a token holds, as SQL's LIKE has it. */
const HARDWARE = '%-HSM';

/** What the rotation job needs beside the room's own parts. */
export interface RotationParts extends Omit<KeyParts, 'pager'> {
  readonly clock: Clock;
  readonly log: Log;
  readonly findVault: (session: Session, id: string) => Promise<Vault | null>;
}

/** Makes the versions that rotation policies ask for, each with its audit record. */
export function keyVersionJob(parts: RotationParts): Job {
  return {
    name: 'key-versions',
    everyMilliseconds: 60_000,
    run: async (lease, now) => {
      let except = '';
      for (;;) {
        const due = await dueRotations.all(parts.store.reader, { now, limit: BATCH, except });
        let isTokenThere = true;
        let rotated = 0;
        for (const { vault_id: vaultId, name_key: nameKey } of due) {
          try {
            if (!(await rotateDue(parts, lease, now, vaultId, nameKey))) return;
            rotated++;
          } catch (error) {
            if (!isOfToken(error)) throw error;
            parts.log.warn('A key of a hardware type could not be rotated.', { reason: (error as Error).message });
            isTokenThere = error instanceof KeyUnsupportedFault;
            if (!isTokenThere) break;
          }
        }
        if (isTokenThere && (due.length < BATCH || rotated === 0)) return;
        // Keys in software shall not wait for the token.
        if (!isTokenThere) except = HARDWARE;
      }
    },
  };
}

/** Whether it is the token that keeps a key from being made. */
function isOfToken(error: unknown): boolean {
  return /^key-token-/.test(String((error as { code?: unknown } | null)?.code));
}

/** Rotates one key, where it is still due; false where the lease has gone. */
async function rotateDue(
  parts: RotationParts,
  lease: Lease,
  now: number,
  vaultId: string,
  nameKey: string,
): Promise<boolean> {
  const named = { vaultId, nameKey };
  const before = await keyQueries.current.first(parts.store.reader, named);
  if (!before) return true;
  const home = await parts.findVault(parts.store.reader, vaultId);
  if (!home) return true;
  const { made, version } = await makeKey(parts, home, orderLike(before), now, (provider, place) =>
    provider.generate(specOf(before), place),
  );
  const write = parts.store.write(async (transaction) => {
    if (!(await holdsLease(transaction, lease))) return false;
    const current = await keyQueries.current.first(transaction, named);
    const policy = await policyOf(transaction, named);
    const vault = await parts.findVault(transaction, vaultId);
    // Deleted, rotated or given another policy since it was found due: then it is not due any more.
    if (!current || current.version !== before.version || current.deleted !== null || !vault) return true;
    const due = rotationDue(policy, current);
    if (due === null || due > now) return true;
    const row = successor(current, before, version, policy, JSON.stringify(made.publicMembers), now);
    await storeVersion(parts, transaction, vault, row, made.material, true);
    transaction.record(vaultJobEntry(parts, 'KeyRotateIfDue', vault, `/keys/${row.name}/${version}`, now));
    return true;
  });
  return write.finally(() => made.material.fill(0));
}
