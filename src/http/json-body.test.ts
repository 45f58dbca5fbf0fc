import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Refusal } from '../refusals/refusal.ts';
import { parseForm, parseJsonObject } from './json-body.ts';

const parse = (text: string) => parseJsonObject(Buffer.from(text));
const refused = { code: 'body-malformed' };
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('a JSON body', () => {
  it('is an object with what was sent', () => {
    assert.deepEqual(parse('{"value":"ключ","n":[1,null,{"x":true}]}'), { value: 'ключ', n: [1, null, { x: true }] });
    assert.deepEqual(parse(' \r\n{}\t'), {});
    assert.deepEqual(parse('\ufeff{"a":1}'), { a: 1 });
  });

  it('is refused where it is no object, no JSON or no UTF-8', () => {
    for (const text of [
      '',
      ' ',
      'null',
      '1',
      '"a"',
      '[]',
      '{',
      '{"a":1}x',
      "{'a':1}",
      '{"a":01}',
      '{"a":NaN}',
      '{"a":"\u0001"}',
      '{,}',
    ]) {
      assert.throws(() => parse(text), refused, text);
    }
    for (const bytes of [[0xff], [0x7b, 0x22, 0xc3, 0x22, 0x7d], [0xed, 0xa0, 0x80], [0x7b, 0x00, 0x7d, 0x00]]) {
      assert.throws(() => parseJsonObject(Buffer.from(bytes)), refused);
    }
  });

  it('is at most 32 deep, whatever stands in its texts', () => {
    assert.deepEqual(parse(nested(32)), JSON.parse(nested(32)));
    for (const text of [nested(33), '['.repeat(100_000), `{"a":${'['.repeat(100_000)}`, nested(40_000)]) {
      assert.throws(() => parse(text), /nested deeper than 32/);
    }
    const texts = { a: '{'.repeat(1000), b: '\\"['.repeat(1000), c: '\\', d: '"' };
    assert.deepEqual(parse(JSON.stringify(texts)), texts);
    assert.ok(Array.isArray(parse(`{"a":[${'[],'.repeat(1000)}[]]}`)['a']));
  });

  it('is judged at once, however deep it is', () => {
    const start = performance.now();
    assert.throws(() => parse('[{"a":'.repeat(2_000_000)), refused);
    assert.ok(performance.now() - start < 1000);
  });

  it('sets no prototype', () => {
    const body = parse(
      String.raw`{"__proto__":{"admin":true},"a":{"\u005f_proto__":{"admin":true}},"constructor":1}`,
    ) as Record<string, unknown>;
    assert.equal(body['admin'], undefined);
    assert.equal((body['a'] as Record<string, unknown>)['admin'], undefined);
    assert.deepEqual(Object.keys(body), ['a', 'constructor']);
    assert.equal(({} as Record<string, unknown>)['admin'], undefined);
  });

  it('is never quoted when it is refused', () => {
    for (const text of ['{"value":"hidden"', '{"value":hidden}', '"hidden"']) {
      assert.throws(
        () => parse(text),
        (error: Refusal) => !JSON.stringify([error.message, error.facts, error.cause]).includes('hidden'),
      );
    }
  });
});

describe('a form', () => {
  it('gives its fields, decoded', () => {
    assert.deepEqual(
      { ...parseForm(Buffer.from('a=1&b=x+y%20z&c=%E2%82%AC&d')) },
      { a: '1', b: 'x y z', c: '€', d: '' },
    );
    assert.deepEqual({ ...parseForm(Buffer.alloc(0)) }, {});
  });

  it('is refused where a field comes twice, also by another spelling', () => {
    for (const text of ['a=1&a=2', 'a=1&%61=1', 'a=1&b=2&a='])
      assert.throws(() => parseForm(Buffer.from(text)), refused, text);
  });

  it('has no members but its fields', () => {
    const form = parseForm(Buffer.from('__proto__=x&toString=y'));
    assert.deepEqual(Object.keys(form).sort(), ['__proto__', 'toString']);
    assert.equal(Object.getPrototypeOf(form), null);
  });
});
