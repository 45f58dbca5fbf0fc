import { foldName, isUuid } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { principalIdsOf } from '../identity/service.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { pageBody, queryOf, readPage } from '../resources/arm-page.ts';
import { parseFilter } from '../resources/filter.ts';
import { readProperties } from '../resources/request-body.ts';
import { requireScope } from '../resources/scope-target.ts';
import type { Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import { type Access, callerFacts } from './authorise.ts';
import { findBuiltInRole } from './built-in-roles.ts';
import { readCondition } from './conditions/reader.ts';
import { findRole } from './custom-roles/roles.ts';
import { type AssignmentFacts, assignmentActions, mayAssign } from './delegation.ts';
import {
  changeAssignment,
  deleteAssignment,
  findAssignment,
  findAssignmentAnywhere,
  findAssignmentOf,
  insertAssignment,
  listAssignments,
  principalKind,
  type RoleAssignment,
} from './repository.ts';
import type { Grant, Role } from './role.ts';
import { assignmentBody, assignmentId, readRoleId } from './role-wire.ts';
import { foldScope } from './scope.ts';
import { scopeReaches } from './verdict.ts';

/** What the operations on role assignments are made of. */
export interface AssignmentParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly tenantId: string;
  readonly access: Pick<Access, 'grantsOf' | 'grantsFor' | 'authoriseManagement'>;
}

const listFilters = ['atScope()', "principalId eq 'ID'", "assignedTo('ID')", 'asTarget()', 'the same joined by and'];

/** What a PUT asks for. */
interface AssignmentRequest {
  readonly id: string;
  readonly roleId: string;
  readonly principalId: string;
  readonly principalType: string | null;
  /** Undefined where the body says nothing. */
  readonly description: string | null | undefined;
  /** The text of the condition, which has been read; undefined where the body says nothing. */
  readonly condition: string | null | undefined;
}

/**
 * Gives a principal a role at a scope (201); the same again is 200.
 * @throws Refusal `role-assignment-id-invalid`, `role-definition-id-invalid`, `role-definition-unknown`,
 *   `principal-id-invalid`, `principal-not-found`, `principal-type-mismatch`, `role-condition-invalid`,
 *   `role-not-assignable`, `role-not-delegated`, `role-assignment-exists`, `role-assignment-fixed`, and those of the scope
 */
export async function putAssignment(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const request = readRequest(call, scope);
  const grants = await parts.access.grantsFor(callerOf(call), assignmentActions.write, scope);
  return call.commit(async (transaction) => {
    const role = await findRole(transaction, request.roleId);
    if (!role) throw new Refusal('role-definition-unknown', { role: request.roleId });
    const target = await requireScope(transaction, scope);
    requireAssignable(role, target);
    const kind = await principalKind(transaction, request.principalId);
    if (kind === null) {
      // Who may not assign the role learns nothing of who there is.
      requireDelegation(call, grants, scope, role, { ...request, principalType: '' });
      throw new Refusal('principal-not-found', { principal: request.principalId, tenant: parts.tenantId });
    }
    requireDelegation(call, grants, scope, role, { ...request, principalType: kind });
    if (request.principalType !== null && foldName(request.principalType) !== foldName(kind)) {
      throw new Refusal('principal-type-mismatch', {
        principal: request.principalId,
        actual: kind,
        asked: request.principalType,
        role: role.name,
        scope,
      });
    }
    const existing = await findAssignmentAnywhere(transaction, request.id);
    if (existing) return updateAssignment(parts, transaction, existing, request, target);
    return insertNew(parts, call, transaction, request, target, kind);
  });
}

/**
 * Reads the assignment of an id at a scope.
 * @throws Refusal `role-assignment-not-found`
 */
export async function getAssignment(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const id = foldName(call.parameters['assignment'] ?? '');
  const assignment = await findAssignment(parts.store.reader, foldScope(scope), id);
  if (!assignment) throw new Refusal('role-assignment-not-found', { assignment: id.slice(0, 100), scope });
  return { status: 200, body: assignmentBody(scope, assignment), subject: assignmentId(assignment) };
}

/**
 * Takes a role away again, at once for every later request; 204 where there is no such assignment.
 * @throws Refusal `role-not-delegated`
 */
export async function removeAssignment(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const id = foldName(call.parameters['assignment'] ?? '');
  const caller = callerOf(call);
  const grants = await parts.access.grantsFor(caller, assignmentActions.delete, scope);
  return call.commit(async (transaction) => {
    const assignment = await findAssignment(transaction, foldScope(scope), id);
    if (!assignment) return { status: 204 };
    if (!mayAssign(grants, assignmentActions.delete, assignment)) {
      const role = await findRole(transaction, assignment.roleId);
      throw notDelegated(call, assignmentActions.delete, scope, role?.name ?? assignment.roleId, grants);
    }
    await deleteAssignment(transaction, assignment.scopeKey, id);
    return { status: 200, body: assignmentBody(scope, assignment), subject: assignmentId(assignment) };
  });
}

/**
 * Lists the assignments that reach a scope (inherited ones included) and, without `atScope()`, those below it.
 * @throws Refusal `filter-invalid`, `page-invalid`, and those of the scope
 */
export async function listRoleAssignments(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const { below, principalIds } = await readListFilter(parts, call);
  const page = readPage(call);
  const place = /^(\S+) (\S+)$/.exec(page.after);
  const target = await requireScope(parts.store.reader, scope);
  const assignments = await listAssignments(parts.store.reader, {
    scopeKey: foldScope(target),
    below,
    principalIds,
    after: place ? { scopeKey: place[1]!, id: place[2]! } : null,
    limit: page.size + 1,
  });
  const keyOf = ({ scopeKey, id }: RoleAssignment) => `${scopeKey} ${id}`;
  const toWire = (assignment: RoleAssignment) => assignmentBody(scope, assignment);
  return { status: 200, body: pageBody(call, page, assignments, keyOf, toWire) };
}

async function readListFilter(
  parts: AssignmentParts,
  call: Call,
): Promise<{ readonly below: boolean; readonly principalIds: readonly string[] | null }> {
  const filter = queryOf(call, '$filter') ?? '';
  const invalid = (reason: string) =>
    new Refusal('filter-invalid', { filter: filter.slice(0, 200), reason, supported: listFilters });
  const conditions = parseFilter(filter);
  if (!conditions) throw invalid('it cannot be read');
  let below = true;
  let principalIds: readonly string[] | null = null;
  const narrow = (ids: readonly string[]) => {
    principalIds = principalIds === null ? ids : principalIds.filter((id) => ids.includes(id));
  };
  for (const { kind, name, value } of conditions) {
    if (kind === 'call' && name === 'atscope' && value === null) below = false;
    else if (kind === 'call' && name === 'astarget' && value === null) narrow(callerOf(call).principalIds);
    else if (kind === 'call' && name === 'assignedto' && value !== null) {
      narrow(await principalIdsOf(parts.store.reader, foldName(value)));
    } else if (kind === 'equals' && name === 'principalid') narrow([foldName(value)]);
    else throw invalid(`'${name}' is not a filter of this list`);
  }
  return { below, principalIds };
}

function readRequest(call: Call, scope: string): AssignmentRequest {
  const id = call.parameters['assignment'] ?? '';
  if (!isUuid(id)) throw new Refusal('role-assignment-id-invalid', { assignment: id.slice(0, 100), scope });
  const properties = readProperties(call, true);
  const { roleDefinitionId, principalId, principalType, description } = properties;
  const roleId = typeof roleDefinitionId === 'string' ? readRoleId(roleDefinitionId) : null;
  if (roleId === null) {
    throw new Refusal('role-definition-id-invalid', { role: textOf(roleDefinitionId), roleName: 'Key Vault Reader' });
  }
  if (typeof principalId !== 'string' || !isUuid(principalId)) {
    throw new Refusal('principal-id-invalid', { principal: textOf(principalId) });
  }
  for (const [name, value] of Object.entries({ principalType, description })) {
    if (value !== undefined && value !== null && (typeof value !== 'string' || value.length > 1024)) {
      throw new Refusal('request-content-invalid', {
        property: `properties.${name}`,
        reason: 'a text of at most 1024 characters is expected',
      });
    }
  }
  return {
    id: id.toLowerCase(),
    roleId,
    principalId: principalId.toLowerCase(),
    principalType: (principalType as string | null | undefined) ?? null,
    description: description as string | null | undefined,
    condition: readConditionOf(properties, scope),
  };
}

function readConditionOf(properties: Readonly<Record<string, unknown>>, scope: string): string | null | undefined {
  const { condition, conditionVersion } = properties;
  if (condition === undefined) return undefined;
  if (condition === null || condition === '') return null;
  const invalid = (reason: string) => new Refusal('role-condition-invalid', { reason, scope });
  if (typeof condition !== 'string') throw invalid('it is not a text');
  if (conditionVersion !== '2.0') throw invalid("its conditionVersion has to be '2.0'");
  const read = readCondition(condition);
  if ('problem' in read) throw invalid(read.problem);
  return condition;
}

function requireAssignable(role: Role, target: string): void {
  const key = foldScope(target);
  if (role.assignableScopes.some((scope) => scopeReaches(foldScope(scope), key))) return;
  throw new Refusal('role-not-assignable', { role: role.id, roleName: role.name, scope: target });
}

function requireDelegation(
  call: Call,
  grants: readonly Grant[],
  scope: string,
  role: Role,
  assignment: AssignmentFacts,
): void {
  if (mayAssign(grants, assignmentActions.write, assignment)) return;
  throw notDelegated(call, assignmentActions.write, scope, role.name, grants);
}

function notDelegated(call: Call, action: string, scope: string, role: string, grants: readonly Grant[]): Refusal {
  const ids = new Set(grants.flatMap((grant) => grant.role.assignsOnly ?? []));
  const names = [...ids].map((id) => findBuiltInRole(id)?.name ?? id);
  const allowed = names.length > 0 ? names : ['what the condition of its own assignment allows'];
  return new Refusal('role-not-delegated', { ...callerFacts(callerOf(call)), action, scope, role, allowed });
}

async function updateAssignment(
  parts: AssignmentParts,
  transaction: Transaction,
  existing: RoleAssignment,
  request: AssignmentRequest,
  target: string,
): Promise<Answer> {
  const isSame =
    existing.scopeKey === foldScope(target) &&
    existing.principalId === request.principalId &&
    existing.roleId === request.roleId;
  if (!isSame) {
    throw new Refusal('role-assignment-fixed', { assignment: existing.id, current: assignmentId(existing) });
  }
  const description = request.description === undefined ? existing.description : request.description;
  // A condition that the body leaves out is kept: to leave it out by mistake must not give more.
  const condition = request.condition === undefined ? existing.condition : request.condition;
  if (description === existing.description && condition === existing.condition) {
    return { status: 200, body: assignmentBody(target, existing), subject: assignmentId(existing) };
  }
  const changed = { ...existing, description, condition, updated: parts.clock.now() };
  await changeAssignment(transaction, changed);
  return { status: 200, body: assignmentBody(target, changed), subject: assignmentId(changed) };
}

async function insertNew(
  parts: AssignmentParts,
  call: Call,
  transaction: Transaction,
  request: AssignmentRequest,
  target: string,
  principalType: string,
): Promise<Answer> {
  const scopeKey = foldScope(target);
  const { roleId } = request;
  const twin = await findAssignmentOf(transaction, { principalId: request.principalId, roleId, scopeKey });
  if (twin) throw new Refusal('role-assignment-exists', { assignment: twin.id, scope: target });
  const now = parts.clock.now();
  const assignment: RoleAssignment = {
    id: request.id,
    scope: target,
    scopeKey,
    roleId,
    principalId: request.principalId,
    principalType,
    description: request.description ?? null,
    created: now,
    updated: now,
    createdBy: callerOf(call).oid,
    condition: request.condition ?? null,
  };
  await insertAssignment(transaction, assignment);
  return { status: 201, body: assignmentBody(target, assignment), subject: assignmentId(assignment) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 200) : String(value === undefined ? '' : typeof value);
}
