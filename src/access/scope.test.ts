import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { foldScope, parseScope, scopesAbove, scopesBelow } from './scope.ts';

const vault = '/subscriptions/s1/resourceGroups/g1/providers/Microsoft.KeyVault/vaults/v1';

describe('scopes', () => {
  it('are read by the form of their path', () => {
    assert.deepEqual(parseScope('/'), { kind: 'root' });
    assert.deepEqual(parseScope('/Subscriptions/S1/'), { kind: 'subscription', subscriptionId: 'S1' });
    assert.deepEqual(parseScope('/subscriptions/s1/resourcegroups/g1'), {
      kind: 'group',
      subscriptionId: 's1',
      group: 'g1',
    });
    const at = { kind: 'resource', subscriptionId: 's1', group: 'g1', type: 'Microsoft.KeyVault/vaults', name: 'v1' };
    assert.deepEqual(parseScope(vault), { ...at, child: null });
    assert.deepEqual(parseScope(`${vault}/secrets/a`), { ...at, child: { type: 'secrets', name: 'a' } });
  });

  it('are not read where a segment is missing, empty or too many', () => {
    for (const scope of [
      'subscriptions/s1',
      '/subscriptions',
      '/x/s1',
      '//',
      `${vault}/secrets`,
      `${vault}//a`,
      `${vault}/a/b/c`,
    ]) {
      assert.equal(parseScope(scope), null, scope);
    }
  });

  it('have the scopes above them, the root first', () => {
    assert.deepEqual(scopesAbove('/'), ['/']);
    assert.deepEqual(scopesAbove(foldScope(`${vault}/secrets/a`)), [
      '/',
      '/subscriptions/s1',
      '/subscriptions/s1/resourcegroups/g1',
      foldScope(vault),
      foldScope(`${vault}/secrets/a`),
    ]);
    assert.deepEqual(scopesAbove('/subscriptions/s1'), ['/', '/subscriptions/s1']);
  });

  it('have a range below them that holds no neighbour', () => {
    const { from, to } = scopesBelow('/subscriptions/s1/resourcegroups/g');
    const holds = (key: string) => key >= from && key < to;
    assert.ok(holds('/subscriptions/s1/resourcegroups/g/providers/x'));
    for (const key of ['', '1', '-a', '0']) assert.equal(holds(`/subscriptions/s1/resourcegroups/g${key}`), false, key);
    const root = scopesBelow('/');
    assert.ok('/subscriptions/s1' >= root.from && '/subscriptions/s1' < root.to);
    assert.equal('/' >= root.from, false);
  });
});
