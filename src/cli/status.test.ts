import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createAuthority, type IssuedCertificate, issueServerCertificate } from '../tls/local-ca.ts';
import { serverNames } from '../tls/server-names.ts';
import { CommandError } from './command.ts';
import { requestLocally } from './local-https.ts';
import { command } from './status.ts';

const healthy = {
  status: 'ok',
  version: '9.9.9',
  seal: { kind: 'key-file', state: 'unsealed' },
  store: { kind: 'sqlite' },
};

describe('strongroom status', () => {
  let dataDir: string;
  let authority: IssuedCertificate;
  let server: Server;
  let port: number;
  let answer: { status: number; body: string };
  let seen: { method?: string | undefined; url?: string | undefined; host?: string | undefined };

  before(async () => {
    const now = Date.now();
    const names = serverNames('localhost');
    authority = await createAuthority({ now, commonName: 'Own' });
    const dnsNames = [...names.dnsNames, ...serverNames('corp.example').dnsNames];
    const order = { authority, names: dnsNames, ipAddresses: names.ipAddresses, now, lifetimeDays: 1 };
    const issued = await issueServerCertificate(order);
    server = createServer({ key: issued.privateKeyPem, cert: issued.certificatePem }, (request, response) => {
      seen = { method: request.method, url: request.url, host: request.headers.host };
      if (request.url === '/silence') return;
      if (request.url === '/endless') {
        response.write('x');
        return;
      }
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
    server.on('tlsClientError', () => {});
    await once(server.listen(0, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
    dataDir = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(dataDir, { recursive: true });
  });

  beforeEach(() => {
    answer = { status: 200, body: JSON.stringify(healthy) };
    writeFileSync(join(dataDir, 'ca.pem'), authority.certificatePem);
    describeServer({});
  });

  const describeServer = (more: object): void =>
    writeFileSync(
      join(dataDir, 'runtime.json'),
      JSON.stringify({
        pid: process.pid,
        version: '1.2.3',
        port,
        domain: 'localhost',
        startedAt: 'now',
        vaults: ['main-vault', 'second'],
        tenantId: 't',
        subscriptionId: 's',
        ...more,
      }),
    );

  async function run(values: Record<string, string> = {}): Promise<{ code: number; text: string }> {
    const lines: string[] = [];
    const io = { stdout: (line: string) => lines.push(line), stderr() {}, env: {} };
    const code = await command.run({ values: { 'data-dir': dataDir, ...values }, positionals: [] }, io);
    return { code, text: lines.join('\n') };
  }

  it('is 0 for a healthy server, with version, data directory, vaults, seal and store', async () => {
    const { code, text } = await run();
    assert.equal(code, 0);
    assert.match(text, /^Strongroom 9\.9\.9 is up\.$/m);
    for (const fact of [dataDir, 'main-vault, second', 'key-file, unsealed', 'sqlite']) assert.ok(text.includes(fact));
    assert.deepEqual(seen, { method: 'GET', url: '/metadata/health', host: `management.localhost:${port}` });
  });

  it('reaches a server of another domain on this machine, whatever that name resolves to', async () => {
    describeServer({ domain: 'corp.example' });
    assert.equal((await run()).code, 0);
    assert.equal(seen.host, `management.corp.example:${port}`);
  });

  it('is 4 for a server that is sealed, fails, or answers something else', async () => {
    for (const [status, body, pattern] of [
      [200, JSON.stringify({ ...healthy, status: 'sealed' }), /running, but sealed/],
      [503, JSON.stringify(healthy), /answered 503/],
      [200, 'not JSON', /answered 200/],
      [200, '[]', /answered 200/],
      [200, '{"status":1}', /answered 200/],
    ] as const) {
      answer = { status, body };
      const { code, text } = await run();
      assert.equal(code, 4, body);
      assert.match(text, pattern);
    }
  });

  it('is 4 where the certificate is not by this data directory’s authority', async () => {
    const stranger = await createAuthority({ now: Date.now(), commonName: 'Own' });
    writeFileSync(join(dataDir, 'ca.pem'), stranger.certificatePem);
    const { code, text } = await run();
    assert.equal(code, 4);
    assert.match(text, /does not answer as this server would/);
  });

  it('is 3 where no server runs, or one was killed', async () => {
    rmSync(join(dataDir, 'runtime.json'));
    assert.equal((await run()).code, 3);
    const closed = createServer();
    await once(closed.listen(0, '127.0.0.1'), 'listening');
    const free = (closed.address() as AddressInfo).port;
    closed.close();
    await once(closed, 'close');
    describeServer({ port: free, pid: 2 ** 31 - 1 });
    const { code, text } = await run();
    assert.equal(code, 3);
    assert.match(text, /ended without taking its runtime\.json away/);
  });

  it('waits until the server is up', async () => {
    rmSync(join(dataDir, 'runtime.json'));
    answer = { status: 503, body: '' };
    const waiting = run({ wait: '30' });
    describeServer({});
    // The first look came before this file; once it has led to a failing answer, the server recovers.
    server.once('request', () => {
      answer = { status: 200, body: JSON.stringify(healthy) };
    });
    assert.equal((await waiting).code, 0);
  });

  it('gives up at the end of the wait with what it saw last', async () => {
    answer = { status: 503, body: '' };
    assert.equal((await run({ wait: '0.3' })).code, 4);
  });

  it('refuses a wait that is no number of seconds', async () => {
    for (const wait of ['', 'x', '-1', '1e3', 'Infinity', '86401']) {
      await assert.rejects(run({ wait }), (error) => error instanceof CommandError && error.exitCode === 2, wait);
    }
  });

  it('lets no control characters of an answer reach the terminal', async () => {
    answer.body = JSON.stringify({ ...healthy, version: '1\u001b[2J\n2' });
    assert.match((await run()).text, /^Strongroom 1\[2J2 is up\.$/m);
  });

  describe('requests to the server on this machine', () => {
    const request = (path: string, timeoutMs: number) =>
      requestLocally({ host: 'x.vault.localhost', port, path, authorityPem: authority.certificatePem, timeoutMs });

    it('end at their deadline, before and during the answer', async () => {
      for (const path of ['/silence', '/endless']) {
        const started = performance.now();
        await assert.rejects(request(path, 300), { name: 'TimeoutError' }, path);
        assert.ok(performance.now() - started < 2000, path);
      }
    });

    it('carry method, headers and body, and return every status', async () => {
      answer = { status: 418, body: 'é' };
      const got = await requestLocally({
        host: 'login.localhost',
        port,
        path: '/a?b=c',
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body: 'text',
        authorityPem: authority.certificatePem,
        timeoutMs: 5000,
      });
      assert.equal(got.status, 418);
      assert.equal(got.body, 'é');
      assert.equal(got.headers['content-type'], 'application/json');
      assert.deepEqual(seen, { method: 'POST', url: '/a?b=c', host: `login.localhost:${port}` });
    });

    it('trust the given authority alone', async () => {
      const other = await createAuthority({ now: Date.now(), commonName: 'Other' });
      const order = { host: 'login.localhost', port, path: '/', timeoutMs: 5000 };
      await assert.rejects(requestLocally({ ...order, authorityPem: other.certificatePem }));
      await assert.rejects(requestLocally({ ...order, authorityPem: null }));
    });
  });
});
