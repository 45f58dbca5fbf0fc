import { constants, createPrivateKey, createPublicKey, privateDecrypt } from 'node:crypto';
import type { Random } from '../base/ports.ts';
import { systemRandom } from '../base/system.ts';
import { cipherAlgorithms, releaseAlgorithms, signatureAlgorithms } from './algorithms.ts';
import {
  type ImportedJwk,
  KeyInputFault,
  type KeyProvider,
  type MadeKey,
  type RsaPublicMembers,
  type StoredKey,
} from './key-provider.ts';
import { type KnownAnswer, knownAnswers } from './known-answers.ts';
import { readPrivateJwk } from './software/key-making.ts';
import { splitWrapped, unwrapUnder, wrapForRecipient } from './software/key-wrapping.ts';

/** Keys that come wrapped, and keys that leave wrapped: what is known of them is which keys they are. */
export interface TransferTest {
  /** How the key is wrapped, and its family. */
  readonly algorithm: string;
  /**
   * What was wrong, or null.
   * @param exchangeKey gives the RSA key of the known answers, imported once: looking whether its halves belong together takes 40 ms
   * @throws what the provider throws
   */
  faultOf(provider: KeyProvider, exchangeKey: () => Promise<StoredKey>): Promise<string | null>;
}

/** The AES key of the answer for A256KW, wrapped for the RSA key of the answer for RS256 by the command openssl 3.0. */
const WRAPPED_KEY =
  'kVMCRxzbgg-VBJCFFKaxoMQA57WvU4UwjiLYzZDRYqeNiYv89PMzi_2dxeTMebqNMkhrSo8yCVKgaUQN_2vmUJyhe3pFZ6eYFoLzFmbTZiOxHCk4rMm0Ot5PS4O0PYIgqI93AT9J16EpJ360CEPNB04nCyRsFu1Dpvr6e4e4IIxEcGcG3jQCPleEkj86YVntwUFkK84SujN_mqAmBsqnvFxG-_q803ttG5i9wEjbdnL3F0rlAQyPONORURjwHCKY_q9il7hUnoncWnFCqPx0DGzk3ke-yTaZD8Dy4YuMCm26Be-JBLK5lvB6NsFd5tW6ymIVAxfRh608TAPFsEo0HHjmUHz2MjgOhH7eR4KraWM4HdbkK5XFy1Z5b8ysZSONnwJCkm3GoBQ';

const answerOf = (algorithm: string) => knownAnswers.find((one) => one.algorithm === algorithm)!;
const RSA = answerOf('RS256');
const AES = answerOf('A256KW');
const CURVE = answerOf('ES256');
const IMPORTED = 'CKM_RSA_AES_KEY_WRAP';

/** At least one for each way in which keys come and go. */
export const transferTests: readonly TransferTest[] = [
  {
    algorithm: `${IMPORTED} of a symmetric key, brought`,
    faultOf: async (provider, key) => symmetricFault(provider, await key()),
  },
  ...[RSA, CURVE].map((answer) => ({
    algorithm: `${IMPORTED} of a key of type ${answer.key.family}, brought`,
    faultOf: async (provider: KeyProvider, key: () => Promise<StoredKey>) =>
      broughtFault(provider, await key(), answer, systemRandom()),
  })),
  ...Object.keys(releaseAlgorithms).map((name) => ({
    algorithm: `${name} of a key that leaves`,
    faultOf: (provider: KeyProvider) => releaseFault(provider, name),
  })),
];

/** The key for which keys come wrapped. */
export async function importExchangeKey(provider: KeyProvider): Promise<StoredKey> {
  return stored(await provider.importKey(RSA.key), 'exchange');
}

async function symmetricFault(provider: KeyProvider, exchangeKey: StoredKey): Promise<string | null> {
  const blob = bytes(WRAPPED_KEY);
  const made = await provider.importWrapped(exchangeKey, blob, 'oct');
  const plain = { value: bytes(AES.input), iv: null, aad: null };
  const sealed = await provider.encrypt(stored(made, 'brought'), cipherAlgorithms[AES.algorithm]!, plain);
  if (!sealed.value.equals(bytes(AES.output))) return 'it took in another key';
  for (const at of [10, blob.length - 3]) {
    const changed = Buffer.from(blob);
    changed[at]! ^= 1;
    if (await opens(provider, exchangeKey, changed)) return 'it takes in what was changed';
  }
  return null;
}

async function opens(provider: KeyProvider, exchangeKey: StoredKey, blob: Buffer): Promise<boolean> {
  try {
    await provider.importWrapped(exchangeKey, blob, 'oct');
    return true;
  } catch (error) {
    if (error instanceof KeyInputFault) return false;
    throw error;
  }
}

/** A key that is wrapped here, by OpenSSL, and must be the same where it arrives. */
async function broughtFault(
  provider: KeyProvider,
  exchangeKey: StoredKey,
  answer: KnownAnswer,
  random: Random,
): Promise<string | null> {
  const { material } = readPrivateJwk(answer.key);
  const { digest } = releaseAlgorithms[IMPORTED]!;
  const blob = wrapForRecipient(material, publicOf(RSA.key), digest, random);
  material.fill(0);
  const made = await provider.importWrapped(exchangeKey, blob, answer.key.family);
  if (!isPublicHalfOf(made, answer.key)) return 'it tells another public half';
  const algorithm = signatureAlgorithms[answer.algorithm]!;
  const [digestBytes, known] = [bytes(answer.input), bytes(answer.output)];
  const signature = await provider.sign(stored(made, 'brought'), algorithm, digestBytes);
  if (answer.kind === 'sign') return signature.equals(known) ? null : 'it took in another key';
  const reference = stored(await provider.importKey(answer.key), 'reference');
  return (await provider.verify(reference, algorithm, digestBytes, signature)) ? null : 'it took in another key';
}

/** A key that is opened here, by OpenSSL, as whom it leaves for does. */
async function releaseFault(provider: KeyProvider, name: string): Promise<string | null> {
  const place = { id: systemRandom().bytes(16).toString('hex'), label: 'strongroom self-test', isExportable: true };
  const made = await provider.importKey(CURVE.key, { ...place, isMomentary: true });
  const algorithm = releaseAlgorithms[name]!;
  const released = await provider.release(stored(made, 'released'), algorithm, publicOf(RSA.key));
  const recipient = createPrivateKey({ key: { ...RSA.key.members, kty: 'RSA' }, format: 'jwk' });
  const { wrappedKey, wrapped } = splitWrapped(released, { family: 'RSA', bits: 2048, publicExponent: 65_537 });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const carrier = privateDecrypt({ key: recipient, padding, oaepHash: algorithm.digest }, wrappedKey);
  const pkcs8 = unwrapUnder(carrier, wrapped);
  const opened = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  const { x, y } = createPublicKey(opened).export({ format: 'jwk' });
  const { members } = CURVE.key;
  return x === members['x'] && y === members['y'] ? null : 'another key leaves';
}

function stored({ spec, publicMembers, material }: MadeKey, name: string): StoredKey {
  // Providers remember by the id what they opened, and each test has keys of its own.
  const id = `self-test/transfer/${name}/${systemRandom().bytes(8).toString('hex')}`;
  return { id, spec, publicMembers, open: async () => Buffer.from(material) };
}

function publicOf({ members }: ImportedJwk): RsaPublicMembers {
  return { n: members['n']!, e: members['e']! };
}

function isPublicHalfOf({ publicMembers }: MadeKey, { members }: ImportedJwk): boolean {
  return Object.entries(publicMembers).every(([name, value]) => members[name] === value);
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
