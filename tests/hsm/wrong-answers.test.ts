import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemRandom } from '../../src/base/system.ts';
import { signatureAlgorithms } from '../../src/crypto/algorithms.ts';
import { type KeyProvider, type KeySpec, KeyTokenFault, type StoredKey } from '../../src/crypto/key-provider.ts';
import type { TokenAccess } from '../../src/crypto/pkcs11/object-use.ts';
import { TokenProvider } from '../../src/crypto/pkcs11/provider.ts';
import { readTokenSettings } from '../../src/crypto/pkcs11/settings.ts';
import { Token } from '../../src/crypto/pkcs11/token.ts';
import { selfTest } from '../../src/crypto/self-test.ts';
import { testedToken } from '../../src/crypto/tested-provider.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

const random = systemRandom();
const digest = Buffer.alloc(32, 7);

describe('a token that answers wrongly', () => {
  let soft: SoftToken;
  let token: Token;
  const errors: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (message: string) => void errors.push(message) };

  before(() => {
    soft = makeSoftToken();
    const result = readTokenSettings(soft.settings, { ...process.env, ...soft.env });
    assert.ok('settings' in result);
    token = new Token(result.settings, log);
  });
  after(() => {
    token.close();
    soft.remove();
  });

  /** The real token, with some of its answers changed on the way. */
  const changing = (change: (use: string, answer: Buffer) => Buffer): TokenAccess => ({
    facts: () => token.facts(),
    backupKey: null,
    state: () => token.state(),
    destroy: (serial, id) => token.destroy(serial, id),
    ask: async (request) => {
      const answer = await token.ask(request as never);
      const { op, use } = request as { op: string; use?: string };
      return (op === 'use' ? change(use!, Buffer.from(answer as never)) : answer) as never;
    },
  });
  const flipped = (answer: Buffer) => {
    answer[answer.length >> 1]! ^= 1;
    return answer;
  };
  const generate = async (provider: KeyProvider, spec: KeySpec): Promise<StoredKey> => {
    const made = await provider.generate(spec, {
      id: random.bytes(16).toString('hex'),
      label: 'test',
      isExportable: false,
    });
    const { publicMembers, material } = made;
    return {
      id: String(Math.floor(1e9 * Math.random())),
      spec,
      publicMembers,
      open: async () => Buffer.from(material),
    };
  };

  it('is found by the self-test, taken out of use and not tried again, loudly', async () => {
    for (const [use, algorithm] of [
      ['sign', 'HS256'],
      ['decrypt', 'RSA-OAEP'],
      ['encrypt', 'A256GCM'],
      ['wrap', 'A256KW'],
    ] as const) {
      const wrong = new TokenProvider(
        changing((asked, answer) => (asked === use ? flipped(answer) : answer)),
        random,
        log,
      );
      const faults = (await selfTest(wrong)).filter(({ fault }) => fault !== null).map((result) => result.algorithm);
      assert.ok(faults.includes(algorithm), `${use}: ${faults}`);
      errors.splice(0);
      let asked = 0;
      const tested = testedToken('token', wrong, log);
      for (const _ of [1, 2]) {
        const making = tested.generate({ family: 'oct', bits: 256 }).finally(() => asked++);
        await assert.rejects(making, { code: 'key-provider-unavailable' });
      }
      assert.equal(asked, 2);
      const loud = errors.filter(
        (message) => message === 'The token key provider failed its self-test and is not used.',
      );
      assert.equal(loud.length, 1, String(errors));
    }
  });

  it('after its self-test, gives no wrong RSA signature and no public half of another key', async () => {
    let isWrong = false;
    const provider = new TokenProvider(
      changing((use, answer) => (isWrong && use === 'sign' ? flipped(answer) : answer)),
      random,
      log,
    );
    const rsa = await generate(provider, { family: 'RSA', bits: 2048, publicExponent: 65_537 });
    assert.equal((await provider.sign(rsa, signatureAlgorithms['RS256']!, digest)).length, 256);
    isWrong = true;
    for (const name of ['RS256', 'PS256']) {
      await assert.rejects(provider.sign(rsa, signatureAlgorithms[name]!, digest), /wrong/);
    }
    await assert.rejects(generate(provider, { family: 'EC', curve: 'P-256' }), /public half/);
  });

  it('is not the same as one that is not there: that one is asked when it is back', async () => {
    let isAway = true;
    const away: TokenAccess = {
      ...changing((_, answer) => answer),
      facts: () => (isAway ? Promise.reject(new KeyTokenFault('Away.')) : token.facts()),
    };
    const tested = testedToken('token', new TokenProvider(away, random, log), log);
    await assert.rejects(tested.generate({ family: 'oct', bits: 256 }), { code: 'key-token-unavailable' });
    isAway = false;
    assert.match((await tested.generate({ family: 'oct', bits: 256 })).material.toString(), /"token":/);
  });
});
