import assert from 'node:assert/strict';
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** What a caller sees of a decryption that fails: the same bytes wherever it fails, for decrypt and unwrap. */
let server: TestServer;
let token: string;
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });

before(async () => {
  server = await startServer();
  token = await getToken(server, resources.data);
  await ask('PUT', '/keys/rsa', { key: pair.privateKey.export({ format: 'jwk' }) });
  await ask('POST', '/keys/oct/create', { kty: 'oct', key_size: 256 });
});
after(() => server.stop());

const ask = (method: string, path: string, body: unknown): Promise<Reply> =>
  call(server, { method, host: 'main-vault.vault', token, body, path: `${path}?api-version=7.6` });

/** All that does not belong to the one request: status, headers, body. */
function seen({ status, headers, text }: Reply): string {
  const plain = (value: string) => value.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID');
  const { date: _, ...rest } = headers;
  return JSON.stringify([status, plain(JSON.stringify(rest)), plain(text)]);
}

function changedOaep(oaepHash: string, at: number): string {
  const publicKey = createPublicKey(
    createPrivateKey({ key: pair.privateKey.export({ format: 'jwk' }) as JsonWebKey, format: 'jwk' }),
  );
  const sealed = publicEncrypt(
    { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash },
    Buffer.alloc(32),
  );
  const block = privateDecrypt({ key: pair.privateKey, padding: constants.RSA_NO_PADDING }, sealed);
  block[at]! ^= 1;
  return publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, block).toString('base64url');
}

describe('a failed decryption', () => {
  it('looks the same for every cause, by decrypt and by unwrapkey', async () => {
    const answers = new Set<string>();
    for (const [alg, oaepHash, bytes] of [
      ['RSA-OAEP', 'sha1', 20],
      ['RSA-OAEP-256', 'sha256', 32],
    ] as const) {
      for (const at of [0, 1, 1 + bytes, 1 + 2 * bytes, 256 - 33]) {
        for (const verb of ['decrypt', 'unwrapkey']) {
          answers.add(seen(await ask('POST', `/keys/rsa/${verb}`, { alg, value: changedOaep(oaepHash, at) })));
        }
      }
      answers.add(seen(await ask('POST', '/keys/rsa/decrypt', { alg, value: 'AQ' })));
    }
    assert.equal(answers.size, 1, [...answers].join('\n'));
    assert.match([...answers][0]!, /^\[400,/);
  });

  it('looks the same for symmetric keys, wherever the ciphertext, tag or length was changed', async () => {
    const iv = Buffer.alloc(16, 1).toString('base64url');
    const value = Buffer.alloc(32, 7).toString('base64url');
    const answers = new Set<string>();
    for (const [alg, seal, open, more] of [
      ['A256GCM', 'encrypt', 'decrypt', {}],
      ['A256CBCPAD', 'encrypt', 'decrypt', { iv }],
      ['A256KW', 'wrapkey', 'unwrapkey', {}],
      ['CKM_AES_KEY_WRAP_PAD', 'wrapkey', 'unwrapkey', {}],
    ] as const) {
      const { body } = await ask('POST', `/keys/oct/${seal}`, { alg, value, ...more });
      const bytes = Buffer.from(body.value, 'base64url');
      for (const at of [0, 15, bytes.length - 1].slice(alg === 'A256CBCPAD' ? 2 : 0)) {
        const changed = Buffer.from(bytes);
        // A changed last block of CBC decrypts to anything; a changed end of the one before it, to a wrong padding.
        changed[alg === 'A256CBCPAD' ? bytes.length - 17 : at]! ^= 0x40;
        const asked = { ...more, ...body, alg, value: changed.toString('base64url') };
        answers.add(seen(await ask('POST', `/keys/oct/${open}`, asked)));
      }
      const short = bytes.subarray(0, -5).toString('base64url');
      answers.add(seen(await ask('POST', `/keys/oct/${open}`, { ...more, ...body, alg, value: short })));
    }
    assert.equal(answers.size, 1, [...answers].join('\n'));
    assert.match([...answers][0]!, /^\[400,/);
  });
});
