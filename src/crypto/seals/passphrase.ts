import * as crypto from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { oneByOne } from '../../base/one-by-one.ts';
import type { Random } from '../../base/ports.ts';
import { type Seal, SealFault } from '../seal.ts';
import type { PassphraseDescription } from './description.ts';
import { keySeal } from './key-seal.ts';

/** Characters of a passphrase: at least as many as NIST SP 800-63B-4 §3.1.1.2 asks of a password that stands alone. */
export const passphraseLength = Object.freeze({ least: 15, most: 1024 });

/** The second recommended option of RFC 9106 §4: 64 MiB, three passes, four lanes; some 0.3 s. */
const COST = Object.freeze({ memoryKiB: 65_536, passes: 3, lanes: 4 });

/**
 * A new seal under a passphrase, with a salt of its own.
 * @throws SealFault `seal-passphrase-weak`, `seal-unavailable`
 */
export async function newPassphraseSeal(passphrase: string, random: Random): Promise<Seal> {
  const text = normalised(passphrase);
  const description: PassphraseDescription = {
    format: 1,
    kind: 'passphrase',
    id: random.bytes(16).toString('hex'),
    kdf: 'argon2id',
    ...COST,
    salt: random.bytes(16).toString('base64url'),
  };
  return sealOf(description, text, random);
}

/**
 * The seal that a description and its passphrase make; whether the passphrase is the right one shows when it unwraps.
 * @throws SealFault `seal-passphrase-weak` where it could never have been one, `seal-unavailable`
 */
export async function openPassphraseSeal(
  description: PassphraseDescription,
  passphrase: string,
  random: Random,
): Promise<Seal> {
  return sealOf(description, normalised(passphrase), random);
}

/**
 * The passphrase in a file: its first line.
 * @throws SealFault `seal-missing`, `seal-unreadable` where others than its owner may read it
 */
export function readPassphraseFile(path: string): string {
  let text: string;
  let mode: number;
  try {
    mode = statSync(path).mode;
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SealFault('seal-missing', `The passphrase file ${path} cannot be read: ${code}.`);
  }
  if ((mode & 0o077) !== 0) {
    throw new SealFault('seal-unreadable', `${path} can be read by other users. Make it private: chmod 600 ${path}`);
  }
  return text.split(/\r?\n/, 1)[0]!;
}

async function sealOf(description: PassphraseDescription, text: string, random: Random): Promise<Seal> {
  const key = await derive(description, text);
  return keySeal(
    {
      kind: 'passphrase',
      id: description.id,
      key,
      description: JSON.stringify(description),
      wrong: 'The passphrase does not open this data. Nothing was changed.',
    },
    random,
  );
}

/** One spelling of what was typed (NFC), so that every keyboard makes the same bytes. */
function normalised(passphrase: string): string {
  const text = passphrase.normalize('NFC');
  const { least, most } = passphraseLength;
  const count = [...text].length;
  if (count < least || Buffer.byteLength(text) > most || new Set(text).size < 5) {
    throw new SealFault(
      'seal-passphrase-weak',
      `A passphrase has at least ${least} characters, five different ones among them, and at most ${most} bytes.`,
    );
  }
  return text;
}

// One at a time: each takes its memory, and more side by side would only let somebody who guesses take all of it.
const inTurn = oneByOne();

function derive(description: PassphraseDescription, text: string): Promise<Buffer> {
  return inTurn(() => argon2id(description, text));
}

function argon2id({ salt, memoryKiB, passes, lanes }: PassphraseDescription, text: string): Promise<Buffer> {
  if (typeof crypto.argon2 !== 'function') {
    throw new SealFault('seal-unavailable', 'This Node has no Argon2 (it came with 24.7). Use a later one.');
  }
  return new Promise((resolve, reject) => {
    const parameters = {
      message: Buffer.from(text),
      nonce: Buffer.from(salt, 'base64url'),
      parallelism: lanes,
      tagLength: 32,
      memory: memoryKiB,
      passes,
    };
    // On the thread pool: the event loop goes on.
    crypto.argon2('argon2id', parameters, (error, key) => {
      parameters.message.fill(0);
      if (error) reject(new SealFault('seal-unavailable', 'The passphrase could not be hashed.', { cause: error }));
      else resolve(key);
    });
  });
}
