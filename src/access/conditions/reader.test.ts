import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attributeKey, judgeCondition, secretName, type Truth } from './condition.ts';
import { isLike } from './operators.ts';
import { conditionOf, readCondition } from './reader.ts';

const get = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';
const name = '@Resource[Microsoft.KeyVault/vaults/secrets:name]';
const roleId = '@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]';
const one = '11111111-1111-4111-8111-111111111111';
const two = '22222222-2222-4222-8222-222222222222';

function judge(text: string, secret: string | null, action = get): Truth {
  const read = readCondition(text);
  assert.ok('expression' in read, `${text}: ${'problem' in read ? read.problem : ''}`);
  const attributes = new Map(secret === null ? [] : [[secretName, secret]]);
  return judgeCondition(read.expression, { action, attributes });
}

describe('conditions', () => {
  it('compare texts as the service does, the letters of a name in their case', () => {
    const cases: readonly (readonly [string, string, Truth])[] = [
      [`${name} StringEquals 'app-key'`, 'app-key', 'yes'],
      [`${name} StringEquals 'app-key'`, 'APP-key', 'no'],
      [`${name} StringEqualsIgnoreCase 'app-key'`, 'APP-key', 'yes'],
      [`${name} StringNotEquals 'app-key'`, 'other', 'yes'],
      [`${name} StringNotEquals 'app-key'`, 'app-key', 'no'],
      [`${name} StringStartsWith 'app-'`, 'app-key', 'yes'],
      [`${name} StringStartsWith 'app-'`, 'App-key', 'no'],
      [`${name} StringNotStartsWith 'app-'`, 'db-key', 'yes'],
      [`${name} StringLike 'app-*-?'`, 'app-x-y-1', 'yes'],
      [`${name} StringLike 'app-*-?'`, 'app-x-y-12', 'no'],
      [`${name} StringNotLike 'app*'`, 'db', 'yes'],
      [`${name} ForAnyOfAnyValues:StringEquals {'a', 'b'}`, 'b', 'yes'],
      [`${name} ForAnyOfAnyValues:StringEquals {'a', 'b'}`, 'c', 'no'],
      [`${name} ForAllOfAnyValues:StringEquals {'a', 'b'}`, 'a', 'yes'],
      [`${name} ForAnyOfAllValues:StringNotEquals {'a', 'b'}`, 'c', 'yes'],
      [`${name} ForAllOfAllValues:StringNotEquals {'a', 'b'}`, 'b', 'no'],
    ];
    for (const [text, secret, expected] of cases) assert.equal(judge(text, secret), expected, `${text} of ${secret}`);
  });

  it('never turn an absent name into a right, whichever way they are negated', () => {
    for (const text of [
      `${name} StringEquals 'a'`,
      `${name} StringNotEquals 'a'`,
      `!(${name} StringEquals 'a')`,
      `NOT ${name} StringNotLike '*'`,
      `${name} StringEquals 'a' OR ${name} StringNotEquals 'a'`,
    ]) {
      assert.equal(judge(text, null), 'unknown', text);
    }
    assert.equal(judge(`NOT Exists ${name} OR ${name} StringEquals 'a'`, null), 'yes');
    assert.equal(judge(`!(ActionMatches{'${get}'}) OR ${name} StringEquals 'a'`, null, `${get}2`), 'yes');
    assert.equal(judge(`!(ActionMatches{'${get}'}) OR ${name} StringEquals 'a'`, null), 'unknown');
  });

  it('bind NOT before AND before OR, in words and in signs, over any white space', () => {
    const yes = `ActionMatches{'*'}`;
    const no = `!(ActionMatches{'*'})`;
    assert.equal(judge(`${yes} OR ${yes} AND ${no}`, 'x'), 'yes');
    assert.equal(judge(`(${yes} || ${yes}) && ${no}`, 'x'), 'no');
    assert.equal(judge(`!${no} and\n\tnot ${no}`, 'x'), 'yes');
    assert.equal(judge(`((${no}) or (${yes}))`, 'x'), 'yes');
    assert.equal(judge(`ActionMatches{'MICROSOFT.keyvault/vaults/secrets/*'}`, 'x'), 'yes');
  });

  it('read sets of GUIDs with and without quotes', () => {
    const read = conditionOf(`${roleId} ForAnyOfAnyValues:GuidEquals {${one}, '${two}'}`);
    const key = attributeKey('request', 'microsoft.authorization/roleassignments:roledefinitionid');
    for (const [found, expected] of [
      [two.toUpperCase(), 'yes'],
      [one.replace('1', '3'), 'no'],
    ] as const) {
      assert.equal(judgeCondition(read, { action: 'a', attributes: new Map([[key, found]]) }), expected);
    }
  });

  it('are refused where anything is not understood', () => {
    const bad = [
      '',
      'true',
      name,
      `${name} StringEquals`,
      `${name} StringEquals a`,
      `${name} StringEquals 'a`,
      `${name} StringEquals 'a' garbage`,
      `${name} StringEquals 'a' AND`,
      `(${name} StringEquals 'a'`,
      `${name} StringEquals 'a')`,
      `${name} StringEquals {'a'}`,
      `${name} ForAnyOfAnyValues:StringEquals 'a'`,
      `${name} ForAnyOfAnyValues:StringEquals {}`,
      `${name} StringMatches 'a'`,
      `${name} NumericEquals 1`,
      `${name} GuidEquals ${one}`,
      `${name} StringEquals ${name}`,
      name.replace('@Resource', '@Principal'),
      `${name.replace('@Resource', '@Request')} StringEquals 'a'`,
      `${name.replace(':name', ':tags')} StringEquals 'a'`,
      `${name.replace('n', 'ո')} StringEquals 'a'`,
      `@Environment[UtcNow] DateTimeGreaterThan '2024-01-01'`,
      `${roleId} GuidEquals 'x'`,
      `ActionMatches{'a'`,
      `ActionMatches('a')`,
      `SubOperationMatches{'a'}`,
      `${'('.repeat(100)}${name} StringEquals 'a'${')'.repeat(100)}`,
      `${'!'.repeat(100)}${name} StringEquals 'a'`,
      `${name} StringEquals '${'a'.repeat(9000)}'`,
    ];
    for (const text of bad) assert.ok('problem' in readCondition(text), text.slice(0, 100));
  });

  it('that cannot be read give nothing', () => {
    assert.equal(judgeCondition(conditionOf('nonsense'), { action: get, attributes: new Map() }), 'unknown');
  });
});

describe('patterns of texts', () => {
  it('take any text for a star and one character for a question mark', () => {
    for (const [text, pattern, expected] of [
      ['', '', true],
      ['', '*', true],
      ['', '?', false],
      ['abc', 'a*c', true],
      ['abc', 'a?c', true],
      ['abc', '*b', false],
      ['aXbXc', 'a*X*c', true],
      ['a'.repeat(5000), `${'*a'.repeat(500)}b`, false],
    ] as const) {
      assert.equal(isLike(text, pattern), expected, `${text.slice(0, 20)} ~ ${pattern.slice(0, 20)}`);
    }
  });
});
