import { oneByOne } from '../../base/one-by-one.ts';
import type { Clock, Random } from '../../base/ports.ts';
import { type Seal, SealFault } from '../seal.ts';
import type { PassphraseDescription, ShamirDescription } from './description.ts';
import { openPassphraseSeal } from './passphrase.ts';
import { openShamirSeal } from './shamir.ts';
import { readShare, type Share } from './share.ts';

/** How far it is. */
export interface Progress {
  readonly given: number;
  readonly needed: number;
}

/** What unsealing is made of. */
export interface UnsealingParts<Opened> {
  readonly description: PassphraseDescription | ShamirDescription;
  readonly clock: Clock;
  readonly random: Random;
  /** Opens the data with a seal. @throws SealFault `seal-wrong` */
  readonly open: (seal: Seal) => Promise<Opened>;
}

/** Wrong attempts that cost no waiting, and the longest wait after more, in milliseconds. */
const FREE = 3;
const LONGEST_WAIT_MS = 60_000;
/** Attempts that may wait for one under way. */
const MOST_WAITING = 8;

/** How long after the last of so many wrong attempts the next is looked at, in milliseconds: one second, then twice as long each time. */
export function waitAfter(wrong: number): number {
  return wrong < FREE ? 0 : Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (wrong - FREE));
}

/**
 * Takes what opens a seal, from operators, one attempt after the other. Who reaches it is the caller's question: it belongs behind an
 * endpoint of the operator's alone.
 */
export class Unsealing<Opened> {
  readonly #parts: UnsealingParts<Opened>;
  #shares: readonly Share[] = [];
  #wrong = 0;
  #until = 0;
  #waiting = 0;
  readonly #inTurn = oneByOne();

  constructor(parts: UnsealingParts<Opened>) {
    this.#parts = parts;
  }

  /** Attempts that were wrong so far. */
  get wrongAttempts(): number {
    return this.#wrong;
  }

  /** How many shares there are of those needed; of a passphrase none of one. */
  get progress(): Progress {
    const { description } = this.#parts;
    return { given: this.#shares.length, needed: description.kind === 'shamir' ? description.threshold : 1 };
  }

  /** Forgets the shares given so far. */
  forget(): void {
    for (const { part } of this.#shares) part.fill(0);
    this.#shares = [];
  }

  /**
   * Takes a passphrase or a share.
   * @returns what was opened, or null while more shares are needed
   * @throws SealFault `seal-wrong`, `seal-passphrase-weak`, `seal-share-mistyped`, `seal-share-foreign`, `seal-share-repeated`,
   *   `seal-attempts` while one has to wait
   */
  give(text: string): Promise<Opened | null> {
    if (this.#waiting >= MOST_WAITING) return Promise.reject(tooMany(1000));
    this.#waiting++;
    return this.#inTurn(() => this.#attempt(text)).finally(() => {
      this.#waiting--;
    });
  }

  async #attempt(text: string): Promise<Opened | null> {
    const now = this.#parts.clock.now();
    // A clock that was set back must not lengthen the wait.
    const left = Math.min(this.#until - now, waitAfter(this.#wrong));
    if (left > 0) throw tooMany(left);
    try {
      return await this.#try(text);
    } catch (error) {
      if (error instanceof SealFault && error.code !== 'seal-share-repeated') {
        this.#wrong++;
        this.#until = this.#parts.clock.now() + waitAfter(this.#wrong);
      }
      throw error;
    }
  }

  async #try(text: string): Promise<Opened | null> {
    const { description, random, open } = this.#parts;
    if (description.kind === 'passphrase') return open(await openPassphraseSeal(description, text, random));
    const share = readShare(text);
    if (share.id !== description.id) {
      throw new SealFault(
        'seal-share-foreign',
        'This share is of another installation, or of a seal that was changed since. It was not counted.',
      );
    }
    if (this.#shares.some(({ number }) => number === share.number)) {
      throw new SealFault('seal-share-repeated', `Share ${share.number} was given already. Bring another one.`);
    }
    this.#shares = [...this.#shares, share];
    if (this.#shares.length < description.threshold) return null;
    const shares = this.#shares;
    try {
      return await open(await openShamirSeal(description, shares, random));
    } finally {
      this.forget();
    }
  }
}

function tooMany(milliseconds: number): SealFault {
  const seconds = Math.ceil(milliseconds / 1000);
  return new SealFault('seal-attempts', `Too many wrong attempts. Try again in ${seconds} s.`);
}
