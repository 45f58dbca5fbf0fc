import { resolve } from 'node:path';
import { isUuid } from '../base/ids.ts';
import { type BearerTerms, readBearerTerms } from './bearer-terms.ts';

/** An issuer outside that the operator trusts to say who its workloads are. */
export interface TrustedIssuer {
  /** Exactly as its tokens have it in `iss`. */
  readonly issuer: string;
  /** Where its public keys (a JSON Web Key Set) come from: a file, a URL, or its OpenID metadata. */
  readonly keys:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'discovery' };
  /** PEM of the authorities that vouch for its host, in place of the public ones. */
  readonly caFile: string | null;
  /** Signature algorithms it may use. */
  readonly algorithms: readonly string[];
  /** On what terms its tokens are bearer tokens here; null where they are only exchanged by federated credentials. */
  readonly bearer: BearerTerms | null;
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];
const USUAL = ['RS256', 'PS256', 'ES256'];
const MEMBERS = ['issuer', 'jwksFile', 'jwksUri', 'caFile', 'algorithms', 'bearer'];
/** The authorities of the real Entra ID: one host vouches for every tenant there is. */
const ENTRA_HOSTS = [
  'login.microsoftonline.com',
  'sts.windows.net',
  'login.microsoftonline.us',
  'login.partner.microsoftonline.cn',
  'sts.chinacloudapi.cn',
];

/**
 * Reads the setting `trustedIssuers`, or says what is wrong with it. Members that do not exist are refused, and so is this
 * server's own authority.
 * @param domain the domain of this server, in lower case
 */
export function readTrustedIssuers(
  values: readonly unknown[],
  domain: string,
): { readonly issuers: readonly TrustedIssuer[] } | { readonly fault: string } {
  const issuers: TrustedIssuer[] = [];
  for (const value of values) {
    const issuer = readIssuer(value, domain);
    if (typeof issuer === 'string') return { fault: issuer };
    if (issuers.some((other) => other.issuer === issuer.issuer)) return { fault: `${issuer.issuer} is in it twice` };
    issuers.push(issuer);
  }
  return { issuers };
}

/**
 * The tenant whose tokens an issuer of the real Entra ID issues: the one in its URL, in both forms
 * (`https://login.microsoftonline.com/{tenant}/v2.0`, `https://sts.windows.net/{tenant}/`). Null for other issuers.
 */
export function entraTenantOf(issuer: string): string | null {
  const url = new URL(issuer);
  if (!ENTRA_HOSTS.includes(url.hostname)) return null;
  return url.pathname.split('/')[1]?.toLowerCase() ?? '';
}

function readIssuer(value: unknown, domain: string): TrustedIssuer | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'each entry must be an object';
  const members = value as Readonly<Record<string, unknown>>;
  const { issuer, jwksFile, jwksUri, caFile, algorithms = USUAL, bearer } = members;
  if (typeof issuer !== 'string' || !isHttps(issuer)) return 'each entry needs an issuer, an https URL';
  const fault = issuerFault(issuer, domain);
  if (fault) return fault;
  const unknown = Object.keys(members).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return `${issuer} has a member that does not exist: ${unknown}`;
  if (jwksFile !== undefined && jwksUri !== undefined) return `${issuer} has both jwksFile and jwksUri`;
  if (jwksFile !== undefined && !isText(jwksFile)) return `jwksFile of ${issuer} must be a path`;
  if (jwksUri !== undefined && !(isText(jwksUri) && isHttps(jwksUri)))
    return `jwksUri of ${issuer} must be an https URL`;
  if (caFile !== undefined && !isText(caFile)) return `caFile of ${issuer} must be a path`;
  if (!isAlgorithms(algorithms)) return `algorithms of ${issuer} must be some of ${ALGORITHMS.join(', ')}`;
  const terms = bearer === undefined ? null : readBearerTerms(bearer);
  if (typeof terms === 'string') return `bearer of ${issuer}: ${terms}`;
  return {
    issuer,
    keys: isText(jwksFile)
      ? { kind: 'file', path: resolve(jwksFile) }
      : isText(jwksUri)
        ? { kind: 'url', url: jwksUri }
        : { kind: 'discovery' },
    caFile: isText(caFile) ? resolve(caFile) : null,
    algorithms,
    bearer: terms,
  };
}

/** An issuer that is nobody in particular, or this server itself. */
function issuerFault(issuer: string, domain: string): string | null {
  if (/[{}]/.test(issuer) || issuer.includes('%7B')) {
    return `${issuer} is a template: name the issuer of the one tenant that is meant`;
  }
  const { hostname } = new URL(issuer);
  if (hostname === `sts.${domain}` || hostname === `login.${domain}`) return `${issuer} is this server's own authority`;
  const tenant = entraTenantOf(issuer);
  if (tenant === null || isUuid(tenant)) return null;
  return `${issuer} names no tenant by its id, as in https://login.microsoftonline.com/TENANT_ID/v2.0`;
}

/** Whether it is an https URL without user, query or fragment. */
export function isHttps(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url?.protocol === 'https:' && url.username === '' && url.password === '' && !/[?#\s\\]/.test(text);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isAlgorithms(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => ALGORITHMS.includes(each as string));
}
