import type { AccessPolicy } from '../../resources/vault.ts';
import type { Denial } from '../denials/denial.ts';
import { isAgainst, takesAway } from '../denials/denial.ts';
import type { Grant, Role } from '../role.ts';
import { isConditional, roleAllows, scopeReaches } from '../verdict.ts';
import { type Capability, capabilities, permissionWords } from './capabilities.ts';
import { capabilitiesOfActions } from './least-roles.ts';

/** A permission model of vaults. */
export type Model = 'rbac' | 'policies';

/** What is to be planned. */
export interface MoveOrder {
  readonly to: Model;
  /**
   * `exact`: a custom role is made where no built-in role gives what a policy gives and nothing besides; `built-in`: built-in
   * roles alone, the least that cover it.
   */
  readonly roles: 'exact' | 'built-in';
  /** Whether what the new model cannot say so narrowly is given more widely; else it is lost. Never the values of secrets. */
  readonly widen: boolean;
}

/** What the directory says of a principal. */
export interface PrincipalFacts {
  readonly kind: string;
  readonly displayName: string;
  /** The application of a service principal. */
  readonly appId: string | null;
  /** Its object id, and the groups it is in. */
  readonly principalIds: readonly string[];
}

/** All that a plan rests on. */
export interface MoveFacts {
  readonly vault: { readonly name: string; readonly scopeKey: string; readonly tenantId: string };
  /** Whether the vault uses roles now. */
  readonly isRbac: boolean;
  readonly policies: readonly AccessPolicy[];
  /** Every grant with data actions at the vault, above and below it. */
  readonly grants: readonly Grant[];
  /** The texts of their conditions, by assignment id. */
  readonly conditions: ReadonlyMap<string, string>;
  /** Every denial that may take data actions away at the vault or below it. */
  readonly denials: readonly Denial[];
  /** By object id: everybody that the policies, grants and denials name and who still exists. */
  readonly principals: ReadonlyMap<string, PrincipalFacts>;
  /** The built-in roles to choose from. */
  readonly roles: readonly Role[];
}

/** A role to be assigned at the vault. */
export interface PlannedGrant {
  readonly principalId: string;
  readonly principalType: string;
  /** A built-in role, or the data actions of a custom role to be made. */
  readonly role:
    | { readonly id: string; readonly name: string }
    | { readonly id: null; readonly dataActions: readonly string[] };
}

/** Why somebody gains, loses or keeps something; the words of it are in docs/operations.md. */
export type ChangeReason =
  | 'role'
  | 'management'
  | 'assignment'
  | 'widened'
  | 'denial-ends'
  | 'application'
  | 'denied'
  | 'object-scope'
  | 'condition'
  | 'no-such-permission'
  | 'no-such-principal'
  | 'never-applied'
  | 'not-served'
  | 'dropped';

/** What a plan changes for one principal. */
export interface Change {
  readonly principalId: string;
  readonly applicationId: string | null;
  /** As `secrets get`, or management actions. */
  readonly permissions: readonly string[];
  readonly reason: ChangeReason;
  /** The role, scope, condition or denial it is about; may be empty. */
  readonly detail: string;
}

/** What a move between the models does: nobody's rights change but as it says. */
export interface MovePlan extends MoveOrder {
  /** Roles to assign at the vault, for a move to roles. */
  readonly grants: readonly PlannedGrant[];
  /** All policies afterwards, for a move to policies. */
  readonly policies: readonly AccessPolicy[];
  readonly gains: readonly Change[];
  readonly losses: readonly Change[];
  /** What ends without anybody losing anything that works. */
  readonly notes: readonly Change[];
}

/** Gathers what a plan says. */
export class Findings {
  readonly gains: Change[] = [];
  readonly losses: Change[] = [];
  readonly notes: Change[] = [];

  add(
    list: 'gains' | 'losses' | 'notes',
    change: Omit<Change, 'applicationId' | 'permissions'> & {
      readonly applicationId?: string | undefined;
      readonly held: Iterable<Capability> | readonly string[];
    },
  ): void {
    const { held, applicationId = null, ...rest } = change;
    const items = [...held];
    const permissions = items.every((item) => typeof item === 'string')
      ? items
      : permissionWords(items as Capability[]);
    if (permissions.length > 0) this[list].push({ ...rest, applicationId, permissions });
  }
}

/** What a grant gives of a vault's data: all through, or only for some objects or under a condition. */
export interface Reach {
  readonly grant: Grant;
  readonly held: ReadonlySet<Capability>;
  readonly isWhole: boolean;
}

/** The grants as they reach the vault. */
export function reachesOf(facts: Pick<MoveFacts, 'vault' | 'grants'>): readonly Reach[] {
  return facts.grants.map((grant) => ({
    grant,
    held: capabilitiesOfActions((action) => roleAllows(grant.role, 'dataAction', action)),
    isWhole: scopeReaches(grant.scopeKey, facts.vault.scopeKey) && !isConditional(grant),
  }));
}

/** The capabilities that a denial takes away somewhere in a vault. */
export function takenBy(denial: Denial): ReadonlySet<Capability> {
  return capabilitiesOfActions((action) => takesAway(denial, 'dataAction', action));
}

/** Whether a denial holds for all of the vault. */
export function isThroughout(denial: Denial, vaultKey: string): boolean {
  return !denial.isOnlyHere && scopeReaches(denial.scopeKey, vaultKey);
}

/** Whom a denial hits of those that a grant to the principal is for: itself, perhaps some of its members, or nobody. */
export function hitBy(
  denial: Denial,
  principalId: string,
  facts: Pick<MoveFacts, 'principals'>,
): 'itself' | 'members' | null {
  const principal = facts.principals.get(principalId);
  if (!principal) return null;
  const isGroup = principal.kind === 'Group';
  // Whoever a denial leaves out may be a member of a group that it names.
  const isWhole = !isGroup || denial.excludePrincipals.length === 0;
  if (isAgainst(denial, principal.principalIds)) return isWhole ? 'itself' : 'members';
  if (!isGroup) return null;
  const isMember = ({ id }: { readonly id: string }) => {
    const denied = facts.principals.get(id);
    if (!denied) return false;
    // Two groups may share members; one principal is a member or is not.
    return (
      denied.kind === 'Group' || (denied.principalIds.includes(principalId) && isAgainst(denial, denied.principalIds))
    );
  };
  return denial.principals.some(isMember) ? 'members' : null;
}

/** How a grant is named in a plan. */
export function grantText(grant: Grant): string {
  const condition = grant.holdsIf ?? grant.role.holdsIf;
  return `${grant.role.name} at ${grant.scope}${condition === undefined ? '' : ' under a condition'}`;
}

/** How a denial is named in a plan. */
export function denialText(denial: Denial, hit: 'itself' | 'members'): string {
  return `deny assignment '${denial.name}' (${denial.id}) at ${denial.scope}${hit === 'members' ? ', for members of the group' : ''}`;
}

/** The members of `a` that are not in `b`, in the order of the table. */
export function without(a: ReadonlySet<Capability>, b: ReadonlySet<Capability>): readonly Capability[] {
  return capabilities.filter((one) => a.has(one) && !b.has(one));
}

/** The members of both, in the order of the table. */
export function inBoth(a: ReadonlySet<Capability>, b: ReadonlySet<Capability>): readonly Capability[] {
  return capabilities.filter((one) => a.has(one) && b.has(one));
}

/** Adds to the set that a map has under a key. */
export function addTo<K>(map: Map<K, Set<Capability>>, key: K, held: Iterable<Capability>): void {
  const set = map.get(key) ?? new Set();
  for (const one of held) set.add(one);
  map.set(key, set);
}

/** Nothing held. */
export const nothing: ReadonlySet<Capability> = new Set();
