import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, publicEncrypt, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { RestError } from '@azure/core-rest-pipeline';
import {
  CryptographyClient,
  type DecryptParameters,
  type EncryptParameters,
  type JsonWebKey,
  KeyClient,
  type KeyVaultKey,
} from '@azure/keyvault-keys';
import { freshName, openSession, type Session } from './session.ts';

let session: Session;
let client: KeyClient;
let vault: string;

before(async () => {
  session = await openSession();
  vault = await session.makeVault('js-keys', [
    'Key Vault Crypto Officer',
    'Key Vault Crypto User',
    'Key Vault Purge Operator',
  ]);
  const { domain, port } = session.server;
  const options = { tlsOptions: { ca: session.ca } };
  client = new KeyClient(`https://${vault}.vault.${domain}:${port}`, session.administrator, options);
});

after(async () => {
  await session?.close();
});

const cryptography = (key: KeyVaultKey): CryptographyClient =>
  new CryptographyClient(key.id!, session.administrator, { tlsOptions: { ca: session.ca } });
/** One that has the public key at hand: what needs no private half stays on this side. */
const local = (key: KeyVaultKey): CryptographyClient => new CryptographyClient(key.key as JsonWebKey);
const message = Buffer.from('a message');
const digestOf = (name: string) => createHash(name).update(message).digest();

function refusal(status: number, code: string): (error: unknown) => boolean {
  return (error) => {
    const { statusCode, code: shown } = error as RestError;
    assert.deepEqual([statusCode, shown], [status, code], String(error));
    return true;
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('a key', () => {
  it('is made of every type, read, changed and listed', async () => {
    const name = freshName('whole');
    const expiresOn = new Date('2037-01-01T00:00:00Z');
    const rsa = await client.createRsaKey(name, { keySize: 3072, tags: { team: 'blue' }, expiresOn });
    assert.deepEqual([rsa.keyType, rsa.key?.n?.length, rsa.properties.tags], ['RSA', 384, { team: 'blue' }]);
    assert.deepEqual(await client.getKey(name), rsa);
    for (const curve of ['P-256', 'P-384', 'P-521', 'P-256K'] as const) {
      const made = await client.createEcKey(name, { curve });
      assert.deepEqual([made.keyType, made.key?.crv, made.keyOperations], ['EC', curve, ['sign', 'verify']]);
    }
    assert.equal((await client.createKey(name, 'oct', { keySize: 256 })).keyType, 'oct');
    const changed = await client.updateKeyProperties(name, rsa.properties.version!, {
      keyOps: ['sign'],
      enabled: false,
    });
    assert.deepEqual([changed.keyOperations, changed.properties.enabled], [['sign'], false]);
    assert.equal((await client.getKey(name, { version: rsa.properties.version! })).properties.enabled, false);
    assert.equal((await all(client.listPropertiesOfKeyVersions(name))).length, 6);
    assert.ok((await all(client.listPropertiesOfKeys())).some((key) => key.name === name));
    await assert.rejects(client.createRsaKey(name, { hsm: true }), refusal(400, 'BadParameter'));
    await assert.rejects(client.getKey(freshName('nobody')), refusal(404, 'KeyNotFound'));
  });

  it('is deleted, recovered, purged, backed up and restored', async () => {
    const name = freshName('life');
    const made = await client.createEcKey(name);
    const blob = await client.backupKey(name);
    const deleted = await (await client.beginDeleteKey(name)).pollUntilDone();
    assert.ok(deleted.properties.scheduledPurgeDate! > deleted.properties.deletedOn!);
    assert.ok((await all(client.listDeletedKeys())).some((key) => key.name === name));
    const recovered = await (await client.beginRecoverDeletedKey(name)).pollUntilDone();
    assert.deepEqual(recovered.key?.x, made.key?.x);
    await (await client.beginDeleteKey(name)).pollUntilDone();
    await client.purgeDeletedKey(name);
    const restored = await client.restoreKeyBackup(blob!);
    assert.deepEqual([restored?.properties.version, restored?.key?.x], [made.properties.version, made.key?.x]);
  });

  it('rotates by hand, and keeps a policy', async () => {
    const name = freshName('rotates');
    const first = await client.createEcKey(name);
    const second = await client.rotateKey(name);
    assert.notEqual(second.properties.version, first.properties.version);
    const lifetimeActions = [{ action: 'Rotate' as const, timeAfterCreate: 'P30D' }];
    const policy = await client.updateKeyRotationPolicy(name, { expiresIn: 'P90D', lifetimeActions });
    assert.deepEqual([policy.expiresIn, policy.lifetimeActions?.length], ['P90D', 2]);
    assert.deepEqual(await client.getKeyRotationPolicy(name), policy);
  });

  it('comes from outside', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = pair.privateKey.export({ format: 'jwk' }) as Record<string, string>;
    const { kty: _, ...members } = jwk;
    const bytes = Object.fromEntries(
      Object.entries(members).map(([name, text]) => [name, Buffer.from(text, 'base64url')]),
    );
    const taken = await client.importKey(freshName('imported'), { kty: 'RSA', ...bytes });
    assert.deepEqual(Buffer.from(taken.key!.n!), bytes['n']);
    const ciphertext = publicEncrypt(pair.publicKey, message);
    const { result } = await cryptography(taken).decrypt({ algorithm: 'RSA-OAEP', ciphertext });
    assert.deepEqual(Buffer.from(result), message);
    assert.equal(createPrivateKey({ key: jwk, format: 'jwk' }).asymmetricKeyType, 'rsa');
  });

  it('gives random bytes', async () => {
    assert.equal((await client.getRandomBytes(32)).length, 32);
  });
});

describe('a cryptography client', () => {
  it('signs by every algorithm, and both sides find the signature right', async () => {
    const rsa = await client.createRsaKey(freshName('signs'), { keySize: 2048 });
    for (const algorithm of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const) {
      const digest = digestOf(`sha${algorithm.slice(2)}`);
      const { result } = await cryptography(rsa).sign(algorithm, digest);
      assert.equal((await cryptography(rsa).verify(algorithm, digest, result)).result, true, algorithm);
      assert.equal((await cryptography(rsa).verify(algorithm, digest, result.reverse())).result, false, algorithm);
    }
    const whole = await cryptography(rsa).signData('RS256', message);
    assert.equal((await local(rsa).verifyData('RS256', message, whole.result)).result, true);
    for (const [algorithm, curve, size] of [
      ['ES256', 'P-256', 256],
      ['ES256K', 'P-256K', 256],
      ['ES384', 'P-384', 384],
      ['ES512', 'P-521', 512],
    ] as const) {
      const key = await client.createEcKey(freshName('signs'), { curve });
      const digest = digestOf(`sha${size}`);
      const { result } = await cryptography(key).sign(algorithm, digest);
      assert.equal((await cryptography(key).verify(algorithm, digest, result)).result, true, algorithm);
      const data = await cryptography(key).signData(algorithm, message);
      assert.equal((await cryptography(key).verifyData(algorithm, message, data.result)).result, true, algorithm);
    }
  });

  it('encrypts on its side what the vault decrypts, and wraps what it unwraps', async () => {
    const rsa = await client.createRsaKey(freshName('seals'), { keySize: 2048 });
    for (const algorithm of ['RSA1_5', 'RSA-OAEP', 'RSA-OAEP-256'] as const) {
      const sealed = await cryptography(rsa).encrypt({ algorithm, plaintext: message });
      const opened = await cryptography(rsa).decrypt({ algorithm, ciphertext: sealed.result });
      assert.deepEqual(Buffer.from(opened.result), message, algorithm);
      const secret = randomBytes(32);
      const wrapped = await cryptography(rsa).wrapKey(algorithm, secret);
      assert.deepEqual(Buffer.from((await cryptography(rsa).unwrapKey(algorithm, wrapped.result)).result), secret);
    }
    const ciphertext = randomBytes(256);
    await assert.rejects(
      cryptography(rsa).decrypt({ algorithm: 'RSA-OAEP', ciphertext }),
      refusal(400, 'BadParameter'),
    );
  });

  for (const size of [128, 192, 256] as const) {
    it(`seals with AES of ${size} bits`, async () => {
      const key = await client.createKey(freshName('aes'), 'oct', { keySize: size });
      const there = cryptography(key);
      const additionalAuthenticatedData = Buffer.from('bound');
      for (const [algorithm, plaintext] of [
        [`A${size}GCM`, message],
        [`A${size}CBC`, Buffer.alloc(32, 1)],
        [`A${size}CBCPAD`, message],
      ] as const) {
        const more = algorithm.endsWith('GCM') ? { additionalAuthenticatedData } : { iv: randomBytes(16) };
        const sealed = await there.encrypt({ algorithm, plaintext, ...more } as EncryptParameters);
        const { result: ciphertext, iv, authenticationTag } = sealed;
        const rest = algorithm.endsWith('GCM') ? { authenticationTag, additionalAuthenticatedData } : {};
        const opened = await there.decrypt({ algorithm, ciphertext, iv, ...rest } as DecryptParameters);
        assert.deepEqual(Buffer.from(opened.result), plaintext, algorithm);
      }
      const wrapped = await there.wrapKey(`A${size}KW`, Buffer.alloc(32, 9));
      const unwrapped = await there.unwrapKey(`A${size}KW`, wrapped.result);
      assert.deepEqual(Buffer.from(unwrapped.result), Buffer.alloc(32, 9));
    });
  }

  it('is refused what a disabled key, or one without the operation, would have to do', async () => {
    const key = await client.createRsaKey(freshName('refuses'), { keyOps: ['verify'] });
    const digest = digestOf('sha256');
    await assert.rejects(cryptography(key).sign('RS256', digest), /not (permitted|allowed|supported)|Forbidden|sign/i);
  });
});
