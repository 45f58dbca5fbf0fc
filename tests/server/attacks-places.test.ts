import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, makeIdentity, manage, objectIdOf, putVault, vaultScope } from '../support/arm.ts';
import { call, getToken, hostOf, resources, sendRaw } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** A caller who may read one secret tries to make that right mean another: by spellings of the path, ids, tokens, headers. */
const V = 'api-version=7.5';
let server: TestServer;
let owner: string;
let manager: string;
let reader: { principalId: string; clientId: string };
let token: string;

before(async () => {
  server = await startServer();
  [owner, manager] = await Promise.all([getToken(server, resources.data), getToken(server, resources.management)]);
  await putVault(server, manager, 'second-vault');
  const scope = vaultScope(server, 'second-vault');
  await assignRole(server, manager, { role: 'Key Vault Administrator', principalId: objectIdOf(owner), scope });
  for (const vault of ['main-vault', 'second-vault']) {
    for (const name of ['mine', 'theirs']) {
      const ask = { method: 'PUT', host: `${vault}.vault`, path: `/secrets/${name}?${V}`, token: owner };
      assert.equal((await call(server, { ...ask, body: { value: `${vault} ${name}` } })).status, 200);
    }
  }
  reader = await makeIdentity(server, manager, 'reader');
  token = await getToken(server, resources.data, { managedIdentity: reader.clientId });
  const mine = `${vaultScope(server, 'main-vault')}/secrets/mine`;
  await assignRole(server, manager, {
    role: 'Key Vault Secrets Officer',
    principalId: reader.principalId,
    scope: mine,
  });
});
after(() => server.stop());

/** Sends a path as it is written: no client tidies it up. */
async function raw(path: string, headers: readonly string[] = [], host = hostOf(server, 'main-vault.vault')) {
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`, ...headers];
  const { replies } = await sendRaw(server, `${lines.join('\r\n')}\r\n\r\n`);
  return replies[0];
}

describe('a right to one secret', () => {
  it('reads that one', async () => {
    assert.equal((await raw(`/secrets/mine?${V}`))?.body.value, 'main-vault mine');
    assert.equal((await raw(`/secrets/theirs?${V}`))?.status, 403);
    assert.equal((await raw(`/secrets?${V}`))?.status, 403);
  });

  it('is not another by any spelling of the path', async () => {
    const spellings = [
      '/secrets/mine/../theirs',
      '/secrets/mine/..%2ftheirs',
      '/secrets/mine/%2e%2e/theirs',
      '/secrets/mine/.%2e/theirs',
      '/secrets/mine%2f..%2ftheirs',
      '/secrets/mine%2F%2E%2E%2Ftheirs',
      '/secrets/mine/..;/theirs',
      '/secrets/mine;/../theirs',
      '/secrets/mine/..\\theirs',
      '/secrets/mine%5c..%5ctheirs',
      '/secrets/./theirs',
      '/secrets//theirs',
      '//secrets/theirs',
      '/secrets/theirs/',
      '/secrets/theirs//',
      '/secrets/theirs.',
      '/secrets/theirs%20',
      '/secrets/theirs%00',
      '/secrets/theirs%00mine',
      '/secrets/mine%00theirs',
      '/secrets/theirs;mine',
      '/secrets/theirs%3fmine',
      '/secrets/theirs%23mine',
      '/secrets/%74heirs',
      '/secrets/%2574heirs',
      '/SECRETS/THEIRS',
      '/secrets/mine/versions/../../theirs',
      '/deletedsecrets/../secrets/theirs',
      '/./secrets/theirs',
      '/%2e/secrets/theirs',
      '/secrets%2ftheirs',
      '/secrets/theirs?name=mine&secret-name=mine&x=',
    ];
    for (const path of spellings) {
      const reply = await raw(`${path}${path.includes('?') ? '&' : '?'}${V}`);
      assert.ok(reply && [400, 403, 404, 405].includes(reply.status), `${path}: ${reply?.status} ${reply?.text}`);
      assert.doesNotMatch(reply.text, /theirs"?,"?value|"value":"main-vault theirs/, path);
    }
  });

  it('is not another by a version of the other', async () => {
    const versions = await call(server, { path: `/secrets/theirs/versions?${V}`, token: owner });
    const version = versions.body.value[0].id.split('/')[5];
    for (const path of [`/secrets/theirs/${version}`, `/secrets/mine/${version}`]) {
      assert.ok([403, 404].includes((await raw(`${path}?${V}`))!.status), path);
    }
    const change = { method: 'PATCH', path: `/secrets/mine/${version}?${V}`, token, body: { tags: { a: 'b' } } };
    assert.equal((await call(server, change)).status, 404);
  });

  it('is not one in another vault, whatever host is claimed', async () => {
    const second = hostOf(server, 'second-vault.vault');
    assert.equal((await raw(`/secrets/mine?${V}`, [], second))?.status, 403);
    for (const header of [
      `X-Forwarded-Host: ${hostOf(server, 'main-vault.vault')}`,
      `X-Original-Host: ${hostOf(server, 'main-vault.vault')}`,
      `Forwarded: host=${hostOf(server, 'main-vault.vault')};for=127.0.0.1`,
      `X-Original-URL: /secrets/mine?${V}`,
      `X-Rewrite-URL: /secrets/mine?${V}`,
    ]) {
      assert.equal((await raw(`/secrets/mine?${V}`, [header], second))?.status, 403, header);
      assert.equal((await raw(`/secrets/theirs?${V}`, [header]))?.status, 403, header);
    }
    const absolute = await raw(`https://${hostOf(server, 'main-vault.vault')}/secrets/mine?${V}`, [], second);
    assert.ok([400, 403].includes(absolute!.status), `${absolute?.status}`);
  });

  it('is not another method or caller by a header', async () => {
    for (const header of [
      'X-HTTP-Method: DELETE',
      'X-HTTP-Method-Override: DELETE',
      'X-Method-Override: PUT',
      'X-Forwarded-For: 127.0.0.1',
      'X-MS-CLIENT-PRINCIPAL-ID: 00000000-0000-4000-8000-000000000000',
      'X-Forwarded-User: administrator',
    ]) {
      assert.equal((await raw(`/secrets/mine?${V}`, [header]))?.status, 200, header);
      assert.equal((await raw(`/secrets/theirs?${V}`, [header]))?.status, 403, header);
    }
    assert.equal((await call(server, { path: `/secrets/mine?${V}`, token })).status, 200, 'it is still there');
  });

  it('does not restore what was backed up of another, nor under another name', async () => {
    const backup = async (name: string) => {
      const ask = { method: 'POST', path: `/secrets/${name}/backup?${V}`, token: owner };
      return (await call(server, ask)).body.value as string;
    };
    for (const name of ['mine', 'theirs']) {
      const body = { value: await backup(name) };
      const restored = await call(server, { method: 'POST', path: `/secrets/restore?${V}`, token, body });
      assert.equal(restored.status, 403, name);
    }
  });
});

describe('page tokens', () => {
  it('go on with the list that they came from, for whoever may read it', async () => {
    const page = await call(server, { path: `/secrets?maxresults=1&${V}`, token: owner });
    const next = new URL(page.body.nextLink);
    const skip = next.searchParams.get('$skiptoken') ?? next.searchParams.get('$skipToken');
    assert.ok(skip, page.body.nextLink);
    const query = `${V}&maxresults=1&$skiptoken=${encodeURIComponent(skip)}`;
    const ask = (path: string, host = 'main-vault.vault', as = owner) =>
      call(server, { host, path: `${path}?${query}`, token: as });
    assert.equal((await ask('/secrets')).status, 200);
    assert.equal((await ask('/secrets', 'main-vault.vault', token)).status, 403, 'without the right');
    for (const [path, host] of [
      ['/secrets', 'second-vault.vault'],
      ['/deletedsecrets', 'main-vault.vault'],
      ['/secrets/mine/versions', 'main-vault.vault'],
    ] as const) {
      assert.equal((await ask(path, host)).status, 400, `${path} of ${host}`);
    }
  });
});

describe('ids of another subscription, tenant or kind', () => {
  it('name nothing here', async () => {
    const foreign = `/subscriptions/${randomUUID()}`;
    const here = `/subscriptions/${server.subscriptionId}`;
    const vaultPath = '/resourceGroups/strongroom/providers/Microsoft.KeyVault/vaults/main-vault';
    for (const [method, path, version] of [
      ['GET', vaultPath, '2023-07-01'],
      ['DELETE', vaultPath, '2023-07-01'],
      ['GET', '/resourceGroups/strongroom', '2022-12-01'],
      ['GET', '/providers/Microsoft.KeyVault/deletedVaults', '2023-07-01'],
      ['POST', '/providers/Microsoft.KeyVault/locations/local/deletedVaults/main-vault/purge', '2023-07-01'],
    ] as const) {
      const reply = await manage(server, manager, {
        method,
        path: `${foreign}${path}?api-version=${version}`,
        mayFail: true,
      });
      assert.ok([403, 404].includes(reply.status), `${method} ${path}: ${reply.status} ${reply.text}`);
    }
    assert.equal((await call(server, { path: `/secrets/mine?${V}`, token: owner })).status, 200);
    const role = '/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6';
    const bodies: readonly [string, object][] = [
      ['an unknown principal', { roleDefinitionId: `${here}${role}`, principalId: randomUUID() }],
      [
        'a role that is none',
        { roleDefinitionId: `${here}${role.slice(0, -36)}${randomUUID()}`, principalId: reader.principalId },
      ],
      ['an application id', { roleDefinitionId: `${here}${role}`, principalId: reader.clientId }],
      ['a text', { roleDefinitionId: `${here}${role}`, principalId: '../..' }],
    ];
    for (const [what, properties] of bodies) {
      const path = `${vaultScope(server, 'main-vault')}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01`;
      const reply = await manage(server, manager, { method: 'PUT', path, body: { properties }, mayFail: true });
      assert.ok([400, 404].includes(reply.status), `${what}: ${reply.status} ${reply.text}`);
    }
    const policies = {
      accessPolicies: [{ tenantId: randomUUID(), objectId: reader.principalId, permissions: { secrets: ['get'] } }],
    };
    const path = `${vaultScope(server, 'main-vault')}/accessPolicies/add?api-version=2023-07-01`;
    const added = await manage(server, manager, { method: 'PUT', path, body: { properties: policies }, mayFail: true });
    assert.equal(added.status, 400, added.text);
  });

  it('in a body do not stand for those in the path', async () => {
    const path = `${vaultScope(server, 'main-vault')}?api-version=2023-07-01`;
    const body = {
      id: vaultScope(server, 'second-vault'),
      name: 'second-vault',
      location: 'local',
      tags: { named: 'main' },
      properties: { tenantId: server.tenantId, sku: { family: 'A', name: 'standard' } },
    };
    const reply = await manage(server, manager, { method: 'PATCH', path, body, mayFail: true });
    if (reply.status === 200) assert.equal(reply.body.name, 'main-vault');
    const other = `${groupScope(server)}/providers/Microsoft.KeyVault/vaults/second-vault?api-version=2023-07-01`;
    assert.notEqual((await manage(server, manager, { method: 'GET', path: other })).body.tags?.named, 'main');
    const scoped = `${vaultScope(server, 'second-vault')}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01`;
    const given = await manage(server, manager, {
      method: 'PUT',
      path: scoped,
      body: {
        properties: {
          scope: vaultScope(server, 'main-vault'),
          roleDefinitionId: `/subscriptions/${server.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6`,
          principalId: reader.principalId,
          principalType: 'ServicePrincipal',
        },
      },
      mayFail: true,
    });
    if (given.status < 300) assert.equal(given.body.properties.scope, vaultScope(server, 'second-vault'));
    assert.equal((await raw(`/secrets/theirs?${V}`))?.status, 403);
  });
});
