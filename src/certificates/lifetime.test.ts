import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY } from '../base/text.ts';
import { nextDue, renewalAt, triggeredAt } from './lifetime.ts';
import { emptyPolicy, type LifetimeAction } from './policy.ts';

const life = { starts: 0, ends: 100 * DAY };
const policyWith = (issuer: string, ...lifetimeActions: LifetimeAction[]) => ({
  ...emptyPolicy(0),
  subject: 'CN=a',
  issuer,
  lifetimeActions,
});
const renew: LifetimeAction = { type: 'AutoRenew', trigger: { lifetimePercentage: 80 } };
const tell: LifetimeAction = { type: 'EmailContacts', trigger: { daysBeforeExpiry: 30 } };

/** Every moment that a policy asks for, in days. */
function duesOf(policy: ReturnType<typeof policyWith>): readonly (readonly [number, string])[] {
  const dues: [number, string][] = [];
  for (let due = nextDue(policy, life, 0); due; due = nextDue(policy, life, due.at))
    dues.push([due.at / DAY, due.what]);
  return dues;
}

describe('the life of a certificate', () => {
  it('has triggers by percentage and by days', () => {
    assert.equal(triggeredAt({ lifetimePercentage: 80 }, life), 80 * DAY);
    assert.equal(triggeredAt({ daysBeforeExpiry: 30 }, life), 70 * DAY);
    assert.equal(triggeredAt({ daysBeforeExpiry: 300 }, life), 0);
  });

  it('is renewed by whoever can, and by nobody else', () => {
    assert.equal(renewalAt(policyWith('Self', renew), life), 80 * DAY);
    assert.equal(renewalAt(policyWith('authority', renew), life), 80 * DAY);
    assert.equal(renewalAt(policyWith('Unknown', renew), life), null);
    assert.equal(renewalAt(policyWith('Self', tell), life), null);
  });

  it('is told weekly from the trigger, daily in the last week, and at the end', () => {
    const weekly = [70, 77, 84, 91].map((day) => [day, 'tell'] as const);
    const daily = [93, 94, 95, 96, 97, 98, 99].map((day) => [day, 'tell'] as const);
    assert.deepEqual(duesOf(policyWith('Unknown', tell)), [...weekly, ...daily, [100, 'expired']]);
  });

  it('never ends silently, whatever the policy says', () => {
    for (const policy of [policyWith('Self'), policyWith('Self', renew), policyWith('Unknown', renew)]) {
      const dues = duesOf(policy);
      assert.deepEqual(dues.at(-1), [100, 'expired']);
      assert.ok(dues.filter(([day, what]) => day >= 93 && what === 'tell').length >= 7);
    }
    assert.equal(nextDue(policyWith('Self', renew), life, life.ends), null);
  });
});
