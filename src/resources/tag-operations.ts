import type { Operation } from '../operations/operation.ts';
import { resourcesVersions } from './arm-versions.ts';
import type { ResourceParts } from './parts.ts';
import { type ScopeRow, scopedOperations, scopeTemplates } from './scope-operations.ts';
import { deleteTags, getTags, patchTags, putTags } from './tags.ts';

const suffix = '/providers/Microsoft.Resources/tags/default';
const action = 'Microsoft.Resources/tags';

const rows: readonly ScopeRow[] = [
  { id: 'TagsGet', method: 'GET', suffix, action: `${action}/read`, success: [200], run: getTags },
  { id: 'TagsPut', method: 'PUT', suffix, action: `${action}/write`, success: [200], run: putTags },
  { id: 'TagsPatch', method: 'PATCH', suffix, action: `${action}/write`, success: [200], run: patchTags },
  { id: 'TagsDelete', method: 'DELETE', suffix, action: `${action}/delete`, success: [200], run: deleteTags },
];

/** The tags of subscriptions, groups and resources (Microsoft.Resources/tags, "Tags - Create Or Update At Scope" and its like). */
export function tagOperations(parts: ResourceParts): readonly Operation[] {
  const { subscription, group, resource } = scopeTemplates;
  return scopedOperations(parts, resourcesVersions, [subscription, group, resource], rows);
}
