import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assignRole, deleteVault, makeIdentity, manage, objectIdOf, putVault, vaultScope } from '../support/arm.ts';
import { call, getToken, hostOf, openTls, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** A request is admitted before its body is read: what is taken away while the body is under way counts all the same. */
const V = 'api-version=7.5';
let server: TestServer;
let owner: string;
let manager: string;

before(async () => {
  server = await startServer();
  [owner, manager] = await Promise.all([getToken(server, resources.data), getToken(server, resources.management)]);
});
after(() => server.stop());

/** Sends the head of a PUT, does something, and sends its body. @returns the answer's status */
async function putAround(
  vault: string,
  name: string,
  token: string,
  meanwhile: () => Promise<unknown>,
): Promise<number> {
  const body = JSON.stringify({ value: 'late' });
  const socket = openTls(server, `${vault}.vault.${server.domain}`);
  await new Promise((ready) => socket.once('secureConnect', ready));
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.write(
    `PUT /secrets/${name}?${V} HTTP/1.1\r\nHost: ${hostOf(server, `${vault}.vault`)}\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
  );
  // The head is there and judged; nothing tells so from outside but time.
  await delay(300);
  await meanwhile();
  const ended = new Promise((closed) => socket.once('close', closed));
  socket.write(body);
  await ended;
  return Number(text.split(' ')[1]);
}

async function writer(name: string) {
  const { principalId, clientId } = await makeIdentity(server, manager, name);
  const scope = vaultScope(server, 'main-vault');
  const assignment = await assignRole(server, manager, { role: 'Key Vault Secrets Officer', principalId, scope });
  return { assignment, token: await getToken(server, resources.data, { managedIdentity: clientId }), principalId };
}

test('a role that is taken while the body is under way no longer writes', async () => {
  const { assignment, token } = await writer('slow-writer');
  assert.equal(await putAround('main-vault', 'kept-role', token, async () => {}), 200);
  const status = await putAround('main-vault', 'lost-role', token, () =>
    manage(server, manager, { method: 'DELETE', path: assignment }),
  );
  assert.equal(status, 403);
  assert.equal((await call(server, { path: `/secrets/lost-role?${V}`, token: owner })).status, 404);
});

test('a principal that is disabled while the body is under way no longer writes', async () => {
  const { token, principalId } = await writer('disabled-writer');
  const graph = await getToken(server, resources.graph);
  const status = await putAround('main-vault', 'lost-principal', token, () =>
    call(server, {
      method: 'PATCH',
      host: 'graph',
      path: `/v1.0/servicePrincipals/${principalId}`,
      token: graph,
      body: { accountEnabled: false },
    }),
  );
  assert.equal(status, 401);
});

test('a vault that is deleted while the body is under way takes nothing in', async () => {
  await putVault(server, manager, 'passing-vault');
  const scope = vaultScope(server, 'passing-vault');
  const role = 'Key Vault Administrator';
  await assignRole(server, manager, { role, principalId: objectIdOf(owner), scope });
  const status = await putAround('passing-vault', 'late', owner, () => deleteVault(server, manager, 'passing-vault'));
  assert.equal(status, 404);
});
