import assert from 'node:assert/strict';
import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { type Profiler, Session } from 'node:inspector/promises';
import { describe, it } from 'node:test';
import { systemRandom } from '../../src/base/system.ts';
import { cipherAlgorithms } from '../../src/crypto/algorithms.ts';
import { KeyInputFault, type MadeKey, type Sealed, type StoredKey } from '../../src/crypto/key-provider.ts';

/**
 * What a decryption that fails does is the same wherever it fails: the same functions and the same branches of ours, each as often,
 * counted by the engine. What OpenSSL does inside is OpenSSL's to keep constant.
 */
// Branches are counted of code alone that is loaded after counting began: hence a process of its own, and the import here.
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
const { SoftwareProvider } = await import('../../src/crypto/software/provider.ts');

const random = systemRandom();
const provider = new SoftwareProvider(random);
const rsa = await provider.generate({ family: 'RSA', bits: 2048, publicExponent: 65_537 });
const privateKey = createPrivateKey({ key: Buffer.from(rsa.material), format: 'der', type: 'pkcs8' });
const publicKey = createPublicKey(privateKey);
const none = { iv: null, aad: null, tag: null };

const stored = (key: MadeKey, id: string): StoredKey => ({
  id,
  spec: key.spec,
  publicMembers: key.publicMembers,
  open: async () => Buffer.from(key.material),
});
/** RSA without any padding. */
const raw = (work: typeof publicEncrypt, key: KeyObject, block: Buffer) =>
  work({ key, padding: constants.RSA_NO_PADDING }, block);

/** How often each function and each branch of our own code runs, and what comes of it. */
async function pathOf(work: () => Promise<unknown>): Promise<{ readonly path: string; readonly outcome: string }> {
  await session.post('Profiler.takePreciseCoverage');
  const outcome = await work().then(
    () => 'bytes',
    (error: Error) => {
      assert.ok(error instanceof KeyInputFault);
      return error.message;
    },
  );
  const { result } = (await session.post('Profiler.takePreciseCoverage')) as Profiler.TakePreciseCoverageReturnType;
  const ours = result.filter(({ url }) => url.includes('/src/') && !url.endsWith('.test.ts'));
  // A branch that was not taken is told with a count of 0; one that was, is part of what surrounds it.
  const called = ours.flatMap(({ url, functions }) =>
    functions.filter(({ ranges }) => ranges[0]!.count > 0).map(({ ranges }) => ({ url, ranges })),
  );
  const path = called
    .flatMap(({ url, ranges }) =>
      ranges.map(
        ({ startOffset, endOffset, count }) => `${url.split('/src/')[1]} ${startOffset}-${endOffset} ${count}`,
      ),
    )
    .sort()
    .join('\n');
  return { path, outcome };
}

async function assertOnePath(
  algorithm: string,
  key: StoredKey,
  cases: Readonly<Record<string, Sealed>>,
): Promise<void> {
  const decrypt = (sealed: Sealed) => provider.decrypt(key, cipherAlgorithms[algorithm]!, sealed);
  const [first] = Object.values(cases);
  // The first use of a key opens it.
  await decrypt(first!).catch(() => {});
  const seen = new Map<string, { path: string; outcome: string }>();
  for (const [name, sealed] of Object.entries(cases)) seen.set(name, await pathOf(() => decrypt(sealed)));
  const [[, expected] = ['', { path: '', outcome: '' }]] = seen;
  assert.match(expected.path, /crypto\/software\/provider\.ts/);
  for (const [name, found] of seen) assert.deepEqual(found, expected, `${algorithm}: ${name}`);
}

describe('a decryption that fails', () => {
  for (const [algorithm, oaepHash, hashBytes] of [
    ['RSA-OAEP', 'sha1', 20],
    ['RSA-OAEP-256', 'sha256', 32],
  ] as const) {
    it(`takes one path with ${algorithm}, whatever of the padding is wrong`, async () => {
      const options = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
      const block = raw(privateDecrypt, privateKey, publicEncrypt(options, Buffer.alloc(16, 7)));
      // Y, the seed under its mask, then under a mask: the label's hash, zeros, a one, the message (RFC 8017 §7.1.1).
      const changed = (at: number, by = 1) => {
        const copy = Buffer.from(block);
        copy[at]! ^= by;
        return { ...none, value: raw(publicEncrypt, publicKey, copy) };
      };
      await assertOnePath(algorithm, stored(rsa, 'v/oaep/1'), {
        'Y is not zero': changed(0),
        'the seed is another': changed(1),
        "the label's hash is another": changed(1 + hashBytes),
        'a zero is none': changed(1 + 2 * hashBytes),
        'the one is missing': changed(256 - 17),
        'other bytes': { ...none, value: raw(publicEncrypt, publicKey, Buffer.alloc(256, 3)) },
      });
    });
  }

  it('does not fail with RSA1_5: a wrong padding takes the path of a right one with other content', async () => {
    const padded = (content: Buffer) =>
      publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, content);
    const block = (...bytes: number[]) => {
      const whole = Buffer.alloc(256, 5);
      whole.set(bytes);
      whole[200] = 0;
      return { ...none, value: raw(publicEncrypt, publicKey, whole) };
    };
    await assertOnePath('RSA1_5', stored(rsa, 'v/pkcs1/1'), {
      'right, other content': { ...none, value: padded(Buffer.alloc(32, 9)) },
      'right, nothing': { ...none, value: padded(Buffer.alloc(0)) },
      'no zero at the start': block(1, 2),
      'no two after it': block(0, 1),
      'a zero among the first eight': block(0, 2, 0),
    });
  });

  for (const [algorithm, bits] of [
    ['A256GCM', 256],
    ['A128CBCPAD', 128],
    ['A256KW', 256],
    ['CKM_AES_KEY_WRAP_PAD', 192],
  ] as const) {
    it(`takes one path with ${algorithm}, wherever it was changed`, async () => {
      const key = stored(await provider.generate({ family: 'oct', bits }), `v/${algorithm}/1`);
      const iv = algorithm === 'A128CBCPAD' ? random.bytes(16) : null;
      const sealed = await provider.encrypt(key, cipherAlgorithms[algorithm]!, {
        value: Buffer.alloc(32, 7),
        iv,
        aad: null,
      });
      const changed = (at: number) => {
        const value = Buffer.from(sealed.value);
        value[at < 0 ? value.length + at : at]! ^= 0x80;
        return { ...sealed, value };
      };
      // The last block of a padded message is padding alone: the block before it decides what it says.
      const cases =
        algorithm === 'A128CBCPAD'
          ? { 'the length is none': changed(-17), 'a byte of it is another': changed(-18) }
          : { 'the first byte': changed(0), 'in the middle': changed(16), 'the last byte': changed(-1) };
      await assertOnePath(algorithm, key, cases);
    });
  }
});
