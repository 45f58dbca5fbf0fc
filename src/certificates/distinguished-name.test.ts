import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commonNames, readName } from './distinguished-name.ts';

const CN = '2.5.4.3';
const O = '2.5.4.10';

describe('a distinguished name', () => {
  it('is read as X.500 and RFC 4514 write it', () => {
    const cases: readonly [string, readonly (readonly [string, string][])[]][] = [
      ['CN=a', [[[CN, 'a']]]],
      ['cn = a ,  O = b', [[[CN, 'a']], [[O, 'b']]]],
      ['CN=a; O=b', [[[CN, 'a']], [[O, 'b']]]],
      [
        'CN=a+O=b',
        [
          [
            [CN, 'a'],
            [O, 'b'],
          ],
        ],
      ],
      ['CN=a, O="Example, Inc."', [[[CN, 'a']], [[O, 'Example, Inc.']]]],
      ['CN=a, O=Example\\, Inc.', [[[CN, 'a']], [[O, 'Example, Inc.']]]],
      ['O="say ""hello"""', [[[O, 'say "hello"']]]],
      ['CN=*.example.com', [[[CN, '*.example.com']]]],
      ['CN=Jürgen', [[[CN, 'Jürgen']]]],
      ['2.5.4.3=a', [[[CN, 'a']]]],
      ['OID.2.5.4.3=a', [[[CN, 'a']]]],
      [
        'E=a@example.com, DC=example',
        [[['1.2.840.113549.1.9.1', 'a@example.com']], [['0.9.2342.19200300.100.1.25', 'example']]],
      ],
      ['C=DE, ST=Bavaria', [[['2.5.4.6', 'DE']], [['2.5.4.8', 'Bavaria']]]],
      ['', []],
      ['  ', []],
    ];
    for (const [text, expected] of cases) {
      const read = readName(text);
      assert.ok(!('reason' in read), text);
      const pairs = read.map((relative) => relative.map(({ type, value }) => [type, value]));
      assert.deepEqual(pairs, expected, text);
    }
  });

  it('is refused where it is not wholly understood', () => {
    for (const text of [
      'example.com',
      'CN=',
      'CN=a,',
      'CN=a,,O=b',
      ',CN=a',
      'CN="a',
      'CN="a"b',
      'CN=a"b"',
      'CN=#0c0161',
      'CN=a\\',
      'FOO=bar',
      'constructor=a',
      '__proto__=a',
      '3.1=a',
      'C=Germany',
      `CN=${'a'.repeat(65)}`,
      'CN=a\u0000b',
      'CN=a\nb',
      `CN=${'\ud800'}`,
      Array.from({ length: 31 }, () => 'OU=a').join(','),
    ]) {
      assert.ok('reason' in readName(text), JSON.stringify(text));
    }
  });

  it('is cut off before a hostile one costs anything', () => {
    const started = performance.now();
    for (const text of ['CN="'.padEnd(2000, '\\"'), 'CN='.padEnd(2000, 'a '), `CN=${' '.repeat(1990)}`]) readName(text);
    assert.ok(performance.now() - started < 500);
  });

  it('tells its common names', () => {
    const name = readName('CN=a+O=b, CN=c');
    assert.deepEqual('reason' in name ? null : commonNames(name), ['a', 'c']);
  });
});
