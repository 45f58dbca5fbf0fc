import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../src/tls/local-ca.ts';
import { serverNames } from '../../src/tls/server-names.ts';
import { type RecordingProxy, startRecordingProxy } from '../support/recording-proxy.ts';

let folder: string;
let upstream: Server;
let proxy: RecordingProxy;

/** An upstream that answers what it was asked. */
async function startEcho(caFile: string): Promise<Server> {
  const now = Date.now();
  const authority = await createAuthority({ now, commonName: 'upstream' });
  const names = serverNames('localhost').dnsNames;
  const { certificatePem, privateKeyPem } = await issueServerCertificate({
    authority,
    names,
    ipAddresses: [],
    now,
    lifetimeDays: 1,
  });
  writeFileSync(caFile, authority.certificatePem);
  const server = createServer({ cert: certificatePem, key: privateKeyPem }, (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method, url, headers } = incoming;
      const told = {
        method,
        url,
        host: headers.host,
        token: headers.authorization,
        body: String(Buffer.concat(chunks)),
      };
      outgoing.writeHead(url?.includes('missing') ? 404 : 200, { 'content-type': 'application/json', 'x-told': 'yes' });
      outgoing.end(method === 'DELETE' ? undefined : JSON.stringify(told));
    });
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return server;
}

function ask(host: string, path: string, method = 'GET', body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port: proxy.port,
      servername: host,
      ca: readFileSync(proxy.caFile),
      path,
      method,
      headers: { host: `${host}:${proxy.port}`, authorization: 'Bearer of.a.token' },
    });
    outgoing.on('error', reject).on('response', (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
    });
    outgoing.end(body);
  });
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'strongroom-proxy-test-'));
  upstream = await startEcho(join(folder, 'ca.pem'));
  const { port } = upstream.address() as AddressInfo;
  const target = { port, domain: 'localhost', caFile: join(folder, 'ca.pem') };
  proxy = await startRecordingProxy(target, { file: join(folder, 'exchanges.jsonl') });
});

after(() => {
  upstream.closeAllConnections();
  upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the recording proxy', () => {
  it('passes method, path, query, host and body on as they came, and the answer back', async () => {
    const { status, text } = await ask('v.vault.localhost', '//secrets/a/?api%2Dversion=7.4', 'PUT', '{"value":"x"}');
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(text), {
      method: 'PUT',
      url: '//secrets/a/?api%2Dversion=7.4',
      host: `v.vault.localhost:${proxy.port}`,
      token: 'Bearer of.a.token',
      body: '{"value":"x"}',
    });
  });

  it('records what was answered, and that there was a token, but not the token', async () => {
    await ask('management.localhost', '/missing');
    await ask('management.localhost', '/gone', 'DELETE');
    const [first, missing, gone] = proxy.exchanges;
    assert.deepEqual(
      [first?.url, first?.hasRequestBody, first?.isAuthorized],
      ['//secrets/a/?api%2Dversion=7.4', true, true],
    );
    assert.equal(first?.headers['x-told'], 'yes');
    assert.deepEqual([missing?.status, missing?.hasRequestBody], [404, false]);
    assert.equal((missing!.body as { url: string }).url, '/missing');
    assert.deepEqual([gone?.method, gone?.body], ['DELETE', null]);
  });

  it('withholds the answers of the hosts that hand out tokens and client secrets', async () => {
    for (const host of ['login.localhost', 'graph.localhost']) {
      assert.match((await ask(host, '/t/oauth2/v2.0/token', 'POST', 'x=y')).text, /oauth2/);
      assert.equal(proxy.exchanges.at(-1)?.body, null);
    }
  });

  it('leaves the exchanges in a file of its owner alone, without any token of a request line or header', async () => {
    const count = proxy.exchanges.length;
    await proxy.stop();
    const file = join(folder, 'exchanges.jsonl');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    assert.equal(lines.length, count);
    for (const line of lines) assert.ok(!('authorization' in JSON.parse(line).headers));
  });
});
