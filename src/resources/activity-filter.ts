import { foldName } from '../base/ids.ts';

/** What the `$filter` of the activity log asks for; texts as written, null where it does not say. */
export interface ActivityFilter {
  readonly from: number;
  readonly to: number | null;
  readonly resourceGroup: string | null;
  readonly resource: string | null;
  readonly provider: string | null;
  readonly correlationId: string | null;
  readonly caller: string | null;
  readonly status: string | null;
}

/** The filters there are (Activity Logs - List, 2015-04-01, and those that az adds). */
export const activityFilters: readonly string[] = Object.freeze([
  "eventTimestamp ge 'TIME'",
  "eventTimestamp le 'TIME'",
  "resourceGroupName eq 'GROUP'",
  "resourceUri eq 'ID'",
  "resourceProvider eq 'NAMESPACE'",
  "correlationId eq 'ID'",
  "caller eq 'CALLER'",
  "status eq 'Succeeded'",
  'the same joined by and',
]);

const MAX_FILTER = 4096;
const term = /^\s*([A-Za-z]+)\s+(ge|le|eq)\s+(?:'((?:[^']|'')*)'|([^\s']+))/i;

/** Members of the filter by the names the wire has for them; `resourceId` is az's word for `resourceUri`. */
const equals: Readonly<Record<string, keyof ActivityFilter>> = {
  resourcegroupname: 'resourceGroup',
  resourceuri: 'resource',
  resourceid: 'resource',
  resourceprovider: 'provider',
  correlationid: 'correlationId',
  caller: 'caller',
  status: 'status',
};

/**
 * Reads a filter of the activity log: comparisons joined by `and`, the start of the time required. Values may stand without quotes,
 * as az writes times.
 * @returns the filter, or why it is none
 */
export function parseActivityFilter(text: string): ActivityFilter | string {
  const found: Partial<Record<keyof ActivityFilter, string | number>> = {};
  let rest = text.slice(0, MAX_FILTER + 1);
  if (rest.length > MAX_FILTER) return `it is longer than ${MAX_FILTER} characters`;
  while (rest.trim() !== '') {
    const match = term.exec(rest);
    if (!match) return 'it cannot be read';
    const [whole, name = '', operator = '', quoted, bare] = match;
    const value = quoted?.replace(/''/g, "'") ?? bare ?? '';
    const condition = readCondition(foldName(name), foldName(operator), value);
    if (typeof condition === 'string') return condition;
    const [key, read] = condition;
    if (found[key] !== undefined) return `'${name}' is there twice`;
    found[key] = read;
    rest = rest.slice(whole.length);
    const and = /^\s+and\s+(?=\S)/i.exec(rest);
    if (rest.trim() !== '' && !and) return 'it cannot be read';
    rest = rest.slice(and?.[0].length ?? 0);
  }
  if (found.from === undefined) return 'it needs a start: eventTimestamp ge';
  return { ...nothing, ...(found as Partial<ActivityFilter>), from: found.from as number };
}

const nothing: Omit<ActivityFilter, 'from'> = {
  to: null,
  resourceGroup: null,
  resource: null,
  provider: null,
  correlationId: null,
  caller: null,
  status: null,
};

function readCondition(
  name: string,
  operator: string,
  value: string,
): readonly [keyof ActivityFilter, string | number] | string {
  if (name === 'eventtimestamp' && operator !== 'eq') {
    const instant = readInstant(value);
    return instant === null ? `'${value.slice(0, 50)}' is no time` : [operator === 'ge' ? 'from' : 'to', instant];
  }
  const member = Object.hasOwn(equals, name) ? equals[name] : undefined;
  if (member && operator === 'eq') return [member, value];
  return `'${name} ${operator}' is not a filter of this list`;
}

/** An RFC 3339 time, or one without its zone, which is UTC then; null for anything else. */
function readInstant(text: string): number | null {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?))?(Z|[+-]\d\d:\d\d)?$/i.exec(text);
  if (!match) return null;
  const [, day, time = '00:00', zone = 'Z'] = match;
  const instant = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(instant) ? null : instant;
}
