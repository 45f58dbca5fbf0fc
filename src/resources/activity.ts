import { resourceOf } from '../audit/activity.ts';
import { activityDays, readActivity } from '../audit/activity-log.ts';
import { foldName } from '../base/ids.ts';
import { DAY, toIso } from '../base/text.ts';
import { type Answer, type Call, callerOf, type Operation } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { activityFilters, parseActivityFilter } from './activity-filter.ts';
import { pageBody, queryOf, readPage } from './arm-page.ts';
import { insightsVersions } from './arm-versions.ts';
import { requireSubscription } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import { subscriptionScope } from './scopes.ts';
import { readerOf } from './visibility.ts';

const READ = 'Microsoft.Insights/eventtypes/values/read';

/** Members that `$select` may name (EventData, 2015-04-01). */
const members: readonly string[] = [
  ...['authorization', 'caller', 'category', 'channels', 'claims', 'correlationId', 'description', 'eventDataId'],
  ...['eventName', 'eventTimestamp', 'httpRequest', 'id', 'level', 'operationId', 'operationName', 'properties'],
  ...['resourceGroupName', 'resourceId', 'resourceProviderName', 'resourceType', 'status', 'subStatus'],
  ...['submissionTimestamp', 'subscriptionId', 'tenantId'],
];

/**
 * Lists the management operations of a subscription that changed something or tried to, the newest first, as far as the caller may
 * read the log at what they were about.
 * @throws Refusal `filter-invalid`, `page-invalid`
 */
export async function listActivity(parts: ResourceParts, call: Call): Promise<Answer> {
  const filter = readFilter(call, parts.clock.now());
  const select = readSelect(call);
  const canRead = await readerOf(parts.access, callerOf(call), READ, subscriptionScope(call.parameters));
  const { id: subscriptionId } = await requireSubscription(parts.store.reader, call);
  const page = readPage(call);
  const [time, after] = page.after.split('|');
  const resource = filter.resource === null ? null : foldName(filter.resource).replace(/\/+$/, '');
  const rows = await readActivity(parts.store.reader, {
    subscriptionId,
    from: filter.from,
    to: filter.to ?? Number.MAX_SAFE_INTEGER,
    id: folded(filter.correlationId),
    group: folded(filter.resourceGroup && `/subscriptions/${subscriptionId}/resourceGroups/${filter.resourceGroup}`),
    resource: resource === null ? null : resourceOf(resource),
    provider: folded(filter.provider),
    caller: folded(filter.caller),
    status: statusOf(filter.status),
    after: after === undefined ? null : { time: Number(time), id: after },
    limit: page.size + 1,
  });
  const toWire = (row: (typeof rows)[number]) => {
    if (!canRead(row.resource_key)) return null;
    const event = JSON.parse(row.event) as Readonly<Record<string, unknown>>;
    if (resource !== null && !isAtOrBelow(String(event['resourceId']), resource)) return null;
    return select === null ? event : Object.fromEntries(select.map((name) => [name, event[name]]));
  };
  return { status: 200, body: pageBody(call, page, rows, (row) => `${row.time}|${row.id}`, toWire) };
}

/** The rows of the activity log: its events, and their categories. */
export function activityOperations(parts: ResourceParts): readonly Operation[] {
  const shared = {
    plane: 'management',
    method: 'GET',
    versions: insightsVersions,
    need: { kind: 'authenticated' },
    throttle: 'none',
    body: 'none',
    success: [200],
  } as const;
  return [
    {
      ...shared,
      id: 'ActivityLogList',
      path: '/subscriptions/:subscriptionId/providers/Microsoft.Insights/eventtypes/management/values',
      run: (call) => listActivity(parts, call),
    },
    {
      ...shared,
      id: 'ActivityCategoryList',
      path: '/providers/Microsoft.Insights/eventcategories',
      run: async () => ({
        status: 200,
        body: { value: [{ value: 'Administrative', localizedValue: 'Administrative' }] },
      }),
    },
  ];
}

function readFilter(call: Call, now: number) {
  const text = queryOf(call, '$filter') ?? '';
  const invalid = (reason: string) =>
    new Refusal('filter-invalid', { filter: text.slice(0, 200), reason, supported: activityFilters });
  const filter = parseActivityFilter(text);
  if (typeof filter === 'string') throw invalid(filter);
  const oldest = now - activityDays * DAY;
  // A minute of grace: clients reckon 90 days back from their own clock.
  if (filter.from < oldest - 60_000) throw invalid(`the log goes back ${activityDays} days, to ${toIso(oldest)}`);
  if (filter.to !== null && filter.to < filter.from) throw invalid('it ends before it begins');
  return filter;
}

function readSelect(call: Call): readonly string[] | null {
  const text = queryOf(call, '$select');
  if (text === undefined || text.trim() === '') return null;
  return text.split(',').map((name) => {
    const member = members.find((one) => foldName(one) === foldName(name.trim()));
    if (member) return member;
    throw new Refusal('page-invalid', { parameter: '$select', reason: `'${name.trim().slice(0, 50)}' is no member` });
  });
}

/** Statuses are stored as they are written; others than these two occur nowhere. */
function statusOf(asked: string | null): string | null {
  if (asked === null) return null;
  return ['Succeeded', 'Failed'].find((status) => foldName(status) === foldName(asked)) ?? asked;
}

function isAtOrBelow(id: string, resource: string): boolean {
  const key = foldName(id);
  return key === resource || key.startsWith(`${resource}/`);
}

function folded(text: string | null): string | null {
  return text === null ? null : foldName(text);
}
