import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkAlone,
  checkPurposeServed,
  checkSuccessor,
  isExportable,
  type KeyPurpose,
  purposeOf,
} from './key-purpose.ts';

const secure = ['secureWrapKey', 'secureUnwrapKey'];

describe('the purpose of a key', () => {
  it('is told by its operations', () => {
    assert.equal(purposeOf(['import']), 'exchange');
    assert.equal(purposeOf(['sign', 'unwrapKey']), 'use');
    assert.equal(purposeOf([]), 'use');
    assert.equal(purposeOf(['secureUnwrapKey']), 'secure-wrap');
  });

  it('has operations that come with no others', () => {
    for (const operations of [['import'], secure, ['secureWrapKey'], ['sign', 'unwrapKey'], []])
      checkAlone(operations, 'x');
    for (const operations of [
      ['import', 'sign'],
      ['unwrapKey', ...secure],
      ['import', 'secureWrapKey'],
    ]) {
      assert.throws(() => checkAlone(operations, 'x'), { code: 'property-invalid' }, operations.join());
    }
  });

  it('is that of the version before, but that a key may become a key exchange key', () => {
    const purposes: readonly KeyPurpose[] = ['use', 'exchange', 'secure-wrap'];
    for (const purpose of purposes) checkSuccessor('k', purpose, purpose);
    checkSuccessor('k', 'use', 'exchange');
    for (const [before, next] of [
      ['exchange', 'use'],
      ['exchange', 'secure-wrap'],
      ['use', 'secure-wrap'],
      ['secure-wrap', 'use'],
      ['secure-wrap', 'exchange'],
    ] as const) {
      assert.throws(() => checkSuccessor('k', before, next), { code: 'key-purpose-fixed' }, `${before} ${next}`);
    }
  });

  it('may need a later api-version', () => {
    checkPurposeServed(secure, (since) => since === '2026-04-01');
    checkPurposeServed(['sign'], () => false);
    assert.throws(() => checkPurposeServed(secure, () => false), { code: 'property-invalid' });
  });

  it('keeps a key that unwraps for others from leaving, though it has a policy', () => {
    const row = (policy: string | null, operations: readonly string[]) => ({
      release_policy: policy,
      key_ops: JSON.stringify(operations),
    });
    assert.equal(isExportable(row('{}', ['sign'])), true);
    assert.equal(isExportable(row(null, ['sign'])), false);
    assert.equal(isExportable(row('{}', secure)), false);
  });
});
