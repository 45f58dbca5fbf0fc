import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { StoreFault } from '../../src/store/fault.ts';
import { openSession } from '../../src/store/session.ts';
import { openSqlite, openSqliteReader } from '../../src/store/sqlite/driver.ts';
import { openStore, type Store, storeOver } from '../../src/store/store.ts';
import { NOW, scratchDirectory } from './engines.ts';

const PAGE = 4096;
const DRIVER = import.meta.resolve('../../src/store/sqlite/driver.ts');

async function openAt(path: string): Promise<Store> {
  return openStore(openSqlite(path), { now: NOW });
}

async function fill(store: Store, first: number, count: number): Promise<void> {
  for (let n = first; n < first + count; n++) {
    await store.write(async (transaction) => {
      await transaction.db
        .insertInto('meta')
        .values({ name: `t:${String(n).padStart(6, '0')}`, value: 'x'.repeat(3000) })
        .execute();
    });
  }
}

async function filled(store: Store): Promise<number> {
  const query = store.reader.db.selectFrom('meta').select((eb) => eb.fn.countAll<number>().as('n'));
  return (await query.where('name', 'like', 't:%').executeTakeFirstOrThrow()).n;
}

/** A sound database of some hundred pages, closed. */
async function soundFile(t: TestContext): Promise<string> {
  const path = join(scratchDirectory(t), 'strongroom.db');
  const store = await openAt(path);
  await fill(store, 0, 200);
  await store.close();
  return path;
}

/** The image a kill would leave: a database and a log with commits that are not in it yet. */
async function killedImage(t: TestContext): Promise<string> {
  const directory = scratchDirectory(t);
  const live = join(directory, 'live.db');
  const store = await openAt(live);
  await fill(store, 0, 200);
  const path = join(directory, 'strongroom.db');
  const other = new DatabaseSync(live);
  other.exec('pragma wal_checkpoint(truncate)');
  other.close();
  await fill(store, 200, 50);
  copyFileSync(live, path);
  copyFileSync(`${live}-wal`, `${path}-wal`);
  await store.close();
  return path;
}

function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const content = readFileSync(path);
  content.set(bytes, offset);
  writeFileSync(path, content);
}

describe('the log that the SQLite driver flushes', () => {
  test('is the live one, whatever checkpoints and other connections did', {
    skip: existsSync('/proc/self/fd') ? false : 'this system does not show which files are open',
  }, async (t) => {
    const path = join(scratchDirectory(t), 'strongroom.db');
    const store = await openAt(path);
    t.after(() => store.close());
    const expectLive = () => {
      const open = readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          const target = readlinkSync(`/proc/self/fd/${fd}`);
          return target.startsWith(`${path}-wal`) ? [{ target, inode: statSync(`/proc/self/fd/${fd}`).ino }] : [];
        } catch {
          return [];
        }
      });
      // The writer's, the reader's and the one the driver flushes.
      assert.equal(open.length, 3);
      for (const { target, inode } of open) {
        assert.equal(target, `${path}-wal`);
        assert.equal(inode, statSync(`${path}-wal`).ino);
      }
    };
    expectLive();
    await fill(store, 0, 2500);
    assert.ok(statSync(path).size > 1000 * PAGE, 'checkpoints have happened');
    expectLive();
    const other = new DatabaseSync(path, { timeout: 5000 });
    other.exec('pragma wal_checkpoint(truncate)');
    other.exec('vacuum');
    other.close();
    expectLive();
    await fill(store, 2500, 10);
    await store.snapshot(async () => {});
    expectLive();
    assert.equal(await filled(store), 2510);
  });

  test('holds every commit that was answered: an image of the files taken at any moment has them', async (t) => {
    const directory = scratchDirectory(t);
    const path = join(directory, 'strongroom.db');
    const store = await openAt(path);
    t.after(() => store.close());
    for (let round = 0; round < 5; round++) {
      await fill(store, round * 100, 100);
      const image = join(directory, `image-${round}.db`);
      copyFileSync(path, image);
      copyFileSync(`${path}-wal`, `${image}-wal`);
      const copy = await openAt(image);
      assert.equal(await filled(copy), (round + 1) * 100);
      await copy.close();
    }
  });
});

describe('a damaged SQLite file', () => {
  const damages: [string, (path: string) => void][] = [
    ['full of something else', (path) => writeFileSync(path, Buffer.alloc(20_000, 'no database '))],
    ['shorter than a page', (path) => truncateSync(path, 100)],
    ['cut in half', (path) => truncateSync(path, Math.floor(statSync(path).size / 2 / PAGE) * PAGE)],
    ['cut inside a page', (path) => truncateSync(path, statSync(path).size - PAGE - 1000)],
    ['empty', (path) => truncateSync(path, 0)],
    ['without its first page', (path) => overwrite(path, 0, new Uint8Array(PAGE))],
    ['with a page of zeros', (path) => overwrite(path, 60 * PAGE, new Uint8Array(PAGE))],
    ['with a page of noise', (path) => overwrite(path, 60 * PAGE, new Uint8Array(PAGE).fill(0xa5))],
    ['with two pages changed for each other', exchangePages],
  ];
  for (const [what, damage] of damages) {
    test(`${what} is refused and stays as it is`, async (t) => {
      const path = await soundFile(t);
      damage(path);
      const before = readFileSync(path);
      for (const open of [openSqlite, openSqlite]) {
        assert.throws(
          () => open(path),
          (error: Error) => {
            assert.ok(error instanceof StoreFault);
            assert.equal(error.code, 'store-damaged');
            assert.ok(error.message.includes(path));
            return true;
          },
        );
        assert.deepEqual(readFileSync(path), before);
      }
    });
  }

  test('beside a log with commits is refused, and both stay as they are', async (t) => {
    const path = await killedImage(t);
    overwrite(path, 60 * PAGE, new Uint8Array(PAGE).fill(0xa5));
    const before = [readFileSync(path), readFileSync(`${path}-wal`)];
    // In a process of its own: what a connection does as its process ends counts as well.
    const script = `import { openSqlite } from ${JSON.stringify(DRIVER)};
      try { openSqlite(process.argv[1]); } catch (error) { console.log(error.code); }`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script, path], { encoding: 'utf8' });
    assert.equal(said, 'store-damaged\n');
    assert.deepEqual([readFileSync(path), readFileSync(`${path}-wal`)], before);
  });

  test('that is missing beside a log is not begun anew', async (t) => {
    const path = await killedImage(t);
    const log = readFileSync(`${path}-wal`);
    const only = join(scratchDirectory(t), 'strongroom.db');
    writeFileSync(`${only}-wal`, log);
    assert.throws(() => openSqlite(only), { code: 'store-damaged' });
    assert.equal(existsSync(only), false);
    assert.deepEqual(readFileSync(`${only}-wal`), log);
  });

  test('is told from one that a kill left, which opens with all its commits', async (t) => {
    const store = await openAt(await killedImage(t));
    t.after(() => store.close());
    assert.equal(await filled(store), 250);
  });

  test('is told from a start that was killed before the file had its name', async (t) => {
    const path = join(scratchDirectory(t), 'strongroom.db');
    writeFileSync(`${path}.new`, 'half a page');
    const store = await openAt(path);
    t.after(() => store.close());
    assert.equal(existsSync(`${path}.new`), false);
    assert.equal(await filled(store), 0);
  });
});

describe('reading a SQLite file beside its server', () => {
  test('sees each commit, waits for nobody and writes nothing', async (t) => {
    const path = join(scratchDirectory(t), 'strongroom.db');
    const store = await openAt(path);
    t.after(() => store.close());
    await fill(store, 0, 5);
    const beside = await storeOver(openSqliteReader(path));
    assert.equal(await filled(beside), 5);
    await store.write(async (transaction) => {
      await transaction.db.insertInto('meta').values({ name: 't:x', value: '' }).execute();
      assert.equal(await filled(beside), 5);
    });
    assert.equal(await filled(beside), 6);
    await assert.rejects(
      beside.write((transaction) => transaction.db.deleteFrom('meta').execute()),
      { code: 'store-closed' },
    );
    await assert.rejects(beside.reader.db.deleteFrom('meta').execute());
    await beside.snapshot(async (session) => {
      const names = () => session.db.selectFrom('meta').select('name').where('name', 'like', 't:%').execute();
      assert.equal((await names()).length, 6);
      await fill(store, 10, 5);
      assert.equal((await names()).length, 6);
    });
    await beside.close();
    await fill(store, 20, 5);
    assert.equal(await filled(store), 16);
  });

  test('works without the server, also on what a kill left', async (t) => {
    for (const path of [await soundFile(t), await killedImage(t)]) {
      const before = readFileSync(path);
      const driver = openSqliteReader(path);
      const session = openSession('sqlite', driver.read);
      const rows = await session.db.selectFrom('meta').select('name').where('name', 'like', 't:%').execute();
      assert.ok(rows.length >= 200);
      await driver.close();
      assert.deepEqual(readFileSync(path), before);
    }
  });

  test('of a file that is not there makes none', (t) => {
    const path = join(scratchDirectory(t), 'strongroom.db');
    assert.throws(() => openSqliteReader(path), StoreFault);
    assert.equal(existsSync(path), false);
  });
});

function exchangePages(path: string): void {
  const content = readFileSync(path);
  const first = Buffer.from(content.subarray(40 * PAGE, 41 * PAGE));
  content.copyWithin(40 * PAGE, 70 * PAGE, 71 * PAGE);
  content.set(first, 70 * PAGE);
  writeFileSync(path, content);
}
