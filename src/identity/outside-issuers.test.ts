import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAuthority, issueServerCertificate } from '../tls/local-ca.ts';
import { OutsideIssuers } from './outside-issuers.ts';
import type { TrustedIssuer } from './trusted-issuers.ts';

describe('keys of an issuer over HTTPS', () => {
  let folder: string;
  let caFile: string;
  let server: Server;
  let origin: string;
  let asked = 0;
  let certificate: X509Certificate;
  const now = Date.now();
  const clock = { now: () => now };
  const jwk = {
    ...generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }),
    kid: 'one',
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-issuers-'));
    const authority = await createAuthority({ now, commonName: 'issuers' });
    caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, authority.certificatePem);
    certificate = new X509Certificate(authority.certificatePem);
    const issued = await issueServerCertificate({
      authority,
      now,
      names: ['localhost'],
      ipAddresses: [],
      lifetimeDays: 1,
    });
    server = createServer({ key: issued.privateKeyPem, cert: issued.certificatePem }, (request, response) => {
      asked += 1;
      const answers: Readonly<Record<string, string>> = {
        '/good/.well-known/openid-configuration': JSON.stringify({
          issuer: `${origin}/good`,
          jwks_uri: `${origin}/keys`,
        }),
        '/other/.well-known/openid-configuration': JSON.stringify({
          issuer: `${origin}/good`,
          jwks_uri: `${origin}/keys`,
        }),
        '/plain/.well-known/openid-configuration': JSON.stringify({
          issuer: `${origin}/plain`,
          jwks_uri: `${origin.replace('https', 'http')}/keys`,
        }),
        '/keys': JSON.stringify({ keys: [jwk] }),
        '/certificates': JSON.stringify({
          keys: [{ kty: 'EC', kid: 'one', x5c: [certificate.raw.toString('base64')] }],
        }),
        '/huge': ' '.repeat(300_000),
        '/text': 'not JSON',
      };
      const answer = answers[request.url ?? ''];
      response.writeHead(answer === undefined ? 302 : 200, answer === undefined ? { location: '/keys' } : {});
      response.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const load = (keys: TrustedIssuer['keys'], path = '/good', ca: string | null = caFile) => {
    const issuer = { issuer: `${origin}${path}`, keys, caFile: ca, algorithms: ['RS256'], bearer: null };
    return new OutsideIssuers([issuer], clock).keysOf(issuer, 'one');
  };

  it('come from its metadata or from the URL that the operator gave', async () => {
    assert.equal((await load({ kind: 'discovery' })).jwks().keys[0]!.kid, 'one');
    assert.equal((await load({ kind: 'url', url: `${origin}/keys` })).jwks().keys[0]!.kid, 'one');
  });

  it('may be certificates alone', async () => {
    const [key] = (await load({ kind: 'url', url: `${origin}/certificates` })).jwks().keys;
    const { x, y } = certificate.publicKey.export({ format: 'jwk' });
    assert.deepEqual([key!.kid, key!['x'], key!['y']], ['one', x, y]);
  });

  it('are loaded once for all who ask at the same time', async () => {
    const issuer = {
      issuer: origin,
      keys: { kind: 'url', url: `${origin}/keys` },
      caFile,
      algorithms: ['RS256'],
      bearer: null,
    } as const;
    const issuers = new OutsideIssuers([issuer], clock);
    asked = 0;
    await Promise.all(Array.from({ length: 20 }, () => issuers.keysOf(issuer, 'one')));
    await issuers.keysOf(issuer, 'unknown');
    assert.equal(asked, 1);
  });

  it('are not taken from another issuer, over plain HTTP, through a redirect, too long, or unreadable', async () => {
    await assert.rejects(load({ kind: 'discovery' }, '/other'), /another issuer/);
    await assert.rejects(load({ kind: 'discovery' }, '/plain'), /no https jwks_uri/);
    await assert.rejects(load({ kind: 'url', url: `${origin}/moved` }), /answered 302/);
    await assert.rejects(load({ kind: 'url', url: `${origin}/huge` }), /more than 262144 bytes/);
    await assert.rejects(load({ kind: 'url', url: `${origin}/text` }), /JSON/);
  });

  it('are not taken from a host that nobody vouches for', async () => {
    await assert.rejects(load({ kind: 'url', url: `${origin}/keys` }, '/good', null), /certificate/);
  });
});
