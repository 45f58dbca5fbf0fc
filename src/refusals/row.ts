import type { CheckName } from '../operations/decision.ts';

/** One refusal, as data. Templates are filled from the facts of the request: `{name}`. */
export interface RefusalRow {
  /** The check that refuses. */
  readonly check: CheckName;
  readonly status: number;
  /** `error.code` on the wire (OAuth's `error` at the token endpoints). */
  readonly error: string;
  /** `error.code` on the management plane, where its word is another. */
  readonly management?: string;
  /** `error.innererror.code` on the wire. */
  readonly inner?: string;
  /** Entra's number at the token endpoints: 7000215 is shown as AADSTS7000215. */
  readonly aadsts?: number;
  /** What the caller is told; holds nothing that only those who manage access may know. */
  readonly message: string;
  /** The cause in one sentence, for the operator. */
  readonly cause: string;
  /** What mends it, as commands to run or a step to take. */
  readonly remedy: readonly string[];
}

/** Checks the rows' type and keeps their codes. */
export function rows<const Rows extends Readonly<Record<string, RefusalRow>>>(table: Rows): Rows {
  return Object.freeze(table);
}
