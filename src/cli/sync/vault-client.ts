import { readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { CommandError, type CommandIo, errorCode } from '../command.ts';
import { type LocalAnswer, requestByName } from '../local-https.ts';

/** A vault of this server or of any other that speaks the protocol. */
export interface VaultPlace {
  /** `https://NAME.vault.DOMAIN[:PORT]`. */
  readonly url: string;
  /** PEM of the only authorities to trust; null: those that Node trusts. */
  readonly authorityPem: string | null;
}

/** The secret behind a certificate. */
export interface CertificateSecret {
  readonly value: string;
  readonly contentType: string;
  /** Its version. */
  readonly version: string;
}

const VERSION = '7.4';
const TIMEOUT_MS = 30_000;
const LONGEST = 1024 * 1024;

/**
 * Reads the newest version of a certificate's secret, signed in by the variables that the official clients read.
 * @throws CommandError with the vault's own message
 */
export async function readCertificateSecret(
  place: VaultPlace,
  name: string,
  io: CommandIo,
): Promise<CertificateSecret> {
  const path = `/secrets/${name}?api-version=${VERSION}`;
  const challenge = await send(place, 'GET', `${place.url}${path}`, {});
  if (challenge.status !== 401) throw refusalOf(challenge, 'The vault asked for no sign-in');
  const resource = resourceOf(challenge, new URL(place.url).hostname);
  const token = await signIn(place, resource, io);
  const answer = await send(place, 'GET', `${place.url}${path}`, { authorization: `Bearer ${token}` });
  if (answer.status !== 200) throw refusalOf(answer, 'The vault refuses');
  const { value, contentType, id } = parse(answer.body);
  if (typeof value !== 'string' || typeof id !== 'string') throw new CommandError('The vault gave no secret.');
  return { value, contentType: typeof contentType === 'string' ? contentType : '', version: id.split('/').at(-1)! };
}

/** The audience of the challenge: it must be the vault's own domain, or a token for another service would be sent there. */
function resourceOf(answer: LocalAnswer, host: string): string {
  const header = String(answer.headers['www-authenticate'] ?? '');
  const resource = /resource="([^"]+)"/.exec(header)?.[1] ?? '';
  const url = URL.canParse(resource) ? new URL(resource) : null;
  if (url && (host === url.hostname || host.endsWith(`.${url.hostname}`))) return resource.replace(/\/$/, '');
  throw new CommandError('The vault asks for a token of another domain than its own.');
}

type Way = (place: VaultPlace, resource: string, io: CommandIo) => Promise<string> | null;

/** Ways to sign in, in the order in which the official clients try them; null where its variables are not there. */
const ways: readonly Way[] = [byClientSecret, byFederatedToken, byManagedIdentity];

async function signIn(place: VaultPlace, resource: string, io: CommandIo): Promise<string> {
  for (const way of ways) {
    const token = way(place, resource, io);
    if (token) return token;
  }
  throw new CommandError(
    'Nobody to sign in as: set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, or IDENTITY_ENDPOINT and IDENTITY_HEADER (strongroom env prints them).',
  );
}

function byClientSecret(place: VaultPlace, resource: string, { env }: CommandIo): Promise<string> | null {
  const secret = env['AZURE_CLIENT_SECRET'];
  return secret ? token(place, resource, env, { client_secret: secret }) : null;
}

function byFederatedToken(place: VaultPlace, resource: string, { env }: CommandIo): Promise<string> | null {
  const file = env['AZURE_FEDERATED_TOKEN_FILE'];
  if (!file) return null;
  let assertion: string;
  try {
    assertion = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CommandError(`The token file ${file} cannot be read: ${errorCode(error)}.`);
  }
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return token(place, resource, env, { client_assertion_type: type, client_assertion: assertion });
}

async function token(
  place: VaultPlace,
  resource: string,
  env: CommandIo['env'],
  proof: Readonly<Record<string, string>>,
): Promise<string> {
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client } = env;
  const authority = env['AZURE_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com';
  if (!tenant || !client) throw new CommandError('AZURE_TENANT_ID and AZURE_CLIENT_ID are not set.');
  if (!/^https:\/\//.test(authority)) throw new CommandError('AZURE_AUTHORITY_HOST must be an https URL.');
  const form = { grant_type: 'client_credentials', client_id: client, scope: `${resource}/.default`, ...proof };
  const url = `${authority.replace(/\/$/, '')}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await send(place, 'POST', url, headers, new URLSearchParams(form).toString());
  return tokenOf(answer.status, answer.body);
}

/** App Service's form of the endpoint, which `strongroom env --identity` names: plain HTTP that stays on this machine. */
function byManagedIdentity(_place: VaultPlace, resource: string, { env }: CommandIo): Promise<string> | null {
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header, AZURE_CLIENT_ID: client } = env;
  if (!endpoint || !header) return null;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  const isHere = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost|169\.254\.\d+\.\d+)$/;
  if (url?.protocol !== 'http:' || !isHere.test(url.hostname)) {
    throw new CommandError('IDENTITY_ENDPOINT must be an http address of this machine.');
  }
  url.searchParams.set('api-version', '2019-08-01');
  url.searchParams.set('resource', resource);
  if (client) url.searchParams.set('client_id', client);
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const asked = plainRequest(url, { signal, headers: { 'x-identity-header': header } }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
        if (body.length > LONGEST) asked.destroy(new Error(`its answer is longer than ${LONGEST} characters`));
      });
      response.on('error', (error) => reject(unreachable(url.host, error)));
      response.on('end', () => {
        try {
          resolve(tokenOf(response.statusCode ?? 0, body));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.on('error', (error) => reject(unreachable(url.host, error)));
    asked.end();
  });
}

function tokenOf(status: number, body: string): string {
  const { access_token: found, error_description: reason } = parse(body);
  if (status === 200 && typeof found === 'string') return found;
  throw new CommandError(`The sign-in was refused: ${typeof reason === 'string' ? reason : `status ${status}`}`);
}

async function send(
  place: VaultPlace,
  method: 'GET' | 'POST',
  address: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<LocalAnswer> {
  const url = new URL(address);
  try {
    return await requestByName({
      host: url.hostname,
      port: url.port === '' ? 443 : Number(url.port),
      path: `${url.pathname}${url.search}`,
      method,
      headers: { host: url.host, ...headers },
      ...(body !== undefined && { body }),
      authorityPem: place.authorityPem,
      timeoutMs: TIMEOUT_MS,
    });
  } catch (error) {
    throw unreachable(url.host, error as Error);
  }
}

function unreachable(host: string, error: Error): CommandError {
  const { code, message, name } = error as NodeJS.ErrnoException;
  return new CommandError(`${host} cannot be reached: ${name === 'TimeoutError' ? 'no answer' : (code ?? message)}.`);
}

function refusalOf(answer: LocalAnswer, what: string): CommandError {
  const { error } = parse(answer.body) as { error?: { code?: string; message?: string } };
  return new CommandError(`${what} (${answer.status}): ${error?.message ?? error?.code ?? 'no reason given'}`);
}

function parse(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
