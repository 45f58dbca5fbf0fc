import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeIdentity, manage, vaultScope } from '../support/arm.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=7.5';
const A = 'api-version=2022-04-01';
const authorization = 'providers/Microsoft.Authorization';
let server: TestServer;
let manager: string;
let scope: string;

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
  scope = vaultScope(server, 'main-vault');
  const owner = await getToken(server, resources.data);
  for (const name of ['app-one', 'db-one']) {
    await call(server, { method: 'PUT', path: `/secrets/${name}?${V}`, token: owner, body: { value: 'v' } });
  }
});
after(() => server.stop());

const put = (path: string, properties: object) =>
  manage(server, manager, { method: 'PUT', path: `${scope}/${authorization}/${path}?${A}`, body: { properties } });

test('custom role, condition and denial each hold over the wire with the next request', async () => {
  const { principalId, clientId } = await makeIdentity(server, manager, 'limited');
  const token = await getToken(server, resources.data, { managedIdentity: clientId });
  const statusOf = async (path: string) => (await call(server, { path: `${path}?${V}`, token })).status;
  const role = randomUUID();
  const definition = (dataActions: readonly string[]) => ({
    roleName: 'Values alone',
    permissions: [{ dataActions }],
    assignableScopes: [scope],
  });
  const get = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';
  const list = 'Microsoft.KeyVault/vaults/secrets/readMetadata/action';
  await put(`roleDefinitions/${role}`, definition([get]));
  const assignment = { roleDefinitionId: role, principalId };
  const name = randomUUID();
  await put(`roleAssignments/${name}`, assignment);
  assert.deepEqual([await statusOf('/secrets/app-one'), await statusOf('/secrets')], [200, 403]);
  await put(`roleDefinitions/${role}`, definition([get, list]));
  assert.deepEqual([await statusOf('/secrets/app-one'), await statusOf('/secrets')], [200, 200]);
  const condition = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringStartsWith 'app-'";
  await put(`roleAssignments/${name}`, { ...assignment, condition, conditionVersion: '2.0' });
  assert.deepEqual(
    [await statusOf('/secrets/app-one'), await statusOf('/secrets/db-one'), await statusOf('/secrets')],
    [200, 403, 403],
  );
  const denial = randomUUID();
  await put(`denyAssignments/${denial}`, {
    denyAssignmentName: 'closed',
    permissions: [{ dataActions: ['*'] }],
    principals: [{ id: principalId, type: 'ServicePrincipal' }],
  });
  const refused = await call(server, { path: `/secrets/app-one?${V}`, token });
  assert.equal(refused.status, 403);
  assert.match(JSON.stringify(refused.body), /DenyAssignmentId: '\(not shown\)'/);
  await manage(server, manager, { method: 'DELETE', path: `${scope}/${authorization}/denyAssignments/${denial}?${A}` });
  assert.equal(await statusOf('/secrets/app-one'), 200);
});
