import { foldName } from '../base/ids.ts';
import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { isObject } from './vault-property.ts';

/** What the `identity` of a body asks for; `remove` holds ids that a PATCH sets to null. */
export interface IdentityOrder {
  readonly system: boolean;
  readonly user: boolean;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

const MAX_IDENTITIES = 50;
const kinds: Readonly<Record<string, { readonly system: boolean; readonly user: boolean }>> = {
  none: { system: false, user: false },
  systemassigned: { system: true, user: false },
  userassigned: { system: false, user: true },
  'systemassigned,userassigned': { system: true, user: true },
};
/** Members of a host that carry secrets at the service: nothing here would use them, so nothing keeps them. */
const secretMembers = ['osProfile', 'userData', 'siteConfig'];
const ownMembers = ['id', 'name', 'type', 'location', 'tags', 'identity', 'systemData'];

/**
 * The `identity` of a body; undefined where it has none.
 * @throws Refusal `request-content-invalid`
 */
export function readIdentity(call: Call): IdentityOrder | undefined {
  const identity = call.body?.['identity'];
  if (identity === undefined || identity === null) return undefined;
  if (!isObject(identity)) throw invalid('identity', 'an object is expected');
  const type = identity['type'];
  const word = typeof type === 'string' ? foldName(type).replace(/\s+/g, '') : '';
  const kind = Object.hasOwn(kinds, word) ? kinds[word] : undefined;
  if (!kind) {
    throw invalid(
      'identity.type',
      'one of None, SystemAssigned, UserAssigned, "SystemAssigned, UserAssigned" is expected',
    );
  }
  const given = identity['userAssignedIdentities'] ?? {};
  if (!isObject(given)) throw invalid('identity.userAssignedIdentities', 'an object is expected');
  const ids = Object.keys(given);
  if (ids.length > MAX_IDENTITIES)
    throw invalid('identity.userAssignedIdentities', `at most ${MAX_IDENTITIES} are taken`);
  return { ...kind, add: ids.filter((id) => given[id] !== null), remove: ids.filter((id) => given[id] === null) };
}

/**
 * What a body has besides the members that every resource has.
 * @throws Refusal `request-content-invalid` for members that would carry secrets
 */
export function readMembers(call: Call): Readonly<Record<string, unknown>> {
  const members = Object.entries(call.body ?? {}).filter(
    ([name, value]) => !ownMembers.includes(name) && value !== null,
  );
  const properties = call.body?.['properties'] ?? {};
  if (!isObject(properties)) throw invalid('properties', 'an object is expected');
  for (const name of secretMembers) {
    const found = Object.keys(properties).find((one) => foldName(one) === foldName(name));
    if (found)
      throw invalid(`properties.${found}`, 'nothing is started here, and what may hold passwords is not stored');
  }
  return Object.fromEntries(members);
}

function invalid(property: string, reason: string): Refusal {
  return new Refusal('request-content-invalid', { property, reason });
}
