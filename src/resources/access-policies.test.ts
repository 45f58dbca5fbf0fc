import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Refusal } from '../refusals/refusal.ts';
import { changePolicies, MAX_ACCESS_POLICIES, readAccessPolicies, spellPermission } from './access-policies.ts';
import type { AccessPolicy } from './vault.ts';

const tenantId = '11111111-1111-4111-8111-111111111111';
const alice = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const bob = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
const policy = (objectId: string, secrets: readonly string[]): AccessPolicy => ({
  tenantId,
  objectId,
  permissions: { secrets },
});

describe('access policies of a request', () => {
  it('are read with ids and permissions in lower case, without repetition', () => {
    const read = readAccessPolicies(
      [
        {
          tenantId,
          objectId: alice.toUpperCase(),
          permissions: { secrets: ['Get', 'get', 'LIST'], keys: ['WrapKey'] },
        },
      ],
      tenantId,
    );
    assert.deepEqual(read, [
      { tenantId, objectId: alice, permissions: { secrets: ['get', 'list'], keys: ['wrapkey'] } },
    ]);
    assert.equal(spellPermission('wrapkey'), 'wrapKey');
  });

  it('are refused whole where one member is wrong, and the refusal says which', () => {
    const good = { tenantId, objectId: alice, permissions: { secrets: ['get'] } };
    const wrong: [unknown, string][] = [
      [{}, 'accessPolicies'],
      [[good, 7], 'accessPolicies[1]'],
      [[{ ...good, tenantId: bob }], 'accessPolicies[0].tenantId'],
      [[{ ...good, objectId: 'alice' }], 'accessPolicies[0].objectId'],
      [[{ ...good, applicationId: 'app' }], 'accessPolicies[0].applicationId'],
      [[{ ...good, permissions: ['get'] }], 'accessPolicies[0].permissions'],
      [[{ ...good, permissions: { secrets: 'get' } }], 'accessPolicies[0].permissions.secrets'],
      [[{ ...good, permissions: { secrets: ['get', 'gеt'] } }], 'accessPolicies[0].permissions.secrets[1]'],
      [Array.from({ length: MAX_ACCESS_POLICIES + 1 }, () => good), 'accessPolicies'],
    ];
    for (const [value, property] of wrong) {
      assert.throws(
        () => readAccessPolicies(value, tenantId),
        (error) => error instanceof Refusal && error.facts['property'] === `properties.${property}`,
        property,
      );
    }
  });
});

describe('changing access policies one by one', () => {
  const before = [policy(alice, ['get', 'list']), policy(bob, ['set'])];

  it('adds permissions to the entry of the principal, or a new entry', () => {
    const after = changePolicies(before, 'add', [policy(bob, ['get'])]);
    assert.deepEqual(after, [policy(alice, ['get', 'list']), policy(bob, ['set', 'get'])]);
    assert.equal(changePolicies([], 'add', [policy(bob, ['get'])]).length, 1);
  });

  it('replaces an entry, and takes away permissions or the whole entry', () => {
    assert.deepEqual(changePolicies(before, 'replace', [policy(alice, ['backup'])])[1], policy(alice, ['backup']));
    assert.deepEqual(changePolicies(before, 'remove', [policy(alice, ['list'])])[1], policy(alice, ['get']));
    assert.deepEqual(changePolicies(before, 'remove', [policy(alice, ['get', 'list'])]), [policy(bob, ['set'])]);
    assert.deepEqual(changePolicies(before, 'remove', [policy(tenantId, ['get'])]), before);
  });

  it('takes an application into account: the entries of one principal are told apart by it', () => {
    const through = { ...policy(alice, ['purge']), applicationId: bob };
    const after = changePolicies(before, 'add', [through]);
    assert.equal(after.length, 3);
    assert.deepEqual(changePolicies(after, 'remove', [through]), before);
  });
});
