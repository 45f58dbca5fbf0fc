import { DAY } from '../base/text.ts';
import { type CertificatePolicy, canRenew, type LifetimeTrigger } from './policy.ts';

/** The life of a version, in milliseconds since the Unix epoch. */
export interface CertificateLife {
  readonly starts: number;
  readonly ends: number;
}

/** What a moment asks for: to begin a renewal, to tell the contacts, or to tell them that it is over. */
export interface LifetimeDue {
  readonly at: number;
  readonly what: 'renew' | 'tell' | 'expired';
}

const WEEK = 7 * DAY;

/** When a trigger falls in a life; never before its start. */
export function triggeredAt(trigger: LifetimeTrigger, { starts, ends }: CertificateLife): number {
  const at =
    'lifetimePercentage' in trigger
      ? starts + Math.floor(((ends - starts) * trigger.lifetimePercentage) / 100)
      : ends - trigger.daysBeforeExpiry * DAY;
  return Math.max(starts, at);
}

/** When a certificate is to be renewed, or null where nobody is asked to or can. */
export function renewalAt(policy: CertificatePolicy, life: CertificateLife): number | null {
  const action = policy.lifetimeActions.find(({ type }) => type === 'AutoRenew');
  return action && canRenew(policy) ? triggeredAt(action.trigger, life) : null;
}

/**
 * The next thing to do for a certificate after a moment, or null where there is nothing more. Contacts are told when their action
 * says so and weekly from then, and, whatever the policy says, daily in the last week and at the end: nothing ends silently. A
 * renewal that nobody can make is told instead.
 * @param after milliseconds since the Unix epoch: what is due at it or before has been seen to
 */
export function nextDue(policy: CertificatePolicy, life: CertificateLife, after: number): LifetimeDue | null {
  const dues: LifetimeDue[] = [{ at: life.ends, what: 'expired' }];
  const renewal = renewalAt(policy, life);
  if (renewal !== null) dues.push({ at: renewal, what: 'renew' });
  for (const { type, trigger } of policy.lifetimeActions) {
    if (type === 'AutoRenew' && canRenew(policy)) continue;
    const first = triggeredAt(trigger, life);
    dues.push({ at: nextOf(first, WEEK, after), what: 'tell' });
  }
  dues.push({ at: nextOf(life.ends - WEEK, DAY, after), what: 'tell' });
  const coming = dues.filter(({ at }) => at > after && at <= life.ends).sort((a, b) => a.at - b.at);
  return coming[0] ?? null;
}

/** The first of a row of moments, from `first` on, that comes after another. */
function nextOf(first: number, step: number, after: number): number {
  return first > after ? first : first + (Math.floor((after - first) / step) + 1) * step;
}
