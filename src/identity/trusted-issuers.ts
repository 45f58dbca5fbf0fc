import { resolve } from 'node:path';

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
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];
const USUAL = ['RS256', 'PS256', 'ES256'];
const MEMBERS = ['issuer', 'jwksFile', 'jwksUri', 'caFile', 'algorithms'];

/** Reads the setting `trustedIssuers`, or says what is wrong with it. Members that do not exist are refused. */
export function readTrustedIssuers(
  values: readonly unknown[],
): { readonly issuers: readonly TrustedIssuer[] } | { readonly fault: string } {
  const issuers: TrustedIssuer[] = [];
  for (const value of values) {
    const issuer = readIssuer(value);
    if (typeof issuer === 'string') return { fault: issuer };
    if (issuers.some((other) => other.issuer === issuer.issuer)) return { fault: `${issuer.issuer} is in it twice` };
    issuers.push(issuer);
  }
  return { issuers };
}

function readIssuer(value: unknown): TrustedIssuer | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'each entry must be an object';
  const members = value as Readonly<Record<string, unknown>>;
  const { issuer, jwksFile, jwksUri, caFile, algorithms = USUAL } = members;
  if (typeof issuer !== 'string' || !isHttps(issuer)) return 'each entry needs an issuer, an https URL';
  const unknown = Object.keys(members).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return `${issuer} has a member that does not exist: ${unknown}`;
  if (jwksFile !== undefined && jwksUri !== undefined) return `${issuer} has both jwksFile and jwksUri`;
  if (jwksFile !== undefined && !isText(jwksFile)) return `jwksFile of ${issuer} must be a path`;
  if (jwksUri !== undefined && !(isText(jwksUri) && isHttps(jwksUri)))
    return `jwksUri of ${issuer} must be an https URL`;
  if (caFile !== undefined && !isText(caFile)) return `caFile of ${issuer} must be a path`;
  if (!isAlgorithms(algorithms)) return `algorithms of ${issuer} must be some of ${ALGORITHMS.join(', ')}`;
  return {
    issuer,
    keys: isText(jwksFile)
      ? { kind: 'file', path: resolve(jwksFile) }
      : isText(jwksUri)
        ? { kind: 'url', url: jwksUri }
        : { kind: 'discovery' },
    caFile: isText(caFile) ? resolve(caFile) : null,
    algorithms,
  };
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
