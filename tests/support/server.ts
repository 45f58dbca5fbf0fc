import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A started server, as tests use it: a process of its own, spoken to over TLS. */
export interface TestServer {
  readonly dataDir: string;
  readonly port: number;
  readonly imdsPort: number;
  readonly domain: string;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly administrator: { readonly tenantId: string; readonly clientId: string; readonly clientSecret: string };
  readonly machinePrincipalId: string;
  /** The virtual machine that the managed identity endpoint stands for. */
  readonly machineResourceId: string;
  /** Variables that official clients read, certificate trust included. */
  readonly env: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
  /** All that the process has printed. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** Stops it as an operator would, and removes its data unless told to keep it. @returns the exit code */
  stop(options?: { readonly keep?: boolean; readonly signal?: NodeJS.Signals }): Promise<number | null>;
}

/** How to start one. */
export interface ServerOptions {
  /** An existing data directory; a new one by default. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where its data is: what STRONGROOM_TEST_STORE says by default. */
  readonly store?: 'sqlite' | 'postgres';
  /** What has to be done before it answers, once it runs: bringing what opens its seal. */
  readonly meanwhile?: (dataDir: string) => Promise<void>;
}

const root = new URL('../..', import.meta.url).pathname;
const READY_MS = 20_000;

/** Starts a server on a free port and waits until it answers. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'strongroom-data-'));
  const store = options.store ?? process.env['STRONGROOM_TEST_STORE'];
  const args = options.args ?? [];
  const given = store === 'postgres' ? await postgresArguments(dataDir, args) : args;
  const command = ['bin/strongroom.mjs', 'start', '--data-dir', dataDir, '--port', '0', ...given];
  const child = spawn(process.execPath, command, { cwd: root, env: { ...process.env, ...options.env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const isReady = await Promise.race([
    Promise.resolve(options.meanwhile?.(dataDir)).then(() => waitUntilReady(dataDir, child)),
    ended.then(() => false),
  ]).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  if (!isReady) {
    child.kill('SIGKILL');
    throw new Error(`The server did not start.\n${output.stdout}\n${output.stderr}`);
  }
  const runtime = readJson(join(dataDir, 'runtime.json'));
  return {
    ...facts(dataDir, runtime),
    process: child,
    output: () => output,
    stop: async ({ keep = false, signal = 'SIGTERM' } = {}) => {
      child.kill(signal);
      const code = await ended;
      if (!keep) rmSync(dataDir, { recursive: true, force: true });
      return code;
    },
  };
}

/** The name of the configuration that {@link startServer} writes into a data directory whose store is on PostgreSQL. */
export const POSTGRES_CONFIG = 'test-config.json';

/**
 * Arguments by which the store is on a real PostgreSQL, in a database that belongs to the data directory: the configuration
 * given, if there is one, names it besides what it says.
 */
async function postgresArguments(dataDir: string, args: readonly string[]): Promise<readonly string[]> {
  const at = args.indexOf('--config');
  const settings = at < 0 ? {} : readJson(args[at + 1]!);
  if ('postgresUrlFile' in settings) return args;
  const postgresUrlFile = join(dataDir, 'test-postgres-url');
  if (!existsSync(postgresUrlFile)) {
    const { databaseUrl, freshDatabase } = await import('./postgres.ts');
    writeFileSync(postgresUrlFile, `${databaseUrl(await freshDatabase())}\n`, { mode: 0o600 });
  }
  const config = join(dataDir, POSTGRES_CONFIG);
  writeFileSync(config, JSON.stringify({ ...settings, postgresUrlFile }), { mode: 0o600 });
  return [...args.filter((_, index) => at < 0 || (index !== at && index !== at + 1)), '--config', config];
}

function facts(dataDir: string, runtime: Record<string, never>) {
  const file = join(dataDir, 'administrator.json');
  const administrator = existsSync(file) ? readJson(file) : { tenantId: '', clientId: '', clientSecret: '' };
  const { port, imdsPort, domain, tenantId, subscriptionId, machinePrincipalId, machineResourceId } =
    runtime as never as {
      port: number;
      imdsPort: number;
      domain: string;
      tenantId: string;
      subscriptionId: string;
      machinePrincipalId: string;
      machineResourceId: string;
    };
  const ca = join(dataDir, 'ca.pem');
  return {
    dataDir,
    port,
    imdsPort,
    domain,
    tenantId,
    subscriptionId,
    machinePrincipalId,
    machineResourceId,
    administrator: administrator as never as TestServer['administrator'],
    env: {
      AZURE_TENANT_ID: tenantId,
      AZURE_CLIENT_ID: (administrator as never as TestServer['administrator']).clientId,
      AZURE_CLIENT_SECRET: (administrator as never as TestServer['administrator']).clientSecret,
      AZURE_AUTHORITY_HOST: `https://login.${domain}:${port}`,
      AZURE_SUBSCRIPTION_ID: subscriptionId,
      AZURE_KEYVAULT_URL: `https://main-vault.vault.${domain}:${port}`,
      NODE_EXTRA_CA_CERTS: ca,
      REQUESTS_CA_BUNDLE: ca,
      SSL_CERT_FILE: ca,
      CURL_CA_BUNDLE: ca,
    },
  };
}

async function waitUntilReady(dataDir: string, child: ChildProcess): Promise<boolean> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    if (await answers(dataDir, child.pid!)) return true;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  return false;
}

async function answers(dataDir: string, pid: number): Promise<boolean> {
  const file = join(dataDir, 'runtime.json');
  if (!existsSync(file)) return false;
  const runtime = readJson(file) as { pid?: number; port?: number; domain?: string };
  if (runtime.pid !== pid) return false;
  return new Promise((resolve) => {
    const host = `management.${runtime.domain}`;
    request(
      {
        host: '127.0.0.1',
        port: runtime.port,
        path: '/metadata/health',
        servername: host,
        ca: readFileSync(join(dataDir, 'ca.pem')),
        headers: { host: `${host}:${runtime.port}` },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    )
      .on('error', () => resolve(false))
      .end();
  });
}

function readJson(path: string): Record<string, never> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, never>;
}
