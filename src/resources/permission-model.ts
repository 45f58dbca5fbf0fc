import { isConditional } from '../access/verdict.ts';
import { type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { vaultScope } from './scopes.ts';
import type { VaultSettings } from './vault.ts';
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

/** @throws Refusal `permission-model-protected` where the model changes and the right to change it is not held */
export function checkModelChange(before: VaultSettings, after: VaultSettings, right: ModelRight): void {
  if (before.enableRbacAuthorization === after.enableRbacAuthorization || right.isHeld) return;
  throw new Refusal('permission-model-protected', right.facts);
}
