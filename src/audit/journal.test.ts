import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { chainHash, chainStart, isSealed, openJournal } from './journal.ts';
import { readBatches, readHeads } from './repository.ts';

describe('the audit journal', () => {
  let parts: TestParts;

  before(async () => {
    parts = await testParts();
  });
  after(() => parts.cleanup());

  const entry = (name: string, time = 5) => ({ time, text: `{"name":"${name}"` });
  const lines = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { records } of readBatches(parts.store.reader, 'main'))
      found.push(...records.trimEnd().split('\n'));
    return found;
  };

  it('numbers the records, and chains each to the one before', async () => {
    for (const name of ['a', 'b', 'c']) await parts.store.append(entry(name));
    let last = chainStart;
    for (const [index, line] of (await lines()).entries()) {
      const record = JSON.parse(line);
      assert.equal(record.sequence, index + 1);
      assert.equal(record.name, 'abc'[index]);
      const text = line.slice(0, line.indexOf(',"hash":'));
      last = createHash('sha256').update(`${last}\n${text}`).digest('base64url');
      assert.equal(record.hash, last);
      assert.equal(last.length, chainStart.length);
    }
    const [head] = await readHeads(parts.store.reader);
    assert.deepEqual([head?.chain, head?.sequence, head?.hash], ['main', 3, last]);
    assert.ok(isSealed(parts.keyring, 'main', 3, last, head!.mac));
    assert.equal(chainHash('x', 'y'), createHash('sha256').update('x\ny').digest('base64url'));
  });

  it('is not left a gap by a transaction that fails', async () => {
    await assert.rejects(
      parts.store.write(async (transaction) => {
        transaction.record(entry('never'));
        throw new Error('undone');
      }),
      /undone/,
    );
    await parts.store.append(entry('d'));
    const record = JSON.parse((await lines()).at(-1)!);
    assert.deepEqual([record.name, record.sequence], ['d', 4]);
  });

  it('gives many appended at once a record each, and the times that they span', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, index) => parts.store.append(entry(`m${index}`, 1000 - index))));
    const names = (await lines()).map((line) => JSON.parse(line).name);
    assert.equal(names.filter((name) => /^m\d+$/.test(name)).length, 50);
    for await (const batch of readBatches(parts.store.reader, 'main')) assert.ok(batch.first_time <= batch.last_time);
  });

  it('goes on from its sealed head, and from no other', async () => {
    const { store, keyring } = parts;
    const [head] = await readHeads(store.reader);
    store.useJournal(await openJournal(keyring, store.reader, 'main'));
    await store.append(entry('next'));
    assert.equal(JSON.parse((await lines()).at(-1)!).sequence, head!.sequence + 1);
    for (const change of [{ sequence: 1 }, { hash: chainStart }, { mac: '0'.repeat(64) }]) {
      await store.write(({ db }) =>
        db
          .insertInto('audit_heads')
          .values({ ...head!, chain: 'other', ...change })
          .execute(),
      );
      await assert.rejects(openJournal(keyring, store.reader, 'other'), { code: 'audit-chain-broken' });
      await store.write(({ db }) => db.deleteFrom('audit_heads').where('chain', '=', 'other').execute());
    }
  });
});
