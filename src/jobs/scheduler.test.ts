import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { holdsLease, type Lease } from './lease.ts';
import { Scheduler } from './scheduler.ts';

describe('the scheduler', () => {
  let parts: TestParts;
  const said: { message: string; facts: unknown }[] = [];
  const note = (message: string, facts: unknown) => void said.push({ message, facts });
  const schedulerOf = (holder: string) =>
    new Scheduler({ ...parts, holder, log: { info: note, warn: note, error: note } });

  before(async () => {
    parts = await testParts();
  });
  after(() => parts.cleanup());

  it('runs a job on the one node that has its lease, and on the next when that one is gone', async () => {
    const runs: [string, number][] = [];
    const job = (holder: string) => ({
      name: 'counted',
      everyMilliseconds: 60_000,
      run: async (lease: Lease) => void runs.push([holder, lease.fence]),
    });
    const [a, b] = [schedulerOf('a'), schedulerOf('b')];
    await a.runOnce(job('a'));
    await b.runOnce(job('b'));
    parts.clock.advance(59_000);
    await b.runOnce(job('b'));
    await a.runOnce(job('a'));
    parts.clock.advance(60_000);
    await b.runOnce(job('b'));
    await a.runOnce(job('a'));
    assert.deepEqual(runs, [
      ['a', 1],
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('tells of a job that failed, and runs it again', async () => {
    const scheduler = schedulerOf('c');
    let runs = 0;
    const job = {
      name: 'failing',
      everyMilliseconds: 60_000,
      run: async () => {
        if (++runs === 1) throw new Error('not today');
      },
    };
    await scheduler.runOnce(job);
    assert.deepEqual(said.at(-1)?.facts, { job: 'failing', reason: 'not today' });
    await scheduler.runOnce(job);
    assert.equal(runs, 2);
  });

  it('begins at once, and stops only when what runs has ended', async () => {
    const scheduler = schedulerOf('d');
    let finish = () => {};
    let isDone = false;
    const begun = new Promise<void>((started) => {
      scheduler.start({
        name: 'long',
        everyMilliseconds: 60_000,
        run: async () => {
          started();
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
          isDone = true;
        },
      });
    });
    await begun;
    const stopped = scheduler.stop().then(() => isDone);
    finish();
    assert.equal(await stopped, true);
  });

  it('never runs a job beside itself', async () => {
    const scheduler = schedulerOf('e');
    let running = 0;
    let most = 0;
    let runs = 0;
    const done = new Promise<void>((resolve) => {
      scheduler.start({
        name: 'quick',
        everyMilliseconds: 1,
        run: async () => {
          most = Math.max(most, ++running);
          for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
          running--;
          if (++runs === 5) resolve();
        },
      });
    });
    await done;
    await scheduler.stop();
    assert.equal(most, 1);
  });

  it('keeps the lease of a job for as long as it runs, however long, and no longer', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const [a, b] = [schedulerOf('slow'), schedulerOf('other')];
    const [finish, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<Lease>()];
    const runs: string[] = [];
    const job = (holder: string, run: (lease: Lease) => Promise<void>) => ({
      name: 'slow',
      everyMilliseconds: 10_000,
      run: async (lease: Lease) => {
        runs.push(holder);
        await run(lease);
      },
    });
    const slow = a.runOnce(
      job('slow', async (lease) => {
        begun.resolve(lease);
        await finish.promise;
      }),
    );
    const lease = await begun.promise;
    const pass = async () => {
      parts.clock.advance(20_000);
      t.mock.timers.tick(20_000);
      // Behind the renewal, which waits in the same queue of writes.
      await parts.store.write(async () => {});
    };
    for (let turn = 0; turn < 10; turn++) {
      await pass();
      await b.runOnce(job('other', async () => {}));
    }
    assert.deepEqual(runs, ['slow']);
    assert.equal(await holdsLease(parts.store.reader, lease), true);
    finish.resolve();
    await slow;
    for (let turn = 0; turn < 4; turn++) await pass();
    await b.runOnce(job('other', async () => {}));
    assert.deepEqual(runs, ['slow', 'other']);
  });
});
