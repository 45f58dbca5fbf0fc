import { oneLine, toIso } from '../base/text.ts';
import type { Caller } from '../identity/caller.ts';
import type { Check, Facts } from '../operations/decision.ts';
import type { Vault } from '../resources/vault.ts';
import type { JournalEntry } from '../store/port.ts';

const MAX_CLIENT_INFO = 256;

/** What one record tells. None of it is ever a secret value, key, token, signature or a query string as received. */
export interface AuditEvent {
  /** When the request arrived, milliseconds since the Unix epoch. */
  readonly time: number;
  /** When it was recorded. */
  readonly recorded: number;
  readonly requestId: string;
  readonly operationName: string;
  readonly operationVersion: string;
  readonly method: string;
  readonly status: number;
  /** The refusal's message, or the empty text. */
  readonly description: string;
  readonly callerIpAddress: string;
  readonly tlsVersion: string;
  readonly clientInfo: string;
  /** The id the caller sent as x-ms-client-request-id, or the empty text. */
  readonly clientRequestId: string;
  /** The URL without its query. */
  readonly url: string;
  readonly caller: Caller | null;
  readonly vault: Vault | null;
  /** Resource the record belongs to where there is no vault. */
  readonly resourceId: string;
  readonly subject: string;
  /** Id of the role assignment that let the caller in, or null. */
  readonly assignmentId: string | null;
  readonly isPolicyMatch: boolean;
  readonly audit: Facts | null;
  /** The refusal's code and the checks in order; null for a success. */
  readonly refusal: { readonly code: string; readonly checks: readonly Check[] } | null;
}

const identities = new WeakMap<Caller, string>();
const resources = new WeakMap<Vault, string>();

/** The AuditEvent record (Azure Monitor, Key Vault logging), as a JSON object without its closing brace. */
export function auditEntry(event: AuditEvent): JournalEntry {
  const success = event.status < 400;
  const text =
    `{"time":"${toIso(event.time)}","category":"AuditEvent","operationName":"${event.operationName}"` +
    `,"resultType":"${success ? 'Success' : 'Failed'}","resultSignature":"${signatures[event.status] ?? event.status}"` +
    `,"resultDescription":${quoted(event.description)}` +
    `,"durationMs":"${Math.max(0, event.recorded - event.time)}","callerIpAddress":"${event.callerIpAddress}"` +
    `,"correlationId":"${event.requestId}","operationVersion":${quoted(event.operationVersion)}` +
    `,"resourceId":${event.vault ? vaultResource(event.vault) : quoted(event.resourceId.toUpperCase())}` +
    `,"identity":${event.caller ? identity(event.caller) : '{}'}` +
    `,"properties":{"id":${quoted(event.subject)},"clientInfo":${quoted(printable(event.clientInfo))}` +
    `,"requestUri":${quoted(requestUri(event))},"httpMethod":"${event.method}","httpStatusCode":${event.status}` +
    `,"isAccessPolicyMatch":${event.isPolicyMatch},"tlsVersion":"${event.tlsVersion}"${optional(event)}}`;
  return { time: event.time, text };
}

function optional(event: AuditEvent): string {
  let text = '';
  if (event.assignmentId) text += `,"isRbacAuthorized":true,"appliedAssignmentId":${quoted(event.assignmentId)}`;
  if (event.clientRequestId) text += `,"clientRequestId":${quoted(printable(event.clientRequestId))}`;
  if (event.audit) text += `,"details":${oneLine(JSON.stringify(event.audit))}`;
  if (event.refusal) {
    text += `,"refusal":${quoted(event.refusal.code)},"checks":${oneLine(JSON.stringify(event.refusal.checks))}`;
  }
  return text;
}

/** The JSON of a text, on one line. Nearly every text is plain ASCII without anything to escape, which one look tells. */
function quoted(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : oneLine(JSON.stringify(text));
}

function requestUri(event: AuditEvent): string {
  return event.operationVersion === '' ? event.url : `${event.url}?api-version=${event.operationVersion}`;
}

function vaultResource(vault: Vault): string {
  let text = resources.get(vault);
  if (text === undefined) {
    text = quoted(vault.resourceId.toUpperCase());
    resources.set(vault, text);
  }
  return text;
}

function identity(caller: Caller): string {
  let text = identities.get(caller);
  if (text === undefined) {
    const claim = {
      oid: caller.oid,
      appid: caller.appId,
      appidacr: caller.appIdAcr,
      tid: caller.tenantId,
      iss: caller.issuer,
      uti: caller.tokenId,
      ...(caller.outsideSubject === undefined ? {} : { sub: caller.outsideSubject }),
      ...(caller.upn ? { upn: caller.upn } : {}),
      ...(caller.scopes ? { scp: caller.scopes } : {}),
      ...(caller.managedIdentity ? { xms_mirid: caller.managedIdentity } : {}),
    };
    text = oneLine(JSON.stringify({ claim }));
    identities.set(caller, text);
  }
  return text;
}

/** A header's text, cut to length and without control characters. */
function printable(text: string): string {
  return text.slice(0, MAX_CLIENT_INFO).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}

const signatures: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};
