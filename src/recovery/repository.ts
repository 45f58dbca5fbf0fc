import { findVaultById } from '../resources/repository.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session } from '../store/port.ts';
import { statement } from '../store/statement.ts';

const dueVaultIds = statement<{ now: number; limit: number }, { id: string }>((db, p) =>
  db
    .selectFrom('vaults')
    .select('id')
    .where('purge_at', 'is not', null)
    .where('purge_at', '<=', p('now'))
    .orderBy('purge_at')
    .limit(p('limit')),
);

/** Deleted vaults whose retention has ended at `now`, at most `limit`. */
export async function dueVaults(session: Session, now: number, limit: number): Promise<readonly Vault[]> {
  const found: Vault[] = [];
  for (const { id } of await dueVaultIds.all(session, { now, limit })) {
    const vault = await findVaultById(session, id);
    if (vault) found.push(vault);
  }
  return found;
}
