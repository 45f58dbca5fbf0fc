import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startServer, type TestServer } from '../support/server.ts';
import { Contract } from './openapi.ts';
import { Replay } from './replay.ts';
import { compareVersions } from './versions.ts';
import type { WireAnswer } from './wire.ts';

/** Stable versions and the previews that `az` sends (contract WIRE §1). */
const dataVersions = [
  ...['2016-10-01', '7.0', '7.1', '7.2', '7.3', '7.4-preview.1', '7.4', '7.5', '7.6-preview.2', '7.6'],
  ...['2025-07-01', '2026-04-01'],
];
const vaultVersions = ['2022-07-01', '2023-07-01', '2026-02-01', '2026-05-15'];
const contract = new Contract();
let server: TestServer;
let replay: Replay;

before(async () => {
  server = await startServer();
  replay = new Replay(server, contract);
});

after(async () => {
  replay?.close();
  await server?.stop();
});

describe('every operation of secrets answers as the files demand', () => {
  const send = (version: string, method: string, path: string, body?: unknown): Promise<WireAnswer> => {
    const url = `${path}${path.includes('?') ? '&' : '?'}api-version=${version}`;
    return replay.prepare(method, `main-vault.vault.${server.domain}`, url, body);
  };

  for (const version of dataVersions) {
    it(`at ${version}`, async () => {
      const name = `s-${version.replaceAll('.', '-')}`;
      const ok = async (method: string, path: string, body?: unknown): Promise<WireAnswer> => {
        const answer = await send(version, method, path, body);
        assert.equal(answer.status, 200, `${method} ${path}`);
        return answer;
      };
      const set = {
        value: 'one',
        contentType: 'text/plain',
        tags: { a: 'b' },
        attributes: { nbf: 1, exp: 4_000_000_000 },
      };
      const first = await ok('PUT', `/secrets/${name}`, set);
      const second = await ok('PUT', `/secrets/${name}`, { value: 'two' });
      const [one, two] = [first, second].map(({ body }) => body.id.split('/').at(-1) as string);
      const isNewer = compareVersions(version, '2025-07-01') >= 0;
      assert.equal(second.body.previousVersion, isNewer ? one : undefined);
      assert.equal((await ok('GET', `/secrets/${name}`)).body.value, 'two');
      assert.equal((await ok('GET', `/secrets/${name}/${one}`)).body.value, 'one');
      const patched = await ok('PATCH', `/secrets/${name}/${two}`, { tags: { c: 'd' } });
      assert.deepEqual(patched.body.tags, { c: 'd' });
      assert.equal((await ok('GET', `/secrets/${name}/versions`)).body.value.length, 2);
      assert.ok((await ok('GET', '/secrets?maxresults=1')).body.value.length === 1);
      const backup = await ok('POST', `/secrets/${name}/backup`);
      await ok('DELETE', `/secrets/${name}`);
      assert.equal((await send(version, 'GET', `/secrets/${name}`)).status, 404);
      assert.equal((await send(version, 'PUT', `/secrets/${name}`, { value: 'x' })).status, 409);
      await ok('GET', `/deletedsecrets/${name}`);
      await ok('GET', '/deletedsecrets');
      await ok('POST', `/deletedsecrets/${name}/recover`);
      await ok('DELETE', `/secrets/${name}`);
      assert.equal((await send(version, 'DELETE', `/deletedsecrets/${name}`)).status, 204);
      await ok('POST', '/secrets/restore', { value: backup.body.value });
      assert.equal((await ok('GET', `/secrets/${name}/${one}`)).body.value, 'one');
      await ok('PATCH', `/secrets/${name}`, { attributes: { enabled: false } });
      const disabled = await send(version, 'GET', `/secrets/${name}`);
      assert.deepEqual([disabled.status, disabled.body.error.innererror?.code], [403, 'SecretDisabled']);
    });
  }

  it('and a version that nobody knows is refused', async () => {
    for (const version of ['', '1.0', '7.99', '2016-10-02', 'x'.repeat(100)]) {
      const { status, body } = await send(version, 'GET', '/secrets');
      assert.equal(status, 400, version);
      assert.ok(body.error.code);
    }
  });
});

describe('every operation of keys answers as the files demand', () => {
  for (const version of dataVersions) {
    it(`at ${version}`, async () => {
      const name = `k-${version.replaceAll('.', '-')}`;
      const send = (method: string, path: string, body?: unknown): Promise<WireAnswer> => {
        const url = `${path}${path.includes('?') ? '&' : '?'}api-version=${version}`;
        return replay.prepare(method, `main-vault.vault.${server.domain}`, url, body);
      };
      const ok = async (method: string, path: string, body?: unknown): Promise<WireAnswer> => {
        const answer = await send(method, path, body);
        assert.equal(answer.status, 200, `${method} ${path}`);
        return answer;
      };
      const window = { nbf: 1, exp: 4_000_000_000 };
      await ok('POST', `/keys/${name}/create`, { kty: 'EC', tags: { a: 'b' }, attributes: window });
      const made = await ok('POST', `/keys/${name}/create`, { kty: 'RSA' });
      const one = `/keys/${name}/${made.body.key.kid.split('/').at(-1)}`;
      await ok('GET', one);
      await ok('PATCH', one, { tags: { c: 'd' } });
      await ok('GET', `/keys/${name}/versions`);
      await ok('GET', '/keys?maxresults=1');
      const digest = Buffer.alloc(32, 1).toString('base64url');
      const signature = await ok('POST', `${one}/sign`, { alg: 'RS256', value: digest });
      const right = await ok('POST', `${one}/verify`, { alg: 'RS256', digest, value: signature.body.value });
      assert.equal(right.body.value, true);
      for (const [close, open] of [
        ['encrypt', 'decrypt'],
        ['wrapkey', 'unwrapkey'],
      ]) {
        const closed = await ok('POST', `${one}/${close}`, { alg: 'RSA-OAEP', value: digest });
        const opened = await ok('POST', `${one}/${open}`, { alg: 'RSA-OAEP', value: closed.body.value });
        assert.equal(opened.body.value, digest);
      }
      await ok('GET', `/keys/${name}/rotationpolicy`);
      await ok('PUT', `/keys/${name}/rotationpolicy`, { attributes: { expiryTime: 'P1Y' } });
      await ok('POST', `/keys/${name}/rotate`);
      const backup = await ok('POST', `/keys/${name}/backup`);
      await ok('DELETE', `/keys/${name}`);
      assert.equal((await send('GET', `/keys/${name}`)).status, 404);
      assert.equal((await send('POST', `/keys/${name}/create`, { kty: 'EC' })).status, 409);
      await ok('GET', `/deletedkeys/${name}`);
      await ok('GET', '/deletedkeys');
      await ok('POST', `/deletedkeys/${name}/recover`);
      await ok('DELETE', `/keys/${name}`);
      assert.equal((await send('DELETE', `/deletedkeys/${name}`)).status, 204);
      await ok('POST', '/keys/restore', { value: backup.body.value });
      await ok('PATCH', `/keys/${name}`, { attributes: { enabled: false } });
      const disabled = await send('POST', `/keys/${name}/sign`, { alg: 'RS256', value: digest });
      assert.deepEqual([disabled.status, disabled.body.error.innererror?.code], [403, 'KeyDisabled']);
    });
  }
});

describe('vaults and roles answer as the files demand', () => {
  const management = () => `management.${server.domain}`;
  const subscription = () => `/subscriptions/${server.subscriptionId}`;

  for (const version of vaultVersions) {
    it(`at ${version}`, async () => {
      const name = `v-${version}`;
      const group = `${subscription()}/resourceGroups/strongroom`;
      const path = `${group}/providers/Microsoft.KeyVault/vaults/${name}`;
      const send = async (method: string, url: string, expected: readonly number[], body?: unknown) => {
        const answer = await replay.prepare(method, management(), `${url}?api-version=${version}`, body);
        assert.ok(expected.includes(answer.status), `${method} ${url}: ${answer.status}`);
        return answer;
      };
      const acl = { bypass: 'AzureServices', defaultAction: 'Allow', ipRules: [{ value: '203.0.113.0/24' }] };
      const properties = {
        tenantId: server.tenantId,
        sku: { family: 'A', name: 'premium' },
        accessPolicies: [
          { tenantId: server.tenantId, objectId: server.machinePrincipalId, permissions: { secrets: ['get', 'list'] } },
        ],
        enableRbacAuthorization: false,
        softDeleteRetentionInDays: 7,
        networkAcls: acl,
        publicNetworkAccess: 'Enabled',
      };
      await send('PUT', path, [200, 201], { location: 'local', tags: { a: 'b' }, properties });
      await send('PUT', path, [200, 201], { location: 'local', properties });
      const policies = [{ ...properties.accessPolicies[0], permissions: { keys: ['get'] } }];
      await send('PUT', `${path}/accessPolicies/replace`, [200, 201], { properties: { accessPolicies: policies } });
      await send('PATCH', path, [200, 201], { tags: { c: 'd' } });
      const got = await send('GET', path, [200]);
      assert.deepEqual([got.body.tags, got.body.properties.softDeleteRetentionInDays], [{ c: 'd' }, 7]);
      const secret = {
        properties: { value: 'one', contentType: 'a', attributes: { exp: 4_000_000_000 } },
        tags: { a: 'b' },
      };
      await send('PUT', `${path}/secrets/one`, [201], secret);
      await send('PUT', `${path}/secrets/one`, [200], secret);
      await send('PATCH', `${path}/secrets/one`, [200], { properties: { attributes: { enabled: false } } });
      await send('GET', `${path}/secrets/one`, [200]);
      await send('GET', `${path}/secrets`, [200]);
      const key = {
        properties: { kty: 'EC', curveName: 'P-384', attributes: { exp: 4_000_000_000 }, keyOps: ['sign'] },
        tags: { a: 'b' },
      };
      const made = await send('PUT', `${path}/keys/one`, [200], key);
      const again = await send('PUT', `${path}/keys/one`, [200], { properties: { kty: 'RSA' } });
      assert.deepEqual(again.body, made.body);
      const madeVersion = made.body.properties.keyUriWithVersion.split('/').at(-1);
      await send('GET', `${path}/keys/one`, [200]);
      await send('GET', `${path}/keys`, [200]);
      await send('GET', `${path}/keys/one/versions`, [200]);
      await send('GET', `${path}/keys/one/versions/${madeVersion}`, [200]);
      await send('GET', `${path}/keys/none`, [404]);
      const endpoint = { privateEndpoint: { id: `${group}/providers/Microsoft.Network/privateEndpoints/pe` } };
      const approved = { privateLinkServiceConnectionState: { status: 'Approved', description: 'ours' } };
      await send('PUT', `${path}/privateEndpointConnections/pe`, [200], { properties: endpoint });
      await send('PUT', `${path}/privateEndpointConnections/pe`, [200], { properties: approved });
      await send('GET', `${path}/privateEndpointConnections/pe`, [200]);
      await send('GET', `${path}/privateEndpointConnections`, [200]);
      await send('GET', path, [200]);
      await send('GET', `${path}/privateLinkResources`, [200]);
      await send('DELETE', `${path}/privateEndpointConnections/pe`, [200]);
      await send('DELETE', `${path}/privateEndpointConnections/pe`, [204]);
      await send('GET', '/providers/Microsoft.KeyVault/operations', [200]);
      await send('GET', `${group}/providers/Microsoft.KeyVault/vaults`, [200]);
      await send('GET', `${subscription()}/providers/Microsoft.KeyVault/vaults`, [200]);
      await send('DELETE', path, [200]);
      await send('DELETE', path, [204]);
      await send('GET', path, [404]);
      await send('PUT', path, [409], { location: 'local', properties });
      const provider = `${subscription()}/providers/Microsoft.KeyVault`;
      await send('GET', `${provider}/deletedVaults`, [200]);
      await send('GET', `${provider}/locations/local/deletedVaults/${name}`, [200]);
      const recover = { ...properties, createMode: 'recover' };
      await send('PUT', path, [200, 201], { location: 'local', properties: recover });
      await send('DELETE', path, [200]);
      await send('POST', `${provider}/locations/local/deletedVaults/${name}/purge`, [200, 202]);
      const type = 'Microsoft.KeyVault/vaults';
      for (const asked of [name, 'no', 'main-vault']) {
        await send('POST', `${provider}/checkNameAvailability`, [200], { name: asked, type });
      }
    });
  }

  for (const version of ['2018-01-01-preview', '2020-04-01-preview', '2022-04-01', '2022-05-01-preview']) {
    it(`for role definitions and assignments at ${version}`, async () => {
      const list = `${subscription()}/providers/Microsoft.Authorization`;
      const get = async (url: string) => {
        const join = url.includes('?') ? '&' : '?';
        const answer = await replay.prepare('GET', management(), `${list}${url}${join}api-version=${version}`);
        assert.equal(answer.status, 200, url);
        return answer.body.value ?? answer.body;
      };
      const definitions = await get('/roleDefinitions');
      assert.ok(definitions.length > 10);
      const one = await get(`/roleDefinitions/${definitions[0].name}`);
      assert.deepEqual(one, definitions[0]);
      assert.equal((await get("/roleDefinitions?$filter=roleName%20eq%20'Key%20Vault%20Reader'")).length, 1);
      const assignments = await get('/roleAssignments');
      assert.deepEqual(await get(`/roleAssignments/${assignments[0].name}`), assignments[0]);
    });
  }
});
