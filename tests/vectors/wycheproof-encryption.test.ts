import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { fromHex, readWycheproof, Tally, titleOf, VectorVault, type WycheproofCase } from './wycheproof.ts';

/** What others found wrong in implementations of these algorithms (Wycheproof), asked of the server. */
let server: TestServer;
let vault: VectorVault;

before(async () => {
  server = await startServer();
  vault = new VectorVault(server, await getToken(server, resources.data));
});
after(() => server.stop());

const sizes: readonly unknown[] = [128, 192, 256];

describe('RSA decryption', () => {
  for (const [file, alg] of [
    ['rsa_oaep_2048_sha1_mgf1sha1', 'RSA-OAEP'],
    ['rsa_oaep_2048_sha256_mgf1sha256', 'RSA-OAEP-256'],
    ['rsa_oaep_3072_sha256_mgf1sha256', 'RSA-OAEP-256'],
    ['rsa_oaep_4096_sha256_mgf1sha256', 'RSA-OAEP-256'],
  ] as const) {
    it(`${alg} opens what is valid and has no label, and refuses the rest in one way (${file})`, async () => {
      const tally = new Tally();
      const refusals = new Set<string>();
      for (const group of readWycheproof(file)) {
        const path = await vault.take(group['privateKeyJwk'] as object);
        for (const one of group.tests) {
          tally.add(one);
          const opened = await vault.ask('POST', `${path}/decrypt`, { alg, value: fromHex(one['ct']) });
          // The service has no labels: what was encrypted with one does not open.
          if (one.result === 'valid' && one['label'] === '') {
            assert.equal(opened.body.value, fromHex(one['msg']), titleOf(file, one));
          } else {
            assert.equal(opened.status, 400, titleOf(file, one));
            refusals.add(withoutRequest(opened.text));
          }
        }
      }
      tally.assertAtLeast(15, 15);
      assert.equal(refusals.size, 1, [...refusals].join('\n'));
    });
  }

  for (const bits of [2048, 3072, 4096]) {
    it(`RSA1_5 of ${bits} bits opens what is valid, and gives other bytes for what is padded wrongly, the same each time`, async () => {
      const file = `rsa_pkcs1_${bits}`;
      const tally = new Tally();
      for (const group of readWycheproof(file)) {
        const path = await vault.take(group['privateKeyJwk'] as object);
        for (const one of group.tests) {
          tally.add(one);
          const ask = () => vault.ask('POST', `${path}/decrypt`, { alg: 'RSA1_5', value: fromHex(one['ct']) });
          const opened = await ask();
          if (one.result === 'valid') assert.equal(opened.body.value, fromHex(one['msg']), titleOf(file, one));
          // A number too large for the key, and another length than the key's, are seen by everybody and no secret.
          else if (one.flags.includes('InvalidCiphertextFormat')) assert.equal(opened.status, 400, titleOf(file, one));
          else {
            // Implicit rejection: nobody learns that the padding was wrong, also not by asking again.
            assert.equal(opened.status, 200, titleOf(file, one));
            assert.equal((await ask()).body.value, opened.body.value, titleOf(file, one));
          }
        }
      }
      tally.assertAtLeast(20, 20);
    });
  }
});

describe('AES', () => {
  it('GCM opens what has a nonce of 96 bits, a tag of 128 and is valid, and nothing else', async () => {
    const tally = new Tally();
    for (const group of readWycheproof('aes_gcm')) {
      const { keySize, ivSize, tagSize } = group;
      if (!sizes.includes(keySize)) continue;
      for (const one of group.tests) {
        tally.add(one);
        const path = await vault.take({ kty: 'oct', k: fromHex(one['key']) });
        const [value, iv, aad, tag] = ['ct', 'iv', 'aad', 'tag'].map((name) => fromHex(one[name]));
        const opened = await vault.ask('POST', `${path}/decrypt`, { alg: `A${keySize}GCM`, value, iv, aad, tag });
        const isOurs = ivSize === 96 && tagSize === 128;
        if (one.result === 'valid' && isOurs)
          assert.equal(opened.body.value, fromHex(one['msg']), titleOf('aes_gcm', one));
        else assert.equal(opened.status, 400, titleOf('aes_gcm', one));
      }
    }
    tally.assertAtLeast(40, 40);
  });

  it('CBC with padding seals and opens what is valid, and refuses each wrong padding', async () => {
    const tally = new Tally();
    const refusals = new Set<string>();
    for (const group of readWycheproof('aes_cbc_pkcs5')) {
      for (const one of group.tests) {
        tally.add(one);
        const path = await vault.take({ kty: 'oct', k: fromHex(one['key']) });
        const body = { alg: `A${group['keySize']}CBCPAD`, iv: fromHex(one['iv']) };
        const opened = await vault.ask('POST', `${path}/decrypt`, { ...body, value: fromHex(one['ct']) });
        if (one.result === 'valid') {
          assert.equal(opened.body.value, fromHex(one['msg']), titleOf('aes_cbc_pkcs5', one));
          const sealed = await vault.ask('POST', `${path}/encrypt`, { ...body, value: fromHex(one['msg']) });
          assert.equal(sealed.body.value, fromHex(one['ct']), titleOf('aes_cbc_pkcs5', one));
        } else {
          assert.equal(opened.status, 400, titleOf('aes_cbc_pkcs5', one));
          refusals.add(withoutRequest(opened.text));
        }
      }
    }
    tally.assertAtLeast(40, 40);
    assert.equal(refusals.size, 1, [...refusals].join('\n'));
  });

  for (const [file, algorithms] of [
    ['aes_wrap', (bits: unknown) => [`A${bits}KW`, 'CKM_AES_KEY_WRAP']],
    ['aes_kwp', () => ['CKM_AES_KEY_WRAP_PAD']],
  ] as const) {
    it(`key wrap opens what is valid and wraps it again, and refuses the rest (${file})`, async () => {
      const tally = new Tally();
      for (const group of readWycheproof(file)) {
        for (const one of group.tests) {
          tally.add(one);
          const path = await vault.take({ kty: 'oct', k: fromHex(one['key']) });
          for (const alg of algorithms(group['keySize'])) await assertWraps(path, alg, one, file);
        }
      }
      tally.assertAtLeast(30, 40);
    });
  }
});

async function assertWraps(path: string, alg: string, one: WycheproofCase, file: string): Promise<void> {
  const opened = await vault.ask('POST', `${path}/unwrapkey`, { alg, value: fromHex(one['ct']) });
  if (!isOpened(one)) {
    assert.equal(opened.status, 400, titleOf(file, one));
    // Where there is no ciphertext, the message is one that cannot be wrapped; longer ones are padded, where padding is.
    if (one['ct'] !== '' || (alg.endsWith('PAD') && one['msg'] !== '')) return;
    const wrapped = await vault.ask('POST', `${path}/wrapkey`, { alg, value: fromHex(one['msg']) });
    assert.equal(wrapped.status, 400, titleOf(file, one));
    return;
  }
  assert.equal(opened.body.value, fromHex(one['msg']), titleOf(file, one));
  const wrapped = await vault.ask('POST', `${path}/wrapkey`, { alg, value: fromHex(one['msg']) });
  assert.equal(wrapped.body.value, fromHex(one['ct']), titleOf(file, one));
}

/** What RFC 3394 leaves open, keys of one block, is refused. */
function isOpened({ result }: WycheproofCase): boolean {
  return result === 'valid';
}

/** The text of a refusal without the id of its request. */
function withoutRequest(text: string): string {
  return text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID');
}
