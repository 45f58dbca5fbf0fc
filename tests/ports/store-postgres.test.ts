import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { sql } from 'kysely';
import { StoreFault } from '../../src/store/fault.ts';
import { postgresTypes } from '../../src/store/migrations.ts';
import type { Driver, Session, Transaction } from '../../src/store/port.ts';
import { openPostgres } from '../../src/store/postgres/driver.ts';
import { meaningOf } from '../../src/store/postgres/faults.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { administer, type DatabaseOptions, freshDatabase } from '../support/postgres.ts';
import { journalLines, latch, lineJournal, NOW } from './engines.ts';

async function node(t: TestContext, options: DatabaseOptions): Promise<Store> {
  const store = await openStore(await driverOn(t, { ...options, poolSize: 3 }), { now: NOW });
  t.after(() => store.close());
  return store;
}

async function driverOn(t: TestContext, options: Parameters<typeof openPostgres>[0]): Promise<Driver> {
  const driver = await openPostgres(options);
  t.after(() => driver.close());
  return driver;
}

async function counter(session: Session, topic: string): Promise<number> {
  const query = session.db.selectFrom('generations').select('value').where('topic', '=', topic);
  return (await query.executeTakeFirstOrThrow()).value;
}

async function setCounter(transaction: Transaction, topic: string, value: number): Promise<void> {
  await transaction.db
    .insertInto('generations')
    .values({ topic, value })
    .onConflict((conflict) => conflict.column('topic').doUpdateSet({ value }))
    .execute();
}

/** Ends the database's other connections, as a restart or an operator would. */
async function cutConnections(options: DatabaseOptions): Promise<void> {
  await administer(
    options,
    'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
}

function isUnreachable(error: Error): boolean {
  assert.ok(error instanceof StoreFault, String(error));
  assert.equal(error.code, 'store-unreachable');
  return true;
}

describe('several nodes on one PostgreSQL', () => {
  test('start at once on an empty database and all find the schema', async (t) => {
    const options = await freshDatabase();
    const stores = await Promise.all([1, 2, 3, 4].map(() => node(t, options)));
    for (const store of stores) assert.equal(await counter(store.reader, 'decisions'), 1);
  });

  test('lose no update where each reads a row and writes what follows from it', async (t) => {
    const options = await freshDatabase();
    const stores = [await node(t, options), await node(t, options)];
    for (const [i, store] of stores.entries()) store.useJournal(lineJournal(`node-${i}`));
    await stores[0]!.write((transaction) => setCounter(transaction, 'shared', 0));
    let runs = 0;
    const step = (store: Store, n: number) =>
      store.write(async (transaction) => {
        runs++;
        transaction.record({ time: n, text: String(n) });
        await setCounter(transaction, 'shared', (await counter(transaction, 'shared')) + 1);
      });
    await Promise.all(
      stores.map(async (store, i) => {
        for (let n = 0; n < 40; n++)
          await Promise.all([step(store, n), step(store, n), store.append({ time: i, text: 'read' })]);
      }),
    );
    assert.equal(await counter(stores[0]!.reader, 'shared'), 160);
    // Some transactions were run again, or the nodes never met and nothing was shown.
    assert.ok(runs > 160, `${runs} runs`);
    for (const [i, store] of stores.entries())
      assert.equal((await journalLines(store.reader, `node-${i}`)).length, 120);
  });

  test('keep a rule over two rows although each changes only one of them', async (t) => {
    const options = await freshDatabase();
    const stores = [await node(t, options), await node(t, options)];
    for (let round = 0; round < 10; round++) {
      await stores[0]!.write(async (transaction) => {
        await setCounter(transaction, 'a', 1);
        await setCounter(transaction, 'b', 1);
      });
      // At least one of the two must stay; each node gives up its own where it sees both.
      const met = [latch(), latch()];
      await Promise.all(
        stores.map((store, i) =>
          store.write(async (transaction) => {
            const both = (await counter(transaction, 'a')) + (await counter(transaction, 'b'));
            met[i]!.open();
            await met[1 - i]!.opened;
            if (both === 2) await setCounter(transaction, i === 0 ? 'a' : 'b', 0);
          }),
        ),
      );
      const left = (await counter(stores[0]!.reader, 'a')) + (await counter(stores[0]!.reader, 'b'));
      assert.equal(left, 1);
    }
  });

  test('see that another has touched what decisions rest on', async (t) => {
    const options = await freshDatabase();
    const [first, second] = [await node(t, options), await node(t, options)];
    const before = await second.generation();
    await first.write(async (transaction) => transaction.touch());
    assert.notEqual(await second.generation(), before);
    assert.equal(await second.generation(), await first.generation());
  });
});

describe('a PostgreSQL connection that is lost', () => {
  test('while idle costs nothing: the next write and the next reads have others', async (t) => {
    const options = await freshDatabase();
    const store = await node(t, options);
    await Promise.all([1, 2, 3].map(() => counter(store.reader, 'decisions')));
    for (let round = 0; round < 3; round++) {
      await cutConnections(options);
      await store.write((transaction) => setCounter(transaction, 'x', round));
      const reads = await Promise.all([1, 2, 3, 4, 5].map(() => counter(store.reader, 'x')));
      assert.deepEqual(reads, [round, round, round, round, round]);
    }
  });

  test('without a sign of it, as by a gateway that forgot it, costs nothing either', async (t) => {
    const options = await freshDatabase();
    const gate = await wire(t, options.port);
    const store = await node(t, { ...options, port: gate.port });
    await counter(store.reader, 'decisions');
    gate.cutOnNextByte();
    await store.write((transaction) => setCounter(transaction, 'x', 1));
    assert.equal(await counter(store.reader, 'x'), 1);
  });

  test('inside a transaction fails it with nothing kept, and the next one works', async (t) => {
    const options = await freshDatabase();
    const store = await node(t, options);
    store.useJournal(lineJournal('c'));
    const results = await Promise.allSettled([
      store.write((transaction) => setCounter(transaction, 'mate', 1)),
      store.write(async (transaction) => {
        await setCounter(transaction, 'x', 1);
        await cutConnections(options);
        // On another connection this would be committed at once, alone.
        await setCounter(transaction, 'y', 1).catch(() => {});
        await setCounter(transaction, 'z', 1);
      }),
      store.append({ time: 1, text: 'lost' }),
    ]);
    for (const result of results) {
      assert.equal(result.status, 'rejected');
      isUnreachable(result.reason);
    }
    await store.append({ time: 2, text: 'kept' });
    const rows = await store.reader.db.selectFrom('generations').select('topic').execute();
    assert.deepEqual(
      rows.map((row) => row.topic),
      ['decisions'],
    );
    assert.deepEqual(await journalLines(store.reader, 'c'), ['kept']);
  });

  test('inside a snapshot fails it', async (t) => {
    const options = await freshDatabase();
    const store = await node(t, options);
    const work = store.snapshot(async (session) => {
      await counter(session, 'decisions');
      await cutConnections(options);
      await counter(session, 'decisions');
    });
    await assert.rejects(work, isUnreachable);
    assert.equal(await store.snapshot((session) => counter(session, 'decisions')), 1);
  });

  test('leaves writes and reads refused while the database cannot be reached, and served once it can', async (t) => {
    const options = await freshDatabase();
    const gate = await wire(t, options.port);
    const store = await node(t, { ...options, port: gate.port });
    gate.close();
    await assert.rejects(
      store.write((transaction) => setCounter(transaction, 'x', 1)),
      isUnreachable,
    );
    await assert.rejects(counter(store.reader, 'decisions'), isUnreachable);
    await assert.rejects(
      store.snapshot((session) => counter(session, 'decisions')),
      isUnreachable,
    );
    gate.open();
    await store.write((transaction) => setCounter(transaction, 'x', 2));
    assert.equal(await counter(store.reader, 'x'), 2);
  });
});

describe('opening PostgreSQL', () => {
  test('tells place and reason, and never the password', async () => {
    const { host, port, user, password, database } = await freshDatabase();
    const refused: [Parameters<typeof openPostgres>[0], RegExp][] = [
      [{ host, port, user, database, password: 'canary-canary' }, /127\.0\.0\.1.*password authentication failed/],
      [{ host, port, user, password, database: 'nothing_here' }, /nothing_here.*does not exist/],
      [{ host, port: 1, user, password: 'canary-canary', database }, /127\.0\.0\.1:1\/.*ECONNREFUSED/],
      [{ connectionString: `postgres://${user}:canary-canary@${host}:${port}/${database}` }, /password authentication/],
      [{ connectionString: `postgres://${user}:canary/canary@${host}:${port}/${database}` }, /cannot be read/],
      [{ connectionString: `postgres://${user}:7/canary-canary@${host}:${port}/${database}` }, /cannot be read/],
      [{ connectionString: 'postgres://canary canary@[' }, /cannot be read/],
      [{ connectionString: 'host=localhost password=canary' }, /cannot be read/],
    ];
    for (const [options, expected] of refused) {
      await assert.rejects(openPostgres(options), (error: Error) => {
        isUnreachable(error);
        assert.match(error.message, expected);
        assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /canary/);
        return true;
      });
    }
  });

  test('works with a URL, and its place has neither user nor password', async (t) => {
    const { host, port, user, password, database } = await freshDatabase();
    const driver = await driverOn(t, {
      connectionString: `postgresql://${user}:${password}@${host}:${port}/${database}`,
    });
    assert.equal(driver.place, `postgres://${host}:${port}/${database}`);
    assert.equal(driver.dialect, 'postgres');
  });

  test('makes commits wait for the log although the database says otherwise', async (t) => {
    const options = await freshDatabase();
    const server = { ...options, database: 'postgres' };
    await administer(server, `alter database ${options.database} set synchronous_commit = off`);
    await administer(server, `alter database ${options.database} set default_transaction_read_only = on`);
    const setting = async (driver: Driver) =>
      (await driver.write.run<{ synchronous_commit: string }>('show synchronous_commit', [])).rows[0]
        ?.synchronous_commit;
    assert.equal(await setting(await driverOn(t, options)), 'on');
    await administer(server, `alter database ${options.database} set synchronous_commit = remote_apply`);
    const driver = await driverOn(t, options);
    assert.equal(await setting(driver), 'remote_apply');
    await driver.write.begin();
    const level = await driver.write.run<{ transaction_isolation: string }>('show transaction_isolation', []);
    assert.equal(level.rows[0]?.transaction_isolation, 'serializable');
    await driver.write.rollback();
  });

  test('is not paid for where SQLite is the store: its module is not loaded', () => {
    const files = ['store/store.ts', 'store/sqlite/driver.ts', 'store/postgres/driver.ts'];
    const script = `import { registerHooks } from 'node:module';
      registerHooks({ load(url, context, next) { if (/\\/node_modules\\/pg/.test(url)) console.log(url); return next(url, context); } });
      for (const file of process.argv.slice(1)) await import(file);
      console.log('loaded');`;
    const urls = files.map((file) => import.meta.resolve(`../../src/${file}`));
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script, ...urls], { encoding: 'utf8' });
    assert.equal(said, 'loaded\n');
  });
});

describe('a PostgreSQL statement', () => {
  test('that takes too long is given up as busy, in reads and in writes', async (t) => {
    const options = await freshDatabase();
    const driver = await driverOn(t, { ...options, statementTimeoutMs: 100 });
    const slow = 'select pg_sleep(20)';
    await assert.rejects(driver.read.run(slow, []), { code: 'store-busy' });
    await driver.write.begin();
    await assert.rejects(driver.write.run(slow, []), { code: 'store-busy' });
    await driver.write.rollback();
    assert.equal((await driver.write.run('select 1 as one', [])).rows.length, 1);
  });

  test('that waits for a free connection in vain is given up as busy', () => {
    assert.equal(meaningOf(new Error('timeout exceeded when trying to connect')), 'slow');
  });

  test('prepared before a column was added still works, in reads and in writes', async (t) => {
    const options = await freshDatabase();
    const store = await node(t, options);
    const all = (session: Session) => session.db.selectFrom('meta').selectAll().orderBy('name').execute();
    await Promise.all([1, 2, 3].map(() => all(store.reader)));
    await store.write(all);
    await administer(options, 'alter table meta add column more text');
    const [read, written] = [await all(store.reader), await store.write(all)];
    for (const rows of [read, written]) assert.deepEqual(Object.keys(rows[0]!), ['name', 'value', 'more']);
  });

  test('takes no second statement behind a semicolon', async (t) => {
    const store = await node(t, await freshDatabase());
    const texts: [string, string[]][] = [
      ['select 1; delete from meta', []],
      ['select $1::text; delete from meta', ['x']],
      ['set statement_timeout = 0; delete from meta', []],
    ];
    for (const [text, values] of texts) {
      await assert.rejects(
        store.write((transaction) => transaction.run(text, values)),
        /multiple commands/,
      );
    }
    assert.equal((await store.reader.db.selectFrom('meta').selectAll().execute()).length, 2);
  });

  test('that fails does not quote what it was given', async (t) => {
    const store = await node(t, await freshDatabase());
    const insert = (transaction: Transaction) =>
      transaction.db.insertInto('meta').values({ name: 'canary', value: 'canary' }).execute();
    const broken = (transaction: Transaction) => sql`select ${'canary'}::text::bigint`.execute(transaction.db);
    await store.write(insert);
    for (const work of [insert, broken]) {
      await assert.rejects(store.write<unknown>(work), (error: Error) => {
        assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /canary/);
        return true;
      });
    }
  });

  test('is run one after the other where work asks for several at once', async (t) => {
    const store = await node(t, await freshDatabase());
    const values = await store.write((transaction) =>
      Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          await setCounter(transaction, `t${i}`, i);
          return counter(transaction, `t${i}`);
        }),
      ),
    );
    assert.deepEqual(
      values,
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  test('orders text by bytes without a collation only where the server does so by itself', () => {
    assert.equal(postgresTypes('PostgreSQL 18.4 on x86_64-pc-linux-gnu').text, 'text collate "C"');
    assert.equal(postgresTypes('PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64').text, 'text collate "C"');
    assert.equal(postgresTypes('CockroachDB CCL v25.2.0 (x86_64-pc-linux-gnu)').text, 'text');
  });
});

describe('the meaning of a database error', () => {
  const cases: [string, string, string][] = [
    ['40001', 'could not serialize access due to concurrent update', 'retry'],
    ['40001', 'restart transaction: TransactionRetryWithProtoRefreshError', 'retry'],
    ['40P01', 'deadlock detected', 'retry'],
    ['XX000', 'Restart read required at: { read: 1 }', 'retry'],
    ['XX000', 'Transaction expired or aborted by a conflict', 'retry'],
    ['XX000', 'cache lookup failed', 'other'],
    ['40003', 'result is ambiguous', 'other'],
    ['23505', 'duplicate key value violates unique constraint', 'other'],
    ['57P01', 'terminating connection due to administrator command', 'lost'],
    ['08006', 'connection failure', 'lost'],
    ['25006', 'cannot execute INSERT in a read-only transaction', 'lost'],
    ['53300', 'sorry, too many clients already', 'lost'],
    ['57014', 'canceling statement due to statement timeout', 'slow'],
    ['0A000', 'cached plan must not change result type', 'stale'],
    ['0A000', 'unimplemented', 'other'],
  ];
  for (const [code, message, meaning] of cases) {
    test(`${code} (${message}) is ${meaning}`, () => {
      assert.equal(meaningOf(Object.assign(new Error(message), { code, severity: 'ERROR' })), meaning);
    });
  }

  test('of anything the network says is a lost connection', () => {
    assert.equal(meaningOf(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })), 'lost');
    assert.equal(meaningOf(new Error('Connection terminated unexpectedly')), 'lost');
    assert.equal(meaningOf(new StoreFault('store-busy', 'x')), 'other');
  });
});

/** A wire to the server's port that can be cut and mended. */
interface Wire {
  readonly port: number;
  close(): void;
  open(): void;
  /** The connections there are go on until something is sent on them; new ones are not affected. */
  cutOnNextByte(): void;
}

async function wire(t: TestContext, target: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  const cuts = new Set<() => void>();
  let isOpen = true;
  const server = createServer((near) => {
    if (!isOpen) {
      near.destroy();
      return;
    }
    const far = connect(target, '127.0.0.1');
    cuts.add(() => {
      near.unpipe(far);
      near.once('data', () => near.destroy());
      near.resume();
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    isOpen = false;
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    close();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    close,
    cutOnNextByte: () => {
      for (const cut of cuts) cut();
    },
    open: () => {
      isOpen = true;
    },
  };
}
