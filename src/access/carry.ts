import { newUuid } from '../base/ids.ts';
import type { Random } from '../base/ports.ts';
import { type Carrier, digestOf, type ItemState, type MoveEnds } from '../moving/carrier.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session, Transaction } from '../store/port.ts';
import { findCustomRole, listCustomRoles, storeCustomRole } from './custom-roles/repository.ts';
import { findRole } from './custom-roles/roles.ts';
import type { Denial } from './denials/denial.ts';
import { MAX_DENIALS } from './denials/deny-assignments.ts';
import { countDenials, deleteDenial, findDenial, readDenials, storeDenial } from './denials/repository.ts';
import {
  deleteAssignment,
  findAssignment,
  findAssignmentOf,
  insertAssignment,
  listAssignments,
  type RoleAssignment,
} from './repository.ts';
import { foldScope } from './scope.ts';
import { scopeReaches } from './verdict.ts';

/** Carries the role assignments at a vault and below it to another: whoever could, can there. */
export function assignmentCarrier({ random }: { readonly random: Random }): Carrier {
  return {
    kind: 'roleAssignments',
    isAccess: true,
    page: async (session, { from }, after, limit) =>
      (await assignmentsWithin(session, from, after, limit)).map((one) => stateOfAssignment(one, from)),
    find: async (session, { from }, key) => {
      const found = await assignmentAt(session, key);
      return found && stateOfAssignment(found, from);
    },
    findCopy: async (session, ends, key, made) => {
      const copy = made === null ? await twinOf(session, ends, key) : await findAssignment(session, ...placeOf(made));
      return copy && { digest: stateOfAssignment(copy, ends.to).digest, made: keyOf(copy) };
    },
    carry: async (transaction, ends, key, { before }) => {
      const source = await assignmentAt(transaction, key);
      if (!source) return null;
      await widenRole(transaction, source.roleId, ends.to);
      const scope = movedScope(source.scope, ends);
      if (before?.made) await deleteAssignment(transaction, ...placeOf(before.made));
      const id = before?.made ? placeOf(before.made)[1] : newUuid(random);
      const copy = { ...source, id, scope, scopeKey: foldScope(scope) };
      await insertAssignment(transaction, copy);
      return { digest: stateOfAssignment(copy, ends.to).digest, made: keyOf(copy) };
    },
    removeCopy: async (transaction, _ends, _key, _now, made) => {
      if (made !== null) await deleteAssignment(transaction, ...placeOf(made));
    },
  };
}

/** Carries the deny assignments at a vault and below it to another: whoever was denied, is there too. */
export function denialCarrier({ random }: { readonly random: Random }): Carrier {
  const within = async (session: Session, vault: Vault) =>
    (await readDenials(session)).filter(({ scopeKey }) => scopeReaches(vault.scopeKey, scopeKey));
  return {
    kind: 'denyAssignments',
    isAccess: true,
    page: async (session, { from }, after, limit) => {
      const all = (await within(session, from)).map((denial) => stateOfDenial(denial, from));
      return all
        .filter(({ key }) => key > after)
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .slice(0, limit);
    },
    find: async (session, { from }, key) => {
      const found = await findDenial(session, placeOf(key)[1]);
      return found && keyOf(found) === key ? stateOfDenial(found, from) : null;
    },
    findCopy: async (session, { to }, _key, made) => {
      const copy = made === null ? null : await findDenial(session, placeOf(made)[1]);
      return copy && { digest: stateOfDenial(copy, to).digest, made: keyOf(copy) };
    },
    carry: async (transaction, ends, key, { before }) => {
      const source = await findDenial(transaction, placeOf(key)[1]);
      if (!source) return null;
      if (!before && (await countDenials(transaction)) >= MAX_DENIALS) {
        throw new Refusal('deny-assignment-limit', { limit: MAX_DENIALS });
      }
      const scope = movedScope(source.scope, ends);
      if (before?.made) await deleteDenial(transaction, ...placeOf(before.made));
      const id = before?.made ? placeOf(before.made)[1] : newUuid(random);
      const copy: Denial = { ...source, id, scope, scopeKey: foldScope(scope) };
      await storeDenial(transaction, copy);
      return { digest: stateOfDenial(copy, ends.to).digest, made: keyOf(copy) };
    },
    removeCopy: async (transaction, _ends, _key, _now, made) => {
      if (made !== null) await deleteDenial(transaction, ...placeOf(made));
    },
  };
}

/** Something that names a vault, and what it becomes. */
export interface Reference {
  readonly kind: 'roleAssignment' | 'denyAssignment' | 'condition' | 'customRole';
  readonly id: string;
  /** Whom or what it is about. */
  readonly about: string;
  readonly becomes: string;
}

/** The role and deny assignments at a vault and below it with their conditions, and the custom roles that are for it alone. */
export async function referencesWithin(session: Session, from: Vault, to: Vault): Promise<readonly Reference[]> {
  const found: Reference[] = [];
  const moved = (scope: string) => `${to.resourceId}${scope.slice(from.resourceId.length)}`;
  for await (const one of everyAssignment(session, from)) {
    const { name: id } = stateOfAssignment(one, from);
    const role = await findRole(session, one.roleId);
    const about = `${role?.name ?? one.roleId} of ${one.principalId}`;
    found.push({ kind: 'roleAssignment', id, about, becomes: moved(one.scope) });
    if (one.condition !== null) found.push({ kind: 'condition', id, about: one.condition, becomes: 'the same' });
  }
  for (const denial of await readDenials(session)) {
    if (!scopeReaches(from.scopeKey, denial.scopeKey)) continue;
    const { name: id } = stateOfDenial(denial, from);
    found.push({ kind: 'denyAssignment', id, about: denial.name, becomes: moved(denial.scope) });
  }
  for (const name of await rolesBoundTo(session, from, to.scopeKey)) {
    found.push({ kind: 'customRole', id: name, about: from.resourceId, becomes: `assignable at ${to.resourceId} too` });
  }
  return found;
}

/** The custom roles held at a vault or below it that may not be assigned elsewhere. */
export async function rolesBoundTo(session: Session, from: Vault, to: string): Promise<readonly string[]> {
  const names = new Set<string>();
  for await (const { roleId } of everyAssignment(session, from)) {
    const role = await findCustomRole(session, roleId);
    if (role && !isAssignableAt(role.assignableScopes, to)) names.add(role.name);
  }
  return [...names];
}

/** Takes a vault out of the scopes of custom roles again, as when it was made for a move that is given up. */
export async function narrowRoles(transaction: Transaction, to: Vault): Promise<void> {
  for (let after = ''; ; ) {
    const page = await listCustomRoles(transaction, { after, limit: PAGE });
    for (const role of page) {
      const assignableScopes = role.assignableScopes.filter((scope) => foldScope(scope) !== to.scopeKey);
      const isNamed = assignableScopes.length < role.assignableScopes.length;
      if (isNamed && assignableScopes.length > 0) await storeCustomRole(transaction, { ...role, assignableScopes });
    }
    if (page.length < PAGE) return;
    after = page[page.length - 1]!.id;
  }
}

const PAGE = 500;

async function assignmentsWithin(
  session: Session,
  { scopeKey }: Vault,
  after: string,
  limit: number,
): Promise<readonly RoleAssignment[]> {
  // Scopes above are beginnings of the scope, so they come before it.
  const [afterScope, id] = after === '' ? [scopeKey, ''] : placeOf(after);
  const place = { scopeKey: afterScope, id };
  return listAssignments(session, { scopeKey, below: true, principalIds: null, after: place, limit });
}

async function* everyAssignment(session: Session, vault: Vault): AsyncGenerator<RoleAssignment> {
  for (let after = ''; ; ) {
    const page = await assignmentsWithin(session, vault, after, PAGE);
    yield* page;
    if (page.length < PAGE) return;
    after = keyOf(page[page.length - 1]!);
  }
}

function assignmentAt(session: Session, key: string): Promise<RoleAssignment | null> {
  return findAssignment(session, ...placeOf(key));
}

/** An assignment that gives at the new vault what the one of the key gives at the old. */
async function twinOf(session: Session, ends: MoveEnds, key: string): Promise<RoleAssignment | null> {
  const source = await assignmentAt(session, key);
  if (!source) return null;
  const { principalId, roleId, scope } = source;
  return findAssignmentOf(session, { principalId, roleId, scopeKey: foldScope(movedScope(scope, ends)) });
}

async function widenRole(transaction: Transaction, roleId: string, to: Vault): Promise<void> {
  const role = await findCustomRole(transaction, roleId);
  if (!role || isAssignableAt(role.assignableScopes, to.scopeKey)) return;
  await storeCustomRole(transaction, { ...role, assignableScopes: [...role.assignableScopes, to.resourceId] });
}

function isAssignableAt(scopes: readonly string[], scopeKey: string): boolean {
  return scopes.some((scope) => scopeReaches(foldScope(scope), scopeKey));
}

function movedScope(scope: string, { from, to }: MoveEnds): string {
  return `${to.resourceId}${scope.slice(from.resourceId.length)}`;
}

function stateOfAssignment(one: RoleAssignment, vault: Vault): ItemState {
  const { scope, scopeKey, roleId, principalId, principalType, description, condition } = one;
  const below = scopeKey.slice(vault.scopeKey.length);
  return {
    key: keyOf(one),
    name: `${scope}/providers/Microsoft.Authorization/roleAssignments/${one.id}`,
    digest: digestOf([below, roleId, principalId, principalType, description, condition]),
    size: 1,
  };
}

function stateOfDenial(one: Denial, vault: Vault): ItemState {
  const { scope, scopeKey, name, description, permissions, principals, excludePrincipals, isOnlyHere } = one;
  const below = scopeKey.slice(vault.scopeKey.length);
  return {
    key: keyOf(one),
    name: `${scope}/providers/Microsoft.Authorization/denyAssignments/${one.id}`,
    digest: digestOf([below, name, description, permissions, principals, excludePrincipals, isOnlyHere]),
    size: 1,
  };
}

function keyOf({ scopeKey, id }: { readonly scopeKey: string; readonly id: string }): string {
  return `${scopeKey} ${id}`;
}

function placeOf(key: string): [scopeKey: string, id: string] {
  const at = key.lastIndexOf(' ');
  return [key.slice(0, at), key.slice(at + 1)];
}
