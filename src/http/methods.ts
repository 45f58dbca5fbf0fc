import type { Method, Operation, Plane } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import { Refusal } from '../refusals/refusal.ts';

const verbs: readonly Method[] = ['GET', 'PUT', 'PATCH', 'POST', 'DELETE'];

/** The rows, and one for each verb that a known path does not have: it answers 405 with what the path does have. */
export function withMethodRows(operations: readonly Operation[]): readonly Operation[] {
  const templates = operations.map(template);
  const paths = new Map<string, Operation[]>();
  for (const operation of operations) {
    const shape = `${operation.plane} ${operation.path.replace(/:[^/]+/g, ':').toLowerCase()}`;
    paths.set(shape, [...(paths.get(shape) ?? []), operation]);
  }
  const refused = [...paths.values()].flatMap((rows) => {
    const allowed = rows.map((row) => row.method);
    const path = template(rows[0]!);
    const served = new Set(templates.filter((row) => covers(row, path)).map(({ method }) => method));
    return verbs.filter((verb) => !served.has(verb)).map((verb) => refusing(rows[0]!, verb, allowed));
  });
  return [...operations, ...refused];
}

interface Template {
  readonly method: Method;
  readonly plane: Plane;
  readonly segments: readonly string[];
}

function template({ method, plane, path }: Operation): Template {
  return { method, plane, segments: path.toLowerCase().split('/') };
}

/** Whether a template takes every path of another: `/secrets/:name` takes `/secrets/restore`, a name like any. */
function covers(one: Template, other: Template): boolean {
  return (
    one.plane === other.plane &&
    one.segments.length === other.segments.length &&
    one.segments.every((segment, index) => segment.startsWith(':') || segment === other.segments[index])
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
