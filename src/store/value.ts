import type { Value } from './port.ts';

/**
 * Refuses values that one of the databases could not give back as they are: text with U+0000 (PostgreSQL has no such text) or
 * with half a surrogate pair (it is not UTF-8), numbers other than safe integers (no column holds fractions, and beyond 2^53
 * they are no longer exact), and anything that is not a {@link Value}, `undefined` first of all. Drivers call it on every
 * statement, so that what passes on one database passes on the other.
 * @throws TypeError naming the position, never the value
 */
export function assertStorable(values: readonly Value[]): void {
  // By index: this runs for every statement, and an iterator costs more than the check.
  for (let index = 0; index < values.length; index++) {
    const fault = faultOf(values[index]!);
    if (fault) throw new TypeError(`Value ${index + 1} of the statement cannot be stored: ${fault}.`);
  }
}

function faultOf(value: Value): string | null {
  if (typeof value === 'string') {
    if (value.includes('\u0000')) return 'it is text with the character U+0000';
    return value.isWellFormed() ? null : 'it is text with half a surrogate pair';
  }
  if (typeof value === 'number') return Number.isSafeInteger(value) ? null : 'it is a number but no safe integer';
  if (value === null || value instanceof Uint8Array) return null;
  return `its type is ${typeof value}`;
}
