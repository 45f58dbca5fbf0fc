import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleVault } from '../../tests/support/samples.ts';
import { DAY } from '../base/text.ts';
import { purgeInstant, recoveryLevel } from './levels.ts';

const settings = (softDeleteRetentionInDays: number, enablePurgeProtection: boolean) =>
  sampleVault({ settings: { softDeleteRetentionInDays, enablePurgeProtection } }).settings;

describe('recovery', () => {
  it('is named by retention and purge protection', () => {
    assert.equal(recoveryLevel(settings(90, false)), 'Recoverable+Purgeable');
    assert.equal(recoveryLevel(settings(90, true)), 'Recoverable');
    assert.equal(recoveryLevel(settings(7, false)), 'CustomizedRecoverable+Purgeable');
    assert.equal(recoveryLevel(settings(89, true)), 'CustomizedRecoverable');
  });

  it('ends when the days of the vault are over', () => {
    assert.equal(purgeInstant(settings(7, false), 1000), 1000 + 7 * DAY);
    assert.equal(purgeInstant(settings(90, true), 0), 90 * DAY);
  });
});
