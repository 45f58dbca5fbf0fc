import { isUuid } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import { assertUnchanged } from './application-body.ts';
import { judgeDisplayName, judgeNickname, judgePassword, judgePrincipalName, judgeText } from './names.ts';
import type { GraphObject } from './wire.ts';

/** What a body says a user or group is to be from now on; what it does not mention is left out. */
export interface PersonChange {
  readonly displayName?: string;
  readonly upn?: string;
  readonly enabled?: boolean;
  readonly type?: 'Member' | 'Guest';
  readonly details: Readonly<Record<string, unknown>>;
  /** The new password in the clear; it goes nowhere but into hashing. */
  readonly password?: string;
  readonly mustChange?: boolean;
}

const USER = 'User';
const GROUP = 'Group';

/** Texts that are kept and handed back, with the most characters each may have (Graph's `user` resource, v1.0). */
const userTexts: Readonly<Record<string, number>> = {
  city: 128,
  companyName: 64,
  country: 128,
  department: 64,
  employeeId: 16,
  givenName: 64,
  jobTitle: 128,
  mail: 256,
  mobilePhone: 64,
  officeLocation: 128,
  onPremisesImmutableId: 64,
  postalCode: 40,
  preferredLanguage: 64,
  state: 128,
  streetAddress: 1024,
  surname: 64,
  usageLocation: 2,
};

/** What a new user must say, as in Graph. */
const userNeeds = ['accountEnabled', 'displayName', 'mailNickname', 'userPrincipalName', 'passwordProfile'];
const groupNeeds = ['displayName', 'mailEnabled', 'mailNickname', 'securityEnabled'];

/**
 * Reads the body of a user's creation or change.
 * @param current the user as shown now; null where it is being made
 * @param domain the only domain that principal names may have
 * @throws Refusal
 */
export function readUserBody(body: GraphObject, current: GraphObject | null, domain: string): PersonChange {
  const change: { -readonly [K in keyof PersonChange]: PersonChange[K] } & { details: Record<string, unknown> } = {
    details: {},
  };
  assertComplete(body, current, userNeeds, USER);
  const upn = readUpn(body['userPrincipalName'] ?? current?.['userPrincipalName'], domain);
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.')) continue;
    if (name === 'displayName') change.displayName = readJudged(name, value, USER, judgeDisplayName);
    else if (name === 'userPrincipalName') change.upn = upn;
    else if (name === 'mailNickname') change.details[name] = readJudged(name, value, USER, judgeNickname);
    else if (name === 'accountEnabled') change.enabled = readTruth(name, value, USER);
    else if (name === 'userType') change.type = readUserType(value);
    else if (name === 'businessPhones') change.details[name] = readPhones(value);
    else if (name === 'passwordProfile') Object.assign(change, readPasswordProfile(value, upn, current === null));
    else if (Object.hasOwn(userTexts, name)) change.details[name] = readDetail(name, value, USER, userTexts[name]!);
    else assertUnchanged(name, value, current, USER);
  }
  return change;
}

/**
 * Reads the body of a group's creation or change, but for members and owners. Security groups are the only ones there are.
 * @throws Refusal
 */
export function readGroupBody(body: GraphObject, current: GraphObject | null): PersonChange {
  const change: { displayName?: string; details: Record<string, unknown> } = { details: {} };
  assertComplete(body, current, groupNeeds, GROUP);
  for (const [name, value] of Object.entries(body)) {
    if (name.includes('@odata.')) continue;
    if (name === 'displayName') change.displayName = readJudged(name, value, GROUP, judgeDisplayName);
    else if (name === 'mailNickname') change.details[name] = readJudged(name, value, GROUP, judgeNickname);
    else if (name === 'description') change.details[name] = readDetail(name, value, GROUP, 1024);
    else if (name === 'visibility') change.details[name] = readVisibility(value);
    else assertFixed(name, value, current);
  }
  return change;
}

/**
 * A password that passed the policy.
 * @throws Refusal `graph-password-policy`, which holds nothing of it
 */
export function readPassword(value: unknown, upn: string): string {
  const reason = typeof value === 'string' ? judgePassword(value, upn) : 'it must be a text';
  if (reason !== null) throw new Refusal('graph-password-policy', { reason });
  return value as string;
}

/** The object ids of references such as `https://…/directoryObjects/{id}`, each once. @throws Refusal */
export function readReferences(value: unknown, property: string, kind: string): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > MAX_REFERENCES) {
    throw invalid(property, kind, `it must name 1 to ${MAX_REFERENCES} objects`);
  }
  const ids = list.map((reference) => {
    const match = typeof reference === 'string' && /\/(?:directoryObjects|users|groups|servicePrincipals)\/([^/]+)$/i;
    const id = match ? (match.exec(reference)?.[1] ?? '') : '';
    if (!isUuid(id)) throw invalid(property, kind, 'each must be the URL of an object: …/directoryObjects/ID');
    return id.toLowerCase();
  });
  return [...new Set(ids)];
}

/** As many references as one request of Graph may bind. */
const MAX_REFERENCES = 20;

function assertComplete(body: GraphObject, current: GraphObject | null, needs: readonly string[], kind: string): void {
  if (current) return;
  for (const name of needs) if (body[name] === undefined) throw invalid(name, kind, 'it is required');
}

function assertFixed(name: string, value: unknown, current: GraphObject | null): void {
  const fixed: GraphObject = { mailEnabled: false, securityEnabled: true, groupTypes: [], isAssignableToRole: false };
  if (!Object.hasOwn(fixed, name)) {
    assertUnchanged(name, value, current, GROUP);
    return;
  }
  if (JSON.stringify(value) === JSON.stringify(fixed[name]) || (current && value === null)) return;
  throw invalid(name, GROUP, `it must be ${JSON.stringify(fixed[name])}: there are security groups only`);
}

function readUpn(value: unknown, domain: string): string {
  return readJudged('userPrincipalName', value, USER, (name) => judgePrincipalName(name, domain));
}

function readUserType(value: unknown): 'Member' | 'Guest' {
  if (value === 'Member' || value === 'Guest') return value;
  throw invalid('userType', USER, 'it must be Member or Guest');
}

function readVisibility(value: unknown): unknown {
  if (value === null || value === 'Private' || value === 'Public') return value;
  throw invalid('visibility', GROUP, 'it must be Private or Public');
}

function readPhones(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > 1)
    throw invalid('businessPhones', USER, 'it must be a list of at most 1');
  return value.map((phone) => readDetail('businessPhones', phone, USER, 64) ?? '');
}

function readPasswordProfile(value: unknown, upn: string, isNew: boolean): Partial<PersonChange> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('passwordProfile', USER, 'it must be an object');
  }
  const { password, forceChangePasswordNextSignIn: force, ...rest } = value as GraphObject;
  const mfa = rest['forceChangePasswordNextSignInWithMfa'];
  if (mfa !== undefined && mfa !== null && mfa !== false)
    throw invalid('forceChangePasswordNextSignInWithMfa', 'passwordProfile', 'there is no second factor here');
  for (const name of Object.keys(rest)) {
    if (name !== 'forceChangePasswordNextSignInWithMfa' && !name.includes('@odata.'))
      assertUnchanged(name, rest[name], null, 'passwordProfile');
  }
  const hasPassword = password !== undefined && password !== null;
  if (isNew && !hasPassword) throw invalid('password', 'passwordProfile', 'it is required');
  const hasForce = force !== undefined && force !== null;
  return {
    ...(hasPassword ? { password: readPassword(password, upn) } : {}),
    // In Graph a password that another set is to be changed unless the request says otherwise.
    ...(hasForce || hasPassword
      ? { mustChange: hasForce ? readTruth('forceChangePasswordNextSignIn', force, 'passwordProfile') : true }
      : {}),
  };
}

function readJudged(property: string, value: unknown, kind: string, judge: (text: string) => string | null): string {
  if (typeof value !== 'string') throw invalid(property, kind, 'it must be a text');
  const reason = judge(value);
  if (reason !== null) throw invalid(property, kind, reason);
  return value;
}

function readDetail(property: string, value: unknown, kind: string, most: number): string | null {
  if (value === null) return null;
  const text = readJudged(property, value, kind, judgeText);
  if (text.length > most) throw invalid(property, kind, `it must have at most ${most} characters`);
  return text;
}

function readTruth(property: string, value: unknown, kind: string): boolean {
  if (typeof value !== 'boolean') throw invalid(property, kind, 'it must be true or false');
  return value;
}

function invalid(property: string, kind: string, reason: string): Refusal {
  return new Refusal('graph-property-invalid', { property, kind, reason });
}
