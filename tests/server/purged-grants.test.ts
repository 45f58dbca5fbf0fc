import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assignRole, makeIdentity, vaultScope } from '../support/arm.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=7.5';
let server: TestServer;
let manager: string;
let owner: string;

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
  owner = await getToken(server, resources.data);
});
after(() => server.stop());

const put = (name: string) =>
  call(server, { method: 'PUT', path: `/secrets/${name}?${V}`, token: owner, body: { value: 'v' } });

test('what was granted on a secret goes with it when it is purged, and not before', async () => {
  const { principalId, clientId } = await makeIdentity(server, manager, 'reader-of-one');
  const token = await getToken(server, resources.data, { managedIdentity: clientId });
  const read = async () => (await call(server, { path: `/secrets/Granted?${V}`, token })).status;
  await put('granted');
  const scope = `${vaultScope(server, 'main-vault')}/secrets/granted`;
  await assignRole(server, manager, { role: 'Key Vault Secrets User', principalId, scope });
  assert.equal(await read(), 200);
  await call(server, { method: 'DELETE', path: `/secrets/granted?${V}`, token: owner });
  await call(server, { method: 'POST', path: `/deletedsecrets/granted/recover?${V}`, token: owner });
  assert.equal(await read(), 200);
  await call(server, { method: 'DELETE', path: `/secrets/granted?${V}`, token: owner });
  const purged = await call(server, { method: 'DELETE', path: `/deletedsecrets/granted?${V}`, token: owner });
  assert.equal(purged.status, 204);
  await put('granted');
  assert.equal(await read(), 403);
});
