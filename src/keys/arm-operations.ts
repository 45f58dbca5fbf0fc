import type { Answer, Call, Operation } from '../operations/operation.ts';
import { keyVaultVersions } from '../resources/arm-versions.ts';
import { segment, vaultScope } from '../resources/scopes.ts';
import { type ArmKeyParts, getArmKey, listArmKeys, listArmKeyVersions, putArmKey } from './arm-keys.ts';

const collection =
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/Microsoft.KeyVault/vaults/:vault/keys';

type Run = (parts: ArmKeyParts, call: Call) => Promise<Answer>;

/** Keys as resources of a vault (Microsoft.KeyVault, keys.json): made and described on the management plane, never used. */
export function armKeyOperations(parts: ArmKeyParts): readonly Operation[] {
  const row = (id: string, method: 'GET' | 'PUT', path: string, action: string, run: Run): Operation => ({
    id,
    method,
    plane: 'management',
    path: `${collection}${path}`,
    versions: keyVaultVersions,
    need: {
      kind: 'management',
      action: `Microsoft.KeyVault/vaults/keys/${action}`,
      scope: (parameters) =>
        path === '' ? vaultScope(parameters) : `${vaultScope(parameters)}/keys/${segment(parameters['key'])}`,
    },
    throttle: 'none',
    body: method === 'PUT' ? 'json' : 'none',
    success: [200],
    run: (call) => run(parts, call),
  });
  return [
    row('VaultKeyPut', 'PUT', '/:key', 'write', putArmKey),
    row('VaultKeyGet', 'GET', '/:key', 'read', getArmKey),
    row('VaultKeyList', 'GET', '', 'read', listArmKeys),
    row('VaultKeyListVersions', 'GET', '/:key/versions', 'versions/read', listArmKeyVersions),
    row('VaultKeyGetVersion', 'GET', '/:key/versions/:version', 'versions/read', getArmKey),
  ];
}
