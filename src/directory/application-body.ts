import { isDeepStrictEqual } from 'node:util';
import { isUuid } from '../base/ids.ts';
import { DAY } from '../base/text.ts';
import { type AppCertificate, readCertificate } from '../identity/certificate.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { GraphObject } from './wire.ts';

/** A certificate to be registered. */
export interface NewCertificate {
  readonly certificate: AppCertificate;
  readonly displayName: string | null;
  readonly id?: string;
  readonly starts?: number;
  readonly expires?: number;
}

/** What a body says an application is to have from now on; what it does not mention is left out. */
export interface ApplicationChange {
  readonly displayName?: string;
  /** Properties that are kept and handed back. */
  readonly details: Readonly<Record<string, unknown>>;
  /** The certificates it is to have: ids of those that stay, and new ones. */
  readonly certificates?: { readonly kept: readonly string[]; readonly added: readonly NewCertificate[] };
  /** Ids of the secrets that stay. */
  readonly secretsKept?: readonly string[];
}

/** The life of a new client secret where the request names no end, as in Graph. */
const SECRET_DAYS = 730;
const MAX_NAME = 256;
const MAX_CERTIFICATES = 32;
const KIND = 'Application';

/** Properties that are kept as they come and mean nothing here, by the type they must have. */
const keptProperties: Readonly<Record<string, 'object' | 'array' | 'string' | 'boolean'>> = {
  api: 'object',
  appRoles: 'array',
  description: 'string',
  groupMembershipClaims: 'string',
  isFallbackPublicClient: 'boolean',
  notes: 'string',
  optionalClaims: 'object',
  publicClient: 'object',
  requiredResourceAccess: 'array',
  serviceManagementReference: 'string',
  signInAudience: 'string',
  spa: 'object',
  tags: 'array',
  web: 'object',
};

/**
 * Reads the body of an application's creation or change. A property that cannot be changed may be there if it says what
 * is so already: generic updates send whole objects back.
 * @param current the application as shown now; null where it is being made
 * @throws Refusal
 */
export function readApplicationBody(body: GraphObject, current: GraphObject | null): ApplicationChange {
  const change: { -readonly [K in keyof ApplicationChange]: ApplicationChange[K] } & {
    details: Record<string, unknown>;
  } = {
    details: {},
  };
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.')) continue;
    if (name === 'displayName') change.displayName = readName(value, name, KIND);
    else if (name === 'identifierUris') change.details[name] = readUris(value);
    else if (name === 'keyCredentials') change.certificates = readCertificates(value, current);
    else if (name === 'passwordCredentials') change.secretsKept = readKept(value, current);
    else if (Object.hasOwn(keptProperties, name)) change.details[name] = readKeptProperty(name, value);
    else assertUnchanged(name, value, current, KIND);
  }
  if (!current && change.displayName === undefined) throw invalid('displayName', KIND, 'it is required');
  return change;
}

/**
 * Refuses a property that the directory would not change, unless it says what is so already.
 * @throws Refusal `graph-property-read-only`
 */
export function assertUnchanged(name: string, value: unknown, current: GraphObject | null, kind: string): void {
  if (current && Object.hasOwn(current, name) && isDeepStrictEqual(current[name], value)) return;
  throw new Refusal('graph-property-read-only', { property: /^\w{1,100}$/.test(name) ? name : '(not a name)', kind });
}

/** Reads a name for people: 1 to 256 characters. @throws Refusal `graph-property-invalid` */
function readName(value: unknown, property: string, kind: string): string {
  if (typeof value !== 'string' || value.trim() === '' || value.length > MAX_NAME || /[\u0000-\u001f]/.test(value)) {
    throw invalid(property, kind, `it must be a text of 1 to ${MAX_NAME} printable characters`);
  }
  if (!value.isWellFormed()) throw invalid(property, kind, 'it is not Unicode text');
  return value;
}

/** What a request for a new secret says. @throws Refusal */
export function readPasswordOrder(
  body: GraphObject,
  appId: string,
  now: number,
): { readonly displayName: string | null; readonly starts: number; readonly expires: number } {
  const kind = 'passwordCredential';
  const order = body['passwordCredential'] ?? {};
  if (!isObject(order)) throw invalid('passwordCredential', KIND, 'it must be an object');
  if (order['secretText']) throw new Refusal('graph-password-generated-only', { appId });
  const name = order['displayName'];
  const starts = readTime(order['startDateTime'], 'startDateTime', kind) ?? now;
  const expires = readTime(order['endDateTime'], 'endDateTime', kind) ?? starts + SECRET_DAYS * DAY;
  if (expires <= starts) throw invalid('endDateTime', kind, 'it must be after the start');
  return {
    displayName: name === undefined || name === null ? null : readName(name, 'displayName', kind),
    starts,
    expires,
  };
}

function readUris(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > 50)
    throw invalid('identifierUris', KIND, 'it must be a list of at most 50');
  for (const uri of value) {
    if (typeof uri !== 'string' || uri.length > 255 || !/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(uri)) {
      throw invalid('identifierUris', KIND, 'each must be an absolute URI of at most 255 characters');
    }
  }
  return [...new Set(value as string[])];
}

function readCertificates(value: unknown, current: GraphObject | null): NonNullable<ApplicationChange['certificates']> {
  const entries = readList(value, 'keyCredentials');
  if (entries.length > MAX_CERTIFICATES)
    throw invalid('keyCredentials', KIND, `there may be at most ${MAX_CERTIFICATES}`);
  const known = keyIds(current?.['keyCredentials']);
  const kept: string[] = [];
  const added: NewCertificate[] = [];
  for (const entry of entries) {
    const id = entry['keyId'];
    if (typeof id === 'string' && known.includes(id.toLowerCase())) kept.push(id.toLowerCase());
    else added.push(readNewCertificate(entry));
  }
  const taken = [...known, ...keyIds(current?.['passwordCredentials'])];
  for (const { id } of added) {
    if (id === undefined) continue;
    if (taken.includes(id)) throw invalid('keyId', 'keyCredential', 'it names another credential already');
    taken.push(id);
  }
  return { kept, added };
}

function readNewCertificate(entry: GraphObject): NewCertificate {
  const kind = 'keyCredential';
  if (entry['type'] !== 'AsymmetricX509Cert') throw invalid('type', kind, 'it must be AsymmetricX509Cert');
  if (entry['usage'] !== 'Verify') throw invalid('usage', kind, 'it must be Verify');
  const { key, keyId, displayName } = entry;
  if (typeof key !== 'string') throw invalid('key', kind, 'it must be the base64 of a certificate');
  const certificate = readCertificate(key);
  if ('reason' in certificate) throw invalid('key', kind, certificate.reason);
  if (keyId !== undefined && keyId !== null && (typeof keyId !== 'string' || !isUuid(keyId))) {
    throw invalid('keyId', kind, 'it must be a GUID');
  }
  const starts = readTime(entry['startDateTime'], 'startDateTime', kind);
  const expires = readTime(entry['endDateTime'], 'endDateTime', kind);
  return {
    certificate,
    displayName: displayName === undefined || displayName === null ? null : readName(displayName, 'displayName', kind),
    ...(typeof keyId === 'string' ? { id: keyId.toLowerCase() } : {}),
    ...(starts === null ? {} : { starts }),
    ...(expires === null ? {} : { expires }),
  };
}

/** Secrets can be taken away by leaving them out, never added: their text is made here. */
function readKept(value: unknown, current: GraphObject | null): readonly string[] {
  const known = keyIds(current?.['passwordCredentials']);
  return readList(value, 'passwordCredentials').map((entry) => {
    const id = entry['keyId'];
    if (typeof id === 'string' && known.includes(id.toLowerCase()) && !entry['secretText']) return id.toLowerCase();
    throw new Refusal('graph-password-generated-only', { appId: String(current?.['appId'] ?? 'APP_ID') });
  });
}

function readKeptProperty(name: string, value: unknown): unknown {
  if (value === null) return null;
  const expected = keptProperties[name];
  const actual = Array.isArray(value) ? 'array' : typeof value;
  if (actual !== expected) throw invalid(name, KIND, `it must be of type ${expected}`);
  return value;
}

function readTime(value: unknown, property: string, kind: string): number | null {
  if (value === undefined || value === null) return null;
  const isDate =
    typeof value === 'string' && /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(value);
  const hasZone = isDate && /(Z|[+-]\d\d:\d\d|^\d{4}-\d\d-\d\d)$/.test(value);
  // Without a zone the time is UTC: it must not depend on where the server runs.
  const time = isDate ? Date.parse(hasZone ? value : `${value}Z`) : Number.NaN;
  if (Number.isNaN(time)) throw invalid(property, kind, 'it must be a date and time as in RFC 3339');
  return time;
}

function readList(value: unknown, property: string): readonly GraphObject[] {
  if (value === null) return [];
  if (!Array.isArray(value) || !value.every(isObject)) throw invalid(property, KIND, 'it must be a list of objects');
  return value as GraphObject[];
}

function keyIds(list: unknown): readonly string[] {
  return ((list ?? []) as readonly { readonly keyId: string }[]).map(({ keyId }) => keyId);
}

function isObject(value: unknown): value is GraphObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(property: string, kind: string, reason: string): Refusal {
  return new Refusal('graph-property-invalid', { property, kind, reason });
}
