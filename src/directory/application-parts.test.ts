import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type IdentityPlane, identityPlane, type TestApplication } from '../../tests/support/identity-plane.ts';
import { findFederatedCredential, listFederatedCredentials } from '../identity/federated-credentials.ts';

const GRAPH = 'https://graph.localhost:8443';
const NOBODY = '77777777-7777-4777-8777-777777777777';
const GLOBAL = '62e90394-69f5-4237-9190-012177145e10';
const GROUPS = 'fdd7a751-b60b-444a-984c-02652fe8fa1c';

let plane: IdentityPlane;
let app: TestApplication;
let asAdministrator: Record<string, string>;
let asApp: Record<string, string>;

before(async () => {
  plane = await identityPlane();
  app = await plane.application('workload');
  asAdministrator = { authorization: `Bearer ${await plane.tokenOf(plane.administrator, GRAPH)}` };
  asApp = { authorization: `Bearer ${await plane.tokenOf(app, GRAPH)}` };
});
after(() => plane.cleanup());

function ask(method: string, path: string, json?: unknown, headers = asAdministrator) {
  return plane.graph(method, `/v1.0${path}`, { headers, ...(json === undefined ? {} : { json }) });
}

async function done(method: string, path: string, json?: unknown, headers?: typeof asApp) {
  const answer = await ask(method, path, json, headers);
  assert.ok(answer.status < 300, `${method} ${path} ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function refused(method: string, path: string, json: unknown, status: number, code: string) {
  const { status: found, body } = await ask(method, path, json);
  assert.deepEqual([found, body?.error?.code], [status, code], `${method} ${path} ${JSON.stringify(body)}`);
  return body.error.message as string;
}

const credential = (name: string, more: Record<string, unknown> = {}) => ({
  name,
  issuer: 'https://issuer.test/tenant',
  subject: `repo:acme/${name}`,
  audiences: ['api://AzureADTokenExchange'],
  ...more,
});

describe('federated credentials of an application', () => {
  const path = () => `/applications/${app.id}/federatedIdentityCredentials`;

  it('are made, shown by id and by name, changed and removed', async () => {
    const made = await done('POST', path(), credential('main-branch', { description: 'ci' }));
    const { '@odata.context': _, ...shown } = await done('GET', `${path()}/MAIN-branch`);
    assert.deepEqual(shown, { id: made.id, ...credential('main-branch'), description: 'ci' });
    await done('PATCH', `${path()}/${made.id}`, { subject: 'repo:acme/other', description: null });
    const changed = await findFederatedCredential(plane.store.reader, app.appId.toUpperCase(), 'main-branch');
    assert.deepEqual([changed?.id, changed?.subject, changed?.description], [made.id, 'repo:acme/other', null]);
    assert.equal((await done('GET', path())).value.length, 1);
    assert.equal((await done('GET', `${path()}?$filter=name%20eq%20'none'`)).value.length, 0);
    await refused('GET', `${path()}?$filter=subject%20eq%20'x'`, undefined, 400, 'Request_UnsupportedQuery');
    await done('DELETE', `${path()}/${made.id}`);
    await refused('GET', `${path()}/${made.id}`, undefined, 404, 'Request_ResourceNotFound');
  });

  it('are refused where they say too little, too much, or what another says', async () => {
    for (const more of [
      { name: 'ab' },
      { name: 'a b c' },
      { name: 'x'.repeat(121) },
      { issuer: 'http://issuer.test' },
      { issuer: 'https://user@issuer.test' },
      { issuer: 5 },
      { subject: '' },
      { subject: 'a\nb' },
      { audiences: [] },
      { audiences: ['a', 'b'] },
      { audiences: 'a' },
      { description: 7 },
      { claimsMatchingExpression: {} },
      { id: NOBODY, subject: null },
    ]) {
      await refused('POST', path(), { ...credential('valid'), ...more }, 400, 'Request_BadRequest');
    }
    await done('POST', path(), credential('first'));
    const taken = 'Request_MultipleObjectsWithSameKeyValue';
    await refused('POST', path(), credential('FIRST', { subject: 'other' }), 409, taken);
    await refused('POST', path(), credential('second', { subject: 'repo:acme/first' }), 409, taken);
    await refused('PATCH', `${path()}/first`, { name: 'renamed' }, 400, 'Request_BadRequest');
    await done('PATCH', `${path()}/first`, { name: 'first' });
    for (let index = 1; index < 20; index++) await done('POST', path(), credential(`more-${index}`));
    assert.match(await refused('POST', path(), credential('one-too-many'), 400, 'Request_BadRequest'), /maximum/);
  });

  it('go with their application', async () => {
    const other = await plane.application('short-lived');
    await done('POST', `/applications/${other.id}/federatedIdentityCredentials`, credential('theirs'));
    await done('DELETE', `/applications/${other.id}`);
    assert.deepEqual(await listFederatedCredentials(plane.store.reader, other.appId), []);
  });
});

describe('directory role assignments', () => {
  const path = '/roleManagement/directory/roleAssignments';
  const order = (principalId: string, roleDefinitionId: string) => ({
    principalId,
    roleDefinitionId,
    directoryScopeId: '/',
  });

  it('give a role at once and take it at once', async () => {
    const group = { displayName: 'g', mailNickname: 'g', mailEnabled: false, securityEnabled: true };
    assert.equal((await ask('POST', '/groups', group, asApp)).status, 403);
    const made = await done('POST', path, order(app.oid, GROUPS));
    await done('POST', '/groups', group, asApp);
    assert.deepEqual((await done('GET', `${path}?$filter=principalId%20eq%20'${app.oid}'`)).value, [
      { id: made.id, ...order(app.oid, GROUPS) },
    ]);
    assert.equal((await done('GET', `${path}?$filter=roleDefinitionId%20eq%20'${GLOBAL}'`)).value.length, 1);
    assert.equal((await done('GET', `${path}/${made.id}`)).principalId, app.oid);
    assert.match(await refused('POST', path, order(app.oid, GLOBAL), 400, 'Request_BadRequest'), /conflicting/);
    await done('DELETE', `${path}/${made.id}`);
    assert.equal((await ask('POST', '/groups', group, asApp)).status, 403);
    await refused('GET', `${path}/${made.id}`, undefined, 404, 'Request_ResourceNotFound');
    await refused('DELETE', `${path}/${made.id}`, undefined, 404, 'Request_ResourceNotFound');
  });

  it('are made and taken by a Global Administrator alone, one of whom stays', async () => {
    await done('POST', path, order(app.oid, GROUPS));
    const own = `${path}/${GROUPS}-${app.oid}`;
    const chief = `${path}/${GLOBAL}-${plane.administrator.oid}`;
    const other = await plane.application('other');
    for (const [method, url, body] of [
      ['POST', path, order(other.oid, GROUPS)],
      ['POST', path, order(app.oid, GLOBAL)],
      ['DELETE', own, undefined],
      ['DELETE', chief, undefined],
    ] as const) {
      const { status, body: answer } = await ask(method, url, body, asApp);
      assert.deepEqual([status, answer.error.code], [403, 'Authorization_RequestDenied'], `${method} ${url}`);
    }
    assert.match(await refused('DELETE', chief, undefined, 403, 'Authorization_RequestDenied'), /last enabled/);
    await done('DELETE', own);
  });

  it('refuse roles, scopes and principals that are not there', async () => {
    await refused('POST', path, order(app.oid, NOBODY), 400, 'Request_BadRequest');
    await refused('POST', path, order(NOBODY, GROUPS), 404, 'Request_ResourceNotFound');
    await refused('POST', path, { ...order(app.oid, GROUPS), directoryScopeId: '/x' }, 400, 'Request_BadRequest');
    const body = { displayName: 'g', mailNickname: 'g', mailEnabled: false, securityEnabled: true };
    const { id } = await done('POST', '/groups', body);
    await refused('POST', path, order(id, GROUPS), 400, 'Request_BadRequest');
    await refused('GET', `${path}?$filter=directoryScopeId%20eq%20'/'`, undefined, 400, 'Request_UnsupportedQuery');
    const definitions = '/roleManagement/directory/roleDefinitions';
    const { value } = await done('GET', `${definitions}?$filter=displayName%20eq%20'Groups%20Administrator'`);
    assert.deepEqual(
      value.map(({ id: role }: { id: string }) => role),
      [GROUPS],
    );
    assert.equal((await done('GET', `${definitions}/${GLOBAL}`)).displayName, 'Global Administrator');
    await refused('GET', `${definitions}/${NOBODY}`, undefined, 404, 'Request_ResourceNotFound');
  });
});

describe('the credentials of a service principal', () => {
  it("are its application's, made and taken from either side", async () => {
    const other = await plane.application('two-sided');
    const path = `/servicePrincipals/${other.oid}`;
    const made = await done('POST', `${path}/addPassword`, { passwordCredential: { displayName: 'here' } });
    assert.equal((await plane.askToken({ ...other, secret: made.secretText })).status, 200);
    const keyIds = async (url: string) =>
      (await done('GET', url)).passwordCredentials.map(({ keyId }: { keyId: string }) => keyId);
    assert.deepEqual(await keyIds(path), await keyIds(`/applications/${other.id}`));
    assert.ok(!JSON.stringify(await done('GET', path)).includes(made.secretText));
    await done('POST', `${path}/removePassword`, { keyId: made.keyId });
    assert.equal((await plane.askToken({ ...other, secret: made.secretText })).status, 401);
    await done('PATCH', path, { passwordCredentials: [] });
    assert.deepEqual(await keyIds(path), []);
  });

  it('take the right to change the application, which owning the service principal is not', async () => {
    const other = await plane.application('half-owned');
    const path = `/servicePrincipals/${other.oid}`;
    const reference = { '@odata.id': `${GRAPH}/v1.0/servicePrincipals/${app.oid}` };
    await done('POST', `${path}/owners/$ref`, reference);
    await done('PATCH', path, { notes: 'ours', tags: ['x'] }, asApp);
    for (const [method, url, body] of [
      ['POST', `${path}/addPassword`, {}],
      ['POST', `${path}/removePassword`, {}],
      ['PATCH', path, { keyCredentials: [] }],
      ['PATCH', path, { passwordCredentials: [] }],
    ] as const) {
      assert.equal((await ask(method, url, body, asApp)).status, 403, `${method} ${url}`);
    }
    await done('POST', `/applications/${other.id}/owners/$ref`, reference);
    await done('PATCH', path, { passwordCredentials: [] }, asApp);
    const { notes, tags, passwordCredentials } = await done('GET', path);
    assert.deepEqual([notes, tags, passwordCredentials], ['ours', ['x'], []]);
  });

  it('keep texts and tags and refuse what would mean something', async () => {
    const path = `/servicePrincipals/${app.oid}`;
    await done('PATCH', path, { ...(await done('GET', path)), description: 'a job' });
    for (const body of [
      { appRoleAssignmentRequired: true },
      { tags: 'x' },
      { tags: [5] },
      { notes: 5 },
      { description: 'a\u0000' },
      { accountEnabled: 'no' },
      { appId: NOBODY },
    ]) {
      await refused('PATCH', path, body, 400, 'Request_BadRequest');
    }
    assert.equal((await done('GET', path)).description, 'a job');
    await refused('POST', `/servicePrincipals/${NOBODY}/addPassword`, {}, 404, 'Request_ResourceNotFound');
  });
});
