import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressGroup, afterFailure, type Failures, isLocked } from './lockout.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 1);

describe('locks', () => {
  it('come with the failure that uses up what is allowed, double with each one more, and end at an hour', () => {
    let state: Failures | null = null;
    const locks: number[] = [];
    for (let failure = 0; failure < 20; failure++) {
      state = afterFailure(state, 10, NOW);
      locks.push(state.lockedUntil === 0 ? 0 : (state.lockedUntil - NOW) / MINUTE);
    }
    assert.deepEqual(locks, [...Array(9).fill(0), 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
  });

  it('let at most 50 guesses a day through, however they are spread', () => {
    for (const pause of [MINUTE, 10 * MINUTE, HOUR, 3 * HOUR]) {
      let state: Failures | null = null;
      let heard = 0;
      for (let now = NOW; now < NOW + 7 * DAY; now += pause) {
        while (!isLocked(state, now)) {
          state = afterFailure(state, 10, now);
          heard++;
        }
      }
      assert.ok(heard / 7 <= 50, `${heard} in a week, every ${pause / MINUTE} minutes`);
    }
  });

  it('never come to an address where fewer fail than are allowed a day, however long that goes on', () => {
    let state: Failures | null = null;
    for (let day = 0; day < 30; day++) {
      for (let failure = 0; failure < 80; failure++) {
        // The working hours, and nobody at night.
        const now: number = NOW + day * DAY + failure * 6 * MINUTE;
        state = afterFailure(state, 100, now);
        assert.equal(state.lockedUntil, 0, `day ${day}, failure ${failure}`);
      }
    }
  });

  it('are forgiven one by one, and forgotten a day after the last failure', () => {
    const state = { failures: 50, lockedUntil: NOW + HOUR, last: NOW };
    assert.equal(afterFailure(state, 10, NOW + DAY / 10 - 1).failures, 51);
    assert.equal(afterFailure(state, 10, NOW + DAY / 10).failures, 50);
    assert.equal(afterFailure(state, 10, NOW + DAY - 1).failures, 42);
    assert.equal(afterFailure(state, 10, NOW + DAY).failures, 1);
    assert.equal(isLocked(state, NOW + HOUR - 1), true);
    assert.equal(isLocked(state, NOW + HOUR), false);
  });
});

describe('addresses', () => {
  it('count by themselves, and by their network of 64 bits in IPv6', () => {
    assert.equal(addressGroup('192.0.2.1'), '192.0.2.1');
    assert.equal(addressGroup('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(addressGroup('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(addressGroup('2001:DB8:1:2::'), '2001:db8:1:2::/64');
    assert.equal(addressGroup('::1'), '0:0:0:0::/64');
    assert.equal(addressGroup(''), 'unknown');
  });
});
