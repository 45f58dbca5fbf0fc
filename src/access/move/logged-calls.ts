import type { Need, Operation } from '../../operations/operation.ts';
import type { Vault } from '../../resources/vault.ts';
import type { ObjectScope } from '../authorise.ts';

/** An operation of the data plane that a right is needed for. */
export type DataRow = Pick<Operation, 'id' | 'method' | 'path'> & {
  readonly need: Extract<Need, { readonly kind: 'data' }>;
};

/** A call that was let in, as the audit log has it. */
export interface LoggedCall {
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly oid: string;
  readonly appId: string;
  readonly row: DataRow;
  readonly object: ObjectScope | null;
}

interface StoredCall {
  readonly time: string;
  readonly operationName: string;
  readonly identity: { readonly claim?: { readonly oid: string; readonly appid: string } };
  readonly properties: { readonly requestUri: string; readonly httpMethod: string };
}

/** Finds the calls in audit records that a vault let in since an instant, whatever they met after they were let in. */
export class LoggedCalls {
  /** Calls that were let in, of operations that are not there (any more). */
  unknown = 0;
  readonly #rows = new Map<string, DataRow[]>();
  readonly #mark: string;
  readonly #since: number;

  constructor(operations: readonly Operation[], vault: Vault, since: number) {
    for (const { id, audit, method, path, need } of operations) {
      if (need.kind !== 'data') continue;
      const name = audit ?? id;
      this.#rows.set(name, [...(this.#rows.get(name) ?? []), { id: name, method, path, need }]);
    }
    // As the record is written: what callers send is in it too, but with its quotation marks escaped.
    this.#mark = `"resourceId":${JSON.stringify(vault.resourceId.toUpperCase())}`;
    this.#since = since;
  }

  *of(records: string): Generator<LoggedCall> {
    for (const line of records.split('\n')) {
      if (!line.includes(this.#mark) || !/"isAccessPolicyMatch":true|"isRbacAuthorized":true/.test(line)) continue;
      const { time, operationName, identity, properties } = JSON.parse(line) as StoredCall;
      const instant = Date.parse(time);
      if (instant < this.#since || !identity.claim) continue;
      const { pathname } = new URL(properties.requestUri);
      const segments = pathname.split('/').filter((segment) => segment !== '');
      const row = this.#rows
        .get(operationName)
        ?.find(({ method, path }) => method === properties.httpMethod && fits(path, segments));
      if (!row) {
        this.unknown += 1;
        continue;
      }
      yield {
        time: instant,
        oid: identity.claim.oid,
        appId: identity.claim.appid,
        row,
        object: objectOf(row, segments),
      };
    }
  }
}

function fits(path: string, segments: readonly string[]): boolean {
  const template = path.split('/').slice(1);
  return (
    template.length === segments.length &&
    template.every((part, index) => part.startsWith(':') || part.toLowerCase() === segments[index]!.toLowerCase())
  );
}

function objectOf({ path, need }: DataRow, segments: readonly string[]): ObjectScope | null {
  const index = path.split('/').slice(1).indexOf(':name');
  if (need.object === undefined || index < 0) return null;
  return { kind: need.object, name: decodeURIComponent(segments[index]!) };
}
