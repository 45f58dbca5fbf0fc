import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { startRecordedServer } from '../support/recorded-server.ts';
import type { TestServer } from '../support/server.ts';
import { selfSignedCertificate } from './javascript/certificate.ts';

/** How a client signs in. Each way is an identity of its own, which may read one secret and nothing else. */
export type Way =
  | 'secret'
  | 'secret by the default credential'
  | 'certificate'
  | 'workload token'
  | 'managed identity of App Service'
  | 'identity of the application itself'
  | 'managed identity of a virtual machine'
  | 'identity of the machine itself';

/** Every way, with the kind of credential that the client is told to make (`SUITE_CREDENTIAL`). */
export const ways: Readonly<Record<Way, string>> = {
  secret: 'secret',
  'secret by the default credential': 'default',
  certificate: 'certificate',
  'workload token': 'workload',
  'managed identity of App Service': 'managed-identity',
  'identity of the application itself': 'machine-identity',
  'managed identity of a virtual machine': 'managed-identity',
  'identity of the machine itself': 'machine-identity',
};

/** A started server, and for each way an identity, its variables and a secret that it alone may read. */
export interface ReadingServer {
  readonly server: TestServer;
  /** What a client of a way finds in its environment; nothing of another way. */
  environment(way: Way): Readonly<Record<string, string>>;
  /** The value of the secret that `environment(way)` names. */
  value(way: Way): string;
  /** The name of the secret of a way. */
  secretName(way: Way): string;
  close(): Promise<void>;
}

/** How a client's process ended. */
export interface ClientRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a client to its end with exactly these variables, feeding it `input`; killed after a minute. */
export function runClient(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<ClientRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, timeout: 60_000, killSignal: 'SIGKILL' });
    const text = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
    child.on('error', reject);
    child.stdin.end(input);
    child.on('close', (code) => resolve({ code, ...text }));
  });
}

const group = 'strongroom';
const vault = 'main-vault';
const secretsUser = '4633458b-17de-408a-b874-0445c86b69e6';

/** How to start the server. */
export interface ReadingServerOptions {
  /** Settings of its configuration. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
}

/** Starts a server and prepares every way. */
export async function openReadingServer(options: ReadingServerOptions = {}): Promise<ReadingServer> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-client-'));
  const issuer = await makeIssuer(folder);
  const config = join(folder, 'strongroom.json');
  writeFileSync(config, JSON.stringify({ ...options.settings, trustedIssuers: [issuer.setting] }));
  const server = await startRecordedServer({ args: ['--config', config, ...(options.args ?? [])] });
  try {
    const planes = await signIn(server, issuer);
    const prepared = new Map<Way, { environment: Record<string, string>; secretName: string; value: string }>();
    for (const way of Object.keys(ways) as Way[]) {
      const identity = await makeIdentity(planes, way, folder);
      const secretName = `for-${way.replaceAll(' ', '-')}`.toLowerCase();
      const value = randomUUID();
      await planes.data('PUT', `/secrets/${secretName}?api-version=7.4`, { value });
      await planes.grant(identity.principalId, secretName);
      const common = { AZURE_KEYVAULT_URL: server.env['AZURE_KEYVAULT_URL']!, SUITE_CREDENTIAL: ways[way] };
      prepared.set(way, {
        environment: { ...common, SUITE_SECRET: secretName, ...identity.environment },
        ...{ secretName, value },
      });
    }
    return {
      server,
      environment: (way) => prepared.get(way)!.environment,
      value: (way) => prepared.get(way)!.value,
      secretName: (way) => prepared.get(way)!.secretName,
      close: async () => {
        rmSync(folder, { recursive: true, force: true });
        await server.stop();
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    await server.stop();
    throw error;
  }
}

interface Planes {
  readonly server: TestServer;
  readonly issuer: Issuer;
  graph(method: string, path: string, body: unknown): Promise<Reply>;
  management(method: string, path: string, body: unknown): Promise<Reply>;
  data(method: string, path: string, body: unknown): Promise<Reply>;
  /** Lets a principal read one secret. */
  grant(principalId: string, secretName: string): Promise<void>;
}

async function signIn(server: TestServer, issuer: Issuer): Promise<Planes> {
  const send = async (ask: Ask): Promise<Reply> => {
    const reply = await call(server, ask);
    assert.ok(reply.status < 300, `${ask.method} ${ask.path}: ${reply.status} ${reply.text}`);
    return reply;
  };
  const speaker = async (host: string, resource: string) => {
    const token = await getToken(server, resource);
    return (method: string, path: string, body: unknown) => send({ host, token, method, path, body });
  };
  const management = await speaker('management', resources.management);
  const vaultScope = `/subscriptions/${server.subscriptionId}/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${vault}`;
  const roleDefinitionId = `/subscriptions/${server.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${secretsUser}`;
  return {
    server,
    issuer,
    management,
    graph: await speaker('graph', resources.graph),
    data: await speaker(`${vault}.vault`, resources.data),
    grant: async (principalId, secretName) => {
      const path = `${vaultScope}/secrets/${secretName}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`;
      const properties = { roleDefinitionId, principalId, principalType: 'ServicePrincipal' };
      await management('PUT', `${path}?api-version=2022-04-01`, { properties });
    },
  };
}

interface PreparedIdentity {
  readonly principalId: string;
  readonly environment: Readonly<Record<string, string>>;
}

async function makeIdentity(planes: Planes, way: Way, folder: string): Promise<PreparedIdentity> {
  const { server } = planes;
  const machine = { AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://127.0.0.1:${server.imdsPort}` };
  switch (way) {
    case 'secret':
    case 'secret by the default credential':
      return makeSecret(planes, way);
    case 'certificate':
      return makeCertificate(planes, folder);
    case 'workload token':
      return makeWorkload(planes, folder);
    case 'managed identity of a virtual machine': {
      const { principalId, clientId } = await makeManagedIdentity(planes, 'on-machine', server.machineResourceId);
      return { principalId, environment: { ...machine, AZURE_CLIENT_ID: clientId } };
    }
    case 'managed identity of App Service': {
      const site = await makeSite(planes, 'reader');
      const { principalId, clientId } = await makeManagedIdentity(planes, 'on-service', site.id);
      return { principalId, environment: { ...site.environment, AZURE_CLIENT_ID: clientId } };
    }
    case 'identity of the application itself':
      return makeSite(planes, 'lone-reader');
    case 'identity of the machine itself':
      return { principalId: server.machinePrincipalId, environment: machine };
  }
}

interface Application {
  readonly id: string;
  readonly principalId: string;
  readonly environment: Readonly<Record<string, string>>;
}

async function makeApplication({ server, graph }: Planes, displayName: string): Promise<Application> {
  const { appId, id } = (await graph('POST', '/v1.0/applications', { displayName })).body;
  const principal = (await graph('POST', '/v1.0/servicePrincipals', { appId, accountEnabled: true })).body;
  const environment = {
    AZURE_AUTHORITY_HOST: server.env['AZURE_AUTHORITY_HOST']!,
    AZURE_TENANT_ID: server.tenantId,
    AZURE_CLIENT_ID: appId as string,
  };
  return { id, principalId: principal.id, environment };
}

async function makeSecret(planes: Planes, name: string): Promise<PreparedIdentity> {
  const { id, principalId, environment } = await makeApplication(planes, name);
  const path = `/v1.0/applications/${id}/addPassword`;
  const { secretText } = (await planes.graph('POST', path, { passwordCredential: {} })).body;
  return { principalId, environment: { ...environment, AZURE_CLIENT_SECRET: secretText } };
}

async function makeCertificate(planes: Planes, folder: string): Promise<PreparedIdentity> {
  const { id, principalId, environment } = await makeApplication(planes, 'certificate');
  const { der, pem } = await selfSignedCertificate('client');
  const key = { type: 'AsymmetricX509Cert', usage: 'Verify', key: der.toString('base64') };
  await planes.graph('PATCH', `/v1.0/applications/${id}`, { keyCredentials: [key] });
  const file = join(folder, 'client.pem');
  writeFileSync(file, pem, { mode: 0o600 });
  return { principalId, environment: { ...environment, AZURE_CLIENT_CERTIFICATE_PATH: file } };
}

/** A workload whose platform gives it a token of its own, as a Kubernetes cluster does. */
async function makeWorkload(planes: Planes, folder: string): Promise<PreparedIdentity> {
  const { id, principalId, environment } = await makeApplication(planes, 'workload');
  const subject = 'system:serviceaccount:apps:reader';
  await planes.graph('POST', `/v1.0/applications/${id}/federatedIdentityCredentials`, {
    name: 'cluster',
    issuer: planes.issuer.setting.issuer,
    subject,
    audiences: [AUDIENCE],
  });
  const file = join(folder, 'token');
  writeFileSync(file, await planes.issuer.tokenFor(subject), { mode: 0o600 });
  return { principalId, environment: { ...environment, AZURE_FEDERATED_TOKEN_FILE: file } };
}

/** What every library asks a workload's platform to name as the token's audience. */
const AUDIENCE = 'api://AzureADTokenExchange';

interface Issuer {
  /** Its entry in the server's configuration. */
  readonly setting: { readonly issuer: string; readonly jwksFile: string };
  tokenFor(subject: string): Promise<string>;
}

async function makeIssuer(folder: string): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const header = { alg: 'RS256', kid: 'cluster-1' };
  const jwksFile = join(folder, 'jwks.json');
  writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), ...header, use: 'sig' }] }));
  const issuer = 'https://cluster.example.test';
  const tokenFor = (subject: string): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader(header)
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime('10 minutes')
      .sign(privateKey);
  return { setting: { issuer, jwksFile }, tokenFor };
}

/** A user-assigned identity that is assigned to a registered machine or application. */
async function makeManagedIdentity(
  { server, management }: Planes,
  name: string,
  hostId: string,
): Promise<{ principalId: string; clientId: string }> {
  const scope = `/subscriptions/${server.subscriptionId}/resourceGroups/${group}`;
  const id = `${scope}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  const { body } = await management('PUT', `${id}?api-version=2023-01-31`, { location: 'local' });
  const identity = { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [id]: {} } };
  await management('PATCH', `${hostId}?${HOSTS}`, { identity });
  return body.properties;
}

/** A registered application with an identity of its own, and what its processes read. */
async function makeSite(
  { server, management }: Planes,
  name: string,
): Promise<PreparedIdentity & { readonly id: string }> {
  const id = `/subscriptions/${server.subscriptionId}/resourceGroups/${group}/providers/Microsoft.Web/sites/${name}`;
  const site = { location: 'local', identity: { type: 'SystemAssigned' } };
  const { principalId } = (await management('PUT', `${id}?${HOSTS}`, site)).body.identity;
  const { identityHeader } = (await management('POST', `${id}/listIdentitySecret?${HOSTS}`, undefined)).body;
  const endpoint = `http://127.0.0.1:${server.imdsPort}/msi/token`;
  return { id, principalId, environment: { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: identityHeader } };
}

const HOSTS = 'api-version=2024-07-01';
