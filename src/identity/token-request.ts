import { isUuid } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import { readResource } from './audiences.ts';

/** How the client says it proves itself. */
export type ClientProof =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'assertion'; readonly assertion: string };

/** The fields of a form, each once. */
export type Form = Readonly<Record<string, unknown>>;

/** Who a client says it is. */
export interface ClaimedClient {
  /** In lower case. */
  readonly clientId: string;
  readonly proof: ClientProof | null;
}

/** A token request whose form is right. */
export interface TokenRequest {
  /** In lower case. */
  readonly clientId: string;
  readonly proof: ClientProof;
  /** The audience of the token, exactly as asked for. */
  readonly resource: string;
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const OPENID_SCOPES: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access']);
/** What an application may ask of a resource: everything it has been given there. */
const APPLICATION_PERMISSIONS = ['.default'];

/** Grants that Entra has and this release has not, by name, as people know them. */
const otherGrants: Readonly<Record<string, string>> = {
  authorization_code: 'authorization code',
  'urn:ietf:params:oauth:grant-type:jwt-bearer': 'on behalf of a user',
  'urn:ietf:params:oauth:grant-type:token-exchange': 'token exchange',
};

/**
 * Reads a client credentials request (RFC 6749 §4.4, client authentication by §2.3.1 or RFC 7523 §2.2).
 * @param version of the endpoint: 1 takes `resource`, 2 takes `scope`; each takes the other's where its own is missing
 * @throws Refusal
 */
export function readTokenRequest(
  form: Form,
  authorization: string | undefined,
  version: 1 | 2,
  domain: string,
): TokenRequest {
  const grant = requireField(form, 'grant_type');
  if (grant !== 'client_credentials') throw unsupportedGrant(grant);
  const { clientId, proof } = readClient(form, authorization);
  if (proof === null) throw new Refusal('client-proof-missing', { clientId });
  return { clientId, proof, resource: readAudience(form, version, domain, APPLICATION_PERMISSIONS) };
}

/** The refusal of a grant that this release does not have. */
export function unsupportedGrant(grant: string): Refusal {
  return new Refusal('grant-unsupported', { grant: otherGrants[grant] ?? 'unknown' });
}

/**
 * The client of a request and its proof, null where it brings none.
 * @throws Refusal
 */
export function readClient(form: Form, authorization: string | undefined): ClaimedClient {
  const basic = authorization === undefined ? null : readBasic(authorization);
  const secret = field(form, 'client_secret');
  const assertion = field(form, 'client_assertion');
  const ways = [basic?.secret, secret, assertion].filter((way) => way !== undefined && way !== '').length;
  if (ways > 1) throw new Refusal('client-proof-ambiguous');
  const named = field(form, 'client_id');
  if (basic && named && named.toLowerCase() !== basic.clientId.toLowerCase())
    throw new Refusal('client-proof-ambiguous');
  const clientId = named || basic?.clientId;
  if (!clientId) throw new Refusal('parameter-missing', { parameter: 'client_id' });
  // What is no GUID is not shown: it may be a secret in the wrong field.
  if (!isUuid(clientId)) throw new Refusal('application-unknown', { clientId: '(not a GUID)' });
  if (ways === 0) return { clientId: clientId.toLowerCase(), proof: null };
  if (!assertion)
    return { clientId: clientId.toLowerCase(), proof: { kind: 'secret', secret: secret || basic!.secret } };
  const type = requireField(form, 'client_assertion_type');
  if (type !== ASSERTION_TYPE) throw new Refusal('assertion-type-unknown', { expected: ASSERTION_TYPE });
  return { clientId: clientId.toLowerCase(), proof: { kind: 'assertion', assertion } };
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. */
function readBasic(authorization: string): { readonly clientId: string; readonly secret: string } {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization);
  const pair = match ? Buffer.from(match[1]!, 'base64').toString('utf8') : '';
  const colon = pair.indexOf(':');
  if (colon < 1) throw new Refusal('client-authorization-malformed');
  try {
    return { clientId: decodeForm(pair.slice(0, colon)), secret: decodeForm(pair.slice(colon + 1)) };
  } catch {
    throw new Refusal('client-authorization-malformed');
  }
}

function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/**
 * The audience that a form asks for.
 * @param permissions what may stand after the resource in a scope
 * @throws Refusal
 */
export function readAudience(form: Form, version: 1 | 2, domain: string, permissions: readonly string[]): string {
  const scope = field(form, 'scope');
  const named = field(form, 'resource');
  const byScope =
    version === 2 ? scope !== undefined || named === undefined : named === undefined && scope !== undefined;
  let resource: string;
  if (byScope) {
    if (!scope) throw new Refusal('parameter-missing', { parameter: 'scope' });
    resource = resourceOfScope(scope, permissions);
  } else {
    if (!named) throw new Refusal('parameter-missing', { parameter: 'resource' });
    resource = named;
  }
  assertResource(resource, domain);
  return resource;
}

/**
 * The one resource among the scopes. Java's and Go's libraries add OpenID Connect's own scopes to every request; where no
 * person signs in they ask for nothing.
 */
function resourceOfScope(scope: string, permissions: readonly string[]): string {
  const [wanted = '', ...more] = scope.split(' ').filter((each) => each !== '' && !OPENID_SCOPES.has(each));
  const permission = permissions.find((name) => wanted.endsWith(`/${name}`));
  if (more.length > 0 || /\s/.test(wanted) || permission === undefined)
    throw new Refusal('scope-invalid', { scope: shownUrl(scope) });
  // Exactly one suffix is taken off: the rest, also a slash at its end, is the audience.
  return wanted.slice(0, -permission.length - 1);
}

/**
 * Holds a resource against those there are.
 * @throws Refusal `resource-unknown`
 */
export function assertResource(resource: string, domain: string): void {
  if (readResource(resource, domain)) return;
  throw new Refusal('resource-unknown', { target: shownUrl(resource), domain });
}

/** What is asked for, if it looks like a URL or an id; anything else may be a secret in the wrong field. */
function shownUrl(text: string): string {
  return /^(https?:\/\/[\w.:/~-]{1,200}|[0-9a-f-]{36}(\/\.default)?)$/i.test(text) ? text : '(not a URL)';
}

/** A field that must be there and hold something. @throws Refusal `parameter-missing` */
export function requireField(form: Form, name: string): string {
  const value = field(form, name);
  if (!value) throw new Refusal('parameter-missing', { parameter: name });
  return value;
}

/** A field's text, or undefined where it is not there. */
export function field(form: Form, name: string): string | undefined {
  const value = Object.hasOwn(form, name) ? form[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
