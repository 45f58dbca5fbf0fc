import type { Caller } from '../identity/caller.ts';
import type { Facts } from '../operations/decision.ts';
import type { Need, ObjectKind } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Store } from '../store/store.ts';
import { builtInRoles } from './built-in-roles.ts';
import { vaultDataActions } from './data-actions.ts';
import { readGrants } from './repository.ts';
import type { Grant } from './role.ts';
import { foldScope } from './scope.ts';
import { judgePolicies, judgeRoles, leastRole, type PolicyPermission, scopeReaches } from './verdict.ts';

const MAX_CACHED_CALLERS = 5000;

/** What let a caller in, for the audit record. */
export interface Admission {
  readonly by: 'role' | 'policy' | 'token';
  /** The role assignment's id, where a role did. */
  readonly assignmentId: string | null;
  /** Whether it holds for every object of the vault. */
  readonly wholeVault: boolean;
  readonly facts: Facts;
}

/** The parts of an object's scope: its collection and name, where the operation is about one object. */
export interface ObjectScope {
  readonly kind: ObjectKind;
  readonly name: string;
}

/** Decides what callers may do. Grants are cached under the store's generation: a change voids them before the next request. */
export class Access {
  readonly #store: Store;
  readonly #grants = new Map<string, { readonly generation: number; readonly grants: readonly Grant[] }>();
  readonly #admissions = new Map<string, { readonly generation: number; readonly admission: Admission }>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Every grant of the caller, at any scope. */
  async grantsOf(caller: Caller): Promise<readonly Grant[]> {
    const generation = await this.#store.generation();
    const known = this.#grants.get(caller.oid);
    if (known?.generation === generation) return known.grants;
    const grants = await readGrants(this.#store.reader, caller.principalIds);
    remember(this.#grants, caller.oid, { generation, grants });
    return grants;
  }

  /** The caller's grants that allow a management action at a scope; none where it is not allowed. */
  async grantsFor(caller: Caller, action: string, scope: string): Promise<readonly Grant[]> {
    const verdict = judgeRoles(await this.grantsOf(caller), 'action', action, foldScope(scope));
    return verdict.allowed ? verdict.grants : [];
  }

  /**
   * Lets the caller do a data-plane operation, by the vault's one permission model.
   * @throws Refusal `rbac-*` or `policy-*`
   */
  authoriseData(
    caller: Caller,
    vault: Vault,
    need: Extract<Need, { kind: 'data' }>,
    object: ObjectScope | null,
  ): Admission | Promise<Admission> {
    const generation = this.#store.generation();
    if (typeof generation !== 'number') {
      return generation.then((value) => this.#authoriseData(value, caller, vault, need, object));
    }
    const known =
      this.#admissions.get(admissionKey(caller, vault, need, null)) ??
      (object && this.#admissions.get(admissionKey(caller, vault, need, object)));
    if (known?.generation === generation) return known.admission;
    return this.#authoriseData(generation, caller, vault, need, object);
  }

  async #authoriseData(
    generation: number,
    caller: Caller,
    vault: Vault,
    need: Extract<Need, { kind: 'data' }>,
    object: ObjectScope | null,
  ): Promise<Admission> {
    const admission = vault.settings.enableRbacAuthorization
      ? this.#byRole(await this.grantsOf(caller), caller, vault, need, object)
      : await this.#byPolicy(caller, vault, need, object);
    // What reaches the whole vault is kept once, not for each object.
    const reach = admission.wholeVault ? null : object;
    remember(this.#admissions, admissionKey(caller, vault, need, reach), { generation, admission });
    return admission;
  }

  #byRole(
    grants: readonly Grant[],
    caller: Caller,
    vault: Vault,
    need: Extract<Need, { kind: 'data' }>,
    object: ObjectScope | null,
  ): Admission {
    const resource = objectScope(vault, object);
    const verdict = judgeRoles(grants, 'dataAction', need.dataAction, foldScope(resource));
    if (verdict.allowed) return admittedByRole(verdict.grants, vault.scopeKey);
    const policy = judgePolicies(vault.settings.accessPolicies, caller, need.permission);
    throw new Refusal(policy ? 'rbac-policy-ignored' : `rbac-${verdict.reason}`, {
      ...callerFacts(caller),
      ...vaultFacts(vault),
      model: 'RBAC',
      action: need.dataAction,
      resource,
      scope: makesObjects(need.dataAction) ? vault.resourceId : resource,
      role: leastRole(builtInRoles, 'dataAction', need.dataAction, vaultDataActions),
      roles: verdict.nearest.map((grant) => grant.role.name),
      scopes: verdict.nearest.map((grant) => grant.scope),
    });
  }

  async #byPolicy(
    caller: Caller,
    vault: Vault,
    need: Extract<Need, { kind: 'data' }>,
    object: ObjectScope | null,
  ): Promise<Admission> {
    const policy = judgePolicies(vault.settings.accessPolicies, caller, need.permission);
    if (policy) {
      const facts = { model: 'access policies', policyOf: policy.objectId };
      return { by: 'policy', assignmentId: null, wholeVault: true, facts };
    }
    const resource = objectScope(vault, object);
    const verdict = judgeRoles(await this.grantsOf(caller), 'dataAction', need.dataAction, foldScope(resource));
    throw new Refusal(verdict.allowed ? 'policy-role-ignored' : 'policy-missing', {
      ...callerFacts(caller),
      ...vaultFacts(vault),
      ...permissionFacts(need.permission),
      model: 'access policies',
      policies: vault.settings.accessPolicies.length,
      roles: verdict.allowed ? verdict.grants.map((grant) => grant.role.name) : [],
    });
  }

  /**
   * Lets the caller do a management operation at a scope.
   * @throws Refusal `authorization-failed`
   */
  async authoriseManagement(caller: Caller, action: string, scope: string): Promise<Admission> {
    const verdict = judgeRoles(await this.grantsOf(caller), 'action', action, foldScope(scope));
    if (verdict.allowed) return admittedByRole(verdict.grants, '/');
    throw new Refusal('authorization-failed', {
      ...callerFacts(caller),
      action,
      scope,
      reason: verdict.reason,
      role: leastRole(builtInRoles, 'action', action, []),
      roles: verdict.nearest.map((grant) => grant.role.name),
      scopes: verdict.nearest.map((grant) => grant.scope),
    });
  }
}

/** The scope of a vault's object, or of the vault. */
export function objectScope(vault: Vault, object: ObjectScope | null): string {
  return object ? `${vault.resourceId}/${object.kind}/${object.name}` : vault.resourceId;
}

/** Whether the action makes what it names: a grant on an object that is not there yet would serve for this one name alone. */
function makesObjects(dataAction: string): boolean {
  return /\/(setSecret|create|import|restore)\/action$/.test(dataAction);
}

/** Who the caller is, as evidence. */
export function callerFacts(caller: Caller): Facts {
  return {
    oid: caller.oid,
    appid: caller.appId,
    iss: caller.issuer,
    caller: caller.displayName,
    principalType: caller.kind,
  };
}

/** Which vault it is about, as evidence. */
export function vaultFacts(vault: Vault): Facts {
  return { vault: vault.name, location: vault.location };
}

function permissionFacts(permission: PolicyPermission): Facts {
  return {
    kind: permission.of,
    permission: permission.name,
    policyOption: permission.of === 'storage' ? 'storage' : permission.of.slice(0, -1),
  };
}

function admittedByRole(grants: readonly Grant[], vaultKey: string): Admission {
  const wide = grants.find((grant) => scopeReaches(grant.scopeKey, vaultKey));
  const grant = wide ?? grants[0]!;
  return {
    by: 'role',
    assignmentId: grant.assignmentId,
    wholeVault: wide !== undefined,
    facts: { model: 'RBAC', role: grant.role.name, scope: grant.scope, assignment: grant.assignmentId },
  };
}

function admissionKey(
  caller: Caller,
  vault: Vault,
  need: Extract<Need, { kind: 'data' }>,
  object: ObjectScope | null,
): string {
  return `${caller.oid}|${caller.appId}|${vault.id}|${need.dataAction}|${object?.name ?? ''}`;
}

function remember<T>(cache: Map<string, T>, key: string, value: T): void {
  if (cache.size >= MAX_CACHED_CALLERS) cache.clear();
  cache.set(key, value);
}
