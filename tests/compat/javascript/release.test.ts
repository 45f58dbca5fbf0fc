import '../../../src/client/resolve-localhost.ts';
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type JsonWebKey as NodeJwk } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { ClientSecretCredential } from '@azure/identity';
import { type JsonWebKey, KeyClient } from '@azure/keyvault-keys';
import { type AttestedEnvironment, openAttestedEnvironment } from '../../support/attested-environment.ts';

let at: AttestedEnvironment;
let client: KeyClient;
let releasePolicy: { readonly encodedPolicy: Uint8Array };

before(async () => {
  at = await openAttestedEnvironment();
  const { domain, port, administrator, dataDir } = at.server;
  const tlsOptions = { ca: readFileSync(join(dataDir, 'ca.pem'), 'utf8') };
  const { tenantId, clientId, clientSecret } = administrator;
  const authorityHost = `https://login.${domain}:${port}`;
  const options = { authorityHost, disableInstanceDiscovery: true, tlsOptions };
  const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, options);
  client = new KeyClient(`https://${at.vault}.vault.${domain}:${port}`, credential, { tlsOptions });
  releasePolicy = { encodedPolicy: Buffer.from(at.policy) };
});

after(() => at?.close());

it('a key that KeyClient makes exportable is released by it to an attested environment', async () => {
  const made = await client.createRsaKey('js-made', { exportable: true, releasePolicy });
  assert.equal(made.properties.exportable, true);
  assert.deepEqual(
    JSON.parse(Buffer.from(made.properties.releasePolicy!.encodedPolicy!).toString()),
    JSON.parse(at.policy),
  );
  for (const algorithm of ['CKM_RSA_AES_KEY_WRAP', 'RSA_AES_KEY_WRAP_256', 'RSA_AES_KEY_WRAP_384']) {
    const version = made.properties.version!;
    const { value } = await client.releaseKey('js-made', at.attest(), { algorithm, version, nonce: 'fresh' });
    const { payload, material } = at.open(value);
    assert.equal(payload.request['nonce'], 'fresh');
    const released = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
    assert.equal(released.n, Buffer.from(made.key!.n!).toString('base64url'));
  }
});

it('a key that it brings from outside comes back whole', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const { d, x, y } = privateKey.export({ format: 'jwk' }) as Required<NodeJwk>;
  const bytes = (text: string | undefined) => Buffer.from(text!, 'base64url');
  const key: JsonWebKey = { kty: 'EC', crv: 'P-384', d: bytes(d), x: bytes(x), y: bytes(y) };
  await client.importKey('js-taken', key, { exportable: true, releasePolicy });
  const { value } = await client.releaseKey('js-taken', at.attest());
  assert.deepEqual(at.open(value).material, privateKey.export({ type: 'pkcs8', format: 'der' }));
});

it('the policy changes by an update until it is immutable', async () => {
  await client.createEcKey('js-policy', { exportable: true, releasePolicy });
  const other = { encodedPolicy: Buffer.from(at.policy.replace('sevsnpvm', 'sgx')), immutable: true };
  const changed = await client.updateKeyProperties('js-policy', { releasePolicy: other });
  assert.equal(changed.properties.releasePolicy?.immutable, true);
  await assert.rejects(client.releaseKey('js-policy', at.attest()), { statusCode: 403, code: 'Forbidden' });
  await assert.rejects(client.updateKeyProperties('js-policy', { releasePolicy }), /AKV\.SKR\.1020/);
  await assert.rejects(client.createRsaKey('js-none', { exportable: true }), /AKV\.SKR\.1004/);
});
