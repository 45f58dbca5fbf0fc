import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { CryptographyClient, type JsonWebKey, KeyClient, type KeyVaultKey } from '@azure/keyvault-keys';
import { makeSoftToken, type SoftToken } from '../../hsm/soft-token.ts';
import { freshName, openSession, type Session } from './session.ts';

/** Keys in a token, as the official client has them; `tests/compat/install-pkcs11.sh` brings the token. */
let token: SoftToken;
let session: Session;
let client: KeyClient;

before(async () => {
  token = makeSoftToken();
  session = await openSession({ args: ['--config', token.config()], env: token.env });
  const roles = ['Key Vault Crypto Officer', 'Key Vault Crypto User'];
  const vault = await session.makeVault('js-hsm', roles, { sku: { family: 'A', name: 'premium' } });
  const { domain, port } = session.server;
  const options = { tlsOptions: { ca: session.ca } };
  client = new KeyClient(`https://${vault}.vault.${domain}:${port}`, session.administrator, options);
});

after(async () => {
  await session?.close();
  token?.remove();
});

const cryptography = (key: KeyVaultKey): CryptographyClient =>
  new CryptographyClient(key.id!, session.administrator, { tlsOptions: { ca: session.ca } });
const local = (key: KeyVaultKey): CryptographyClient => new CryptographyClient(key.key as JsonWebKey);
const digest = (name: string) => createHash(name).update('a message').digest();

describe('a key in a token', () => {
  it('signs what is verified, and opens what the client has wrapped', async () => {
    const rsa = await client.createRsaKey(freshName('rsa'), { hsm: true, keySize: 2048 });
    assert.deepEqual([rsa.keyType, rsa.properties.hsmPlatform], ['RSA-HSM', '1']);
    for (const algorithm of ['RS256', 'PS256', 'RS512'] as const) {
      const hash = digest(`sha${algorithm.slice(2)}`);
      const { result } = await cryptography(rsa).sign(algorithm, hash);
      assert.equal((await cryptography(rsa).verify(algorithm, hash, result)).result, true, algorithm);
    }
    const secret = randomBytes(32);
    for (const algorithm of ['RSA-OAEP', 'RSA-OAEP-256'] as const) {
      // The client wraps by itself with SHA-1 alone.
      const by = algorithm === 'RSA-OAEP' ? local(rsa) : cryptography(rsa);
      const { result } = await by.wrapKey(algorithm, secret);
      assert.deepEqual(Buffer.from((await cryptography(rsa).unwrapKey(algorithm, result)).result), secret, algorithm);
    }
    const ec = await client.createEcKey(freshName('ec'), { hsm: true, curve: 'P-384' });
    assert.equal(ec.keyType, 'EC-HSM');
    const signed = await cryptography(ec).sign('ES384', digest('sha384'));
    assert.equal((await cryptography(ec).verify('ES384', digest('sha384'), signed.result)).result, true);
  });

  it('is rotated, and backed up', async () => {
    const name = freshName('kept');
    const first = await client.createRsaKey(name, { hsm: true });
    const second = await client.rotateKey(name);
    assert.equal(second.keyType, 'RSA-HSM');
    assert.notEqual(second.properties.version, first.properties.version);
    const { result } = await cryptography(first).sign('RS256', digest('sha256'));
    assert.equal((await cryptography(first).verify('RS256', digest('sha256'), result)).result, true);
    assert.ok(((await client.backupKey(name)) as Uint8Array).length > 0);
  });
});
