import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../../tests/support/parts.ts';
import { sampleTenant } from '../../../tests/support/samples.ts';
import { Keyring } from '../keyring.ts';
import { createKeyFile, openKeyFile, type Seal } from '../seal.ts';
import { changeSeal } from './change-seal.ts';
import { readDescription } from './description.ts';
import { newShamirSeal, openShamirSeal } from './shamir.ts';
import { readShare } from './share.ts';

describe('a change of the seal', () => {
  let parts: TestParts & { tenantId: string };
  let first: Seal;
  before(async () => {
    parts = { ...(await testParts()), tenantId: sampleTenant };
    first = openKeyFile(join(parts.folder, 'seal.key'), parts.random);
    await parts.store.write((transaction) => parts.keyring.writeValue(transaction, 'own', Buffer.from('kept'), 0));
  });
  after(() => parts.cleanup());

  const open = (seal: Seal) => Keyring.open(parts.store, seal, parts.random, 0);
  const reads = async (seal: Seal) => (await (await open(seal)).readValue(parts.store.reader, 'own'))?.toString();
  const keyFile = (name: string) => {
    createKeyFile(join(parts.folder, name), parts.random);
    return openKeyFile(join(parts.folder, name), parts.random);
  };
  const addRoot = async (keyring: Keyring) => {
    const made = await keyring.roots.make();
    assert.ok(await parts.store.write((transaction) => keyring.roots.add(transaction, made, parts.clock.now())));
  };

  it('leaves the data under the old seal where it is cut off before its end', async () => {
    const next = keyFile('next.key');
    const cut = {
      ...parts.store,
      // The process dies after the last statement, before the commit.
      write: <T>(work: Parameters<typeof parts.store.write>[0]) =>
        parts.store.write(async (transaction) => {
          await work(transaction);
          throw new Error('cut off');
        }) as Promise<T>,
    };
    await assert.rejects(changeSeal({ ...parts, store: cut }, next), /cut off/);
    assert.equal(await reads(first), 'kept');
    await assert.rejects(open(next), { code: 'seal-wrong' });
    await addRoot(parts.keyring);
    assert.equal(await reads(first), 'kept');
  });

  it('puts every root key under the new seal, which wraps the next ones too; the old opens nothing any more', async () => {
    const { seal, shares } = await newShamirSeal({ shares: 3, threshold: 2 }, parts.random);
    await changeSeal(parts, seal);
    assert.equal(parts.keyring.roots.sealKind, 'shamir');
    await addRoot(parts.keyring);
    const description = await readDescription(parts.store.reader);
    assert.equal(description?.kind, 'shamir');
    if (description?.kind !== 'shamir') return;
    const again = await openShamirSeal(description, shares.slice(1).map(readShare), parts.random);
    assert.equal(await reads(again), 'kept');
    await assert.rejects(open(first), /sealed by 'shamir', but the configured seal is 'key-file'/);
    const rows = await parts.store.reader.db.selectFrom('root_keys').select(['seal']).execute();
    assert.deepEqual(
      rows.map(({ seal: kind }) => kind),
      ['shamir', 'shamir', 'shamir'],
    );
  });

  it('takes in a root key that another node adds meanwhile', async () => {
    const { seal, shares } = await newShamirSeal({ shares: 2, threshold: 2 }, parts.random);
    await changeSeal(parts, seal);
    const description = await readDescription(parts.store.reader);
    if (description?.kind !== 'shamir') throw new Error('It is sealed by shares.');
    const other = await open(await openShamirSeal(description, shares.map(readShare), parts.random));
    const next = keyFile('third.key');
    let isFirst = true;
    const slow: Seal = {
      ...next,
      wrap: async (id, bytes) => {
        if (isFirst) {
          isFirst = false;
          await addRoot(other);
        }
        return next.wrap(id, bytes);
      },
    };
    await changeSeal(parts, slow);
    assert.equal(await reads(next), 'kept');
    // The other node has the seal from before: it may neither change it again nor make root keys under it.
    await assert.rejects(changeSeal({ ...parts, keyring: other }, keyFile('fourth.key')), { code: 'seal-changed' });
    assert.equal(await reads(next), 'kept');
  });
});
