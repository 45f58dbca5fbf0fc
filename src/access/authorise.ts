import type { Caller } from '../identity/caller.ts';
import type { Facts } from '../operations/decision.ts';
import type { Need, ObjectKind } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Store } from '../store/store.ts';
import { builtInRoles } from './built-in-roles.ts';
import { secretName } from './conditions/condition.ts';
import { vaultDataActions } from './data-actions.ts';
import { isJudgedLater } from './delegation.ts';
import { type Denial, denialOf, isAgainst, isUneven } from './denials/denial.ts';
import { readDenials } from './denials/repository.ts';
import { ignoredPolicies, ignoredRoles, sinceText } from './ignored.ts';
import { readGrants } from './repository.ts';
import type { Grant } from './role.ts';
import { foldScope } from './scope.ts';
import {
  type ConditionFacts,
  conditionHolds,
  isConditional,
  judgePolicies,
  judgeRoles,
  leastRole,
  type PolicyPermission,
  roleAllows,
  scopeReaches,
} from './verdict.ts';

const MAX_CACHED_CALLERS = 5000;
/** No object has this name. */
const WHOLE_VAULT = '*';
const OWNER = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';

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

/** What was read or decided, and what it rests on. */
interface Remembered<T> {
  readonly generation: number;
  /** The groups of a caller change too: what was read for other ids is of no use. */
  readonly principalIds: readonly string[];
  /** Of an admission: the policies it was read from, or `roles`. A vault is read before the generation is asked for. */
  readonly basis?: unknown;
  readonly value: T;
}

const READ_DENIALS = 'Microsoft.Authorization/denyAssignments/read';

/**
 * Decides what callers may do. Grants and denials are cached under the store's generation: a change voids them before the
 * next request.
 */
export class Access {
  readonly #store: Store;
  readonly #read: typeof readGrants;
  readonly #grants = new Map<string, Remembered<readonly Grant[]>>();
  readonly #admissions = new Map<string, Remembered<Admission>>();
  #denials: { readonly generation: number; readonly value: readonly Denial[] } | null = null;

  /** @param read where grants come from: those of the store, unless somebody asks what others would do */
  constructor(store: Store, read: typeof readGrants = readGrants) {
    this.#store = store;
    this.#read = read;
  }

  /** Every grant of the caller, at any scope; whether one gives anything is decided with the conditions and the denials. */
  async grantsOf(caller: Caller): Promise<readonly Grant[]> {
    const generation = await this.#store.generation();
    const known = this.#grants.get(caller.oid);
    if (known && isCurrent(known, generation, caller)) return known.value;
    const value = await this.#read(this.#store.reader, caller.principalIds);
    remember(this.#grants, caller.oid, { generation, principalIds: caller.principalIds, value });
    return value;
  }

  /** Every deny assignment against the caller, at any scope. */
  async denialsOf(caller: Caller): Promise<readonly Denial[]> {
    const generation = await this.#store.generation();
    if (this.#denials?.generation !== generation) {
      this.#denials = { generation, value: await readDenials(this.#store.reader) };
    }
    return this.#denials.value.filter((denial) => isAgainst(denial, caller.principalIds));
  }

  /**
   * The caller's grants that allow a management action at a scope; none where it is not allowed, or denied. Conditions that
   * speak of the assignment to be written or deleted are left to {@link mayAssign}.
   */
  async grantsFor(caller: Caller, action: string, scope: string): Promise<readonly Grant[]> {
    const key = foldScope(scope);
    const grants = await this.grantsOf(caller);
    const verdict = judgeRoles(grants, 'action', action, key, managementFacts(action));
    if (!verdict.allowed || (await this.#managementDenial(caller, grants, action, key))) return [];
    return verdict.grants;
  }

  /** Whether the caller is an Owner of a scope, without a condition. */
  async isOwner(caller: Caller, scope: string): Promise<boolean> {
    const key = foldScope(scope);
    const grants = await this.grantsOf(caller);
    return grants.some(
      (grant) => grant.role.id === OWNER && !isConditional(grant) && scopeReaches(grant.scopeKey, key),
    );
  }

  /** Tells for folded scopes whether the caller may do a management action there, the denials heard. */
  async reachOf(caller: Caller, action: string): Promise<(scopeKey: string) => boolean> {
    const grants = await this.grantsOf(caller);
    const denials = await this.denialsOf(caller);
    const facts = managementFacts(action);
    const allowing = grants.filter(
      (grant) => roleAllows(grant.role, 'action', action) && conditionHolds(grant, action, facts),
    );
    return (scopeKey) =>
      allowing.some((grant) => scopeReaches(grant.scopeKey, scopeKey)) &&
      denialOf(denials, 'action', action, scopeKey) === null;
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
      this.#admissions.get(admissionKey(caller, vault, need, WHOLE_VAULT)) ??
      this.#admissions.get(admissionKey(caller, vault, need, object?.name ?? ''));
    if (known && isCurrent(known, generation, caller) && known.basis === basisOf(vault)) return known.value;
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
      ? await this.#byRole(caller, vault, need, object)
      : await this.#byPolicy(caller, vault, need, object);
    // What reaches the whole vault is kept once, not for each object.
    const reach = admission.wholeVault ? WHOLE_VAULT : (object?.name ?? '');
    const { principalIds } = caller;
    remember(this.#admissions, admissionKey(caller, vault, need, reach), {
      generation,
      principalIds,
      basis: basisOf(vault),
      value: admission,
    });
    return admission;
  }

  async #byRole(
    caller: Caller,
    vault: Vault,
    need: Extract<Need, { kind: 'data' }>,
    object: ObjectScope | null,
  ): Promise<Admission> {
    const resource = objectScope(vault, object);
    const key = foldScope(resource);
    const verdict = judgeRoles(await this.grantsOf(caller), 'dataAction', need.dataAction, key, dataFacts(object));
    if (verdict.allowed) {
      const denials = await this.denialsOf(caller);
      const denial = denialOf(denials, 'dataAction', need.dataAction, key);
      if (denial) throw await this.#deniedData(denial, caller, vault, need.dataAction, resource);
      const isEven = !isUneven(denials, 'dataAction', need.dataAction, vault.scopeKey);
      return admittedByRole(verdict.grants, vault.scopeKey, isEven);
    }
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
      since: sinceText(vault),
      ignored: ignoredPolicies(vault.settings.accessPolicies, caller),
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
    const grants = await this.grantsOf(caller);
    const verdict = judgeRoles(grants, 'dataAction', need.dataAction, foldScope(resource), dataFacts(object));
    throw new Refusal(verdict.allowed ? 'policy-role-ignored' : 'policy-missing', {
      ...callerFacts(caller),
      ...vaultFacts(vault),
      ...permissionFacts(need.permission),
      model: 'access policies',
      policies: vault.settings.accessPolicies.length,
      roles: verdict.allowed ? verdict.grants.map((grant) => grant.role.name) : [],
      since: sinceText(vault),
      ignored: ignoredRoles(grants, vault.scopeKey),
    });
  }

  /**
   * Lets the caller do a management operation at a scope.
   * @throws Refusal `authorization-failed`, `management-denied`
   */
  async authoriseManagement(caller: Caller, action: string, scope: string): Promise<Admission> {
    const grants = await this.grantsOf(caller);
    const key = foldScope(scope);
    const verdict = judgeRoles(grants, 'action', action, key, managementFacts(action));
    if (verdict.allowed) {
      const denial = await this.#managementDenial(caller, grants, action, key);
      if (!denial) return admittedByRole(verdict.grants, '/', true);
      const shown = await this.#shownDenial(caller, denial);
      throw new Refusal('management-denied', { ...callerFacts(caller), action, scope, ...shown });
    }
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

  async #managementDenial(
    caller: Caller,
    grants: readonly Grant[],
    action: string,
    scopeKey: string,
  ): Promise<Denial | null> {
    const denial = denialOf(await this.denialsOf(caller), 'action', action, scopeKey);
    return denial && isWayBack(grants, action, scopeKey) ? null : denial;
  }

  async #deniedData(denial: Denial, caller: Caller, vault: Vault, action: string, resource: string): Promise<Refusal> {
    const shown = await this.#shownDenial(caller, denial);
    return new Refusal('rbac-denied', {
      ...callerFacts(caller),
      ...vaultFacts(vault),
      model: 'RBAC',
      action,
      resource,
      ...shown,
    });
  }

  /** The denial for the record, and for the caller where the caller may read it. */
  async #shownDenial(caller: Caller, denial: Denial): Promise<Facts> {
    const grants = await this.grantsOf(caller);
    const mayRead = judgeRoles(grants, 'action', READ_DENIALS, denial.scopeKey).allowed;
    return {
      denial: denial.id,
      denialName: denial.name,
      denialScope: denial.scope,
      shownId: mayRead ? denial.id : '(not shown)',
      shownName: mayRead ? denial.name : '(not shown)',
      shownScope: mayRead ? denial.scope : '(not shown)',
    };
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

function admittedByRole(grants: readonly Grant[], vaultKey: string, isEven: boolean): Admission {
  const wide = grants.find((grant) => scopeReaches(grant.scopeKey, vaultKey) && !isConditional(grant));
  const grant = wide ?? grants[0]!;
  return {
    by: 'role',
    assignmentId: grant.assignmentId,
    wholeVault: wide !== undefined && isEven,
    facts: { model: 'RBAC', role: grant.role.name, scope: grant.scope, assignment: grant.assignmentId },
  };
}

/**
 * Whether a denial leaves this alone: the way to take denials back. An Owner of all, or of a whole subscription, can always
 * read, change and delete them.
 */
function isWayBack(grants: readonly Grant[], action: string, scopeKey: string): boolean {
  if (!/^microsoft\.authorization\/denyassignments\/(read|write|delete)$/i.test(action)) return false;
  return grants.some(
    (grant) =>
      grant.role.id === OWNER &&
      !isConditional(grant) &&
      /^\/(subscriptions\/[^/]+)?$/.test(grant.scopeKey) &&
      scopeReaches(grant.scopeKey, scopeKey),
  );
}

function managementFacts(action: string): ConditionFacts {
  return { attributes: new Map(), isEarly: isJudgedLater(action) };
}

function dataFacts(object: ObjectScope | null): ConditionFacts {
  const attributes = new Map<string, string>();
  if (object?.kind === 'secrets') attributes.set(secretName, object.name);
  return { attributes, isEarly: false };
}

function admissionKey(caller: Caller, vault: Vault, need: Extract<Need, { kind: 'data' }>, reach: string): string {
  // The permission too: reading a key and listing keys are one data action, and two permissions of access policies.
  return `${caller.oid}|${caller.appId}|${vault.id}|${need.dataAction}|${need.permission.name}|${reach}`;
}

/** What decides beside the grants: another model, or other policies, are another question. */
function basisOf({ settings }: Vault): unknown {
  return settings.enableRbacAuthorization ? 'roles' : settings.accessPolicies;
}

function isCurrent(known: Remembered<unknown>, generation: number, { principalIds }: Caller): boolean {
  if (known.generation !== generation) return false;
  const { principalIds: before } = known;
  return (
    before === principalIds ||
    (before.length === principalIds.length && before.every((id, i) => id === principalIds[i]))
  );
}

function remember<T>(cache: Map<string, T>, key: string, value: T): void {
  if (cache.size >= MAX_CACHED_CALLERS) cache.clear();
  cache.set(key, value);
}
