import { toIso } from '../base/text.ts';
import type { AccessPolicy, Vault } from '../resources/vault.ts';
import { vaultDataActions } from './data-actions.ts';
import type { Grant } from './role.ts';
import { concerns, roleAllows, scopeReaches } from './verdict.ts';

const MAX_LISTED = 50;

/** The caller's entries of a vault whose policies have no effect, as evidence: `OBJECT-ID: secrets get, list`. */
export function ignoredPolicies(
  policies: readonly AccessPolicy[],
  caller: Parameters<typeof concerns>[1],
): readonly string[] {
  return policies
    .filter((policy) => concerns(policy, caller))
    .slice(0, MAX_LISTED)
    .map(({ objectId, permissions }) => {
      const given = Object.entries(permissions).map(([kind, names]) => `${kind} ${names.join(', ')}`);
      return `${objectId}: ${given.join('; ')}`;
    });
}

/** Since when a vault has used the model that it uses, and by whose hand. */
export function sinceText({ modelSwitch }: Pick<Vault, 'modelSwitch'>): string {
  if (!modelSwitch) return 'since it was made';
  return `since ${modelSwitch.by} switched it ${modelSwitch.isPlanned ? 'by a plan' : 'by hand'} on ${toIso(modelSwitch.at)}`;
}

/** The caller's roles with data actions at, above or below a vault in which roles have no effect: `ROLE at SCOPE`. */
export function ignoredRoles(grants: readonly Grant[], vaultKey: string): readonly string[] {
  return grants
    .filter(({ scopeKey }) => scopeReaches(scopeKey, vaultKey) || scopeReaches(vaultKey, scopeKey))
    .filter(({ role }) => vaultDataActions.some((action) => roleAllows(role, 'dataAction', action)))
    .slice(0, MAX_LISTED)
    .map(({ role, scope }) => `${role.name} at ${scope}`);
}
