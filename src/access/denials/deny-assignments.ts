import { foldName, isUuid } from '../../base/ids.ts';
import { type Answer, type Call, callerOf } from '../../operations/operation.ts';
import { Refusal } from '../../refusals/refusal.ts';
import { pageBody, queryOf, readPage } from '../../resources/arm-page.ts';
import { type Condition, parseFilter } from '../../resources/filter.ts';
import { requireScope } from '../../resources/scope-target.ts';
import type { Session } from '../../store/port.ts';
import { callerFacts } from '../authorise.ts';
import { principalKind } from '../repository.ts';
import type { AssignmentParts } from '../role-assignments.ts';
import { foldScope } from '../scope.ts';
import { type Denial, everyone, isAgainst, takesAway } from './denial.ts';
import { type DenialBody, denialBody, denialId, readDenial } from './denial-body.ts';
import { countDenials, deleteDenial, findDenial, listDenials, storeDenial } from './repository.ts';

/** The actions that managing deny assignments takes. */
export const denialActions = Object.freeze({
  read: 'Microsoft.Authorization/denyAssignments/read',
  write: 'Microsoft.Authorization/denyAssignments/write',
  delete: 'Microsoft.Authorization/denyAssignments/delete',
});

/** How many there may be; every decision looks at all of them. */
export const MAX_DENIALS = 2000;
const listFilters = ['atScope()', "denyAssignmentName eq 'NAME'", 'the same joined by and'];

/**
 * Takes actions away from principals at a scope (201), or changes what an id takes away (200).
 * @throws Refusal `deny-assignment-id-invalid`, `deny-assignment-invalid`, `deny-assignment-fixed`, `deny-assignment-limit`,
 *   `deny-assignment-locks-out`, `principal-not-found`, and those of the scope
 */
export async function putDenial(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const id = call.parameters['denial'] ?? '';
  if (!isUuid(id)) throw new Refusal('deny-assignment-id-invalid', { denial: id.slice(0, 100) });
  const asked = readDenial(call);
  requireWayBack(call, asked);
  return call.commit(async (transaction) => {
    const target = await requireScope(transaction, scope);
    const principals = await typed(parts, transaction, asked.principals);
    const excludePrincipals = await typed(parts, transaction, asked.excludePrincipals);
    const existing = await findDenial(transaction, id.toLowerCase());
    if (existing && existing.scopeKey !== foldScope(target)) {
      throw new Refusal('deny-assignment-fixed', { current: denialId(existing) });
    }
    if (!existing && (await countDenials(transaction)) >= MAX_DENIALS) {
      throw new Refusal('deny-assignment-limit', { limit: MAX_DENIALS });
    }
    const now = parts.clock.now();
    const denial: Denial = {
      ...asked,
      principals,
      excludePrincipals,
      id: id.toLowerCase(),
      scope: target,
      scopeKey: foldScope(target),
      created: existing?.created ?? now,
      updated: now,
      createdBy: existing?.createdBy ?? callerOf(call).oid,
    };
    await storeDenial(transaction, denial);
    return { status: existing ? 200 : 201, body: denialBody(denial), subject: denialId(denial) };
  });
}

/**
 * Reads the deny assignment of an id at a scope.
 * @throws Refusal `deny-assignment-not-found`
 */
export async function getDenial(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const id = foldName(call.parameters['denial'] ?? '');
  const denial = await findDenial(parts.store.reader, id);
  if (denial?.scopeKey !== foldScope(scope)) {
    throw new Refusal('deny-assignment-not-found', { denial: id.slice(0, 100), scope });
  }
  return { status: 200, body: denialBody(denial), subject: denialId(denial) };
}

/** Gives back what was taken away, with the next request; 204 where there is no such deny assignment. */
export async function removeDenial(_parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const id = foldName(call.parameters['denial'] ?? '');
  return call.commit(async (transaction) => {
    const denial = await findDenial(transaction, id);
    if (denial?.scopeKey !== foldScope(scope)) return { status: 204 };
    await deleteDenial(transaction, denial.scopeKey, id);
    return { status: 200, body: denialBody(denial), subject: denialId(denial) };
  });
}

/**
 * Lists the deny assignments that reach a scope and, without `atScope()`, those below it.
 * @throws Refusal `filter-invalid`, `page-invalid`, and those of the scope
 */
export async function listDenyAssignments(parts: AssignmentParts, call: Call, scope: string): Promise<Answer> {
  const { below, name } = readFilter(call);
  const page = readPage(call);
  const place = /^(\S+) (\S+)$/.exec(page.after);
  const target = await requireScope(parts.store.reader, scope);
  const denials = await listDenials(parts.store.reader, {
    scopeKey: foldScope(target),
    below,
    after: place ? { scopeKey: place[1]!, id: place[2]! } : null,
    limit: page.size + 1,
  });
  const toWire = (denial: Denial) => (name === null || foldName(denial.name) === name ? denialBody(denial) : null);
  return { status: 200, body: pageBody(call, page, denials, ({ scopeKey, id }) => `${scopeKey} ${id}`, toWire) };
}

/** Whoever makes a denial can unmake it: it must not take that from them. */
function requireWayBack(call: Call, asked: DenialBody): void {
  const caller = callerOf(call);
  if (!isAgainst(asked, caller.principalIds)) return;
  const lost = [denialActions.write, denialActions.delete].filter((action) => takesAway(asked, 'action', action));
  if (lost.length > 0) throw new Refusal('deny-assignment-locks-out', { ...callerFacts(caller), actions: lost });
}

async function typed(
  parts: AssignmentParts,
  session: Session,
  principals: Denial['principals'],
): Promise<Denial['principals']> {
  const found: { readonly id: string; readonly type: string }[] = [];
  for (const principal of principals) {
    const type = principal.id === everyone ? 'SystemDefined' : await principalKind(session, principal.id);
    if (type === null) throw new Refusal('principal-not-found', { principal: principal.id, tenant: parts.tenantId });
    found.push({ id: principal.id, type });
  }
  return found;
}

function readFilter(call: Call): { readonly below: boolean; readonly name: string | null } {
  const filter = queryOf(call, '$filter') ?? '';
  const invalid = (reason: string) =>
    new Refusal('filter-invalid', { filter: filter.slice(0, 200), reason, supported: listFilters });
  const conditions: readonly Condition[] | null = parseFilter(filter);
  if (!conditions) throw invalid('it cannot be read');
  let below = true;
  let wanted: string | null = null;
  for (const { kind, name, value } of conditions) {
    if (kind === 'call' && name === 'atscope' && value === null) below = false;
    else if (kind === 'equals' && name === 'denyassignmentname') wanted = foldName(value);
    else throw invalid(`'${name}' is not a filter of this list`);
  }
  return { below, name: wanted };
}
