import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { recipientOf } from './recipient.ts';

const n = Buffer.alloc(256, 0xff).toString('base64url');
const key = { kty: 'RSA', kid: 'TpmEphemeralEncryptionKey', key_ops: ['encrypt'], n, e: 'AQAB' };
const inToken = (...keys: readonly unknown[]) => recipientOf({ 'x-ms-runtime': { keys } });
const found = { kid: key.kid, publicMembers: { n, e: 'AQAB' } };

describe('the recipient in an attestation', () => {
  it('is the first RSA key whose use is encryption', () => {
    const signing = { ...key, kid: 'HCLAkPub', key_ops: ['sign'], use: 'sig' };
    assert.deepEqual(inToken(key), found);
    assert.deepEqual(inToken(signing, { kty: 'EC', use: 'enc' }, key, { ...key, kid: 'second' }), found);
    assert.deepEqual(inToken({ ...key, key_ops: undefined, use: 'enc' }), found);
  });

  it('has its numbers without leading zeros', () => {
    const padded = Buffer.concat([Buffer.of(0, 0), Buffer.from(n, 'base64url')]).toString('base64');
    assert.deepEqual(inToken({ ...key, n: padded.replaceAll('/', '_').replaceAll('+', '-'), e: 'AAEAAQ' }), found);
  });

  it('is nobody where there is no such key, or one that cannot be encrypted for', () => {
    for (const claims of [
      {},
      { 'x-ms-runtime': {} },
      { 'x-ms-runtime': { keys: key } },
      { 'x-ms-runtime': [{ keys: [key] }] },
      { 'x-ms-isolation-tee': { 'x-ms-runtime': { keys: [key] } } },
      { 'x-ms-runtime': { keys: [null, 7, 'x'] } },
      { 'x-ms-runtime': { keys: Array.from({ length: 33 }, () => key) } },
      { 'x-ms-runtime': { keys: [{ ...key, key_ops: ['encrypt'], use: 'sig' }] } },
      { 'x-ms-runtime': { keys: [{ ...key, key_ops: 'encrypt' }] } },
      { 'x-ms-runtime': { keys: [{ ...key, n: Buffer.alloc(128, 0xff).toString('base64url') }] } },
      { 'x-ms-runtime': { keys: [{ ...key, n: Buffer.alloc(1025, 0xff).toString('base64url') }] } },
      { 'x-ms-runtime': { keys: [{ ...key, n: '!' }] } },
      { 'x-ms-runtime': { keys: [{ ...key, e: 'AQ' }] } },
      { 'x-ms-runtime': { keys: [{ ...key, e: 'BA' }] } },
      { 'x-ms-runtime': { keys: [{ ...key, e: 'AAAA' }] } },
      { 'x-ms-runtime': { keys: [{ ...key, e: undefined }] } },
    ]) {
      assert.ok('reason' in recipientOf(claims), JSON.stringify(claims).slice(0, 90));
    }
  });
});
