import type { ObjectKind } from '../../operations/operation.ts';
import { changePolicies } from '../../resources/access-policies.ts';
import type { AccessPolicy } from '../../resources/vault.ts';
import { type Capability, capabilities, capabilitiesOf, capabilitiesOfPolicy, revealsValues } from './capabilities.ts';
import {
  addTo,
  denialText,
  Findings,
  grantText,
  hitBy,
  inBoth,
  isThroughout,
  type MoveFacts,
  type MoveOrder,
  type MovePlan,
  nothing,
  type Reach,
  reachesOf,
  takenBy,
  without,
} from './plan.ts';

/**
 * The access policies that stand in for the roles that reach a vault. Policies know neither objects, conditions nor denials:
 * what a principal holds for some objects or under a condition alone is lost, or, where that is asked for, given for all of them.
 * Entries that lie unused in a vault of roles do not come back to life; in a vault of policies they stay.
 */
export function planPolicies(facts: MoveFacts, order: MoveOrder): MovePlan {
  const findings = new Findings();
  const reaches = reachesOf(facts)
    .filter((reach) => isThere(facts, reach, findings))
    .map((reach) => undenied(facts, reach));
  const before = new Map<string, Set<Capability>>();
  const wanted = new Map<string, Set<Capability>>();
  for (const { grant, held, isWhole } of reaches) {
    if (isWhole) addTo(before, grant.principalId, held);
    if (isWhole || order.widen) addTo(wanted, grant.principalId, held);
  }
  const given = new Map<string, Set<Capability>>();
  let policies: readonly AccessPolicy[] = facts.isRbac ? [] : facts.policies;
  for (const policy of policies) if (!policy.applicationId) addTo(given, policy.objectId, capabilitiesOfPolicy(policy));
  for (const [principalId, want] of wanted) {
    const entry = entryFor(facts, order, principalId, want);
    if (Object.keys(entry.permissions).length > 0) policies = changePolicies(policies, 'add', [entry]);
    const old = new Set([...(before.get(principalId) ?? nothing), ...(given.get(principalId) ?? nothing)]);
    const gained = without(capabilitiesOfPolicy(entry), old);
    findings.add('gains', { principalId, reason: 'widened', detail: '', held: gained });
    addTo(given, principalId, capabilitiesOfPolicy(entry));
    const lost = without(before.get(principalId) ?? nothing, given.get(principalId)!);
    findings.add('losses', { principalId, reason: 'no-such-permission', detail: '', held: lost });
  }
  for (const { grant, held, isWhole } of reaches) {
    if (isWhole) continue;
    const { principalId } = grant;
    const reason = grant.holdsIf || grant.role.holdsIf ? 'condition' : 'object-scope';
    const lost = without(held, given.get(principalId) ?? nothing);
    findings.add('losses', { principalId, reason, detail: grantText(grant), held: lost });
  }
  addDenials(facts, reaches, given, findings);
  if (facts.isRbac) noteDropped(facts, findings);
  const { gains, losses, notes } = findings;
  return { ...order, grants: [], policies, gains, losses, notes };
}

function isThere(facts: MoveFacts, { grant, held }: Reach, findings: Findings): boolean {
  const { principalId } = grant;
  if (facts.principals.has(principalId)) return true;
  findings.add('notes', { principalId, reason: 'no-such-principal', detail: grantText(grant), held });
  return false;
}

/** What is left of a grant where denials against its holder hold for all of the vault. */
function undenied(facts: MoveFacts, { grant, held, isWhole }: Reach): Reach {
  const left = new Set(held);
  for (const denial of facts.denials) {
    const isHit = isThroughout(denial, facts.vault.scopeKey) && hitBy(denial, grant.principalId, facts) === 'itself';
    if (isHit) for (const one of takenBy(denial)) left.delete(one);
  }
  return { grant, held: left, isWhole };
}

/** Of each permission all or nothing: all where everything of it is wanted, or may be given besides. */
function entryFor(
  facts: MoveFacts,
  order: MoveOrder,
  principalId: string,
  wanted: ReadonlySet<Capability>,
): AccessPolicy {
  const permissions: Partial<Record<ObjectKind, string[]>> = {};
  for (const { of, name } of capabilities) {
    const whole = capabilitiesOf(of, name);
    const missing = whole.filter((one) => !wanted.has(one));
    if (missing.length === whole.length || permissions[of]?.includes(name)) continue;
    if (missing.length > 0 && (!order.widen || missing.some(revealsValues))) continue;
    permissions[of] = [...(permissions[of] ?? []), name];
  }
  return { tenantId: facts.vault.tenantId, objectId: principalId, permissions };
}

/** Denials mean nothing under policies: what they took away comes back to whoever is given it as a policy. */
function addDenials(
  facts: MoveFacts,
  reaches: readonly Reach[],
  given: ReadonlyMap<string, ReadonlySet<Capability>>,
  findings: Findings,
): void {
  const principals = new Set(reaches.map(({ grant }) => grant.principalId));
  for (const denial of facts.denials) {
    const taken = takenBy(denial);
    for (const principalId of principals) {
      const hit = hitBy(denial, principalId, facts);
      if (!hit) continue;
      const back = inBoth(given.get(principalId) ?? nothing, taken);
      findings.add('gains', { principalId, reason: 'denial-ends', detail: denialText(denial, hit), held: back });
    }
  }
}

function noteDropped(facts: MoveFacts, findings: Findings): void {
  for (const policy of facts.policies) {
    const { objectId: principalId, applicationId } = policy;
    const held = capabilitiesOfPolicy(policy);
    findings.add('notes', { principalId, applicationId, reason: 'dropped', detail: '', held });
  }
}
