import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HealthState, judgeHealth } from './health.ts';
import type { IssuerHealth } from './issuer.ts';

const DAY = 86_400_000;
const good: IssuerHealth = { isGood: true };
const refused: IssuerHealth = { isGood: false, code: 'unauthorized', details: 'the key was revoked' };
const silent: IssuerHealth = { isGood: false, code: 'issuer-unreachable', details: 'nobody answers' };

/** What daily looks alarm. */
function alarms(looks: readonly IssuerHealth[]): readonly string[] {
  let state: HealthState | null = null;
  return looks.map((health, day) => {
    const judged = judgeHealth(state, health, day * DAY);
    state = judged.state;
    return judged.alarm;
  });
}

describe('the daily look at an issuer', () => {
  it('alarms at once where credentials are refused, and once when they are taken again', () => {
    assert.deepEqual(alarms([good, refused, refused, good, good]), ['none', 'went-bad', 'none', 'recovered', 'none']);
  });

  it('bears with an authority that is away for a night', () => {
    assert.deepEqual(alarms([good, silent, silent, good]), ['none', 'none', 'none', 'none']);
    assert.deepEqual(alarms([silent, silent, silent, good]), ['none', 'none', 'went-bad', 'recovered']);
  });

  it('alarms each week again', () => {
    const told = alarms(Array.from({ length: 16 }, () => refused));
    assert.deepEqual(
      told.flatMap((alarm, day) => (alarm === 'none' ? [] : [`${day} ${alarm}`])),
      ['0 went-bad', '7 still-bad', '14 still-bad'],
    );
  });

  it('keeps since when it has been so', () => {
    const first = judgeHealth(null, silent, 5);
    assert.equal(judgeHealth(first.state, refused, DAY).state.since, 5);
    assert.equal(judgeHealth(first.state, good, DAY).state.since, DAY);
  });
});
