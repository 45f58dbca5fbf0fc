import assert from 'node:assert/strict';
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type JsonWebKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { type HttpsIssuer, startIssuer } from '../support/https-issuer.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

/** Keys that go out of a token wrapped, and come in wrapped. */
let token: SoftToken;
let server: TestServer;
let authority: HttpsIssuer;
let bearer: string;
let recipient: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

before(async () => {
  [token, authority] = [makeSoftToken(), await startIssuer()];
  recipient = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { issuer, caFile } = authority;
  const config = token.config({ attestationAuthorities: [{ issuer, caFile }] });
  server = await startServer({ args: ['--config', config], env: token.env });
  const manager = await getToken(server, resources.management);
  bearer = await getToken(server, resources.data);
  for (const name of ['premium-vault', 'other-premium']) {
    await putVault(server, manager, name, { sku: { family: 'A', name: 'premium' } });
  }
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(bearer), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
});

after(async () => {
  await server?.stop();
  authority?.close();
  token?.remove();
});

const ask = (method: string, path: string, body?: object, vault = 'premium-vault'): Promise<Reply> =>
  call(server, {
    method,
    host: `${vault}.vault`,
    token: bearer,
    path: `${path}?api-version=2025-07-01`,
    ...(body && { body }),
  } as Ask);
async function done(reply: Promise<Reply>) {
  const { status, text, body } = await reply;
  assert.equal(status, 200, text);
  return body;
}

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const encode = (value: unknown) => b64(Buffer.from(JSON.stringify(value)));
const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
const message = Buffer.from('signed once it is out');
const digest = b64(hash('sha256', message, 'buffer'));
const paddedWrap = Buffer.from('a65959a6', 'hex');
const publicOf = ({ key }: { key: Record<string, string> }) =>
  createPublicKey({ key: { ...key, kty: key['kty']!.replace('-HSM', '') } as JsonWebKey, format: 'jwk' });

const releasable = () => {
  const claims = {
    version: '1.0.0',
    anyOf: [{ authority: authority.issuer, allOf: [{ claim: 'tee', equals: 'yes' }] }],
  };
  return { attributes: { exportable: true }, release_policy: { data: encode(claims) } };
};
const attestation = () => {
  const now = Math.floor(Date.now() / 1000);
  const jwk = recipient.publicKey.export({ format: 'jwk' });
  const keys = [{ ...jwk, kid: 'TpmEphemeralEncryptionKey', key_ops: ['encrypt'] }];
  const claims = { iss: authority.issuer, iat: now, exp: now + 600, tee: 'yes', 'x-ms-runtime': { keys } };
  return authority.sign(claims, {});
};

function opened(value: string): KeyObject {
  const { header, ciphertext } = decode(decode(value.split('.')[1]!).response.key.key.key_hsm);
  const bytes = Buffer.from(ciphertext, 'base64url');
  const oaepHash = { CKM_RSA_AES_KEY_WRAP: 'sha1', RSA_AES_KEY_WRAP_256: 'sha256', RSA_AES_KEY_WRAP_384: 'sha384' }[
    header.enc as 'CKM_RSA_AES_KEY_WRAP'
  ];
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const aesKey = privateDecrypt({ key: recipient.privateKey, padding, oaepHash }, bytes.subarray(0, 256));
  const decipher = createDecipheriv('id-aes256-wrap-pad', aesKey, paddedWrap);
  const der = Buffer.concat([decipher.update(bytes.subarray(256)), decipher.final()]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

describe('a key of a token that may be released', () => {
  for (const [kty, enc] of [
    ['RSA-HSM', 'CKM_RSA_AES_KEY_WRAP'],
    ['RSA-HSM', 'RSA_AES_KEY_WRAP_256'],
    ['EC-HSM', 'RSA_AES_KEY_WRAP_384'],
  ] as const) {
    it(`${kty} comes out by ${enc}, wrapped, and is the key that signs in the token`, async () => {
      const name = `out-${kty.slice(0, 2)}-${enc.slice(-3)}`.toLowerCase().replace('_', '');
      const made = await done(ask('POST', `/keys/${name}/create`, { kty, ...releasable() }));
      const { value } = await done(ask('POST', `/keys/${name}/release`, { target: attestation(), enc }));
      const key = opened(value);
      assert.equal(verify('sha256', message, publicOf(made), sign('sha256', message, key)), true);
    });
  }

  it('also after it was rotated, while a key that was not made for it stays where it is', async () => {
    const made = await done(ask('POST', '/keys/turned/create', { kty: 'EC-HSM', ...releasable() }));
    const turned = await done(ask('POST', '/keys/turned/rotate'));
    assert.notEqual(turned.key.kid, made.key.kid);
    const { value } = await done(ask('POST', '/keys/turned/release', { target: attestation() }));
    assert.equal(verify('sha256', message, publicOf(turned), sign('sha256', message, opened(value))), true);
    await done(ask('POST', '/keys/kept/create', { kty: 'RSA-HSM' }));
    const { status, body } = await ask('POST', '/keys/kept/release', { target: attestation() });
    assert.deepEqual([status, body.error.code], [403, 'Forbidden'], JSON.stringify(body));
    // PKCS #11 has no way in which a token attests that it holds a key.
    const attested = await ask('GET', '/keys/kept/attestation');
    assert.deepEqual([attested.status, attested.body.error.code], [400, 'BadParameter'], attested.text);
  });

  it('is no symmetric key', async () => {
    const { status, body } = await ask('POST', '/keys/sym/create', { kty: 'oct-HSM', key_size: 256, ...releasable() });
    assert.deepEqual([status, body.error.code], [400, 'BadParameter'], JSON.stringify(body));
  });
});

/** A transfer blob as the tools of HSM makers write it: RSA-OAEP over SHA-1, and AES key wrap with padding. */
function blobFor(
  kek: { key: Record<string, string> },
  material: Buffer,
  change: (ciphertext: Buffer) => void = () => {},
) {
  const aesKey = randomBytes(32);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const wrappedKey = publicEncrypt({ key: publicOf(kek), padding, oaepHash: 'sha1' }, aesKey);
  const cipher = createCipheriv('id-aes256-wrap-pad', aesKey, paddedWrap);
  const ciphertext = Buffer.concat([wrappedKey, cipher.update(material), cipher.final()]);
  change(ciphertext);
  const header = { kid: kek.key['kid'], alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' };
  return encode({ schema_version: '1.0.0', header, ciphertext: b64(ciphertext), generator: 'strongroom tests' });
}

describe('a key that is brought in a transfer blob', () => {
  let kek: { key: Record<string, string> };
  before(async () => {
    kek = await done(ask('POST', '/keys/kek/create', { kty: 'RSA-HSM', key_size: 2048, key_ops: ['import'] }));
  });
  const bring = (name: string, kty: string, blob: string, vault?: string) =>
    ask('PUT', `/keys/${name}`, { key: { kty, key_hsm: blob } }, vault);

  it('is unwrapped in the token, never extractable, and signs', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
    const brought = await done(bring('brought', 'RSA-HSM', blobFor(kek, pkcs8)));
    assert.equal(brought.key.n, pair.publicKey.export({ format: 'jwk' }).n);
    const { value } = await done(ask('POST', '/keys/brought/sign', { alg: 'RS256', value: digest }));
    assert.equal(verify('sha256', message, pair.publicKey, Buffer.from(value, 'base64url')), true);
    const objects = token.tool(['--list-objects', '--type', 'privkey']);
    const ours = objects.slice(objects.indexOf('strongroom/premium-vault/brought/'));
    assert.doesNotMatch(ours.split('Private Key Object')[0]!, /extractable(?! *never)/i);
  });

  it('is refused where the blob was changed, is for another vault, or the key may not take one in', async () => {
    const pkcs8 = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'der',
    });
    const refusals = [
      bring(
        'bad',
        'RSA-HSM',
        blobFor(kek, pkcs8, (bytes) => (bytes[10]! ^= 1)),
      ),
      bring(
        'bad',
        'RSA-HSM',
        blobFor(kek, pkcs8, (bytes) => (bytes[bytes.length - 3]! ^= 1)),
      ),
      bring('bad', 'RSA-HSM', blobFor(kek, randomBytes(1200))),
      bring('bad', 'RSA-HSM', blobFor(kek, pkcs8), 'other-premium'),
    ];
    for (const { status, body } of await Promise.all(refusals)) {
      assert.equal(status, 400, JSON.stringify(body));
    }
    const plain = await done(ask('POST', '/keys/plain/create', { kty: 'RSA-HSM' }));
    assert.equal((await bring('bad', 'RSA-HSM', blobFor(plain, pkcs8))).status, 400);
    assert.equal((await ask('GET', '/keys/bad')).status, 404);
    // The token was none the worse for it.
    await done(ask('POST', '/keys/brought/sign', { alg: 'RS256', value: digest }));
  });

  it('may be symmetric', async () => {
    await done(bring('aes', 'oct-HSM', blobFor(kek, randomBytes(32))));
    const iv = b64(randomBytes(16));
    const sealed = await done(ask('POST', '/keys/aes/encrypt', { alg: 'A256CBC', value: b64(randomBytes(32)), iv }));
    assert.equal(Buffer.from(sealed.value, 'base64url').length, 32);
  });

  const pkcs8Of = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'der' });
  for (const [crv, namedCurve, alg, hashName] of [
    ['P-256', 'prime256v1', 'ES256', 'sha256'],
    ['P-384', 'secp384r1', 'ES384', 'sha384'],
    ['P-521', 'secp521r1', 'ES512', 'sha512'],
    ['P-256K', 'secp256k1', 'ES256K', 'sha256'],
  ] as const) {
    it(`may be of the curve ${crv}: the token tells one coordinate, a signature which of the two others`, async () => {
      // Both signs of y, and leading zeros now and then.
      for (let index = 0; index < 6; index++) {
        const pair = generateKeyPairSync('ec', { namedCurve });
        const blob = blobFor(kek, pkcs8Of(pair.privateKey));
        const key = { kty: 'EC-HSM', key_hsm: blob, ...(index % 2 === 0 && { crv }) };
        const brought = await done(ask('PUT', `/keys/${crv}-${index}`, { key }));
        const { x, y } = pair.publicKey.export({ format: 'jwk' });
        assert.deepEqual([brought.key.crv, brought.key.x, brought.key.y], [crv, x, y]);
        const value = b64(hash(hashName, message, 'buffer'));
        const { value: signature } = await done(ask('POST', `/keys/${crv}-${index}/sign`, { alg, value }));
        const dsaEncoding = 'ieee-p1363';
        const proof = { key: pair.publicKey, dsaEncoding } as const;
        assert.equal(verify(hashName, message, proof, Buffer.from(signature, 'base64url')), true);
      }
      const listed = token.tool(['--list-objects', '--type', 'privkey']);
      const ours = listed
        .slice(listed.indexOf(`strongroom/premium-vault/${crv.toLowerCase()}-0/`))
        .split('Private Key Object')[0]!;
      // The copy that agreed on the coordinate has gone; the one that stays cannot.
      assert.match(ours, /Usage:.*sign/, ours);
      assert.doesNotMatch(ours, /derive|extractable(?! *never)/i);
    });
  }

  it('is refused where it is of another curve or type than the body says, or of one the token does not have', async () => {
    const p256 = blobFor(kek, pkcs8Of(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey));
    const rsa = blobFor(kek, pkcs8Of(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey));
    const b256 = blobFor(kek, pkcs8Of(generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey));
    const refusals = [
      ask('PUT', '/keys/odd', { key: { kty: 'EC-HSM', crv: 'P-384', key_hsm: p256 } }),
      ask('PUT', '/keys/odd', { key: { kty: 'EC-HSM', crv: 'P-257', key_hsm: p256 } }),
      bring('odd', 'EC-HSM', rsa),
      bring('odd', 'RSA-HSM', p256),
      bring('odd', 'EC-HSM', b256),
      bring('odd', 'EC-HSM', blobFor(kek, randomBytes(138))),
    ];
    for (const { status, body } of await Promise.all(refusals)) {
      assert.deepEqual([status, body.error?.code], [400, 'BadParameter'], JSON.stringify(body));
    }
    assert.equal((await ask('GET', '/keys/odd')).status, 404);
    assert.doesNotMatch(token.tool(['--list-objects']), /Usage:.*derive/);
    await done(ask('POST', '/keys/brought/sign', { alg: 'RS256', value: digest }));
  });
});
