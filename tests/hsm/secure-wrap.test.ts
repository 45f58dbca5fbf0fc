import assert from 'node:assert/strict';
import { createCipheriv, generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemRandom } from '../../src/base/system.ts';
import { releaseAlgorithms, secureWrapAlgorithms } from '../../src/crypto/algorithms.ts';
import type { KeySpec, RsaPublicMembers, StoredKey } from '../../src/crypto/key-provider.ts';
import type { TokenAccess } from '../../src/crypto/pkcs11/object-use.ts';
import { TokenProvider } from '../../src/crypto/pkcs11/provider.ts';
import { readTokenSettings } from '../../src/crypto/pkcs11/settings.ts';
import { Token } from '../../src/crypto/pkcs11/token.ts';
import { unwrapUnder } from '../../src/crypto/software/key-wrapping.ts';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { attestationOf, openWrapped } from '../support/attested-environment.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { type HttpsIssuer, startIssuer } from '../support/https-issuer.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

/** Keys of a token that wrap new keys, and unwrap them for attested environments. */
const random = systemRandom();
let soft: SoftToken;
let environment: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

before(() => {
  soft = makeSoftToken();
  environment = generateKeyPairSync('rsa', { modulusLength: 2048 });
});
after(() => soft?.remove());

describe('a key of a token for secure wrapping', () => {
  let server: TestServer;
  let authority: HttpsIssuer;
  let bearer: string;
  before(async () => {
    authority = await startIssuer();
    const { issuer, caFile } = authority;
    const config = soft.config({ attestationAuthorities: [{ issuer, caFile }] });
    server = await startServer({ args: ['--config', config], env: soft.env });
    const manager = await getToken(server, resources.management);
    bearer = await getToken(server, resources.data);
    await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
    const principalId = objectIdOf(bearer);
    await assignRole(server, manager, { role: 'Key Vault Administrator', principalId, scope: groupScope(server) });
  });
  after(async () => {
    await server?.stop();
    authority?.close();
  });

  const ask = (path: string, body: object): Promise<Reply> =>
    call(server, {
      ...{ method: 'POST', host: 'premium-vault.vault', token: bearer, path: `${path}?api-version=2026-04-01` },
      body,
    });
  async function done(reply: Promise<Reply>) {
    const { status, text, body } = await reply;
    assert.equal(status, 200, text);
    return body;
  }
  const policy = () => {
    const anyOf = [{ authority: authority.issuer, allOf: [{ claim: 'x-tee.type', equals: 'sevsnpvm' }] }];
    return { data: Buffer.from(JSON.stringify({ version: '1.0.0', anyOf })).toString('base64url') };
  };

  for (const [kty, size, algorithms] of [
    ['RSA-HSM', 2048, ['RSA-OAEP-256']],
    ['oct-HSM', 128, ['A128KW', 'A128KWPAD']],
    ['oct-HSM', 256, ['A256KW', 'A256KWPAD', 'CKM_AES_KEY_WRAP', 'CKM_AES_KEY_WRAP_PAD']],
  ] as const) {
    it(`${kty} ${size} wraps a new AES key, and unwraps it for the environment alone`, async () => {
      const name = `${kty}-${size}`;
      const more = { key_size: size, key_ops: ['secureWrapKey', 'secureUnwrapKey'], release_policy: policy() };
      const made = await done(ask(`/keys/${name}/create`, { kty, ...more }));
      assert.deepEqual([made.key.kty, made.attributes.exportable], [kty, false]);
      for (const alg of algorithms) {
        const [one, other] = [
          await done(ask(`/keys/${name}/securewrapkey`, { alg })),
          await done(ask(`/keys/${name}/securewrapkey`, { alg })),
        ];
        const target = attestationOf(authority, environment.publicKey);
        const open = async (value: string) => {
          const { value: wrapped } = await done(ask(`/keys/${name}/secureunwrapkey`, { alg, value, target }));
          return openWrapped(wrapped, environment.privateKey).material;
        };
        const [a, b, again] = [await open(one.value), await open(other.value), await open(one.value)];
        assert.deepEqual([a.length, a.equals(again), a.equals(b)], [32, true, false], alg);
        const changed = Buffer.from(one.value, 'base64url');
        changed[7]! ^= 1;
        for (const value of [changed, changed.subarray(8), Buffer.alloc(0)]) {
          const reply = await ask(`/keys/${name}/secureunwrapkey`, { alg, value: value.toString('base64url'), target });
          assert.deepEqual([reply.status, reply.body.error?.code], [400, 'BadParameter'], reply.text);
        }
        const unwrapped = await ask(`/keys/${name}/unwrapkey`, { alg: alg.replace('PAD', ''), value: one.value });
        assert.equal(unwrapped.status, 403, unwrapped.text);
      }
    });
  }

  it('leaves nothing of what it wraps in the token', () => {
    const labels = soft.tool(['--list-objects', '--type', 'secrkey']).match(/label: .*/g) ?? [];
    // Each key has two objects, one for AES and one for HMAC.
    assert.equal(
      labels.filter((label) => label.includes('strongroom/premium-vault/oct-hsm-')).length,
      4,
      labels.join(),
    );
    assert.equal(labels.length, 4, labels.join());
  });
});

describe('what a symmetric key of a token wraps', () => {
  let token: Token;
  before(() => {
    const result = readTokenSettings(soft.settings, { ...process.env, ...soft.env });
    assert.ok('settings' in result);
    token = new Token(result.settings, { info: () => {}, warn: () => {}, error: () => {} });
  });
  after(() => token.close());

  it('is in no answer of the token, neither when it is made nor when it is opened', async () => {
    const answers: Buffer[] = [];
    const listening: TokenAccess = {
      facts: () => token.facts(),
      backupKey: null,
      state: () => token.state(),
      destroy: (serial, id) => token.destroy(serial, id),
      ask: async (request) => {
        const answer: unknown = await token.ask(request as never);
        if (answer instanceof Uint8Array) answers.push(Buffer.from(answer));
        return answer as never;
      },
    };
    const provider = new TokenProvider(listening, random, { info: () => {}, warn: () => {}, error: () => {} });
    const spec: KeySpec = { family: 'oct', bits: 256 };
    const made = await provider.generate(spec);
    const key: StoredKey = { id: 'k', spec, publicMembers: {}, open: async () => Buffer.from(made.material) };
    const { n, e } = environment.publicKey.export({ format: 'jwk' });
    const algorithm = secureWrapAlgorithms['A256KW']!;
    const wrapped = await provider.wrapNewKey(key, algorithm);
    const release = releaseAlgorithms['CKM_RSA_AES_KEY_WRAP']!;
    const forEnvironment = await provider.rewrapKey(key, algorithm, wrapped, release, { n, e } as RsaPublicMembers);
    const carrier = privateDecrypt({ key: environment.privateKey, oaepHash: 'sha1' }, forEnvironment.subarray(0, 256));
    const material = unwrapUnder(carrier, forEnvironment.subarray(256));
    assert.equal(material.length, 32);
    assert.ok(answers.length >= 2);
    for (const answer of answers) assert.equal(answer.indexOf(material), -1);
    // A shorter value under the same key, as long when it is wrapped: no key of AES.
    const pad = secureWrapAlgorithms['A256KWPAD']!;
    const { publicMembers } = key;
    const brought = await provider.importKey({
      family: 'oct',
      members: { k: Buffer.alloc(32, 5).toString('base64url') },
    });
    const known: StoredKey = { id: 'known', spec, publicMembers, open: async () => Buffer.from(brought.material) };
    const cipher = createCipheriv('id-aes256-wrap-pad', Buffer.alloc(32, 5), Buffer.from('a65959a6', 'hex'));
    const short = Buffer.concat([cipher.update(Buffer.alloc(27, 1)), cipher.final()]);
    assert.equal(short.length, wrapped.length);
    const rewrapping = provider.rewrapKey(known, pad, short, release, { n, e } as RsaPublicMembers);
    await assert.rejects(rewrapping, { code: 'key-input' });
    assert.equal((await provider.wrapNewKey(known, pad)).length, 40);
  });
});
