import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Refusal } from '../refusals/refusal.ts';
import { WorkLimit } from './work-limit.ts';

/** A piece of work that ends when it is told to. */
function piece() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let isStarted = false;
  const work = () => {
    isStarted = true;
    return promise;
  };
  return { work, resolve, reject, isStarted: () => isStarted };
}

const isBusy = (error: unknown) => error instanceof Refusal && error.code === 'sign-in-busy';

describe('costly work', () => {
  it('runs a few pieces at once and the others in turn, also where one fails', async () => {
    const limit = new WorkLimit({ atOnce: 1, waiting: 2, ofOneSource: 9 });
    const [first, second, third] = [piece(), piece(), piece()];
    const runs = [first, second, third].map(({ work }) => limit.run('a', work));
    await Promise.resolve();
    assert.deepEqual([first.isStarted(), second.isStarted()], [true, false]);
    await assert.rejects(limit.run('b', piece().work), isBusy);
    const failed = assert.rejects(runs[0]!, /went wrong/);
    first.reject(new Error('it went wrong'));
    await failed;
    second.resolve('second');
    assert.equal(await runs[1], 'second');
    third.resolve('third');
    assert.equal(await runs[2], 'third');
    assert.equal(await limit.run('a', async () => 'again'), 'again');
  });

  it('leaves room for others beside one source that wants it all', async () => {
    const limit = new WorkLimit({ atOnce: 1, waiting: 9, ofOneSource: 2 });
    const pieces = [piece(), piece(), piece()];
    const greedy = [pieces[0]!, pieces[1]!].map(({ work }) => limit.run('greedy', work));
    await assert.rejects(limit.run('greedy', piece().work), isBusy);
    const other = limit.run('other', pieces[2]!.work);
    for (const { resolve } of pieces) resolve('done');
    assert.deepEqual(await Promise.all([...greedy, other]), ['done', 'done', 'done']);
    assert.equal(await limit.run('greedy', async () => 'again'), 'again');
  });
});
