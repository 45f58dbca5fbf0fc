import { hash } from 'node:crypto';
import { fromBase64Url, toBase64Url } from '../../base/text.ts';
import { SealFault } from '../seal.ts';

/** One share of a split key, as its keeper has it. */
export interface Share {
  /** Of the set that it belongs to: 32 hexadecimal digits. */
  readonly id: string;
  /** 1 to `of`. */
  readonly number: number;
  readonly of: number;
  readonly threshold: number;
  /** What brings the key back, together with others. */
  readonly part: Buffer;
}

/** Format 1: format (1 byte), set (16), number, of, threshold (1 each), part (33), checksum (4). */
const FORMAT = 1;
const PREFIX = 'strongroom-share-';
const BYTES = 57;

/** A share as one line of text. */
export function shareText({ id, number, of, threshold, part }: Share): string {
  const body = Buffer.concat([Buffer.of(FORMAT), Buffer.from(id, 'hex'), Buffer.of(number, of, threshold), part]);
  return PREFIX + toBase64Url(Buffer.concat([body, checksum(body)]));
}

/**
 * A share as it was typed. The checksum is over the share alone: it tells a typing error, and nothing of the key.
 * @throws SealFault `seal-share-mistyped`
 */
export function readShare(typed: string): Share {
  const text = typed.replace(/\s/g, '');
  const bytes = text.startsWith(PREFIX) ? fromBase64Url(text.slice(PREFIX.length)) : null;
  const body = bytes?.subarray(0, -4);
  if (!bytes || !body || bytes.length !== BYTES || body[0] !== FORMAT || !checksum(body).equals(bytes.subarray(-4))) {
    throw new SealFault(
      'seal-share-mistyped',
      `This is no share, or it was mistyped: a share is one line that begins with ${PREFIX}. It was not counted.`,
    );
  }
  const [number, of, threshold] = body.subarray(17, 20) as unknown as [number, number, number];
  return { id: body.toString('hex', 1, 17), number, of, threshold, part: Buffer.from(body.subarray(20)) };
}

function checksum(body: Uint8Array): Buffer {
  return hash('sha256', body, 'buffer').subarray(0, 4);
}
