import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkSuccessor, purposeOf } from './key-purpose.ts';

describe('the purpose of a key', () => {
  it('is told by its operations', () => {
    assert.equal(purposeOf(['import']), 'exchange');
    assert.equal(purposeOf(['sign', 'unwrapKey']), 'use');
    assert.equal(purposeOf([]), 'use');
  });

  it('is that of the version before, where others rely on it', () => {
    checkSuccessor('k', 'use', 'use');
    checkSuccessor('k', 'use', 'exchange');
    checkSuccessor('k', 'exchange', 'exchange');
    assert.throws(() => checkSuccessor('k', 'exchange', 'use'), { code: 'key-purpose-fixed' });
  });
});
