import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type TestParts, testParts } from '../tests/support/parts.ts';
import { foldName } from './base/ids.ts';
import { readConfig } from './config.ts';
import { type FirstParts, findInstallation, firstStart, type Installation } from './first-start.ts';
import { ownerOfSecret } from './identity/host-secrets.ts';
import { createManagedIdentity, deleteManagedIdentity, findManagedIdentity } from './identity/service.ts';
import { findHostById } from './resources/hosts.ts';

describe('an installation', () => {
  let parts: TestParts;
  let first: FirstParts;
  let installation: Installation;
  const machine = () => findHostById(parts.store.reader, installation.machineResourceId);

  beforeEach(async () => {
    parts = await testParts();
    first = { ...parts, config: readConfig({ dataDir: parts.folder }) };
    await firstStart(first, () => {});
    installation = (await findInstallation(first))!;
  });
  afterEach(() => parts.cleanup());

  /** Takes the store back to what an earlier release left: an identity, no registered machine, one secret for all. */
  async function makeEarlier(): Promise<string> {
    const { machineResourceId, ...earlier } = installation;
    return parts.store.write(async (transaction) => {
      await transaction.run('delete from resources', []);
      await transaction.run('delete from resource_groups', []);
      await deleteManagedIdentity(transaction, machineResourceId);
      const order = { resourceId: machineResourceId, name: 'this-machine', location: 'local', tags: {}, now: 5 };
      const making = { random: parts.random, tenantId: installation.tenantId };
      const { principalId } = await createManagedIdentity(transaction, making, order);
      await parts.keyring.writeValue(transaction, 'identity-endpoint-secret', Buffer.from('the earlier secret'), 5);
      await transaction.db
        .updateTable('meta')
        .set({ value: JSON.stringify(earlier) })
        .where('name', '=', 'installation')
        .execute();
      return principalId;
    });
  }

  it('registers the machine it runs on in its first group', async () => {
    assert.match(installation.machineResourceId, /resourceGroups\/strongroom\/.*virtualMachines\/this-machine$/);
    assert.equal((await machine())?.hasSystemIdentity, true);
    const identity = await findManagedIdentity(parts.store.reader, { principalId: installation.machinePrincipalId });
    assert.equal(identity?.resourceId, installation.machineResourceId);
  });

  it('of an earlier release gets its machine registered with the identity it had, and the secret of all becomes its own', async () => {
    const principalId = await makeEarlier();
    const found = await findInstallation(first);
    assert.equal(found?.machineResourceId, installation.machineResourceId);
    assert.equal((await machine())?.hasSystemIdentity, true);
    const identity = await findManagedIdentity(parts.store.reader, { resourceId: found.machineResourceId });
    assert.equal(identity?.principalId, principalId);
    const owner = await ownerOfSecret(parts.store.reader, 'the earlier secret');
    assert.equal(owner?.resourceKey, foldName(found.machineResourceId));
    assert.equal(await parts.keyring.readValue(parts.store.reader, 'identity-endpoint-secret'), null);
    assert.deepEqual(await findInstallation(first), found);
  });

  it('of an earlier release whose machine was deleted does not get it again, nor its secret', async () => {
    await makeEarlier();
    await parts.store.write((transaction) => deleteManagedIdentity(transaction, installation.machineResourceId));
    await findInstallation(first);
    assert.equal(await machine(), null);
    assert.equal(await ownerOfSecret(parts.store.reader, 'the earlier secret'), null);
  });

  it('does not get a machine again that was deleted since', async () => {
    await parts.store.write(async (transaction) => {
      await transaction.run('delete from resources', []);
    });
    await findInstallation(first);
    assert.equal(await machine(), null);
  });
});
