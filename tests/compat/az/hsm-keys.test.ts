import assert from 'node:assert/strict';
import {
  constants,
  createCipheriv,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeSoftToken, type SoftToken } from '../../hsm/soft-token.ts';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { words } from './az-session.ts';

/** `az keyvault key` over a token; `tests/compat/install-pkcs11.sh` brings it. */
let token: SoftToken;
let at: AzInstallation;

before(async () => {
  token = makeSoftToken();
  at = await openSignedIn({ args: ['--config', token.config()], env: token.env });
  await at.az.json(words`group create -n hardware -l local`);
  await at.az.json(words`keyvault create -n hard-vault -g hardware -l local --sku premium`);
  const me = await at.az.json(words`ad sp show --id ${at.server.administrator.clientId}`);
  const scope = at.vaultScope('hardware', 'hard-vault');
  const role = words`role assignment create --role ${'Key Vault Crypto Officer'} --scope ${scope}`;
  await at.az.json([...role, ...words`--assignee-object-id ${me.id} --assignee-principal-type ServicePrincipal`]);
});
after(async () => {
  await at?.close();
  token?.remove();
});

const key = (...more: readonly string[]) => at.az.json(['keyvault', 'key', ...more]);
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

describe('az keyvault key, over a token', () => {
  it('makes keys of hardware types, by --kty and by --protection, rotates and lists them', async () => {
    const rsa = await key(...words`create --vault-name hard-vault -n rsa --kty RSA-HSM --size 3072 --ops sign verify`);
    assert.deepEqual([rsa.key.kty, rsa.key.keyOps.sort()], ['RSA-HSM', ['sign', 'verify']]);
    const ec = await key(...words`create --vault-name hard-vault -n ec --kty EC --protection hsm --curve P-256`);
    assert.equal(ec.key.kty, 'EC-HSM');
    const turned = await key(...words`rotate --vault-name hard-vault -n rsa`);
    assert.notEqual(turned.key.kid, rsa.key.kid);
    assert.equal((await key(...words`list-versions --vault-name hard-vault -n rsa`)).length, 2);
  });

  it('encrypts and decrypts', async () => {
    await key(...words`create --vault-name hard-vault -n opens --kty RSA-HSM --ops encrypt decrypt`);
    const order = words`--vault-name hard-vault -n opens --algorithm RSA-OAEP-256 --data-type base64`;
    const plain = Buffer.from('in az').toString('base64');
    const sealed = await key('encrypt', ...order, '--value', plain);
    const opened = await key('decrypt', ...order, '--value', sealed.result);
    assert.equal(opened.result, plain);
  });

  it('imports a transfer blob for a key exchange key', async () => {
    const kek = await key(...words`create --vault-name hard-vault -n kek --kty RSA-HSM --ops import`);
    const { kid, n, e } = kek.key;
    const jwk = { kty: 'RSA', n: b64(Buffer.from(n, 'base64')), e: b64(Buffer.from(e, 'base64')) };
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const aesKey = randomBytes(32);
    const by = { key: createPublicKey({ key: jwk, format: 'jwk' }), padding: constants.RSA_PKCS1_OAEP_PADDING };
    const cipher = createCipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'));
    const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
    const parts = [publicEncrypt({ ...by, oaepHash: 'sha1' }, aesKey), cipher.update(pkcs8), cipher.final()];
    const header = { kid, alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' };
    const ciphertext = b64(Buffer.concat(parts));
    const file = join(at.az.configDirectory, 'key.byok');
    writeFileSync(file, JSON.stringify({ schema_version: '1.0.0', header, ciphertext, generator: 'tests' }));
    const brought = await key(...words`import --vault-name hard-vault -n brought --kty RSA --byok-file ${file}`);
    assert.equal(brought.key.kty, 'RSA-HSM');
    assert.equal(b64(Buffer.from(brought.key.n, 'base64')), pair.publicKey.export({ format: 'jwk' }).n);
    const curve = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const wrap = createCipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'));
    const pieces = [parts[0]!, wrap.update(curve.privateKey.export({ type: 'pkcs8', format: 'der' })), wrap.final()];
    const blob = { schema_version: '1.0.0', header, ciphertext: b64(Buffer.concat(pieces)), generator: 'tests' };
    writeFileSync(file, JSON.stringify(blob));
    const ofCurve = words`import --vault-name hard-vault -n curve --kty EC --curve P-256 --byok-file ${file}`;
    const { key: taken } = await key(...ofCurve);
    const { x, y } = curve.publicKey.export({ format: 'jwk' });
    const [ownX, ownY] = [taken.x, taken.y].map((member: string) => b64(Buffer.from(member, 'base64')));
    assert.deepEqual([taken.kty, taken.crv, ownX, ownY], ['EC-HSM', 'P-256', x, y]);
  });
});
