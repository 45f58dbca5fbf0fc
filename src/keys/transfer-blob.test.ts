import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkExchangeKey, exchangeKeyOf, readTransferBlob } from './transfer-blob.ts';

const version = '0123456789abcdef0123456789abcdef';
const kid = `https://main-vault.vault.example/keys/kek/${version}`;
const header = { kid, alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' };
const ciphertext = Buffer.alloc(300, 7).toString('base64url');
const whole = { schema_version: '1.0.0', header, ciphertext, generator: 'a tool 1.0' };
const encode = (blob: unknown) => Buffer.from(JSON.stringify(blob)).toString('base64url');

describe('a transfer blob', () => {
  it('is read with its key exchange key and ciphertext', () => {
    assert.deepEqual(readTransferBlob(encode(whole)), { kid, ciphertext: Buffer.alloc(300, 7) });
    const { generator: _, ...without } = whole;
    assert.equal(readTransferBlob(`${encode(without)}=`).kid, kid);
  });

  it('is refused where anything of it is missing, changed or more', () => {
    const wrong: readonly unknown[] = [
      null,
      'text',
      [],
      {},
      { ...whole, schema_version: '2.0.0' },
      { ...whole, more: 1 },
      { ...whole, generator: 7 },
      { ...whole, header: undefined },
      { ...whole, header: { ...header, alg: 'RSA-OAEP' } },
      { ...whole, header: { ...header, enc: 'RSA_AES_KEY_WRAP_256' } },
      { ...whole, header: { ...header, kid: undefined } },
      { ...whole, header: { ...header, typ: 'x' } },
      { ...whole, ciphertext: undefined },
      { ...whole, ciphertext: '!' },
      { ...whole, ciphertext: Buffer.alloc(200).toString('base64url') },
    ];
    for (const blob of wrong) {
      assert.throws(() => readTransferBlob(encode(blob)), { code: 'key-transfer-blob-invalid' }, JSON.stringify(blob));
    }
    for (const text of [undefined, 7, '', '!', 'AQ', 'A'.repeat(70_000)]) {
      assert.throws(() => readTransferBlob(text), { code: 'key-transfer-blob-invalid' });
    }
    const text = encode(whole);
    for (let length = 0; length < text.length - 1; length += 7) {
      assert.throws(() => readTransferBlob(text.slice(0, length)), { code: 'key-transfer-blob-invalid' });
    }
  });

  it('names a key of the vault that is asked, whichever the port', () => {
    const of = (id: string) =>
      exchangeKeyOf({ kid: id, ciphertext: Buffer.alloc(0) }, 'https://main-vault.vault.example:8443');
    assert.deepEqual(of(kid), { name: 'kek', version });
    assert.deepEqual(of(kid.replace('.example', '.example:443')), { name: 'kek', version });
    for (const id of [
      kid.replace('main', 'other'),
      kid.replace('https', 'http'),
      kid.replace('/keys/', '/secrets/'),
      `${kid}/more`,
      kid.slice(0, -1),
      'kek',
      '',
    ]) {
      assert.throws(() => of(id), { code: 'key-transfer-kek-unsuitable' }, id);
    }
  });

  it('opens with an enabled RSA key of a module that may import and nothing else', () => {
    const good = { kty: 'RSA-HSM', operations: ['import'], isEnabled: true };
    checkExchangeKey(kid, good);
    for (const key of [
      { ...good, kty: 'RSA' },
      { ...good, operations: ['import', 'decrypt'] },
      { ...good, operations: ['unwrapKey'] },
      { ...good, isEnabled: false },
    ]) {
      assert.throws(() => checkExchangeKey(kid, key), { code: 'key-transfer-kek-unsuitable' });
    }
  });
});
