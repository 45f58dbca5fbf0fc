import { vaultJobEntry } from '../audit/job-entry.ts';
import type { Clock, Random } from '../base/ports.ts';
import { certificateKind } from '../certificates/certificate-kind.ts';
import { eraseCertificate } from '../certificates/lifecycle.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { holdsLease, type Lease } from '../jobs/lease.ts';
import type { Job } from '../jobs/scheduler.ts';
import { keyKind } from '../keys/service.ts';
import { eraseObject, type ObjectKind } from '../objects/lifecycle.ts';
import type { VersionRow } from '../objects/object-queries.ts';
import { findVaultById } from '../resources/repository.ts';
import type { Vault } from '../resources/vault.ts';
import { secretKind } from '../secrets/secret-kind.ts';
import type { Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import { purgeVault } from './purge-vault.ts';
import { dueVaults } from './repository.ts';

const BATCH = 100;

/** What the purge job needs. */
export interface PurgeParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
}

/** Purges certificates, secrets, keys and vaults whose retention has ended, each with its audit record. */
export function purgeJob(parts: PurgeParts): Job {
  return {
    name: 'purge',
    everyMilliseconds: 60_000,
    run: async (lease, now) => {
      // With their keys and secrets, which are due at the same moment: so these come first.
      while (await purgeDueObjects(parts, lease, now, certificateKind, 'CertificatePurge', eraseCertificate));
      while (await purgeDueObjects(parts, lease, now, secretKind, 'SecretPurge'));
      while (await purgeDueObjects(parts, lease, now, keyKind, 'KeyPurge'));
      while (await purgeDueVaults(parts, lease, now));
    },
  };
}

/** One batch; true where there may be more to do under this lease. */
async function purgeDueObjects<Row extends VersionRow, Whole extends Row>(
  parts: PurgeParts,
  lease: Lease,
  now: number,
  kind: ObjectKind<Row, Whole>,
  operationName: string,
  erase = (transaction: Transaction, vault: Vault, nameKey: string) => eraseObject(kind, transaction, vault, nameKey),
): Promise<boolean> {
  const { queries, collection } = kind;
  const due = await queries.due.all(parts.store.reader, { now, limit: BATCH });
  for (const { vault_id: vaultId, name_key: nameKey, name } of due) {
    const isOurs = await parts.store.write(async (transaction) => {
      if (!(await holdsLease(transaction, lease))) return false;
      // Recovered since it was found due, or purged and made anew under its name: what lives now is not ours to take.
      if (!(await queries.isDue.first(transaction, { vaultId, nameKey, now }))) return true;
      const vault = await findVaultById(transaction, vaultId);
      if (vault) await erase(transaction, vault, nameKey);
      transaction.record(vaultJobEntry(parts, operationName, vault, `/${collection}/${name}`, now));
      return true;
    });
    if (!isOurs) return false;
  }
  return due.length === BATCH;
}

async function purgeDueVaults(parts: PurgeParts, lease: Lease, now: number): Promise<boolean> {
  const due = await dueVaults(parts.store.reader, now, BATCH);
  for (const vault of due) {
    const isOurs = await parts.store.write(async (transaction) => {
      if (!(await holdsLease(transaction, lease))) return false;
      const found = await findVaultById(transaction, vault.id);
      if (!found || found.purgeAt === null || found.purgeAt > now) return true;
      await purgeVault(transaction, parts.keyring, found);
      transaction.record(vaultJobEntry(parts, 'VaultPurge', vault, '', now));
      return true;
    });
    if (!isOurs) return false;
  }
  return due.length === BATCH;
}
