import type { Log } from '../base/ports.ts';
import { type KeyProviders, KeyTokenFault } from '../crypto/key-provider.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Store } from '../store/store.ts';
import { countDue, dueObjects, forgetObject, isObjectKept } from './token-object-rows.ts';

const BATCH = 50;
/** How often it is said that objects wait for a token. */
const REMIND_MS = 3_600_000;

/** What the job needs. */
export interface TokenObjectParts {
  readonly store: Store;
  readonly providers: KeyProviders;
  readonly log: Log;
}

/**
 * Destroys in the token what belongs to purged keys, and what no version came for. A token that is absent, or that another has taken the
 * place of, delays its own objects alone: purging has long been answered, and what is still to be destroyed stays noted.
 */
export function tokenObjectJob(parts: TokenObjectParts): Job {
  let reminded = Number.NEGATIVE_INFINITY;
  const countLeft = async (now: number) => Number((await countDue.first(parts.store.reader, { now }))?.count ?? 0);
  return {
    name: 'token-objects',
    everyMilliseconds: 60_000,
    run: async (lease, now) => {
      if ((await countLeft(now)) === 0) return;
      let reason = 'They are in another token than the one configured.';
      try {
        if (!(await destroyDue(parts, lease, now))) return;
      } catch (error) {
        if (!(error instanceof KeyTokenFault)) throw error;
        reason = error.message;
      }
      const count = await countLeft(now);
      if (count === 0 || now - reminded < REMIND_MS) return;
      reminded = now;
      parts.log.warn('Objects of purged keys wait in the key token for their destruction.', { count, reason });
    },
  };
}

/** Destroys what is due in the token that is there; false where the lease has gone. @throws KeyTokenFault */
async function destroyDue({ store, providers }: TokenObjectParts, lease: Lease, now: number): Promise<boolean> {
  if (!providers.token) throw new KeyTokenFault('No key token is configured (pkcs11).');
  const token = await providers.token.serial();
  for (;;) {
    const due = await dueObjects.all(store.reader, { now, token, limit: BATCH });
    for (const { vault_id: vaultId, name_key: nameKey, version, object_id: objectId } of due) {
      // Only a version that has the object can hand it on to another, so what nobody has now stays so.
      if (!(await isObjectKept.first(store.reader, { objectId }))) await providers.token.destroy(token, objectId);
      const isOurs = await store.write(async (transaction) => {
        if (!(await holdsLease(transaction, lease))) return false;
        await forgetObject.change(transaction, { vaultId, nameKey, version, objectId });
        return true;
      });
      if (!isOurs) return false;
    }
    if (due.length < BATCH) return true;
  }
}
