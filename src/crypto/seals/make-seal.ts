import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Random } from '../../base/ports.ts';
import { createKeyFile, openKeyFile, type Seal, SealFault } from '../seal.ts';
import { newPassphraseSeal } from './passphrase.ts';
import { newShamirSeal } from './shamir.ts';

/** Which seal is to be made. */
export type SealOrder =
  | { readonly to: 'key-file'; readonly keyFile: string }
  | { readonly to: 'passphrase'; readonly passphrase: string }
  | { readonly to: 'shamir'; readonly shares: number; readonly threshold: number };

/** A seal that was made, with what is told of it this once. */
export interface MadeSeal {
  readonly seal: Seal;
  /** The shares of a split key; empty for every other seal. */
  readonly shares: readonly string[];
}

/**
 * Makes a seal; nothing is wrapped by it yet. A key file that is there is taken as it is, so that an order that was cut off can be given again.
 * @throws SealFault where it cannot be made so
 */
export async function makeSeal(order: SealOrder, random: Random): Promise<MadeSeal> {
  if (order.to === 'shamir') return newShamirSeal(order, random);
  if (order.to === 'passphrase') return { seal: await newPassphraseSeal(order.passphrase, random), shares: [] };
  if (!existsSync(order.keyFile)) createKeyFile(order.keyFile, random);
  return { seal: openKeyFile(order.keyFile, random), shares: [] };
}

/**
 * An order as it came, checked strictly.
 * @throws SealFault `seal-order-invalid`
 */
export function readSealOrder(given: Readonly<Record<string, unknown>>): SealOrder {
  const { to, keyFile, passphrase, shares, threshold, ...rest } = given;
  const isOnly = (...names: readonly string[]) =>
    Object.keys(rest).length === 0 && Object.keys(given).every((name) => name === 'to' || names.includes(name));
  if (to === 'key-file' && isOnly('keyFile') && typeof keyFile === 'string' && isAbsolute(keyFile)) {
    return { to, keyFile };
  }
  if (to === 'passphrase' && isOnly('passphrase') && typeof passphrase === 'string') return { to, passphrase };
  if (to === 'shamir' && isOnly('shares', 'threshold') && Number.isInteger(shares) && Number.isInteger(threshold)) {
    return { to, shares: shares as number, threshold: threshold as number };
  }
  throw new SealFault('seal-order-invalid', 'The order names no seal, or not what making it takes.');
}
