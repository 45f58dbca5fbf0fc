import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interleave, ratioOf, sideOf } from './comparison.ts';

test('two things are measured in turn, each pair in the other order', async () => {
  let order = '';
  const measure = (name: string) => async () => {
    order += name;
    return name;
  };
  const pairs = await interleave(4, measure('a'), measure('b'));
  assert.equal(order, 'abbaabba');
  assert.deepEqual(pairs[1], { a: 'a', b: 'b' });
});

test('a ratio is all of one side over all of the other, with the spread of its neighbouring pairs', () => {
  const pair = (a: number, b: number) => ({ a: { requests: a, seconds: 1 }, b: { requests: b, seconds: 1 } });
  assert.deepEqual(ratioOf([pair(10, 20), pair(1, 2), pair(30, 60)]), {
    value: 0.5,
    lowerQuartile: 0.5,
    upperQuartile: 0.5,
  });
  assert.deepEqual(ratioOf([pair(10, 10), pair(20, 10), pair(30, 10)]), {
    value: 2,
    lowerQuartile: 1.5,
    upperQuartile: 2.5,
  });
});

test('the rate counts answers in time, the cost all answers', () => {
  const total = { requests: 1_000, p50Milliseconds: 1, p99Milliseconds: 2, maxMilliseconds: 3 };
  const side = sideOf({ ...total, serverMicroseconds: 20_000, generatorMicroseconds: 10_000 }, [
    { requests: 450, seconds: 0.02 },
    { requests: 450, seconds: 0.02 },
  ]);
  assert.equal(side.requestsPerSecond, 22_500);
  assert.equal(side.serverMicrosecondsPerRequest, 20);
  assert.equal(side.serverLoad, 0.5);
  assert.equal(side.generatorLoad, 0.25);
});
