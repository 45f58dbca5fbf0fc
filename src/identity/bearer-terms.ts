import { isUuid } from '../base/ids.ts';
import type { TokenPlane } from './audiences.ts';

/** On what terms an outside issuer's tokens are bearer tokens here. */
export interface BearerTerms {
  /** The audiences that its tokens may have, by the plane that they open. */
  readonly audiences: Readonly<Partial<Record<TokenPlane, readonly string[]>>>;
  /** The claim that says who it is: stable and never given to another by that issuer. */
  readonly subjectClaim: 'sub' | 'oid';
  /** Object ids of principals here, by the subject that stands for them. */
  readonly principals: ReadonlyMap<string, string>;
  /** Whether a federated credential of an application, with the issuer, subject and audience, stands for its principal too. */
  readonly federatedCredentials: boolean;
  /** The longest life of a token, from its `iat` to its `exp`. */
  readonly maxLifetimeSeconds: number;
  /** By how much the issuer's clock may differ. */
  readonly clockSkewSeconds: number;
}

const MEMBERS = [
  'audiences',
  'subjectClaim',
  'principals',
  'federatedCredentials',
  'maxLifetimeMinutes',
  'clockSkewSeconds',
];
const PLANES: readonly string[] = ['data', 'management', 'graph'] satisfies TokenPlane[];
const MAX_TEXT = 600;

/** Reads the member `bearer` of a trusted issuer, or says what is wrong with it. */
export function readBearerTerms(value: unknown): BearerTerms | string {
  if (!isObject(value)) return 'it must be an object';
  const unknown = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return `it has a member that does not exist: ${unknown}`;
  const { audiences, subjectClaim = 'sub', federatedCredentials = false } = value;
  const { maxLifetimeMinutes = 1440, clockSkewSeconds = 60, principals = [] } = value;
  const byPlane = readAudiences(audiences);
  if (typeof byPlane === 'string') return byPlane;
  if (subjectClaim !== 'sub' && subjectClaim !== 'oid') return 'subjectClaim must be sub or oid';
  if (typeof federatedCredentials !== 'boolean') return 'federatedCredentials must be true or false';
  if (!isWhole(maxLifetimeMinutes, 1, 10_080)) return 'maxLifetimeMinutes must be 1 to 10080';
  if (!isWhole(clockSkewSeconds, 0, 300)) return 'clockSkewSeconds must be 0 to 300';
  const mapped = readPrincipals(principals);
  if (typeof mapped === 'string') return mapped;
  if (mapped.size === 0 && !federatedCredentials) return 'it needs principals, or federatedCredentials';
  return {
    audiences: byPlane,
    subjectClaim,
    principals: mapped,
    federatedCredentials,
    maxLifetimeSeconds: maxLifetimeMinutes * 60,
    clockSkewSeconds,
  };
}

function readAudiences(value: unknown): BearerTerms['audiences'] | string {
  if (!isObject(value) || Object.keys(value).length === 0) {
    return `audiences must name the audiences of at least one of ${PLANES.join(', ')}`;
  }
  for (const [plane, list] of Object.entries(value)) {
    if (!PLANES.includes(plane)) return `audiences has a plane that does not exist: ${plane}`;
    if (!Array.isArray(list) || list.length === 0 || !list.every(isText)) {
      return `audiences of ${plane} must be a list of texts`;
    }
  }
  return value as BearerTerms['audiences'];
}

function readPrincipals(value: unknown): ReadonlyMap<string, string> | string {
  const example = 'each of principals must be an object of subject and objectId';
  if (!Array.isArray(value)) return 'principals must be a list';
  const mapped = new Map<string, string>();
  for (const entry of value as readonly unknown[]) {
    if (!isObject(entry) || Object.keys(entry).some((name) => name !== 'subject' && name !== 'objectId'))
      return example;
    const { subject, objectId } = entry;
    if (!isText(subject) || typeof objectId !== 'string' || !isUuid(objectId)) return example;
    if (mapped.has(subject)) return `the subject ${subject} is in principals twice`;
    mapped.set(subject, objectId.toLowerCase());
  }
  return mapped;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT;
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
