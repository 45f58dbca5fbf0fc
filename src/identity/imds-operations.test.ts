import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AskOptions, type IdentityPlane, identityPlane, TENANT } from '../../tests/support/identity-plane.ts';
import { endpointSecret } from './imds-operations.ts';
import * as identity from './service.ts';

const RESOURCE = 'https://vault.azure.net';
const IMDS = '/metadata/identity/oauth2/token';

describe('the managed identity endpoint', () => {
  let plane: IdentityPlane;
  let machine: { readonly principalId: string; readonly clientId: string };
  let assigned: { readonly principalId: string; readonly clientId: string };
  let assignedId: string;
  before(async () => {
    plane = await identityPlane();
    const order = { location: 'local', tags: {}, now: plane.clock.now() };
    assignedId = `/subscriptions/${plane.subscriptionId}/resourceGroups/Apps/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Worker`;
    await plane.store.write(async (transaction) => {
      const resourceId = identity.machineResourceId(plane.subscriptionId);
      machine = await identity.createManagedIdentity(transaction, plane, {
        ...order,
        resourceId,
        name: 'this-machine',
      });
      assigned = await identity.createManagedIdentity(transaction, plane, {
        ...order,
        resourceId: assignedId,
        name: 'Worker',
      });
    });
  });
  after(() => plane.cleanup());

  const metadata = { Metadata: 'true' };
  const ask = (query: Record<string, string> = {}, options: AskOptions = {}, path = IMDS) => {
    const all = { 'api-version': '2018-02-01', resource: RESOURCE, ...query };
    return plane.imds('GET', `${path}?${new URLSearchParams(all)}`, { headers: metadata, ...options });
  };
  const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
  const oidOf = async (query: Record<string, string>) => {
    const { status, body } = await ask(query);
    return status === 200 ? claimsOf(body.access_token).oid : [status, body.error];
  };

  it("gives the machine's own identity, every member as text, on the path with and without a slash at its end", async () => {
    for (const path of [IMDS, `${IMDS}/`, '/Metadata/Identity/OAuth2/Token']) {
      const { status, body, headers } = await ask({}, {}, path);
      assert.equal(status, 200, path);
      assert.equal(headers['cache-control'], 'no-store');
      const { access_token: token, ...rest } = body;
      const start = plane.clock.now() / 1000;
      assert.deepEqual(rest, {
        client_id: machine.clientId,
        expires_in: '86399',
        expires_on: String(start + 86_399),
        ext_expires_in: '86399',
        not_before: String(start),
        resource: RESOURCE,
        token_type: 'Bearer',
      });
      const claims = claimsOf(token);
      assert.equal(claims.oid, machine.principalId);
      assert.equal(claims.appidacr, '2');
      assert.equal(claims.xms_mirid, identity.machineResourceId(plane.subscriptionId));
    }
  });

  it('gives tokens that the data plane takes, naming the managed identity', async () => {
    const { body } = await ask();
    const result = await plane.authenticator.authenticate(
      `Bearer ${body.access_token}`,
      'data',
      TENANT,
      plane.clock.now(),
    );
    assert.ok('caller' in result);
    assert.equal(result.caller.oid, machine.principalId);
    assert.equal(result.caller.managedIdentity, identity.machineResourceId(plane.subscriptionId));
  });

  it('chooses a user-assigned identity by client id, object id or resource id in any case', async () => {
    for (const query of [
      { client_id: assigned.clientId },
      { client_id: assigned.clientId.toUpperCase() },
      { object_id: assigned.principalId },
      { principal_id: assigned.principalId },
      { msi_res_id: assignedId },
      { mi_res_id: assignedId.toUpperCase() },
      { clientid: assigned.clientId },
    ]) {
      assert.equal(await oidOf(query as Record<string, string>), assigned.principalId, JSON.stringify(query));
    }
    assert.equal(await oidOf({ client_id: machine.clientId }), machine.principalId);
  });

  it('refuses identities that are not there, applications that are none, and several at once', async () => {
    assert.deepEqual(await oidOf({ client_id: plane.administrator.appId }), [400, 'identity_not_found']);
    assert.deepEqual(await oidOf({ object_id: plane.administrator.oid }), [400, 'identity_not_found']);
    assert.deepEqual(await oidOf({ msi_res_id: `${assignedId}x` }), [400, 'identity_not_found']);
    for (const text of ['\u0000', `${assignedId}\u0000`, '\u{1f600}', "' or ''='", 'x'.repeat(3000)]) {
      assert.deepEqual(await oidOf({ msi_res_id: text }), [400, 'identity_not_found']);
      assert.deepEqual(await oidOf({ client_id: text }), [400, 'identity_not_found']);
    }
    assert.deepEqual(await oidOf({ client_id: assigned.clientId, object_id: assigned.principalId }), [
      400,
      'invalid_request',
    ]);
  });

  it('refuses a request without the header Metadata: true, one that was forwarded, and a missing resource or version', async () => {
    for (const [query, options, status, error] of [
      [{}, { headers: {} }, 400, 'invalid_request'],
      [{}, { headers: { Metadata: 'yes' } }, 400, 'invalid_request'],
      [{}, { headers: { ...metadata, 'X-Forwarded-For': '127.0.0.1' } }, 400, 'invalid_request'],
      [{}, { headers: { ...metadata, Forwarded: 'for=127.0.0.1' } }, 400, 'invalid_request'],
      [{ resource: '' }, {}, 400, 'invalid_request'],
      [{ resource: 'https://evil.test' }, {}, 400, 'invalid_resource'],
      [{ 'api-version': '' }, {}, 400, 'bad_request'],
      [{ 'api-version': '2017-01-01' }, {}, 400, 'bad_request'],
      [{ 'api-version': '2018-02-01x' }, {}, 400, 'bad_request'],
    ] as const) {
      const answer = await ask(query as Record<string, string>, options as AskOptions);
      assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify([query, options]));
      assert.ok(answer.body.error_description);
    }
    assert.equal((await ask({ 'api-version': '2021-02-01' })).status, 200);
  });

  it('answers to addresses and localhost alone, so that no name can be pointed at it', async () => {
    for (const host of [
      '127.0.0.1:8444',
      '[::1]:8444',

      'localhost:8444',
      'LOCALHOST',
      '169.254.169.254',
      '192.0.2.1',
    ]) {
      assert.equal((await ask({}, { headers: { ...metadata, host } })).status, 200, host);
    }
    for (const host of [
      'evil.test',
      'evil.test:8444',
      '127.0.0.1.evil.test',
      'localhost.evil.test',
      'x.localhost',
      '127.0.0.1@evil.test',
      '0x7f.1',
    ]) {
      const { status } = await ask({}, { headers: { ...metadata, host } });
      assert.equal(status, 403, host);
    }
  });

  it('serves App Service clients who know its secret, in both versions', async () => {
    const path = '/msi/token';
    const secret = plane.identityHeader;
    const current = { 'api-version': '2019-08-01' };
    const older = { 'api-version': '2017-09-01' };
    const one = await ask(
      { ...current, client_id: assigned.clientId },
      { headers: { 'X-IDENTITY-HEADER': secret } },
      path,
    );
    assert.equal(claimsOf(one.body.access_token).oid, assigned.principalId);
    assert.equal(one.body.expires_on, String(plane.clock.now() / 1000 + 86_399));
    const two = await ask({ ...older, clientid: assigned.clientId }, { headers: { secret } }, `${path}/`);
    assert.equal(claimsOf(two.body.access_token).oid, assigned.principalId);
    for (const [query, headers, status] of [
      [current, {}, 401],
      [current, { 'X-IDENTITY-HEADER': `${secret}x` }, 401],
      [current, { 'X-IDENTITY-HEADER': '' }, 401],
      [current, { secret }, 401],
      [older, { 'X-IDENTITY-HEADER': secret }, 401],
      [{ 'api-version': '2020-01-01' }, { 'X-IDENTITY-HEADER': secret, secret }, 400],
      [{ 'api-version': 'constructor' }, { 'X-IDENTITY-HEADER': secret }, 400],
    ] as const) {
      const answer = await ask(query, { headers: headers as Record<string, string> }, path);
      assert.equal(answer.status, status, JSON.stringify([query, Object.keys(headers)]));
      assert.ok(!JSON.stringify(answer.body).includes(secret));
    }
  });

  it('serves the older form of az: POST with a form', async () => {
    const form = { resource: RESOURCE };
    const { status, body } = await plane.imds('POST', '/oauth2/token', { form, headers: metadata });
    assert.equal(status, 200);
    assert.equal(claimsOf(body.access_token).oid, machine.principalId);
    assert.equal((await plane.imds('POST', '/oauth2/token', { form })).status, 400);
  });

  it('gives nothing for an identity that is disabled or deleted, and its tokens end', async () => {
    const resourceId = `${assignedId}-2`;
    const made = await plane.store.write((transaction) =>
      identity.createManagedIdentity(transaction, plane, {
        resourceId,
        name: 'two',
        location: 'local',
        tags: {},
        now: 0,
      }),
    );
    const { body } = await ask({ client_id: made.clientId });
    await plane.store.write((transaction) => identity.setPrincipalEnabled(transaction, made.principalId, false));
    assert.deepEqual(await oidOf({ client_id: made.clientId }), [400, 'invalid_request']);
    assert.ok(
      await plane.store.write((transaction) => identity.deleteManagedIdentity(transaction, resourceId.toUpperCase())),
    );
    assert.deepEqual(await oidOf({ client_id: made.clientId }), [400, 'identity_not_found']);
    const result = await plane.authenticator.authenticate(
      `Bearer ${body.access_token}`,
      'data',
      TENANT,
      plane.clock.now(),
    );
    assert.equal('refusal' in result && result.refusal, 'principal-unknown');
    assert.equal(
      await plane.store.write((transaction) => identity.deleteManagedIdentity(transaction, resourceId)),
      false,
    );
  });

  it('records who got a token, and neither the token nor the secret', async () => {
    const { body } = await ask({ client_id: assigned.clientId });
    const audit = await plane.auditText();
    assert.ok(audit.includes('"operationName":"ManagedIdentityToken"'));
    assert.ok(audit.includes(assigned.principalId));
    assert.ok(!audit.includes(plane.identityHeader));
    assert.ok(!audit.includes(body.access_token.slice(50, 90)));
  });

  it('keeps its secret from one start to the next', async () => {
    assert.equal(await endpointSecret(plane), plane.identityHeader);
    assert.match(plane.identityHeader, /^[\w-]{43}$/);
  });

  it('lists the identities below a scope, whole segments alone', async () => {
    const groups = `/subscriptions/${plane.subscriptionId}/resourceGroups`;
    const below = await identity.listManagedIdentities(plane.store.reader, `${groups}/APPS`);
    assert.deepEqual(
      below.map(({ resourceId }) => resourceId),
      [assignedId],
    );
    assert.deepEqual(await identity.listManagedIdentities(plane.store.reader, `${groups}/App`), []);
    await plane.store.write((transaction) => identity.setManagedIdentityTags(transaction, assignedId, { team: 'a' }));
    const found = await identity.findManagedIdentity(plane.store.reader, { resourceId: assignedId.toLowerCase() });
    assert.deepEqual(found?.tags, { team: 'a' });
  });
});
