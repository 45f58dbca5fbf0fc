import type { HostName } from './hosts.ts';
import type { Operation } from './operation.ts';

/** A request as `http` hands it over: routed, nothing of it judged yet, its body unread. */
export interface Incoming {
  readonly operation: Operation;
  readonly host: HostName;
  readonly method: string;
  /** Path as received, without the query. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly clientAddress: string;
  /** As the audit log writes it: `TLS1_3`, `TLS1_2`, or the empty text. */
  readonly tlsVersion: string;
}
