import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assignIdentity, assignRole, groupScope, identityHeaderOf, makeIdentity, manage } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=2024-07-01';
const MACHINES = 'Microsoft.Compute/virtualMachines';
const SITES = 'Microsoft.Web/sites';

interface Given {
  readonly status: number;
  readonly error: string | undefined;
  readonly description: string | undefined;
  readonly token: string;
  readonly requestId: string;
  /** Object id that the token names. */
  readonly oid: string | null;
}

let server: TestServer;
let owner: string;

/** Asks the endpoint as any process of the machine can. */
function ask(to: TestServer, path: string, headers: Readonly<Record<string, string>>, form?: string): Promise<Given> {
  return new Promise((resolve, reject) => {
    const method = form === undefined ? 'GET' : 'POST';
    const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    request({ host: '127.0.0.1', port: to.imdsPort, path, method, headers: { ...headers, ...type } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => {
        const body = JSON.parse(text) as Record<string, string>;
        const token = body['access_token'] ?? '';
        const oid = token ? JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()).oid : null;
        const requestId = String(response.headers['x-ms-request-id']);
        const { error, error_description: description } = body;
        resolve({ status: response.statusCode!, error, description, token, oid, requestId });
      });
    })
      .once('error', reject)
      .end(form);
  });
}

const asMachine = (selector: Readonly<Record<string, string>> = {}, to = server) => {
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource: resources.data, ...selector });
  return ask(to, `/metadata/identity/oauth2/token?${query}`, { metadata: 'true' });
};
const asMachineByForm = (selector: Readonly<Record<string, string>> = {}) =>
  ask(
    server,
    '/oauth2/token',
    { metadata: 'true' },
    `${new URLSearchParams({ resource: resources.data, ...selector })}`,
  );
const asApplication = (secret: string, selector: Readonly<Record<string, string>> = {}) => {
  const query = new URLSearchParams({ 'api-version': '2019-08-01', resource: resources.data, ...selector });
  return ask(server, `/msi/token?${query}`, { 'x-identity-header': secret });
};
const oidOf = async (given: Promise<Given>) => {
  const { status, oid, error, description } = await given;
  return status === 200 ? oid : [status, error, description];
};
const NOT_FOUND = [400, 'invalid_request', 'Identity not found'];

const hostId = (type: string, name: string) => `${groupScope(server)}/providers/${type}/${name}`;
const userId = (name: string) =>
  `${groupScope(server)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;

/** Registers a host with an identity of its own. @returns the object id of that */
async function register(type: string, name: string): Promise<string> {
  const body = { location: 'local', identity: { type: 'SystemAssigned' } };
  const made = await manage(server, owner, { method: 'PUT', path: `${hostId(type, name)}?${V}`, body });
  return made.body.identity.principalId;
}

async function makeUserIdentity(name: string): Promise<{ readonly principalId: string; readonly clientId: string }> {
  const path = `${userId(name)}?api-version=2023-01-31`;
  return (await manage(server, owner, { method: 'PUT', path, body: { location: 'local' } })).body.properties;
}

const unassign = (identityId: string, host: string) =>
  manage(server, owner, {
    method: 'PATCH',
    path: `${host}?${V}`,
    body: { identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [identityId]: null } } },
  });

const readStatus = async (token: string) => (await call(server, { path: '/secrets?api-version=7.4', token })).status;

before(async () => {
  server = await startServer();
  owner = await getToken(server, resources.management);
});
after(() => server?.stop());

describe('the machine form of the managed identity endpoint', () => {
  it('serves what is assigned to this machine, by each selector, and nobody else, in both of its paths', async () => {
    const mine = await makeIdentity(server, owner, 'mine');
    const theirs = await makeUserIdentity('theirs');
    await register(MACHINES, 'neighbour');
    await assignIdentity(server, owner, userId('theirs'), hostId(MACHINES, 'neighbour'));
    const { body } = await manage(server, owner, { method: 'GET', path: `${hostId(MACHINES, 'neighbour')}?${V}` });
    const neighbour: string = body.identity.principalId;
    for (const form of [asMachine, asMachineByForm]) {
      assert.equal(await oidOf(form()), server.machinePrincipalId);
      for (const selector of [
        { client_id: mine.clientId },
        { object_id: mine.principalId },
        { msi_res_id: userId('mine') },
        { mi_res_id: userId('MINE').toUpperCase() },
      ]) {
        assert.equal(await oidOf(form(selector as Record<string, string>)), mine.principalId, JSON.stringify(selector));
      }
      for (const selector of [
        { client_id: theirs.clientId },
        { client_id: theirs.clientId.toUpperCase() },
        { object_id: theirs.principalId },
        { principal_id: neighbour },
        { msi_res_id: userId('theirs') },
        { msi_res_id: userId('THEIRS') },
        { mi_res_id: hostId(MACHINES, 'neighbour') },
        { mi_res_id: hostId(MACHINES, 'Neighbour').toLowerCase() },
        { mi_res_id: `${hostId(MACHINES, 'this-machine')}/` },
        { client_id: '00000000-1111-4222-8333-444444444444' },
      ]) {
        assert.deepEqual(await oidOf(form(selector as Record<string, string>)), NOT_FOUND, JSON.stringify(selector));
      }
    }
  });

  it('tells the operator, and not the caller, which command assigns the identity', async () => {
    const theirs = await makeUserIdentity('explained');
    const refused = await asMachine({ client_id: theirs.clientId });
    const unknown = await asMachine({ client_id: '00000000-1111-4222-8333-444444444444' });
    assert.deepEqual([refused.status, refused.error, refused.description], NOT_FOUND);
    const explain = async ({ requestId }: Given) =>
      (await strongroom(['explain', requestId, '--data-dir', server.dataDir])).stdout;
    assert.match(
      await explain(refused),
      new RegExp(`az vm identity assign --ids ${server.machineResourceId} --identities ${userId('explained')}`),
    );
    assert.match(await explain(unknown), /There is no managed identity of that id/);
  });

  it('gives nothing from the request after an assignment is removed, and its tokens end with it', async () => {
    const identity = await makeIdentity(server, owner, 'passing');
    const given = await asMachine({ client_id: identity.clientId });
    assert.equal(await readStatus(given.token), 403, 'known, and without a role');
    await unassign(userId('passing'), server.machineResourceId);
    assert.deepEqual(await oidOf(asMachine({ client_id: identity.clientId })), NOT_FOUND);
    assert.equal(await readStatus(given.token), 401);
    await assignIdentity(server, owner, userId('passing'), server.machineResourceId);
    assert.equal(await oidOf(asMachine({ client_id: identity.clientId })), identity.principalId);
    await manage(server, owner, { method: 'DELETE', path: `${userId('passing')}?api-version=2023-01-31` });
    await makeUserIdentity('passing');
    assert.deepEqual(await oidOf(asMachine({ msi_res_id: userId('passing') })), NOT_FOUND, 'another, of its name');
  });
});

describe('the App Service form', () => {
  it('serves each application its own identities by its own secret', async () => {
    const [shop, bank] = [await register(SITES, 'shop'), await register(SITES, 'bank')];
    const job = await makeUserIdentity('job');
    await assignIdentity(server, owner, userId('job'), hostId(SITES, 'shop'));
    const shopSecret = await identityHeaderOf(server, owner, hostId(SITES, 'shop'));
    const bankSecret = await identityHeaderOf(server, owner, hostId(SITES, 'bank'));
    const machineSecret = await identityHeaderOf(server, owner, server.machineResourceId);
    assert.equal(new Set([shopSecret, bankSecret, machineSecret]).size, 3);
    assert.equal(await identityHeaderOf(server, owner, hostId(SITES, 'shop').toUpperCase()), shopSecret);
    assert.equal(await oidOf(asApplication(shopSecret)), shop);
    assert.equal(await oidOf(asApplication(shopSecret, { client_id: job.clientId })), job.principalId);
    assert.equal(await oidOf(asApplication(bankSecret)), bank);
    assert.equal(await oidOf(asApplication(machineSecret)), server.machinePrincipalId);
    for (const [secret, selector] of [
      [bankSecret, { client_id: job.clientId }],
      [bankSecret, { mi_res_id: userId('job') }],
      [bankSecret, { principal_id: shop }],
      [bankSecret, { mi_res_id: hostId(SITES, 'SHOP') }],
      [machineSecret, { mi_res_id: hostId(SITES, 'shop') }],
      [shopSecret, { principal_id: server.machinePrincipalId }],
    ] as const) {
      assert.deepEqual(await oidOf(asApplication(secret, selector)), NOT_FOUND, JSON.stringify(selector));
    }
    for (const wrong of [`${shopSecret}x`, shopSecret.slice(1), shopSecret.toUpperCase(), '', hostId(SITES, 'shop')]) {
      assert.equal((await asApplication(wrong)).status, 401);
    }
  });

  it('takes a secret no more once it is renewed or its application deleted, nor the tokens got by it', async () => {
    const id = hostId(SITES, 'passing');
    await register(SITES, 'passing');
    const first = await identityHeaderOf(server, owner, id);
    const { token } = await asApplication(first);
    assert.equal(await readStatus(token), 403);
    const renewed = await manage(server, owner, { method: 'POST', path: `${id}/regenerateIdentitySecret?${V}` });
    assert.equal((await asApplication(first)).status, 401);
    assert.equal(await readStatus(token), 401);
    const second: string = renewed.body.identityHeader;
    const later = await asApplication(second);
    assert.equal(later.status, 200);
    await manage(server, owner, { method: 'DELETE', path: `${id}?${V}` });
    assert.equal((await asApplication(second)).status, 401);
    assert.equal(await readStatus(later.token), 401);
    await register(SITES, 'passing');
    assert.equal((await asApplication(second)).status, 401, 'another application of the name');
    assert.notEqual(await identityHeaderOf(server, owner, id), second);
  });

  it('shows a secret to whoever may act as the application, and records who saw it', async () => {
    await register(SITES, 'guarded');
    const id = hostId(SITES, 'guarded');
    const { clientId, principalId } = await makeIdentity(server, owner, 'reader');
    const reader = await getToken(server, resources.management, { managedIdentity: clientId });
    await assignRole(server, owner, { role: 'Reader', principalId, scope: id });
    for (const action of ['listIdentitySecret', 'regenerateIdentitySecret']) {
      const ask = { method: 'POST', path: `${id}/${action}?${V}`, mayFail: true };
      assert.equal((await manage(server, reader, ask)).status, 403, action);
    }
    await assignRole(server, owner, { role: 'Contributor', principalId, scope: id });
    const secret = await identityHeaderOf(server, reader, id);
    const { stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    const shown = stdout.split('\n').find((line) => line.includes('SiteListSecret') && line.includes(principalId));
    assert.ok(shown?.includes(id));
    assert.ok(!stdout.includes(secret));
    const none = await manage(server, owner, { method: 'POST', path: `${id}x/listIdentitySecret?${V}`, mayFail: true });
    assert.equal(none.status, 404);
  });

  it('is named to processes by strongroom env, the secret only when asked for', async () => {
    const id = hostId(SITES, 'described');
    const principal = await register(SITES, 'described');
    const args = ['env', '--format', 'json', '--identity', id, '--data-dir', server.dataDir];
    const bare = await strongroom(args);
    assert.equal(bare.code, 0, bare.stderr);
    assert.equal('IDENTITY_HEADER' in JSON.parse(bare.stdout), false);
    const { stdout } = await strongroom([...args, '--with-secret']);
    const { IDENTITY_ENDPOINT, IDENTITY_HEADER, AZURE_CLIENT_ID } = JSON.parse(stdout);
    assert.equal(IDENTITY_ENDPOINT, `http://127.0.0.1:${server.imdsPort}/msi/token`);
    assert.equal(AZURE_CLIENT_ID, undefined, 'it would name the administrator as the identity');
    assert.equal(await oidOf(asApplication(IDENTITY_HEADER)), principal);
    const unknown = await strongroom([...args.slice(0, 4), `${id}x`, ...args.slice(5), '--with-secret']);
    assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, /describedx/);
  });
});

describe('the machine that the endpoint stands for', () => {
  it('is a registered one, also by another name of the configuration', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'strongroom-machine-'));
    const config = join(folder, 'config.json');
    const builder = await register(MACHINES, 'builder');
    const standFor = async (id: string) => {
      writeFileSync(config, JSON.stringify({ machineResourceId: id }));
      const { dataDir } = server;
      await server.stop({ keep: true });
      server = await startServer({ dataDir, args: ['--config', config] });
      owner = await getToken(server, resources.management);
    };
    const site = hostId(SITES, 'shop');
    try {
      await standFor(hostId(MACHINES, 'Builder'));
      assert.equal(await oidOf(asMachine()), builder);
      assert.deepEqual(await oidOf(asMachine({ object_id: server.machinePrincipalId })), NOT_FOUND);
      assert.doesNotMatch(server.output().stderr, /not registered/);
      for (const id of [hostId(MACHINES, 'nowhere'), site]) {
        await standFor(id);
        assert.match(server.output().stderr, /stands for a virtual machine that is not registered/);
        const { status, description } = await asMachine();
        assert.equal(status, 400);
        assert.match(description!, /stands for a virtual machine that does not exist here/);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is managed like any other: its identity is taken, given anew, and gone with it', async () => {
    const fresh = await startServer();
    try {
      const token = await getToken(fresh, resources.management);
      const path = `${fresh.machineResourceId}?${V}`;
      const shown = await manage(fresh, token, { method: 'GET', path });
      assert.equal(shown.body.identity.principalId, fresh.machinePrincipalId);
      const { token: held } = await asMachine({}, fresh);
      await manage(fresh, token, { method: 'PATCH', path, body: { identity: { type: 'None' } } });
      assert.deepEqual(await oidOf(asMachine({}, fresh)), NOT_FOUND);
      assert.equal((await call(fresh, { path: '/secrets?api-version=7.4', token: held })).status, 401);
      const again = { identity: { type: 'SystemAssigned' } };
      const { body } = await manage(fresh, token, { method: 'PATCH', path, body: again });
      assert.equal(await oidOf(asMachine({}, fresh)), body.identity.principalId);
      await manage(fresh, token, { method: 'DELETE', path });
      assert.match((await asMachine({}, fresh)).description!, /virtual machine that does not exist here/);
    } finally {
      await fresh.stop();
    }
  });
});
