import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../base/system.ts';
import { cipherAlgorithms, signatureAlgorithms } from './algorithms.ts';
import { KeyInputFault, type KeyProvider } from './key-provider.ts';
import { knownAnswers } from './known-answers.ts';
import { selfTest } from './self-test.ts';
import { SoftwareProvider } from './software/provider.ts';
import { testedProvider } from './tested-provider.ts';

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
    assert.equal((await faults(broken({ importKey }))).length, knownAnswers.length);
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
