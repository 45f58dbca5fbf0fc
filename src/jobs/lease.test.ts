import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { holdsLease, takeLease } from './lease.ts';

describe('a lease', () => {
  let parts: TestParts;
  before(async () => {
    parts = await testParts();
  });
  after(() => parts.cleanup());

  const take = (holder: string, now: number, name = 'job') => takeLease(parts.store, name, holder, now, 1000);
  const holds = (lease: Awaited<ReturnType<typeof take>>) =>
    parts.store.write((transaction) => holdsLease(transaction, lease!));

  it("is one holder's until it ends, and renewed under the same fence", async () => {
    const first = await take('a', 0);
    assert.deepEqual(first, { name: 'job', fence: 1, expires: 1000 });
    assert.equal(await take('b', 999), null);
    const renewed = await take('a', 500);
    assert.deepEqual(renewed, { name: 'job', fence: 1, expires: 1500 });
    assert.equal(await take('b', 1499), null);
    assert.ok(await holds(first));
  });

  it('goes to another once it has ended, under a higher fence, and the former holder is fenced off', async () => {
    const former = await take('a', 1500);
    const next = await take('b', 2500);
    assert.equal(next?.fence, former!.fence + 1);
    assert.deepEqual([await holds(former), await holds(next)], [false, true]);
    assert.equal(await take('a', 2600), null);
    const back = await take('a', 3500);
    assert.equal(back?.fence, next!.fence + 1);
    assert.equal(await holds(next), false);
  });

  it('goes to one of many who ask at once', async () => {
    const taken = await Promise.all(Array.from({ length: 10 }, (_, index) => take(`node-${index}`, 0, 'wanted')));
    assert.equal(taken.filter((lease) => lease !== null).length, 1);
  });

  it('is another for each name', async () => {
    assert.ok(await take('x', 0, 'one'));
    assert.ok(await take('y', 0, 'two'));
    assert.equal(
      await parts.store.write((transaction) => holdsLease(transaction, { name: 'none', fence: 1, expires: 5 })),
      false,
    );
  });
});
