import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { sampleCall, sampleCaller, sampleTenant } from '../../tests/support/samples.ts';
import { createGroup, createSubscription, createVault } from '../resources/service.ts';
import { readVault } from '../resources/vault-directory.ts';
import { encryptionKeyOperations } from './operations.ts';
import { createKeyFile, openKeyFile } from './seal.ts';

describe('the operations on root and vault keys', () => {
  let parts: TestParts;
  let parameters: Record<string, string>;
  const hastened: string[] = [];
  let isOwner = true;

  before(async () => {
    parts = await testParts();
    parameters = await parts.store.write(async (transaction) => {
      const { id } = await createSubscription(transaction, parts, { tenantId: sampleTenant, name: 'S' });
      await createGroup(transaction, parts, { subscriptionId: id, name: 'g', location: 'local' });
      const order = { tenantId: sampleTenant, subscriptionId: id, group: 'g', location: 'local' };
      for (const name of ['v-1', 'v-2']) await createVault(transaction, parts, { ...order, name });
      return { subscriptionId: id, group: 'g', vault: 'v-1' };
    });
  });
  after(() => parts.cleanup());

  const ask = async (id: string) => {
    parts.clock.advance(1000);
    const operations = encryptionKeyOperations({
      ...parts,
      tenantId: sampleTenant,
      sealedRows: [],
      findVault: readVault,
      isOwner: async () => isOwner,
      hastenJob: (name) => void hastened.push(name),
    });
    const operation = operations.find((row) => row.id === id)!;
    const given = { operation, parameters, vault: null, caller: sampleCaller(), time: parts.clock.now() };
    const { body } = await operation.run(sampleCall({ ...given, commit: (work) => parts.store.write(work) }));
    return body as {
      rootKeys: { id: string; state: string }[];
      vaultKeys: { vaults: number; beingEmptied: number };
      keys: { state: string }[];
    };
  };

  it('give a new root key, which seals at once, and say what there is', async () => {
    const before = await ask('EncryptionKeyList');
    assert.deepEqual(
      before.rootKeys.map(({ state }) => state),
      ['seals'],
    );
    assert.deepEqual([before.vaultKeys.vaults, before.vaultKeys.beingEmptied], [2, 0]);
    const after = await ask('RootKeyRotate');
    assert.deepEqual(
      after.rootKeys.map(({ state }) => state),
      ['seals', 'opens only'],
    );
    assert.equal(after.rootKeys[1]!.id, before.rootKeys[0]!.id);
    assert.equal(parts.keyring.roots.active.id, after.rootKeys[0]!.id);
    assert.deepEqual(hastened, ['encryption-keys']);
  });

  it('give one vault a new key, or all of them', async () => {
    const one = await ask('VaultKeyRotate');
    assert.deepEqual(
      one.keys.map(({ state }) => state),
      ['seals', 'being emptied'],
    );
    const all = await ask('VaultKeyRotateAll');
    assert.deepEqual([all.vaultKeys.vaults, all.vaultKeys.beingEmptied], [2, 3]);
  });

  it('are for an Owner alone', async () => {
    isOwner = false;
    try {
      for (const id of ['RootKeyRotate', 'VaultKeyRotate', 'VaultKeyRotateAll']) {
        await assert.rejects(ask(id), { code: 'encryption-keys-not-owner' }, id);
      }
    } finally {
      isOwner = true;
    }
  });

  it('make no root key under a seal that another node has changed', async () => {
    const { keyring, random, folder } = parts;
    createKeyFile(`${folder}/other.key`, random);
    const rewrapping = await keyring.roots.rewrap(openKeyFile(`${folder}/other.key`, random));
    assert.ok(await parts.store.write((transaction) => keyring.roots.store(transaction, rewrapping)));
    await assert.rejects(ask('RootKeyRotate'), { code: 'encryption-keys-stale-seal' });
    keyring.roots.useSeal(rewrapping.seal);
    assert.equal((await ask('RootKeyRotate')).rootKeys.length, 3);
  });
});
