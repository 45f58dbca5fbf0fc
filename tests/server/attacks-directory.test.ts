import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { assignRole, makeIdentity, manage, vaultScope } from '../support/arm.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Names of groups, applications and roles that look alike, circles of groups, and tenants in paths. */
const V = 'api-version=7.5';
let server: TestServer;
let manager: string;
let directory: string;
let data: string;

const twins = [
  'KISS',
  'Kiss',
  '\u212aiss',
  'ki\u017fs',
  '\uff4b\uff49\uff53\uff53',
  'ki\u200bss',
  '\ufeffkiss',
  'k\u0456ss',
  'ki\u0307ss',
  'kiss\u00a0',
  'kiss ',
];

const graph = (method: string, path: string, body?: unknown): Promise<Reply> =>
  call(server, { method, host: 'graph', path, token: directory, body });
const group = async (displayName: string) =>
  (await graph('POST', '/v1.0/groups', {
    displayName,
    mailNickname: `g${randomUUID().slice(0, 8)}`,
    mailEnabled: false,
    securityEnabled: true,
  })) as Reply;
const join = (groupId: string, memberId: string) =>
  graph('POST', `/v1.0/groups/${groupId}/members/$ref`, {
    '@odata.id': `https://graph.${server.domain}:${server.port}/v1.0/directoryObjects/${memberId}`,
  });
const read = (token: string) => call(server, { path: `/secrets/target?${V}`, token });

before(async () => {
  server = await startServer();
  [data, manager, directory] = await Promise.all([
    getToken(server, resources.data),
    getToken(server, resources.management),
    getToken(server, resources.graph),
  ]);
  const made = await call(server, {
    method: 'PUT',
    path: `/secrets/target?${V}`,
    token: data,
    body: { value: 'target' },
  });
  assert.equal(made.status, 200);
});
after(() => server.stop());

describe('twins of names', () => {
  it('of a group are other groups: what is granted to one reaches nobody in the other', async () => {
    const { body: real } = await group('kiss');
    await assignRole(server, manager, {
      role: 'Key Vault Secrets User',
      principalId: real.id,
      scope: vaultScope(server, 'main-vault'),
      principalType: 'Group',
    });
    const outsider = await makeIdentity(server, manager, 'outsider');
    const token = await getToken(server, resources.data, { managedIdentity: outsider.clientId });
    for (const twin of ['kiss', ...twins]) {
      const made = await group(twin);
      assert.ok([201, 400].includes(made.status), `${twin}: ${made.status}`);
      if (made.status === 201) assert.equal((await join(made.body.id, outsider.principalId)).status, 204);
      assert.equal((await read(token)).status, 403, twin);
    }
    assert.equal((await join(real.id, outsider.principalId)).status, 204);
    assert.equal((await read(token)).status, 200);
  });

  it('of an application are other applications, found by exactly what they are called', async () => {
    const made = await graph('POST', '/v1.0/applications', { displayName: 'kiss' });
    assert.equal(made.status, 201);
    for (const twin of twins) {
      const other = await graph('POST', '/v1.0/applications', { displayName: twin });
      assert.ok([201, 400].includes(other.status), `${twin}: ${other.status} ${other.text}`);
      if (other.status === 201) assert.notEqual(other.body.appId, made.body.appId);
    }
    const secret = await graph('POST', `/v1.0/applications/${made.body.id}/addPassword`, { passwordCredential: {} });
    await graph('POST', '/v1.0/servicePrincipals', { appId: made.body.appId });
    const credentials = { clientSecret: secret.body.secretText as string };
    await getToken(server, resources.data, { ...credentials, clientId: made.body.appId });
    // A client id is a GUID in any case; what merely folds to it is nobody.
    for (const clientId of [
      `${made.body.appId}\u200b`,
      ` ${made.body.appId}`,
      `{${made.body.appId}}`,
      'kiss',
      made.body.id,
    ]) {
      await assert.rejects(getToken(server, resources.data, { ...credentials, clientId }), /No token/, clientId);
    }
  });

  it('of a role are the same name in any letter case and another role otherwise', async () => {
    const scope = `/subscriptions/${server.subscriptionId}`;
    const make = (roleName: string, id = randomUUID()) =>
      manage(server, manager, {
        method: 'PUT',
        path: `${scope}/providers/Microsoft.Authorization/roleDefinitions/${id}?api-version=2022-04-01`,
        body: {
          properties: {
            roleName,
            type: 'CustomRole',
            permissions: [{ actions: ['*/read'], notActions: [], dataActions: [], notDataActions: [] }],
            assignableScopes: [scope],
          },
        },
        mayFail: true,
      });
    assert.equal((await make('kiss')).status, 201);
    for (const taken of ['KISS', 'Kiss', 'owner', 'OWNER', 'Key vault administrator']) {
      const reply = await make(taken);
      assert.ok([400, 409].includes(reply.status), `${taken}: ${reply.status}`);
    }
    const outsider = await makeIdentity(server, manager, 'twin-holder');
    const token = await getToken(server, resources.data, { managedIdentity: outsider.clientId });
    for (const twin of [
      'Key Vault Administrator\u200b',
      'Key Vault Adm\u0131nistrator',
      'Key\u00a0Vault Administrator',
      '\u041ewner',
    ]) {
      const made = await make(twin);
      if (made.status !== 201) {
        assert.equal(made.status, 400, `${twin}: ${made.text}`);
        continue;
      }
      await manage(server, manager, {
        method: 'PUT',
        path: `${vaultScope(server, 'main-vault')}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01`,
        body: {
          properties: {
            roleDefinitionId: made.body.id,
            principalId: outsider.principalId,
            principalType: 'ServicePrincipal',
          },
        },
      });
      assert.equal((await read(token)).status, 403, twin);
    }
    const filter = encodeURIComponent("roleName eq 'Owner'");
    const path = `${scope}/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&$filter=${filter}`;
    const { body } = await manage(server, manager, { method: 'GET', path });
    assert.equal(body.value.length, 1);
    assert.equal(body.value[0].properties.type, 'BuiltInRole');
  });
});

describe('circles of groups', () => {
  it('end: members get what is granted along them, nobody else does, and nothing hangs', async () => {
    const ring: string[] = [];
    for (let index = 0; index < 12; index++) ring.push((await group(`ring ${index}`)).body.id);
    for (const [index, id] of ring.entries()) {
      assert.equal((await join(ring[(index + 1) % ring.length]!, id)).status, 204);
    }
    assert.equal((await join(ring[0]!, ring[0]!)).status, 400, 'never directly in itself');
    const [inside, outside] = [
      await makeIdentity(server, manager, 'inside'),
      await makeIdentity(server, manager, 'beside'),
    ];
    const tokens = await Promise.all(
      [inside, outside].map(({ clientId }) => getToken(server, resources.data, { managedIdentity: clientId })),
    );
    assert.equal((await join(ring[3]!, inside.principalId)).status, 204);
    const assignment = await assignRole(server, manager, {
      role: 'Key Vault Secrets User',
      principalId: ring[2]!,
      scope: vaultScope(server, 'main-vault'),
      principalType: 'Group',
    });
    const began = performance.now();
    assert.deepEqual([(await read(tokens[0]!)).status, (await read(tokens[1]!)).status], [200, 403]);
    assert.ok(performance.now() - began < 2000);
    await manage(server, manager, { method: 'DELETE', path: assignment });
    assert.equal((await read(tokens[0]!)).status, 403);
  });
});

describe('a tenant in a path of the directory', () => {
  it('is no way to another directory, and none to this one by another name', async () => {
    for (const tenant of [randomUUID(), server.tenantId, 'common', 'organizations', 'myorganization', 'contoso.com']) {
      for (const path of [
        `/${tenant}/users`,
        `/v1.0/${tenant}/users`,
        `/${tenant}/v1.0/users`,
        `/beta/${tenant}/applications`,
      ]) {
        for (const method of ['GET', 'POST']) {
          const reply = await graph(method, path, method === 'POST' ? { displayName: 'x' } : undefined);
          assert.ok([400, 404, 405].includes(reply.status), `${method} ${path}: ${reply.status} ${reply.text}`);
          assert.doesNotMatch(reply.text, /"value"/);
        }
      }
    }
    for (const tenant of [randomUUID(), 'contoso.com', '%2e%2e', '..']) {
      const path = `/${tenant}/oauth2/v2.0/token`;
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const reply = await call(server, {
        method: 'POST',
        host: 'login',
        path,
        headers,
        body: 'grant_type=client_credentials',
      });
      assert.ok([400, 404].includes(reply.status), `${path}: ${reply.status}`);
      const { status } = await call(server, { host: 'login', path: `/${tenant}/discovery/v2.0/keys` });
      assert.ok([400, 404].includes(status), tenant);
    }
    for (const path of ['/tenants?api-version=2022-12-01']) {
      const { body } = await manage(server, manager, { method: 'GET', path });
      assert.deepEqual(
        body.value.map(({ tenantId }: { tenantId: string }) => tenantId),
        [server.tenantId],
      );
    }
    const foreign = `/tenants/${randomUUID()}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01`;
    assert.ok(
      [400, 403, 404].includes((await manage(server, manager, { method: 'GET', path: foreign, mayFail: true })).status),
    );
  });
});
