import type { ApiVersions, Operation } from '../operations/operation.ts';
import { deleteLock, getLock, listScopeLocks, putLock } from './locks.ts';
import type { ResourceParts } from './parts.ts';
import { type ScopeRow, scopedOperations, scopeTemplates } from './scope-operations.ts';

/** Microsoft.Authorization/locks. */
export const lockVersions: ApiVersions = { known: ['2015-01-01', '2016-09-01', '2017-04-01', '2020-05-01'] };

const locks = '/providers/Microsoft.Authorization/locks';
const suffix = `${locks}/:lock`;
const action = 'Microsoft.Authorization/locks';

const rows: readonly ScopeRow[] = [
  { id: 'LockPut', method: 'PUT', suffix, action: `${action}/write`, success: [200, 201], run: putLock },
  { id: 'LockGet', method: 'GET', suffix, action: `${action}/read`, success: [200], run: getLock },
  { id: 'LockDelete', method: 'DELETE', suffix, action: `${action}/delete`, success: [200, 204], run: deleteLock },
  { id: 'LockList', method: 'GET', suffix: locks, action: `${action}/read`, success: [200], run: listScopeLocks },
];

/** The rows of management locks, at every form of scope. */
export function lockOperations(parts: ResourceParts): readonly Operation[] {
  return scopedOperations(parts, lockVersions, Object.values(scopeTemplates), rows);
}
