import type { Random } from '../../base/ports.ts';
import { type Seal, SealFault } from '../seal.ts';
import type { ShamirDescription } from './description.ts';
import { keySeal } from './key-seal.ts';
import { type Share, shareText } from './share.ts';

/** How many shares there are to be, and how many of them open. */
export interface Split {
  readonly shares: number;
  readonly threshold: number;
}

/** A seal whose key nobody has: it was split, and the shares are told this once. */
export interface SplitSeal {
  readonly seal: Seal;
  /** One line of text each. */
  readonly shares: readonly string[];
}

/**
 * A new seal under a random key that is split among keepers (Shamir's scheme; the arithmetic is the library's).
 * @throws SealFault `seal-split-invalid` unless 2 ≤ threshold ≤ shares ≤ 255
 */
export async function newShamirSeal({ shares, threshold }: Split, random: Random): Promise<SplitSeal> {
  const isFine = Number.isInteger(shares) && Number.isInteger(threshold) && threshold >= 2 && shares >= threshold;
  if (!isFine || shares > 255) {
    throw new SealFault('seal-split-invalid', 'A key is split into 2 to 255 shares, of which at least two open it.');
  }
  const id = random.bytes(16).toString('hex');
  const key = random.bytes(32);
  // Only now: no other seal needs it, and no start should wait for it.
  const { split } = await import('shamir-secret-sharing');
  // The library takes plain bytes alone, no Buffer.
  const plain = new Uint8Array(key);
  const parts = await split(plain, shares, threshold);
  plain.fill(0);
  const texts = parts.map((part, index) =>
    shareText({ id, number: index + 1, of: shares, threshold, part: Buffer.from(part) }),
  );
  for (const part of parts) part.fill(0);
  return { seal: sealOf({ format: 1, kind: 'shamir', id, shares, threshold }, key, random), shares: texts };
}

/** The seal that shares of one set bring back; whether they were all true shows when it unwraps. */
export async function openShamirSeal(
  description: ShamirDescription,
  shares: readonly Share[],
  random: Random,
): Promise<Seal> {
  const { combine } = await import('shamir-secret-sharing');
  let key: Uint8Array;
  try {
    key = await combine(shares.map(({ part }) => new Uint8Array(part)));
  } catch (error) {
    throw new SealFault('seal-wrong', WRONG, { cause: error });
  }
  return sealOf(description, Buffer.from(key), random);
}

const WRONG =
  'These shares do not open this data: at least one of them was forged or is damaged. All were dropped; begin anew.';

function sealOf(description: ShamirDescription, key: Buffer, random: Random): Seal {
  const { id } = description;
  return keySeal({ kind: 'shamir', id, key, description: JSON.stringify(description), wrong: WRONG }, random);
}
