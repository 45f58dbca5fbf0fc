import type { Access } from '../access/authorise.ts';
import type { Grant } from '../access/role.ts';
import { foldScope } from '../access/scope.ts';
import { scopeReaches } from '../access/verdict.ts';
import type { Caller } from '../identity/caller.ts';

/** What lists ask about the caller's rights. */
export type AccessPort = Pick<Access, 'grantsOf' | 'grantsFor' | 'reachOf' | 'authoriseManagement'>;

/** Whether some grant of the caller is at the scope, above it, or below it: the scope is the caller's to know of. */
export function isVisible(grants: readonly Grant[], scope: string): boolean {
  const key = foldScope(scope);
  return grants.some((grant) => scopeReaches(grant.scopeKey, key) || scopeReaches(key, grant.scopeKey));
}

/**
 * Lists of a subscription show what the caller may read, as ARM's do, instead of demanding a right to all of it.
 * @returns whether the caller may do `action` at a folded scope
 * @throws Refusal `authorization-failed` for a caller with no grant at, above or below the scope
 */
export async function readerOf(
  access: AccessPort,
  caller: Caller,
  action: string,
  scope: string,
): Promise<(scopeKey: string) => boolean> {
  const grants = await access.grantsOf(caller);
  if (!isVisible(grants, scope)) await access.authoriseManagement(caller, action, scope);
  return access.reachOf(caller, action);
}
