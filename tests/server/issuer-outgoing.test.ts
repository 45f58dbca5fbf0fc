import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { IssuerFault } from '../../src/certificates/issuers/issuer.ts';
import { Outgoing } from '../../src/certificates/issuers/outgoing.ts';
import { createAuthority, issueServerCertificate } from '../../src/tls/local-ca.ts';

const now = Date.now();

describe('requests to authorities', () => {
  let server: Server;
  let outgoing: Outgoing;
  let url: string;
  let answer: RequestListener;
  const seen: string[] = [];

  before(async () => {
    const authority = await createAuthority({ now, commonName: 'authority' });
    const order = { authority, now, names: ['localhost'], ipAddresses: [], lifetimeDays: 1 };
    const { privateKeyPem, certificatePem } = await issueServerCertificate(order);
    const options: ServerOptions = { key: privateKeyPem, cert: certificatePem };
    server = createServer(options, (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      answer(request, response);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    url = `https://localhost:${(server.address() as AddressInfo).port}/api/`;
    outgoing = new Outgoing({ url, caPem: authority.certificatePem }, () => now);
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const faultOf = async (listener: RequestListener, path = 'x'): Promise<IssuerFault> => {
    answer = listener;
    const error: unknown = await outgoing.send({ method: 'GET', url: path }).then(
      () => assert.fail('it was answered'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof IssuerFault, String(error));
    return error;
  };

  it('stay on the host of the configuration, whatever the authority points to', async () => {
    seen.length = 0;
    for (const elsewhere of ['https://127.0.0.1:1/', 'http://localhost/', '//evil.example/x', 'file:///etc/passwd']) {
      assert.equal((await faultOf((_, response) => response.end(), elsewhere)).code, 'issuer-answer');
    }
    assert.deepEqual(seen, []);
  });

  it('follow no redirect', async () => {
    seen.length = 0;
    const fault = await faultOf((_, response) => response.writeHead(302, { location: '/api/other' }).end());
    assert.equal(fault.code, 'issuer-answer');
    assert.deepEqual(seen, ['GET /api/x']);
  });

  it('wait as the authority says, a day at most', async () => {
    const busy = (header: string) => faultOf((_, response) => response.writeHead(429, { 'retry-after': header }).end());
    assert.deepEqual({ ...(await busy('17')) }, { name: 'IssuerFault', code: 'issuer-busy', retryAfterSeconds: 17 });
    assert.equal(
      (await busy(new Date(now + 61_000).toUTCString())).retryAfterSeconds,
      Math.ceil((Math.floor((now + 61_000) / 1000) * 1000 - now) / 1000),
    );
    assert.equal((await busy('99999999')).retryAfterSeconds, 86_400);
    assert.equal((await busy('soon')).retryAfterSeconds, null);
  });

  it('tell a broken authority from a busy one', async () => {
    assert.equal((await faultOf((_, response) => response.writeHead(500).end())).code, 'issuer-answer');
    assert.equal((await faultOf((_, response) => response.writeHead(503).end())).code, 'issuer-busy');
    assert.equal((await faultOf((request) => request.socket.destroy())).code, 'issuer-unreachable');
  });

  it('take a mebibyte and no more', async () => {
    const fault = await faultOf((_, response) => {
      response.on('error', () => undefined);
      response.end(Buffer.alloc(1024 * 1024 + 1));
    });
    assert.match(fault.message, /longer than 1048576 bytes/);
    answer = (_, response) => response.end(Buffer.alloc(1024 * 1024));
    assert.equal((await outgoing.send({ method: 'GET', url: 'x' })).body.length, 1024 * 1024);
  });

  it('believe the configured authority alone', async () => {
    const { certificatePem } = await createAuthority({ now, commonName: 'another' });
    const other = new Outgoing({ url, caPem: certificatePem }, () => now);
    await assert.rejects(other.send({ method: 'GET', url: 'x' }), { code: 'issuer-unreachable' });
    assert.throws(() => new Outgoing({ url: 'http://localhost/', caPem: null }, () => now), TypeError);
  });
});
