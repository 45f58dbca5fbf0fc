import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Refusal } from '../refusals/refusal.ts';
import { MAX_VALUE_BYTES, readNewSecret, readSecretChange } from './rules.ts';

const refuses = (body: Record<string, unknown>, property: string) =>
  assert.throws(
    () => readNewSecret({ value: 'a', ...body }),
    (error: Refusal) => error.code === 'property-invalid' && error.facts['property'] === property,
    JSON.stringify(body).slice(0, 100),
  );
const texts = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 'x']));

describe('the body of a set', () => {
  it('gives what was sent and the defaults of what was not', () => {
    assert.deepEqual(readNewSecret({ value: '' }), {
      value: '',
      contentType: null,
      attributes: { enabled: true, nbf: null, exp: null },
      tags: null,
    });
    const attributes = { enabled: false, nbf: 0, exp: 253_402_300_799 };
    const body = { value: 'a', contentType: '', attributes, tags: {} };
    assert.deepEqual(readNewSecret(body), body);
  });

  it('passes over members that the API does not have, and over null', () => {
    const read = readNewSecret({
      value: 'a',
      id: 5,
      contentType: null,
      tags: null,
      attributes: { enabled: null, nbf: null, created: 'x' },
    });
    assert.deepEqual(read, readNewSecret({ value: 'a' }));
  });

  it('has a text of at most 25 KB in UTF-8 as its value', () => {
    assert.equal(MAX_VALUE_BYTES, 25_600);
    for (const value of ['x'.repeat(25_600), 'ä'.repeat(12_800), '\u{1f511}'.repeat(6400)]) {
      assert.equal(readNewSecret({ value }).value, value);
    }
    for (const [value, size] of [
      ['x'.repeat(25_601), 25_601],
      ['ä'.repeat(12_801), 25_602],
    ] as const) {
      assert.throws(
        () => readNewSecret({ value }),
        (error: Refusal) =>
          error.code === 'secret-too-large' && error.facts['size'] === size && !error.message.includes(value),
      );
    }
    for (const value of [undefined, null, 5, true, [], {}, ['a'], '\ud800', 'a\udc00b']) refuses({ value }, 'value');
  });

  it('has the content type, tags and attributes that the API allows', () => {
    for (const contentType of [5, {}, [], true, 'x'.repeat(256), '\u0000', '\ud800'])
      refuses({ contentType }, 'contentType');
    for (const attributes of [5, 'x', [], true]) refuses({ attributes }, 'attributes');
    for (const enabled of ['true', 1, 0, []]) refuses({ attributes: { enabled } }, 'attributes.enabled');
    for (const time of [-1, 1.5, '1', true, [], Number.NaN, 253_402_300_800, Number.POSITIVE_INFINITY]) {
      refuses({ attributes: { nbf: time } }, 'attributes.nbf');
      refuses({ attributes: { exp: time } }, 'attributes.exp');
    }
    for (const tags of [
      5,
      'x',
      [],
      texts(16),
      { a: 1 },
      { a: null },
      { '': 'x' },
      { ['x'.repeat(513)]: '' },
      { a: 'x'.repeat(513) },
      { a: '\u0000' },
      { '\ud800': 'a' },
    ]) {
      refuses({ tags }, 'tags');
    }
    const most = { ...texts(14), ['n'.repeat(512)]: 'v'.repeat(512) };
    assert.deepEqual(readNewSecret({ value: 'a', tags: most, contentType: 'c'.repeat(255) }).tags, most);
  });

  it('is not quoted when it is refused', () => {
    for (const body of [
      { value: ['hidden'] },
      { value: 'a', contentType: ['hidden'] },
      { value: 'a', tags: { hidden: 5 } },
      { value: 'a', attributes: { nbf: 'hidden' } },
    ]) {
      assert.throws(
        () => readNewSecret(body),
        (error: Refusal) => !JSON.stringify([error.message, error.facts]).includes('hidden'),
      );
    }
  });
});

describe('the body of an update', () => {
  it('gives only what was sent', () => {
    assert.deepEqual(readSecretChange({}), {});
    assert.deepEqual(readSecretChange({ value: 'ignored', attributes: { exp: 5 } }), { exp: 5 });
    const all = { contentType: 'x', tags: { a: 'b' } };
    assert.deepEqual(readSecretChange({ ...all, attributes: { enabled: false, nbf: 1, exp: 2 } }), {
      ...all,
      enabled: false,
      nbf: 1,
      exp: 2,
    });
  });
});
