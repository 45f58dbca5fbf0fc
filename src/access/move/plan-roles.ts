import type { AccessPolicy } from '../../resources/vault.ts';
import { type Capability, capabilitiesOfPolicy, unservedPermissions } from './capabilities.ts';
import { capabilitiesOfActions, RoleChoices } from './least-roles.ts';
import {
  addTo,
  denialText,
  Findings,
  grantText,
  hitBy,
  inBoth,
  type MoveFacts,
  type MoveOrder,
  type MovePlan,
  nothing,
  type PlannedGrant,
  reachesOf,
  takenBy,
  without,
} from './plan.ts';

/** What the policies give, by principal. */
interface Wanted {
  /** For every application. */
  readonly before: Map<string, Set<Capability>>;
  /** With what is widened. */
  readonly wanted: Map<string, Set<Capability>>;
}

/**
 * The roles at the vault that stand in for its access policies. Policies speak of the whole vault, so that is the narrowest
 * scope that serves. What a principal itself holds at the vault or above it, without a condition, is not given again.
 */
export function planRoles(facts: MoveFacts, order: MoveOrder): MovePlan {
  const findings = new Findings();
  const { before, wanted } = readPolicies(facts, order, findings);
  const reaches = reachesOf(facts);
  const held = new Map<string, Set<Capability>>();
  for (const { grant, held: given, isWhole } of reaches) if (isWhole) addTo(held, grant.principalId, given);
  const choices = new RoleChoices(facts.roles);
  const grants: PlannedGrant[] = [];
  const after = new Map<string, Set<Capability>>();
  for (const [principalId, want] of wanted) {
    const missing = without(want, held.get(principalId) ?? nothing);
    if (missing.length === 0) continue;
    const principalType = facts.principals.get(principalId)!.kind;
    const limited = limitedHere(facts, principalId);
    const { roles, given } = chooseRoles(choices, order, missing, limited, findings, principalId);
    for (const role of roles) grants.push({ principalId, principalType, role });
    addTo(after, principalId, given);
    const old = before.get(principalId) ?? nothing;
    findings.add('gains', { principalId, reason: 'widened', detail: '', held: without(want, old) });
    const names = roles.map((role) => (role.id === null ? 'a role of these data actions' : role.name)).join(', ');
    const besides = without(given, want);
    findings.add('gains', { principalId, reason: 'role', detail: names, held: besides });
  }
  // In a vault of roles these give what they give already.
  for (const { grant, held: given } of facts.isRbac ? [] : reaches) {
    const { principalId } = grant;
    const known = new Set([...(before.get(principalId) ?? nothing), ...(after.get(principalId) ?? nothing)]);
    const detail = grantText(grant);
    findings.add('gains', { principalId, reason: 'assignment', detail, held: without(given, known) });
  }
  addDenials(facts, wanted, findings);
  const { gains, losses, notes } = findings;
  return { ...order, grants, policies: [], gains, losses, notes };
}

function readPolicies(facts: MoveFacts, order: MoveOrder, findings: Findings): Wanted {
  const before = new Map<string, Set<Capability>>();
  const wanted = new Map<string, Set<Capability>>();
  for (const policy of facts.policies) {
    const { objectId: principalId, applicationId } = policy;
    const held = capabilitiesOfPolicy(policy);
    const about = { principalId, applicationId, detail: '', held };
    const principal = facts.principals.get(principalId);
    if (!principal) {
      findings.add('notes', { ...about, reason: 'no-such-principal' });
      continue;
    }
    findings.add('notes', { ...about, reason: 'not-served', held: unservedPermissions(policy) });
    const binding = bindingOf(policy, principal);
    if (binding === 'never') findings.add('notes', { ...about, reason: 'never-applied' });
    else if (binding === 'none') {
      addTo(before, principalId, held);
      addTo(wanted, principalId, held);
    } else if (order.widen) addTo(wanted, principalId, held);
    else findings.add('losses', { ...about, reason: 'application' });
  }
  return { before, wanted };
}

/**
 * What the application of an entry means. A service principal's tokens are its own application's: an entry for that one is like
 * one without, and an entry for another never applies. People, also as members of a group, come through several.
 */
function bindingOf(policy: AccessPolicy, principal: { kind: string; appId: string | null }): 'none' | 'never' | 'some' {
  if (!policy.applicationId) return 'none';
  if (principal.kind !== 'ServicePrincipal') return 'some';
  return policy.applicationId.toLowerCase() === principal.appId?.toLowerCase() ? 'none' : 'never';
}

/** Roles that the principal has at the vault itself under a condition: it cannot have them there once more without one. */
function limitedHere({ grants, vault }: MoveFacts, principalId: string): ReadonlySet<string> {
  const own = grants.filter((grant) => grant.principalId === principalId && grant.scopeKey === vault.scopeKey);
  return new Set(own.map(({ role }) => role.id));
}

function chooseRoles(
  choices: RoleChoices,
  order: MoveOrder,
  missing: readonly Capability[],
  limited: ReadonlySet<string>,
  findings: Findings,
  principalId: string,
): { readonly roles: readonly PlannedGrant['role'][]; readonly given: ReadonlySet<Capability> } {
  const actions = new Set(missing.map(({ action }) => action));
  const choice = order.roles === 'exact' ? choices.exact(actions) : choices.least(actions);
  if (!choice || choice.roles.some(({ id }) => limited.has(id))) {
    const dataActions = [...actions].sort();
    return { roles: [{ id: null, dataActions }], given: capabilitiesOfActions((action) => actions.has(action)) };
  }
  const detail = choice.roles.map(({ name }) => name).join(', ');
  findings.add('gains', { principalId, reason: 'management', detail, held: choice.management });
  const roles = choice.roles.map(({ id, name }) => ({ id, name }));
  return { roles, given: choice.held };
}

/** Denials hold under roles alone: whoever they are against loses, whatever is assigned. */
function addDenials(facts: MoveFacts, wanted: ReadonlyMap<string, ReadonlySet<Capability>>, findings: Findings): void {
  for (const denial of facts.denials) {
    const taken = takenBy(denial);
    for (const [principalId, held] of wanted) {
      const hit = hitBy(denial, principalId, facts);
      if (!hit) continue;
      const detail = denialText(denial, hit);
      findings.add('losses', { principalId, reason: 'denied', detail, held: inBoth(held, taken) });
    }
  }
}
