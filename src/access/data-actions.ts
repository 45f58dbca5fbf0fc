/** Every data action of a vault (Microsoft.KeyVault resource provider operations), by its collection. */
const byCollection: Readonly<Record<string, readonly string[]>> = {
  secrets: [
    'getSecret/action',
    'setSecret/action',
    'readMetadata/action',
    'update/action',
    'delete',
    'recover/action',
    'backup/action',
    'restore/action',
    'purge/action',
  ],
  keys: [
    'read',
    'update/action',
    'create/action',
    'import/action',
    'delete',
    'recover/action',
    'backup/action',
    'restore/action',
    'purge/action',
    'encrypt/action',
    'decrypt/action',
    'wrap/action',
    'unwrap/action',
    'sign/action',
    'verify/action',
    'release/action',
    'rotate/action',
  ],
  keyrotationpolicies: ['read', 'write'],
  certificates: [
    'read',
    'create/action',
    'import/action',
    'update/action',
    'delete',
    'recover/action',
    'backup/action',
    'restore/action',
    'purge/action',
  ],
  certificatecontacts: ['write'],
  certificatecas: ['read', 'write', 'delete'],
};

/** Every data action by its full name. */
export const vaultDataActions: readonly string[] = Object.entries(byCollection).flatMap(([collection, actions]) =>
  actions.map((action) => `Microsoft.KeyVault/vaults/${collection}/${action}`),
);
