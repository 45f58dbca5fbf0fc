import type { Answer, ApiVersions, Call, Method, Operation } from '../operations/operation.ts';
import type { ResourceParts } from './parts.ts';
import { segment } from './scopes.ts';

/** The forms of scope that something may be at, as the path before `/providers/…`. */
export const scopeTemplates = Object.freeze({
  subscription: '/subscriptions/:subscriptionId',
  group: '/subscriptions/:subscriptionId/resourceGroups/:group',
  resource: '/subscriptions/:subscriptionId/resourceGroups/:group/providers/:namespace/:type/:resource',
  child: '/subscriptions/:subscriptionId/resourceGroups/:group/providers/:namespace/:type/:resource/:childType/:child',
});

/** An operation on something that is at a scope, at whichever form of it. */
export interface ScopeRow {
  readonly id: string;
  readonly method: Method;
  /** What follows the scope. */
  readonly suffix: string;
  readonly action: string;
  readonly success: readonly number[];
  readonly run: (parts: ResourceParts, call: Call, scope: string) => Promise<Answer>;
}

/** The rows at every one of some forms of scope; a PUT and a PATCH take JSON. */
export function scopedOperations(
  parts: ResourceParts,
  versions: ApiVersions,
  templates: readonly string[],
  rows: readonly ScopeRow[],
): readonly Operation[] {
  return templates.flatMap((template) => {
    const scope = (parameters: Readonly<Record<string, string>>) =>
      template.replace(/:(\w+)/g, (_, name: string) => segment(parameters[name]));
    return rows.map(({ id, method, suffix, action, success, run }) => ({
      id,
      plane: 'management' as const,
      method,
      path: `${template}${suffix}`,
      versions,
      need: { kind: 'management' as const, action, scope },
      throttle: 'none' as const,
      body: method === 'PUT' || method === 'PATCH' ? ('json' as const) : ('none' as const),
      success,
      run: (call: Call) => run(parts, call, scope(call.parameters)),
    }));
  });
}
