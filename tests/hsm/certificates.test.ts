import assert from 'node:assert/strict';
import { createPublicKey, hash, verify, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { certificateAuthority, type OpenSsl, type OpensslAuthority, openSsl } from '../support/openssl.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

const V = '2025-07-01';
const x509_props = { subject: 'CN=kept.example', sans: { dns_names: ['kept.example'] } };

describe('certificates whose keys are in a token', () => {
  let token: SoftToken;
  let server: TestServer;
  let bearer: string;
  let openssl: OpenSsl;
  let authority: OpensslAuthority;

  before(async () => {
    openssl = openSsl();
    authority = certificateAuthority(openssl);
    token = makeSoftToken();
    const config = token.config({ pkcs11: token.settings });
    server = await startServer({ args: ['--config', config, '--dev'], env: token.env });
    const manager = await getToken(server, resources.management);
    bearer = await getToken(server, resources.data);
    await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
    const grant = { role: 'Key Vault Administrator', principalId: objectIdOf(bearer), scope: groupScope(server) };
    await assignRole(server, manager, grant);
  });
  after(async () => {
    await server?.stop();
    token?.remove();
    openssl?.close();
  });

  const ask = (method: string, path: string, body?: unknown, vault = 'premium-vault'): Promise<Reply> =>
    call(server, { method, host: `${vault}.vault`, token: bearer, path: `${path}?api-version=${V}`, body } as Ask);
  const done = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const reply = await ask(method, path, body);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`);
    return reply;
  };
  const policy = (key_props: object, issuer = 'Self') => ({
    policy: { key_props, x509_props, issuer: { name: issuer } },
  });
  const there = (name: string) =>
    new Set(token.tool(['--list-objects']).match(new RegExp(`premium-vault/${name}/[0-9a-f]{32}`, 'g')) ?? []).size;
  const advance = async (time: string) =>
    assert.equal((await strongroom(['clock', '--advance', time, '--data-dir', server.dataDir])).code, 0);

  for (const [name, key] of [
    ['rsa', { kty: 'RSA-HSM', key_size: 2048 }],
    ['curve', { kty: 'EC-HSM', crv: 'P-384' }],
  ] as const) {
    it(`sign themselves there, and their secret holds the certificate alone (${key.kty})`, async () => {
      await done('POST', `/certificates/${name}/create`, policy(key));
      const { cer, policy: kept } = (await done('GET', `/certificates/${name}`)).body;
      const x509 = new X509Certificate(Buffer.from(cer, 'base64'));
      assert.ok(x509.verify(x509.publicKey));
      assert.deepEqual([kept.key_props.kty, kept.key_props.exportable], [key.kty, false]);
      const { key: jwk } = (await done('GET', `/keys/${name}`)).body;
      assert.equal(jwk.kty, key.kty);
      const publicKey = createPublicKey({ key: { ...jwk, kty: jwk.kty.replace('-HSM', '') }, format: 'jwk' });
      assert.ok(publicKey.equals(x509.publicKey));
      const { value } = (await done('GET', `/secrets/${name}`)).body;
      writeFileSync(join(openssl.folder, 'secret.p12'), Buffer.from(value, 'base64'));
      const said = openssl.run('pkcs12 -in secret.p12 -nodes -passin pass: -legacy');
      assert.match(said, /BEGIN CERTIFICATE/);
      assert.doesNotMatch(said, /PRIVATE KEY/);
      assert.equal(there(name), 1);
    });
  }

  it('are asked to leave in vain, and need a premium vault', async () => {
    const leaving = await ask('POST', '/certificates/no/create', policy({ kty: 'RSA-HSM', exportable: true }));
    assert.deepEqual([leaving.status, leaving.body.error.code], [400, 'BadParameter'], leaving.text);
    const standard = await ask('POST', '/certificates/no/create', policy({ kty: 'RSA-HSM' }), 'main-vault');
    assert.equal(standard.status, 400, standard.text);
    assert.equal(there('no'), 0);
  });

  it('are merged, used again by a renewal, and destroyed with the last certificate that has them', async () => {
    const again = { kty: 'EC-HSM', crv: 'P-256', reuse_key: true };
    const { csr } = (await done('POST', '/certificates/joined/create', policy(again, 'Unknown'))).body;
    const leaf = authority.sign(Buffer.from(csr, 'base64'));
    const x5c = [new X509Certificate(leaf).raw.toString('base64')];
    await done('POST', '/certificates/joined/pending/merge', { x5c });
    await done('POST', '/certificates/joined/create', policy(again, 'Unknown'));
    assert.equal(there('joined'), 1);
    await done('DELETE', '/certificates/joined/pending');
    await advance('2h');
    bearer = await getToken(server, resources.data);
    assert.equal(there('joined'), 1);
    await done('DELETE', '/certificates/joined');
    await done('DELETE', '/deletedcertificates/joined');
    await advance('2m');
    assert.equal(there('joined'), 0);
  });

  it('are taken in with an imported certificate, and sign for it from there', async () => {
    const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
    openssl.run(`req -x509 ${key} -keyout in.key -out in.pem -days 90 -subj /CN=kept.example`);
    const value = `${openssl.read('in.key')}${openssl.read('in.pem')}`;
    await done('POST', '/certificates/taken/import', { value, policy: { key_props: { kty: 'EC-HSM' } } });
    assert.equal(there('taken'), 1);
    const secret = (await done('GET', '/secrets/taken')).body;
    assert.doesNotMatch(Buffer.from(secret.value, 'base64').toString('latin1') + secret.value, /PRIVATE KEY/);
    const digest = hash('sha256', 'signed', 'buffer');
    const body = { alg: 'ES256', value: digest.toString('base64url') };
    const signature = Buffer.from((await done('POST', '/keys/taken/sign', body)).body.value, 'base64url');
    const { publicKey } = new X509Certificate(openssl.read('in.pem'));
    assert.ok(verify('sha256', Buffer.from('signed'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
  });

  it('are not restored from a backup of the certificate once the token has destroyed them', async () => {
    const { value } = (await done('POST', '/certificates/rsa/backup')).body;
    await done('DELETE', '/certificates/rsa');
    await done('DELETE', '/deletedcertificates/rsa');
    await advance('2m');
    bearer = await getToken(server, resources.data);
    const gone = await ask('POST', '/certificates/restore', { value });
    assert.deepEqual([gone.status, gone.body.error.code], [409, 'Conflict'], gone.text);
    assert.equal((await ask('GET', '/certificates/rsa')).status, 404);
  });
});
