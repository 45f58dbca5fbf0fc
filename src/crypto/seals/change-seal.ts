import { jobEntry } from '../../audit/job-entry.ts';
import type { Clock, Random } from '../../base/ports.ts';
import type { Store } from '../../store/store.ts';
import type { Keyring } from '../keyring.ts';
import { SEAL_CHANGED } from '../root-keys.ts';
import { type Seal, SealFault } from '../seal.ts';

/** What changing the seal of running data takes. */
export interface ChangeParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenantId: string;
}

/** Another node may add a root key while they are wrapped. */
const ATTEMPTS = 3;

/**
 * Puts every root key under another seal, in one transaction with its audit record. Cut off at any moment, the data is under the old seal or the
 * new, whole. Requests go on meanwhile: what they are served with does not change.
 * @throws SealFault `seal-changed` where another node has changed the seal since this one opened it
 */
export async function changeSeal(parts: ChangeParts, seal: Seal): Promise<void> {
  const { store, keyring, clock } = parts;
  const before = keyring.roots.sealKind;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    await keyring.follow(store.reader).catch((error: unknown) => {
      throw error instanceof SealFault && error.code === 'seal-wrong' ? sealChanged(error) : error;
    });
    const rewrapping = await keyring.roots.rewrap(seal);
    const time = clock.now();
    const isStored = await store.write(async (transaction) => {
      if (!(await keyring.roots.store(transaction, rewrapping))) return false;
      const resourceId = `/tenants/${parts.tenantId}`;
      const event = { operationName: 'SealChange', time, vault: null, resourceId, subject: `${resourceId}/seal` };
      transaction.record(jobEntry(parts, { ...event, audit: { before, after: seal.kind } }));
      return true;
    });
    if (isStored) {
      keyring.roots.useSeal(seal);
      return;
    }
  }
  throw sealChanged();
}

function sealChanged(cause?: SealFault): SealFault {
  return new SealFault('seal-changed', SEAL_CHANGED, { cause });
}
