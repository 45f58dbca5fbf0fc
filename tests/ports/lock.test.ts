import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { StoreFault } from '../../src/store/fault.ts';
import { lockDirectory } from '../../src/store/sqlite/lock.ts';
import { scratchDirectory } from './engines.ts';

const HOLDER = `
import { lockDirectory } from ${JSON.stringify(import.meta.resolve('../../src/store/sqlite/lock.ts'))};
try {
  const lock = lockDirectory(process.argv[1]);
  console.log('held');
  process.stdin.once('data', () => {
    lock.release();
    console.log('released');
  });
  process.stdin.resume();
} catch (error) {
  console.log(error.code + ' ' + error.message);
  process.exit(3);
}`;

/** Another process that tries to take the lock, and the first line it says. */
async function otherProcess(t: TestContext, directory: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return { child, said: await nextLine(child) };
}

async function nextLine(child: ChildProcess): Promise<string> {
  const [data] = (await once(child.stdout!, 'data')) as [Buffer];
  return data.toString().trim();
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function isBusy(directory: string, pid?: number): (error: Error) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreFault);
    assert.equal(error.code, 'store-busy');
    assert.ok(error.message.includes(directory));
    assert.equal(error.message.includes(`pid ${pid}`), pid !== undefined);
    return true;
  };
}

describe('the lock of a data directory', () => {
  test('is refused to a second process, and to a second holder in the first', async (t) => {
    const directory = scratchDirectory(t);
    const lock = lockDirectory(directory);
    t.after(() => lock.release());
    assert.throws(() => lockDirectory(directory), isBusy(directory));
    for (let attempt = 0; attempt < 2; attempt++) {
      const { said } = await otherProcess(t, directory);
      assert.match(said, /^store-busy /);
      assert.ok(said.includes(directory));
    }
  });

  test('is free again once its process is killed, with nothing to clean up', async (t) => {
    const directory = scratchDirectory(t);
    for (let round = 0; round < 2; round++) {
      const { child, said } = await otherProcess(t, directory);
      assert.equal(said, 'held');
      assert.throws(() => lockDirectory(directory), isBusy(directory));
      await killed(child);
      const lock = lockDirectory(directory);
      assert.deepEqual(readdirSync(directory), ['lock']);
      lock.release();
    }
  });

  test('is free again once it is released, while its process goes on', async (t) => {
    const directory = scratchDirectory(t);
    const { child } = await otherProcess(t, directory);
    const released = nextLine(child);
    child.stdin!.write('\n');
    assert.equal(await released, 'released');
    const lock = lockDirectory(directory);
    lock.release();
    lock.release();
    lockDirectory(directory).release();
    assert.equal(statSync(join(directory, 'lock')).size, 0);
  });

  test('names the process that holds it where the server has said which it is', (t) => {
    const directory = scratchDirectory(t);
    const lock = lockDirectory(directory);
    t.after(() => lock.release());
    writeFileSync(join(directory, 'runtime.json'), '{"pid":4711}');
    assert.throws(() => lockDirectory(directory), isBusy(directory, 4711));
    for (const other of ['{"pid":"4711"}', 'no json', 'null', '']) {
      writeFileSync(join(directory, 'runtime.json'), other);
      assert.throws(() => lockDirectory(directory), isBusy(directory));
    }
    rmSync(join(directory, 'runtime.json'));
  });

  test('says so where the file is of no use', (t) => {
    const directory = scratchDirectory(t);
    writeFileSync(join(directory, 'lock'), 'this is no lock file, whatever else it may be'.repeat(50));
    assert.throws(() => lockDirectory(directory), { code: 'store-unreachable' });
    assert.throws(() => lockDirectory(join(directory, 'missing')), { code: 'store-unreachable' });
  });
});
