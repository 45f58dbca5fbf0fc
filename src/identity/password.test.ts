import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../base/system.ts';
import { hashPassword, noPassword, verifyPassword } from './password.ts';

describe('passwords of people', () => {
  it('are told from every other text', async () => {
    const material = await hashPassword('correct horse', systemRandom());
    assert.equal(await verifyPassword('correct horse', material), true);
    for (const text of ['', 'correct hors', 'Correct horse', 'correct horse ']) {
      assert.equal(await verifyPassword(text, material), false, text);
    }
  });

  it('are stored without their text, and never twice alike', async () => {
    const [one, two] = await Promise.all([hashPassword('a', systemRandom()), hashPassword('a', systemRandom())]);
    assert.notEqual(one, two);
    assert.match(one, /^scrypt-15-8-3\$[\w-]{22}\$[\w-]{43}$/);
  });

  it('count in any Unicode composition', async () => {
    const material = await hashPassword('caf\u00e9', systemRandom());
    assert.equal(await verifyPassword('cafe\u0301', material), true);
  });

  it('of nobody match nothing, nor does material of another scheme', async () => {
    assert.equal(await verifyPassword('', noPassword), false);
    assert.equal(await verifyPassword('a', 'plain$a$a'), false);
    assert.equal(await verifyPassword('a', ''), false);
  });
});
