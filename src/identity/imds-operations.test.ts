import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AskOptions, type IdentityPlane, identityPlane, TENANT } from '../../tests/support/identity-plane.ts';
import { renewHostSecret } from './host-secrets.ts';
import * as identity from './service.ts';

const RESOURCE = 'https://vault.azure.net';
const IMDS = '/metadata/identity/oauth2/token';

describe('the managed identity endpoint', () => {
  let plane: IdentityPlane;
  let machine: { readonly principalId: string; readonly clientId: string };
  let assigned: { readonly principalId: string; readonly clientId: string };
  let other: { readonly principalId: string; readonly clientId: string };
  let assignedId: string;
  let otherId: string;
  let group: string;
  const userIdentity = (resourceId: string) =>
    plane.store.write((transaction) => {
      const name = resourceId.slice(resourceId.lastIndexOf('/') + 1);
      const now = plane.clock.now();
      return identity.createManagedIdentity(transaction, plane, { resourceId, name, location: 'local', tags: {}, now });
    });

  before(async () => {
    plane = await identityPlane();
    group = `/subscriptions/${plane.subscriptionId}/resourceGroups/Apps/providers`;
    assignedId = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/Worker`;
    otherId = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/Elsewhere`;
    const { resourceId } = plane.machine;
    machine = (await identity.findManagedIdentity(plane.store.reader, { resourceId }))!;
    assigned = await userIdentity(assignedId);
    other = await userIdentity(otherId);
    await plane.host(resourceId, { system: true, user: [assignedId] });
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
      assert.equal(claims.xms_mirid, plane.machine.resourceId);
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
    assert.equal(result.caller.managedIdentity, plane.machine.resourceId);
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

  const notFound = [400, 'invalid_request', 'Identity not found'];
  const refusalOf = async (query: Record<string, string>) => {
    const { status, body } = await ask(query);
    return [status, body.error, body.error_description];
  };

  it('refuses identities that are not there, applications that are none, and several at once', async () => {
    assert.deepEqual(await refusalOf({ client_id: plane.administrator.appId }), notFound);
    assert.deepEqual(await refusalOf({ object_id: plane.administrator.oid }), notFound);
    assert.deepEqual(await refusalOf({ msi_res_id: `${assignedId}x` }), notFound);
    for (const text of ['\u0000', `${assignedId}\u0000`, '\u{1f600}', "' or ''='", 'x'.repeat(3000)]) {
      assert.deepEqual(await refusalOf({ msi_res_id: text }), notFound);
      assert.deepEqual(await refusalOf({ client_id: text }), notFound);
    }
    const [, , reason] = await refusalOf({ client_id: assigned.clientId, object_id: assigned.principalId });
    assert.match(reason, /^Name one identity/);
  });

  it('refuses identities of others word for word like those that are not there, and tells the operator', async () => {
    const neighbour = `${group}/Microsoft.Compute/virtualMachines/neighbour`;
    await plane.host(neighbour, { system: true, user: [otherId] });
    const theirs = (await identity.findManagedIdentity(plane.store.reader, { resourceId: neighbour }))!;
    const twins = [neighbour.toUpperCase(), neighbour.replace('neighbour', 'Neighbour'), otherId.toLowerCase()];
    // The long s folds to s elsewhere: it names nothing here.
    const longS = assignedId.replace('userAssigned', 'u\u017ferAssigned');
    for (const query of [
      { client_id: other.clientId },
      { clientid: other.clientId.toUpperCase() },
      { object_id: other.principalId },
      { principal_id: other.principalId },
      { client_id: theirs.clientId },
      { object_id: theirs.principalId },
      ...[neighbour, otherId, ...twins, longS].flatMap((id) => [{ msi_res_id: id }, { mi_res_id: id }]),
    ]) {
      assert.deepEqual(await refusalOf(query as Record<string, string>), notFound, JSON.stringify(query));
    }
    const audit = await plane.auditText();
    for (const code of ['identity-not-found', 'identity-not-assigned'])
      assert.ok(audit.includes(`"refusal":"${code}"`));
    assert.ok(audit.includes(`"identity":"${otherId}"`));
  });

  it("gives an identity without its name where it is the machine's own, or the only one", async () => {
    const { resourceId } = plane.machine;
    await plane.host(resourceId, { user: [assignedId] });
    assert.equal(await oidOf({}), assigned.principalId);
    await plane.host(resourceId, { user: [assignedId, otherId] });
    assert.match((await refusalOf({}))[2], /^Multiple user assigned identities exist/);
    assert.equal(await oidOf({ client_id: other.clientId }), other.principalId);
    await plane.host(resourceId, {});
    assert.deepEqual(await refusalOf({}), notFound);
    assert.ok((await plane.auditText()).includes('"refusal":"identity-none"'));
    await plane.host(resourceId, { system: true, user: [assignedId] });
    const own = await oidOf({});
    assert.ok(![machine.principalId, assigned.principalId].includes(own), 'a new one, which holds nothing');
    machine = (await identity.findManagedIdentity(plane.store.reader, { resourceId }))!;
    assert.equal(own, machine.principalId);
  });

  it('stops giving tokens, and taking them, once an assignment is gone', async () => {
    const { resourceId } = plane.machine;
    const { body } = await ask({ client_id: assigned.clientId });
    const judge = () =>
      plane.authenticator.authenticate(`Bearer ${body.access_token}`, 'data', TENANT, plane.clock.now());
    assert.ok('caller' in (await judge()));
    await plane.host(resourceId, { system: true });
    assert.deepEqual(await refusalOf({ client_id: assigned.clientId }), notFound);
    const refused = await judge();
    assert.equal('refusal' in refused && refused.refusal, 'token-host-removed');
    await plane.host(resourceId, { system: true, user: [assignedId] });
    assert.equal(await oidOf({ client_id: assigned.clientId }), assigned.principalId);
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
    const secret = await plane.secretOf(plane.machine.resourceId);
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

  it("serves an application its own identities by its own secret, and nobody's else", async () => {
    const site = `${group}/Microsoft.Web/sites/shop`;
    const type = 'Microsoft.Web/sites';
    await plane.host(site, { system: true, user: [otherId], type });
    const own = (await identity.findManagedIdentity(plane.store.reader, { resourceId: site }))!;
    const [secret, machineSecret] = [await plane.secretOf(site), await plane.secretOf(plane.machine.resourceId)];
    assert.match(secret, /^[\w-]{43}$/);
    assert.notEqual(secret, machineSecret);
    const asSite = async (query: Record<string, string> = {}, header = secret) => {
      const all = { 'api-version': '2019-08-01', ...query };
      const { status, body } = await ask(all, { headers: { 'X-IDENTITY-HEADER': header } }, '/msi/token');
      return status === 200 ? claimsOf(body.access_token).oid : [status, body.error, body.message];
    };
    assert.equal(await asSite(), own.principalId);
    assert.equal(await asSite({ mi_res_id: otherId }), other.principalId);
    for (const query of [
      { client_id: machine.clientId },
      { principal_id: machine.principalId },
      { client_id: assigned.clientId },
      { mi_res_id: assignedId },
      { mi_res_id: plane.machine.resourceId.toUpperCase() },
    ] as Record<string, string>[]) {
      assert.deepEqual(await asSite(query), notFound, JSON.stringify(query));
    }
    assert.deepEqual(await asSite({ client_id: own.clientId }, machineSecret), notFound);
    assert.deepEqual(await refusalOf({ client_id: own.clientId }), notFound, 'the machine form');
    await plane.host(site, { user: [otherId], type });
    assert.deepEqual(await asSite(), notFound, 'an application names the identities that are assigned to it');
    await plane.store.write((transaction) => renewHostSecret(transaction, plane, site.toLowerCase(), 0));
    assert.equal((await asSite({ client_id: other.clientId }))[0], 401);
    assert.equal(await asSite({ client_id: other.clientId }, await plane.secretOf(site)), other.principalId);
  });

  it('takes no token that was got by a secret before it was renewed', async () => {
    const site = `${group}/Microsoft.Web/sites/renewed`;
    await plane.host(site, { system: true, type: 'Microsoft.Web/sites' });
    const headers = { 'X-IDENTITY-HEADER': await plane.secretOf(site) };
    const { body } = await ask({ 'api-version': '2019-08-01' }, { headers }, '/msi/token');
    const judge = () =>
      plane.authenticator.authenticate(`Bearer ${body.access_token}`, 'data', TENANT, plane.clock.now());
    assert.ok('caller' in (await judge()));
    await plane.store.write((transaction) => renewHostSecret(transaction, plane, site.toLowerCase(), 0));
    const refused = await judge();
    assert.equal('refusal' in refused && refused.refusal, 'token-host-removed');
  });

  it('gives nothing for an identity that is disabled or deleted, and its tokens end', async () => {
    const resourceId = `${assignedId}-2`;
    const made = await userIdentity(resourceId);
    await plane.host(plane.machine.resourceId, { system: true, user: [assignedId, resourceId] });
    const { body } = await ask({ client_id: made.clientId });
    await plane.store.write((transaction) => identity.setPrincipalEnabled(transaction, made.principalId, false));
    assert.deepEqual(await oidOf({ client_id: made.clientId }), [400, 'invalid_request']);
    assert.ok(
      await plane.store.write((transaction) => identity.deleteManagedIdentity(transaction, resourceId.toUpperCase())),
    );
    assert.deepEqual(await refusalOf({ client_id: made.clientId }), notFound);
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
    assert.ok(!audit.includes(await plane.secretOf(plane.machine.resourceId)));
    assert.ok(!audit.includes(body.access_token.slice(50, 90)));
  });

  it('lists the identities below a scope, whole segments alone', async () => {
    const groups = `/subscriptions/${plane.subscriptionId}/resourceGroups`;
    const below = await identity.listManagedIdentities(plane.store.reader, `${groups}/APPS`);
    assert.deepEqual(
      below.map(({ resourceId }) => resourceId),
      [...new Set(below.map(({ resourceId }) => resourceId))].sort(),
    );
    assert.ok(below.some(({ resourceId }) => resourceId === assignedId));
    assert.deepEqual(await identity.listManagedIdentities(plane.store.reader, `${groups}/App`), []);
    await plane.store.write((transaction) => identity.setManagedIdentityTags(transaction, assignedId, { team: 'a' }));
    const found = await identity.findManagedIdentity(plane.store.reader, { resourceId: assignedId.toLowerCase() });
    assert.deepEqual(found?.tags, { team: 'a' });
  });
});
