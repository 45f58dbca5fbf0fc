import { parseScope } from '../access/scope.ts';
import { foldName } from '../base/ids.ts';
import { toIso } from '../base/text.ts';
import type { Caller } from '../identity/caller.ts';
import type { RefusalCode } from '../refusals/catalogue.ts';
import { catalogue } from '../refusals/catalogue.ts';
import type { ActivityTable } from '../store/schema.ts';

/** A management operation that ended, as far as the activity log tells of it. None of it is ever a secret, token or query string. */
export interface Activity {
  /** When the request arrived, milliseconds since the Unix epoch. */
  readonly time: number;
  /** When it was recorded. */
  readonly recorded: number;
  readonly requestId: string;
  /** The id the caller sent, or the empty text. */
  readonly clientRequestId: string;
  readonly method: string;
  /** The URL without its query. */
  readonly url: string;
  readonly clientAddress: string;
  readonly caller: Caller;
  readonly tenantId: string;
  /** E.g. `Microsoft.KeyVault/vaults/write`. */
  readonly action: string;
  readonly scope: string;
  /** What the answer was about, or null. */
  readonly subject: string | null;
  readonly status: number;
  readonly refusal: { readonly code: RefusalCode; readonly message: string } | null;
}

/** A name and how people read it. */
interface Localizable {
  readonly value: string;
  readonly localizedValue: string;
}

/**
 * The row of the activity log that an operation leaves: one for each that changed something or was refused after the request's form
 * was judged. Null for reading, and for what is at no subscription.
 */
export function activityRow(activity: Activity): ActivityTable | null {
  const subscription = /^\/subscriptions\/([^/]+)/i.exec(activity.scope)?.[1];
  if (subscription === undefined || !isRecorded(activity)) return null;
  const { subject, scope, action, caller } = activity;
  const resourceId = subject?.startsWith('/subscriptions/') ? subject : scope;
  const parts = parseScope(scope);
  const group = parts && 'group' in parts ? parts.group : '';
  return {
    subscription_id: foldName(subscription),
    time: activity.time,
    id: activity.requestId,
    group_key: group === '' ? '' : foldName(`/subscriptions/${subscription}/resourceGroups/${group}`),
    resource_key: foldName(resourceOf(resourceId)),
    provider_key: foldName(action.split('/')[0]!),
    caller_key: foldName(callerName(caller)),
    status: activity.refusal ? 'Failed' : 'Succeeded',
    event: JSON.stringify(eventBody(activity, resourceId, group, subscription)),
  };
}

/** The resource that an id is of: the id without what is below the resource; the id itself where it names none. */
export function resourceOf(id: string): string {
  const form = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/[^/]+\/[^/]+\/[^/]+/i;
  return form.exec(id)?.[0] ?? id;
}

function isRecorded({ action, refusal }: Activity): boolean {
  if (/\/read$/i.test(action)) return false;
  return refusal === null || !['request', 'vault', 'authenticate', 'network'].includes(catalogue[refusal.code].check);
}

/** `EventData` of Microsoft.Insights 2015-04-01 (activityLogs_API.json). */
function eventBody(activity: Activity, resourceId: string, group: string, subscriptionId: string): object {
  const { requestId, action, scope, refusal, caller } = activity;
  const status = activity.refusal ? 'Failed' : 'Succeeded';
  const word = statusWords[activity.status] ?? String(activity.status);
  return {
    authorization: { action, scope },
    caller: callerName(caller),
    channels: 'Operation',
    claims: claimsOf(caller),
    category: same('Administrative'),
    correlationId: requestId,
    description: '',
    eventDataId: requestId,
    eventName: { value: 'EndRequest', localizedValue: 'End request' },
    eventTimestamp: toIso(activity.time),
    httpRequest: {
      clientRequestId: activity.clientRequestId,
      clientIpAddress: activity.clientAddress,
      method: activity.method,
      uri: activity.url,
    },
    id: `${resourceId}/events/${requestId}/ticks/${ticks(activity.time)}`,
    level: refusal ? 'Error' : 'Informational',
    operationId: requestId,
    operationName: { value: action, localizedValue: sentence(action) },
    properties: {
      statusCode: word,
      entity: resourceId,
      message: action,
      eventCategory: 'Administrative',
      ...(refusal && { statusMessage: JSON.stringify({ error: errorOf(refusal) }) }),
    },
    resourceGroupName: group,
    resourceId,
    resourceProviderName: same(action.split('/')[0]!),
    resourceType: same(
      action
        .split('/')
        .slice(0, action.endsWith('/action') ? -2 : -1)
        .join('/'),
    ),
    status: same(status),
    subStatus: { value: word, localizedValue: `${word} (HTTP Status Code: ${activity.status})` },
    submissionTimestamp: toIso(activity.recorded),
    subscriptionId,
    tenantId: activity.tenantId,
  };
}

/** What the service shows of a caller: the name of a person, the object id of anything else. */
function callerName(caller: Caller): string {
  return caller.upn ?? caller.oid;
}

function claimsOf(caller: Caller): Readonly<Record<string, string>> {
  return {
    iss: caller.issuer,
    appid: caller.appId,
    appidacr: caller.appIdAcr,
    uti: caller.tokenId,
    'http://schemas.microsoft.com/identity/claims/objectidentifier': caller.oid,
    'http://schemas.microsoft.com/identity/claims/tenantid': caller.tenantId,
    ...(caller.outsideSubject !== undefined && {
      'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier': caller.outsideSubject,
    }),
    ...(caller.upn && { 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn': caller.upn }),
    ...(caller.scopes && { 'http://schemas.microsoft.com/identity/claims/scope': caller.scopes }),
    ...(caller.managedIdentity && { xms_mirid: caller.managedIdentity }),
  };
}

function errorOf({ code, message }: NonNullable<Activity['refusal']>): object {
  const { management, error } = catalogue[code];
  return { code: management ?? error, message };
}

function same(value: string): Localizable {
  return { value, localizedValue: value };
}

/** `Microsoft.KeyVault/vaults/write` as `Write: vaults`. */
function sentence(action: string): string {
  const words = action.split('/').filter((word) => word !== 'action');
  const verb = words.at(-1)!;
  return `${verb.replace(/^./, (first) => first.toUpperCase())}: ${words.slice(1, -1).join('/')}`;
}

/** An instant in steps of 100 ns since the year 1, as .NET counts. */
function ticks(instant: number): string {
  return String(BigInt(instant) * 10_000n + 621_355_968_000_000_000n);
}

const statusWords: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'NoContent',
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  412: 'PreconditionFailed',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  500: 'InternalServerError',
  501: 'NotImplemented',
  503: 'ServiceUnavailable',
};
