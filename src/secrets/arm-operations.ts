import type { Answer, Call, Operation } from '../operations/operation.ts';
import { keyVaultVersions } from '../resources/arm-versions.ts';
import { segment, vaultScope } from '../resources/scopes.ts';
import { type ArmSecretParts, getArmSecret, listArmSecrets, patchArmSecret, putArmSecret } from './arm-secrets.ts';

const collection =
  '/subscriptions/:subscriptionId/resourceGroups/:group/providers/Microsoft.KeyVault/vaults/:vault/secrets';

type Row = Pick<Operation, 'id' | 'method' | 'body' | 'success'> & {
  readonly verb: 'read' | 'write';
  readonly ofOne: boolean;
  readonly run: (parts: ArmSecretParts, call: Call) => Promise<Answer>;
};

const rows: readonly Row[] = [
  {
    id: 'VaultSecretPut',
    method: 'PUT',
    verb: 'write',
    ofOne: true,
    body: 'json',
    success: [200, 201],
    run: putArmSecret,
  },
  {
    id: 'VaultSecretPatch',
    method: 'PATCH',
    verb: 'write',
    ofOne: true,
    body: 'json',
    success: [200, 201],
    run: patchArmSecret,
  },
  { id: 'VaultSecretGet', method: 'GET', verb: 'read', ofOne: true, body: 'none', success: [200], run: getArmSecret },
  {
    id: 'VaultSecretList',
    method: 'GET',
    verb: 'read',
    ofOne: false,
    body: 'none',
    success: [200],
    run: listArmSecrets,
  },
];

/** Secrets as resources of a vault (Microsoft.KeyVault, secrets.json): written and described on the management plane, never read. */
export function armSecretOperations(parts: ArmSecretParts): readonly Operation[] {
  return rows.map(({ verb, ofOne, run, ...row }) => ({
    ...row,
    plane: 'management',
    path: ofOne ? `${collection}/:secret` : collection,
    versions: keyVaultVersions,
    need: {
      kind: 'management',
      action: `Microsoft.KeyVault/vaults/secrets/${verb}`,
      scope: (parameters) =>
        ofOne ? `${vaultScope(parameters)}/secrets/${segment(parameters['secret'])}` : vaultScope(parameters),
    },
    throttle: 'none',
    run: (call) => run(parts, call),
  }));
}
