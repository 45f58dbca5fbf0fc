import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { manage, putVault, vaultScope } from '../support/arm.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=2023-07-01';
let server: TestServer;
let manager: string;
let token: string;

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
  token = await getToken(server, resources.data);
});
after(() => server.stop());

const arm = (method: string, path: string, body?: unknown, vault = 'main-vault') =>
  manage(server, manager, { method, path: `${vaultScope(server, vault)}/keys${path}?${V}`, body, mayFail: true });
const data = (method: string, path: string) =>
  call(server, { method, host: 'main-vault.vault', path: `${path}?api-version=7.6`, token });

describe('keys under the management plane', () => {
  it('are made once, shown without use, and are the keys of the data plane', async () => {
    const rotationPolicy = {
      lifetimeActions: [{ trigger: { timeAfterCreate: 'P90D' }, action: { type: 'rotate' } }],
      attributes: { expiryTime: 'P1Y' },
    };
    const properties = { kty: 'EC', curveName: 'P-256K', keyOps: ['sign', 'verify'], rotationPolicy };
    const made = await arm('PUT', '/signing', { properties, tags: { a: 'b' } });
    assert.equal(made.status, 200, made.text);
    const { body } = made;
    assert.equal(body.id, `${vaultScope(server, 'main-vault')}/keys/signing`);
    assert.deepEqual([body.properties.curveName, body.tags], ['P-256K', { a: 'b' }]);
    assert.equal(body.properties.rotationPolicy.lifetimeActions.length, 2);
    assert.deepEqual((await arm('PUT', '/signing', { properties: { kty: 'RSA' } })).body, body);
    assert.deepEqual((await arm('GET', '/signing')).body, body);
    const there = await data('GET', '/keys/signing');
    assert.equal(there.body.key.kid, body.properties.keyUriWithVersion);
    assert.equal((await data('GET', '/keys/signing/rotationpolicy')).body.attributes.expiryTime, 'P1Y');
    const version = body.properties.keyUriWithVersion.split('/').at(-1);
    const one = await arm('GET', `/signing/versions/${version}`);
    assert.deepEqual([one.status, one.body.type], [200, 'Microsoft.KeyVault/vaults/keys/versions']);
    const listed = async (path: string) =>
      (await arm('GET', path)).body.value.map(({ name }: { name: string }) => name);
    assert.deepEqual(await listed('/signing/versions'), [version]);
    assert.ok((await listed('')).includes('signing'));
    assert.doesNotMatch(JSON.stringify([made.body, one.body]), /"d"|"k"|"p"/);
  });

  it('are refused as the data plane refuses them', async () => {
    const code = async (method: string, path: string, body?: unknown) => {
      const reply = await arm(method, path, body);
      return [reply.status, reply.body.error.code];
    };
    assert.deepEqual(await code('GET', '/nobody'), [404, 'KeyNotFound']);
    assert.deepEqual(await code('GET', '/signing/versions/00'), [404, 'KeyNotFound']);
    assert.deepEqual(await code('PUT', '/bad_name', { properties: { kty: 'EC' } }), [400, 'BadParameter']);
    assert.deepEqual(await code('PUT', '/bad', { properties: { kty: 'DSA' } }), [400, 'BadParameter']);
    assert.deepEqual(await code('PUT', '/hard', { properties: { kty: 'RSA-HSM' } }), [400, 'BadParameter']);
    await arm('PUT', '/gone', { properties: { kty: 'EC' } });
    await data('DELETE', '/keys/gone');
    assert.deepEqual(await code('GET', '/gone'), [404, 'KeyNotFound']);
    assert.deepEqual(await code('PUT', '/gone', { properties: { kty: 'EC' } }), [409, 'Conflict']);
    await putVault(server, manager, 'other-vault');
    assert.equal((await arm('GET', '/signing', undefined, 'other-vault')).status, 404);
  });

  it('are exportable in premium vaults, with a policy that is shown', async () => {
    await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
    const rule = { authority: 'https://attest.example', allOf: [{ claim: 'tee', equals: 'sgx' }] };
    const data = Buffer.from(JSON.stringify({ version: '1.0.0', anyOf: [rule] })).toString('base64url');
    const attributes = { exportable: true };
    const properties = { kty: 'EC', attributes, release_policy: { data } };
    const made = await arm('PUT', '/leaving', { properties }, 'premium-vault');
    assert.equal(made.status, 200, made.text);
    assert.equal(made.body.properties.attributes.exportable, true);
    const contentType = 'application/json; charset=utf-8';
    assert.deepEqual(made.body.properties.release_policy, { contentType, data });
    assert.deepEqual((await arm('GET', '/leaving', undefined, 'premium-vault')).body, made.body);
    const bare = { properties: { kty: 'EC', attributes } };
    assert.match((await arm('PUT', '/bare', bare, 'premium-vault')).body.error.message, /AKV\.SKR\.1004/);
    assert.match((await arm('PUT', '/leaving', { properties })).body.error.message, /AKV\.SKR\.1001/);
  });

  it('made side by side are one', async () => {
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => arm('PUT', '/raced', { properties: { kty: 'RSA', keySize: 2048 } })),
    );
    assert.equal(new Set(replies.map(({ body }) => body.properties.keyUriWithVersion)).size, 1);
    assert.equal((await data('GET', '/keys/raced/versions')).body.value.length, 1);
  });
});
