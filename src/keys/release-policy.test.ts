import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { meetsPolicy, namesAuthority, readReleasePolicy, rulesOf } from './release-policy.ts';

const AUTHORITY = 'https://shared.attest.example';
const encode = (policy: unknown) => Buffer.from(JSON.stringify(policy)).toString('base64url');
const read = (policy: unknown) => readReleasePolicy({ data: encode(policy) })!;
const rules = (...conditions: readonly unknown[]) => ({
  version: '1.0.0',
  anyOf: [{ authority: AUTHORITY, allOf: conditions }],
});
const meets = (claims: Record<string, unknown>, ...conditions: readonly unknown[]) =>
  meetsPolicy(rulesOf(read(rules(...conditions)).data), AUTHORITY, claims);
const equals = (claim: string, value: unknown) => ({ claim, equals: value });
const refuses = (policy: unknown) =>
  assert.throws(() => read(policy), { code: 'key-release-policy-invalid' }, JSON.stringify(policy)?.slice(0, 80));

describe('a release policy', () => {
  it('is read into its canonical text, whatever the order and the padding', () => {
    const shuffled = { anyOf: [{ allOf: [{ equals: 'y', claim: 'x' }], authority: AUTHORITY }], version: '1.0' };
    const { data, ...rest } = readReleasePolicy({ data: `${encode(shuffled)}==`, immutable: true })!;
    assert.deepEqual(rest, { contentType: 'application/json; charset=utf-8', immutable: true });
    assert.equal(Buffer.from(data, 'base64url').toString(), JSON.stringify(rules(equals('x', 'y'))));
    assert.equal(readReleasePolicy(null), null);
  });

  it('is refused where it is no JSON, too large, of another version, or has a member that the grammar does not have', () => {
    for (const data of ['!', '', 'e', Buffer.from([0xff, 0xfe]).toString('base64url'), 'A'.repeat(40_000), 7]) {
      assert.throws(
        () => readReleasePolicy({ data }),
        { code: 'key-release-policy-invalid' },
        String(data).slice(0, 9),
      );
    }
    const good = rules(equals('x', 'y'));
    const contentType = 'text/plain';
    assert.throws(() => readReleasePolicy({ data: encode(good), contentType }), { code: 'key-release-policy-invalid' });
    for (const policy of [
      null,
      [],
      {},
      { ...good, version: '2.0.0' },
      { ...good, more: 1 },
      { ...good, anyOf: [] },
      { ...good, anyOf: [{ authority: AUTHORITY }] },
      { ...good, anyOf: [{ authority: 'http://a.example', allOf: [equals('x', 'y')] }] },
      { ...good, anyOf: [{ allOf: [equals('x', 'y')] }] },
      { ...good, anyOf: [{ authority: AUTHORITY, allOf: [equals('x', 'y')], anyOf: [equals('x', 'y')] }] },
      { ...good, anyOf: [{ authority: AUTHORITY, allOf: [] }] },
      rules({ claim: 'x' }),
      rules({ equals: 'x' }),
      rules({ claim: 'x', equals: 'y', notEquals: 'z' }),
      rules({ claim: 'x', condition: 'equals', value: 'y' }),
      rules({ claim: 'x', equals: {} }),
      rules({ claim: 'x', equals: ['y'] }),
      rules({ claim: 'x', equals: null }),
      rules({ claim: 'a..b', equals: 'y' }),
      rules({ claim: '', equals: 'y' }),
      rules({ claim: 'x', equals: 'y', allOf: [equals('x', 'y')] }),
    ]) {
      refuses(policy);
    }
  });

  it('has at most 256 conditions, nested at most eight deep', () => {
    const nested = (depth: number): unknown => (depth === 0 ? equals('x', 'y') : { anyOf: [nested(depth - 1)] });
    const many = (count: number) => Array.from({ length: count }, () => equals('x', 'y'));
    assert.ok(read(rules(nested(7))));
    refuses(rules(nested(8)));
    assert.ok(read(rules(...many(256))));
    refuses(rules(...many(257)));
  });

  it('is met by what its claims equal, text, number or truth, at the end of a path', () => {
    const claims = { level: 3, secure: true, tee: { type: 'sevsnpvm', 'x-ms': { ok: false } } };
    assert.ok(meets(claims, equals('level', 3), equals('secure', true), equals('tee.type', 'sevsnpvm')));
    assert.ok(meets(claims, equals('tee.x-ms.ok', 'false'), equals('secure', 'true')));
    assert.ok(meets({ secure: 'true' }, equals('secure', true)));
    assert.ok(meets(claims, { anyOf: [equals('level', 4), { allOf: [equals('level', 3)] }] }));
  });

  it('is not met by a claim that is absent, of another type, inherited, or a list', () => {
    for (const [claims, condition] of [
      [{}, equals('a', 'b')],
      [{ a: 'B' }, equals('a', 'b')],
      [{ a: '3' }, equals('a', 3)],
      [{ a: 3 }, equals('a', '3')],
      [{ a: null }, equals('a', 'null')],
      [{ a: ['b'] }, equals('a', 'b')],
      [{ a: ['b'] }, equals('a.0', 'b')],
      [{ a: {} }, equals('a', '[object Object]')],
      [{ a: 'b' }, equals('a.length', 1)],
      [{ 'a.b': 'c' }, equals('a.b', 'c')],
      [{}, equals('constructor.name', 'Object')],
      [{ a: true }, equals('a', 1)],
      [{ a: 'b' }, { allOf: [equals('a', 'b'), equals('c', 'd')] }],
    ] as const) {
      assert.equal(meets(claims, condition), false, JSON.stringify([claims, condition]));
    }
  });

  it('believes the authority of the rule alone, with a slash at its end or without', () => {
    const other = { authority: 'https://other.example/', anyOf: [equals('b', 1)] };
    const policy = rulesOf(read({ version: '1.0.0', anyOf: [...rules(equals('a', 1)).anyOf, other] }).data);
    assert.ok(meetsPolicy(policy, AUTHORITY, { a: 1 }));
    assert.ok(meetsPolicy(policy, 'https://other.example', { b: 1 }));
    assert.equal(meetsPolicy(policy, 'https://other.example', { a: 1 }), false);
    assert.equal(namesAuthority(policy, `${AUTHORITY}/`), true);
    assert.equal(namesAuthority(policy, `${AUTHORITY}.evil.example`), false);
  });
});
