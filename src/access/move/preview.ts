import { toIso } from '../../base/text.ts';
import { type Answer, type Call, callerOf } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { MAX_ACCESS_POLICIES } from '../../resources/access-policies.ts';
import { requireVault } from '../../resources/lookup.ts';
import { vaultScope } from '../../resources/scopes.ts';
import { readFacts } from './facts.ts';
import { lockedOutBySwitch } from './lockout.ts';
import { planDigest, planMove } from './make-plan.ts';
import { readPlanRequest } from './order.ts';
import type { MoveParts } from './parts.ts';
import type { MovePlan } from './plan.ts';
import { changeBody, planBody } from './plan-body.ts';
import { replayBody } from './replay.ts';
import { replayPlan } from './replay-plan.ts';
import { findChange } from './repository.ts';

const READ_VAULT = 'Microsoft.KeyVault/vaults/read';

/**
 * Plans a move to the other permission model and replays the log against it; changes nothing. The row asks for the right to read
 * the role assignments, this for the right to read the vault and its policies.
 * @throws Refusal `model-order-invalid`, `authorization-failed`, `model-plan-too-large`, and those of the vault
 */
export async function previewPlan(parts: MoveParts, call: Call): Promise<Answer> {
  const { order, days } = readPlanRequest(call);
  await parts.access.authoriseManagement(callerOf(call), READ_VAULT, vaultScope(call.parameters));
  const vault = await requireVault(parts.store.reader, call);
  const facts = await readFacts(parts.store.reader, vault);
  const plan = planMove(facts, order);
  requireFitting(plan);
  const replay = await replayPlan(parts, vault, plan, days);
  const body = {
    properties: {
      vault: vault.resourceId,
      model: facts.isRbac ? 'rbac' : 'policies',
      digest: planDigest(vault.id, facts, plan),
      plan: planBody(plan),
      names: Object.fromEntries(
        [...facts.principals].map(([id, { displayName, kind }]) => [id, { displayName, kind }]),
      ),
      replay: replayBody(replay),
      narrower: replay.narrow.filter((use) => plan.grants.some((grant) => grant.principalId === use.principalId)),
    },
  };
  return { status: 200, body, subject: vault.resourceId };
}

/** Tells which model a vault uses, who switched it, what became of the last plan, and whom the other model gives more. */
export async function getModel(parts: MoveParts, call: Call): Promise<Answer> {
  await parts.access.authoriseManagement(callerOf(call), READ_VAULT, vaultScope(call.parameters));
  const vault = await requireVault(parts.store.reader, call);
  const change = await findChange(parts.store.reader, vault.id);
  const { modelSwitch } = vault;
  const isRbac = vault.settings.enableRbacAuthorization;
  const lockedOut = lockedOutBySwitch(await readFacts(parts.store.reader, vault), isRbac ? 'rbac' : 'policies');
  const body = {
    id: `${vault.resourceId}/providers/Strongroom.Access/permissionModel`,
    properties: {
      model: isRbac ? 'rbac' : 'policies',
      switched: modelSwitch ? { ...modelSwitch, at: toIso(modelSwitch.at) } : null,
      change: change && changeBody(change),
      lockedOut,
    },
  };
  return { status: 200, body, subject: vault.resourceId };
}

/** @throws Refusal `model-plan-too-large` */
export function requireFitting({ policies }: MovePlan): void {
  if (policies.length <= MAX_ACCESS_POLICIES) return;
  throw new Refusal('model-plan-too-large', { count: policies.length, limit: MAX_ACCESS_POLICIES });
}
