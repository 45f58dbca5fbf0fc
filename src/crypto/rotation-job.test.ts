import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { sampleCall, sampleTenant } from '../../tests/support/samples.ts';
import { openJournal } from '../audit/journal.ts';
import { verifyAudit } from '../audit/verify.ts';
import { hostSecret, hostSecrets } from '../identity/host-secrets.ts';
import { takeLease } from '../jobs/lease.ts';
import { keyEnvelopes } from '../keys/service.ts';
import { Pager } from '../operations/paging.ts';
import { openBackup, sealBackup } from '../recovery/backup-blob.ts';
import { createGroup, createSubscription, createVault } from '../resources/service.ts';
import type { Vault } from '../resources/vault.ts';
import { readVault } from '../resources/vault-directory.ts';
import * as service from '../secrets/service.ts';
import { secretEnvelopes } from '../secrets/versions.ts';
import { envelopeKeyId } from './envelope.ts';
import { Keyring } from './keyring.ts';
import { type EncryptionKeyPolicy, encryptionKeyJob, GRACE_MS, rotateVaultKey } from './rotation-job.ts';
import { openKeyFile } from './seal.ts';
import { serverValues } from './sealed-rows.ts';

const never: EncryptionKeyPolicy = { rootKeyFor: null, vaultKeyFor: null };
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

describe('the rotation of keys', () => {
  let parts: TestParts;
  let vault: Vault;
  let holders = 0;

  before(async () => {
    parts = await testParts();
    vault = await parts.store.write(async (transaction) => {
      const { id } = await createSubscription(transaction, parts, { tenantId: sampleTenant, name: 'S' });
      await createGroup(transaction, parts, { subscriptionId: id, name: 'g', location: 'local' });
      const order = { tenantId: sampleTenant, subscriptionId: id, group: 'g', name: 'v-1', location: 'local' };
      return createVault(transaction, parts, order);
    });
  });
  after(() => parts.cleanup());

  const room = (keyring = parts.keyring) => ({ ...parts, keyring, pager: new Pager(keyring) });
  const set = (name: string, value: string, keyring = parts.keyring) =>
    service.setSecret(
      room(keyring),
      sampleCall({ vault, parameters: { name }, body: { value }, commit: (work) => parts.store.write(work) }),
    );
  const get = async (name: string, keyring = parts.keyring) =>
    ((await service.getSecret(room(keyring), sampleCall({ vault, parameters: { name } }))).body as { value: string })
      .value;
  const open = () =>
    Keyring.open(parts.store, openKeyFile(`${parts.folder}/seal.key`, parts.random), parts.random, parts.clock.now());
  const job = (policy = never, keyring = parts.keyring) =>
    encryptionKeyJob({
      ...parts,
      keyring,
      log: quiet,
      tenantId: sampleTenant,
      encryptionKeyPolicy: policy,
      envelopes: [secretEnvelopes, keyEnvelopes],
      sealedRows: [serverValues, hostSecrets],
      findVault: readVault,
    });
  const run = async (of = job()) => {
    const now = parts.clock.now();
    const lease = await takeLease(parts.store, `job/${of.name}`, `holder-${++holders}`, now, 1);
    parts.clock.advance(2);
    await of.run(lease!, now);
  };
  const rotate = () =>
    parts.store.write((transaction) => rotateVaultKey(parts, transaction, vault.id, parts.clock.now()));
  const keysOfVault = async () =>
    (await parts.store.reader.db.selectFrom('vault_keys').selectAll().where('vault_id', '=', vault.id).execute()).map(
      ({ key_id, root_key_id, emptied }) => ({ key_id, root_key_id, emptied }),
    );
  const keyIdsInUse = async () =>
    new Set(
      (await parts.store.reader.db.selectFrom('secret_versions').select('envelope').execute()).map(({ envelope }) =>
        envelopeKeyId(envelope),
      ),
    );
  const rotateRoot = async (keyring = parts.keyring) => {
    const made = await keyring.roots.make();
    assert.ok(await parts.store.write((transaction) => keyring.roots.add(transaction, made, parts.clock.now())));
    await keyring.follow(parts.store.reader);
    return made.id;
  };

  it('seals everything of a vault anew, and destroys the former key only after nothing was under it for a while', async () => {
    for (let index = 0; index < 120; index++) await set(`s-${index}`, `value ${index}`);
    const [first] = await keysOfVault();
    await rotate();
    await run();
    assert.equal((await keyIdsInUse()).size, 1);
    assert.ok(!(await keyIdsInUse()).has(first!.key_id));
    assert.equal((await keysOfVault()).length, 2, 'too early: a reader may hold an envelope from before');
    parts.clock.advance(GRACE_MS);
    await run();
    assert.equal((await keysOfVault()).length, 2);
    parts.clock.advance(GRACE_MS - 10);
    await run();
    assert.equal((await keysOfVault()).length, 2);
    parts.clock.advance(20);
    await run();
    assert.equal((await keysOfVault()).length, 1);
    for (let index = 0; index < 120; index += 17) assert.equal(await get(`s-${index}`), `value ${index}`);
    assert.equal(await get('s-3', await open()), 'value 3');
  });

  it('keeps a key under which something appears again', async () => {
    const envelopes = () => parts.store.reader.db.selectFrom('secret_versions').selectAll().execute();
    const [old] = (await envelopes()).filter(({ name_key }) => name_key === 's-1');
    await rotate();
    await run();
    parts.clock.advance(GRACE_MS);
    await run();
    // A transaction that began before the rotation may end late.
    await parts.store.write(({ db }) =>
      db.updateTable('secret_versions').set({ envelope: old!.envelope }).where('name_key', '=', 's-1').execute(),
    );
    parts.clock.advance(GRACE_MS);
    await run();
    assert.equal((await keysOfVault()).length, 2);
    assert.equal((await keyIdsInUse()).size, 1);
    assert.equal(await get('s-1'), 'value 1');
    parts.clock.advance(GRACE_MS);
    await run();
    parts.clock.advance(GRACE_MS);
    await run();
    assert.equal((await keysOfVault()).length, 1);
  });

  it('is stopped by the loss of its lease, and carried on by the next holder', async () => {
    const before = [...(await keyIdsInUse())];
    await rotate();
    const now = parts.clock.now();
    const lost = await takeLease(parts.store, 'job/encryption-keys', 'one', now, 1);
    await takeLease(parts.store, 'job/encryption-keys', 'another', now + 10, 1);
    parts.clock.advance(20);
    await job().run(lost!, now);
    assert.deepEqual([...(await keyIdsInUse())], before, 'it moved nothing');
    await run();
    const current = await parts.keyring.vaultKey(parts.store.reader, vault.id);
    assert.deepEqual([...(await keyIdsInUse())], [current.id]);
  });

  it('puts all under a new root key, and opens whatever was made under the old one', async () => {
    const { keyring, store } = parts;
    await store.write((transaction) => keyring.writeValue(transaction, 'own', Buffer.from('server value'), 0));
    const secret = await store.write((transaction) => hostSecret(transaction, parts, '/hosts/one', 0));
    const blob = sealBackup(keyring, parts.random, vault, 'secret', { kept: 'whole' });
    await store.append({ time: 1, text: '{"n":1' });
    const mac = keyring.mac('page-tokens', 'after');
    const lasting = keyring.mac('sign-in', 'anna');
    const before = keyring.roots.active.id;
    const after = await rotateRoot();
    assert.notEqual(after, before);
    await store.append({ time: 2, text: '{"n":2' });
    await run();
    assert.deepEqual([...new Set((await keysOfVault()).map(({ root_key_id }) => root_key_id))], [after]);
    const envelopes = [
      ...(await store.reader.db.selectFrom('sealed_values').select('envelope').execute()),
      ...(await store.reader.db.selectFrom('identity_secrets').select('sealed as envelope').execute()),
    ];
    assert.deepEqual([...new Set(envelopes.map(({ envelope }) => envelopeKeyId(envelope)))], [after]);
    for (const ring of [keyring, await open()]) {
      assert.equal(await get('s-5', ring), 'value 5');
      assert.equal((await ring.readValue(store.reader, 'own'))?.toString(), 'server value');
      assert.equal(
        await store.write((transaction) => hostSecret(transaction, { ...parts, keyring: ring }, '/hosts/one', 0)),
        secret,
      );
      assert.deepEqual(openBackup(ring, vault, 'secret', blob), { kept: 'whole' });
      assert.ok(ring.isMac('page-tokens', 'after', mac) && !ring.isMac('page-tokens', 'other', mac));
      assert.equal(ring.mac('sign-in', 'anna'), lasting);
      assert.deepEqual((await verifyAudit(store.reader, ring)).breaks, []);
      await openJournal(ring, store.reader, 'main');
    }
  });

  it('lets a process that has not followed go on: what it seals opens everywhere, and is put under the new key later', async () => {
    const stale = await open();
    const after = await rotateRoot();
    await parts.store.write((transaction) => stale.writeValue(transaction, 'late', Buffer.from('written late'), 0));
    await set('late', 'value of the stale one', stale);
    assert.equal(await get('late'), 'value of the stale one');
    assert.equal((await parts.keyring.readValue(parts.store.reader, 'late'))?.toString(), 'written late');
    await run();
    // It meets a root key that it has not heard of.
    const another = await open();
    await rotateRoot(another);
    await run(job(never, another));
    assert.equal((await stale.readValue(parts.store.reader, 'late'))?.toString(), 'written late');
    assert.equal(await get('late', stale), 'value of the stale one');
    await stale.follow(parts.store.reader);
    assert.equal(stale.roots.active.id, another.roots.active.id);
    assert.notEqual(stale.roots.active.id, after);
    await parts.keyring.follow(parts.store.reader);
  });

  it('follows a policy: keys of a year ago are followed by new ones, each with its record', async () => {
    const year = 365 * 86_400_000;
    const policy = { rootKeyFor: year, vaultKeyFor: year };
    const before = { root: parts.keyring.roots.active.id, keys: await keysOfVault() };
    await run(job(policy));
    assert.equal(parts.keyring.roots.active.id, before.root);
    parts.clock.advance(year);
    await run(job(policy));
    assert.notEqual(parts.keyring.roots.active.id, before.root);
    for (let turn = 0; turn < 3; turn++) {
      parts.clock.advance(GRACE_MS);
      await run(job(policy));
    }
    const keys = await keysOfVault();
    assert.equal(keys.length, 1);
    assert.ok(!before.keys.some(({ key_id }) => key_id === keys[0]!.key_id));
    const sealed = await parts.store.reader.db.selectFrom('audit_batches').select('records').execute();
    const { unpackRecords } = await import('../audit/repository.ts');
    const text = sealed.map(({ records }) => unpackRecords(records)).join('');
    for (const name of ['RootKeyRotateIfDue', 'VaultKeyRotateIfDue', 'VaultKeyDestroy'])
      assert.match(text, new RegExp(name));
    assert.equal(await get('s-7', await open()), 'value 7');
  });
});
