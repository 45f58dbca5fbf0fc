import type { Clock } from '../base/ports.ts';
import type { Job } from '../jobs/scheduler.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session } from '../store/port.ts';
import type { AlarmParts } from './alarm.ts';
import type { CertificateParts } from './parts.ts';
import { dueActions, dueIssuers, dueOperations } from './repository.ts';

/** What the job of certificates needs beside the room's own parts. */
export interface CertificateJobParts extends Omit<CertificateParts, 'pager'>, AlarmParts {
  readonly clock: Clock;
  readonly findVault: (session: Session, id: string) => Promise<Vault | null>;
}

/**
 * Follows the policies of certificates: begins renewals, tells contacts, works on the orders that wait at authorities, and looks at
 * each issuer once a day. Where nothing is due, nothing is loaded for it.
 */
export function certificateJob(parts: CertificateJobParts): Job {
  return {
    name: 'certificates',
    everyMilliseconds: 10_000,
    run: async (lease, now) => {
      const asked = { now, limit: 1 };
      if (await dueActions.first(parts.store.reader, asked)) {
        const { followPolicies } = await import('./lifetime-work.ts');
        await followPolicies(parts, lease, now);
      }
      if (await dueOperations.first(parts.store.reader, asked)) {
        const { workOnOrders } = await import('./order-work.ts');
        await workOnOrders(parts, lease, now);
      }
      if (await dueIssuers.first(parts.store.reader, asked)) {
        const { lookAtIssuers } = await import('./issuer-look.ts');
        await lookAtIssuers(parts, lease, now);
      }
    },
  };
}
