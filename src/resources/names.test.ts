import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGroupName, isIdentityName, isVaultName, knownLocations, normaliseLocation } from './names.ts';

describe('names of resources', () => {
  it('of vaults have 3 to 24 letters, digits and single hyphens, a letter first', () => {
    for (const name of ['abc', 'A-b-9', 'a'.repeat(24)]) assert.ok(isVaultName(name), name);
    for (const name of ['', 'ab', 'a'.repeat(25), '9ab', '-ab', 'ab-', 'a--b', 'a_b', 'a.b', 'aéb', 'abc\n']) {
      assert.equal(isVaultName(name), false, name);
    }
  });

  it('of groups are ASCII and do not end in a period', () => {
    for (const name of ['a', 'My.Group_(1)-x', 'g'.repeat(90)]) assert.ok(isGroupName(name), name);
    for (const name of ['', 'a.', 'a/b', 'a b', 'grüppe', 'g'.repeat(91), 'a\n'])
      assert.equal(isGroupName(name), false, name);
  });

  it('of identities start with a letter or digit', () => {
    assert.ok(isIdentityName('9_a-b'));
    for (const name of ['ab', '-abc', 'a.b', 'a'.repeat(129)]) assert.equal(isIdentityName(name), false, name);
  });

  it('of locations are the same with spaces and capitals', () => {
    assert.equal(normaliseLocation('West Europe'), 'westeurope');
    for (const { name, displayName } of knownLocations) assert.equal(normaliseLocation(displayName), name);
    for (const text of ['', 'x', 'a/b', 'moon!', 'é'.repeat(5)]) assert.equal(normaliseLocation(text), null, text);
  });
});
