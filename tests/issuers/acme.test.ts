import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ChallengeSolver } from '../../src/certificates/issuers/acme/challenge.ts';
import { dnsCommand } from '../../src/certificates/issuers/acme/dns-challenge.ts';
import { httpListener, httpWebroot } from '../../src/certificates/issuers/acme/http-challenge.ts';
import { tlsListener } from '../../src/certificates/issuers/acme/tls-challenge.ts';
import { conformanceCases, orderOf, pollToEnd } from '../../src/certificates/issuers/conformance.ts';
import type { CertificateOrder, OrderProgress } from '../../src/certificates/issuers/issuer.ts';
import { requestFor } from '../support/certificate-request.ts';
import { type TestParts, testParts } from '../support/parts.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { acmeBench, acmeIssuer, binding, outgoingTo } from './acme-bench.ts';
import { hookCommand } from './dns-hook.ts';

const loopback = ['127.0.0.1'];

describe('an ACME issuer', () => {
  let parts: TestParts;
  let pebble: Pebble;
  let solver: ChallengeSolver;

  before(async () => {
    parts = await testParts(Date.now());
    pebble = await startPebble({ bindings: { [binding.keyId]: binding.hmacKey } });
    solver = httpListener({ port: pebble.httpPort, addresses: loopback });
  });
  after(async () => {
    await pebble?.stop();
    await parts?.cleanup();
  });

  for (const { title, run } of conformanceCases) {
    it(title, () => run(acmeBench(parts, pebble, solver)));
  }
});

describe('ACME over pebble, which refuses one nonce in five', () => {
  let parts: TestParts;
  let pebble: Pebble;

  before(async () => {
    parts = await testParts(Date.now());
    pebble = await startPebble({ refusedNonces: 20 });
  });
  after(async () => {
    await pebble?.stop();
    await parts?.cleanup();
  });

  const issue = async (
    solver: ChallengeSolver,
    names: readonly string[],
    more: Partial<CertificateOrder> = {},
  ): Promise<OrderProgress> => {
    const issuer = acmeIssuer(parts, pebble, solver, null);
    const order = { ...orderOf(await requestFor(names), names), ...more };
    return pollToEnd(acmeBench(parts, pebble, solver), issuer, await issuer.order(order, names.join()));
  };
  const issued = async (...order: Parameters<typeof issue>): Promise<X509Certificate> => {
    const end = await issue(...order);
    if (end.state !== 'issued') assert.fail(JSON.stringify(end));
    return new X509Certificate(end.chain[0]!);
  };
  const http = () => httpListener({ port: pebble.httpPort, addresses: loopback });

  it('proves names by tls-alpn-01, with the listener open for that time alone', async () => {
    const solver = tlsListener({ port: pebble.tlsPort, addresses: loopback });
    const certificate = await issued(solver, ['tls.dyn.test']);
    assert.equal(certificate.subjectAltName, 'DNS:tls.dyn.test');
    await assert.rejects(reach(pebble.tlsPort), { code: 'ECONNREFUSED' });
  });

  it('closes the port of http-01 when nothing is left to prove', async () => {
    await issued(http(), ['closed.dyn.test']);
    await assert.rejects(reach(pebble.httpPort), { code: 'ECONNREFUSED' });
  });

  it('proves names by files below a folder that another server shows', async () => {
    const folder = join(parts.folder, 'webroot');
    const server = createServer((request, response) => {
      response.end(readFileSync(join(folder, request.url!)));
    });
    await new Promise<void>((listening) => server.listen(pebble.httpPort, '127.0.0.1', listening));
    await issued(httpWebroot(folder), ['webroot.dyn.test']).finally(() => server.close());
    assert.deepEqual(readdirSync(join(folder, '.well-known/acme-challenge')), [], 'nothing is left there');
  });

  it('proves a name and its wildcard by a command that sets DNS records', async () => {
    const names = ['wild.dyn.test', '*.wild.dyn.test'];
    const certificate = await issued(dnsCommand(hookCommand(pebble)), names);
    assert.deepEqual(certificate.subjectAltName?.split(', ').sort(), ['DNS:*.wild.dyn.test', 'DNS:wild.dyn.test']);
  });

  it('refuses a wildcard that it cannot prove before the authority hears of it', async () => {
    const end = await issue(http(), ['*.wild.dyn.test']);
    assert.equal(end.state === 'refused' && end.code, 'wildcard-needs-dns');
  });

  it('tells which name was not proven and what the authority saw', async () => {
    const blind: ChallengeSolver = { ...http(), present: async () => undefined };
    const end = await issue(blind, ['unproven.dyn.test']);
    assert.equal(end.state === 'refused' && end.code, 'connection', JSON.stringify(end));
    assert.match(end.state === 'refused' ? end.details : '', /^unproven\.dyn\.test: .*127\.0\.0\.1/);
  });

  it('says what a command that fails, hangs or is not there did', async () => {
    const settings = { timeLimitSeconds: 1, settleSeconds: 0 };
    const cases = [
      { command: ['/bin/false'], details: /exit code 1/ },
      { command: ['/bin/sh', '-c', 'while :; do :; done'], details: /ended after 1 seconds/ },
      { command: ['/nonexistent/hook'], details: /cannot be run: ENOENT/ },
    ];
    for (const { command, details } of cases) {
      const end = await issue(dnsCommand({ command, ...settings }), ['hook.dyn.test']);
      assert.equal(end.state === 'refused' && end.code, 'challenge-not-shown');
      assert.match(end.state === 'refused' ? end.details : '', details);
    }
  });

  it('says that the port of its listener is taken', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(pebble.httpPort, '127.0.0.1', listening));
    const end = await issue(http(), ['taken.dyn.test']).finally(() => server.close());
    assert.match(end.state === 'refused' ? end.details : '', /cannot be listened on: EADDRINUSE/);
  });

  it('names the certificate that is followed, and goes on where the authority does not want to know', async () => {
    const first = await issued(http(), ['follow.dyn.test']);
    const second = await issued(http(), ['follow.dyn.test'], { replaces: first.raw });
    assert.notEqual(second.serialNumber, first.serialNumber);
    const outgoing = outgoingTo(parts, pebble);
    const problems: string[] = [];
    const send = outgoing.send.bind(outgoing);
    outgoing.send = async (request) => {
      const answer = await send(request);
      if (answer.status >= 400) problems.push(/"type": *"[^"]*:(\w+)"/.exec(answer.body.toString())?.[1] ?? '');
      return answer;
    };
    const issuer = acmeIssuer(parts, pebble, http(), null, 'tests', outgoing);
    const names = ['follow.dyn.test'];
    const third = await issuer.order({ ...orderOf(await requestFor(names), names), replaces: first.raw }, 'third');
    assert.equal(third.state, 'pending');
    assert.deepEqual(
      problems.filter((type) => type !== 'badNonce'),
      ['alreadyReplaced'],
    );
    if (third.state === 'pending') await issuer.cancel(third.reference);
  });

  it('asks when the authority wants a certificate renewed', async () => {
    const certificate = await issued(http(), ['window.dyn.test']);
    const at = await acmeIssuer(parts, pebble, http(), null).renewalAt(certificate.raw);
    assert.ok(at !== null && at > Date.parse(certificate.validFrom) && at < Date.parse(certificate.validTo));
  });

  it('believes no authority but the configured one', async () => {
    const stranger = { ...pebble, caPem: await strangersAuthority() };
    const health = await acmeIssuer(parts, stranger, http(), null, 'stranger').check();
    assert.equal(health.isGood === false && health.code, 'issuer-unreachable');
  });

  it('keeps the key of an account sealed', async () => {
    const rows = await parts.store.reader.db.selectFrom('sealed_values').selectAll().execute();
    const accounts = rows.filter(({ name }) => name.startsWith('acme-account/'));
    assert.ok(accounts.length >= 1);
    for (const { envelope } of accounts) assert.ok(!Buffer.from(envelope).includes('PRIVATE KEY'));
  });
});

function reach(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}

async function strangersAuthority(): Promise<string> {
  const { createAuthority } = await import('../../src/tls/local-ca.ts');
  return (await createAuthority({ now: Date.now(), commonName: 'somebody else' })).certificatePem;
}
