import { randomFillSync } from 'node:crypto';
import type { Clock, Random } from './ports.ts';

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

const POOL_BYTES = 8192;

/**
 * The operating system's generator through OpenSSL, drawn in blocks of 8 KiB: a call of its own costs about 2 µs for 16
 * bytes, and every request draws several. Bytes handed out are erased from the block.
 */
export function systemRandom(): Random {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    bytes(length) {
      if (length > POOL_BYTES) return randomFillSync(Buffer.alloc(length));
      if (used + length > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const out = Buffer.from(pool.subarray(used, used + length));
      pool.fill(0, used, used + length);
      used += length;
      return out;
    },
  };
}
