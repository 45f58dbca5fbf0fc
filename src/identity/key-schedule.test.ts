import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY } from '../base/text.ts';
import {
  dueAt,
  endsAt,
  MAY_SIGN_FOR_MS,
  type ScheduledKey,
  signerAt,
  stateAt,
  VERIFIES_FOR_MS,
} from './key-schedule.ts';

const policy = { signsFor: 60 * DAY, announcedFor: 2 * DAY };
const key = (kid: string, signs: number, canSign = true): ScheduledKey => ({ kid, created: signs, signs, canSign });
const nothing = { announce: null, destroy: [], remove: [] };

describe('the schedule of signing keys', () => {
  it('has nothing to do while a key signs in its time', () => {
    assert.deepEqual(dueAt([key('a', 0)], policy, 57 * DAY), nothing);
  });

  it('announces the next key so early that it is published for its time, and signs on the day', () => {
    assert.equal(dueAt([key('a', 0)], policy, 58 * DAY).announce, 60 * DAY);
    assert.equal(dueAt([key('a', 0)], policy, 58 * DAY - 1).announce, null);
  });

  it('never lets a key sign before it was published for its time, however late it is made', () => {
    assert.equal(dueAt([key('a', 0)], policy, 400 * DAY).announce, 402 * DAY);
  });

  it('announces one key at a time', () => {
    const keys = [key('a', 0), key('b', 60 * DAY)];
    assert.deepEqual(dueAt(keys, policy, 59 * DAY), nothing);
    assert.deepEqual(dueAt(keys, policy, 60 * DAY), nothing);
  });

  it('makes the first key, and one where all were lost, at once', () => {
    assert.equal(dueAt([], policy, 5).announce, 5);
    assert.equal(dueAt([key('a', 0, false)], policy, 5).announce, 5);
  });

  it('changes the signer at the instant, on a clock that is behind later', () => {
    const keys = [key('a', 0), key('b', 100)];
    assert.deepEqual(
      [99, 100].map((now) => signerAt(keys, now)),
      [0, 1],
    );
    assert.deepEqual(
      [0, 1].map((index) => stateAt(keys, index, 99)),
      ['signing', 'announced'],
    );
    assert.deepEqual(
      [0, 1].map((index) => stateAt(keys, index, 100)),
      ['retired', 'signing'],
    );
  });

  it('signs with the next key where the private part of the old one is gone, whatever the clock says', () => {
    assert.equal(signerAt([key('a', 0, false), key('b', 100)], 50), 1);
  });

  it('destroys the private part when no node signs with it any more, and removes the key when its last token has ended', () => {
    const keys = [key('a', 0), key('b', 100)];
    assert.deepEqual(dueAt(keys, policy, 100 + MAY_SIGN_FOR_MS - 1).destroy, []);
    assert.deepEqual(dueAt(keys, policy, 100 + MAY_SIGN_FOR_MS).destroy, ['a']);
    assert.equal(endsAt(keys, 0), 100 + VERIFIES_FOR_MS);
    assert.equal(endsAt(keys, 1), null);
    assert.deepEqual(dueAt(keys, policy, 100 + VERIFIES_FOR_MS - 1).remove, []);
    assert.deepEqual(dueAt(keys, policy, 100 + VERIFIES_FOR_MS).remove, ['a']);
    assert.deepEqual(dueAt([key('a', 0, false), key('b', 100)], policy, 100 + MAY_SIGN_FOR_MS).destroy, []);
  });
});
