import { hash } from 'node:crypto';
import type { MoveFacts, MoveOrder, MovePlan } from './plan.ts';
import { planPolicies } from './plan-policies.ts';
import { planRoles } from './plan-roles.ts';

/** What moves a vault from one permission model to the other. Where it uses that model already, the plan gives what it lacks. */
export function planMove(facts: MoveFacts, order: MoveOrder): MovePlan {
  return order.to === 'rbac' ? planRoles(facts, order) : planPolicies(facts, order);
}

/** A text that is another for every other plan, and for the same plan on other policies: 43 characters of base64url. */
export function planDigest(vaultId: string, facts: MoveFacts, plan: MovePlan): string {
  return digestOf([vaultId, facts.isRbac, facts.policies, plan]);
}

/** A text that is another as soon as anything differs that a plan for the vault rests on, the directory left aside. */
export function groundDigest(facts: Omit<MoveFacts, 'principals'>): string {
  const { isRbac, policies, grants, conditions, denials } = facts;
  const given = grants.map(({ assignmentId, principalId, role, scopeKey }) => {
    return [assignmentId, principalId, role.id, role.permissions, scopeKey, conditions.get(assignmentId) ?? null];
  });
  return digestOf([isRbac, policies, given, denials]);
}

function digestOf(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url');
}
