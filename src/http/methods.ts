import type { Method, Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { Refusal } from '../refusals/refusal.ts';

const verbs: readonly Method[] = ['GET', 'PUT', 'PATCH', 'POST', 'DELETE'];

/** The rows, and one for each verb that a known path does not have: it answers 405 with what the path does have. */
export function withMethodRows(operations: readonly Operation[]): readonly Operation[] {
  const paths = new Map<string, Operation[]>();
  for (const operation of operations) {
    const shape = `${operation.plane} ${operation.path.replace(/:[^/]+/g, ':').toLowerCase()}`;
    paths.set(shape, [...(paths.get(shape) ?? []), operation]);
  }
  const refused = [...paths.values()].flatMap((rows) => {
    const allowed = rows.map((row) => row.method);
    const isServed = (verb: Method) => operations.some((row) => row.method === verb && covers(row, rows[0]!));
    return verbs.filter((verb) => !isServed(verb)).map((verb) => refusing(rows[0]!, verb, allowed));
  });
  return [...operations, ...refused];
}

/** Whether a row's template takes every path of another's: `/secrets/:name` takes `/secrets/restore`, a name like any. */
function covers(row: Operation, other: Operation): boolean {
  const segments = row.path.toLowerCase().split('/');
  const others = other.path.toLowerCase().split('/');
  return (
    row.plane === other.plane &&
    segments.length === others.length &&
    segments.every((segment, index) => segment.startsWith(':') || segment === others[index])
  );
}

function refusing(row: Operation, method: Method, allowed: readonly Method[]): Operation {
  return {
    id: 'MethodNotAllowed',
    plane: row.plane,
    method,
    path: row.path,
    versions: noVersions,
    need: { kind: row.need.kind === 'anonymous' ? 'anonymous' : 'authenticated' },
    throttle: 'none',
    body: 'none',
    success: [],
    run: async () => {
      throw new Refusal('method-not-allowed', { method, allowed: [...new Set(allowed)] });
    },
  };
}
