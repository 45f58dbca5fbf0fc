import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { createVault } from './service.ts';
import { usualSettings } from './vault-settings.ts';

describe('the vault directory', () => {
  let arm: ManagementPlane;
  const make = (name: string) =>
    arm.store.write((transaction) =>
      createVault(transaction, arm, {
        tenantId: arm.tenantId,
        subscriptionId: arm.subscriptionId,
        group: 'apps',
        name,
        location: 'local',
      }),
    );

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('finds a vault in any case, and answers a known one at once', async () => {
    const made = await make('Known-Vault');
    const found = await arm.directory.find('known-VAULT');
    assert.deepEqual(found, made);
    const again = arm.directory.find('known-vault');
    // PostgreSQL is asked for its generation first: another node may have changed something.
    assert.equal(again instanceof Promise, arm.store.driver.dialect === 'postgres');
    assert.equal(await again, found);
  });

  it('answers null for a name without a vault, and the vault as soon as there is one', async () => {
    assert.equal(await arm.directory.find('soon'), null);
    await make('soon');
    assert.equal((await arm.directory.find('soon'))?.name, 'soon');
  });

  it('never answers what a change has made old', async () => {
    await make('changing');
    await arm.directory.find('changing');
    const path = `${arm.subscription}/resourceGroups/apps/providers/Microsoft.KeyVault/vaults/changing`;
    await arm.send('PATCH', path, { body: { properties: { publicNetworkAccess: 'Disabled' } } });
    assert.equal((await arm.directory.find('changing'))?.settings.publicNetworkAccess, 'Disabled');
    await arm.send('DELETE', path);
    assert.notEqual((await arm.directory.find('changing'))?.deleted, null);
  });

  it('gives vaults made without settings the usual ones', async () => {
    assert.deepEqual((await make('usual')).settings, usualSettings);
  });
});
