import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import type { AuditBatchTable } from '../store/schema.ts';
import { openJournal } from './journal.ts';
import { findRecord, packRecords, readBatches, readHeads } from './repository.ts';
import { type ChainBreak, verifyAudit } from './verify.ts';

describe('verifying the audit log', () => {
  let parts: TestParts | null = null;

  beforeEach(async () => {
    await parts?.cleanup();
    parts = await testParts();
    for (const name of 'abcdef') await parts.store.append({ time: 5, text: `{"name":"${name}","mark":"\u2028\\n"` });
  });
  after(() => parts?.cleanup());

  const verify = () => verifyAudit(parts!.store.reader, parts!.keyring);
  const firstBreak = async (): Promise<ChainBreak | undefined> => (await verify()).breaks[0];
  const batchAt = async (sequence: number) => {
    for await (const batch of readBatches(parts!.store.reader, 'main'))
      if (batch.first_sequence === sequence) return batch;
    throw new Error(`There is no batch ${sequence}.`);
  };
  const change = (sequence: number, values: Record<string, unknown>) =>
    parts!.store.write(({ db }) =>
      db.updateTable('audit_batches').set(values).where('first_sequence', '=', sequence).execute(),
    );
  const remove = (sequence: number) =>
    parts!.store.write(({ db }) => db.deleteFrom('audit_batches').where('first_sequence', '=', sequence).execute());

  it('finds a whole log whole, and gives its end', async () => {
    const result = await verify();
    assert.deepEqual([result.chains, result.records, result.breaks], [1, 6, []]);
    assert.deepEqual([result.heads[0]?.chain, result.heads[0]?.sequence], ['main', 6]);
  });

  it('finds an empty log whole', async () => {
    const empty = await testParts();
    assert.deepEqual(await verifyAudit(empty.store.reader, empty.keyring), {
      chains: 0,
      records: 0,
      breaks: [],
      heads: [],
    });
    await empty.cleanup();
  });

  it('finds a record that was altered, at any character', async () => {
    const { records } = await batchAt(3);
    for (let at = 0; at < records.length; at += 5) {
      const altered = records.slice(0, at) + (records[at] === 'x' ? 'y' : 'x') + records.slice(at + 1);
      await change(3, { records: packRecords(altered) });
      const broken = await firstBreak();
      assert.ok(broken && broken.sequence >= 3 && broken.sequence <= 4, `at ${at}: ${JSON.stringify(broken)}`);
    }
  });

  it('finds records that were removed: first, in the middle, and at the end', async () => {
    await remove(3);
    assert.deepEqual(await firstBreak(), { chain: 'main', sequence: 3, reason: 'records 3 to 3 are missing' });
    await remove(6);
    await remove(1);
    assert.equal((await firstBreak())?.sequence, 1);
  });

  it('finds that the end was cut off', async () => {
    await remove(6);
    assert.deepEqual(await firstBreak(), { chain: 'main', sequence: 6, reason: 'records 6 to 6 are missing' });
  });

  it('finds an emptied batch, one with a record too many, and two that were swapped', async () => {
    const third = await batchAt(3);
    await change(3, { records: packRecords('') });
    assert.equal((await firstBreak())?.sequence, 3);
    await change(3, { records: packRecords(third.records + third.records) });
    assert.equal((await firstBreak())?.sequence, 4);
    await change(3, { records: packRecords((await batchAt(4)).records) });
    assert.equal((await firstBreak())?.sequence, 3);
  });

  it('tells of records that cannot be read, and goes on', async () => {
    for (const records of [new Uint8Array([0xff, 1, 2, 3]), new Uint8Array(0)]) {
      await change(3, { records });
      assert.equal((await firstBreak())?.sequence, 3);
    }
  });

  it('finds a chain that was written anew by someone without the seal', async () => {
    const other = await testParts();
    try {
      for (const name of 'abcdef') await other.store.append({ time: 5, text: `{"name":"${name}"` });
      const batches: AuditBatchTable[] = [];
      for await (const { isReadable: _, ...batch } of readBatches(other.store.reader, 'main')) {
        batches.push({ ...batch, records: packRecords(batch.records) });
      }
      const [head] = await readHeads(parts!.store.reader);
      await parts!.store.write(async ({ db }) => {
        await db.deleteFrom('audit_batches').execute();
        for (const batch of batches) await db.insertInto('audit_batches').values(batch).execute();
      });
      assert.match((await firstBreak())?.reason ?? '', /not sealed by this installation/);
      const [theirs] = await readHeads(other.store.reader);
      await parts!.store.write(({ db }) =>
        db.updateTable('audit_heads').set(theirs!).where('chain', '=', head!.chain).execute(),
      );
      assert.match((await firstBreak())?.reason ?? '', /the head of the chain is not sealed by this installation/);
    } finally {
      await other.cleanup();
    }
  });

  it('verifies each chain for itself', async () => {
    const { store, keyring } = parts!;
    store.useJournal(await openJournal(keyring, store.reader, 'second'));
    await store.append({ time: 7, text: '{"name":"z"' });
    assert.deepEqual([(await verify()).chains, (await verify()).records], [2, 7]);
    await store.write(({ db }) => db.deleteFrom('audit_batches').where('chain', '=', 'second').execute());
    assert.deepEqual(
      (await verify()).breaks.map(({ chain, sequence }) => [chain, sequence]),
      [['second', 1]],
    );
  });

  it('finds a record by its request and time, among many, whatever came in between', async () => {
    const { store } = parts!;
    const id = (index: number) => `01900000-0000-7000-8000-${String(index).padStart(12, '0')}`;
    const append = (index: number, time: number) =>
      store.append({ time, text: `{"correlationId":"${id(index)}","n":${index}` });
    for (let index = 0; index < 40; index++) await append(index, index * 10_000);
    // One that began long before those recorded around it.
    await append(99, 370_000);
    await append(100, 390_000);
    for (const [index, time] of [
      [0, 0],
      [17, 170_000],
      [39, 390_000],
      [99, 370_000],
      [100, 390_000],
    ] as const) {
      assert.equal(JSON.parse((await findRecord(store.reader, id(index).toUpperCase(), time))!).n, index);
    }
    // As when the clock was set back meanwhile: the time leads elsewhere, the record is found all the same.
    assert.equal(JSON.parse((await findRecord(store.reader, id(17), 380_000))!).n, 17);
    assert.equal(await findRecord(store.reader, id(500), 170_000), null);
    assert.equal(await findRecord(store.reader, id(500), 9e12), null);
  });
});
