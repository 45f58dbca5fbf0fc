/** How a message fared: taken, worth another try, or refused for good. */
export type DeliveryOutcome =
  | { readonly kind: 'taken' }
  | { readonly kind: 'later'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

const MINUTE = 60_000;
const LONGEST_PAUSE = 4 * 60 * MINUTE;
/** RFC 5321 §4.5.4.1: giving up takes at least four to five days. */
const GIVE_UP_AFTER = 5 * 24 * 60 * MINUTE;

/**
 * When a message that was not taken is tried again: after 1, 2, 4 … minutes, 4 hours at most, for five days. Null where it
 * is given up. Instants are milliseconds since the Unix epoch.
 * @param attempts how many there were, this one among them
 */
export function nextAttempt(created: number, attempts: number, now: number): number | null {
  const next = now + Math.min(MINUTE * 2 ** Math.min(attempts - 1, 20), LONGEST_PAUSE);
  return next - created > GIVE_UP_AFTER ? null : next;
}

/**
 * What an SMTP reply or an error of the connection means (RFC 5321 §4.2.1). Refused credentials are worth another try: the
 * operator mends them, and no message is lost for it.
 */
export function outcomeOf(error: {
  readonly responseCode?: number;
  readonly code?: string;
  readonly message: string;
}): DeliveryOutcome {
  const reason = plainText(error.message, 300);
  const isPermanent = (error.responseCode ?? 0) >= 500 && error.code !== 'EAUTH' && error.code !== 'ETLS';
  return { kind: isPermanent ? 'refused' : 'later', reason };
}

/** A text of one line: whatever would begin another header becomes a space. `length` is in characters. */
export function plainText(text: string, length: number): string {
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim()
    .slice(0, length);
}
