import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { DAY } from '../base/text.ts';
import { createAuthority, type IssuedCertificate, issueServerCertificate } from './local-ca.ts';
import { isHostName, namesIn, needsRenewal, serverNames } from './server-names.ts';

const now = Date.UTC(2026, 5, 1);
const names = serverNames('localhost');

describe('server names', () => {
  let authority: IssuedCertificate;
  let certificatePem: string;

  before(async () => {
    authority = await createAuthority({ now, commonName: 'Test authority' });
    const order = { authority, names: names.dnsNames, ipAddresses: names.ipAddresses, now, lifetimeDays: 90 };
    certificatePem = (await issueServerCertificate(order)).certificatePem;
  });

  it('are the vaults as a wildcard, every other host by name, and loopback', () => {
    assert.deepEqual(serverNames('corp.example').dnsNames, [
      '*.vault.corp.example',
      'management.corp.example',
      'login.corp.example',
      'graph.corp.example',
      'api.loganalytics.corp.example',
      'portal.corp.example',
      'corp.example',
    ]);
    assert.deepEqual(names.ipAddresses, ['127.0.0.1', '::1']);
  });

  it('are read back from a certificate', () => {
    const found = namesIn(new X509Certificate(certificatePem));
    assert.deepEqual(found.dnsNames, names.dnsNames);
    assert.deepEqual(found.ipAddresses, ['127.0.0.1', '0:0:0:0:0:0:0:1']);
  });

  it('need no new certificate while two thirds of its life pass', () => {
    const authorityPem = authority.certificatePem;
    assert.equal(needsRenewal({ certificatePem, names, now, authorityPem }), false);
    assert.equal(needsRenewal({ certificatePem, names, now: now + 59 * DAY, authorityPem }), false);
    assert.equal(needsRenewal({ certificatePem, names, now: now + 61 * DAY, authorityPem }), true);
    assert.equal(needsRenewal({ certificatePem, names, now: now + 91 * DAY, authorityPem }), true);
    assert.equal(needsRenewal({ certificatePem, names, now: now - DAY, authorityPem }), true);
  });

  it('need a new certificate when they change, but not when only order, case or spelling does', () => {
    const reordered = {
      dnsNames: [...names.dnsNames].reverse().map((name) => name.toUpperCase()),
      ipAddresses: ['0::1', '127.0.0.1'],
    };
    assert.equal(needsRenewal({ certificatePem, names: reordered, now }), false);
    assert.equal(needsRenewal({ certificatePem, names: serverNames('corp.example'), now }), true);
    const more = { ...names, ipAddresses: [...names.ipAddresses, '10.0.0.1'] };
    assert.equal(needsRenewal({ certificatePem, names: more, now }), true);
  });

  it('need a new certificate when another authority, even of the same name, is in place', async () => {
    const other = await createAuthority({ now, commonName: 'Test authority' });
    assert.equal(needsRenewal({ certificatePem, names, now, authorityPem: other.certificatePem }), true);
    assert.equal(needsRenewal({ certificatePem, names, now, authorityPem: 'damaged' }), true);
  });

  it('need a new certificate when the signature on the present one is not the authority’s', () => {
    const forged = Buffer.from(new X509Certificate(certificatePem).raw);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const forgedPem = new X509Certificate(forged).toString();
    assert.equal(needsRenewal({ certificatePem: forgedPem, names, now }), false);
    assert.equal(needsRenewal({ certificatePem: forgedPem, names, now, authorityPem: authority.certificatePem }), true);
  });

  it('need a new certificate when the present one is unreadable', () => {
    assert.equal(needsRenewal({ certificatePem: '', names, now }), true);
    assert.equal(needsRenewal({ certificatePem: certificatePem.slice(0, 200), names, now }), true);
  });

  it('are host names of letters, digits and hyphens', () => {
    for (const good of ['localhost', 'a.b-c.d1', 'xn--bcher-kva.example', '1.a', 'A.B'])
      assert.ok(isHostName(good), good);
    for (const bad of ['', '.', 'a.', '.a', 'a..b', 'a_b', 'a b', '-a', 'a-', 'ü.de', '10.0.0.1', 'a\nb', '*.a']) {
      assert.ok(!isHostName(bad), bad);
    }
    assert.ok(!isHostName(`${'a.'.repeat(130)}b`));
  });
});
