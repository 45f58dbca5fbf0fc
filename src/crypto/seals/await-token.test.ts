import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SealFault } from '../seal.ts';
import { openWithToken } from './await-token.ts';

describe('waiting for the token of a seal', () => {
  const absent = (reason: string) => new SealFault('seal-token-absent', reason);

  it('looks the more seldom the longer it takes, and tells why each time', async () => {
    const pauses: number[] = [];
    const reasons: string[] = [];
    let looks = 0;
    const opened = await openWithToken({
      open: async () => {
        if (++looks < 7) throw absent(`look ${looks}`);
        return 'opened';
      },
      tell: (reason) => reasons.push(reason),
      pause: async (milliseconds) => pauses.push(milliseconds),
    });
    assert.equal(opened, 'opened');
    assert.deepEqual(pauses, [500, 1000, 2000, 5000, 10_000, 10_000, 10_000]);
    assert.equal(reasons.length, 6);
  });

  it('ends with whatever no token mends, and with the pause that was ended', async () => {
    const parts = { tell: () => {}, pause: async () => {} };
    const wrong = new SealFault('seal-wrong', 'damaged');
    await assert.rejects(openWithToken({ ...parts, open: () => Promise.reject(wrong) }), wrong);
    const ended = new Error('ended');
    const open = () => Promise.reject(absent('away'));
    await assert.rejects(openWithToken({ ...parts, open, pause: () => Promise.reject(ended) }), ended);
  });
});
