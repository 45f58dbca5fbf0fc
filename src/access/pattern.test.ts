import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchesAction } from './pattern.ts';

const get = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';

describe('a pattern of a role', () => {
  it('takes the action itself, in any ASCII case', () => {
    assert.ok(matchesAction(get, get));
    assert.ok(matchesAction(get.toUpperCase(), get.toLowerCase()));
    assert.ok(!matchesAction(get, `${get}x`));
    assert.ok(!matchesAction(get, get.slice(0, -1)));
    assert.ok(!matchesAction('', get));
  });

  it('takes any text for an asterisk, slashes and nothing too', () => {
    for (const pattern of [
      '*',
      '**',
      'Microsoft.KeyVault/*',
      'microsoft.keyvault/vaults/secrets/*',
      '*/action',
      '*/getSecret/*',
      'M*/v*/s*/g*/a*',
      `${get}*`,
      `*${get}`,
      'Microsoft.KeyVault/vaults/*/action',
    ]) {
      assert.ok(matchesAction(pattern, get), pattern);
    }
    for (const pattern of [
      '*/read',
      'Microsoft.KeyVault/vaults/keys/*',
      '*/getSecrets/*',
      'Microsoft.KeyVault/*/delete',
      '*action/*action',
      'Microsoft.KeyVault/vaults/secrets/getSecret/action/*',
    ]) {
      assert.ok(!matchesAction(pattern, get), pattern);
    }
  });

  it('uses no character twice', () => {
    assert.ok(!matchesAction('a*a', 'a'));
    assert.ok(matchesAction('a*a', 'aa'));
    assert.ok(!matchesAction('ab*ba', 'aba'));
    assert.ok(!matchesAction('a*b*b', 'ab'));
    assert.ok(matchesAction('a*b*b', 'abb'));
  });

  it('takes nothing else as special', () => {
    for (const pattern of ['Microsoft?KeyVault/*', '.*', '[a-z]*', '%', 'Microsoft.KeyVault/(vaults|x)/*', '\\*']) {
      assert.ok(!matchesAction(pattern, get), pattern);
    }
  });

  it('takes no Unicode twin of a letter', () => {
    assert.ok(!matchesAction(get, get.replace('K', '\u212a')));
    assert.ok(!matchesAction(get.replace('s', '\u017f'), get));
    assert.ok(!matchesAction(get, get.replace('i', '\u0131')));
  });

  it('is judged in time that grows with its length only', () => {
    const start = performance.now();
    assert.ok(!matchesAction(`${'*a'.repeat(2000)}b`, 'a'.repeat(20_000)));
    assert.ok(performance.now() - start < 1000);
  });
});
