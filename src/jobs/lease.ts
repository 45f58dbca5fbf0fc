import { statement } from '../store/statement.ts';
import type { Store } from '../store/store.ts';

interface LeaseRow {
  holder: string;
  fence: number;
  expires: number;
}

const readLease = statement<{ name: string }, LeaseRow>((db, p) =>
  db.selectFrom('leases').select(['holder', 'fence', 'expires']).where('name', '=', p('name')),
);
const writeLease = statement<{ name: string; holder: string; fence: number; expires: number }>((db, p) =>
  db
    .insertInto('leases')
    .values({ name: p('name'), holder: p('holder'), fence: p('fence'), expires: p('expires') })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ holder: p('holder'), fence: p('fence'), expires: p('expires') }),
    ),
);

/** The right to work on something for a while. Its fence grows with each new holder. */
export interface Lease {
  readonly name: string;
  readonly fence: number;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
}

/**
 * Takes or renews a lease, or gives null while another node holds it.
 * @param milliseconds how long it lasts from `now`
 */
export function takeLease(
  store: Store,
  name: string,
  holder: string,
  now: number,
  milliseconds: number,
): Promise<Lease | null> {
  return store.write(async (transaction) => {
    const held = await readLease.first(transaction, { name });
    if (held && held.holder !== holder && held.expires > now) return null;
    const fence = held?.holder === holder ? held.fence : (held?.fence ?? 0) + 1;
    const expires = now + milliseconds;
    await writeLease.change(transaction, { name, holder, fence, expires });
    return { name, fence, expires };
  });
}

/** Whether the lease is still the newest of its name: asked inside each transaction that works under it. */
export async function holdsLease(session: Parameters<typeof readLease.first>[0], lease: Lease): Promise<boolean> {
  const held = await readLease.first(session, { name: lease.name });
  return held?.fence === lease.fence;
}
