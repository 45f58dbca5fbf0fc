import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RecordedExchange } from '../support/recording-proxy.ts';
import { Contract, type Verdict } from './openapi.ts';
import { apiVersionOf, planeOf } from './replay.ts';

/**
 * Every answer that the official clients got in a compatibility run is held against the contract. Where STRONGROOM_EXCHANGES
 * names the folder of such a run, that one is judged; otherwise the JavaScript clients are run first.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const given = process.env['STRONGROOM_EXCHANGES'];
const contract = new Contract();
let folder: string;
let judged: readonly { exchange: RecordedExchange; verdict: Verdict }[];

before(async () => {
  folder = given ?? mkdtempSync(join(tmpdir(), 'strongroom-exchanges-'));
  if (!given) await runJavaScript(folder);
  judged = readExchanges(folder).flatMap((exchange) => {
    const plane = planeOf(exchange.host);
    if (!plane) return [];
    const { method, url, status, headers, body } = exchange;
    const verdict = contract.judge({ plane, method, path: url, apiVersion: apiVersionOf(url), status, headers, body });
    return [{ exchange, verdict }];
  });
});

after(() => {
  if (!given) rmSync(folder, { recursive: true, force: true });
});

function runJavaScript(exchanges: string): Promise<void> {
  const installed = join(root, 'tests/compat/javascript/node_modules');
  assert.ok(existsSync(installed), 'the JavaScript clients are missing: npm ci --prefix tests/compat/javascript');
  const files = globSync('tests/compat/javascript/*.test.ts', { cwd: root });
  // Set by the runner for the file it runs: with it, the inner run would report to the outer one and print nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--test', '--test-concurrency=1', ...files], {
      cwd: root,
      env: { ...env, STRONGROOM_EXCHANGES: exchanges },
    });
    let report = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      report += text;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`The clients' own tests failed.\n${report}`)),
    );
  });
}

function readExchanges(from: string): readonly RecordedExchange[] {
  return globSync('*.jsonl', { cwd: from }).flatMap((file) =>
    readFileSync(join(from, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RecordedExchange),
  );
}

/** Operations of the management plane that the contract's files do not describe (other providers, resource groups). */
const undescribed = [
  /^\/+metadata\/(endpoints|health)$/,
  /^\/+(tenants|subscriptions)$/,
  /^\/+subscriptions\/[^/]+$/,
  /^\/+subscriptions\/[^/]+\/(locations|resources|resourcegroups|providers)$/,
  /^\/+subscriptions\/[^/]+\/providers\/[^/]+(\/register)?$/,
  /^\/+subscriptions\/[^/]+\/resourcegroups\/[^/]+(\/resources)?$/,
  /^\/+subscriptions\/[^/]+(\/resourcegroups\/[^/]+)?\/providers\/microsoft\.managedidentity\/userassignedidentities(\/[^/]+)?$/,
  /\/userassignedidentities\/[^/]+\/(listassociatedresources|federatedidentitycredentials(\/[^/]+)?)$/,
  /^\/+subscriptions\/[^/]+\/providers\/microsoft\.keyvault\/locations\/[^/]+\/operationresults\/[^/]+$/,
  // The service publishes how denials are read; here they are also made and removed.
  /^\/+subscriptions\/.+\/providers\/microsoft\.authorization\/denyassignments\/[^/]+$/,
  // Locks, and the machines and application hosts that identities belong to: their files are not among those held here.
  /^\/+subscriptions\/.+\/providers\/microsoft\.authorization\/locks(\/[^/]+)?$/,
  /^\/+subscriptions\/.+\/providers\/microsoft\.compute\/+virtualmachines(\/[^/]+)?$/,
  /^\/+subscriptions\/.+\/providers\/microsoft\.web\/+sites(\/[^/]+)?$/,
  /^\/+subscriptions\/.+\/providers\/microsoft\.resources\/tags\/default$/,
  // Our own: the secrets by which these ask for their identities' tokens.
  /\/(virtualmachines|sites)\/[^/]+\/(list|regenerate)identitysecret$/,
  // The activity log: its file is not among those held here.
  /^\/+subscriptions\/[^/]+\/providers\/microsoft\.insights\/eventtypes\/management\/values$/,
  /^\/+providers\/microsoft\.insights\/eventcategories$/,
  // Our own: the clock that only a development server moves.
  /^\/+subscriptions\/[^/]+\/providers\/strongroom\.development\/clock$/,
];

/** The list of all resources has the path of the published list of vaults, and more members where `$expand` asks for them. */
const isExpandedList = ({ url }: RecordedExchange): boolean => /\/resources\?.*(\$|%24)expand=/i.test(url);

const line = ({ method, url, status }: RecordedExchange): string => `${method} ${url} ${status}`;

describe('the answers of a compatibility run', () => {
  it('are many, of every operation that the release has', () => {
    const seen = new Set(judged.map(({ verdict }) => verdict.operation));
    const expected = [
      ...['SetSecret', 'GetSecret', 'UpdateSecret', 'DeleteSecret', 'GetSecrets', 'GetSecretVersions', 'BackupSecret'],
      ...['RestoreSecret', 'GetDeletedSecrets', 'GetDeletedSecret', 'RecoverDeletedSecret', 'PurgeDeletedSecret'],
      ...['Vaults_CreateOrUpdate', 'Vaults_Get', 'Vaults_Delete', 'Vaults_ListDeleted', 'Vaults_GetDeleted'],
      ...['Vaults_PurgeDeleted', 'RoleAssignments_Create', 'RoleAssignments_Delete', 'RoleDefinitions_List'],
    ];
    assert.ok(judged.length > 200, `${judged.length} exchanges`);
    assert.deepEqual(
      expected.filter((operation) => !seen.has(operation)),
      [],
    );
  });

  it('are as the OpenAPI files demand', () => {
    const faults = judged
      .filter(({ exchange, verdict }) => verdict.problems.length > 0 && !isExpandedList(exchange))
      .map(({ exchange, verdict }) => `${line(exchange)}: ${verdict.problems.join('; ')}`);
    assert.deepEqual(faults, []);
  });

  it('belong to operations of the files, or to those known to be outside them', () => {
    const strangers = judged.filter(({ exchange, verdict }) => {
      const path = (exchange.url.split('?')[0] ?? '').toLowerCase();
      return verdict.operation === null && exchange.status < 400 && !undescribed.some((known) => known.test(path));
    });
    assert.deepEqual(
      strangers.map(({ exchange }) => line(exchange)),
      [],
    );
  });

  it('are never a fault of the server', () => {
    const faults = judged.filter(({ exchange }) => exchange.status >= 500 && exchange.status !== 501);
    assert.deepEqual(
      faults.map(({ exchange }) => line(exchange)),
      [],
    );
  });

  it('say where to sign in whenever they want a token, and carry the headers of the service', () => {
    for (const { exchange } of judged) {
      const { headers, status } = exchange;
      if (status === 401) assert.match(headers['www-authenticate'] ?? '', /^Bearer authorization="https:\/\/login\./);
      assert.match(String(headers['x-ms-request-id']), /^[0-9a-f-]{36}$/, line(exchange));
      assert.equal(headers['cache-control'], 'no-cache', line(exchange));
      assert.equal(headers['x-content-type-options'], 'nosniff', line(exchange));
      assert.ok(headers['strict-transport-security'], line(exchange));
      if (planeOf(exchange.host) !== 'data') continue;
      assert.ok(headers['x-ms-keyvault-region'] && headers['x-ms-keyvault-service-version'], line(exchange));
      assert.match(headers['x-ms-keyvault-network-info'] as string, /^conn_type=Ipv[46];addr=.+;act_addr_fam=\w+;$/);
    }
  });

  it('name the host and port that the caller used in every id and link', () => {
    for (const { exchange } of judged) {
      if (planeOf(exchange.host) !== 'data' || exchange.status >= 400) continue;
      // The id of an issuer's organization is the authority's, not ours.
      const text = JSON.stringify(exchange.body).replace(/"org_details":\{"id":"[^"]*"/g, '"org_details":{');
      for (const [, id] of text.matchAll(/"(?:id|kid|sid|recoveryId|nextLink)":"([^"]+)"/g)) {
        assert.equal(new URL(id ?? '').host, exchange.host, line(exchange));
      }
    }
  });
});
