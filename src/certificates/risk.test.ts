import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAY } from '../base/text.ts';
import { beginOperation, failed, hindered, waitAfter } from './operation-state.ts';
import { emptyPolicy } from './policy.ts';
import { defaultActions } from './policy-body.ts';
import { riskOf } from './risk.ts';

const policyOf = (issuer: string) => ({ ...emptyPolicy(0), issuer, lifetimeActions: defaultActions(issuer) });
const life = { starts: 0, ends: 100 * DAY };
const begun = beginOperation(
  {
    requestId: 'r',
    version: 'v',
    issuer: 'authority',
    certificateType: null,
    certTransparency: null,
    csr: '',
    preserveOrder: false,
    started: 80 * DAY,
    isRenewal: true,
    enabled: true,
  },
  false,
);
const error = { code: 'c', message: 'no' };

describe('the risk of a certificate', () => {
  const kindAt = (day: number, change: Partial<Parameters<typeof riskOf>[0]> = {}) =>
    riskOf({ policy: policyOf('Self'), operation: null, life, isEnabled: true, ...change }, day * DAY, 30 * DAY)?.kind;

  it('is none while it is renewed in time', () => {
    assert.equal(kindAt(10), undefined);
    assert.equal(kindAt(79), undefined);
    assert.equal(kindAt(81, { operation: begun }), undefined);
  });

  it('is told with its cause', () => {
    assert.equal(kindAt(100), 'expired');
    assert.equal(kindAt(81, { operation: failed(begun, error) }), 'renewal-failed');
    assert.equal(kindAt(81, { operation: hindered(begun, error) }), 'renewal-hindered');
    assert.equal(kindAt(83, { operation: begun }), 'waits');
    assert.equal(kindAt(83), 'renewal-due');
    assert.equal(kindAt(71, { policy: policyOf('Unknown') }), 'nobody-renews');
    assert.equal(kindAt(71, { isEnabled: false }), 'nobody-renews');
    assert.equal(kindAt(69, { policy: policyOf('Unknown') }), undefined);
    assert.equal(kindAt(83, { life: null, operation: begun }), 'waits');
  });
});

describe('the wait after a failure', () => {
  it('doubles from a minute, up to six hours', () => {
    assert.deepEqual([1, 2, 3].map(waitAfter), [60_000, 120_000, 240_000]);
    assert.equal(waitAfter(1_000_000), 6 * 3_600_000);
  });
});
