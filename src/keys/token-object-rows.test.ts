import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import {
  countDue,
  dropObjectsOfKey,
  dueObjects,
  forgetObject,
  isObjectKept,
  keepObject,
  noteObject,
} from './token-object-rows.ts';

describe('what is noted of the objects of a token', () => {
  let parts: TestParts;
  before(async () => {
    parts = await testParts();
  });
  after(() => parts.cleanup());

  const object = (version: string, objectId: string, vaultId = 'v') => ({
    vaultId,
    nameKey: 'n',
    version,
    objectId,
    token: 'serial',
  });
  const write = (work: Parameters<typeof parts.store.write>[0]) => parts.store.write(work);
  const due = async (now: number) =>
    (await dueObjects.all(parts.store.reader, { now, token: 'serial', limit: 10 })).map(
      ({ version, object_id: id }) => `${version}/${id}`,
    );
  const isKept = async (objectId: string) => (await isObjectKept.first(parts.store.reader, { objectId })) !== null;

  it('is due when no version came for it, kept with its version, and due at once when the key goes', async () => {
    await write((transaction) => noteObject.change(transaction, { ...object('1', 'a'), destroyAt: 100 }));
    await write((transaction) => noteObject.change(transaction, { ...object('2', 'b'), destroyAt: 100 }));
    assert.deepEqual([await due(99), (await due(100)).sort()], [[], ['1/a', '2/b']]);
    await write((transaction) => keepObject.change(transaction, object('1', 'a')));
    assert.deepEqual([await due(100), await isKept('a'), await isKept('b')], [['2/b'], true, false]);
    await write((transaction) => dropObjectsOfKey.change(transaction, { vaultId: 'v', nameKey: 'n' }));
    assert.deepEqual([(await due(0)).sort(), await isKept('a')], [['1/a', '2/b'], false]);
    assert.equal(Number((await countDue.first(parts.store.reader, { now: 0 }))?.count), 2);
  });

  it('is due in its own token alone, so that one that is gone holds up no other', async () => {
    const elsewhere = { ...object('9', 'z', 'x'), token: 'gone', destroyAt: 0 };
    await write((transaction) => noteObject.change(transaction, elsewhere));
    assert.deepEqual((await due(100)).includes('9/z'), false);
    await write((transaction) => forgetObject.change(transaction, elsewhere));
  });

  it('is one row for each version that has the object, and what waits is not what was made anew', async () => {
    await write((transaction) => noteObject.change(transaction, { ...object('1', 'a', 'w'), destroyAt: null }));
    assert.equal(await isKept('a'), true);
    await write((transaction) => noteObject.change(transaction, { ...object('1', 'c'), destroyAt: 100 }));
    await write((transaction) => keepObject.change(transaction, object('1', 'c')));
    assert.deepEqual((await due(0)).sort(), ['1/a', '2/b']);
    for (const [version, id] of [
      ['1', 'a'],
      ['1', 'c'],
      ['2', 'b'],
    ] as const) {
      await write((transaction) => forgetObject.change(transaction, object(version, id)));
    }
    assert.deepEqual([await due(1e6), await isKept('a'), await isKept('c')], [[], true, true]);
  });
});
