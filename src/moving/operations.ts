import { assignmentActions } from '../access/delegation.ts';
import type { Answer, ApiVersions, Call, Operation } from '../operations/operation.ts';
import { vaultScope } from '../resources/scopes.ts';
import type { MovingParts } from './parts.ts';

const path =
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/Microsoft.KeyVault/vaults/:vault/providers/Strongroom.Resources/move';
const versions: ApiVersions = { known: ['2026-01-01'] };
const READ = 'Microsoft.KeyVault/vaults/read';
const WRITE = 'Microsoft.KeyVault/vaults/write';

type Run = (parts: MovingParts, call: Call) => Promise<Answer>;

const rows: readonly (readonly [
  id: string,
  method: 'GET' | 'POST',
  verb: string,
  action: string,
  load: () => Promise<Run>,
])[] = [
  ['VaultMoveGet', 'GET', '', READ, async () => (await import('./plan.ts')).getMove],
  ['VaultMovePlan', 'POST', '/plan', assignmentActions.read, async () => (await import('./plan.ts')).planMove],
  ['VaultMoveApply', 'POST', '/apply', WRITE, async () => (await import('./apply.ts')).applyMove],
  ['VaultMoveFinish', 'POST', '/finish', WRITE, async () => (await import('./finish.ts')).finishMove],
  ['VaultMoveAbandon', 'POST', '/abandon', WRITE, async () => (await import('./abandon.ts')).abandonMove],
];

/**
 * The rows of moving a vault to another, as one of another tier: how far it has come, planning, carrying, ending, giving up. Their
 * code is read when somebody asks, which is seldom.
 */
export function movingOperations(parts: MovingParts): readonly Operation[] {
  return rows.map(([id, method, verb, action, load]) => ({
    id,
    plane: 'management',
    method,
    path: `${path}${verb}`,
    versions,
    need: { kind: 'management', action, scope: vaultScope },
    throttle: 'none',
    body: method === 'POST' ? 'json' : 'none',
    success: [200],
    run: async (call) => (await load())(parts, call),
  }));
}
