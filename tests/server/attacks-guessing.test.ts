import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { assignRole, makeIdentity, manage, vaultScope } from '../support/arm.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** What can be learnt without a right: from answers, from their times, and from lists. */
const V = 'api-version=7.5';
const SAMPLES = 60;
/** A difference that a scan of passwords or a hash that is not made would exceed by far; noise does not. */
const MOST_TIMES = 4;
let server: TestServer;
let owner: string;
let manager: string;

before(async () => {
  server = await startServer();
  [owner, manager] = await Promise.all([getToken(server, resources.data), getToken(server, resources.management)]);
});
after(() => server.stop());

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Medians of two questions asked in turn, so that whatever else the machine does meets both. */
async function compare(one: () => Promise<Reply>, other: () => Promise<Reply>): Promise<readonly [number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const [index, ask] of [one, other].entries()) {
      const began = performance.now();
      await ask();
      times[index]!.push(performance.now() - began);
    }
  }
  return [median(times[0]), median(times[1])];
}

const signIn = (client_id: string, client_secret: string) =>
  call(server, {
    method: 'POST',
    host: 'login',
    path: `/${server.tenantId}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id,
      client_secret,
      scope: 'https://vault.azure.net/.default',
    }).toString(),
  });

describe('without a right', () => {
  it('wrong secrets take as long for clients that are there as for others', async (context) => {
    const wrong = `abc${'x'.repeat(37)}`;
    const known = await signIn(server.administrator.clientId, wrong);
    assert.equal(known.status, 401);
    assert.match(known.body.error_description, /AADSTS7000215/);
    const [there, nowhere] = await compare(
      () => signIn(server.administrator.clientId, wrong),
      () => signIn(randomUUID(), wrong),
    );
    context.diagnostic(`known client ${there.toFixed(2)} ms, unknown client ${nowhere.toFixed(2)} ms`);
    assert.ok(Math.max(there, nowhere) < MOST_TIMES * Math.min(there, nowhere) + 1);
  });

  it('wrong secrets take as long however much of them is right', async (context) => {
    const { clientId, clientSecret } = server.administrator;
    const [near, far] = await compare(
      () => signIn(clientId, `${clientSecret.slice(0, -1)}${clientSecret.endsWith('A') ? 'B' : 'A'}`),
      () => signIn(clientId, `${clientSecret.startsWith('A') ? 'B' : 'A'}${clientSecret.slice(1)}`),
    );
    context.diagnostic(`last character wrong ${near.toFixed(2)} ms, first ${far.toFixed(2)} ms`);
    assert.ok(Math.max(near, far) < MOST_TIMES * Math.min(near, far) + 1);
  });

  it('wrong passwords take as long, and are told alike, for people who are there as for others', async (context) => {
    const graph = await getToken(server, resources.graph);
    const { body } = await call(server, { host: 'graph', path: '/v1.0/organization', token: graph });
    const domain = body.value[0].verifiedDomains[0].name as string;
    const people = 2;
    for (let index = 0; index < people; index++) {
      const made = await call(server, {
        method: 'POST',
        host: 'graph',
        path: '/v1.0/users',
        token: graph,
        body: {
          accountEnabled: true,
          displayName: `There ${index}`,
          mailNickname: `there${index}`,
          userPrincipalName: `there${index}@${domain}`,
          passwordProfile: { password: 'Correct-horse-battery-1', forceChangePasswordNextSignIn: false },
        },
      });
      assert.equal(made.status, 201, made.text);
    }
    const attempt = (username: string) =>
      call(server, {
        method: 'POST',
        host: 'login',
        path: `/${server.tenantId}/oauth2/v2.0/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'password',
          client_id: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
          username,
          password: 'Wrong-horse-battery-1',
          scope: 'https://vault.azure.net/.default',
        }).toString(),
      });
    const times: [number[], number[]] = [[], []];
    const told = new Set<string>();
    // Eight a name: the lock comes after ten.
    for (let turn = 0; turn < 8 * people; turn++) {
      for (const [index, name] of [`there${turn % people}`, `nowhere${turn % people}`].entries()) {
        const began = performance.now();
        const reply = await attempt(`${name}@${domain}`);
        times[index]!.push(performance.now() - began);
        told.add(`${reply.status} ${reply.body.error} ${reply.body.error_codes}`);
      }
    }
    const [there, nowhere] = [median(times[0]), median(times[1])];
    context.diagnostic(`known person ${there.toFixed(2)} ms, unknown person ${nowhere.toFixed(2)} ms`);
    assert.deepEqual([...told], ['400 invalid_grant 50126']);
    assert.ok(Math.max(there, nowhere) < 2 * Math.min(there, nowhere) + 1);
  });

  it('unknown and altered tokens are told alike', async (context) => {
    const [head, body, signature] = owner.split('.') as [string, string, string];
    const altered = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    const kid = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'JWT', kid: 'unknown' })).toString('base64url');
    const ask = (token: string) => call(server, { path: `/secrets/any?${V}`, token });
    const [wrong, unknown] = await compare(
      () => ask(altered),
      () => ask(`${kid}.${body}.${signature}`),
    );
    context.diagnostic(`altered ${wrong.toFixed(2)} ms, unknown key ${unknown.toFixed(2)} ms`);
    assert.ok(Math.max(wrong, unknown) < MOST_TIMES * Math.min(wrong, unknown) + 1);
    assert.deepEqual([(await ask(altered)).status, (await ask('a.b.c')).status], [401, 401]);
  });

  it('secrets that are there are refused as those that are not', async () => {
    const made = await call(server, { method: 'PUT', path: `/secrets/there?${V}`, token: owner, body: { value: 'v' } });
    assert.equal(made.status, 200);
    const { clientId } = await makeIdentity(server, manager, 'nobody');
    const token = await getToken(server, resources.data, { managedIdentity: clientId });
    const ask = async (name: string) => {
      const { status, text } = await call(server, { path: `/secrets/${name}?${V}`, token });
      return { status, text: text.replaceAll(name, 'NAME').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID') };
    };
    assert.deepEqual(await ask('there'), await ask('nowhere'));
    assert.equal((await ask('there')).status, 403);
  });
});

describe('a denial', () => {
  it('holds for lists, for what they list, and for the right to list them', async () => {
    const { principalId, clientId } = await makeIdentity(server, manager, 'denied');
    const scope = vaultScope(server, 'main-vault');
    await assignRole(server, manager, { role: 'Key Vault Secrets Officer', principalId, scope });
    await assignRole(server, manager, {
      role: 'Reader',
      principalId,
      scope: `/subscriptions/${server.subscriptionId}`,
    });
    const token = await getToken(server, resources.data, { managedIdentity: clientId });
    const reading = await getToken(server, resources.management, { managedIdentity: clientId });
    const list = (path: string) => call(server, { path: `${path}?${V}`, token });
    const vaults = async () => {
      const path = `/subscriptions/${server.subscriptionId}/providers/Microsoft.KeyVault/vaults?api-version=2023-07-01`;
      const { body } = await manage(server, reading, { method: 'GET', path });
      return body.value.map(({ name }: { name: string }) => name);
    };
    assert.equal((await list('/secrets')).status, 200);
    assert.deepEqual(await vaults(), ['main-vault']);
    const deny = (permissions: object) =>
      manage(server, manager, {
        method: 'PUT',
        path: `${scope}/providers/Microsoft.Authorization/denyAssignments/${randomUUID()}?api-version=2022-04-01`,
        body: {
          properties: {
            denyAssignmentName: `denied ${randomUUID()}`,
            permissions: [{ actions: [], notActions: [], dataActions: [], notDataActions: [], ...permissions }],
            principals: [{ id: principalId, type: 'ServicePrincipal' }],
            excludePrincipals: [],
          },
        },
      });
    await deny({ dataActions: ['Microsoft.KeyVault/vaults/secrets/readMetadata/action'] });
    for (const path of ['/secrets', '/deletedsecrets', '/secrets/there/versions']) {
      assert.equal((await list(path)).status, 403, path);
    }
    assert.equal((await list('/secrets/there')).status, 200, 'the value was not denied');
    await deny({ dataActions: ['*'] });
    assert.equal((await list('/secrets/there')).status, 403);
    await deny({ actions: ['Microsoft.KeyVault/vaults/read'] });
    assert.deepEqual(await vaults(), []);
  });
});
