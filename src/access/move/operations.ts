import type { Answer, ApiVersions, Call, Operation } from '../../operations/operation.ts';
import { vaultScope } from '../../resources/scopes.ts';
import { assignmentActions } from '../delegation.ts';
import type { MoveParts } from './parts.ts';

/** The api-version of the permission model's operations. */
export const MOVE_API_VERSION = '2026-01-01';

const path =
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/Microsoft.KeyVault/vaults/:vault/providers/Strongroom.Access/permissionModel';
const versions: ApiVersions = { known: [MOVE_API_VERSION] };
const WRITE = 'Microsoft.KeyVault/vaults/write';

type Run = (parts: MoveParts, call: Call) => Promise<Answer>;

/**
 * The rows of a vault's permission model: what it is, planning a move to the other, applying a plan, undoing it. Their code is read
 * when somebody asks, which is seldom.
 */
export function moveOperations(parts: MoveParts): readonly Operation[] {
  const row = (
    id: string,
    method: 'GET' | 'POST',
    verb: string,
    action: string,
    load: () => Promise<Run>,
  ): Operation => ({
    id,
    plane: 'management',
    method,
    path: `${path}${verb}`,
    versions,
    need: { kind: 'management', action, scope: vaultScope },
    throttle: 'none',
    body: method === 'POST' && verb !== '/revert' ? 'json' : 'none',
    success: [200],
    run: async (call) => (await load())(parts, call),
  });
  return [
    row('PermissionModelGet', 'GET', '', assignmentActions.read, async () => (await import('./preview.ts')).getModel),
    row(
      'PermissionModelPlan',
      'POST',
      '/plan',
      assignmentActions.read,
      async () => (await import('./preview.ts')).previewPlan,
    ),
    row('PermissionModelApply', 'POST', '/apply', WRITE, async () => (await import('./apply.ts')).applyPlan),
    row('PermissionModelRevert', 'POST', '/revert', WRITE, async () => (await import('./revert.ts')).revertChange),
  ];
}
