import { type Answer, type Call, callerOf } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { assertUnlocked } from '../../resources/lock-guard.ts';
import { requireVault } from '../../resources/lookup.ts';
import { requireUnrestricted, storeModel } from '../../resources/permission-model.ts';
import { vaultScope } from '../../resources/scopes.ts';
import type { Vault } from '../../resources/vault.ts';
import type { Transaction } from '../../store/port.ts';
import { definitionActions } from '../custom-roles/roles.ts';
import { assignmentActions } from '../delegation.ts';
import { readFacts } from './facts.ts';
import { type LockedOut, lockedOutBySwitch } from './lockout.ts';
import { BATCH, type Kept, removeAssignments, removeRoles } from './made.ts';
import type { MoveParts } from './parts.ts';
import { changeBody } from './plan-body.ts';
import { findChange, type ModelChange, markChange } from './repository.ts';

/** What undoing leaves as it is, and why. */
interface Undone {
  readonly kept: readonly Kept[];
  readonly notes: readonly string[];
}

/**
 * Undoes the last plan that was applied or begun: the model and the policies are as they were, then what was assigned goes,
 * save for what somebody has changed since. After a fall between two steps the same request goes on.
 * @throws Refusal `model-change-none`, `permission-model-protected`, `authorization-failed`, `scope-locked`
 */
export async function revertChange(parts: MoveParts, call: Call): Promise<Answer> {
  await requireUnrestricted(parts.access, call);
  await requireUnrestricted(parts.access, call, assignmentActions.delete);
  const vault = await requireVault(parts.store.reader, call);
  const change = await findChange(parts.store.reader, vault.id);
  if (!change || change.state === 'reverted') throw new Refusal('model-change-none', { vault: vault.name });
  if (change.roles.length > 0) {
    await parts.access.authoriseManagement(callerOf(call), definitionActions.delete, vaultScope(call.parameters));
  }
  const losses = await lostByUndoing(parts, vault, change);
  const undone = await undoTo(parts, call, change);
  return call.commit(async (transaction) => {
    const found = await requireVault(transaction, call);
    const roles = await finish(parts, transaction, change);
    const kept = [...undone.kept, ...roles];
    const body = {
      properties: {
        ...changeBody({ ...change, state: 'reverted', updated: parts.clock.now() }),
        model: found.settings.enableRbacAuthorization ? 'rbac' : 'policies',
        kept,
        notes: undone.notes,
        losses,
      },
    };
    const audit = { kept: kept.map(({ id }) => id), notes: undone.notes, loses: losses.map((one) => one.principalId) };
    return { status: 200, body, subject: found.resourceId, audit };
  });
}

/** Takes back what was begun and must not be finished. */
export async function takeBack(parts: MoveParts, call: Call, change: ModelChange): Promise<void> {
  await undoTo(parts, call, change);
  await call.commitStep('take-back', async (transaction) => {
    await finish(parts, transaction, change);
    return { status: 200, subject: (await requireVault(transaction, call)).resourceId };
  });
}

async function finish(parts: MoveParts, transaction: Transaction, change: ModelChange): Promise<readonly Kept[]> {
  const kept = await removeRoles(transaction, change);
  await markChange(transaction, change, 'reverted', parts.clock.now());
  return kept;
}

/** The model first, so that everybody has the access from before until the end; then the assignments, some at a time. */
async function undoTo(parts: MoveParts, call: Call, change: ModelChange): Promise<Undone> {
  let notes: readonly string[] = [];
  await call.commitStep('switch-back', async (transaction) => {
    const vault = await requireVault(transaction, call);
    const state = (await findChange(transaction, vault.id))?.state;
    // Interrupted before: what was done to the model since is somebody's wish.
    if (state === 'reverting') return { status: 200, subject: vault.resourceId };
    // A lock against deleting keeps role assignments: nothing is begun that could not be finished.
    if (change.assignments.length > 0) await assertUnlocked(transaction, assignmentActions.delete, vault.resourceId);
    const isBegun = state === 'assigning';
    const { enableRbacAuthorization: isRbacNow, accessPolicies } = vault.settings;
    // What was not switched, or was switched by hand since, is not switched back.
    const isRbac = isBegun || isRbacNow !== (change.to === 'rbac') ? isRbacNow : change.wasRbac;
    const isChanged = JSON.stringify(accessPolicies) !== JSON.stringify(change.policiesAfter);
    // Policies that are in force and stay so are put back only where the plan wrote them and nobody has changed them since.
    const isKept = !isRbacNow && !isRbac && (change.to === 'rbac' || isChanged);
    const policies = isKept ? accessPolicies : change.policiesBefore;
    notes = notesOf({ isRbacNow, isBegun, isChanged, isKept }, change);
    const now = parts.clock.now();
    await storeModel(transaction, call, vault, { isRbac, policies, now });
    await markChange(transaction, change, 'reverting', now);
    return { status: 200, subject: vault.resourceId, audit: { notes } };
  });
  const kept: Kept[] = [];
  for (let start = 0; start < change.assignments.length; start += BATCH) {
    const batch = change.assignments.slice(start, start + BATCH);
    let keptNow: readonly Kept[] = [];
    await call.commitStep('unassign', async (transaction) => {
      const vault = await requireVault(transaction, call);
      await assertUnlocked(transaction, assignmentActions.delete, vault.resourceId);
      keptNow = await removeAssignments(transaction, vault, change, batch);
      return { status: 200, subject: vault.resourceId, audit: { assignments: batch.map(({ id }) => id) } };
    });
    kept.push(...keptNow);
  }
  return { kept, notes };
}

function notesOf(
  found: {
    readonly isRbacNow: boolean;
    readonly isBegun: boolean;
    readonly isChanged: boolean;
    readonly isKept: boolean;
  },
  change: ModelChange,
): readonly string[] {
  const { isRbacNow, isBegun, isChanged, isKept } = found;
  const isByHand = !isBegun && isRbacNow !== (change.to === 'rbac');
  return [
    ...(isByHand ? [`The vault was switched to ${isRbacNow ? 'rbac' : 'policies'} by hand since; it stays so.`] : []),
    ...(isChanged && isKept ? ['Access policies were changed since; they stay as they are.'] : []),
    ...(isChanged && !isKept ? ['Access policies were changed since; they are as before the plan again.'] : []),
  ];
}

/** Who can do now what they cannot any more afterwards: what was granted since the plan was applied. */
async function lostByUndoing(parts: MoveParts, vault: Vault, change: ModelChange): Promise<readonly LockedOut[]> {
  if (change.state !== 'applied' || vault.settings.enableRbacAuthorization !== (change.to === 'rbac')) return [];
  const made = new Set(change.assignments.map(({ id }) => id));
  const found = await readFacts(parts.store.reader, vault);
  const facts = { ...found, grants: found.grants.filter(({ assignmentId }) => !made.has(assignmentId)) };
  if (change.to === 'rbac' && !change.wasRbac) {
    const roles = { ...facts, policies: change.policiesBefore };
    return lockedOutBySwitch(roles, 'policies');
  }
  return change.wasRbac && change.to === 'policies' ? lockedOutBySwitch(facts, 'rbac') : [];
}
