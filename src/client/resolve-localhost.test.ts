import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, it } from 'node:test';
import { createAuthority, issueServerCertificate } from '../tls/local-ca.ts';

/** Stands for a machine whose resolver knows no name at all: whatever reaches it, other than an address, fails. */
const NO_RESOLVER = `
  import dns from 'node:dns';
  import { syncBuiltinESMExports } from 'node:module';
  import { isIP } from 'node:net';
  const unknown = (name) => Object.assign(new Error('asked the system for ' + name), { code: 'ENOTFOUND' });
  const { lookup } = dns;
  dns.lookup = (name, options, callback) =>
    isIP(name) ? lookup(name, options, callback) : process.nextTick(callback ?? options, unknown(name));
  dns.promises.lookup = async (name) => { throw unknown(name); };
  syncBuiltinESMExports();
`;

/** Runs in a child process of its own, since the preload changes the process it is loaded into. */
const PROGRAM = `
  import dns, { lookup } from 'node:dns';
  import { lookup as promised } from 'node:dns/promises';
  import { once } from 'node:events';
  import http from 'node:http';
  import https from 'node:https';
  import net from 'node:net';
  import { text } from 'node:stream/consumers';
  import { promisify } from 'node:util';
  import { Worker } from 'node:worker_threads';

  const given = JSON.parse(await text(process.stdin));
  const secure = https.createServer({ key: given.key, cert: given.cert }, (request, response) => response.end('secure'));
  const plain = http.createServer((request, response) => response.end('plain'));
  const six = net.createServer((socket) => socket.end('six'));
  await once(secure.listen(0, '127.0.0.1'), 'listening');
  await once(plain.listen(0, '127.0.0.1'), 'listening');
  await once(six.listen(0, '::1'), 'listening');
  const host = 'x.vault.localhost';
  const out = {};
  const attempt = async (name, work) => {
    out[name] = await work().catch((error) => 'failed: ' + (error.cause ?? error).message);
  };
  const byCallback = (name, ...options) => new Promise((resolve) =>
    lookup(name, ...options, (error, ...result) => resolve(error ? error.code : result)));
  const read = (module, options) => new Promise((resolve, reject) =>
    module.get(options, (response) => resolve(text(response))).on('error', reject));
  const dial = (options) => new Promise((resolve, reject) => {
    const socket = net.connect(options).on('error', reject);
    resolve(text(socket));
  });

  await attempt('no options', () => byCallback(host));
  await attempt('number', () => byCallback(host, 6));
  await attempt('family name', () => byCallback(host, { family: 'IPv6' }));
  await attempt('all', () => byCallback(host, { all: true }));
  await attempt('all, family 4', () => byCallback(host, { all: true, family: 4 }));
  await attempt('ipv6first', () => byCallback(host, { all: true, order: 'ipv6first' }));
  await attempt('order wins over verbatim', () => byCallback(host, { order: 'ipv6first', verbatim: false }));
  await attempt('promise', () => promised(host));
  await attempt('promise, all', () => dns.promises.lookup('LOCALHOST.', { all: true }));
  await attempt('promisify', () => promisify(dns.lookup)(host, { family: 6 }));
  await attempt('other name', () => byCallback('vault.example'));
  await attempt('other name, promise', () => promised('localhost.example'));
  await attempt('callback is asynchronous', async () => {
    let during = true;
    const late = await new Promise((resolve) => { lookup(host, () => resolve(!during)); during = false; });
    return late;
  });
  await attempt('order of the process', async () => {
    const before = dns.getDefaultResultOrder();
    dns.setDefaultResultOrder('ipv6first');
    const found = await byCallback(host);
    dns.setDefaultResultOrder(before);
    return found;
  });
  await attempt('http.get', () => read(http, { host, port: plain.address().port }));
  await attempt('https.get', () => read(https, { host, port: secure.address().port, ca: given.ca }));
  await attempt('fetch', () => fetch('http://' + host + ':' + plain.address().port).then((r) => r.text()));
  await attempt('fetch over TLS', () => fetch('https://' + host + ':' + secure.address().port).then((r) => r.text()));
  await attempt('net on IPv6', () => dial({ host, port: six.address().port, family: 6 }));
  await attempt('net falls back to the second address', () => dial({ host, port: six.address().port }));
  await attempt('fetch in a worker', async () => {
    const source = "import { parentPort, workerData } from 'node:worker_threads';" +
      "fetch(workerData).then((r) => r.text()).then((t) => parentPort.postMessage(t), (e) => parentPort.postMessage(String(e.cause)));";
    const worker = new Worker(source, { eval: true, workerData: 'http://' + host + ':' + plain.address().port });
    const [answer] = await once(worker, 'message');
    return answer;
  });
  process.stdout.write(JSON.stringify(out), () => process.exit(0));
`;

const module = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

async function runProgram(preloads: readonly string[]): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
  try {
    const now = Date.now();
    const authority = await createAuthority({ now, commonName: 'Test authority' });
    const order = { authority, names: ['*.vault.localhost'], ipAddresses: [], now, lifetimeDays: 1 };
    const server = await issueServerCertificate(order);
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, authority.certificatePem);
    const options = preloads.flatMap((preload) => ['--import', preload]);
    const child = spawn(process.execPath, [...options, '--input-type=module', '--eval', PROGRAM], {
      env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: ca },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end(
      JSON.stringify({ key: server.privateKeyPem, cert: server.certificatePem, ca: authority.certificatePem }),
    );
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    assert.equal(code, 0);
    return JSON.parse(output) as Record<string, unknown>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the localhost preload', () => {
  const preload = new URL('resolve-localhost.ts', import.meta.url).href;
  const four = { address: '127.0.0.1', family: 4 };
  const six = { address: '::1', family: 6 };
  let results: Record<string, unknown>;

  before(async () => {
    results = await runProgram([module(NO_RESOLVER), preload, `${preload}?again`]);
  });

  it('answers every form of dns.lookup without asking the system', () => {
    assert.deepEqual(results['no options'], ['127.0.0.1', 4]);
    assert.deepEqual(results['number'], ['::1', 6]);
    assert.deepEqual(results['family name'], ['::1', 6]);
    assert.deepEqual(results['all'], [[four, six]]);
    assert.deepEqual(results['all, family 4'], [[four]]);
    assert.deepEqual(results['ipv6first'], [[six, four]]);
    assert.deepEqual(results['order wins over verbatim'], ['::1', 6]);
    assert.deepEqual(results['order of the process'], ['::1', 6]);
    assert.equal(results['callback is asynchronous'], true);
  });

  it('answers promises, and dns.lookup made into one', () => {
    assert.deepEqual(results['promise'], four);
    assert.deepEqual(results['promise, all'], [four, six]);
    assert.deepEqual(results['promisify'], six);
  });

  it('leaves every other name to the system', () => {
    assert.equal(results['other name'], 'ENOTFOUND');
    assert.equal(results['other name, promise'], 'failed: asked the system for localhost.example');
  });

  it('carries http, https, fetch and plain sockets, also in worker threads', () => {
    assert.equal(results['http.get'], 'plain');
    assert.equal(results['https.get'], 'secure');
    assert.equal(results['fetch'], 'plain');
    assert.equal(results['fetch over TLS'], 'secure');
    assert.equal(results['net on IPv6'], 'six');
    assert.equal(results['net falls back to the second address'], 'six');
    assert.equal(results['fetch in a worker'], 'plain');
  });
});

describe('a program without the localhost preload', () => {
  it('reaches none of these names on a machine that does not resolve them', async () => {
    const results = await runProgram([module(NO_RESOLVER)]);
    assert.equal(results['no options'], 'ENOTFOUND');
    assert.equal(results['fetch'], 'failed: asked the system for x.vault.localhost');
  });
});
