import { DAY } from '../base/text.ts';

/** What the schedule knows of a key that signs tokens; instants in milliseconds since the Unix epoch. */
export interface ScheduledKey {
  readonly kid: string;
  /** Since when it is published. */
  readonly created: number;
  /** From when it signs. */
  readonly signs: number;
  /** Whether its private part is still there. */
  readonly canSign: boolean;
}

/** How keys follow one another; milliseconds. */
export interface KeyPolicy {
  /** How long a key signs before the next one does. */
  readonly signsFor: number;
  /** How long a key is published before it signs: longer than anybody keeps the published keys. */
  readonly announcedFor: number;
}

/** Published and not signing yet; signing; published until the last token that it signed has ended. */
export type KeyState = 'announced' | 'signing' | 'retired';

/** What is to be done to the keys at a moment. */
export interface DueChanges {
  /** From when a key that is to be made now signs; null where none is due. */
  readonly announce: number | null;
  /** The keys whose private part is to be destroyed. */
  readonly destroy: readonly string[];
  /** The keys that are to be removed, since every token that they signed has ended. */
  readonly remove: readonly string[];
}

/** How long a retired key verifies: longer than the longest token (a managed identity's day), and clocks that differ. */
export const VERIFIES_FOR_MS = 2 * DAY;
/** How long a retired key could still sign: a node whose clock is behind goes on with it for a moment. */
export const MAY_SIGN_FOR_MS = 3_600_000;

/**
 * The place of the key that signs at `now`: the last whose time has come. Where none's has (the signing one was revoked, or
 * this clock is behind), the first that can.
 * @param keys in the order in which they sign
 */
export function signerAt(keys: readonly ScheduledKey[], now: number): number {
  const started = keys.findLastIndex((key) => key.canSign && key.signs <= now);
  return started >= 0 ? started : keys.findIndex((key) => key.canSign);
}

/** The state of the key at a place of the list. */
export function stateAt(keys: readonly ScheduledKey[], index: number, now: number): KeyState {
  const signer = signerAt(keys, now);
  if (index === signer) return 'signing';
  return index > signer ? 'announced' : 'retired';
}

/** When the last token of a key has ended at the latest; null while none follows it. */
export function endsAt(keys: readonly ScheduledKey[], index: number): number | null {
  const next = keys[index + 1];
  return next ? next.signs + VERIFIES_FOR_MS : null;
}

/** What is due at `now`. Doing it twice changes nothing. */
export function dueAt(keys: readonly ScheduledKey[], policy: KeyPolicy, now: number): DueChanges {
  const signer = signerAt(keys, now);
  const retired = keys.flatMap((key, index) => {
    const next = keys[index + 1];
    return index < signer && next ? [{ ...key, since: next.signs }] : [];
  });
  const current = keys[signer];
  const isLast = signer === keys.length - 1;
  const isDue = !current || (isLast && now >= current.signs + policy.signsFor - policy.announcedFor);
  const earliest = now + policy.announcedFor;
  return {
    announce: isDue ? (current ? Math.max(earliest, current.signs + policy.signsFor) : now) : null,
    destroy: retired.filter(({ canSign, since }) => canSign && now >= since + MAY_SIGN_FOR_MS).map(({ kid }) => kid),
    remove: retired.filter(({ since }) => now >= since + VERIFIES_FOR_MS).map(({ kid }) => kid),
  };
}
