import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFilter } from './filter.ts';

describe('the filter of the directory', () => {
  it('reads what az sends', () => {
    assert.deepEqual(parseFilter("appId eq 'x'"), { kind: 'eq', property: 'appId', value: 'x' });
    assert.deepEqual(parseFilter("servicePrincipalNames/any(c:c eq 'https://a')"), {
      kind: 'any',
      property: 'servicePrincipalNames',
      value: 'https://a',
    });
    assert.deepEqual(parseFilter("startswith(displayName,'O''Neill, (x)')"), {
      kind: 'startswith',
      property: 'displayName',
      value: "O'Neill, (x)",
    });
    assert.deepEqual(parseFilter("  startswith( displayName , '' ) "), {
      kind: 'startswith',
      property: 'displayName',
      value: '',
    });
    assert.deepEqual(parseFilter('accountEnabled eq false'), { kind: 'eq', property: 'accountEnabled', value: false });
  });

  it('binds and before or, and follows parentheses', () => {
    const eq = (property: string) => ({ kind: 'eq', property, value: '1' });
    const [a, b, c] = [eq('a'), eq('b'), eq('c')];
    assert.deepEqual(parseFilter("a eq '1' or b eq '1' and c eq '1'"), {
      kind: 'or',
      terms: [a, { kind: 'and', terms: [b, c] }],
    });
    assert.deepEqual(parseFilter("(a eq '1' or b eq '1') and c eq '1'"), {
      kind: 'and',
      terms: [{ kind: 'or', terms: [a, b] }, c],
    });
    assert.deepEqual(parseFilter("((a eq '1'))"), a);
  });

  it('refuses everything else as a whole', () => {
    for (const text of [
      '',
      ' ',
      'a',
      'a eq',
      'a eq b',
      'a eq 1',
      'a eq null',
      "a eq 'x",
      "a eq 'x' y",
      "a eq 'x' and",
      "and a eq 'x'",
      "a ne 'x'",
      "a EQ 'x'",
      "a eq 'x' AND b eq 'y'",
      "not a eq 'x'",
      "not(a eq 'x')",
      "'x' eq a",
      "(a eq 'x'",
      "a eq 'x')",
      "startswith(a,'x'",
      "startswith(a 'x')",
      "startswith(a,'x') eq true",
      "endswith(a,'x')",
      "contains(a,'x')",
      "a/any(c:d eq 'x')",
      "a/any(c:c/x eq 'x')",
      "a/any(c:startswith(c,'x'))",
      'a/any()',
      "a/all(c:c eq 'x')",
      "a/b eq 'x'",
      "a in ('x','y')",
      "a eq 'x'; drop table principals",
      "a eq 'x' --",
      'a eq "x"',
      'a eq \u2018x\u2019',
      "a.b eq 'x'",
      "a eq '\u0000'",
      "a eq '\ud800'",
      `a eq '${'x'.repeat(5000)}'`,
      `${'('.repeat(12)}a eq 'x'${')'.repeat(12)}`,
      Array.from({ length: 51 }, () => "a eq 'x'").join(' or '),
    ]) {
      assert.equal(parseFilter(text), null, text.slice(0, 60));
    }
  });

  it('refuses or reads every prefix of a filter, and never throws', () => {
    const text = "(appId eq 'a''b' or startswith(displayName,'c')) and names/any(x:x eq 'd') and on eq true";
    assert.ok(parseFilter(text));
    for (let length = 0; length < text.length; length++) {
      const cut = parseFilter(text.slice(0, length));
      assert.ok(cut === null || text.slice(length).trimStart().startsWith('and'), text.slice(0, length));
    }
  });
});
