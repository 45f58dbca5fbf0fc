import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../base/system.ts';
import { cipherAlgorithms, releaseAlgorithms, signatureAlgorithms } from './algorithms.ts';
import { KeyInputFault, type KeyProvider } from './key-provider.ts';
import { knownAnswers } from './known-answers.ts';
import { selfTest } from './self-test.ts';
import { SoftwareProvider } from './software/provider.ts';
import { testedProvider } from './tested-provider.ts';
import { transferTests } from './transfer-test.ts';

const software = new SoftwareProvider(systemRandom());
/** The software provider, some of it done wrong. */
const broken = (wrong: Partial<KeyProvider>): KeyProvider => ({
  generate: (spec) => software.generate(spec),
  importKey: (jwk) => software.importKey(jwk),
  sign: (...asked) => software.sign(...asked),
  verify: (...asked) => software.verify(...asked),
  encrypt: (...asked) => software.encrypt(...asked),
  decrypt: (...asked) => software.decrypt(...asked),
  release: (...asked) => software.release(...asked),
  wrapNewKey: (...asked) => software.wrapNewKey(...asked),
  rewrapKey: (...asked) => software.rewrapKey(...asked),
  importWrapped: (by, ciphertext, family) => software.importWrapped(by, ciphertext, family),
  ...wrong,
});
const specs = {
  oct: { family: 'oct', bits: 256 },
  EC: { family: 'EC', curve: 'P-256' },
  RSA: { family: 'RSA', bits: 2048, publicExponent: 65_537 },
} as const;
const faults = async (provider: KeyProvider) =>
  (await selfTest(provider)).filter(({ fault }) => fault !== null).map(({ algorithm }) => algorithm);

describe('the self-test', () => {
  it('passes the software provider, and has an answer for each family, padding, mode and curve', async () => {
    assert.deepEqual(await faults(software), []);
    const asked = knownAnswers.map(({ algorithm }) => algorithm);
    const kindOf = (name: string) => {
      const { padding, curve, family } = signatureAlgorithms[name] ?? {};
      const cipher = cipherAlgorithms[name];
      return cipher
        ? `${cipher.family} ${cipher.mode.replace('-padded', '')} ${cipher.digest ?? ''}`
        : `${family} ${padding ?? curve ?? ''}`;
    };
    const covered = new Set(asked.map(kindOf));
    const missing = [...Object.keys(signatureAlgorithms), ...Object.keys(cipherAlgorithms)].filter(
      (name) => !covered.has(kindOf(name)),
    );
    assert.deepEqual(missing, []);
  });

  it('finds a provider that signs wrongly, believes everything, opens everything, or seals otherwise', async () => {
    const sign: KeyProvider['sign'] = async (key, algorithm, digest) => {
      const signature = await software.sign(key, algorithm, digest);
      signature[0]! ^= 1;
      return signature;
    };
    assert.ok((await faults(broken({ sign }))).includes('RS256'));
    assert.ok((await faults(broken({ verify: async () => true }))).includes('ES384'));
    const openAll: KeyProvider['decrypt'] = async (key, algorithm, sealed) =>
      software.decrypt(key, algorithm, sealed).catch(() => Buffer.from('hfw9-tm1qNMljk_ERXG9Ow', 'base64url'));
    assert.deepEqual(await faults(broken({ decrypt: openAll })), ['A256GCM']);
    const encrypt: KeyProvider['encrypt'] = async (key, algorithm, plain) => {
      const sealed = await software.encrypt(key, algorithm, plain);
      return { ...sealed, value: Buffer.alloc(sealed.value.length) };
    };
    assert.ok((await faults(broken({ encrypt }))).includes('A256KW'));
    const importKey = () => Promise.reject(new KeyInputFault('no'));
    assert.equal((await faults(broken({ importKey }))).length, knownAnswers.length + transferTests.length);
  });

  it('finds a provider that takes another key in, lets another out, or opens a blob that was changed', async () => {
    const other = await software.importKey(knownAnswers.find(({ algorithm }) => algorithm === 'ES384')!.key);
    const release: KeyProvider['release'] = (_key, ...asked) =>
      software.release({ id: 'other', ...other, open: async () => Buffer.from(other.material) }, ...asked);
    const leaving = Object.keys(releaseAlgorithms).map((name) => `${name} of a key that leaves`);
    assert.deepEqual(await faults(broken({ release })), leaving);
    const sha1: KeyProvider['release'] = (key, _algorithm, recipient) =>
      software.release(key, { digest: 'sha1' }, recipient);
    assert.deepEqual(await faults(broken({ release: sha1 })), leaving.slice(1));
    const brought = ['a symmetric key', 'a key of type RSA', 'a key of type EC'].map(
      (what) => `CKM_RSA_AES_KEY_WRAP of ${what}, brought`,
    );
    const swapped: KeyProvider['importWrapped'] = (_by, _ciphertext, family) => software.generate(specs[family]);
    assert.deepEqual(await faults(broken({ importWrapped: swapped })), brought);
    const openAll: KeyProvider['importWrapped'] = (by, ciphertext, family) =>
      software.importWrapped(by, ciphertext, family).catch(() => software.generate({ family: 'oct', bits: 256 }));
    assert.deepEqual(await faults(broken({ importWrapped: openAll })), brought.slice(0, 1));
  });
});

describe('a provider that is tested before it is used', () => {
  const errors: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (message: string) => void errors.push(message) };

  it('is used where its answers are right', async () => {
    const key = await testedProvider('software', software, log).generate({ family: 'oct', bits: 128 });
    assert.equal(key.material.length, 16);
    assert.deepEqual(errors, []);
  });

  it('is not used where one is wrong, and the log says so once', async () => {
    const provider = testedProvider('software', broken({ verify: async () => true }), log);
    for (const _ of [1, 2]) {
      await assert.rejects(provider.generate({ family: 'oct', bits: 128 }), { code: 'key-provider-unavailable' });
    }
    assert.deepEqual(errors, ['The software key provider failed its self-test and is not used.']);
  });
});
