import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { DAY } from '../base/text.ts';
import {
  authorityCovers,
  createAuthority,
  type IssuedCertificate,
  issueServerCertificate,
  LOOPBACK_RANGES,
} from './local-ca.ts';
import { serverNames } from './server-names.ts';

const now = Date.UTC(2026, 5, 1, 12, 0, 0, 123);
const permitted = { domains: ['localhost'], addressRanges: LOOPBACK_RANGES };
const names = serverNames('localhost');

/** The real clock counts here: the TLS stack judges validity by it. */
async function issueNow(dnsNames: readonly string[]): Promise<[IssuedCertificate, IssuedCertificate]> {
  const authority = await createAuthority({ now: Date.now(), commonName: 'Test authority', permitted });
  const order = { authority, names: dnsNames, ipAddresses: names.ipAddresses, now: Date.now(), lifetimeDays: 30 };
  return [authority, await issueServerCertificate(order)];
}

/** What a verifying TLS client makes of the server: 'authorized', or the code of its refusal. */
async function handshake(server: IssuedCertificate, ca: string, servername: string): Promise<string> {
  const listener = createServer({ key: server.privateKeyPem, cert: server.certificatePem }, (socket) => socket.end());
  listener.on('tlsClientError', () => {});
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = listener.address() as AddressInfo;
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, servername, rejectUnauthorized: false });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.destroy();
    return socket.authorized ? 'authorized' : String(socket.authorizationError);
  } finally {
    listener.close();
  }
}

describe('local certificate authority', () => {
  it('is a root that may sign end-entity certificates only, for ten years', async () => {
    const authority = await createAuthority({ now, commonName: 'Test authority' });
    const certificate = new X509Certificate(authority.certificatePem);
    assert.equal(certificate.ca, true);
    assert.equal(certificate.subject, 'CN=Test authority');
    assert.equal(certificate.issuer, certificate.subject);
    assert.ok(certificate.verify(certificate.publicKey));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(authority.privateKeyPem)));
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.equal(certificate.validFromDate.getTime(), Date.UTC(2026, 5, 1, 11, 55, 0));
    assert.equal(certificate.validToDate.getTime() - certificate.validFromDate.getTime(), 3650 * DAY);
    assert.match(authority.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n/);
    const der = certificate.raw.toString('hex');
    assert.ok(der.includes('0603551d130101ff040830060101ff020100'), 'basic constraints: critical, CA, path length 0');
    assert.ok(der.includes('0603551d0f0101ff040403020106'), 'key usage: critical, certificate and list signing only');
  });

  it('issues a server certificate that a verifying client accepts for every host of the domain', async () => {
    const [authority, server] = await issueNow(names.dnsNames);
    for (const host of ['x.vault.localhost', 'login.localhost', 'api.loganalytics.localhost', 'localhost']) {
      assert.equal(await handshake(server, authority.certificatePem, host), 'authorized', host);
    }
    assert.match(await handshake(server, authority.certificatePem, 'x.localhost'), /ERR_TLS_CERT_ALTNAME_INVALID/);
    const stranger = await createAuthority({ now: Date.now(), commonName: 'Test authority' });
    assert.notEqual(await handshake(server, stranger.certificatePem, 'login.localhost'), 'authorized');
  });

  it('is refused by clients for a name outside its constraints', async () => {
    const [authority, server] = await issueNow(['login.localhost', 'www.example.com']);
    assert.notEqual(await handshake(server, authority.certificatePem, 'login.localhost'), 'authorized');
  });

  it('hands out the leaf first and then the authority, each block ended by a line feed', async () => {
    const [authority, server] = await issueNow(names.dnsNames);
    const blocks = server.certificatePem.match(/-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n/g);
    assert.equal(blocks?.length, 2);
    assert.equal(blocks?.join(''), server.certificatePem);
    assert.equal(blocks?.[1], authority.certificatePem);
    const leaf = new X509Certificate(blocks![0]!);
    assert.equal(leaf.ca, false);
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.ok(leaf.checkIssued(new X509Certificate(authority.certificatePem)));
    assert.ok(leaf.checkPrivateKey(createPrivateKey(server.privateKeyPem)));
  });

  it('gives every certificate a positive serial number of 16 bytes of its own', async () => {
    const authority = await createAuthority({ now, commonName: 'Test authority' });
    const seen = new Set<string>();
    for (let turn = 0; turn < 8; turn += 1) {
      const order = { authority, names: ['localhost'], ipAddresses: [], now, lifetimeDays: 1 };
      const { serialNumber } = new X509Certificate((await issueServerCertificate(order)).certificatePem);
      assert.match(serialNumber, /^[4-7][0-9A-F]{31}$/);
      seen.add(serialNumber);
    }
    assert.equal(seen.size, 8);
  });

  it('writes dates beyond 2049 so that they are read back unchanged', async () => {
    const late = Date.UTC(2045, 0, 1);
    const authority = await createAuthority({ now: late, commonName: 'Test authority' });
    assert.equal(new X509Certificate(authority.certificatePem).validToDate.getUTCFullYear(), 2054);
  });

  it('never lets a server certificate outlive its authority', async () => {
    const authority = await createAuthority({ now, commonName: 'Test authority' });
    const end = new X509Certificate(authority.certificatePem).validToDate.getTime();
    const order = { authority, names: ['localhost'], ipAddresses: [], lifetimeDays: 397 };
    const leaf = await issueServerCertificate({ ...order, now: end - DAY });
    assert.equal(new X509Certificate(leaf.certificatePem).validToDate.getTime(), end);
    await assert.rejects(issueServerCertificate({ ...order, now: end }), RangeError);
  });

  it('refuses names, addresses and lifetimes that no certificate may carry', async () => {
    const authority = await createAuthority({ now, commonName: 'Test authority' });
    const good = { authority, names: ['localhost'], ipAddresses: ['::1'], now, lifetimeDays: 397 };
    for (const wrong of [
      { names: ['a b'] },
      { names: ['*.*.localhost'] },
      { names: ['x.*.localhost'] },
      { names: ['localhost\nDNS:evil'] },
      { names: ['-a.localhost'] },
      { names: [`${'a'.repeat(64)}.localhost`] },
      { names: ['127.0.0.1'] },
      { ipAddresses: ['127.0.0.1/8'] },
      { ipAddresses: ['localhost'] },
      { names: [], ipAddresses: [] },
      { lifetimeDays: 398 },
      { lifetimeDays: 0 },
      { lifetimeDays: Number.NaN },
    ]) {
      await assert.rejects(issueServerCertificate({ ...good, ...wrong }), RangeError, JSON.stringify(wrong));
    }
    await issueServerCertificate(good);
  });

  it('covers the names it is permitted and no others', async () => {
    const { certificatePem } = await createAuthority({ now, commonName: 'Test authority', permitted });
    assert.equal(await authorityCovers(certificatePem, names, now), true);
    assert.equal(await authorityCovers(certificatePem, serverNames('corp.example'), now), false);
    assert.equal(await authorityCovers(certificatePem, serverNames('notlocalhost'), now), false);
    assert.equal(await authorityCovers(certificatePem, { dnsNames: [], ipAddresses: ['127.9.9.9'] }, now), true);
    assert.equal(await authorityCovers(certificatePem, { dnsNames: [], ipAddresses: ['10.0.0.1'] }, now), false);
    assert.equal(await authorityCovers(certificatePem, { dnsNames: [], ipAddresses: ['::2'] }, now), false);
    assert.equal(await authorityCovers(certificatePem, names, now + 3649 * DAY), false);
  });

  it('covers any name when it was made without constraints', async () => {
    const { certificatePem } = await createAuthority({ now, commonName: 'Test authority' });
    assert.equal(await authorityCovers(certificatePem, serverNames('corp.example'), now), true);
  });
});
