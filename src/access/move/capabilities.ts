import type { ObjectKind } from '../../operations/operation.ts';
import { policyPermissions } from '../../resources/access-policies.ts';
import type { AccessPolicy } from '../../resources/vault.ts';

/**
 * What both models can tell apart: an operation needs one permission of access policies, and one data action as a role.
 * Permissions gather some of these, data actions others, and neither gathers the other's exactly.
 */
export interface Capability {
  readonly of: ObjectKind;
  /** The permission of access policies, in lower case. */
  readonly name: string;
  /** The data action, in full. */
  readonly action: string;
}

/**
 * The data actions of the operations that each permission of access policies allows (Key Vault, "Azure RBAC vs. access
 * policies", and the operations served here: getting a deleted secret takes `get`, and as a role its metadata).
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

/** Every capability there is. */
export const capabilities: readonly Capability[] = (Object.keys(actions) as ObjectKind[]).flatMap((of) =>
  Object.entries(actions[of]).flatMap(([name, names]) =>
    names.map((action) => ({ of, name, action: `Microsoft.KeyVault/vaults/${action}` })),
  ),
);

const byPermission = Object.groupBy(capabilities, ({ of, name }) => `${of} ${name}`);

/** Whether holding it reveals the values of secrets. */
export function revealsValues(capability: Capability): boolean {
  return capability.action.endsWith('/getSecret/action');
}

/** The capabilities of a permission, which a policy gives all or none of. */
export function capabilitiesOf(of: ObjectKind, name: string): readonly Capability[] {
  return byPermission[`${of} ${name}`] ?? [];
}

/** The capabilities that a policy gives; `all` leaves out purge. */
export function capabilitiesOfPolicy({ permissions }: Pick<AccessPolicy, 'permissions'>): ReadonlySet<Capability> {
  const isGiven = ({ of, name }: Capability) => {
    const given = permissions[of] ?? [];
    return given.includes(name) || (given.includes('all') && name !== 'purge');
  };
  return new Set(capabilities.filter(isGiven));
}

/** The permissions of a policy that no operation here needs, as `storage get`. */
export function unservedPermissions({ permissions }: Pick<AccessPolicy, 'permissions'>): readonly string[] {
  const given = permissions.storage ?? [];
  return policyPermissions.storage
    .map((name) => name.toLowerCase())
    .flatMap((name) => (given.includes(name) ? [`storage ${name}`] : []));
}

/** Capabilities as permissions: `secrets get`, with the data action behind it where it is not all of the permission. */
export function permissionWords(held: Iterable<Capability>): readonly string[] {
  const set = new Set(held);
  const words = capabilities
    .filter((one) => set.has(one))
    .map((one) => {
      const isWhole = capabilitiesOf(one.of, one.name).every((other) => set.has(other));
      return isWhole ? `${one.of} ${one.name}` : `${one.of} ${one.name} (${shortAction(one.action)} alone)`;
    });
  return [...new Set(words)];
}

/** A data action without the provider's name before it. */
export function shortAction(action: string): string {
  return action.replace('Microsoft.KeyVault/vaults/', '');
}
