import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Refusal } from '../refusals/refusal.ts';
import { importedPolicy } from './imported-policy.ts';
import { keyOperationsOf, keySpecOf } from './policy.ts';
import { changePolicy, readPolicy } from './policy-body.ts';

const self = { x509_props: { subject: 'CN=a' }, issuer: { name: 'Self' } };

describe('a policy', () => {
  it('has what the service fills in', () => {
    const policy = readPolicy(self, 5);
    assert.deepEqual(keySpecOf(policy), { family: 'RSA', bits: 2048, publicExponent: 65_537 });
    assert.deepEqual(keyOperationsOf(policy), ['sign', 'verify', 'wrapKey', 'unwrapKey']);
    assert.deepEqual([policy.exportable, policy.contentType, policy.created], [true, 'application/x-pkcs12', 5]);
    const curve = readPolicy({ ...self, key_props: { kty: 'EC', key_size: 384 } }, 5);
    assert.deepEqual(
      [keySpecOf(curve), keyOperationsOf(curve)],
      [{ family: 'EC', curve: 'P-384' }, ['sign', 'verify']],
    );
    assert.equal(readPolicy({ ...self, key_props: { kty: 'RSA-HSM' } }, 5).exportable, false);
    assert.equal(readPolicy({ ...self, issuer: { name: 'self' } }, 5).issuer, 'Self');
    assert.equal(readPolicy({ ...self, issuer: { name: 'unknown' } }, 5).lifetimeActions[0]!.type, 'EmailContacts');
  });

  it('is changed in what is sent alone', () => {
    const policy = readPolicy(self, 5);
    const changed = changePolicy({ key_props: { kty: 'EC' }, x509_props: { sans: { dns_names: ['a'] } } }, policy, 6);
    assert.deepEqual([changed.curve, changed.keySize, changed.subject], ['P-256', 256, 'CN=a']);
    const back = changePolicy({ key_props: { kty: 'RSA' } }, changed, 7);
    assert.deepEqual([back.curve, back.keySize, back.sans.dnsNames, back.updated], [null, 2048, ['a'], 7]);
  });

  it('takes every kind of name, and no name that is none', () => {
    const sans = {
      dns_names: ['*.example.com', 'localhost', 'xn--bcher-kva.example'],
      emails: ['a@example.com'],
      upns: ['a@corp.example'],
      uris: ['spiffe://example/service'],
      ipAddresses: ['192.0.2.1', '2001:db8::1'],
    };
    assert.deepEqual(readPolicy({ x509_props: { sans }, issuer: { name: 'Self' } }, 5).sans.uris, sans.uris);
    for (const wrong of [
      { dns_names: ['*'] },
      { dns_names: ['a.*.b'] },
      { dns_names: ['bücher.example'] },
      { dns_names: ['-a'] },
      { dns_names: 'a' },
      { dns_names: [5] },
      { emails: ['a'] },
      { emails: ['a@b\r\nc'] },
      { upns: ['a'] },
      { uris: ['/path'] },
      { ipAddresses: ['192.0.2.0/24'] },
      { dns_names: Array.from({ length: 201 }, (_, index) => `a${index}`) },
    ]) {
      assert.throws(() => readPolicy({ x509_props: { sans: wrong }, issuer: { name: 'Self' } }, 5), Refusal);
    }
  });

  it('of an import names nobody who would sign in place of the authority', () => {
    const certificate = {
      subject: 'CN=a',
      nbf: 0,
      exp: 90 * 86_400,
      sans: readPolicy(self, 5).sans,
      ekus: [],
      keyUsage: [],
      publicKey: { bits: 2048, curve: null },
    };
    const form = 'application/x-pkcs12' as const;
    const before = readPolicy(self, 5);
    for (const [body, known] of [
      [{}, null],
      [self, null],
      [{}, before],
      [{ issuer: { name: 'Self' } }, before],
    ] as const) {
      const policy = importedPolicy(body, known, certificate, form, 9);
      assert.deepEqual([policy.issuer, policy.validityMonths], ['Unknown', 3]);
      assert.deepEqual(
        policy.lifetimeActions.map(({ type }) => type),
        ['EmailContacts'],
      );
    }
    const named = importedPolicy({ issuer: { name: 'authority' } }, null, certificate, form, 9);
    assert.deepEqual([named.issuer, named.lifetimeActions[0]!.type], ['authority', 'AutoRenew']);
  });
});
