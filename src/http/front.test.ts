import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import type { Pipeline } from '../operations/pipeline.ts';
import { buildFront } from './front.ts';

const host = (plane: 'data' | 'management') => ({
  plane,
  origin: `https://${plane}`,
  host: plane,
  port: '',
  vaultKey: '',
});

/** A front whose requests end as soon as one of its two halves has taken them, which the status tells. */
async function sampleFront(load: () => Promise<never[]>) {
  const errors: string[] = [];
  const front = await buildFront(
    {
      pipeline: {} as Pipeline,
      operations: [],
      readHost: (header) => host(header === 'management' ? 'management' : 'data'),
      clock: { now: () => 0 },
      tenantId: 'tenant',
      domain: 'test',
      log: { info: () => {}, warn: () => {}, error: (message) => errors.push(message) },
    },
    { planes: ['management'], load },
  );
  const ask = (name: 'data' | 'management') =>
    new Promise<number>((resolve) => {
      const response = { writeHead: (status: number) => ({ end: () => resolve(status) }) } as unknown as ServerResponse;
      front.routing({ headers: { host: name }, url: '/', method: 'GET' } as unknown as IncomingMessage, response);
    });
  return { front, ask, errors };
}

describe('a front with late planes', () => {
  it('loads them for their first request alone, and once for many', async () => {
    let loads = 0;
    const { front, ask } = await sampleFront(async () => {
      loads++;
      throw new Error('not yet');
    });
    assert.equal(loads, 0);
    const answers = [ask('management'), ask('management')];
    assert.equal(loads, 1);
    assert.deepEqual(await Promise.all(answers), [500, 500]);
    await front.close();
  });

  it('answers 500, tells why, and tries again where loading failed', async () => {
    let loads = 0;
    const { front, ask, errors } = await sampleFront(async () => {
      loads++;
      throw new Error('the file is gone');
    });
    assert.equal(await ask('management'), 500);
    assert.equal(await ask('management'), 500);
    assert.deepEqual([loads, errors.length], [2, 2]);
    await front.close();
  });

  it('closes only when what is still being loaded has come to its end', async () => {
    const order: string[] = [];
    let fail: (error: Error) => void = () => {};
    const { front, ask } = await sampleFront(
      () =>
        new Promise((_resolve, reject) => {
          fail = reject;
        }),
    );
    const answered = ask('management').then(() => order.push('answered'));
    const closed = front.close().then(() => order.push('closed'));
    // Another front, which loads nothing, is built and closed meanwhile.
    await (await sampleFront(async () => [])).front.close();
    assert.deepEqual(order, []);
    fail(new Error('the file is gone'));
    await Promise.all([answered, closed]);
    assert.deepEqual(order, ['answered', 'closed']);
  });
});
