import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { createVault } from '../resources/service.ts';
import { purgeVault } from './purge-vault.ts';

describe('purging a vault', () => {
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
  const fill = (vaultId: string) =>
    arm.store.write(async ({ db }) => {
      const name = { vault_id: vaultId, name_key: 'one', name: 'one' };
      await db
        .insertInto('secrets')
        .values({ ...name, current_version: 'v', created: 1, deleted: null, purge_at: null })
        .execute();
      await db
        .insertInto('secret_versions')
        .values({
          vault_id: vaultId,
          name_key: 'one',
          version: 'v',
          sequence: 1,
          created: 1,
          updated: 1,
          enabled: 1,
          nbf: null,
          exp: null,
          content_type: null,
          tags: null,
          previous_version: null,
          envelope: new Uint8Array(1),
        })
        .execute();
    });
  const count = async (table: 'secrets' | 'secret_versions' | 'vault_keys', vaultId: string) =>
    (await arm.store.reader.db.selectFrom(table).select('vault_id').where('vault_id', '=', vaultId).execute()).length;

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('removes its objects, keys and roles, and nothing of a vault beside it', async () => {
    const doomed = await make('doomed');
    const beside = await make('doomed2');
    for (const { id } of [doomed, beside]) await fill(id);
    const holder = await arm.principal('Key Vault Secrets User', `${doomed.resourceId}/secrets/one`);
    await arm.grant(holder, 'Key Vault Reader', doomed.resourceId);
    await arm.grant(holder, 'Key Vault Reader', beside.resourceId);

    await arm.store.write((transaction) => purgeVault(transaction, arm.keyring, doomed));
    for (const table of ['secrets', 'secret_versions', 'vault_keys'] as const) {
      assert.equal(await count(table, doomed.id), 0, table);
      assert.equal(await count(table, beside.id), 1, table);
    }
    assert.equal(await arm.directory.find('doomed'), null);
    const left = await arm.access.grantsOf(arm.caller(holder));
    assert.deepEqual(
      left.map(({ scope }) => scope),
      [beside.resourceId],
    );
    await arm.store.write((transaction) => purgeVault(transaction, arm.keyring, doomed));
  });
});
