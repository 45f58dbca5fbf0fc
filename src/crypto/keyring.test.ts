import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { EnvelopeFault, sealEnvelope } from './envelope.ts';
import { Keyring } from './keyring.ts';
import { createKeyFile, openKeyFile } from './seal.ts';

describe('a keyring', () => {
  let parts: TestParts;
  const again = async () =>
    Keyring.open(parts.store, openKeyFile(join(parts.folder, 'seal.key'), parts.random), parts.random, 0);
  const makeVaultKey = (vaultId: string) =>
    parts.store.write((transaction) => parts.keyring.createVaultKey(transaction, vaultId, parts.clock.now()));

  before(async () => {
    parts = await testParts();
  });
  after(() => parts.cleanup());

  it('is made once, and opened again with the same keys', async () => {
    const second = await again();
    assert.equal(second.mac('page-tokens', 'text'), parts.keyring.mac('page-tokens', 'text'));
    const roots = await parts.store.reader.db.selectFrom('root_keys').selectAll().execute();
    assert.equal(roots.length, 1);
  });

  it('does not open with another seal, and changes nothing then', async () => {
    const other = join(parts.folder, 'other.key');
    createKeyFile(other, parts.random);
    const roots = () => parts.store.reader.db.selectFrom('root_keys').selectAll().execute();
    const earlier = await roots();
    await assert.rejects(Keyring.open(parts.store, openKeyFile(other, parts.random), parts.random, 0), {
      code: 'seal-wrong',
    });
    const foreign = { ...openKeyFile(other, parts.random), kind: 'pkcs11' };
    await assert.rejects(
      Keyring.open(parts.store, foreign, parts.random, 0),
      /sealed by 'key-file', but the configured seal is 'pkcs11'/,
    );
    assert.deepEqual(await roots(), earlier);
  });

  it('has another key for each purpose and context', () => {
    const { keyring } = parts;
    const macs = (['audit-chain', 'page-tokens', 'server-backup', 'backup-blobs', 'sealed-values'] as const).map(
      (purpose) => keyring.mac(purpose, 'text'),
    );
    assert.equal(new Set(macs).size, macs.length);
    for (const mac of macs) assert.match(mac, /^[0-9a-f]{64}$/);
    const exported = ['', 'a', 'b'].map((context) =>
      keyring.purposeKey('backup-blobs', context).key.export().toString('hex'),
    );
    assert.equal(new Set(exported).size, 3);
    assert.throws(() => keyring.purposeKey('backup-blobs', '', '0'.repeat(32)), EnvelopeFault);
  });

  it("opens what a vault's key sealed, also in another process, and in no other vault", async () => {
    const key = await makeVaultKey('vault-a');
    await makeVaultKey('vault-b');
    const binding = ['secret', 'vault-a', 'name', 'v1'];
    const envelope = sealEnvelope(key, binding, Buffer.from('value'), parts.random);
    for (const keyring of [parts.keyring, await again()]) {
      assert.equal((await keyring.openInVault(parts.store.reader, 'vault-a', binding, envelope)).toString(), 'value');
      assert.deepEqual((await keyring.vaultKey(parts.store.reader, 'vault-a')).id, key.id);
      await assert.rejects(keyring.openInVault(parts.store.reader, 'vault-b', binding, envelope), EnvelopeFault);
      await assert.rejects(
        keyring.openInVault(parts.store.reader, 'vault-a', ['secret', 'vault-a', 'name', 'v2'], envelope),
        EnvelopeFault,
      );
    }
  });

  it('opens older envelopes of a vault that got a new key, and seals with the new one', async () => {
    const old = await makeVaultKey('vault-r');
    const envelope = sealEnvelope(old, ['x'], Buffer.from('old'), parts.random);
    parts.clock.advance(1000);
    const renewed = await makeVaultKey('vault-r');
    const keyring = await again();
    assert.equal((await keyring.vaultKey(parts.store.reader, 'vault-r')).id, renewed.id);
    assert.equal((await keyring.openInVault(parts.store.reader, 'vault-r', ['x'], envelope)).toString(), 'old');
  });

  it('opens nothing of a vault whose keys were destroyed, whatever it knew before', async () => {
    const key = await makeVaultKey('vault-d');
    const envelope = sealEnvelope(key, ['x'], Buffer.from('gone'), parts.random);
    await parts.keyring.openInVault(parts.store.reader, 'vault-d', ['x'], envelope);
    await parts.keyring.vaultKey(parts.store.reader, 'vault-d');
    await parts.store.write((transaction) => parts.keyring.destroyVaultKeys(transaction, 'vault-d'));
    await assert.rejects(parts.keyring.openInVault(parts.store.reader, 'vault-d', ['x'], envelope), EnvelopeFault);
    await assert.rejects(parts.keyring.vaultKey(parts.store.reader, 'vault-d'), /it was purged/);
  });

  it('seals with no key that an undone transaction has made, and with no former one that it remembers', async () => {
    const { keyring, store } = parts;
    const first = await makeVaultKey('vault-u');
    const sealing = () => store.write(async (transaction) => (await keyring.vaultKey(transaction, 'vault-u')).id);
    assert.equal(await sealing(), first.id);
    let undone = '';
    const failing = store.write(async (transaction) => {
      await keyring.createVaultKey(transaction, 'vault-u', parts.clock.now());
      undone = (await keyring.vaultKey(transaction, 'vault-u')).id;
      throw new Error('undo it');
    });
    // In one batch: it is undone between others that seal.
    const [before, , after] = await Promise.all([sealing(), assert.rejects(failing, /undo it/), sealing()]);
    assert.notEqual(undone, first.id);
    assert.deepEqual([before, after, await sealing()], [first.id, first.id, first.id]);
    const [, second, during] = await Promise.all([sealing(), makeVaultKey('vault-u'), sealing()]);
    assert.deepEqual([during, await sealing()], [second.id, second.id]);
    await Promise.all([
      sealing(),
      store.write((transaction) => keyring.destroyVaultKeys(transaction, 'vault-u')),
      assert.rejects(sealing(), /it was purged/),
    ]);
  });

  it('opens no vault key whose row was moved to another vault', async () => {
    await makeVaultKey('vault-m');
    await parts.store.write(({ db }) =>
      db.updateTable('vault_keys').set({ vault_id: 'vault-n' }).where('vault_id', '=', 'vault-m').execute(),
    );
    await assert.rejects((await again()).vaultKey(parts.store.reader, 'vault-n'), EnvelopeFault);
  });

  it("keeps the server's own values sealed, each under its name", async () => {
    const { keyring, store } = parts;
    await store.write((transaction) => keyring.writeValue(transaction, 'one', Buffer.from('first'), 0));
    await store.write((transaction) => keyring.writeValue(transaction, 'one', Buffer.from('second'), 0));
    assert.equal((await keyring.readValue(store.reader, 'one'))?.toString(), 'second');
    assert.equal(await keyring.readValue(store.reader, 'none'), null);
    await store.write(({ db }) =>
      db.updateTable('sealed_values').set({ name: 'two' }).where('name', '=', 'one').execute(),
    );
    await assert.rejects(keyring.readValue(store.reader, 'two'), EnvelopeFault);
    const rows = await store.reader.db.selectFrom('sealed_values').selectAll().execute();
    assert.ok(rows.every(({ envelope }) => !Buffer.from(envelope).includes('second')));
  });
});
