import assert from 'node:assert/strict';
import { it } from 'node:test';
import { oneByOne } from './one-by-one.ts';

it('work in a row begins when the piece before has ended, also where that failed', async () => {
  const inTurn = oneByOne();
  const order: string[] = [];
  let fail: (error: Error) => void = () => {};
  const first = inTurn(() => {
    order.push('first');
    return new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
  });
  const second = inTurn(async () => order.push('second'));
  await new Promise((turn) => setImmediate(turn));
  assert.deepEqual(order, ['first']);
  fail(new Error('it does not work'));
  await assert.rejects(first, /it does not work/);
  assert.equal(await second, 2);
});
