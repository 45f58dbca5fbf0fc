import type { ObjectKind } from '../../operations/operation.ts';
import { policyPermissions } from '../../resources/access-policies.ts';
import type { AccessPolicy } from '../../resources/vault.ts';
import type { PolicyPermission } from '../verdict.ts';

/**
 * The data actions that do what each permission of access policies allows (Key Vault, "Azure RBAC vs. access policies", and the
 * operations served here: getting a deleted secret takes `get`, and as a role its metadata).
 */
const actions: Readonly<Record<ObjectKind, Readonly<Record<string, readonly string[]>>>> = {
  secrets: {
    get: ['secrets/getSecret/action', 'secrets/readMetadata/action'],
    list: ['secrets/readMetadata/action'],
    set: ['secrets/setSecret/action', 'secrets/update/action'],
    delete: ['secrets/delete'],
    backup: ['secrets/backup/action'],
    restore: ['secrets/restore/action'],
    recover: ['secrets/recover/action'],
    purge: ['secrets/purge/action'],
  },
  keys: {
    get: ['keys/read'],
    list: ['keys/read'],
    encrypt: ['keys/encrypt/action'],
    decrypt: ['keys/decrypt/action'],
    wrapkey: ['keys/wrap/action'],
    unwrapkey: ['keys/unwrap/action'],
    sign: ['keys/sign/action'],
    verify: ['keys/verify/action'],
    create: ['keys/create/action'],
    update: ['keys/update/action'],
    import: ['keys/import/action'],
    delete: ['keys/delete'],
    backup: ['keys/backup/action'],
    restore: ['keys/restore/action'],
    recover: ['keys/recover/action'],
    purge: ['keys/purge/action'],
    release: ['keys/release/action'],
    rotate: ['keys/rotate/action'],
    getrotationpolicy: ['keyrotationpolicies/read'],
    setrotationpolicy: ['keyrotationpolicies/write'],
  },
  certificates: {
    get: ['certificates/read'],
    list: ['certificates/read'],
    delete: ['certificates/delete'],
    create: ['certificates/create/action'],
    import: ['certificates/import/action'],
    update: ['certificates/update/action'],
    managecontacts: ['certificatecontacts/write'],
    getissuers: ['certificatecas/read'],
    listissuers: ['certificatecas/read'],
    setissuers: ['certificatecas/write'],
    deleteissuers: ['certificatecas/delete'],
    manageissuers: ['certificatecas/write'],
    recover: ['certificates/recover/action'],
    purge: ['certificates/purge/action'],
    backup: ['certificates/backup/action'],
    restore: ['certificates/restore/action'],
  },
  // Managed storage accounts know access policies alone.
  storage: {},
};

/** The data actions that a permission stands for; none where roles have nothing like it. */
export function dataActionsOf({ of, name }: PolicyPermission): readonly string[] {
  return (actions[of][name.toLowerCase()] ?? []).map((action) => `Microsoft.KeyVault/vaults/${action}`);
}

/** Every permission that an entry gives, `all` written out: it leaves out purge. */
export function permissionsOf(policy: AccessPolicy): readonly PolicyPermission[] {
  return (Object.keys(policyPermissions) as ObjectKind[]).flatMap((of) => {
    const given = policy.permissions[of] ?? [];
    return policyPermissions[of]
      .map((name) => name.toLowerCase())
      .filter((name) => name !== 'all' && (given.includes(name) || (given.includes('all') && name !== 'purge')))
      .map((name) => ({ of, name }));
  });
}
