import type { IssuerHealth } from './issuer.ts';

/** What is kept of an issuer's looks, one a day. */
export interface HealthState {
  /** Since when it has been as it is; milliseconds since the Unix epoch. */
  readonly since: number;
  readonly health: IssuerHealth;
  /** When somebody was last told; null where nobody has been since it was good. */
  readonly told: number | null;
}

const DAY = 86_400_000;
/** An authority that cannot be reached for a night is nobody's alarm; credentials that it does not take are, at once. */
const PATIENCE_MS = 2 * DAY;
const TOLD_AGAIN_MS = 7 * DAY;

/** Whether somebody is to be told now, and of what. */
export interface HealthJudgement {
  readonly state: HealthState;
  readonly alarm: 'none' | 'went-bad' | 'still-bad' | 'recovered';
}

/**
 * What a look at an issuer means: refused credentials alarm at once, an unreachable authority after two days, both again each
 * week, and the end of it once.
 * @param before what the last look left; null for the first
 */
export function judgeHealth(before: HealthState | null, health: IssuerHealth, now: number): HealthJudgement {
  if (health.isGood) {
    const since = before?.health.isGood ? before.since : now;
    const wasTold = before !== null && !before.health.isGood && before.told !== null;
    return { state: { since, health, told: null }, alarm: wasTold ? 'recovered' : 'none' };
  }
  const wasBad = before !== null && !before.health.isGood;
  const since = wasBad ? before.since : now;
  const told = wasBad ? before.told : null;
  const isQuiet = isUnreachable(health) && now - since < PATIENCE_MS;
  const isDue = told === null ? !isQuiet : now - told >= TOLD_AGAIN_MS;
  if (!isDue) return { state: { since, health, told }, alarm: 'none' };
  return { state: { since, health, told: now }, alarm: told === null ? 'went-bad' : 'still-bad' };
}

function isUnreachable(health: Extract<IssuerHealth, { readonly isGood: false }>): boolean {
  return health.code === 'issuer-unreachable' || health.code === 'issuer-busy' || health.code === 'issuer-answer';
}
