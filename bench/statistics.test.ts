import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, quartiles, readable } from './statistics.ts';

test('the median is the middle value, whatever the order', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 9]), 3);
  assert.equal(median([7]), 7);
  assert.throws(() => median([]), RangeError);
});

test('the quartiles enclose the middle half', () => {
  assert.deepEqual(quartiles([5, 4, 3, 2, 1]), [2, 4]);
  assert.deepEqual(quartiles([3]), [3, 3]);
});

test('figures are printed for people', () => {
  assert.equal(readable(12345.6), '12,346');
  assert.equal(readable(0.123456), '0.123');
  assert.equal(readable(17.94), '17.9');
});
