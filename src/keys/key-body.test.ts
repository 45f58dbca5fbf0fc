import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readImportedKey, readKeyChange, readNewKey } from './key-body.ts';

const every = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];

describe('the body of a create', () => {
  it('has the defaults of the service', () => {
    assert.deepEqual(readNewKey({ kty: 'RSA' }), {
      family: 'RSA',
      isHsm: false,
      operations: every,
      attributes: { enabled: true, nbf: null, exp: null },
      tags: null,
      release: { policy: null },
      spec: { family: 'RSA', bits: 2048, publicExponent: 65_537 },
    });
    assert.deepEqual(readNewKey({ kty: 'RSA', public_exponent: 0 }), readNewKey({ kty: 'RSA' }));
    assert.deepEqual(readNewKey({ kty: 'EC-HSM' }).spec, { family: 'EC', curve: 'P-256' });
    assert.deepEqual(readNewKey({ kty: 'EC' }).operations, ['sign', 'verify']);
    assert.deepEqual(readNewKey({ kty: 'oct' }).spec, { family: 'oct', bits: 256 });
    assert.equal(readNewKey({ kty: 'oct-HSM' }).isHsm, true);
  });

  it('takes what the API has', () => {
    assert.deepEqual(readNewKey({ kty: 'RSA', key_size: 4096, public_exponent: 3 }).spec, {
      family: 'RSA',
      bits: 4096,
      publicExponent: 3,
    });
    assert.deepEqual(readNewKey({ kty: 'EC', crv: 'P-256K', key_size: 256 }).spec, { family: 'EC', curve: 'P-256K' });
    assert.deepEqual(readNewKey({ kty: 'EC', key_size: 521 }).spec, { family: 'EC', curve: 'P-521' });
    assert.deepEqual(readNewKey({ kty: 'RSA', key_ops: ['Sign', 'sign', 'WRAPKEY'] }).operations, ['sign', 'wrapKey']);
    assert.deepEqual(readNewKey({ kty: 'RSA', key_ops: [] }).operations, []);
  });

  it('refuses the rest', () => {
    const wrong: readonly Record<string, unknown>[] = [
      {},
      { kty: 'rsa' },
      { kty: 5 },
      { kty: 'constructor' },
      { kty: 'RSA', key_size: 1024 },
      { kty: 'RSA', key_size: '2048' },
      { kty: 'RSA', public_exponent: 4 },
      { kty: 'RSA', public_exponent: 1 },
      { kty: 'RSA', public_exponent: 2 ** 31 + 1 },
      { kty: 'EC', crv: 'P-192' },
      { kty: 'EC', crv: 'toString' },
      { kty: 'EC', crv: 'P-384', key_size: 256 },
      { kty: 'oct', key_size: 64 },
      { kty: 'EC', key_ops: ['encrypt'] },
      { kty: 'RSA', key_ops: 'sign' },
      { kty: 'RSA', key_ops: [null] },
      { kty: 'RSA', tags: { a: 'b'.repeat(257) } },
    ];
    for (const body of wrong) {
      assert.throws(() => readNewKey(body), { code: 'property-invalid' }, JSON.stringify(body));
    }
    const badPolicy = { kty: 'RSA', attributes: { exportable: true }, release_policy: { data: 'e30' } };
    assert.throws(() => readNewKey(badPolicy), { code: 'key-release-policy-invalid' });
  });

  it('asks no external key manager for a key', () => {
    const attributes = { external_key: { id: 'theirs' } };
    const external = { code: 'key-external-unavailable' };
    assert.throws(() => readNewKey({ attributes }), external);
    assert.throws(() => readNewKey({ kty: 'RSA', attributes }), external);
    assert.throws(() => readImportedKey({ key: { kty: 'oct', k: 'AAAAAAAAAAAAAAAAAAAAAA' }, attributes }), external);
    const key = { family: 'EC', isHsm: false, isExportable: false } as const;
    assert.throws(() => readKeyChange({ attributes }, key), external);
    assert.equal(readNewKey({ kty: 'RSA', attributes: { external_key: null } }).family, 'RSA');
  });

  it('lets a key exchange key do nothing else, and be an RSA key of a hardware module', () => {
    assert.deepEqual(readNewKey({ kty: 'RSA-HSM', key_ops: ['import'] }).operations, ['import']);
    for (const body of [
      { kty: 'RSA-HSM', key_ops: ['import', 'decrypt'] },
      { kty: 'RSA', key_ops: ['import'] },
      { kty: 'EC-HSM', key_ops: ['import'] },
    ]) {
      assert.throws(() => readNewKey(body), { code: 'property-invalid' }, JSON.stringify(body));
    }
  });

  it('lets a key for secure wrapping do nothing else, and be no key of a curve', () => {
    const secure = ['secureWrapKey', 'secureUnwrapKey'];
    for (const kty of ['RSA', 'RSA-HSM', 'oct', 'oct-HSM']) {
      assert.deepEqual(readNewKey({ kty, key_ops: secure }).operations, secure);
    }
    for (const body of [
      { kty: 'RSA', key_ops: ['secureWrapKey', 'unwrapKey'] },
      { kty: 'EC', key_ops: ['secureWrapKey'] },
      { kty: 'RSA-HSM', key_ops: ['secureWrapKey', 'import'] },
    ]) {
      assert.throws(() => readNewKey(body), { code: 'property-invalid' }, JSON.stringify(body));
    }
    const key = { family: 'RSA', isHsm: false, isExportable: false, operations: secure } as const;
    assert.deepEqual(readKeyChange({ key_ops: ['secureWrapKey'] }, key).operations, ['secureWrapKey']);
    for (const operations of [['unwrapKey'], []]) {
      assert.throws(() => readKeyChange({ key_ops: operations }, key), { code: 'property-invalid' });
    }
  });

  it('has the operation export for keys that leave', () => {
    const attributes = { exportable: true };
    assert.deepEqual(readNewKey({ kty: 'EC', key_ops: ['sign', 'export'], attributes }).operations, ['sign', 'export']);
    assert.throws(() => readNewKey({ kty: 'EC', key_ops: ['sign', 'export'] }), { code: 'property-invalid' });
  });
});

describe('the body of an import', () => {
  const modulus = Buffer.alloc(256, 0xff).toString('base64url');
  const rsa = { kty: 'RSA', n: modulus, e: 'AQAB', d: 'AQ', p: 'AQ', q: 'AQ', dp: 'AQ', dq: 'AQ', qi: 'AQ' };

  it('takes a private key alone, and keeps no member that the type does not have', () => {
    const { operations, isHsm, ...taken } = readImportedKey({
      key: { ...rsa, key_ops: ['sign'], other: 'x' },
      Hsm: true,
    });
    assert.ok('jwk' in taken);
    assert.deepEqual(Object.keys(taken.jwk.members), ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi']);
    assert.deepEqual([operations, isHsm], [['sign'], true]);
    assert.deepEqual(readImportedKey({ key: { ...rsa, key_ops: [] } }).operations, every);
    assert.deepEqual(readImportedKey({ key: rsa }).operations, every);
  });

  it('refuses public halves, odd sizes and what is not base64url', () => {
    for (const key of [
      { ...rsa, d: undefined },
      { ...rsa, n: Buffer.alloc(128, 0xff).toString('base64url') },
      { ...rsa, n: `${modulus}!` },
      { ...rsa, e: 'AQABAAE' },
      { kty: 'EC', crv: 'P-256', x: 'AQ', y: 'AQ' },
      { kty: 'oct', k: 'AQ' },
      { kty: 'oct' },
      {},
    ]) {
      assert.throws(() => readImportedKey({ key }), { code: 'property-invalid' }, JSON.stringify(key).slice(0, 80));
    }
    assert.throws(() => readImportedKey({}), { code: 'property-invalid' });
    assert.throws(() => readImportedKey({ key: { kty: 'RSA', key_hsm: 'AQ' } }), { code: 'property-invalid' });
    const blob = { key: { kty: 'RSA-HSM', key_hsm: 'AQ' } };
    assert.throws(() => readImportedKey(blob), { code: 'key-transfer-blob-invalid' });
  });
});

describe('the body of an update', () => {
  it('gives only what was sent', () => {
    const key = { family: 'EC', isHsm: false, isExportable: false } as const;
    const release = { policy: null };
    assert.deepEqual(readKeyChange({}, key), { release });
    assert.deepEqual(readKeyChange({ key_ops: ['verify'], attributes: { exp: 5 } }, key), {
      exp: 5,
      operations: ['verify'],
      release,
    });
    assert.throws(() => readKeyChange({ key_ops: ['encrypt'] }, key), { code: 'property-invalid' });
  });

  it('neither makes a key exchange key nor ends one', () => {
    const key = { family: 'RSA', isHsm: true, isExportable: false } as const;
    const exchange = { ...key, operations: ['import'] };
    assert.throws(() => readKeyChange({ key_ops: ['import'] }, key), { code: 'property-invalid' });
    assert.throws(() => readKeyChange({ key_ops: ['decrypt'] }, exchange), { code: 'property-invalid' });
    assert.deepEqual(readKeyChange({ key_ops: ['import'] }, exchange).operations, ['import']);
  });
});
