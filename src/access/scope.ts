import { foldName } from '../base/ids.ts';

/** A scope as it is compared: ASCII folded, without a slash at its end, `/` for the root. */
export function foldScope(scope: string): string {
  const folded = foldName(scope).replace(/\/+$/, '');
  return folded === '' ? '/' : folded;
}

/** What a scope names, by the form of its path; names are as written. */
export type ScopeParts =
  | { readonly kind: 'root' }
  | { readonly kind: 'subscription'; readonly subscriptionId: string }
  | { readonly kind: 'group'; readonly subscriptionId: string; readonly group: string }
  | {
      readonly kind: 'resource';
      readonly subscriptionId: string;
      readonly group: string;
      /** Namespace and type, e.g. `Microsoft.KeyVault/vaults`. */
      readonly type: string;
      readonly name: string;
      /** What is below the resource, e.g. `secrets` and a secret's name; null at the resource itself. */
      readonly child: { readonly type: string; readonly name: string } | null;
    };

/**
 * Reads a scope path of Azure RBAC ("Understand scope"): root, subscription, resource group, resource, or one child of a
 * resource. Null for any other form, also for empty segments.
 */
export function parseScope(scope: string): ScopeParts | null {
  if (scope === '/' || scope === '') return { kind: 'root' };
  const [empty, ...segments] = scope.replace(/\/$/, '').split('/');
  if (empty !== '' || segments.some((segment) => segment === '')) return null;
  const [subscriptions, subscriptionId, groups, group, providers, namespace, type, name, childType, childName] =
    segments;
  if (!isWord(subscriptions, 'subscriptions') || subscriptionId === undefined) return null;
  if (segments.length === 2) return { kind: 'subscription', subscriptionId };
  if (!isWord(groups, 'resourcegroups') || group === undefined) return null;
  if (segments.length === 4) return { kind: 'group', subscriptionId, group };
  if (!isWord(providers, 'providers') || namespace === undefined || type === undefined || name === undefined)
    return null;
  const resource = { kind: 'resource', subscriptionId, group, type: `${namespace}/${type}`, name } as const;
  if (segments.length === 8) return { ...resource, child: null };
  if (segments.length !== 10 || childType === undefined || childName === undefined) return null;
  return { ...resource, child: { type: childType, name: childName } };
}

/** The folded scope and every scope above it, the root first. */
export function scopesAbove(scopeKey: string): readonly string[] {
  const parts = parseScope(scopeKey);
  if (!parts || parts.kind === 'root') return ['/'];
  const segments = scopeKey.split('/');
  // Segments counted with the empty one before the first slash.
  const lengths = parts.kind === 'subscription' ? [3] : parts.kind === 'group' ? [3, 5] : [3, 5, 9, 11];
  return ['/', ...lengths.filter((n) => n <= segments.length).map((n) => segments.slice(0, n).join('/'))];
}

/**
 * The range of folded scopes strictly below one: `from` is included, `to` is not. A range, because a `like` pattern would
 * have to be escaped, and both databases compare the bytes.
 */
export function scopesBelow(scopeKey: string): { readonly from: string; readonly to: string } {
  // `0` follows `/` in ASCII, and `!` comes before whatever a segment may start with.
  if (scopeKey === '/') return { from: '/!', to: '0' };
  return { from: `${scopeKey}/`, to: `${scopeKey}0` };
}

/**
 * As {@link scopesBelow}, in up to two ranges that leave out what is below another scope.
 * @param keep a folded scope below the first, or null to leave out nothing
 */
export function scopesBelowBut(
  scopeKey: string,
  keep: string | null,
): readonly { readonly from: string; readonly to: string }[] {
  const all = scopesBelow(scopeKey);
  if (keep === null) return [all];
  const kept = scopesBelow(keep);
  return [
    { from: all.from, to: kept.from },
    { from: kept.to, to: all.to },
  ];
}

function isWord(segment: string | undefined, word: string): boolean {
  return segment !== undefined && foldName(segment) === word;
}
