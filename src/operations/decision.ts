/** The checks of the pipeline, in the order in which they run. */
export const checkNames = [
  'request',
  'vault',
  'authenticate',
  'network',
  'authorise',
  'throttle',
  'body',
  'state',
  'record',
] as const;

/** One of {@link checkNames}. */
export type CheckName = (typeof checkNames)[number];

/** What a check looked at: ids, names, times and settings; never a secret value, key, token or signature. */
export type Facts = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** One check's result. */
export interface Check {
  readonly check: CheckName;
  readonly outcome: 'passed' | 'refused';
  /** The refusal's code where it was refused. */
  readonly code?: string;
  readonly facts: Facts;
}

/** The ordered checks of one request: the one source of the wire error, the audit record, the metric and the diagnosis. */
export interface Decision {
  readonly requestId: string;
  readonly checks: Check[];
}
