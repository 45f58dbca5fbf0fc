import { isUuid } from '../base/ids.ts';
import type { ObjectKind } from '../operations/operation.ts';
import type { AccessPolicy } from './vault.ts';
import { invalidProperty, isObject } from './vault-property.ts';

/** Most entries of a vault (Key Vault, "assign an access policy"). */
export const MAX_ACCESS_POLICIES = 1024;

/** The permissions of each collection, spelt as the wire has them (REST reference, `Permissions`). */
export const policyPermissions: Readonly<Record<ObjectKind, readonly string[]>> = Object.freeze({
  keys: [
    'all',
    'encrypt',
    'decrypt',
    'wrapKey',
    'unwrapKey',
    'sign',
    'verify',
    'get',
    'list',
    'create',
    'update',
    'import',
    'delete',
    'backup',
    'restore',
    'recover',
    'purge',
    'release',
    'rotate',
    'getrotationpolicy',
    'setrotationpolicy',
  ],
  secrets: ['all', 'get', 'list', 'set', 'delete', 'backup', 'restore', 'recover', 'purge'],
  certificates: [
    'all',
    'get',
    'list',
    'delete',
    'create',
    'import',
    'update',
    'managecontacts',
    'getissuers',
    'listissuers',
    'setissuers',
    'deleteissuers',
    'manageissuers',
    'recover',
    'purge',
    'backup',
    'restore',
  ],
  storage: [
    'all',
    'get',
    'list',
    'delete',
    'set',
    'update',
    'regeneratekey',
    'recover',
    'purge',
    'backup',
    'restore',
    'setsas',
    'listsas',
    'getsas',
    'deletesas',
  ],
});

const kinds = Object.keys(policyPermissions) as ObjectKind[];
const wireSpelling = new Map(
  Object.values(policyPermissions).flatMap((names) => names.map((name) => [name.toLowerCase(), name] as const)),
);

/** How the wire spells a stored permission. */
export function spellPermission(permission: string): string {
  return wireSpelling.get(permission) ?? permission;
}

/** One access policy, as the wire has it. */
export function policyBody(policy: AccessPolicy): object {
  const permissions = Object.entries(policy.permissions).map(([kind, names]) => [kind, names.map(spellPermission)]);
  return {
    tenantId: policy.tenantId,
    objectId: policy.objectId,
    ...(policy.applicationId && { applicationId: policy.applicationId }),
    permissions: Object.fromEntries(permissions),
  };
}

/**
 * Reads `accessPolicies` from a request: ids and permissions in lower case, entries of one principal (and application) as they
 * came.
 * @throws Refusal `vault-property-invalid`
 */
export function readAccessPolicies(value: unknown, tenantId: string): readonly AccessPolicy[] {
  if (!Array.isArray(value)) throw invalidProperty('accessPolicies', 'an array is expected');
  if (value.length > MAX_ACCESS_POLICIES) {
    throw invalidProperty('accessPolicies', `at most ${MAX_ACCESS_POLICIES} entries are allowed`);
  }
  return value.map((entry: unknown, index) => readPolicy(entry, `accessPolicies[${index}]`, tenantId));
}

/** What `accessPolicies/{add|replace|remove}` makes of a vault's policies. */
export type PolicyChange = 'add' | 'replace' | 'remove';

/**
 * Adds permissions to, replaces, or removes entries, matched by principal and application. Removing takes away the named
 * permissions; an entry that is left with none goes.
 */
export function changePolicies(
  policies: readonly AccessPolicy[],
  change: PolicyChange,
  named: readonly AccessPolicy[],
): readonly AccessPolicy[] {
  let result = [...policies];
  for (const entry of named) {
    const matching = result.filter((policy) => isSamePrincipal(policy, entry));
    const others = result.filter((policy) => !isSamePrincipal(policy, entry));
    const before = matching.reduce((sum, policy) => combine(sum, policy, unite), { ...entry, permissions: {} });
    const after = change === 'replace' ? entry : combine(before, entry, change === 'add' ? unite : subtract);
    const isEmpty = kinds.every((kind) => (after.permissions[kind] ?? []).length === 0);
    result = change === 'remove' && (isEmpty || matching.length === 0) ? others : [...others, after];
  }
  return result;
}

function readPolicy(entry: unknown, where: string, tenantId: string): AccessPolicy {
  if (!isObject(entry)) throw invalidProperty(where, 'an object is expected');
  const { tenantId: tenant, objectId, applicationId, permissions } = entry;
  if (typeof tenant !== 'string' || !isUuid(tenant))
    throw invalidProperty(`${where}.tenantId`, 'a tenant id (GUID) is expected');
  if (tenant.toLowerCase() !== tenantId.toLowerCase()) {
    throw invalidProperty(`${where}.tenantId`, `the vault belongs to the tenant ${tenantId}`);
  }
  if (typeof objectId !== 'string' || !isUuid(objectId)) {
    throw invalidProperty(`${where}.objectId`, 'the object id (GUID) of a principal is expected');
  }
  const hasApplication = applicationId !== undefined && applicationId !== null;
  if (hasApplication && (typeof applicationId !== 'string' || !isUuid(applicationId))) {
    throw invalidProperty(`${where}.applicationId`, 'the client id (GUID) of an application is expected');
  }
  if (!isObject(permissions)) throw invalidProperty(`${where}.permissions`, 'an object is expected');
  return {
    tenantId: tenant.toLowerCase(),
    objectId: objectId.toLowerCase(),
    ...(hasApplication && { applicationId: (applicationId as string).toLowerCase() }),
    permissions: readPermissions(permissions, `${where}.permissions`),
  };
}

function readPermissions(permissions: Record<string, unknown>, where: string): AccessPolicy['permissions'] {
  const read: Partial<Record<ObjectKind, readonly string[]>> = {};
  for (const kind of kinds) {
    const given = permissions[kind];
    if (given === undefined || given === null) continue;
    if (!Array.isArray(given)) throw invalidProperty(`${where}.${kind}`, 'an array is expected');
    const known = policyPermissions[kind].map((name) => name.toLowerCase());
    const names = given.map((name: unknown) => (typeof name === 'string' ? name.toLowerCase() : ''));
    const wrong = names.findIndex((name) => !known.includes(name));
    if (wrong >= 0) {
      throw invalidProperty(`${where}.${kind}[${wrong}]`, `one of ${policyPermissions[kind].join(', ')} is expected`);
    }
    read[kind] = [...new Set(names)];
  }
  return read;
}

function isSamePrincipal(a: AccessPolicy, b: AccessPolicy): boolean {
  return a.tenantId === b.tenantId && a.objectId === b.objectId && a.applicationId === b.applicationId;
}

type Merge = (a: readonly string[], b: readonly string[]) => readonly string[];

const unite: Merge = (a, b) => [...new Set([...a, ...b])];
const subtract: Merge = (a, b) => a.filter((name) => !b.includes(name));

function combine(a: AccessPolicy, b: AccessPolicy, merge: Merge): AccessPolicy {
  const permissions: Partial<Record<ObjectKind, readonly string[]>> = {};
  for (const kind of kinds) {
    if (a.permissions[kind] === undefined && b.permissions[kind] === undefined) continue;
    permissions[kind] = merge(a.permissions[kind] ?? [], b.permissions[kind] ?? []);
  }
  return { ...a, permissions };
}
