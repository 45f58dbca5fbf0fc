import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkUse, type KeyUse, readCipherAlgorithm, readSignatureAlgorithm, type UsableKey } from './use.ts';

const key: UsableKey = {
  vault: 'v',
  name: 'n',
  version: '0',
  isEnabled: true,
  nbf: 100,
  exp: 200,
  operations: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
  family: 'RSA',
  bits: 2048,
  curve: null,
};
const curve: UsableKey = { ...key, family: 'EC', bits: 0, curve: 'P-256' };
const symmetric: UsableKey = { ...key, family: 'oct', bits: 128 };
const every: readonly KeyUse[] = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];
const served = () => true;
const unserved = () => false;

describe('the use of a key', () => {
  it('is everything within its window, and opening and verifying outside', () => {
    for (const use of every) {
      checkUse(key, use, 100);
      checkUse(key, use, 199);
      const isOpening = ['decrypt', 'verify', 'unwrapKey'].includes(use);
      for (const [now, code] of [
        [99, 'key-not-yet-valid'],
        [200, 'key-expired'],
      ] as const) {
        if (isOpening) checkUse(key, use, now);
        else assert.throws(() => checkUse(key, use, now), { code });
      }
    }
  });

  it('is nothing while it is disabled, and nothing that its operations do not name', () => {
    for (const use of every) {
      assert.throws(() => checkUse({ ...key, isEnabled: false }, use, 150), { code: 'key-disabled' });
      const operations = every.filter((one) => one !== use);
      assert.throws(() => checkUse({ ...key, operations }, use, 150), { code: 'key-operation-forbidden' });
    }
    const secure = { ...key, operations: ['secureWrapKey', 'secureUnwrapKey'] };
    checkUse(secure, 'secureUnwrapKey', 200);
    for (const [one, use] of [
      [secure, 'unwrapKey'],
      [key, 'secureUnwrapKey'],
      [{ ...key, operations: ['import'] }, 'decrypt'],
    ] as const) {
      assert.throws(() => checkUse(one, use, 150), { code: 'key-purpose-forbids' });
    }
  });
});

describe('an algorithm', () => {
  it('fits its family, curve, size and use, or is refused', () => {
    assert.equal(readSignatureAlgorithm({ alg: 'PS256' }, key, served).padding, 'pss');
    assert.equal(readSignatureAlgorithm({ alg: 'ES256' }, curve, served).curve, 'P-256');
    assert.equal(readCipherAlgorithm({ alg: 'A128KW' }, symmetric, 'wrapKey', served).mode, 'wrap');
    const unsuitable = { code: 'key-algorithm-unsuitable' };
    assert.throws(() => readSignatureAlgorithm({ alg: 'ES256K' }, curve, served), unsuitable);
    assert.throws(() => readSignatureAlgorithm({ alg: 'RS256' }, symmetric, served), unsuitable);
    assert.throws(() => readCipherAlgorithm({ alg: 'A256KW' }, symmetric, 'wrapKey', served), unsuitable);
    assert.throws(() => readCipherAlgorithm({ alg: 'A128KW' }, symmetric, 'encrypt', served), unsuitable);
    assert.throws(() => readCipherAlgorithm({ alg: 'RSA-OAEP' }, curve, 'encrypt', served), unsuitable);
  });

  it('is known by its exact name, from its api-version on', () => {
    for (const alg of ['', 'rs256', 'none', '__proto__', 'constructor', 5, null, undefined]) {
      assert.throws(() => readSignatureAlgorithm({ alg }, key, served), { code: 'property-invalid' }, String(alg));
      assert.throws(() => readCipherAlgorithm({ alg }, key, 'encrypt', served), { code: 'property-invalid' });
    }
    assert.throws(() => readSignatureAlgorithm({ alg: 'HS256' }, symmetric, unserved), { code: 'property-invalid' });
    const wrap = { alg: 'CKM_AES_KEY_WRAP' };
    assert.throws(() => readCipherAlgorithm(wrap, symmetric, 'wrapKey', unserved), { code: 'property-invalid' });
  });
});
