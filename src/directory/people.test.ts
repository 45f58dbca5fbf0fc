import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type IdentityPlane, identityPlane, type TestApplication } from '../../tests/support/identity-plane.ts';
import { checkPassword, passwordVersion, setDirectoryRole } from '../identity/people.ts';
import { issueAccessToken } from '../identity/tokens.ts';
import { graphOperations } from './operations.ts';

const GRAPH = 'https://graph.localhost:8443';
const NOBODY = '77777777-7777-4777-8777-777777777777';
const PASSWORD = 'Correct-horse-7';

let plane: IdentityPlane;
let reader: TestApplication;
let asAdministrator: Record<string, string>;
let asReader: Record<string, string>;

before(async () => {
  plane = await identityPlane();
  reader = await plane.application('reader');
  asAdministrator = await bearerOf(plane.administrator);
  asReader = await bearerOf(reader);
});
after(() => plane.cleanup());

async function bearerOf(application: TestApplication): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await plane.tokenOf(application, GRAPH)}` };
}

/** As a person's sign-in would get it. */
async function bearerOfUser(oid: string): Promise<Record<string, string>> {
  const order = { resource: GRAPH, oid, appId: reader.appId, appIdAcr: '1', lifetimeSeconds: 3600 } as const;
  const { token } = await issueAccessToken(plane, { ...order, now: plane.clock.now() });
  return { authorization: `Bearer ${token}` };
}

function ask(method: string, path: string, json?: unknown, headers = asAdministrator) {
  return plane.graph(method, `/v1.0${path}`, { headers, ...(json === undefined ? {} : { json }) });
}

async function refused(
  method: string,
  path: string,
  json: unknown,
  status: number,
  code: string,
  headers?: typeof asReader,
) {
  const answer = await ask(method, path, json, headers);
  assert.deepEqual(
    [answer.status, answer.body?.error?.code],
    [status, code],
    `${method} ${path} ${JSON.stringify(answer.body)}`,
  );
  return answer.body.error.message as string;
}

async function done(method: string, path: string, json?: unknown, headers?: typeof asReader) {
  const answer = await ask(method, path, json, headers);
  assert.ok(answer.status < 300, `${method} ${path} ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

let names = 0;
const userBody = (more: Record<string, unknown> = {}) => {
  const name = `person${++names}`;
  return {
    accountEnabled: true,
    displayName: name,
    mailNickname: name,
    userPrincipalName: `${name}@localhost`,
    passwordProfile: { password: PASSWORD, forceChangePasswordNextSignIn: false },
    ...more,
  };
};
const user = async (more?: Record<string, unknown>): Promise<string> =>
  (await done('POST', '/users', userBody(more))).id;
const group = async (more: Record<string, unknown> = {}): Promise<string> => {
  const body = {
    displayName: `group${++names}`,
    mailNickname: `group${names}`,
    mailEnabled: false,
    securityEnabled: true,
  };
  return (await done('POST', '/groups', { ...body, ...more })).id;
};
const ref = (id: string) => ({ '@odata.id': `${GRAPH}/v1.0/directoryObjects/${id}` });
const ids = async (path: string) => ((await done('GET', path)).value as { id: string }[]).map(({ id }) => id);
const give = (oid: string, role: string | null) =>
  plane.store.write((transaction) => setDirectoryRole(transaction, oid, role));

describe('who may change the directory', () => {
  it('refuses every change to who holds no directory role and owns nothing, before the body is judged', async () => {
    const targets = { user: await user(), group: await group() };
    const asking = [
      'getByIds',
      'getMemberGroups',
      'getMemberObjects',
      'checkMemberGroups',
      'changePassword',
      '/me/revokeSignInSessions',
    ];
    const changes = graphOperations(plane).filter(
      ({ method, path }) => method !== 'GET' && !asking.some((name) => path.endsWith(name)),
    );
    assert.ok(changes.length >= 20, `${changes.length}`);
    for (const { method, path } of changes) {
      let id = reader.oid;
      if (path.includes('/users')) id = targets.user;
      else if (path.includes('/groups')) id = targets.group;
      else if (path.includes('/applications')) id = reader.id;
      const url = path.slice('/v1.0'.length).replace(':id', id).replace(/:\w+/, NOBODY);
      await refused(method, url, method === 'DELETE' ? undefined : {}, 403, 'Authorization_RequestDenied', asReader);
    }
  });

  it('lets each role change its part alone', async () => {
    const holder = await plane.application('holder');
    const headers = await bearerOf(holder);
    const attempt = async (path: string, body: unknown) => (await ask('POST', path, body, headers)).status;
    const groupBody = { displayName: 'g', mailNickname: 'g', mailEnabled: false, securityEnabled: true };
    for (const [role, users, groups, applications] of [
      ['User Administrator', 201, 201, 403],
      ['Groups Administrator', 403, 201, 403],
      ['Application Administrator', 403, 403, 201],
      ['Cloud Application Administrator', 403, 403, 201],
      ['Directory Readers', 403, 403, 403],
      ['An unknown role', 403, 403, 403],
      [null, 403, 403, 403],
    ] as const) {
      await give(holder.oid, role);
      assert.equal(await attempt('/users', userBody()), users, `${role}`);
      assert.equal(await attempt('/groups', groupBody), groups, `${role}`);
      assert.equal(await attempt('/applications', { displayName: 'a' }), applications, `${role}`);
    }
  });

  it('lets nobody but a Global Administrator touch what holds a directory role, also not an owner', async () => {
    const helper = await plane.application('helper', 'User Administrator');
    const chief = await user();
    await give(chief, 'Global Administrator');
    const asHelper = await bearerOf(helper);
    const code = 'Authorization_RequestDenied';
    const reset = { passwordProfile: { password: `${PASSWORD}x` } };
    await refused('PATCH', `/users/${chief}`, reset, 403, code, asHelper);
    await refused('DELETE', `/users/${chief}`, undefined, 403, code, asHelper);
    await give(chief, 'Groups Administrator');
    await refused('PATCH', `/users/${chief}`, reset, 403, code, asHelper);
    await give(chief, 'Directory Readers');
    await done('PATCH', `/users/${chief}`, reset, asHelper);

    const clerk = await plane.application('clerk', 'Application Administrator');
    const asClerk = await bearerOf(clerk);
    const powerful = await plane.application('powerful', 'Groups Administrator');
    await done('POST', `/applications/${powerful.id}/owners/$ref`, ref(reader.oid));
    for (const headers of [asClerk, asReader]) {
      for (const app of [powerful, plane.administrator]) {
        await refused('POST', `/applications/${app.id}/addPassword`, {}, 403, code, headers);
        await refused('PATCH', `/applications/${app.id}`, { displayName: 'x' }, 403, code, headers);
        await refused('POST', `/applications/${app.id}/owners/$ref`, ref(reader.oid), 403, code, headers);
        await refused('PATCH', `/servicePrincipals/${app.oid}`, { accountEnabled: false }, 403, code, headers);
        await refused('DELETE', `/applications/${app.id}`, undefined, 403, code, headers);
      }
    }
    // Its own application as well: a role does not lead to another way of signing in with it.
    await refused('POST', `/applications/${clerk.id}/addPassword`, {}, 403, code, asClerk);
  });

  it('lets owners change what they own, and that alone', async () => {
    const own = await group({ 'owners@odata.bind': [`${GRAPH}/v1.0/users/${reader.oid}`] });
    const other = await group();
    const someone = await user();
    await done('POST', `/groups/${own}/members/$ref`, ref(someone), asReader);
    await done('PATCH', `/groups/${own}`, { description: 'ours' }, asReader);
    const code = 'Authorization_RequestDenied';
    await refused('POST', `/groups/${other}/members/$ref`, ref(someone), 403, code, asReader);
    const app = await plane.application('owned');
    await refused('POST', `/applications/${app.id}/addPassword`, {}, 403, code, asReader);
    await done('POST', `/applications/${app.id}/owners/$ref`, ref(reader.oid));
    assert.deepEqual(await ids(`/applications/${app.id}/owners`), [reader.oid]);
    await done('POST', `/applications/${app.id}/addPassword`, {}, asReader);
    await done('DELETE', `/applications/${app.id}/owners/${reader.oid}/$ref`);
    await refused('POST', `/applications/${app.id}/addPassword`, {}, 403, code, asReader);
    await done('DELETE', `/groups/${own}/owners/${reader.oid}/$ref`);
    await refused('DELETE', `/groups/${own}`, undefined, 403, code, asReader);
  });
});

describe('users', () => {
  it('are made, shown by id and by name in any case, changed and deleted', async () => {
    const body = userBody({ givenName: 'Žofie', jobTitle: 'Baker', businessPhones: ['1'], userType: 'Guest' });
    const made = await done('POST', '/users', body);
    assert.equal(made.userPrincipalName, body.userPrincipalName);
    assert.deepEqual([made.givenName, made.userType, made.surname], ['Žofie', 'Guest', null]);
    assert.ok(!JSON.stringify(made).includes('assword'));
    const shown = await done('GET', `/users/${body.userPrincipalName.toUpperCase().replace('@', '%40')}`);
    assert.equal(shown.id, made.id);
    await done('PATCH', `/users/${body.userPrincipalName}`, { ...shown, surname: 'Nová', givenName: null });
    const changed = await done('GET', `/users/${made.id}`);
    assert.deepEqual([changed.surname, changed.givenName, changed.jobTitle], ['Nová', null, 'Baker']);
    for (const filter of [`surname eq 'Nová'`, `mailNickname eq '${body.mailNickname.toUpperCase()}'`]) {
      assert.deepEqual(await ids(`/users?$filter=${encodeURIComponent(filter)}`), [made.id], filter);
    }
    assert.deepEqual(await ids(`/users?$filter=${encodeURIComponent("surname eq 'Nov%'")}`), []);
    await done('DELETE', `/users/${made.id}`);
    await refused('GET', `/users/${made.id}`, undefined, 404, 'Request_ResourceNotFound');
  });

  it('have names of this tenant that no other has, that can be seen and told apart', async () => {
    await user({ userPrincipalName: 'Twin@localhost' });
    const taken = 'Request_MultipleObjectsWithSameKeyValue';
    await refused('POST', '/users', userBody({ userPrincipalName: 'tWIN@LOCALHOST' }), 400, taken);
    for (const upn of [
      'a@elsewhere.test',
      'a',
      'a@b@localhost',
      'tw\u0131n@localhost',
      'a b@localhost',
      '.a@localhost',
      '@localhost',
    ]) {
      await refused('POST', '/users', userBody({ userPrincipalName: upn }), 400, 'Request_BadRequest');
    }
    for (const displayName of ['', ' ', 'a\u200bb', 'e\u0301', '\u202eabc', 'a\u0000', 'x'.repeat(257), 5, null]) {
      await refused('POST', '/users', userBody({ displayName }), 400, 'Request_BadRequest');
      await refused(
        'POST',
        '/groups',
        { displayName, mailNickname: 'x', mailEnabled: false, securityEnabled: true },
        400,
        'Request_BadRequest',
      );
    }
    for (const more of [
      { mailNickname: 'a b' },
      { userType: 'Robot' },
      { accountEnabled: 'yes' },
      { unknown: 1 },
      { id: NOBODY },
    ]) {
      await refused('POST', '/users', userBody(more), 400, 'Request_BadRequest');
    }
    for (const missing of ['displayName', 'mailNickname', 'passwordProfile', 'userPrincipalName', 'accountEnabled']) {
      const body: Record<string, unknown> = userBody();
      delete body[missing];
      assert.match(await refused('POST', '/users', body, 400, 'Request_BadRequest'), new RegExp(missing));
    }
  });

  it('have passwords that the policy takes, stored as hashes, told to nobody', async () => {
    const upn = 'margarethe@localhost';
    for (const password of [
      'Ab1!xyz',
      'alllowercase1',
      'Xx1-MARGARETHE',
      'ALL UPPER CASE',
      `Aa1${'x'.repeat(254)}`,
      '',
      7,
    ]) {
      const body = userBody({ userPrincipalName: upn, passwordProfile: { password } });
      const message = await refused('POST', '/users', body, 400, 'Request_BadRequest');
      assert.match(message, /password complexity/);
      assert.ok(password === '' || !message.includes(String(password)) || password === 7);
    }
    const id = await user({ userPrincipalName: upn });
    const first = await passwordVersion(plane.store.reader, id);
    assert.equal(await checkPassword(plane.store.reader, id, PASSWORD), first);
    assert.equal(await checkPassword(plane.store.reader, id, `${PASSWORD} `), null);
    await done('PATCH', `/users/${id}`, { passwordProfile: { password: 'Another-horse-8' } });
    const second = await passwordVersion(plane.store.reader, id);
    assert.notEqual(second, first);
    assert.equal(await checkPassword(plane.store.reader, id, PASSWORD), null);
    const [row] = await plane.store.reader.db
      .selectFrom('passwords')
      .selectAll()
      .where('principal_id', '=', id)
      .execute();
    assert.equal(row!.must_change, 1, 'what another set is to be changed');
    await done('PATCH', `/users/${id}`, { passwordProfile: { forceChangePasswordNextSignIn: false } });
    assert.equal(await passwordVersion(plane.store.reader, id), second, 'the password itself stays');
    const text = await plane.auditText();
    assert.ok(text.includes('passwordProfile') && !text.includes(PASSWORD) && !text.includes('Another-horse-8'));
  });

  it('change their own password by the present one', async () => {
    const id = await user();
    const headers = await bearerOfUser(id);
    const change = (currentPassword: string, newPassword: string) => ({ currentPassword, newPassword });
    const path = '/me/changePassword';
    await refused('POST', path, change('Wrong-horse-7', 'Another-horse-8'), 400, 'Request_BadRequest', headers);
    assert.match(
      await refused('POST', path, change(PASSWORD, 'short'), 400, 'Request_BadRequest', headers),
      /complexity/,
    );
    await refused('POST', path, change(PASSWORD, PASSWORD), 400, 'Request_BadRequest', headers);
    await done('POST', path, change(PASSWORD, 'Another-horse-8'), headers);
    assert.ok(await checkPassword(plane.store.reader, id, 'Another-horse-8'));
    await refused('POST', path, change(PASSWORD, 'Third-horse-9'), 400, 'BadRequest', asReader);
    const me = await done('GET', '/me', undefined, headers);
    assert.equal(me.id, id);
  });

  it('may give the present password wrongly ten times a minute', async () => {
    const id = await user();
    const headers = await bearerOfUser(id);
    const path = '/me/changePassword';
    const attempt = async (currentPassword: string) =>
      (await ask('POST', path, { currentPassword, newPassword: 'Another-horse-8' }, headers)).status;
    const first = await Promise.all(Array.from({ length: 12 }, () => attempt('Wrong-horse-7')));
    assert.deepEqual(
      [first.filter((status) => status === 400).length, first.filter((status) => status === 429).length],
      [10, 2],
    );
    const right = { currentPassword: PASSWORD, newPassword: 'Another-horse-8' };
    await refused('POST', path, right, 429, 'Request_ThrottledTemporarily', headers);
    plane.clock.advance(60_000);
    assert.equal(await attempt(PASSWORD), 204);
    assert.equal(await attempt('Wrong-horse-7'), 400, 'counted anew');
  });

  it('lose tokens, sessions, memberships and ownerships with their account', async () => {
    const id = await user();
    const team = await group({ 'members@odata.bind': [`${GRAPH}/v1.0/users/${id}`] });
    await done('POST', `/groups/${team}/owners/$ref`, ref(id));
    const headers = await bearerOfUser(id);
    await done('GET', '/me', undefined, headers);
    const session = async (digest: string) =>
      plane.store.write(async (transaction) => {
        const row = { digest, family: 'f', client_id: 'c', proof: 'p', state: 'live', created: 0, expires: 1 };
        await transaction.db
          .insertInto('refresh_tokens')
          .values({ ...row, principal_id: id })
          .execute();
      });
    const sessions = () =>
      plane.store.reader.db.selectFrom('refresh_tokens').select('digest').where('principal_id', '=', id).execute();
    await session('one');
    await done('PATCH', `/users/${id}`, { accountEnabled: false });
    assert.equal((await ask('GET', '/me', undefined, headers)).status, 401);
    assert.deepEqual(await sessions(), []);
    await done('PATCH', `/users/${id}`, { accountEnabled: true });
    await session('two');
    await done('DELETE', `/users/${id}`);
    assert.equal((await ask('GET', '/me', undefined, headers)).status, 401);
    assert.deepEqual(
      [await sessions(), await ids(`/groups/${team}/members`), await ids(`/groups/${team}/owners`)],
      [[], [], []],
    );
    assert.equal(await passwordVersion(plane.store.reader, id), null);
  });

  it('keep one enabled Global Administrator', async () => {
    const chief = await user();
    await give(chief, 'Global Administrator');
    const headers = await bearerOfUser(chief);
    await done('PATCH', `/servicePrincipals/${plane.administrator.oid}`, { accountEnabled: false }, headers);
    await refused('PATCH', `/users/${chief}`, { accountEnabled: false }, 403, 'Authorization_RequestDenied', headers);
    await refused('DELETE', `/users/${chief}`, undefined, 403, 'Authorization_RequestDenied', headers);
    await done('PATCH', `/servicePrincipals/${plane.administrator.oid}`, { accountEnabled: true }, headers);
    await done('DELETE', `/users/${chief}`);
  });
});

describe('groups', () => {
  it('take members once, never themselves, and lose them', async () => {
    const [one, two, someone] = [await group(), await group(), await user()];
    await done('POST', `/groups/${one}/members/$ref`, ref(someone));
    await done('POST', `/groups/${one}/members/$ref`, ref(two));
    await done('POST', `/groups/${one}/members/$ref`, ref(reader.oid));
    assert.match(
      await refused('POST', `/groups/${one}/members/$ref`, ref(someone), 400, 'Request_BadRequest'),
      /already exist/,
    );
    await refused('POST', `/groups/${one}/members/$ref`, ref(one), 400, 'Request_BadRequest');
    await refused('POST', `/groups/${one}/members/$ref`, ref(NOBODY), 404, 'Request_ResourceNotFound');
    await refused('POST', `/groups/${one}/members/$ref`, { '@odata.id': 'x' }, 400, 'Request_BadRequest');
    await refused('POST', `/groups/${one}/owners/$ref`, ref(two), 400, 'Request_BadRequest');
    const seen: string[] = [];
    let path: string | undefined = `/groups/${one}/members?$top=1&$select=id&$count=true`;
    while (path) {
      const body: { value: { id: string }[]; '@odata.nextLink'?: string; '@odata.count': number } = await done(
        'GET',
        path,
      );
      assert.equal(body['@odata.count'], 3);
      seen.push(...body.value.map(({ id }) => id));
      path = body['@odata.nextLink']?.slice(`${GRAPH}/v1.0`.length);
    }
    assert.deepEqual(seen, [someone, two, reader.oid].sort());
    await done('DELETE', `/groups/${one}/members/${someone}/$ref`);
    await refused('DELETE', `/groups/${one}/members/${someone}/$ref`, undefined, 404, 'Request_ResourceNotFound');
    await refused('GET', `/groups/${one}/members?$filter=id%20eq%20'x'`, undefined, 400, 'Request_UnsupportedQuery');
  });

  it('nest, also in circles, which harm nobody', async () => {
    const [inner, middle, outer, someone] = [await group(), await group(), await group(), await user()];
    await done('PATCH', `/groups/${inner}`, { 'members@odata.bind': [ref(someone)['@odata.id']] });
    await done('POST', `/groups/${middle}/members/$ref`, ref(inner));
    await done('POST', `/groups/${outer}/members/$ref`, ref(middle));
    await done('POST', `/groups/${inner}/members/$ref`, ref(outer));
    const all = [inner, middle, outer].sort();
    const groupsOf = async (path: string, body: unknown = { securityEnabledOnly: false }) =>
      (await done('POST', path, body)).value;
    assert.deepEqual(await groupsOf(`/users/${someone}/getMemberGroups`), all);
    assert.deepEqual(await groupsOf(`/directoryObjects/${someone}/getMemberObjects`), all);
    assert.deepEqual(await groupsOf(`/groups/${inner}/getMemberGroups`), [middle, outer].sort());
    assert.deepEqual(await groupsOf(`/directoryObjects/${someone}/checkMemberGroups`, { groupIds: [outer, NOBODY] }), [
      outer,
    ]);
    assert.deepEqual(await ids(`/users/${someone}/memberOf`), [inner]);
    assert.deepEqual(await ids(`/users/${someone}/transitiveMemberOf`), all);
    assert.deepEqual(await ids(`/groups/${outer}/transitiveMembers`), [inner, middle, someone].sort());
    const headers = await bearerOfUser(someone);
    const { value } = await done('POST', '/me/getMemberGroups', { securityEnabledOnly: true }, headers);
    assert.deepEqual(value, all);
    await done('DELETE', `/groups/${middle}`);
    assert.deepEqual(await ids(`/users/${someone}/transitiveMemberOf`), [inner]);
    assert.deepEqual(await ids(`/groups/${outer}/members`), []);
  });

  it('are security groups alone', async () => {
    const body = { displayName: 'g', mailNickname: 'g', mailEnabled: false, securityEnabled: true };
    for (const more of [
      { mailEnabled: true },
      { securityEnabled: false },
      { groupTypes: ['Unified'] },
      { isAssignableToRole: true },
      { visibility: 'Odd' },
    ]) {
      await refused('POST', '/groups', { ...body, ...more }, 400, 'Request_BadRequest');
    }
    const id = await group({ description: 'first', groupTypes: [] });
    const shown = await done('GET', `/groups/${id}`);
    await done('PATCH', `/groups/${id}`, { ...shown, description: null });
    assert.equal((await done('GET', `/groups/${id}`)).description, null);
    const filter = `displayName eq '${shown.displayName}' and mailNickname eq '${shown.mailNickname}'`;
    assert.deepEqual(await ids(`/groups?$filter=${encodeURIComponent(filter)}`), [id]);
  });
});
