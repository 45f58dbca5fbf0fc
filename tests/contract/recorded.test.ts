import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startServer, type TestServer } from '../support/server.ts';
import { Contract } from './openapi.ts';
import { Deck, readRecordings } from './recordings.ts';
import { apiVersionOf, planeOf, Replay, type Replaying } from './replay.ts';
import type { WireAnswer } from './wire.ts';

const contract = new Contract();
const vault = 'main-vault';
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

/** What every refusal says in the service's form. */
function assertClearError(answer: WireAnswer, what: string): void {
  const { status, body } = answer;
  assert.ok((status >= 400 && status < 500) || status === 501, `${what}: ${status}`);
  assert.match(body?.error?.code ?? '', /^[A-Z][A-Za-z]+$/, what);
  assert.ok((body?.error?.message ?? '').length > 10, what);
}

describe('the recorded requests of the secrets client', () => {
  const deck = new Deck(readRecordings(contract.files, 'keyvault-secrets'));
  const send = (method: string, start: string, how: Replaying = {}) =>
    replay.send(deck.take(method, start), { vault, ...how });
  const host = () => `${vault}.vault.${server.domain}`;
  const origin = () => `https://${host()}:${server.port}`;
  let version: string;

  before(async () => {
    await replay.prepare('PUT', host(), '/secrets/rec?api-version=7.5', { value: 'r' });
    await replay.prepare('PUT', host(), '/secrets/other?api-version=7.5', { value: 'o' });
    await replay.prepare('DELETE', host(), '/secrets/rec?api-version=7.5');
  });

  it('begin with one without a token, which is told where to sign in', async () => {
    const { status, headers, body } = await send('PUT', '/secrets/a?');
    assert.equal(status, 401);
    assert.equal(
      headers['www-authenticate'],
      `Bearer authorization="https://login.${server.domain}:${server.port}/${server.tenantId}", resource="https://vault.${server.domain}:${server.port}"`,
    );
    assert.deepEqual(body, {
      error: { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' },
    });
  });

  it('find the authority and get a token', async () => {
    const found = await send('GET', '/11111111-1111-1111-1111-111111111111/v2.0/');
    assert.equal(found.status, 200);
    const login = `https://login.${server.domain}:${server.port}`;
    for (const name of ['authorization_endpoint', 'token_endpoint', 'issuer', 'jwks_uri']) {
      assert.ok(found.body[name].startsWith(login), name);
    }
    const token = await send('POST', '/11111111-1111-1111-1111-111111111111/oauth2/', {
      replace: { s3cret: server.administrator.clientSecret },
    });
    assert.equal(token.status, 200);
    assert.equal(token.body.token_type, 'Bearer');
    assert.ok(token.body.expires_in > 60);
    assert.equal(token.body.access_token.split('.').length, 3);
  });

  it('set a secret and read it, without a version and with one', async () => {
    const set = await send('PUT', '/secrets/a?');
    assert.equal(set.status, 200);
    assert.match(set.body.id, new RegExp(`^${origin()}/secrets/a/[0-9a-f]{32}$`));
    version = set.body.id.split('/').at(-1);
    const latest = await send('GET', '/secrets/a/?');
    const one = await send('GET', '/secrets/a/0123?', { replace: { 'a/0123': `a/${version}` } });
    for (const { status, body } of [latest, one]) {
      assert.equal(status, 200);
      assert.deepEqual(body, set.body);
    }
    const { value, contentType, tags, attributes } = latest.body;
    assert.deepEqual([value, contentType, tags, attributes.exp], ['v', 'text/plain', { x: 'y' }, 1800000000]);
  });

  it('change one version, then the latest', async () => {
    const one = await send('PATCH', '/secrets/a/0123?', { replace: { 'a/0123': `a/${version}` } });
    const latest = await send('PATCH', '/secrets/a/?');
    for (const { status, body } of [one, latest]) {
      assert.equal(status, 200);
      assert.equal(body.attributes.enabled, false);
      assert.equal(body.contentType, 'text/plain');
    }
  });

  it('list by pages, and a link that nobody gave out is refused', async () => {
    const whole = await send('GET', '/secrets?api%2Dversion=2026-04-01');
    assert.deepEqual(
      whole.body.value.map((item: { id: string }) => item.id),
      [`${origin()}/secrets/a`, `${origin()}/secrets/other`],
    );
    const invented = deck.take('GET', '/secrets?api-version=7.4&$skiptoken=abc');
    assertClearError(await replay.send(invented, { vault }), 'an invented skip token');
    const first = await send('GET', '/secrets?api%2Dversion=2026-04-01&maxresults=1');
    assert.equal(first.body.value.length, 1);
    const link = new URL(first.body.nextLink);
    assert.equal(link.origin, origin());
    const replace = { [invented.url]: `${link.pathname}${link.search}` };
    const second = await send('GET', '/secrets?api-version=7.4&$skiptoken=abc', { replace });
    assert.equal(second.status, 200);
    assert.deepEqual(second.body.value, [whole.body.value[1]]);
    assert.ok(!second.body.nextLink);
  });

  it('list versions and deleted secrets', async () => {
    const versions = await send('GET', '/secrets/a/versions?');
    assert.deepEqual(
      versions.body.value.map((item: { id: string }) => item.id),
      [`${origin()}/secrets/a/${version}`],
    );
    const deleted = await send('GET', '/deletedsecrets?');
    assert.deepEqual(
      deleted.body.value.map((item: { recoveryId: string }) => item.recoveryId),
      [`${origin()}/deletedsecrets/rec`],
    );
  });

  it('delete a secret and ask for it until it is there', async () => {
    const deleted = await send('DELETE', '/secrets/a?');
    assert.equal(deleted.status, 200);
    assert.equal(deleted.body.recoveryId, `${origin()}/deletedsecrets/a`);
    assert.equal(deleted.body.scheduledPurgeDate - deleted.body.deletedDate, 90 * 86_400);
    const asked = await send('GET', '/deletedsecrets/a?');
    assert.deepEqual([asked.status, asked.body], [200, deleted.body]);
  });

  it('look for a live secret before they recover it, and again after', async () => {
    const before = await send('GET', '/secrets/rec/?');
    assert.deepEqual([before.status, before.body.error.code], [404, 'SecretNotFound']);
    const recovered = await send('POST', '/deletedsecrets/rec/recover?');
    assert.equal(recovered.status, 200);
    const live = await send('GET', '/secrets/rec/?');
    assert.deepEqual([live.status, live.body.value], [200, 'r']);
  });

  it('purge, back up and restore', async () => {
    const purged = await send('DELETE', '/deletedsecrets/a?');
    assert.deepEqual([purged.status, purged.body], [204, undefined]);
    const backup = deck.take('POST', '/secrets/a/backup?');
    const gone = await replay.send(backup, { vault });
    assert.deepEqual([gone.status, gone.body.error.code], [404, 'SecretNotFound']);
    await replay.prepare('PUT', host(), '/secrets/a?api-version=7.5', { value: 'again' });
    const kept = await replay.send(backup, { vault });
    assert.equal(kept.status, 200);
    await replay.prepare('DELETE', host(), '/secrets/a?api-version=7.5');
    await replay.prepare('DELETE', host(), '/deletedsecrets/a?api-version=7.5');
    const restore = deck.take('POST', '/secrets/restore?');
    assertClearError(await replay.send(restore, { vault }), 'a blob that is no backup');
    const restored = await replay.send(restore, { vault, replace: { AQID: kept.body.value } });
    assert.equal(restored.status, 200);
    const live = await replay.prepare('GET', host(), '/secrets/a?api-version=7.5');
    assert.equal(live.body.value, 'again');
  });

  it('were all sent', () => {
    assert.deepEqual(deck.rest(), []);
  });
});

describe('the recorded requests of the identity client', () => {
  const deck = new Deck(readRecordings(contract.files, 'identity'));

  const signIn = async (step: string, how: Replaying = {}): Promise<WireAnswer> => {
    assert.equal((await replay.send(deck.take('GET', '/', step))).status, 200, 'the authority');
    return replay.send(deck.take('POST', '/', step), how);
  };

  /** Entra's form of a refusal (WIRE §8). */
  const assertEntraError = ({ status, body }: WireAnswer, error: RegExp, what: string): void => {
    assert.ok(status === 400 || status === 401, `${what}: ${status}`);
    assert.match(body.error, error, what);
    assert.match(body.error_description, /^AADSTS\d+: /, what);
    assert.deepEqual(body.error_codes.map(Number.isInteger), [true], what);
    for (const name of ['trace_id', 'correlation_id', 'timestamp']) assert.ok(body[name], `${what}: ${name}`);
    assert.ok(!('access_token' in body), what);
  };

  it('get a token for a right secret and Entra’s error for a wrong one', async () => {
    const form = { client_secret: server.administrator.clientSecret };
    const right = await signIn('secret, disableInstanceDiscovery', { form });
    assert.equal(right.status, 200);
    assert.equal(right.body.access_token.split('.').length, 3);
    assertEntraError(await signIn('error'), /^invalid_client$/, 'a wrong secret');
  });

  it('are refused assertions that are none', async () => {
    for (const step of ['certificate', 'certificate+chain', 'workload (AZURE_AUTHORITY_HOST, disable)']) {
      assertEntraError(await signIn(step), /^invalid_(client|request)$/, step);
    }
  });

  it('are refused sign-ins of people, which this release does not have', async () => {
    assertEntraError(await signIn('username/password'), /_|^un/, 'password');
    assertEntraError(await signIn('device code'), /_|^un/, 'device code');
    for (const polled of [1, 2]) {
      assertEntraError(await replay.send(deck.take('POST', '/', 'device code')), /_|^un/, `poll ${polled}`);
    }
  });

  it('get tokens of managed identities, and an error for one that is not there', async () => {
    const system = await replay.send(deck.step('IMDS system'));
    assert.equal(system.status, 200);
    assert.ok(Number(system.body.expires_in) > 60);
    assert.equal(system.body.resource, `https://vault.${server.domain}:${server.port}`);
    for (const step of ['IMDS user clientId', 'IMDS user resourceId']) {
      const { status, body } = await replay.send(deck.step(step));
      assert.equal(status, 400, step);
      assert.ok(body.error && body.error_description, step);
    }
    const byObject = deck.step('IMDS user objectId');
    assert.equal((await replay.send(byObject)).status, 400);
    const replace = { '33333333-3333-3333-3333-333333333333': server.machinePrincipalId };
    assert.equal((await replay.send(byObject, { replace })).status, 200);
  });

  it('were all sent', () => {
    assert.deepEqual(deck.rest(), []);
  });
});

/** What of the management recordings belongs to later releases. */
const laterSteps = [
  'rd put',
  ...['diag put', 'diag list', 'diag cat', 'metrics', 'metricdefs', 'alert put', 'ag put'],
  ...['logs ws', 'logs res', 'logs batch', 'mq resource', 'mq defs', 'mq ns', 'metrics batch'],
];

describe('the recorded requests of the management clients', () => {
  const all = readRecordings(contract.files, 'arm-keyvault');
  const deck = new Deck(all.filter(({ step }) => !laterSteps.includes(step)));
  const management = () => `management.${server.domain}`;
  const group = () => `/subscriptions/${server.subscriptionId}/resourceGroups/rg`;
  const here = { replace: { westus: 'local' } };
  const names = (answer: WireAnswer): string[] => answer.body.value.map((item: { name: string }) => item.name);
  let vaultId: string;

  const send = async (step: string, status: number | readonly number[], how: Replaying = here): Promise<WireAnswer> => {
    const answer = await replay.send(deck.step(step), how);
    assert.ok([status].flat().includes(answer.status), `${step}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };

  before(async () => {
    const made = await replay.prepare('PUT', management(), `${group()}?api-version=2021-04-01`, { location: 'local' });
    assert.equal(made.status, 201);
    vaultId = `${group()}/providers/Microsoft.KeyVault/vaults/kv1`;
  });

  it('create a vault and poll it until it is there', async () => {
    const created = await send('create', [200, 201]);
    for (const { body } of [created, await send('create', 200), await send('create', 200), await send('get', 200)]) {
      assert.equal(body.id, vaultId);
      assert.equal(body.location, 'local');
      assert.equal(body.properties.provisioningState, 'Succeeded');
      assert.equal(body.properties.vaultUri, `https://kv1.vault.${server.domain}:${server.port}/`);
      assert.equal(body.properties.enableRbacAuthorization, true);
      assert.equal(body.properties.softDeleteRetentionInDays, 90);
    }
  });

  it('update it and add an access policy', async () => {
    const updated = await send('update', [200, 201]);
    assert.deepEqual([updated.body.tags, updated.body.properties.enablePurgeProtection], [{ a: 'b' }, true]);
    const objectId = server.machinePrincipalId;
    const added = await send('policy add', [200, 201], { replace: { '"objectId":"o"': `"objectId":"${objectId}"` } });
    assert.deepEqual(added.body.properties.accessPolicies, [
      { tenantId: server.tenantId, objectId, permissions: { secrets: ['get'] } },
    ]);
  });

  it('list vaults in three ways', async () => {
    assert.deepEqual(names(await send('list', 200)).sort(), ['kv1', vault]);
    assert.deepEqual(names(await send('listBySub', 200)).sort(), ['kv1', vault]);
    assert.deepEqual(names(await send('listByRg', 200)), ['kv1']);
    assert.deepEqual((await send('listDeleted', 200)).body.value, []);
  });

  it('approve a private endpoint connection, and set a secret whose value nobody is told', async () => {
    const endpoint = { privateEndpoint: { id: `${group()}/providers/Microsoft.Network/privateEndpoints/pe` } };
    const asked = `${vaultId}/privateEndpointConnections/pe?api-version=2026-02-01`;
    assert.equal((await replay.prepare('PUT', management(), asked, { properties: endpoint })).status, 200);
    const approved = await send('pec put', 200);
    assert.equal(approved.body.properties.privateLinkServiceConnectionState.status, 'Approved');
    assert.deepEqual(names(await send('pec list', 200)), ['pe']);
    assert.deepEqual(names(await send('plr', 200)), ['vault']);
    const key = (await send('arm key', 200)).body;
    assert.deepEqual([key.name, key.properties.kty, key.properties.keySize], ['k', 'RSA', 2048]);
    const { body } = await send('arm secret', 201);
    assert.deepEqual([body.name, body.properties.value, body.properties.attributes.enabled], ['s', undefined, true]);
  });

  it('find roles, assign one, list the assignment and take it away', async () => {
    const role = (await send('rd list', 200)).body.value;
    assert.deepEqual(
      role.map((one: { properties: { roleName: string } }) => one.properties.roleName),
      ['Key Vault Secrets User'],
    );
    const assignment = {
      replace: {
        '/subscriptions/44444444-4444-4444-4444-444444444444/providers/Microsoft.Authorization/roleDefinitions/x':
          role[0].id,
        '"p"': `"${server.machinePrincipalId}"`,
      },
    };
    const created = await send('ra create', 201, assignment);
    assert.equal(
      created.body.id,
      `${vaultId}/providers/Microsoft.Authorization/roleAssignments/55555555-5555-5555-5555-555555555555`,
    );
    assert.deepEqual(
      [created.body.properties.roleDefinitionId, created.body.properties.scope, created.body.properties.principalId],
      [role[0].id, vaultId, server.machinePrincipalId],
    );
    const listed = await send('ra list scope', 200);
    assert.ok(names(listed).includes('55555555-5555-5555-5555-555555555555'));
    const remove = deck.step('ra del');
    const at = (name: string) => ({ replace: { 'roleAssignments/x': `roleAssignments/${name}` } });
    const removed = await replay.send(remove, at('55555555-5555-5555-5555-555555555555'));
    assert.deepEqual([removed.status, removed.body.id], [200, created.body.id]);
    const again = await replay.send(remove, at('55555555-5555-5555-5555-555555555555'));
    assert.deepEqual([again.status, again.body], [204, undefined]);
    assert.equal((await replay.send(remove)).status, 204, 'the name as recorded');
  });

  it('assign with a doubled slash in front', async () => {
    const recording = deck.step('ra create leading slash');
    assertClearError(await replay.send(recording), 'a role and a principal that are none');
    const role = `/subscriptions/${server.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6`;
    const { status, body } = await replay.send(recording, {
      replace: {
        'roleAssignments/5?': 'roleAssignments/66666666-6666-4666-8666-666666666666?',
        '"x"': JSON.stringify(role),
        '"p"': `"${server.machinePrincipalId}"`,
      },
    });
    assert.deepEqual([status, body.properties?.scope], [201, vaultId]);
  });

  it('delete the vault, read it among the deleted, and cannot purge it: it is protected', async () => {
    const deleted = await send('delete', 200);
    assert.equal(deleted.body, undefined);
    const { body } = await send('getDeleted', 200);
    assert.deepEqual([body.properties.vaultId, body.properties.purgeProtectionEnabled], [vaultId, true]);
    const { properties } = body;
    assert.equal(Date.parse(properties.scheduledPurgeDate) - Date.parse(properties.deletionDate), 90 * 86_400_000);
  });

  it('purge a vault that is not protected and poll until it is gone', async () => {
    const purge = deck.step('purge');
    assertClearError(await replay.send(purge, here), 'the purge of a protected vault');
    const create = all.find(({ step }) => step === 'create')!;
    const remove = all.find(({ step }) => step === 'delete')!;
    const other = { replace: { kv1: 'kv2', ...here.replace } };
    assert.ok([200, 201].includes((await replay.send(create, other)).status), 'create');
    assert.equal((await replay.send(remove, other)).status, 200);
    const accepted = await replay.send(purge, other);
    assert.ok([200, 202].includes(accepted.status), `${accepted.status}`);
    const polled = [deck.step('purge'), deck.step('purge')];
    assertClearError(await replay.send(polled[0]!, here), 'an operation that nobody began');
    if (accepted.status === 202) {
      const place = new URL(String(accepted.headers['location']));
      assert.equal(place.host, `${management()}:${server.port}`);
      assert.equal(apiVersionOf(place.search), '2026-02-01');
      const done = await replay.send(polled[1]!, { replace: { [polled[1]!.url]: `${place.pathname}${place.search}` } });
      assert.deepEqual([done.status, done.body], [200, undefined]);
    }
    const { status } = await replay.send(all.find(({ step }) => step === 'getDeleted')!, other);
    assert.equal(status, 404);
  });

  it('check a name that a deleted vault holds', async () => {
    const { body } = await send('checkName', 200);
    assert.deepEqual([body.nameAvailable, body.reason], [false, 'AlreadyExists']);
    assert.match(body.message, /kv1/);
  });

  it('were all sent', () => {
    assert.deepEqual(deck.rest(), []);
  });
});

describe('the recorded requests of all clients', () => {
  it('are as the OpenAPI files demand, so that what the tests send is what the service takes', () => {
    for (const file of ['keyvault-secrets', 'keyvault-keys', 'arm-keyvault']) {
      for (const { host, method, url, authorized, body } of readRecordings(contract.files, file)) {
        const plane = planeOf(host);
        // The place to poll is the server's to choose, so no file describes it.
        if (!plane || !authorized || url.includes('/operationResults/')) continue;
        const request = { plane, method, path: url, apiVersion: apiVersionOf(url), body };
        assert.deepEqual(contract.validateRequest(request), [], `${method} ${url}`);
      }
    }
  });
});

describe('the recorded requests for what this release does not have', () => {
  const later = readRecordings(contract.files, 'arm-keyvault').filter(({ step }) => laterSteps.includes(step));

  it('of monitoring by the management plane are refused in its form', async () => {
    assert.equal(later.length, laterSteps.length);
    const replace = { 'vaults/kv1': `vaults/${vault}`, 'resourceGroups/rg': 'resourceGroups/strongroom' };
    for (const recording of later) {
      const what = `${recording.step}: ${recording.method} ${recording.url}`;
      const answer = await replay.send(recording, { replace });
      assertClearError(answer, what);
      assert.notEqual(answer.status, 401, what);
    }
  });
});
