import type { Role } from '../role.ts';
import { roleAllows } from '../verdict.ts';
import { type Capability, capabilities, revealsValues } from './capabilities.ts';

/** A set of roles and what comes with it beside data actions. */
export interface RoleChoice {
  readonly roles: readonly Role[];
  /** The management actions that come with them, as patterns. */
  readonly management: readonly string[];
  /** What they give of a vault's data. */
  readonly held: ReadonlySet<Capability>;
}

type Candidate = Omit<RoleChoice, 'held'> & { readonly gives: bigint };

/** What roles are chosen by: capabilities of one data action come together. */
const dataActions = [...new Set(capabilities.map(({ action }) => action))];

/** Every set of the roles that give data actions; made once for many questions. */
export class RoleChoices {
  readonly #candidates: readonly Candidate[];
  readonly #values = bitsOf((action) => capabilities.some((one) => one.action === action && revealsValues(one)));
  readonly #least = new Map<bigint, RoleChoice>();
  readonly #exact = new Map<bigint, RoleChoice | null>();

  /** @param roles those to choose from: the sets are 2 to the power of those that give data actions */
  constructor(roles: readonly Role[]) {
    let sets: Candidate[] = [{ roles: [], gives: 0n, management: [] }];
    for (const role of roles) {
      const gives = bitsOf((action) => roleAllows(role, 'dataAction', action));
      if (gives === 0n) continue;
      const management = role.permissions.flatMap((permission) => permission.actions);
      sets = sets.flatMap((set) => [
        set,
        {
          roles: [...set.roles, role],
          gives: set.gives | gives,
          management: [...new Set([...set.management, ...management])],
        },
      ]);
    }
    this.#candidates = sets;
  }

  /**
   * The least set that gives the data actions: not one that reveals the values of secrets unasked, if there is another; then
   * the fewest data actions besides; then the fewest roles; then the fewest management actions.
   */
  least(wanted: ReadonlySet<string>): RoleChoice {
    const bits = bitsOf((action) => wanted.has(action));
    const known = this.#least.get(bits);
    if (known) return known;
    let best: { candidate: Candidate; cost: readonly number[] } | null = null;
    for (const candidate of this.#candidates) {
      if ((candidate.gives & bits) !== bits) continue;
      const extra = candidate.gives & ~bits;
      const reveals = (extra & this.#values) === 0n ? 0 : 1;
      const cost = [reveals, ones(extra), candidate.roles.length, candidate.management.length];
      if (!best || isLess(cost, best.cost)) best = { candidate, cost };
    }
    if (!best) throw new Error(`no roles cover ${[...wanted].join(', ')}`);
    const choice = withHeld(best.candidate);
    this.#least.set(bits, choice);
    return choice;
  }

  /** The least set that gives these data actions and nothing besides, no management action either; null where there is none. */
  exact(wanted: ReadonlySet<string>): RoleChoice | null {
    const bits = bitsOf((action) => wanted.has(action));
    const known = this.#exact.get(bits);
    if (known !== undefined) return known;
    const exact = this.#candidates.filter(({ gives, management }) => gives === bits && management.length === 0);
    const [best] = exact.sort((a, b) => a.roles.length - b.roles.length);
    const choice = best ? withHeld(best) : null;
    this.#exact.set(bits, choice);
    return choice;
  }
}

function withHeld({ roles, management }: Candidate): RoleChoice {
  const isGiven = (action: string) => roles.some((role) => roleAllows(role, 'dataAction', action));
  return { roles, management, held: capabilitiesOfActions(isGiven) };
}

/** The capabilities that come with the data actions of a role or of several. */
export function capabilitiesOfActions(isGiven: (action: string) => boolean): ReadonlySet<Capability> {
  return new Set(capabilities.filter(({ action }) => isGiven(action)));
}

function bitsOf(isIn: (action: string) => boolean): bigint {
  return dataActions.reduce((sum, action, index) => (isIn(action) ? sum | (1n << BigInt(index)) : sum), 0n);
}

function ones(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest > 0n; rest &= rest - 1n) count += 1;
  return count;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, position) => value !== b[position]);
  return index >= 0 && a[index]! < b[index]!;
}
