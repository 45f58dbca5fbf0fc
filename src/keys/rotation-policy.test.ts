import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY } from '../base/text.ts';
import { after, before, readDuration } from './duration.ts';
import { expiryOf, readRotationPolicy, rotationDue } from './rotation-policy.ts';

const now = Date.UTC(2026, 0, 31);
const rotate = (trigger: object) => ({ trigger, action: { type: 'rotate' } });
const notify = (trigger: object) => ({ trigger, action: { type: 'Notify' } });
const policy = (lifetimeActions: readonly unknown[], expiryTime?: string) =>
  readRotationPolicy({ lifetimeActions, ...(expiryTime && { attributes: { expiryTime } }) }, now, now);

describe('a duration', () => {
  it('counts calendar months and ends a month that is too short on its last day', () => {
    assert.equal(after(now, readDuration('P1M')!), Date.UTC(2026, 1, 28));
    assert.equal(before(Date.UTC(2024, 2, 31), readDuration('P1M')!), Date.UTC(2024, 1, 29));
    assert.equal(after(now, readDuration('P2Y')!), Date.UTC(2028, 0, 31));
    assert.equal(after(now, readDuration('P1W2DT3H4M5S')!), now + 9 * DAY + 11_045_000);
  });

  it('is nothing but one', () => {
    for (const text of [
      '',
      'P',
      'PT',
      'P1',
      '1D',
      'P1.5D',
      'P-1D',
      'P1DT',
      'p1d',
      'P1M1Y',
      ' P1D',
      'P99999Y',
      5,
      null,
    ]) {
      assert.equal(readDuration(text), null, String(text));
    }
  });
});

describe('a rotation policy', () => {
  it('gets the notice that the service implies', () => {
    const { rotate: made, notify: given, expiryTime } = policy([rotate({ timeAfterCreate: 'P90D' })], 'P2Y');
    assert.deepEqual([made, given, expiryTime], [{ timeAfterCreate: 'P90D' }, { timeBeforeExpiry: 'P30D' }, 'P2Y']);
    assert.deepEqual(policy([notify({ timeBeforeExpiry: 'P10D' })], 'P90D').notify, { timeBeforeExpiry: 'P10D' });
  });

  it('tells when the next version is due and how long it lives', () => {
    const afterCreation = policy([rotate({ timeAfterCreate: 'P90D' })], 'P1Y');
    assert.equal(rotationDue(afterCreation, { created: now, exp: null }), now + 90 * DAY);
    assert.equal(expiryOf(afterCreation, now), Date.UTC(2027, 0, 31) / 1000);
    const beforeExpiry = policy([rotate({ timeBeforeExpiry: 'P30D' })], 'P1Y');
    assert.equal(rotationDue(beforeExpiry, { created: now, exp: null }), null);
    assert.equal(rotationDue(beforeExpiry, { created: now, exp: (now + 40 * DAY) / 1000 }), now + 10 * DAY);
    assert.equal(rotationDue(null, { created: now, exp: 5 }), null);
    assert.equal(expiryOf(policy([]), now), null);
  });

  it('is refused where it is out of the ranges', () => {
    const wrong: readonly (() => unknown)[] = [
      () => policy([], 'P27D'),
      () => policy([], 'P1D2'),
      () => policy([rotate({ timeAfterCreate: 'P6D' })], 'P90D'),
      () => policy([rotate({ timeAfterCreate: 'P84D' })], 'P90D'),
      () => policy([rotate({ timeBeforeExpiry: 'P6D' })], 'P90D'),
      () => policy([rotate({ timeBeforeExpiry: 'P84D' })], 'P90D'),
      () => policy([rotate({ timeBeforeExpiry: 'P30D' })]),
      () => policy([rotate({})]),
      () => policy([rotate({ timeAfterCreate: 'P30D', timeBeforeExpiry: 'P30D' })], 'P90D'),
      () => policy([notify({ timeAfterCreate: 'P30D' })], 'P90D'),
      () => policy([rotate({ timeAfterCreate: 'P30D' }), rotate({ timeAfterCreate: 'P30D' })], 'P90D'),
      () => policy([{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Delete' } }]),
      () => readRotationPolicy({ lifetimeActions: {} }, now, now),
      () => readRotationPolicy({ lifetimeActions: [5] }, now, now),
    ];
    for (const one of wrong) assert.throws(one, { code: 'property-invalid' }, String(one));
  });
});
