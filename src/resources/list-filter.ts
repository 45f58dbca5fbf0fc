import { foldName } from '../base/ids.ts';
import { parseFilter } from './filter.ts';
import type { TagSelection } from './tag-rules.ts';

/** What a filter of resources or resource groups asks for; names folded, null where it does not say. */
export interface ListFilter {
  readonly type: string | null;
  readonly name: string | null;
  readonly group: string | null;
  readonly location: string | null;
  readonly tag: TagSelection;
}

/** The conditions of a filter on tags, as az sends them. */
export const tagFilters: readonly string[] = Object.freeze([
  "tagName eq 'NAME'",
  "tagValue eq 'VALUE'",
  "startswith(tagName, 'BEGINNING')",
]);

/** The conditions of a filter of resources. */
export const resourceFilters: readonly string[] = Object.freeze([
  "resourceType eq 'TYPE'",
  "name eq 'NAME'",
  "resourceGroup eq 'GROUP'",
  "location eq 'LOCATION'",
  ...tagFilters,
  'the same joined by and',
]);

/**
 * Reads the filter of a list.
 * @param allowed the conditions that the list takes, of those above
 * @returns the filter, or why it is none
 */
export function parseListFilter(text: string, allowed: readonly string[]): ListFilter | string {
  const conditions = parseFilter(text);
  if (!conditions) return 'it cannot be read';
  const found: Record<string, string> = {};
  for (const { kind, name, value } of conditions) {
    const form = kind === 'starts' ? `startswith(${name},` : `${name} eq`;
    if (kind === 'call' || value === null || !allowed.some((one) => foldName(one).startsWith(form))) {
      return `'${name}' is not a filter of this list`;
    }
    if ((found[form] ?? value) !== value) return `'${name}' is there twice`;
    found[form] = value;
  }
  const folded = (form: string) => (found[form] === undefined ? null : foldName(found[form]));
  const value = found['tagvalue eq'] ?? null;
  const tag = { name: folded('tagname eq'), namePrefix: folded('startswith(tagname,'), value };
  if (value !== null && tag.name === null) return "'tagValue' needs a tagName beside it";
  return {
    type: folded('resourcetype eq'),
    name: folded('name eq'),
    group: folded('resourcegroup eq'),
    location: folded('location eq')?.replace(/ +/g, '') ?? null,
    tag,
  };
}
