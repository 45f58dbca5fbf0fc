import type { Log } from '../base/ports.ts';
import { type KeyProviders, KeyTokenFault } from '../crypto/key-provider.ts';
import { holdsLease } from '../jobs/lease.ts';
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
 * Destroys in the token what belongs to purged keys, and what no version came for. A token that is absent delays this alone: purging
 * has long been answered, and what is still to be destroyed stays noted.
 */
export function tokenObjectJob(parts: TokenObjectParts): Job {
  let reminded = Number.NEGATIVE_INFINITY;
  return {
    name: 'token-objects',
    everyMilliseconds: 60_000,
    run: async (lease, now) => {
      const { store, log } = parts;
      for (;;) {
        const due = await dueObjects.all(store.reader, { now, limit: BATCH });
        for (const { vault_id: vaultId, name_key: nameKey, version, object_id: objectId, token } of due) {
          try {
            await destroyUnlessKept(parts, objectId, token);
          } catch (error) {
            if (!(error instanceof KeyTokenFault)) throw error;
            if (now - reminded < REMIND_MS) return;
            reminded = now;
            const count = Number((await countDue.first(store.reader, { now }))?.count ?? 0);
            log.warn('Objects of purged keys wait in the key token for their destruction.', {
              count,
              reason: error.message,
            });
            return;
          }
          const isOurs = await store.write(async (transaction) => {
            if (!(await holdsLease(transaction, lease))) return false;
            await forgetObject.change(transaction, { vaultId, nameKey, version, objectId });
            return true;
          });
          if (!isOurs) return;
        }
        if (due.length < BATCH) return;
      }
    },
  };
}

/** Only a version that has the object can hand it on to another, so what nobody has now stays so. */
async function destroyUnlessKept(
  { store, providers }: TokenObjectParts,
  objectId: string,
  serial: string,
): Promise<void> {
  if (await isObjectKept.first(store.reader, { objectId })) return;
  if (!providers.token) throw new KeyTokenFault('No key token is configured (pkcs11).');
  await providers.token.destroy(serial, objectId);
}
