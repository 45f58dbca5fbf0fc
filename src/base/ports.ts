/**
 * Time and randomness as ports, so that rules stay pure and tests choose the moment.
 */

/** The wall clock. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** A source of cryptographically secure random bytes. */
export interface Random {
  /** `length` fresh bytes, `length` from 1 to 65,536. */
  bytes(length: number): Buffer;
}

/** What a request handler logs: one line, never a secret, key, token or signature. */
export interface Log {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}
