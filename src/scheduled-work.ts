import { activityJob } from './audit/activity-log.ts';
import type { Clock, Log, Random } from './base/ports.ts';
import { issuerEnvelopes } from './certificates/issuer-accounts.ts';
import { certificateJob } from './certificates/job.ts';
import type { IssuerFor, Notify } from './certificates/parts.ts';
import type { Config } from './config.ts';
import type { KeyProviders } from './crypto/key-provider.ts';
import type { Keyring } from './crypto/keyring.ts';
import { SEAL_CHANGED } from './crypto/root-keys.ts';
import { encryptionKeyJob, type RotationParts } from './crypto/rotation-job.ts';
import { serverValues } from './crypto/sealed-rows.ts';
import { hostSecrets } from './identity/host-secrets.ts';
import { keyRotationJob } from './identity/key-rotation.ts';
import { signInCleanupJob } from './identity/sign-in-cleanup.ts';
import type { Scheduler } from './jobs/scheduler.ts';
import { keyVersionJob } from './keys/rotation-job.ts';
import { keyEnvelopes } from './keys/service.ts';
import { tokenObjectJob } from './keys/token-object-job.ts';
import { mailJob } from './notify/mail-job.ts';
import { purgeJob } from './recovery/purge-job.ts';
import { readVault } from './resources/vault-directory.ts';
import { secretEnvelopes } from './secrets/versions.ts';
import type { Store } from './store/store.ts';

/** How long an idle node may seal under a root key that another has replaced. */
const FOLLOW_MS = 10_000;

/** Everything that is encrypted at rest, by the key it is under. */
export const sealedTables: Pick<RotationParts, 'envelopes' | 'sealedRows'> = {
  envelopes: [secretEnvelopes, keyEnvelopes, issuerEnvelopes],
  sealedRows: [serverValues, hostSecrets],
};

/** What the jobs are made of. */
export interface JobParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly providers: KeyProviders;
  readonly store: Store;
  readonly keyring: Keyring;
  readonly tenantId: string;
  readonly issuerFor: IssuerFor;
  readonly notify: Notify;
}

/** What is due by the clock. */
export function startJobs(scheduler: Scheduler, given: JobParts): void {
  const { keyPolicy, encryptionKeyPolicy, mail } = given.config;
  const parts = { ...given, ...sealedTables, keyPolicy, encryptionKeyPolicy, findVault: readVault };
  scheduler.start(purgeJob(parts));
  scheduler.start(keyVersionJob(parts));
  scheduler.start(tokenObjectJob(parts));
  scheduler.start(certificateJob(parts));
  scheduler.start(keyRotationJob(parts));
  scheduler.start(encryptionKeyJob(parts));
  scheduler.start(signInCleanupJob(parts));
  scheduler.start(activityJob(parts));
  if (mail) scheduler.start(mailJob({ ...parts, setting: mail }));
}

/** Follows what other nodes change of the keys: with the next request that sees it, and where no request comes after a while. */
export function followKeys({ log }: { readonly log: Log }, store: Store, keyring: Keyring): NodeJS.Timeout {
  let isTold = false;
  const follow = async () => {
    await keyring.follow(store.reader).catch((error: Error) => {
      log.error('There are keys that this node cannot open.', { reason: error.message });
    });
    const { isSealStale } = keyring.roots;
    if (isSealStale && !isTold) log.warn(SEAL_CHANGED, { seal: keyring.roots.sealKind });
    isTold = isSealStale;
  };
  store.onGeneration(follow);
  return setInterval(() => void follow(), FOLLOW_MS).unref();
}
