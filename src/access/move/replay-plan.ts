import type { Vault } from '../../resources/vault.ts';
import type { Session } from '../../store/port.ts';
import { Access } from '../authorise.ts';
import { findBuiltInRole } from '../built-in-roles.ts';
import { readGrants } from '../repository.ts';
import type { Grant, Role } from '../role.ts';
import type { MoveParts } from './parts.ts';
import type { Model, MovePlan, PlannedGrant } from './plan.ts';
import { type Judge, type Replay, replayLog } from './replay.ts';

/** Replays the log of a vault against what a plan would make of it, before anything of it is done. */
export function replayPlan(parts: MoveParts, vault: Vault, plan: MovePlan, days: number): Promise<Replay> {
  const planned = plan.grants.map((grant) => toGrant(vault, grant));
  const read = async (session: Session, principalIds: readonly string[]) => [
    ...(await readGrants(session, principalIds)),
    ...planned.filter(({ principalId }) => principalIds.includes(principalId)),
  ];
  const after =
    plan.to === 'policies' ? { ...vault, settings: { ...vault.settings, accessPolicies: plan.policies } } : vault;
  return replay(parts, days, plan.to, vault, { access: new Access(parts.store, read), vault: after });
}

/** Replays it against what is stored, as if the vault used the other model. */
export function replayStored(parts: MoveParts, vault: Vault, to: Model, days: number): Promise<Replay> {
  return replay(parts, days, to, vault, { access: new Access(parts.store), vault });
}

function replay(parts: MoveParts, days: number, to: Model, vault: Vault, after: Judge): Promise<Replay> {
  const time = { now: parts.clock.now(), days };
  // Decisions of their own: those that requests rest on are not pushed out of memory.
  const before = { access: new Access(parts.store), vault: usingRoles(vault, to !== 'rbac') };
  return replayLog(parts, vault, time, {
    before,
    after: { access: after.access, vault: usingRoles(after.vault, to === 'rbac') },
  });
}

function usingRoles(vault: Vault, enableRbacAuthorization: boolean): Vault {
  return { ...vault, settings: { ...vault.settings, enableRbacAuthorization } };
}

function toGrant({ resourceId, scopeKey }: Vault, { principalId, role }: PlannedGrant): Grant {
  return { assignmentId: 'planned', principalId, role: toRole(role), scope: resourceId, scopeKey };
}

function toRole(role: PlannedGrant['role']): Role {
  if (role.id !== null) return findBuiltInRole(role.id)!;
  const permissions = [{ actions: [], notActions: [], dataActions: role.dataActions, notDataActions: [] }];
  return { id: 'planned', name: 'planned', description: '', type: 'CustomRole', permissions, assignableScopes: [] };
}
