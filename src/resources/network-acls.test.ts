import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeAddress } from '../network/rules.ts';
import { Refusal } from '../refusals/refusal.ts';
import { MAX_IP_RULES, readNetworkAcls } from './network-acls.ts';
import { usualSettings } from './vault-settings.ts';

const rules = (...values: unknown[]) => ({ defaultAction: 'Deny', ipRules: values.map((value) => ({ value })) });

describe('network rules of a request', () => {
  it('are read with addresses as ranges of one', () => {
    assert.deepEqual(readNetworkAcls(rules('192.0.2.7', '198.51.100.0/24', '192.0.2.7/32', '2001:DB8::1')), {
      bypass: 'AzureServices',
      defaultAction: 'Deny',
      ipRules: ['192.0.2.7/32', '198.51.100.0/24', '2001:db8::1/128'],
    });
    assert.deepEqual(readNetworkAcls(null).ipRules, []);
  });

  it('let in exactly what they name, however it is written', () => {
    const networkAcls = readNetworkAcls(rules('192.0.2.7', '::ffff:198.51.100.0/120'));
    const allows = (address: string) => judgeAddress({ ...usualSettings, networkAcls }, address).allowed;
    assert.ok(allows('192.0.2.7') && allows('::ffff:192.0.2.7') && allows('198.51.100.9'));
    assert.ok(!allows('192.0.2.8') && !allows('198.51.101.1') && !allows('2001:db8::1'));
  });

  it('are refused where an address could be read in two ways, or not at all', () => {
    for (const value of [
      '010.0.0.1',
      '1.2.3',
      '0x7f.1',
      '1.2.3.4/33',
      '1.2.3.4/',
      'fe80::1%eth0',
      'example.com',
      '',
      7,
      '*',
    ]) {
      assert.throws(() => readNetworkAcls(rules(value)), Refusal, String(value));
    }
    assert.throws(() => readNetworkAcls({ defaultAction: 'Maybe' }), Refusal);
    assert.throws(() => readNetworkAcls('Deny'), Refusal);
    assert.throws(() => readNetworkAcls(rules(...Array.from({ length: MAX_IP_RULES + 1 }, () => '1.2.3.4'))), Refusal);
  });

  it('are refused where they would not be enforced', () => {
    const virtualNetworkRules = [{ id: '/subscriptions/s/x' }];
    assert.throws(
      () => readNetworkAcls({ virtualNetworkRules }),
      (error) => error instanceof Refusal && error.code === 'virtual-network-rules',
    );
    assert.equal(readNetworkAcls({ virtualNetworkRules: [] }).defaultAction, 'Allow');
  });
});
