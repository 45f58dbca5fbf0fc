import { foldScope, scopesAbove, scopesBelow } from '../access/scope.ts';
import { foldName, isUuid } from '../base/ids.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { pageBody, queryOf, readPage } from './arm-page.ts';
import { lockId } from './lock-guard.ts';
import { findLock, type Lock, type LockLevel, listLocks, removeLock, storeLock } from './lock-repository.ts';
import type { ResourceParts } from './parts.ts';
import { requireScope } from './scope-target.ts';
import { isObject } from './vault-property.ts';

const levels: readonly LockLevel[] = ['CanNotDelete', 'ReadOnly'];
const MAX_NAME = 90;
const MAX_NOTES = 512;
const MAX_OWNERS = 20;

/**
 * Puts a lock on what the scope names (201), or replaces one (200); it holds from the next request.
 * @throws Refusal `lock-invalid`, and those of {@link requireScope}
 */
export async function putLock(parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  const name = readName(call);
  const { level, notes, owners } = readLock(call);
  return call.commit(async (transaction) => {
    const target = await requireLockable(transaction, scope);
    const keys = { scopeKey: foldScope(target), nameKey: foldName(name) };
    const existing = await findLock(transaction, keys.scopeKey, keys.nameKey);
    const created = existing?.created ?? parts.clock.now();
    const lock: Lock = { ...keys, scope: target, name: existing?.name ?? name, level, notes, owners, created };
    await storeLock(transaction, lock);
    return { status: existing ? 200 : 201, body: lockBody(lock), subject: lockId(lock) };
  });
}

/**
 * Reads the lock of this name at this very scope.
 * @throws Refusal `lock-not-found`
 */
export async function getLock(parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  const target = await requireScope(parts.store.reader, scope);
  const name = call.parameters['lock'] ?? '';
  const lock = await findLock(parts.store.reader, foldScope(target), foldName(name));
  if (!lock) throw new Refusal('lock-not-found', { lock: name.slice(0, MAX_NAME) });
  return { status: 200, body: lockBody(lock), subject: lockId(lock) };
}

/** Removes a lock (200); 204 where there is none. */
export async function deleteLock(_parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  return call.commit(async (transaction) => {
    const target = await requireScope(transaction, scope);
    const lock = await findLock(transaction, foldScope(target), foldName(call.parameters['lock'] ?? ''));
    if (!lock) return { status: 204 };
    await removeLock(transaction, lock);
    return { status: 200, subject: lockId(lock) };
  });
}

/**
 * Lists the locks at, above and below a scope; with the filter `atScope()` those at it and above.
 * @throws Refusal `filter-invalid`
 */
export async function listScopeLocks(parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  const filter = (queryOf(call, '$filter') ?? '').trim();
  if (filter !== '' && foldName(filter) !== 'atscope()') {
    const reason = 'lists of locks take atScope() alone';
    throw new Refusal('filter-invalid', { filter: filter.slice(0, 200), reason, supported: ['atScope()'] });
  }
  const key = foldScope(await requireScope(parts.store.reader, scope));
  const page = readPage(call);
  const [scopeKey = '', nameKey = ''] = page.after.split('|');
  const locks = await listLocks(parts.store.reader, {
    at: scopesAbove(key),
    below: filter === '' ? scopesBelow(key) : null,
    after: page.after === '' ? null : { scopeKey, nameKey },
    limit: page.size + 1,
  });
  return { status: 200, body: pageBody(call, page, locks, (lock) => `${lock.scopeKey}|${lock.nameKey}`, lockBody) };
}

async function requireLockable(...given: Parameters<typeof requireScope>): Promise<string> {
  const target = await requireScope(...given);
  if (target === '/') throw new Refusal('arm-scope-invalid', { scope: target });
  return target;
}

function readName(call: Call): string {
  const name = call.parameters['lock'] ?? '';
  if (!/^[^<>%&:\\?/|\u0000-\u001f\u007f-\uffff]{1,90}$/.test(name)) {
    throw new Refusal('lock-invalid', { property: 'name', reason: '1 to 90 characters, none of < > % & : \\ ? / |' });
  }
  return name;
}

function readLock(call: Call): Pick<Lock, 'level' | 'notes' | 'owners'> {
  const properties = call.body?.['properties'];
  const invalid = (property: string, reason: string) => new Refusal('lock-invalid', { property, reason });
  if (!isObject(properties)) throw invalid('properties', 'an object is expected');
  const asked = properties['level'];
  const level = levels.find((one) => typeof asked === 'string' && foldName(one) === foldName(asked));
  if (!level) throw invalid('properties.level', 'one of CanNotDelete, ReadOnly is expected');
  const notes = properties['notes'] ?? null;
  if (notes !== null && (typeof notes !== 'string' || notes.length > MAX_NOTES)) {
    throw invalid('properties.notes', `a text of at most ${MAX_NOTES} characters is expected`);
  }
  const owners = properties['owners'] ?? [];
  if (!Array.isArray(owners) || owners.length > MAX_OWNERS) {
    throw invalid('properties.owners', `at most ${MAX_OWNERS} owners are expected`);
  }
  const readOwner = (owner: unknown) => {
    const id = isObject(owner) ? owner['applicationId'] : undefined;
    if (typeof id !== 'string' || !isUuid(id))
      throw invalid('properties.owners', 'an applicationId (GUID) is expected');
    return { applicationId: id.toLowerCase() };
  };
  return { level, notes, owners: owners.map(readOwner) };
}

function lockBody(lock: Lock): object {
  return {
    id: lockId(lock),
    type: 'Microsoft.Authorization/locks',
    name: lock.name,
    properties: {
      level: lock.level,
      ...(lock.notes !== null && { notes: lock.notes }),
      ...(lock.owners.length > 0 && { owners: lock.owners }),
    },
  };
}
