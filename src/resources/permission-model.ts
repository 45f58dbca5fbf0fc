import { isConditional } from '../access/verdict.ts';
import { type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Transaction } from '../store/port.ts';
import { actorOf } from './lookup.ts';
import { updateVault } from './repository.ts';
import { vaultScope } from './scopes.ts';
import type { AccessPolicy, Vault, VaultSettings } from './vault.ts';
import { toRow } from './vault-row.ts';
import type { NamedSettings } from './vault-settings.ts';
import type { AccessPort } from './visibility.ts';

const ASSIGN = 'Microsoft.Authorization/roleAssignments/write';

/** Whether the caller may change a vault's permission model, and the evidence for a refusal. */
export interface ModelRight {
  readonly isHeld: boolean;
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Changing the permission model decides who reads the data, so it takes the unrestricted right to assign roles besides the
 * right to write the vault (Key Vault RBAC guide, "change the permission model"). Asked before the transaction, and only
 * where the request names the model.
 */
export async function mayChangeModel(access: AccessPort, call: Call, named: NamedSettings): Promise<ModelRight> {
  const caller = callerOf(call);
  const scope = vaultScope(call.parameters);
  const facts = { oid: caller.oid, appid: caller.appId, principalType: caller.kind, action: ASSIGN, scope };
  if (named.enableRbacAuthorization === undefined) return { isHeld: false, facts };
  const grants = await access.grantsFor(caller, ASSIGN, scope);
  return { isHeld: grants.some((grant) => !isConditional(grant)), facts };
}

/**
 * Lets a caller do what takes the unrestricted right to an action on assignments at a vault.
 * @throws Refusal `permission-model-protected`, `authorization-failed`, `management-denied`
 */
export async function requireUnrestricted(access: AccessPort, call: Call, action = ASSIGN): Promise<void> {
  const caller = callerOf(call);
  const scope = vaultScope(call.parameters);
  await access.authoriseManagement(caller, action, scope);
  const grants = await access.grantsFor(caller, action, scope);
  if (grants.some((grant) => !isConditional(grant))) return;
  const facts = { oid: caller.oid, appid: caller.appId, principalType: caller.kind, action, scope };
  throw new Refusal('permission-model-protected', facts);
}

/** Stores other policies or another model of a vault, as a plan has it. */
export async function storeModel(
  transaction: Transaction,
  call: Call,
  vault: Vault,
  change: { readonly isRbac: boolean; readonly policies: readonly AccessPolicy[]; readonly now: number },
): Promise<void> {
  const { isRbac, policies, now } = change;
  const settings = { ...vault.settings, enableRbacAuthorization: isRbac, accessPolicies: policies };
  const by = actorOf(call);
  const isSwitched = vault.settings.enableRbacAuthorization !== isRbac;
  const modelSwitch = isSwitched ? { at: now, by: by.id, isPlanned: true } : (vault.modelSwitch ?? null);
  await updateVault(transaction, toRow({ ...vault, settings, modelSwitch, updated: now, updatedBy: by }));
}

/** @throws Refusal `permission-model-protected` where the model changes and the right to change it is not held */
export function checkModelChange(before: VaultSettings, after: VaultSettings, right: ModelRight): void {
  if (before.enableRbacAuthorization === after.enableRbacAuthorization || right.isHeld) return;
  throw new Refusal('permission-model-protected', right.facts);
}
