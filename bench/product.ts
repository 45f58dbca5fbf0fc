import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pidOf } from './ceilings.ts';
import { startProgram, stopChild } from './children.ts';
import { type SingleAnswer, sendRequest } from './https-request.ts';
import type { RequestFrame } from './workload.ts';

/** How one server is started. */
export interface ProductOptions {
  readonly dataDirectory: string;
  /** HTTPS port; a free one if absent. Tokens name it, so a restart that is to accept them keeps it. */
  readonly port?: number;
  /** Where to write a processor profile when the server ends; none if absent. */
  readonly profileDirectory?: string | undefined;
  /** Where Node keeps compiled code; its usual place if absent, an empty one for a start like the very first. */
  readonly compileCacheDirectory?: string;
  /** Further arguments of `strongroom start`. */
  readonly args?: readonly string[];
}

/** A started server. */
export interface Product {
  readonly port: number;
  readonly pid: number;
  /** PEM of the server's own authority. */
  readonly authority: string;
  readonly vaultHostname: string;
  /** Milliseconds from the start of the process to the first connection it took. */
  readonly listeningMilliseconds: number;
  /** When the process was started, on the clock of `performance.now()`. */
  readonly spawnedAt: number;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VAULT_HOSTNAME = 'main-vault.vault.localhost';
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 2;

/**
 * Starts the product's own command and waits until it takes connections.
 * @throws Error with the end of its standard error when it ends, or does not listen within 60 seconds
 */
export async function startProduct(options: ProductOptions): Promise<Product> {
  const { dataDirectory, profileDirectory } = options;
  const port = options.port ?? (await freePort());
  const imdsPort = await freePort();
  const profiling = profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  const ports = ['--port', String(port), '--imds-port', String(imdsPort)];
  const args = [
    ...profiling,
    'bin/strongroom.mjs',
    'start',
    '--data-dir',
    dataDirectory,
    ...ports,
    ...(options.args ?? []),
  ];
  const spawnedAt = performance.now();
  const cache = options.compileCacheDirectory;
  const env = cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: cache };
  const child = startProgram(args, ROOT, env);
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2_000);
  });
  const runtimeFile = join(dataDirectory, 'runtime.json');
  while (!existsSync(runtimeFile)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended: ${complaint}`);
    if (performance.now() - spawnedAt > START_TIMEOUT_MS) throw new Error(`the server does not listen: ${complaint}`);
    await delay(POLL_MS);
  }
  const listeningMilliseconds = performance.now() - spawnedAt;
  const runtime = readJson(runtimeFile) as { pid: number; port: number };
  return {
    port: runtime.port,
    pid: runtime.pid ?? pidOf(child),
    authority: readFileSync(join(dataDirectory, 'ca.pem'), 'utf8'),
    vaultHostname: VAULT_HOSTNAME,
    listeningMilliseconds,
    spawnedAt,
    stop: () => stopChild(child),
  };
}

/** Signs in as the administrator that the first start made. @throws Error when no token is given */
export async function signIn(product: Product, dataDirectory: string, resource = 'vault'): Promise<string> {
  const administrator = readJson(join(dataDirectory, 'administrator.json')) as Record<string, string>;
  const { tenantId = '', clientId = '', clientSecret = '' } = administrator;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
    scope: `https://${resource}.localhost:${product.port}/.default`,
  });
  const answer = await sendRequest({
    port: product.port,
    hostname: 'login.localhost',
    authority: product.authority,
    method: 'POST',
    path: `/${tenantId}/oauth2/v2.0/token`,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  const token = answer.status === 200 ? (JSON.parse(answer.body) as { access_token?: string }).access_token : undefined;
  if (token === undefined) throw new Error(`sign-in was answered with status ${answer.status}`);
  return token;
}

/** Makes a premium vault whose keys the administrator may use. @returns its host name */
export async function makePremiumVault(product: Product, dataDirectory: string): Promise<string> {
  const { tenantId, subscriptionId } = readJson(join(dataDirectory, 'runtime.json')) as Record<string, string>;
  const token = await signIn(product, dataDirectory, 'management');
  const { oid } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { oid: string };
  const name = 'premium-vault';
  const accessPolicies = [{ tenantId, objectId: oid, permissions: { keys: ['create', 'sign'] } }];
  const properties = {
    tenantId,
    sku: { family: 'A', name: 'premium' },
    enableRbacAuthorization: false,
    accessPolicies,
  };
  const answer = await sendRequest({
    port: product.port,
    hostname: 'management.localhost',
    authority: product.authority,
    method: 'PUT',
    path: `/subscriptions/${subscriptionId}/resourceGroups/strongroom/providers/Microsoft.KeyVault/vaults/${name}?api-version=2023-07-01`,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ location: 'local', properties }),
  });
  if (answer.status >= 300) throw new Error(`a premium vault was answered with status ${answer.status}`);
  return `${name}.vault.localhost`;
}

/** Sends one authenticated request to the server's first vault. @throws Error when the status is not 200 */
export async function askVault(
  product: Product,
  token: string,
  path: string,
  put?: { readonly value: string },
): Promise<SingleAnswer> {
  const answer = await sendRequest({
    port: product.port,
    hostname: product.vaultHostname,
    authority: product.authority,
    method: put === undefined ? 'GET' : 'PUT',
    path,
    headers: {
      Accept: 'application/json',
      Authorization: `Bearer ${token}`,
      ...(put === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(put === undefined ? {} : { body: JSON.stringify(put) }),
  });
  if (answer.status !== 200) {
    throw new Error(`${put === undefined ? 'GET' : 'PUT'} ${path} was answered with status ${answer.status}`);
  }
  return answer;
}

/** Sends one authenticated POST of JSON to the server's first vault. @throws Error when the status is not 200 */
export async function postToVault(product: Product, token: string, path: string, body: unknown): Promise<unknown> {
  const answer = await sendRequest({
    port: product.port,
    hostname: product.vaultHostname,
    authority: product.authority,
    method: 'POST',
    path,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 200) throw new Error(`POST ${path} was answered with status ${answer.status}`);
  return JSON.parse(answer.body);
}

/** Host and token as the load generator needs them. */
export function frameFor(product: Product, token: string): RequestFrame {
  return { host: `${product.vaultHostname}:${product.port}`, token };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
