import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkWindow } from './attributes.ts';

describe('the window in which an object is valid', () => {
  it('has an end after its start, or one of them open', () => {
    for (const [nbf, exp] of [
      [null, null],
      [5, null],
      [null, 5],
      [5, 6],
      [0, 1],
    ] as const)
      checkWindow(nbf, exp);
    for (const [nbf, exp] of [
      [5, 5],
      [6, 5],
      [1, 0],
    ] as const) {
      assert.throws(() => checkWindow(nbf, exp), { code: 'property-invalid' });
    }
  });
});
