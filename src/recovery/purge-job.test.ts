import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { sampleCall, sampleTenant } from '../../tests/support/samples.ts';
import { readBatches } from '../audit/repository.ts';
import { verifyAudit } from '../audit/verify.ts';
import { DAY } from '../base/text.ts';
import { takeLease } from '../jobs/lease.ts';
import { Scheduler } from '../jobs/scheduler.ts';
import { deleteObject, recoverObject } from '../objects/lifecycle.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Pager } from '../operations/paging.ts';
import { updateVault } from '../resources/repository.ts';
import { createGroup, createSubscription, createVault } from '../resources/service.ts';
import type { Vault } from '../resources/vault.ts';
import { toRow } from '../resources/vault-row.ts';
import { softDelete } from '../resources/vaults.ts';
import { secretKind } from '../secrets/secret-kind.ts';
import * as service from '../secrets/service.ts';
import type { Transaction } from '../store/port.ts';
import { purgeJob } from './purge-job.ts';

describe('the purge job', () => {
  let parts: TestParts;
  let scheduler: Scheduler;
  let vault: Vault;
  const faults: unknown[] = [];

  beforeEach(async () => {
    parts = await testParts();
    const log = {
      info: () => {},
      warn: () => {},
      error: (message: string, facts: unknown) => void faults.push([message, facts]),
    };
    scheduler = new Scheduler({ ...parts, log, holder: 'this-node' });
    vault = await makeVault('first-vault');
  });
  afterEach(async () => {
    await parts.cleanup();
    assert.deepEqual(faults.splice(0), []);
  });

  async function makeVault(name: string, settings = {}): Promise<Vault> {
    return parts.store.write(async (transaction) => {
      const { id } = await createSubscription(transaction, parts, { tenantId: sampleTenant, name: 'S' });
      await createGroup(transaction, parts, { subscriptionId: id, name: 'g', location: 'local' });
      return createVault(transaction, parts, {
        tenantId: sampleTenant,
        subscriptionId: id,
        group: 'g',
        name,
        location: 'local',
        settings,
      });
    });
  }

  const callOf = (name: string, of: Vault, body: Call['body'] = null): Call =>
    sampleCall({
      vault: of,
      parameters: { name },
      body,
      time: parts.clock.now(),
      commit: (work) => parts.store.write(work),
    });
  const secretParts = () => ({ ...parts, pager: new Pager(parts.keyring) });
  const set = (name: string, of = vault): Promise<Answer> =>
    service.setSecret(secretParts(), callOf(name, of, { value: 'x' }));
  const remove = (name: string, of = vault): Promise<Answer> => deleteObject(secretKind, callOf(name, of));
  const run = () => scheduler.runOnce(purgeJob(parts));
  const names = async (): Promise<string[]> => {
    const rows = await parts.store.reader.db.selectFrom('secrets').select('name').orderBy('name').execute();
    return rows.map(({ name }) => name);
  };
  const records = async () => {
    const found = [];
    for await (const batch of readBatches(parts.store.reader, 'main')) {
      for (const line of batch.records.trimEnd().split('\n')) found.push(JSON.parse(line));
    }
    return found;
  };

  it('purges a deleted secret when its 90 days are over, not a moment before, and records it', async () => {
    for (const name of ['kept', 'gone', 'recovered']) await set(name);
    await set('gone');
    await remove('gone');
    await remove('recovered');
    await recoverObject(secretKind, callOf('recovered', vault));
    parts.clock.advance(90 * DAY - 1);
    await run();
    assert.deepEqual(await names(), ['gone', 'kept', 'recovered']);
    parts.clock.advance(1);
    await run();
    assert.deepEqual(await names(), ['kept', 'recovered']);
    const versions = await parts.store.reader.db.selectFrom('secret_versions').select('name_key').execute();
    assert.deepEqual(versions.map(({ name_key }) => name_key).sort(), ['kept', 'recovered']);
    const [record, ...more] = await records();
    assert.deepEqual(more, []);
    assert.equal(record.operationName, 'SecretPurge');
    assert.equal(record.time, new Date(parts.clock.now()).toISOString());
    assert.equal(record.properties.id, `${vault.resourceId}/secrets/gone`);
    assert.equal(record.properties.clientInfo, 'strongroom-scheduler');
    assert.deepEqual(record.identity, {});
    assert.deepEqual((await verifyAudit(parts.store.reader, parts.keyring)).breaks, []);
    await set('gone');
    assert.deepEqual(await names(), ['gone', 'kept', 'recovered']);
  });

  it('keeps to the retention of each vault, and purges in spite of purge protection once it is over', async () => {
    const short = await makeVault('short-vault', { softDeleteRetentionInDays: 7, enablePurgeProtection: true });
    await set('early', short);
    await set('late');
    await remove('early', short);
    await remove('late');
    parts.clock.advance(7 * DAY);
    await run();
    assert.deepEqual(await names(), ['late']);
    parts.clock.advance(83 * DAY);
    await run();
    assert.deepEqual(await names(), []);
  });

  it('purges all that is due, however much it is', async () => {
    for (let index = 0; index < 230; index++) {
      await set(`s${index}`);
      await remove(`s${index}`);
    }
    await set('kept');
    parts.clock.advance(91 * DAY);
    await run();
    assert.deepEqual(await names(), ['kept']);
    assert.equal((await records()).length, 230);
  });

  it('purges a deleted vault with what is in it, and destroys its keys', async () => {
    const doomed = await makeVault('doomed-vault');
    await set('inside', doomed);
    await set('beside');
    await parts.store.write((transaction) => softDelete(transaction, doomed, parts.clock.now()));
    parts.clock.advance(90 * DAY);
    await run();
    assert.deepEqual(await names(), ['beside']);
    const { db } = parts.store.reader;
    const vaults = await db.selectFrom('vaults').select('name').execute();
    assert.deepEqual(
      vaults.map(({ name }) => name),
      ['first-vault'],
    );
    assert.deepEqual(
      await db.selectFrom('vault_keys').select('key_id').where('vault_id', '=', doomed.id).execute(),
      [],
    );
    const found = await records();
    assert.deepEqual(
      found.map(({ operationName }) => operationName),
      ['VaultPurge'],
    );
    assert.equal(found[0].resourceId, doomed.resourceId.toUpperCase());
  });

  it('leaves a vault that was recovered in time', async () => {
    const saved = await makeVault('saved-vault');
    await parts.store.write((transaction) => softDelete(transaction, saved, parts.clock.now()));
    await parts.store.write((transaction) => updateVault(transaction, toRow(saved)));
    parts.clock.advance(200 * DAY);
    await run();
    const vaults = await parts.store.reader.db.selectFrom('vaults').select('name').orderBy('name').execute();
    assert.deepEqual(
      vaults.map(({ name }) => name),
      ['first-vault', 'saved-vault'],
    );
  });

  it('does nothing while another node has the lease, and nothing more once another has taken it', async () => {
    await set('gone');
    await remove('gone');
    parts.clock.advance(90 * DAY);
    const job = purgeJob(parts);
    const theirs = await takeLease(parts.store, 'job/purge', 'other-node', parts.clock.now(), 60_000);
    await run();
    assert.deepEqual(await names(), ['gone']);
    parts.clock.advance(61_000);
    const ours = await takeLease(parts.store, 'job/purge', 'this-node', parts.clock.now(), 60_000);
    assert.equal(ours?.fence, theirs!.fence + 1);
    // The other node wakes up late and goes on under the lease it believes it has.
    await job.run(theirs!, parts.clock.now());
    assert.deepEqual(await names(), ['gone']);
    await job.run(ours!, parts.clock.now());
    assert.deepEqual(await names(), []);
  });

  it('stops at once when it has lost its lease, however much is due', async () => {
    for (let index = 0; index < 120; index++) {
      await set(`s${index}`);
      await remove(`s${index}`);
    }
    parts.clock.advance(90 * DAY);
    const lost = await takeLease(parts.store, 'job/purge', 'this-node', parts.clock.now(), 1);
    await takeLease(parts.store, 'job/purge', 'other-node', parts.clock.now() + 1, 60_000);
    await purgeJob(parts).run(lost!, parts.clock.now());
    assert.equal((await names()).length, 120);
  });

  it('leaves what was recovered between being found due and being purged', async () => {
    const saved = await makeVault('saved-vault');
    for (const name of ['first', 'second']) {
      await set(name);
      await remove(name);
      parts.clock.advance(1);
    }
    await parts.store.write((transaction) => softDelete(transaction, saved, parts.clock.now()));
    parts.clock.advance(90 * DAY);
    let isRecovered = false;
    const store = {
      ...parts.store,
      write: async <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> => {
        const done = await parts.store.write(work);
        if (isRecovered) return done;
        isRecovered = true;
        await recoverObject(secretKind, callOf('second', vault));
        return done;
      },
    };
    const lease = await takeLease(parts.store, 'job/purge', 'this-node', parts.clock.now(), 60_000);
    await purgeJob({ ...parts, store }).run(lease!, parts.clock.now());
    assert.deepEqual(await names(), ['second']);
    assert.deepEqual(
      (await records()).map(({ operationName }) => operationName),
      ['SecretPurge', 'VaultPurge'],
    );
  });

  it('leaves a vault that was recovered while others were purged', async () => {
    const [doomed, saved] = [await makeVault('doomed-vault'), await makeVault('saved-vault')];
    await parts.store.write((transaction) => softDelete(transaction, doomed, parts.clock.now()));
    await parts.store.write((transaction) => softDelete(transaction, saved, parts.clock.now() + 1));
    parts.clock.advance(91 * DAY);
    let writes = 0;
    const store = {
      ...parts.store,
      write: async <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> => {
        const done = await parts.store.write(work);
        if (++writes === 1) await parts.store.write((transaction) => updateVault(transaction, toRow(saved)));
        return done;
      },
    };
    const lease = await takeLease(parts.store, 'job/purge', 'this-node', parts.clock.now(), 60_000);
    await purgeJob({ ...parts, store }).run(lease!, parts.clock.now());
    const vaults = await parts.store.reader.db.selectFrom('vaults').select('name').orderBy('name').execute();
    assert.deepEqual(
      vaults.map(({ name }) => name),
      ['first-vault', 'saved-vault'],
    );
  });

  it('does no harm when it runs twice', async () => {
    await set('gone');
    await remove('gone');
    parts.clock.advance(90 * DAY);
    await Promise.all([run(), run()]);
    await run();
    assert.deepEqual(await names(), []);
  });
});
