import { type Capability, capabilitiesOfPolicy, permissionWords } from './capabilities.ts';
import { hitBy, type Model, type MoveFacts, nothing, reachesOf, takenBy, without } from './plan.ts';

/** Somebody who can do less under the other model. */
export interface LockedOut {
  readonly principalId: string;
  /** As `secrets get`. */
  readonly permissions: readonly string[];
}

/** Who loses what where a vault is switched to the other model as things are, through groups or directly. */
export function lockedOutBySwitch(facts: MoveFacts, to: Model): readonly LockedOut[] {
  const named =
    to === 'rbac' ? facts.policies.map(({ objectId }) => objectId) : facts.grants.map((one) => one.principalId);
  return [...new Set(named)].sort().flatMap((principalId) => {
    const byPolicies = heldByPolicies(facts, principalId, to === 'rbac');
    const byRoles = heldByRoles(facts, principalId, to === 'policies');
    const lost = to === 'rbac' ? without(byPolicies, byRoles) : without(byRoles, byPolicies);
    return lost.length === 0 ? [] : [{ principalId, permissions: permissionWords(lost) }];
  });
}

/** @param isBefore what holds for some applications counts among what is lost, not among what is left */
function heldByPolicies(facts: MoveFacts, principalId: string, isBefore: boolean): ReadonlySet<Capability> {
  const principal = facts.principals.get(principalId);
  if (!principal) return nothing;
  const counts = (applicationId: string | undefined) =>
    !applicationId ||
    (principal.kind === 'ServicePrincipal' ? applicationId.toLowerCase() === principal.appId?.toLowerCase() : isBefore);
  const entries = facts.policies.filter(
    ({ objectId, applicationId }) => principal.principalIds.includes(objectId) && counts(applicationId),
  );
  return new Set(entries.flatMap((policy) => [...capabilitiesOfPolicy(policy)]));
}

/** @param isBefore what holds for some objects, or under a condition or a denial, counts among what is lost, not among what is left */
function heldByRoles(facts: MoveFacts, principalId: string, isBefore: boolean): ReadonlySet<Capability> {
  const principal = facts.principals.get(principalId);
  if (!principal) return nothing;
  const reaches = reachesOf(facts).filter(
    ({ grant, isWhole }) => principal.principalIds.includes(grant.principalId) && (isBefore || isWhole),
  );
  const held = new Set(reaches.flatMap((reach) => [...reach.held]));
  for (const denial of isBefore ? [] : facts.denials) {
    if (hitBy(denial, principalId, facts)) for (const one of takenBy(denial)) held.delete(one);
  }
  return held;
}
