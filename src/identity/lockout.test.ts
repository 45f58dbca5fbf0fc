import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressGroup, afterFailure, type Failures, isLocked } from './lockout.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
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

  it('let at most 40 guesses a day through, however they are spread', () => {
    let state: Failures | null = null;
    let heard = 0;
    for (let now = NOW; now < NOW + 24 * HOUR; now += MINUTE) {
      while (!isLocked(state, now)) {
        state = afterFailure(state, 10, now);
        heard++;
      }
    }
    assert.ok(heard <= 40, `${heard} were heard`);
  });

  it('are forgotten a day after the last failure', () => {
    const state = { failures: 50, lockedUntil: NOW + HOUR, last: NOW };
    assert.equal(afterFailure(state, 10, NOW + 24 * HOUR - 1).failures, 51);
    assert.deepEqual(afterFailure(state, 10, NOW + 24 * HOUR).failures, 1);
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
