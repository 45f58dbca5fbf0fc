import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../base/system.ts';
import { newSecret, noSecret, verifySecret } from './client-secret.ts';

describe('client secrets', () => {
  const random = systemRandom();

  it('have 40 characters of the alphabet, the first a letter or digit, and no two are alike', () => {
    const secrets = Array.from({ length: 500 }, () => newSecret(random).secretText);
    for (const secret of secrets) assert.match(secret, /^[A-Za-z0-9][A-Za-z0-9_.~-]{39}$/);
    assert.equal(new Set(secrets).size, 500);
  });

  it('use every character of the alphabet about equally often', () => {
    const counts = new Map<string, number>();
    for (let round = 0; round < 2000; round++) {
      for (const character of newSecret(random).secretText.slice(1))
        counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    assert.equal(counts.size, 66);
    const expected = (2000 * 39) / 66;
    for (const [character, count] of counts)
      assert.ok(Math.abs(count - expected) < expected * 0.2, `${character}: ${count}`);
  });

  it('verify against their own material and no other', () => {
    const one = newSecret(random);
    const other = newSecret(random);
    assert.ok(verifySecret(one.secretText, one.material));
    assert.ok(!verifySecret(one.secretText, other.material));
    assert.ok(!verifySecret(`${one.secretText}x`, one.material));
    assert.ok(!verifySecret('', one.material));
    assert.equal(one.hint, one.secretText.slice(0, 3));
    assert.ok(!one.material.includes(one.secretText));
  });

  it('never verify against damaged material or that of no secret', () => {
    const { secretText, material } = newSecret(random);
    for (const damaged of [
      '',
      '$',
      '$$',
      'hmac-sha256',
      'hmac-sha256$',
      'hmac-sha256$x$',
      `other${material}`,
      material.slice(0, -2),
      noSecret,
    ]) {
      assert.ok(!verifySecret(secretText, damaged), damaged);
      assert.ok(!verifySecret('', damaged), damaged);
    }
  });
});
