import ipaddr from 'ipaddr.js';
import { DAY } from '../base/text.ts';

/** Wrong attempts at something, and until when no more are heard; instants are milliseconds since the Unix epoch. */
export interface Failures {
  readonly failures: number;
  readonly lockedUntil: number;
  readonly last: number;
}

/** How many attempts may fail before the first lock, by what they are counted for. */
export const attemptsAllowed = {
  /** One person's name from one address. */
  pair: 10,
  /** One person's name from every address that the person has not signed in from. */
  name: 100,
  /** One address, whichever names it tries. */
  address: 100,
  /** Codes of devices typed in from one address. */
  userCode: 20,
} as const;

const FIRST_LOCK_MS = 60_000;
const LONGEST_LOCK_MS = 3_600_000;

/** Failures are forgotten this long after the last one. */
export const FORGET_FAILURES_MS = DAY;
/** An address is familiar for a person this long after the last sign-in from it. */
export const FORGET_ADDRESS_MS = 30 * DAY;

/** Whether attempts are heard now. */
export function isLocked(before: Failures | null, now: number): boolean {
  return before !== null && now < before.lockedUntil;
}

/**
 * What holds after one more attempt failed: from the one that uses up what is allowed on, a lock of one minute, twice as
 * long with each failure after that, at most one hour.
 */
export function afterFailure(before: Failures | null, allowed: number, now: number): Failures {
  const failures = 1 + (before && now - before.last < FORGET_FAILURES_MS ? before.failures : 0);
  const over = failures - allowed;
  const lock = over < 0 ? 0 : Math.min(FIRST_LOCK_MS * 2 ** Math.min(over, 10), LONGEST_LOCK_MS);
  return { failures, lockedUntil: lock === 0 ? 0 : now + lock, last: now };
}

/** What an address counts as: itself, or of IPv6 the network of 64 bits, any address of which its holder can take. */
export function addressGroup(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6
    ? `${parsed.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')}::/64`
    : parsed.toString();
}
