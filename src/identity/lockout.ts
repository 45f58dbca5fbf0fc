import ipaddr from 'ipaddr.js';
import { DAY } from '../base/text.ts';

/** Wrong attempts at something, and until when no more are heard; instants are milliseconds since the Unix epoch. */
export interface Failures {
  readonly failures: number;
  readonly lockedUntil: number;
  /** Up to when failures have been forgiven: the time of the last one, less a part of what it takes to forgive one. */
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

/** So long after the last failure all that are allowed have been forgiven, one after the other, and there is nothing to keep. */
export const FORGET_FAILURES_MS = DAY;
/** An address is familiar for a person this long after the last sign-in from it. */
export const FORGET_ADDRESS_MS = 30 * DAY;

/** Whether attempts are heard now. */
export function isLocked(before: Failures | null, now: number): boolean {
  return before !== null && now < before.lockedUntil;
}

/**
 * What holds after one more attempt failed: from the one that uses up what is allowed on, a lock of one minute, twice as
 * long with each failure after that, at most one hour. As many failures as are allowed are forgiven in a day, evenly: an office
 * behind one address mistypes every day, and is no attacker for that.
 */
export function afterFailure(before: Failures | null, allowed: number, now: number): Failures {
  const left = before ? afterQuiet(before, allowed, now) : null;
  const failures = 1 + (left?.failures ?? 0);
  const over = failures - allowed;
  const lock = over < 0 ? 0 : Math.min(FIRST_LOCK_MS * 2 ** Math.min(over, 10), LONGEST_LOCK_MS);
  return { failures, lockedUntil: lock === 0 ? 0 : now + lock, last: left?.last ?? now };
}

/** What still counts, and up to when it has been forgiven; null where nothing counts any more. */
function afterQuiet(before: Failures, allowed: number, now: number): Pick<Failures, 'failures' | 'last'> | null {
  const span = FORGET_FAILURES_MS / allowed;
  const forgiven = Math.max(0, Math.floor((now - before.last) / span));
  const failures = before.failures - forgiven;
  if (failures <= 0 || now - before.last >= FORGET_FAILURES_MS) return null;
  return { failures, last: before.last + forgiven * span };
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
