import type { Named } from '../objects/object-queries.ts';
import type { Session, Transaction } from '../store/port.ts';
import { readPolicy, setRotationDue } from './repository.ts';
import { type Lifetime, type RotationPolicy, rotationDue } from './rotation-policy.ts';

/** The stored policy of a key, or null. */
export async function policyOf(session: Session, named: Named): Promise<RotationPolicy | null> {
  const row = await readPolicy.first(session, named);
  return row?.rotation_policy ? (JSON.parse(row.rotation_policy) as RotationPolicy) : null;
}

/** Notes when the policy of a key makes its next version, now that this one is the current one. */
export async function scheduleRotation(transaction: Transaction, named: Named, current: Lifetime): Promise<void> {
  const policy = await policyOf(transaction, named);
  await setRotationDue.change(transaction, { ...named, rotateAt: rotationDue(policy, current) });
}
