import { newUuid } from '../../base/ids.ts';
import { type Answer, type Call, callerOf } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { requireVault } from '../../resources/lookup.ts';
import { requireUnrestricted, storeModel } from '../../resources/permission-model.ts';
import { vaultScope } from '../../resources/scopes.ts';
import type { Vault } from '../../resources/vault.ts';
import { definitionActions } from '../custom-roles/roles.ts';
import { readFacts, readGround } from './facts.ts';
import { BATCH, makeAssignments, makeRoles, toMake } from './made.ts';
import { groundDigest, planDigest, planMove } from './make-plan.ts';
import { type ApplyRequest, readApplyRequest } from './order.ts';
import type { MoveParts } from './parts.ts';
import type { MoveFacts, MovePlan } from './plan.ts';
import { changeBody, planBody } from './plan-body.ts';
import { requireFitting } from './preview.ts';
import { type Replay, replayBody } from './replay.ts';
import { replayStored } from './replay-plan.ts';
import { findChange, isUnfinished, type ModelChange, markChange, storeChange } from './repository.ts';
import { takeBack } from './revert.ts';

/**
 * Applies a plan: stores what is to be undone, assigns, replays the log against what is stored, and only then switches the
 * model. Each step is whole; after a fall between two everybody has the access they had, and the same request goes on.
 * @throws Refusal `model-order-invalid`, `permission-model-protected`, `authorization-failed`, `model-change-reverting`,
 *   `model-plan-stale`, `model-plan-loses`, `model-plan-too-large`, `model-replay-refused`, `role-definition-limit`
 */
export async function applyPlan(parts: MoveParts, call: Call): Promise<Answer> {
  const request = readApplyRequest(call);
  await requireUnrestricted(parts.access, call);
  const vault = await requireVault(parts.store.reader, call);
  const facts = await readFacts(parts.store.reader, vault);
  const plan = planMove(facts, request.order);
  requireFitting(plan);
  const open = await findChange(parts.store.reader, vault.id);
  if (open?.state === 'reverting') throw new Refusal('model-change-reverting', { vault: vault.name });
  const isContinued = isUnfinished(open) && open.digest === request.digest;
  const isSame = isContinued || planDigest(vault.id, facts, plan) === request.digest;
  if (!isSame) throw stale(vault, request, 'the digest is that of another plan');
  requireAccepted(vault, plan, request);
  const change = isContinued ? open : newChange(parts, call, { vault, facts, plan, request, open });
  if (change.roles.length > 0) {
    await parts.access.authoriseManagement(callerOf(call), definitionActions.write, vaultScope(call.parameters));
  }
  if (!isContinued) await begin(call, vault, facts, plan, request, change);
  await assign(call, change);
  const verified = await verify(parts, call, { plan, request, change });
  return switchModel(parts, call, request, { ...verified, plan, change });
}

interface Beginning {
  readonly vault: Vault;
  readonly facts: MoveFacts;
  readonly plan: MovePlan;
  readonly request: ApplyRequest;
  /** The change before. */
  readonly open: ModelChange | null;
}

/** What was begun or applied before in the same direction becomes part of the change, so that undoing undoes it all. */
function newChange(parts: MoveParts, call: Call, { vault, facts, plan, request, open }: Beginning): ModelChange {
  const isThereAlready = facts.isRbac === (plan.to === 'rbac');
  const isAddition = open?.state === 'applied' && isThereAlready;
  const former = open?.to === plan.to && (isUnfinished(open) || isAddition) ? open : null;
  const made = toMake(plan.grants, vault, parts.random);
  const now = parts.clock.now();
  const { to, ...options } = request.order;
  return {
    vaultId: vault.id,
    id: former?.id ?? newUuid(parts.random),
    to,
    state: isThereAlready ? 'adding' : 'assigning',
    digest: request.digest,
    options,
    wasRbac: former?.wasRbac ?? facts.isRbac,
    policiesBefore: former?.policiesBefore ?? facts.policies,
    policiesAfter: to === 'policies' ? plan.policies : facts.policies,
    roles: [...(former?.roles ?? []), ...made.roles],
    assignments: [...(former?.assignments ?? []), ...made.assignments],
    created: former?.created ?? now,
    updated: now,
    createdBy: former?.createdBy ?? callerOf(call).oid,
  };
}

async function begin(
  call: Call,
  vault: Vault,
  facts: MoveFacts,
  plan: MovePlan,
  request: ApplyRequest,
  change: ModelChange,
): Promise<void> {
  await call.commitStep('begin', async (transaction) => {
    const found = await requireVault(transaction, call);
    const ground = await readGround(transaction, found);
    const isSame = found.id === vault.id && groundDigest(ground) === groundDigest(facts);
    if (!isSame) throw stale(vault, request, 'something changed while it was made');
    await storeChange(transaction, change);
    await makeRoles(transaction, found, change);
    if (plan.to === 'policies') {
      const { isRbac } = facts;
      await storeModel(transaction, call, found, { isRbac, policies: plan.policies, now: change.updated });
    }
    const audit = { to: plan.to, digest: request.digest, roles: change.roles.map(({ name }) => name) };
    return { status: 200, subject: found.resourceId, audit };
  });
}

async function assign(call: Call, change: ModelChange): Promise<void> {
  for (let start = 0; start < change.assignments.length; start += BATCH) {
    const batch = change.assignments.slice(start, start + BATCH);
    await call.commitStep('assign', async (transaction) => {
      const found = await requireVault(transaction, call);
      await makeAssignments(transaction, found, change, batch);
      const audit = { assignments: batch.map(({ id }) => id), principals: batch.map((made) => made.principalId) };
      return { status: 200, subject: found.resourceId, audit };
    });
  }
}

interface Verified {
  readonly facts: MoveFacts;
  readonly replay: Replay;
}

/** What is stored now covers what the plan covers, and the log agrees; else it is taken back. */
async function verify(
  parts: MoveParts,
  call: Call,
  { plan, request, change }: { plan: MovePlan; request: ApplyRequest; change: ModelChange },
): Promise<Verified> {
  const vault = await requireVault(parts.store.reader, call);
  const facts = await readFacts(parts.store.reader, vault);
  const now = planMove(facts, request.order);
  const isCovered = now.grants.length === 0 && JSON.stringify(now.losses) === JSON.stringify(plan.losses);
  const isKept = plan.to === 'rbac' || JSON.stringify(facts.policies) === JSON.stringify(change.policiesAfter);
  if (!isCovered || !isKept) throw stale(vault, request, 'something changed while it was applied');
  const replay = await replayStored(parts, vault, plan.to, request.days);
  const isRefused = replay.refused.length + replay.unreadable > 0;
  if (!isRefused || request.acceptLosses) return { facts, replay };
  // Where the vault uses the model already, nobody is helped by taking back what was added.
  if (change.state === 'adding') throw stale(vault, request, 'calls of the log would still be refused');
  await takeBack(parts, call, change);
  const shown = replay.refused.slice(0, 10).map((row) => `${row.operation} by ${row.principalId}`);
  throw new Refusal('model-replay-refused', {
    vault: vault.name,
    to: plan.to,
    days: replay.days,
    count: replay.refused.length,
    refused: shown,
    unreadable: replay.unreadable,
  });
}

async function switchModel(
  parts: MoveParts,
  call: Call,
  request: ApplyRequest,
  { facts, replay, plan, change }: Verified & { readonly plan: MovePlan; readonly change: ModelChange },
): Promise<Answer> {
  return call.commit(async (transaction) => {
    const vault = await requireVault(transaction, call);
    const open = await findChange(transaction, vault.id);
    const isSame = open?.id === change.id && isUnfinished(open) && open.digest === change.digest;
    if (!isSame || groundDigest(await readGround(transaction, vault)) !== groundDigest(facts)) {
      throw stale(vault, request, 'something changed before the switch');
    }
    const now = parts.clock.now();
    const isRbac = plan.to === 'rbac';
    await storeModel(transaction, call, vault, { isRbac, policies: vault.settings.accessPolicies, now });
    await markChange(transaction, change, 'applied', now);
    const done: ModelChange = { ...change, state: 'applied', updated: now };
    const body = {
      properties: { ...changeBody(done), plan: planBody(plan), replay: replayBody(replay) },
    };
    const audit = { to: plan.to, digest: change.digest, replayed: replay.calls, refused: replay.refused.length };
    return { status: 200, body, subject: vault.resourceId, audit };
  });
}

function requireAccepted(vault: Vault, plan: MovePlan, { acceptLosses }: ApplyRequest): void {
  if (acceptLosses || plan.losses.length === 0) return;
  const losses = plan.losses.slice(0, 10).map((loss) => `${loss.principalId} ${loss.permissions.join(', ')}`);
  const count = new Set(plan.losses.map(({ principalId }) => principalId)).size;
  throw new Refusal('model-plan-loses', { vault: vault.name, to: plan.to, count, losses });
}

function stale(vault: Vault, { order }: ApplyRequest, reason: string): Refusal {
  return new Refusal('model-plan-stale', { vault: vault.name, to: order.to, reason });
}
