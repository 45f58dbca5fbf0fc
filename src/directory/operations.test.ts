import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type IdentityPlane, identityPlane, TENANT, type TestApplication } from '../../tests/support/identity-plane.ts';
import { insertAssignment } from '../access/repository.ts';
import * as identity from '../identity/service.ts';

const GRAPH = 'https://graph.localhost:8443';
const NOBODY = '77777777-7777-4777-8777-777777777777';

describe('the directory', () => {
  let plane: IdentityPlane;
  let reader: TestApplication;
  let asAdministrator: Record<string, string>;
  let asReader: Record<string, string>;
  before(async () => {
    plane = await identityPlane();
    reader = await plane.application("O'Neill 100%_a");
    const bearer = async (application: TestApplication) => ({
      authorization: `Bearer ${await plane.tokenOf(application, GRAPH)}`,
    });
    asAdministrator = await bearer(plane.administrator);
    asReader = await bearer(reader);
  });
  after(() => plane.cleanup());

  const ask = (method: string, path: string, json?: unknown, headers = asAdministrator) =>
    plane.graph(method, `/v1.0${path}`, { headers, ...(json === undefined ? {} : { json }) });
  const list = async (path: string, filter: string) => {
    const { status, body } = await ask('GET', `${path}?$filter=${encodeURIComponent(filter)}`);
    assert.equal(status, 200, JSON.stringify(body));
    return (body.value as { id: string }[]).map(({ id }) => id);
  };
  const refused = async (method: string, path: string, json: unknown, status: number, code: string) => {
    const answer = await ask(method, path, json);
    assert.deepEqual([answer.status, answer.body?.error?.code], [status, code], JSON.stringify(answer.body));
    assert.ok(answer.body.error.message && answer.body.error.innerError['request-id']);
    return answer.body.error.message as string;
  };
  const create = async (displayName: string, more: Record<string, unknown> = {}) => {
    const { status, body } = await ask('POST', '/applications', { displayName, ...more });
    assert.equal(status, 201, JSON.stringify(body));
    return body as { id: string; appId: string };
  };

  it('wants a token for the directory, on unknown paths too', async () => {
    for (const path of ['/me', '/servicePrincipals', '/nothing', '/applications/x/y/z']) {
      assert.equal((await plane.graph('GET', `/v1.0${path}`)).status, 401, path);
    }
    const elsewhere = { authorization: `Bearer ${await plane.tokenOf(plane.administrator)}` };
    assert.equal((await ask('GET', '/servicePrincipals', undefined, elsewhere)).status, 401);
  });

  it('tells an application that /me is about people', async () => {
    const message = await refused('GET', '/me', undefined, 400, 'BadRequest');
    assert.match(message, /delegated authentication flow/);
  });

  it('finds service principals by each filter that az uses, without regard to ASCII case', async () => {
    const { oid, appId } = reader;
    const path = '/servicePrincipals';
    for (const filter of [
      `servicePrincipalNames/any(c:c eq '${appId}')`,
      `servicePrincipalNames/any(c:c eq '${appId.toUpperCase()}')`,
      `appId eq '${appId}'`,
      `id eq '${oid.toUpperCase()}'`,
      `displayName eq 'o''neill 100%_a'`,
      `startswith(displayName,'O''NEILL 100%')`,
      `startswith(displayName,'O''Neill') and accountEnabled eq true`,
      `(displayName eq 'nobody' or appId eq '${appId}') and servicePrincipalType eq 'Application'`,
    ]) {
      assert.deepEqual(await list(path, filter), [oid], filter);
    }
    for (const filter of [
      `servicePrincipalNames/any(c:c eq 'https://nobody')`,
      `appId eq '${NOBODY}'`,
      `displayName eq 'O%'`,
      `startswith(displayName,'%')`,
      `startswith(displayName,'O_')`,
      `startswith(displayName,'!')`,
      `appId eq '${appId}' and accountEnabled eq false`,
      `displayName eq ''' or ''1'' eq ''1'`,
    ]) {
      assert.deepEqual(await list(path, filter), [], filter);
    }
  });

  it('refuses queries that it does not understand instead of answering others', async () => {
    for (const query of [
      '$filter=',
      "$filter=displayName ne 'x'",
      "$filter=foo eq 'x'",
      "$filter=constructor eq 'x'",
      '$filter=appId eq true',
      "$filter=accountEnabled eq 'true'",
      "$filter=startswith(appId,'x')",
      "$filter=identifierUris/any(c:c eq 'x')",
      '$orderby=displayName',
      '$search="x"',
      '$expand=owners',
      'filter=x',
      '$skip=5',
    ]) {
      const code = 'Request_UnsupportedQuery';
      await refused(
        'GET',
        `/servicePrincipals?${query.replace(/=(.*)$/, (_, value) => `=${encodeURIComponent(value)}`)}`,
        undefined,
        400,
        code,
      );
    }
    for (const query of ['$top=0', '$top=1000', '$top=x', '$skiptoken=x', '$count=maybe', '$select=a%20b']) {
      await refused('GET', `/servicePrincipals?${query}`, undefined, 400, 'Request_BadRequest');
    }
  });

  it('pages through a list without missing or repeating anyone, and counts', async () => {
    for (let index = 0; index < 7; index++) await plane.application(`page ${index}`);
    const filter = encodeURIComponent("startswith(displayName,'page')");
    const seen: string[] = [];
    let link = `${GRAPH}/v1.0/servicePrincipals?$filter=${filter}&$top=3&$select=id,displayName&$count=true`;
    let pages = 0;
    while (link) {
      assert.ok(link.startsWith(GRAPH));
      const { status, body } = await plane.graph('GET', link.slice(GRAPH.length), { headers: asReader });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body['@odata.count'], 7);
      for (const one of body.value) {
        assert.deepEqual(Object.keys(one).sort(), ['displayName', 'id']);
        seen.push(one.displayName);
      }
      link = body['@odata.nextLink'] ?? '';
      pages++;
    }
    assert.equal(pages, 3);
    assert.deepEqual(
      seen.sort(),
      Array.from({ length: 7 }, (_, index) => `page ${index}`),
    );
  });

  it('shows a service principal by object id and by application id, a managed identity with its resource', async () => {
    const { body } = await ask('GET', `/servicePrincipals/${reader.oid.toUpperCase()}`);
    assert.equal(body.id, reader.oid);
    assert.equal(body.servicePrincipalType, 'Application');
    assert.deepEqual(body.servicePrincipalNames, [reader.appId]);
    assert.equal(body.appOwnerOrganizationId, TENANT);
    assert.equal((await ask('GET', `/servicePrincipals(appId='${reader.appId}')`)).body.id, reader.oid);
    const resourceId = '/subscriptions/x/resourceGroups/y/providers/Microsoft.ManagedIdentity/userAssignedIdentities/z';
    const made = await plane.store.write((transaction) =>
      identity.createManagedIdentity(transaction, plane, {
        resourceId,
        name: 'z',
        location: 'local',
        tags: {},
        now: 0,
      }),
    );
    const shown = (await ask('GET', `/servicePrincipals/${made.principalId}`)).body;
    assert.deepEqual(
      [shown.servicePrincipalType, shown.alternativeNames],
      ['ManagedIdentity', ['isExplicit=True', resourceId]],
    );
    await refused('DELETE', `/servicePrincipals/${made.principalId}`, undefined, 400, 'Request_BadRequest');
    for (const id of [reader.appId, reader.id, NOBODY, 'x', "'", '\u0000']) {
      await refused('GET', `/servicePrincipals/${encodeURIComponent(id)}`, undefined, 404, 'Request_ResourceNotFound');
    }
    await refused('GET', '/nothing', undefined, 400, 'BadRequest');
  });

  it('gives what there is of a list of ids, with its type', async () => {
    const { status, body } = await ask('POST', '/directoryObjects/getByIds', {
      ids: [reader.oid.toUpperCase(), NOBODY, reader.id, 'no id'],
      types: ['user', 'group', 'servicePrincipal', 'directoryObjectPartnerReference'],
    });
    assert.equal(status, 200);
    assert.deepEqual(
      body.value.map((one: Record<string, string>) => [one['id'], one['@odata.type']]),
      [[reader.oid, '#microsoft.graph.servicePrincipal']],
    );
    const all = await ask('POST', '/directoryObjects/getByIds', { ids: [reader.id, reader.oid] }, asReader);
    assert.deepEqual(
      all.body.value.map((one: Record<string, string>) => one['id']).sort(),
      [reader.id, reader.oid].sort(),
    );
    for (const json of [
      {},
      { ids: 'x' },
      { ids: [1] },
      { ids: [] },
      { ids: ['x'], types: 'user' },
      { ids: Array(1001).fill('x') },
    ]) {
      await refused('POST', '/directoryObjects/getByIds', json, 400, 'Request_BadRequest');
    }
  });

  it('has users, groups and the organization, by the ways az asks', async () => {
    await plane.store.write(async (transaction) => {
      const row = { tenant_id: TENANT, directory_role: null, created: 0, enabled: 1, app_id: null };
      await transaction.db
        .insertInto('principals')
        .values([
          {
            ...row,
            id: NOBODY.replace('7777', '8888'),
            kind: 'User',
            type: 'Member',
            display_name: 'Ann',
            upn: 'Ann@localhost',
            upn_key: 'ann@localhost',
          },
          {
            ...row,
            id: NOBODY.replace('7777', '9999'),
            kind: 'Group',
            type: '',
            display_name: 'Operators',
            upn: null,
            upn_key: null,
          },
        ])
        .execute();
    });
    assert.equal((await list('/users', "userPrincipalName eq 'ANN@localhost'")).length, 1);
    assert.equal((await list('/users', "startswith(userPrincipalName,'ann')")).length, 1);
    assert.equal((await ask('GET', '/users/ann%40localhost')).body.displayName, 'Ann');
    assert.equal((await list('/groups', "displayName eq 'operators'")).length, 1);
    await refused('GET', `/groups/${reader.oid}`, undefined, 404, 'Request_ResourceNotFound');
    for (const id of ['%00', "'", '%F0%9F%98%80'])
      await refused('GET', `/users/${id}`, undefined, 404, 'Request_ResourceNotFound');
    await refused('GET', '/users/nobody%40localhost', undefined, 404, 'Request_ResourceNotFound');
    const { body } = await ask('GET', '/organization');
    assert.equal(body.value[0].id, TENANT);
  });

  it('lets the directory administrator alone change anything', async () => {
    for (const [method, path] of [
      ['POST', '/applications'],
      ['PATCH', `/applications/${reader.id}`],
      ['DELETE', `/applications/${reader.id}`],
      ['POST', `/applications/${reader.id}/addPassword`],
      ['POST', `/applications/${plane.administrator.id}/addPassword`],
      ['POST', `/applications/${reader.id}/removePassword`],
      ['POST', '/servicePrincipals'],
      ['PATCH', `/servicePrincipals/${reader.oid}`],
      ['DELETE', `/servicePrincipals/${reader.oid}`],
    ] as const) {
      const { status, body } = await ask(method, path, {}, asReader);
      assert.deepEqual([status, body.error.code], [403, 'Authorization_RequestDenied'], `${method} ${path}`);
    }
  });

  it('makes an application, its service principal and a secret that signs in, as az does', async () => {
    const made = await create('robot');
    const { status, body: principal } = await ask('POST', '/servicePrincipals', {
      appId: made.appId,
      accountEnabled: true,
    });
    assert.equal(status, 201);
    assert.equal(principal.displayName, 'robot');
    const end = '2027-06-01T00:00:00Z';
    const { body: password } = await ask('POST', `/applications/${made.id}/addPassword`, {
      passwordCredential: { displayName: 'rbac', endDateTime: end },
    });
    assert.equal(password.endDateTime, end);
    assert.equal(password.hint, password.secretText.slice(0, 3));
    const token = await plane.askToken({ ...made, oid: principal.id, secret: password.secretText });
    assert.equal(token.status, 200);
    const { body: shown } = await ask('GET', `/applications/${made.id}`);
    assert.deepEqual(shown.passwordCredentials, [
      {
        customKeyIdentifier: null,
        displayName: 'rbac',
        endDateTime: end,
        hint: password.hint,
        keyId: password.keyId,
        secretText: null,
        startDateTime: '2026-01-01T00:00:00Z',
      },
    ]);
    const audit = await plane.auditText();
    assert.ok(audit.includes(password.keyId) && !audit.includes(password.secretText));
    assert.equal((await ask('POST', `/applications/${made.id}/removePassword`, { keyId: password.keyId })).status, 204);
    await refused(
      'POST',
      `/applications/${made.id}/removePassword`,
      { keyId: password.keyId },
      400,
      'Request_BadRequest',
    );
    for (const keyId of ['\u0000', password.secretText, 7, null]) {
      const message = await refused(
        'POST',
        `/applications/${made.id}/removePassword`,
        { keyId },
        400,
        'Request_BadRequest',
      );
      assert.ok(!message.includes(password.secretText));
    }
    assert.equal((await plane.askToken({ ...made, oid: principal.id, secret: password.secretText })).status, 401);
    await refused('POST', '/servicePrincipals', { appId: made.appId }, 409, 'Request_MultipleObjectsWithSameKeyValue');
    await refused('POST', '/servicePrincipals', { appId: NOBODY }, 400, 'Request_BadRequest');
  });

  it('registers certificates, keeps those that are sent back, and drops those that are not', async () => {
    const made = await create('certified');
    const pem = (await plane.signingKey()).certificate;
    const key = pem.replace(/(.{64})/g, '$1\n');
    const credential = {
      '@odata.type': '#microsoft.graph.keyCredential',
      displayName: 'CN=x',
      key,
      keyId: '99999999-9999-4999-8999-999999999999',
      startDateTime: '2026-01-01T00:00:00Z',
      endDateTime: '2026-06-01T00:00:00.000000Z',
      type: 'AsymmetricX509Cert',
      usage: 'Verify',
    };
    assert.equal((await ask('PATCH', `/applications/${made.id}`, { keyCredentials: [credential] })).status, 204);
    const { body } = await ask('GET', `/applications/${made.id}`);
    const [shown] = body.keyCredentials;
    assert.deepEqual([shown.keyId, shown.endDateTime, shown.key], [credential.keyId, '2026-06-01T00:00:00Z', null]);
    const thumbprint = new X509Certificate(Buffer.from(pem, 'base64')).fingerprint.replaceAll(':', '');
    assert.equal(shown.customKeyIdentifier, thumbprint);
    const second = { ...credential, keyId: undefined };
    assert.equal((await ask('PATCH', `/applications/${made.id}`, { keyCredentials: [shown, second] })).status, 204);
    assert.equal((await ask('GET', `/applications/${made.id}`)).body.keyCredentials.length, 2);
    assert.equal((await ask('PATCH', `/applications/${made.id}`, { keyCredentials: [] })).status, 204);
    assert.deepEqual((await ask('GET', `/applications/${made.id}`)).body.keyCredentials, []);
    for (const wrong of [
      { ...credential, key: 'AAAA' },
      { ...credential, key: null },
      { ...credential, type: 'Symmetric' },
      { ...credential, usage: 'Sign' },
      { ...credential, keyId: 'x' },
      { ...credential, endDateTime: 'tomorrow' },
      'x',
    ]) {
      await refused('PATCH', `/applications/${made.id}`, { keyCredentials: [wrong] }, 400, 'Request_BadRequest');
    }
    await refused(
      'PATCH',
      `/applications/${made.id}`,
      { keyCredentials: [credential, credential] },
      400,
      'Request_BadRequest',
    );
  });

  it('takes a whole object back with one property changed, as generic updates send it', async () => {
    const made = await create('before');
    await ask('POST', '/servicePrincipals', { appId: made.appId });
    const { body } = await ask('GET', `/applications/${made.id}`);
    assert.equal(
      (await ask('PATCH', `/applications/${made.id}`, { ...body, displayName: 'after', notes: 'n' })).status,
      204,
    );
    const changed = (await ask('GET', `/applications(appId='${made.appId}')`)).body;
    assert.deepEqual([changed.displayName, changed.notes], ['after', 'n']);
    const [oid] = await list('/servicePrincipals', "displayName eq 'after'");
    const principal = (await ask('GET', `/servicePrincipals/${oid}`)).body;
    assert.equal(
      (await ask('PATCH', `/servicePrincipals/${oid}`, { ...principal, accountEnabled: false })).status,
      204,
    );
    assert.equal((await ask('GET', `/servicePrincipals/${oid}`)).body.accountEnabled, false);
    for (const [path, json] of [
      [`/applications/${made.id}`, { appId: NOBODY }],
      [`/applications/${made.id}`, { id: NOBODY }],
      [`/applications/${made.id}`, { unknown: 1 }],
      [`/applications/${made.id}`, { displayName: '' }],
      [`/applications/${made.id}`, { displayName: 'x'.repeat(257) }],
      [`/applications/${made.id}`, { displayName: 'a\u0000b' }],
      [`/applications/${made.id}`, { displayName: '\ud800' }],
      [`/applications/${made.id}`, { tags: 'x' }],
      [`/applications/${made.id}`, { identifierUris: ['not a uri'] }],
      [`/applications/${made.id}`, { passwordCredentials: [{ displayName: 'x', secretText: 'chosen' }] }],
      [`/servicePrincipals/${oid}`, { displayName: 'other' }],
      [`/servicePrincipals/${oid}`, { accountEnabled: 'no' }],
    ] as const) {
      await refused('PATCH', path, json, 400, 'Request_BadRequest');
    }
    await refused('POST', '/applications', {}, 400, 'Request_BadRequest');
    await refused(
      'POST',
      `/applications/${made.id}/addPassword`,
      { passwordCredential: { secretText: 'chosen' } },
      400,
      'Request_BadRequest',
    );
    assert.equal((await ask('GET', `/applications/${made.id}`)).body.displayName, 'after');
  });

  it('finds an application and its service principal by identifier URI, which no other may take', async () => {
    const uri = 'https://robots.example/50%_!"x';
    await refused(
      'POST',
      '/applications',
      { displayName: 'x', identifierUris: ['https://a b'] },
      400,
      'Request_BadRequest',
    );
    const made = await create('by uri', { identifierUris: [uri], notes: 'https://notes.example' });
    await ask('POST', '/servicePrincipals', { appId: made.appId });
    const quoted = uri.replaceAll("'", "''");
    assert.deepEqual(await list('/applications', `identifierUris/any(x:x eq '${quoted}')`), [made.id]);
    assert.equal((await list('/servicePrincipals', `servicePrincipalNames/any(c:c eq '${quoted}')`)).length, 1);
    assert.deepEqual(await list('/applications', "identifierUris/any(x:x eq 'https://notes.example')"), []);
    assert.deepEqual(await list('/applications', "identifierUris/any(x:x eq '%')"), []);
    await refused(
      'POST',
      '/applications',
      { displayName: 'y', identifierUris: [uri] },
      400,
      'Request_MultipleObjectsWithSameKeyValue',
    );
    assert.equal((await ask('PATCH', `/applications/${made.id}`, { identifierUris: [uri] })).status, 204);
  });

  it('deletes an application with its service principal, credentials and roles', async () => {
    const one = await plane.application('doomed');
    const headers = { authorization: `Bearer ${await plane.tokenOf(one, GRAPH)}` };
    assert.equal((await ask('GET', '/organization', undefined, headers)).status, 200);
    await plane.store.write((transaction) =>
      insertAssignment(transaction, {
        id: NOBODY,
        scope: '/subscriptions/x',
        scopeKey: '/subscriptions/x',
        roleId: NOBODY,
        principalId: one.oid,
        principalType: 'ServicePrincipal',
        description: null,
        condition: null,
        created: 0,
        updated: 0,
        createdBy: one.oid,
      }),
    );
    assert.equal((await ask('DELETE', `/applications/${one.id}`)).status, 204);
    assert.equal((await ask('GET', '/organization', undefined, headers)).status, 401);
    const { db } = plane.store.reader;
    for (const count of await Promise.all([
      db.selectFrom('principals').select('id').where('id', '=', one.oid).execute(),
      db.selectFrom('credentials').select('id').where('app_id', '=', one.appId).execute(),
      db.selectFrom('role_assignments').select('id').where('principal_id', '=', one.oid).execute(),
      db.selectFrom('applications').select('id').where('id', '=', one.id).execute(),
    ])) {
      assert.equal(count.length, 0);
    }
    await refused('DELETE', `/applications/${one.id}`, undefined, 404, 'Request_ResourceNotFound');
  });

  it('deletes a service principal alone and can make it anew, as another principal', async () => {
    const one = await plane.application('reborn');
    const headers = { authorization: `Bearer ${await plane.tokenOf(one, GRAPH)}` };
    assert.equal((await ask('DELETE', `/servicePrincipals/${one.oid}`)).status, 204);
    const { body } = await ask('POST', '/servicePrincipals', { appId: one.appId });
    assert.notEqual(body.id, one.oid);
    assert.equal((await ask('GET', '/organization', undefined, headers)).status, 401);
  });

  it('does not let the last administrator go', async () => {
    const { id, oid } = plane.administrator;
    const code = 'Authorization_RequestDenied';
    await refused('DELETE', `/servicePrincipals/${oid}`, undefined, 403, code);
    await refused('DELETE', `/applications/${id}`, undefined, 403, code);
    await refused('PATCH', `/servicePrincipals/${oid}`, { accountEnabled: false }, 403, code);
    const second = await plane.application('second', identity.directoryAdministrator);
    assert.equal((await ask('PATCH', `/servicePrincipals/${second.oid}`, { accountEnabled: false })).status, 204);
    await refused('DELETE', `/servicePrincipals/${oid}`, undefined, 403, code);
    assert.equal((await ask('DELETE', `/servicePrincipals/${second.oid}`)).status, 204);
  });
});
