import { newUuid } from '../../base/ids.ts';
import type { Random } from '../../base/ports.ts';
import { Refusal } from '../../refusals/refusal.ts';
import type { Vault } from '../../resources/vault.ts';
import type { Transaction } from '../../store/port.ts';
import {
  assignmentOfRole,
  countCustomRoles,
  deleteCustomRole,
  findCustomRole,
  storeCustomRole,
} from '../custom-roles/repository.ts';
import { MAX_CUSTOM_ROLES } from '../custom-roles/roles.ts';
import {
  deleteAssignment,
  findAssignment,
  findAssignmentOf,
  insertAssignment,
  principalKind,
  type RoleAssignment,
} from '../repository.ts';
import { assignmentId } from '../role-wire.ts';
import { permissionWords } from './capabilities.ts';
import { capabilitiesOfActions } from './least-roles.ts';
import type { PlannedGrant } from './plan.ts';
import type { MadeAssignment, MadeRole, ModelChange } from './repository.ts';

/** How many assignments one transaction makes or removes: others wait for it. */
export const BATCH = 200;
const MAX_NAME = 200;

/** The custom roles and assignments, with their ids, that a plan's grants become: one role for each set of data actions. */
export function toMake(
  grants: readonly PlannedGrant[],
  vault: Vault,
  random: Random,
): Pick<ModelChange, 'roles' | 'assignments'> {
  const roles = new Map<string, MadeRole>();
  const assignments = grants.map(({ principalId, principalType, role }): MadeAssignment => {
    const id = newUuid(random);
    if (role.id !== null) return { id, principalId, principalType, roleId: role.id };
    const key = role.dataActions.join(' ');
    const made = roles.get(key) ?? newRole(role.dataActions, vault, random);
    roles.set(key, made);
    return { id, principalId, principalType, roleId: made.id };
  });
  return { roles: [...roles.values()], assignments };
}

function newRole(dataActions: readonly string[], vault: Vault, random: Random): MadeRole {
  const id = newUuid(random);
  const words = permissionWords(capabilitiesOfActions((action) => dataActions.includes(action))).join(', ');
  return { id, name: `${vault.name}: ${words.slice(0, MAX_NAME)} [${id.slice(0, 8)}]`, dataActions };
}

/** @throws Refusal `role-definition-limit` */
export async function makeRoles(transaction: Transaction, vault: Vault, change: ModelChange): Promise<void> {
  if ((await countCustomRoles(transaction)) + change.roles.length > MAX_CUSTOM_ROLES) {
    throw new Refusal('role-definition-limit', { limit: MAX_CUSTOM_ROLES });
  }
  for (const { id, name, dataActions } of change.roles) {
    if (await findCustomRole(transaction, id)) continue;
    await storeCustomRole(transaction, {
      id,
      name,
      description: describedBy(change),
      type: 'CustomRole',
      permissions: [{ actions: [], notActions: [], dataActions, notDataActions: [] }],
      assignableScopes: [vault.resourceId],
      created: change.created,
      updated: change.created,
      createdBy: change.createdBy,
      updatedBy: change.createdBy,
    });
  }
}

/** Makes those of the assignments that are not there yet; whoever is gone, or has the role already, is passed over. */
export async function makeAssignments(
  transaction: Transaction,
  vault: Vault,
  change: ModelChange,
  batch: readonly MadeAssignment[],
): Promise<void> {
  for (const made of batch) {
    const { principalId, roleId } = made;
    if (await findAssignmentOf(transaction, { principalId, roleId, scopeKey: vault.scopeKey })) continue;
    if ((await principalKind(transaction, principalId)) === null) continue;
    await insertAssignment(transaction, asAssignment(vault, change, made));
  }
}

/** What a change made and somebody has changed since; it stays. */
export interface Kept {
  readonly id: string;
  readonly reason: string;
}

/** Removes those of the assignments that are as the change made them. */
export async function removeAssignments(
  transaction: Transaction,
  vault: Vault,
  change: ModelChange,
  batch: readonly MadeAssignment[],
): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for (const made of batch) {
    const found = await findAssignment(transaction, vault.scopeKey, made.id);
    if (!found) continue;
    const { updated, condition, description } = asAssignment(vault, change, made);
    const isSame = found.updated === updated && found.condition === condition && found.description === description;
    if (isSame) await deleteAssignment(transaction, vault.scopeKey, made.id);
    else kept.push({ id: assignmentId(found), reason: 'it was changed since' });
  }
  return kept;
}

/** Removes those of the roles that are as the change made them and that nobody holds. */
export async function removeRoles(transaction: Transaction, change: ModelChange): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for (const { id } of change.roles) {
    const role = await findCustomRole(transaction, id);
    if (!role) continue;
    const holder = await assignmentOfRole(transaction, id);
    if (holder === null && role.updated === change.created) await deleteCustomRole(transaction, id);
    else kept.push({ id, reason: holder === null ? 'the role was changed since' : `the role is held, by ${holder}` });
  }
  return kept;
}

function asAssignment({ resourceId, scopeKey }: Vault, change: ModelChange, made: MadeAssignment): RoleAssignment {
  return {
    ...made,
    scope: resourceId,
    scopeKey,
    description: describedBy(change),
    created: change.created,
    updated: change.created,
    createdBy: change.createdBy,
    condition: null,
  };
}

function describedBy({ id }: ModelChange): string {
  return `In place of access policies, by strongroom access plan (${id})`;
}
