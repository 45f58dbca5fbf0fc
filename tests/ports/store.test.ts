import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { sql } from 'kysely';
import { StoreFault } from '../../src/store/fault.ts';
import { currentVersion, migrate, schemaVersion } from '../../src/store/migrate.ts';
import type { Driver, Journal, Session, Transaction, Value, WriteConnection } from '../../src/store/port.ts';
import type { SecretVersionTable } from '../../src/store/schema.ts';
import { openSession } from '../../src/store/session.ts';
import { statement } from '../../src/store/statement.ts';
import { openStore, type Store, storeOver } from '../../src/store/store.ts';
import { engines, journalLines, latch, lineJournal, NOW, storeOn } from './engines.ts';

const insertVersion = statement<SecretVersionTable>((db, p) =>
  db.insertInto('secret_versions').values({
    vault_id: p('vault_id'),
    name_key: p('name_key'),
    version: p('version'),
    sequence: p('sequence'),
    created: p('created'),
    updated: p('updated'),
    enabled: p('enabled'),
    nbf: p('nbf'),
    exp: p('exp'),
    content_type: p('content_type'),
    tags: p('tags'),
    previous_version: p('previous_version'),
    envelope: p('envelope'),
  }),
);
const readVersion = statement<{ version: string }, SecretVersionTable>((db, p) =>
  db.selectFrom('secret_versions').selectAll().where('version', '=', p('version')),
);
const insertMeta = statement<{ name: string; value: string }>((db, p) =>
  db.insertInto('meta').values({ name: p('name'), value: p('value') }),
);
const readMeta = statement<{ name: string }, { value: string }>((db, p) =>
  db.selectFrom('meta').select('value').where('name', '=', p('name')),
);
const raiseCounter = statement<{ topic: string; by: number }>((db, p) =>
  db
    .updateTable('generations')
    .set((eb) => ({ value: eb('value', '+', p('by')) }))
    .where('topic', '=', p('topic')),
);
const readCounter = statement<{ topic: string }, { value: number }>((db, p) =>
  db.selectFrom('generations').select('value').where('topic', '=', p('topic')),
);
const pageOfMeta = statement<{ after: string; limit: number }, { name: string }>((db, p) =>
  db.selectFrom('meta').select('name').where('name', '>', p('after')).orderBy('name').limit(p('limit')),
);

function aVersion(over: Partial<SecretVersionTable> = {}): SecretVersionTable {
  return {
    vault_id: 'v',
    name_key: 'n',
    version: '1',
    sequence: 1,
    created: NOW,
    updated: NOW,
    enabled: 1,
    nbf: null,
    exp: null,
    content_type: null,
    tags: null,
    previous_version: null,
    envelope: new Uint8Array([1]),
    ...over,
  };
}

async function metaNames(session: Session): Promise<string[]> {
  const rows = await session.db
    .selectFrom('meta')
    .select('name')
    .where('name', 'like', 't:%')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}

async function addMeta(transaction: Transaction, name: string): Promise<void> {
  await insertMeta.change(transaction, { name: `t:${name}`, value: '' });
}

async function counterAt(store: Store, topic: string, value: number): Promise<void> {
  await store.write((transaction) => transaction.db.insertInto('generations').values({ topic, value }).execute());
}

function bound(write: WriteConnection): WriteConnection {
  return {
    run: (text, values) => write.run(text, values),
    begin: () => write.begin(),
    commit: () => write.commit(),
    rollback: () => write.rollback(),
  };
}

/** The driver with one of its write statements failing: the `failing`th, counted from 1. */
function interrupted(driver: Driver, failing: number): Driver {
  let count = 0;
  const run: Driver['write']['run'] = (text, values) =>
    ++count === failing ? Promise.reject(new Error('interrupted')) : driver.write.run(text, values);
  const commit = () => (++count === failing ? Promise.reject(new Error('interrupted')) : driver.write.commit());
  return { ...driver, write: { ...bound(driver.write), run, commit } };
}

async function tableCount(driver: Driver): Promise<number> {
  const session = openSession(driver.dialect, driver.read);
  const query =
    driver.dialect === 'sqlite'
      ? sql<{ n: number }>`select count(*) as n from sqlite_master where type = 'table'`
      : sql<{ n: number }>`select count(*) as n from information_schema.tables where table_schema = 'public'`;
  return (await query.execute(session.db)).rows[0]!.n;
}

for (const engine of engines) {
  describe(`the store on ${engine.name}`, () => {
    const text = [
      '',
      'plain',
      'quotes \' " ` \\ % _ ; -- /* */',
      'line\nbreak\r\ttab',
      'ünï¢ødé \u{1F510} \u200d\u0301 \uFFFD \uE000',
      '\u0001\u001f\u007f\u0085\u2028',
      'x'.repeat(1_000_000),
    ];
    for (const [index, value] of text.entries()) {
      test(`text comes back as it was given (${index})`, async (t) => {
        const store = await storeOn(t, await engine.fresh(t));
        const version = aVersion({ version: `v${value}`.slice(0, 100), content_type: value, tags: value });
        await store.write((transaction) => insertVersion.change(transaction, version));
        const row = await readVersion.first(store.reader, { version: version.version });
        assert.equal(row?.content_type, value);
        assert.equal(row?.tags, value);
      });
    }

    test('bytes, numbers and nulls come back as they were given', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const bytes = [
        new Uint8Array(0),
        Uint8Array.from({ length: 256 }, (_, i) => i),
        new Uint8Array(1_000_000).fill(0xff),
      ];
      const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
      const rows: SecretVersionTable[] = [
        ...bytes.map((envelope, i) => aVersion({ version: `b${i}`, envelope })),
        // A view into a larger buffer: only its own bytes.
        aVersion({ version: 'view', envelope: new Uint8Array([9, 8, 7, 6]).subarray(1, 3) }),
        ...numbers.map((nbf, i) => aVersion({ version: `n${i}`, nbf, sequence: nbf })),
        aVersion({ version: 'null' }),
      ];
      await store.write(async (transaction) => {
        for (const row of rows) assert.equal(await insertVersion.change(transaction, row), 1);
      });
      for (const row of rows) {
        const found = await readVersion.first(store.reader, { version: row.version });
        assert.ok(found?.envelope instanceof Uint8Array);
        assert.deepEqual({ ...found, envelope: [...found.envelope] }, { ...row, envelope: [...row.envelope] });
      }
    });

    test('what a database could not give back is refused, without quoting it', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const refused: [string, unknown][] = [
        ['U+0000', 'canary\u0000canary'],
        ['half a surrogate pair', 'canary\ud800'],
        ['half a surrogate pair', '\udc00canary'],
        ['no safe integer', 1.5],
        ['no safe integer', Number.NaN],
        ['no safe integer', Number.POSITIVE_INFINITY],
        ['no safe integer', 2 ** 53],
        ['undefined', undefined],
        ['boolean', true],
        ['bigint', 1n],
        ['object', { canary: 1 }],
      ];
      for (const [reason, value] of refused) {
        const expected = (error: Error) =>
          error instanceof TypeError && error.message.includes(reason) && !error.message.includes('canary');
        const work = (transaction: Transaction) =>
          insertMeta.change(transaction, { name: 't:x', value: value as string });
        await assert.rejects(store.write(work), expected);
        await assert.rejects(readMeta.first(store.reader, { name: value as string }), expected);
      }
      assert.deepEqual(await metaNames(store.reader), []);
    });

    test('a column refuses a value of another type than its own', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const wrong: Partial<Record<keyof SecretVersionTable, Value>>[] = [
        { created: 'canary' },
        { created: null },
        { version: null },
      ];
      for (const over of wrong) {
        const row = aVersion(over as Partial<SecretVersionTable>);
        await assert.rejects(
          store.write((transaction) => insertVersion.change(transaction, row)),
          (error: Error) => !String(error.stack).includes('canary'),
        );
      }
      const left = await store.reader.db.selectFrom('secret_versions').selectAll().execute();
      assert.deepEqual(left, []);
    });

    test('counts, sums and truths are numbers', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await store.write(async (transaction) => {
        for (const n of [1, 2, 3]) await insertVersion.change(transaction, aVersion({ version: `${n}`, sequence: n }));
      });
      const row = await store.reader.db
        .selectFrom('secret_versions')
        .select((eb) => [
          eb.fn.countAll<number>().as('count'),
          eb.fn.sum<number>('sequence').as('sum'),
          eb.fn.max('sequence').as('max'),
          eb.exists(eb.selectFrom('vaults').select('id')).as('none'),
          eb.exists(eb.selectFrom('meta').select('name')).as('some'),
        ])
        .executeTakeFirstOrThrow();
      assert.deepEqual({ ...row }, { count: 3, sum: 6, max: 3, none: 0, some: 1 });
    });

    test('a stored number that JavaScript cannot hold is an error, never a rounded value', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await store.write((transaction) =>
        sql`update generations set value = 9007199254740993 where topic = 'decisions'`.execute(transaction.db),
      );
      await assert.rejects(readCounter.first(store.reader, { topic: 'decisions' }), RangeError);
    });

    test('a statement takes constants, the same parameter twice, and parameters in any order', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const insert = statement<{ b: string; a: string }>((db, p) =>
        db.insertInto('meta').values([
          { name: p('a'), value: 'constant' },
          { name: p('b'), value: p('a') },
        ]),
      );
      assert.equal(await store.write((transaction) => insert.change(transaction, { b: 't:b', a: 't:a' })), 2);
      assert.equal((await readMeta.first(store.reader, { name: 't:a' }))?.value, 'constant');
      assert.equal((await readMeta.first(store.reader, { name: 't:b' }))?.value, 't:a');
      assert.equal(await readMeta.first(store.reader, { name: 't:c' }), null);
      assert.equal((await pageOfMeta.all(store.reader, { after: 't:', limit: 1 })).length, 1);
    });

    test('a change tells how many rows it inserted, changed or removed', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const ignore = statement<{ name: string }>((db, p) =>
        db
          .insertInto('meta')
          .values({ name: p('name'), value: 'again' })
          .onConflict((conflict) => conflict.column('name').doNothing()),
      );
      const upsert = statement<{ name: string }>((db, p) =>
        db
          .insertInto('meta')
          .values({ name: p('name'), value: 'new' })
          .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: 'changed' })),
      );
      const rename = statement<{ value: string }>((db, p) =>
        db
          .updateTable('meta')
          .set({ value: p('value') })
          .where('name', 'like', 't:%'),
      );
      const remove = statement<object>((db) => db.deleteFrom('meta').where('name', 'like', 't:%'));
      await store.write(async (transaction) => {
        assert.equal(await ignore.change(transaction, { name: 't:a' }), 1);
        assert.equal(await ignore.change(transaction, { name: 't:a' }), 0);
        assert.equal(await upsert.change(transaction, { name: 't:a' }), 1);
        assert.equal(await upsert.change(transaction, { name: 't:b' }), 1);
        // Rows that already hold the value count as well.
        assert.equal(await rename.change(transaction, { value: 'changed' }), 2);
        assert.equal(await remove.change(transaction, {}), 2);
        assert.equal(await remove.change(transaction, {}), 0);
        assert.equal(await readMeta.change(transaction, { name: 'schema' }), 0);
        const returned = await transaction.db
          .insertInto('meta')
          .values({ name: 't:c', value: 'c' })
          .returning(['name', 'value'])
          .execute();
        assert.deepEqual(
          returned.map((row) => ({ ...row })),
          [{ name: 't:c', value: 'c' }],
        );
      });
    });

    test('queries whose shape depends on the request run through Kysely, in and outside a transaction', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await store.write(async (transaction) => {
        for (const n of [1, 2, 3, 4])
          await insertVersion.change(transaction, aVersion({ version: `${n}`, sequence: n }));
        const inside = await transaction.db
          .selectFrom('secret_versions')
          .select('version')
          .where('version', 'in', ['2', '3', '9'])
          .orderBy('sequence', 'desc')
          .execute();
        assert.deepEqual(
          inside.map((row) => row.version),
          ['3', '2'],
        );
        const result = await transaction.db
          .updateTable('secret_versions')
          .set({ enabled: 0 })
          .where('sequence', '<', 3)
          .executeTakeFirst();
        assert.equal(Number(result.numUpdatedRows), 2);
      });
      for (const count of [1, 2, 3]) {
        const asked = Array.from({ length: count }, (_, i) => `${i + 1}`);
        const rows = await store.reader.db
          .selectFrom('secret_versions')
          .selectAll()
          .where('version', 'in', asked)
          .execute();
        assert.equal(rows.length, count);
      }
    });

    test('names are ordered by their bytes and paged by key without loss or repetition', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      // In UTF-16 order the astral character would come before U+FFFD; a dictionary would mix cases and skip hyphens.
      const names = [
        'a',
        'B',
        'b',
        'A',
        'a-b',
        'ab',
        'a b',
        'é',
        'e',
        'z',
        'Z',
        '1',
        '10',
        '2',
        '_',
        '\uFFFD',
        '\u{1F600}',
        'ß',
        'ss',
      ];
      const keys = names.map((name) => `t:${name}`);
      await store.write(async (transaction) => {
        for (const name of keys) await insertMeta.change(transaction, { name, value: '' });
      });
      const expected = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const limit of [1, 3, 100]) {
        const found: string[] = [];
        for (let after = 't:'; ; ) {
          const page = await pageOfMeta.all(store.reader, { after, limit });
          found.push(...page.map((row) => row.name));
          if (page.length < limit) break;
          after = page.at(-1)!.name;
        }
        assert.deepEqual(found, expected);
      }
    });

    test('patterns tell cases apart and take every other character as it is', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await store.write(async (transaction) => {
        for (const name of ['abc', 'ABC', 'é', 'É']) await addMeta(transaction, name);
      });
      const matching = async (pattern: string) => {
        const rows = await store.reader.db.selectFrom('meta').select('name').where('name', 'like', pattern).execute();
        return rows.map((row) => row.name).toSorted();
      };
      assert.deepEqual(await matching('t:a%'), ['t:abc']);
      assert.deepEqual(await matching('t:É'), ['t:É']);
      assert.deepEqual(await matching('T:%'), []);
    });

    test('values that look like SQL are values', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const shapes = [
        "'; drop table meta; --",
        "x' or '1'='1",
        '"; delete from meta; --',
        "\\'; drop table meta; --",
        '$1 $2 ? ?1 :name @name',
        "'||(select value from meta)||'",
        '/* */ -- \n; commit; begin;',
        '%',
        '_',
        '\\',
      ];
      await store.write(async (transaction) => {
        for (const shape of shapes) await insertMeta.change(transaction, { name: `t:${shape}`, value: shape });
      });
      for (const shape of shapes) {
        assert.equal((await readMeta.first(store.reader, { name: `t:${shape}` }))?.value, shape);
        const rows = await store.reader.db.selectFrom('meta').select('name').where('value', '=', shape).execute();
        assert.deepEqual(
          rows.map((row) => row.name),
          [`t:${shape}`],
        );
        assert.deepEqual(await readMeta.all(store.reader, { name: shape }), []);
      }
      assert.equal((await metaNames(store.reader)).length, shapes.length);
    });

    test('the reader refuses to write', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await assert.rejects(insertMeta.change(store.reader, { name: 't:x', value: '' }));
      const returning = store.reader.db.insertInto('meta').values({ name: 't:x', value: '' }).returning('name');
      await assert.rejects(returning.execute());
      const inside = sql`with x as (select 1) insert into meta (name, value) values ('t:x', '')`;
      await assert.rejects(inside.execute(store.reader.db));
      assert.deepEqual(await metaNames(store.reader), []);
    });

    test('work that throws leaves nothing, and what shares its commit stays', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const results = await Promise.allSettled([
        store.write((transaction) => addMeta(transaction, 'before')),
        store.write(async (transaction) => {
          await addMeta(transaction, 'undone');
          throw new Error('refused');
        }),
        store.write(async (transaction) => {
          await addMeta(transaction, 'before');
        }),
        store.write((transaction) => addMeta(transaction, 'after')),
      ]);
      assert.deepEqual(
        results.map((result) => result.status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
      );
      assert.equal((results[1] as PromiseRejectedResult).reason.message, 'refused');
      assert.deepEqual(await metaNames(store.reader), ['t:after', 't:before']);
    });

    test('work that is refused before it changed anything lets the others be', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      let runs = 0;
      const results = await Promise.allSettled([
        store.write(async (transaction) => {
          runs++;
          await addMeta(transaction, 'kept');
        }),
        store.write(async (transaction) => {
          await readMeta.first(transaction, { name: 't:kept' });
          throw new Error('refused');
        }),
      ]);
      assert.deepEqual([results.map(({ status }) => status), runs], [['fulfilled', 'rejected'], 1]);
      assert.deepEqual(await metaNames(store.reader), ['t:kept']);
    });

    test('work that goes on after a failed statement fails with it, and leaves nothing', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await assert.rejects(
        store.write(async (transaction) => {
          await addMeta(transaction, 'a');
          await addMeta(transaction, 'a').catch(() => {});
        }),
        /unique/i,
      );
      await assert.rejects(
        store.write(async (transaction) => {
          await addMeta(transaction, 'a');
          await transaction.db
            .insertInto('meta')
            .values({ name: 't:a', value: '' })
            .execute()
            .catch(() => {});
          await addMeta(transaction, 'b');
        }),
        /unique/i,
      );
      await store.write((transaction) => addMeta(transaction, 'c'));
      assert.deepEqual(await metaNames(store.reader), ['t:c']);
    });

    test('a transaction that is over takes no more statements', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const kept = await store.write(async (transaction) => transaction);
      await assert.rejects(addMeta(kept, 'late'), /over/);
      await assert.rejects(kept.db.insertInto('meta').values({ name: 't:late', value: '' }).execute(), /over/);
      assert.deepEqual(await metaNames(store.reader), []);
    });

    test('a read never sees what is not committed', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const [written, go] = [latch(), latch()];
      const writing = store.write(async (transaction) => {
        await addMeta(transaction, 'x');
        assert.deepEqual(await metaNames(transaction), ['t:x']);
        written.open();
        await go.opened;
      });
      await written.opened;
      assert.deepEqual(await metaNames(store.reader), []);
      go.open();
      await writing;
      assert.deepEqual(await metaNames(store.reader), ['t:x']);
    });

    test('sixty-four writers that each read and then raise one counter lose no step', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await counterAt(store, 'shared', 0);
      const set = statement<{ value: number }>((db, p) =>
        db
          .updateTable('generations')
          .set({ value: p('value') })
          .where('topic', '=', 'shared'),
      );
      const seen = await Promise.all(
        Array.from({ length: 64 }, async () => {
          let last = 0;
          for (let step = 0; step < 5; step++) {
            last = await store.write(async (transaction) => {
              const { value } = (await readCounter.first(transaction, { topic: 'shared' }))!;
              await set.change(transaction, { value: value + 1 });
              return value + 1;
            });
          }
          return last;
        }),
      );
      assert.equal((await readCounter.first(store.reader, { topic: 'shared' }))?.value, 320);
      assert.equal(new Set(seen).size, 64);
    });

    test('journal entries are there with their transaction, and not without it', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      store.useJournal(lineJournal('c'));
      await Promise.allSettled([
        store.write(async (transaction) => {
          transaction.record({ time: 1, text: 'kept' });
          await addMeta(transaction, 'kept');
        }),
        store.write(async (transaction) => {
          transaction.record({ time: 2, text: 'undone' });
          throw new Error('refused');
        }),
        store.append({ time: 3, text: 'read' }),
      ]);
      await store.append({ time: 4, text: 'later' });
      assert.deepEqual(await journalLines(store.reader, 'c'), ['read', 'kept', 'later']);
    });

    test('where the journal fails nothing of the commit is kept, and the chain goes on unharmed', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const inner = lineJournal('c');
      let fail = false;
      const journal: Journal = {
        write: async (session, entries) => {
          const keep = await inner.write(session, entries);
          if (fail) throw new Error('no journal');
          return keep;
        },
      };
      store.useJournal(journal);
      await store.append({ time: 1, text: 'first' });
      fail = true;
      const results = await Promise.allSettled([
        store.write((transaction) => addMeta(transaction, 'silent')),
        store.write(async (transaction) => {
          transaction.record({ time: 2, text: 'lost' });
          await addMeta(transaction, 'recorded');
        }),
        store.append({ time: 3, text: 'lost too' }),
      ]);
      for (const result of results) {
        assert.equal(result.status, 'rejected');
        assert.equal(result.reason.message, 'no journal');
      }
      assert.deepEqual(await metaNames(store.reader), []);
      fail = false;
      await store.append({ time: 4, text: 'second' });
      assert.deepEqual(await journalLines(store.reader, 'c'), ['first', 'second']);
    });

    test('an entry without a journal is refused together with its transaction', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await assert.rejects(store.append({ time: 1, text: 'x' }), StoreFault);
      await assert.rejects(
        store.write(async (transaction) => {
          transaction.record({ time: 1, text: 'x' });
          await addMeta(transaction, 'x');
        }),
        StoreFault,
      );
      assert.deepEqual(await metaNames(store.reader), []);
    });

    test('a touch changes the generation once the transaction is kept, a write without one does not', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      const start = await store.generation();
      await store.write((transaction) => addMeta(transaction, 'a'));
      assert.equal(await store.generation(), start);
      await store.write(async (transaction) => transaction.touch());
      assert.notEqual(await store.generation(), start);
    });

    test('a snapshot stays as it was while writes go on', async (t) => {
      const store = await storeOn(t, await engine.fresh(t));
      await counterAt(store, 'a', 0);
      await counterAt(store, 'b', 0);
      const total = async (session: Session) => {
        const a = (await readCounter.first(session, { topic: 'a' }))!.value;
        const b = (await readCounter.first(session, { topic: 'b' }))!.value;
        return a + b;
      };
      const move = (by: number) =>
        store.write(async (transaction) => {
          await raiseCounter.change(transaction, { topic: 'a', by });
          await raiseCounter.change(transaction, { topic: 'b', by: -by });
          await addMeta(transaction, `${by}`);
        });
      await store.snapshot(async (session) => {
        assert.equal(await total(session), 0);
        const before = await readCounter.first(session, { topic: 'a' });
        for (let by = 1; by <= 20; by++) {
          await move(by);
          assert.equal(await total(session), 0);
          assert.deepEqual({ ...(await readCounter.first(session, { topic: 'a' })) }, { ...before });
          assert.deepEqual(await metaNames(session), []);
        }
        await assert.rejects(insertMeta.change(session, { name: 't:x', value: '' }));
      });
      assert.equal((await readCounter.first(store.reader, { topic: 'a' }))?.value, 210);
      await assert.rejects(
        store.snapshot(() => Promise.reject(new Error('given up'))),
        /given up/,
      );
    });

    test('closing waits for what was asked and refuses more', async (t) => {
      const database = await engine.fresh(t);
      const store = await openStore(await database.open(), { now: NOW });
      const asked = [1, 2, 3].map((n) => store.write((transaction) => addMeta(transaction, `${n}`)));
      const closing = store.close();
      await assert.rejects(
        store.write((transaction) => addMeta(transaction, 'late')),
        { code: 'store-closed' },
      );
      await assert.rejects(store.append({ time: 1, text: 'x' }), { code: 'store-closed' });
      await Promise.all(asked);
      await closing;
      assert.deepEqual(await metaNames((await storeOn(t, database)).reader), ['t:1', 't:2', 't:3']);
    });

    test('what was written is there for the next process', async (t) => {
      const database = await engine.fresh(t);
      const first = await openStore(await database.open(), { now: NOW });
      await first.write(async (transaction) => {
        await addMeta(transaction, 'x');
        transaction.touch();
      });
      await first.close();
      const second = await storeOn(t, database);
      assert.deepEqual(await metaNames(second.reader), ['t:x']);
      assert.equal((await readCounter.first(second.reader, { topic: 'decisions' }))?.value, 2);
    });

    test('a migration interrupted at any statement leaves nothing of its step, and the next start completes it', async (t) => {
      const database = await engine.fresh(t);
      const driver = await database.open();
      t.after(() => driver.close());
      const tablesAt = await tablesByVersion(await (await engine.fresh(t)).open());
      let undone = 0;
      for (let failing = 1; ; failing++) {
        try {
          await migrate(interrupted(driver, failing), NOW);
          break;
        } catch (error) {
          assert.equal((error as Error).message, 'interrupted');
          // All of a step or nothing of it; all where it was interrupted after its commit.
          const version = await currentVersion(driver, openSession(driver.dialect, driver.read));
          assert.equal(await tableCount(driver), tablesAt[version]);
          if (version < schemaVersion) undone++;
        }
      }
      assert.ok(undone > 20, `${undone} interruptions came before the commit`);
      const tables = await tableCount(driver);
      assert.ok(tables > 10);
      // Twice: the second run finds nothing to do.
      await migrate(driver, NOW + 1);
      assert.equal(await tableCount(driver), tables);
      const session = openSession(driver.dialect, driver.read);
      assert.equal((await readMeta.first(session, { name: 'schema' }))?.value, String(schemaVersion));
      assert.equal((await readMeta.first(session, { name: 'created' }))?.value, String(NOW));
    });

    test('data of a later release is refused and left alone', async (t) => {
      const database = await engine.fresh(t);
      const store = await storeOn(t, database);
      await store.write((transaction) =>
        transaction.db.updateTable('meta').set({ value: '999' }).where('name', '=', 'schema').execute(),
      );
      const driver = await database.open();
      t.after(() => driver.close());
      await assert.rejects(openStore(driver, { now: NOW }), (error: Error) => {
        assert.ok(error instanceof StoreFault);
        assert.equal(error.code, 'store-newer');
        assert.match(error.message, /999/);
        return true;
      });
      assert.equal((await readMeta.first(store.reader, { name: 'schema' }))?.value, '999');
    });
  });
}

/** How many tables there are after each step, from the empty database on. */
async function tablesByVersion(driver: Driver): Promise<readonly number[]> {
  const counts = [await tableCount(driver)];
  for (let version = 1; version <= schemaVersion; version++) {
    await migrate(driver, NOW, version);
    counts.push(await tableCount(driver));
  }
  await driver.close();
  return counts;
}

describe('the committer, where other nodes undo its transactions', () => {
  /** A store whose commits fail as if another node had won, as long as `conflicts` is above zero. */
  async function contested(t: TestContext): Promise<{ store: Store; conflict: Error; fail(times: number): void }> {
    const inner = await (await engines[0]!.fresh(t)).open();
    await migrate(inner, NOW);
    const conflict = new Error('another node won');
    let conflicts = 0;
    const commit = () => (conflicts-- > 0 ? Promise.reject(conflict) : inner.write.commit());
    const write = { ...bound(inner.write), commit };
    const store = await storeOver({ ...inner, write, isRetryable: (error) => error === conflict });
    t.after(() => store.close());
    store.useJournal(lineJournal('c'));
    return {
      store,
      conflict,
      fail: (times) => {
        conflicts = times;
      },
    };
  }

  test('runs the whole batch again and keeps only its last run', async (t) => {
    const { store, fail } = await contested(t);
    const runs = [0, 0];
    fail(3);
    await Promise.all(
      runs.map((_, i) =>
        store.write(async (transaction) => {
          runs[i]!++;
          transaction.record({ time: 1, text: `${i}: run ${runs[i]}` });
          await addMeta(transaction, `${i}`);
        }),
      ),
    );
    assert.deepEqual(runs, [4, 4]);
    assert.deepEqual(await journalLines(store.reader, 'c'), ['0: run 4', '1: run 4']);
    assert.deepEqual(await metaNames(store.reader), ['t:0', 't:1']);
  });

  test('gives up as busy after a hundred times, and goes on with the next', async (t) => {
    const { store, conflict, fail } = await contested(t);
    // The pauses between the attempts pass at once.
    t.mock.timers.enable({ apis: ['setTimeout'] });
    fail(Number.POSITIVE_INFINITY);
    let runs = 0;
    let isOver = false;
    const busy = store.write((transaction) => {
      runs++;
      return addMeta(transaction, 'x');
    });
    const refused = assert.rejects(busy, { code: 'store-busy', cause: conflict }).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      t.mock.timers.tick(50);
      await new Promise((turn) => setImmediate(turn));
    }
    await refused;
    assert.equal(runs, 100);
    fail(0);
    await store.append({ time: 2, text: 'later' });
    assert.deepEqual(await journalLines(store.reader, 'c'), ['later']);
    assert.deepEqual(await metaNames(store.reader), []);
  });
});
