import { fromBase64Url, toBase64Url } from '../base/text.ts';
import { type Body, readBoolean, readObject } from '../objects/attributes.ts';
import { Refusal } from '../refusals/refusal.ts';

/** To whom a key may be released: any one of the authorities, whose attestation meets its condition. */
export interface ReleasePolicy {
  readonly version: '1.0.0';
  readonly anyOf: readonly AuthorityRule[];
}

/** An authority by its issuer URL, and what must be true of its attestation. */
export type AuthorityRule = { readonly authority: string } & Group;

/** What is asked of claims. The words are those of the grammar, so that the policy as it is kept is its canonical text. */
export type Condition = Group | ClaimCondition;

/** All or any of a list. */
export type Group = { readonly allOf: readonly Condition[] } | { readonly anyOf: readonly Condition[] };

/** A claim, named by its path with dots, and the value it must have. */
export interface ClaimCondition {
  readonly claim: string;
  readonly equals: string | number | boolean;
}

/** A policy as a body brings it. */
export interface AskedPolicy {
  /** base64url of the canonical text. */
  readonly data: string;
  readonly contentType: string;
  /** Not set where the body does not say. */
  readonly immutable?: boolean;
}

const CONTENT_TYPE = 'application/json; charset=utf-8';
const MAX_DATA_CHARACTERS = 32 * 1024;
const MAX_CONDITIONS = 256;
const MAX_DEPTH = 8;
const MAX_TEXT = 2048;
/** The service's own client libraries send both. */
const VERSIONS: readonly unknown[] = ['1.0.0', '1.0'];

/**
 * Reads a `release_policy` (keys.json, KeyReleasePolicy; Key Vault secure key release policy grammar, version 1.0.0). The only
 * operator is `equals`, as in the service; a member that the grammar does not have is refused, since it could be a restriction.
 * @returns null where there is none
 * @throws Refusal `property-invalid`, `key-release-policy-invalid`
 */
export function readReleasePolicy(value: unknown): AskedPolicy | null {
  if (value === undefined || value === null) return null;
  const body = readObject(value, 'release_policy');
  const { contentType, data } = body;
  if (contentType !== undefined && contentType !== null && !isJsonType(contentType)) {
    throw wrong(`contentType must be ${CONTENT_TYPE}`);
  }
  const immutable = readBoolean(body['immutable'], 'release_policy.immutable');
  return {
    data: toBase64Url(Buffer.from(JSON.stringify(readPolicy(parse(data))))),
    contentType: CONTENT_TYPE,
    ...(immutable === undefined ? {} : { immutable }),
  };
}

/** The rules of a policy that was read before. */
export function rulesOf(data: string): ReleasePolicy {
  return JSON.parse(Buffer.from(data, 'base64url').toString('utf8')) as ReleasePolicy;
}

/**
 * Whether an attestation meets a policy. A claim that is absent meets no condition; neither does one that is an object or a list
 * (policy grammar, Claim condition).
 * @param issuer the `iss` of the attestation, proven
 */
export function meetsPolicy(policy: ReleasePolicy, issuer: string, claims: Body): boolean {
  return policy.anyOf.some((rule) => isSameAuthority(rule.authority, issuer) && meets(rule, claims));
}

/** Whether a policy speaks of an authority at all. */
export function namesAuthority(policy: ReleasePolicy, issuer: string): boolean {
  return policy.anyOf.some(({ authority }) => isSameAuthority(authority, issuer));
}

/** A slash at the end does not make another authority: attestation services are named with and without it. */
function isSameAuthority(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '');
}

function meets(condition: Condition, claims: Body): boolean {
  if ('allOf' in condition) return condition.allOf.every((one) => meets(one, claims));
  if ('anyOf' in condition) return condition.anyOf.some((one) => meets(one, claims));
  const found = claimAt(claims, condition.claim);
  const { equals } = condition;
  if (typeof found === 'boolean' || typeof equals === 'boolean') {
    // Policies write truths as text too, and attestation services say them either way.
    return isScalar(found) && String(found) === String(equals);
  }
  return found === equals;
}

/** The claim at a path of names; the dots are steps into objects, and lists cannot be stepped into. */
function claimAt(claims: Body, path: string): unknown {
  let found: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, name))
      return undefined;
    found = (found as Body)[name];
  }
  return found;
}

function parse(data: unknown): unknown {
  if (typeof data !== 'string' || data.length === 0) throw wrong('data is required: the policy in base64url');
  if (data.length > MAX_DATA_CHARACTERS) throw wrong(`data has at most ${MAX_DATA_CHARACTERS} characters`);
  const bytes = fromBase64Url(data.replace(/=+$/, ''));
  if (!bytes) throw wrong('data must be base64url');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw wrong('data must hold JSON in UTF-8');
  }
}

function readPolicy(value: unknown): ReleasePolicy {
  const policy = readMembers(value, 'the policy', ['version', 'anyOf']);
  if (!VERSIONS.includes(policy['version'])) throw wrong('version must be 1.0.0');
  const counter = { left: MAX_CONDITIONS };
  const rules = readList(policy['anyOf'], 'anyOf of the policy');
  return { version: '1.0.0', anyOf: rules.map((rule) => readAuthority(rule, counter)) };
}

function readAuthority(value: unknown, counter: { left: number }): AuthorityRule {
  const rule = readMembers(value, 'an authority', ['authority', 'allOf', 'anyOf']);
  const { authority } = rule;
  if (typeof authority !== 'string' || authority.length > MAX_TEXT || !isHttps(authority)) {
    throw wrong('authority must be the https URL of an attestation service');
  }
  return { authority, ...readGroup(rule, counter, 1) };
}

function readGroup(group: Body, counter: { left: number }, depth: number): Group {
  const names = ['allOf', 'anyOf'].filter((name) => group[name] !== undefined);
  const [name] = names;
  if (names.length !== 1) throw wrong('an authority or condition needs either allOf or anyOf');
  if (depth > MAX_DEPTH) throw wrong(`conditions are nested at most ${MAX_DEPTH} deep`);
  const list = readList(group[name!], name!).map((one) => readCondition(one, counter, depth));
  return name === 'allOf' ? { allOf: list } : { anyOf: list };
}

function readCondition(value: unknown, counter: { left: number }, depth: number): Condition {
  counter.left -= 1;
  if (counter.left < 0) throw wrong(`there may be at most ${MAX_CONDITIONS} conditions`);
  const condition = readMembers(value, 'a condition', ['claim', 'equals', 'allOf', 'anyOf']);
  const { claim, equals } = condition;
  if (claim === undefined && equals === undefined) return readGroup(condition, counter, depth + 1);
  if (condition['allOf'] !== undefined || condition['anyOf'] !== undefined) {
    throw wrong('a condition is a claim, or a list of conditions');
  }
  if (typeof claim !== 'string' || claim.length > MAX_TEXT || !/^[^.]+(\.[^.]+)*$/.test(claim)) {
    throw wrong('claim must be a name, or names joined by dots');
  }
  if (!isScalar(equals) || (typeof equals === 'string' && equals.length > MAX_TEXT)) {
    throw wrong(`equals of ${claim} must be a text, a number, true or false`);
  }
  return { claim, equals };
}

function readMembers(value: unknown, what: string, known: readonly string[]): Body {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${what} must be an object`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(`${what} has a member that does not exist: ${unknown.slice(0, 64)}`);
  return value as Body;
}

function readList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong(`${what} must be a list of at least one`);
  return value;
}

function isScalar(value: unknown): value is string | number | boolean {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  );
}

function isHttps(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'https:';
}

function isJsonType(value: unknown): boolean {
  return typeof value === 'string' && value.length < 256 && /^application\/json\s*(;|$)/i.test(value);
}

function wrong(reason: string): Refusal {
  return new Refusal('key-release-policy-invalid', { reason });
}
