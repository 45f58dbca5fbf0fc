import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleVault } from '../../tests/support/samples.ts';
import { judgeAddress, rangeHolds } from './rules.ts';

const judge = (
  address: string,
  ipRules: readonly string[],
  publicNetworkAccess: 'Enabled' | 'Disabled' = 'Enabled',
  defaultAction: 'Allow' | 'Deny' = 'Deny',
) =>
  judgeAddress(
    sampleVault({ settings: { publicNetworkAccess, networkAcls: { bypass: 'None', defaultAction, ipRules } } })
      .settings,
    address,
  );

describe('the network rules of a vault', () => {
  it('let everyone in while the default is to allow, whatever rules there are', () => {
    assert.deepEqual(judge('198.51.100.1', ['203.0.113.0/24'], 'Enabled', 'Allow'), { allowed: true, by: 'open' });
  });

  it('let in what a rule holds, and say which', () => {
    const rules = ['203.0.113.0/24', '2001:db8::/32', '192.0.2.7'];
    assert.deepEqual(judge('203.0.113.255', rules), { allowed: true, by: 'ip-rule', rule: '203.0.113.0/24' });
    assert.deepEqual(judge('192.0.2.7', rules), { allowed: true, by: 'ip-rule', rule: '192.0.2.7' });
    assert.deepEqual(judge('2001:db8:ffff::1', rules), { allowed: true, by: 'ip-rule', rule: '2001:db8::/32' });
    for (const address of ['203.0.114.0', '192.0.2.8', '2001:db9::1', '', 'unknown']) {
      assert.deepEqual(judge(address, rules), { allowed: false, reason: 'firewall-address' }, address);
    }
    assert.equal(judge('127.0.0.1', []).allowed, false);
  });

  it('mean nothing where public access is disabled', () => {
    for (const action of ['Allow', 'Deny'] as const) {
      assert.deepEqual(judge('192.0.2.7', ['192.0.2.7'], 'Disabled', action), {
        allowed: false,
        reason: 'public-access-disabled',
      });
    }
  });

  it('take an IPv4 address inside IPv6 for what it is, and no other kind for another', () => {
    assert.ok(rangeHolds('192.0.2.0/24', '::ffff:192.0.2.9'));
    assert.ok(rangeHolds('192.0.2.9', '::ffff:c000:209'));
    assert.ok(!rangeHolds('::/0', '192.0.2.9'));
    assert.ok(!rangeHolds('0.0.0.0/0', '2001:db8::1'));
    assert.ok(rangeHolds('0.0.0.0/0', '192.0.2.9'));
    assert.ok(rangeHolds('2001:DB8:0::1', '2001:db8::1'));
  });

  it('hold nothing where they cannot be read', () => {
    for (const range of ['', 'x', '192.0.2.0/33', '192.0.2.0/-1', '192.0.2.0/24/24', '192.0.2.9 ']) {
      assert.ok(!rangeHolds(range, '192.0.2.9'), range);
    }
    for (const address of ['192.0.2.9, 10.0.0.1', '192.0.2.9:443', '192.0.2.9%eth0'])
      assert.ok(!rangeHolds('192.0.2.0/24', address), address);
  });
});
