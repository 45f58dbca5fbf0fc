import type { Answer, ApiVersions, Call, Method, Operation } from '../operations/operation.ts';
import { deleteLock, getLock, listScopeLocks, putLock } from './locks.ts';
import type { ResourceParts } from './parts.ts';
import { segment } from './scopes.ts';

/** Microsoft.Authorization/locks. */
export const lockVersions: ApiVersions = { known: ['2015-01-01', '2016-09-01', '2017-04-01', '2020-05-01'] };

/** Every form of scope that a lock may be at, as the path before `/providers/Microsoft.Authorization`. */
const scopeTemplates = [
  '/subscriptions/:subscriptionId',
  '/subscriptions/:subscriptionId/resourceGroups/:group',
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/:namespace/:type/:resource',
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/:namespace/:type/:resource/:childType/:child',
];

interface Row {
  readonly id: string;
  readonly method: Method;
  readonly one: boolean;
  readonly verb: 'read' | 'write' | 'delete';
  readonly success: readonly number[];
  readonly run: (parts: ResourceParts, call: Call, scope: string) => Promise<Answer>;
}

const table: readonly Row[] = [
  { id: 'LockPut', method: 'PUT', one: true, verb: 'write', success: [200, 201], run: putLock },
  { id: 'LockGet', method: 'GET', one: true, verb: 'read', success: [200], run: getLock },
  { id: 'LockDelete', method: 'DELETE', one: true, verb: 'delete', success: [200, 204], run: deleteLock },
  { id: 'LockList', method: 'GET', one: false, verb: 'read', success: [200], run: listScopeLocks },
];

/** The rows of management locks, at every form of scope. */
export function lockOperations(parts: ResourceParts): readonly Operation[] {
  return scopeTemplates.flatMap((template) => table.map((row) => toOperation(parts, template, row)));
}

function toOperation(parts: ResourceParts, template: string, row: Row): Operation {
  const scope = (parameters: Readonly<Record<string, string>>) =>
    template.replace(/:(\w+)/g, (_, name: string) => segment(parameters[name]));
  return {
    id: row.id,
    plane: 'management',
    method: row.method,
    path: `${template}/providers/Microsoft.Authorization/locks${row.one ? '/:lock' : ''}`,
    versions: lockVersions,
    need: { kind: 'management', action: `Microsoft.Authorization/locks/${row.verb}`, scope },
    throttle: 'none',
    body: row.method === 'PUT' ? 'json' : 'none',
    success: row.success,
    run: (call) => row.run(parts, call, scope(call.parameters)),
  };
}
