import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Random } from '../../base/ports.ts';
import { createKeyFile, openKeyFile, type Seal, SealFault } from '../seal.ts';
import { newPassphraseSeal } from './passphrase.ts';
import { newShamirSeal } from './shamir.ts';
import type { SealToken } from './token-seal.ts';

/** Which seal is to be made. */
export type SealOrder =
  | { readonly to: 'key-file'; readonly keyFile: string }
  | { readonly to: 'passphrase'; readonly passphrase: string }
  | { readonly to: 'shamir'; readonly shares: number; readonly threshold: number }
  | { readonly to: 'pkcs11' };

/** A seal that was made and wraps nothing yet. */
export interface Draft {
  readonly id: string;
  readonly kind: string;
  /** The shares of a split key, told this once; empty for every other seal. */
  readonly shares: readonly string[];
}

/**
 * Seals that are made first and used after: what opens a seal must have reached its keepers before anything is wrapped by it, or a process that
 * dies in between leaves data that nobody opens. The last draft is kept until it is taken or replaced.
 */
export class SealDrafts {
  readonly #random: Random;
  readonly #token: SealToken | null;
  #draft: { readonly id: string; readonly seal: Seal } | null = null;

  /** @param token the one in which keys of seals are made; null where none is configured */
  constructor(random: Random, token: SealToken | null) {
    this.#random = random;
    this.#token = token;
  }

  /**
   * Makes a seal. A key file that is there is taken as it is, so that an order that was cut off can be given again.
   * @throws SealFault where it cannot be made so
   */
  async make(order: SealOrder): Promise<Draft> {
    const { seal, shares } = await makeSeal(order, this.#random, this.#token);
    const id = this.#random.bytes(16).toString('hex');
    this.#draft = { id, seal };
    return { id, kind: seal.kind, shares };
  }

  /** The seal of a draft, for good. @throws SealFault `seal-order-invalid` where it is not the last one */
  take(id: unknown): Seal {
    const draft = this.#draft;
    if (draft === null || draft.id !== id) {
      throw new SealFault(
        'seal-order-invalid',
        'Another seal was made meanwhile, or this one was used already. Begin anew.',
      );
    }
    this.#draft = null;
    return draft.seal;
  }
}

async function makeSeal(
  order: SealOrder,
  random: Random,
  token: SealToken | null,
): Promise<{ seal: Seal; shares: readonly string[] }> {
  if (order.to === 'pkcs11') {
    if (!token) throw new SealFault('seal-missing', 'The configuration names no token: the setting pkcs11.');
    const { newTokenSeal } = await import('./token-seal.ts');
    return { seal: await newTokenSeal(token, random), shares: [] };
  }
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
  if (to === 'pkcs11' && isOnly()) return { to };
  throw new SealFault('seal-order-invalid', 'The order names no seal, or not what making it takes.');
}
