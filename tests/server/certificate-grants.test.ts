import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assignRole, makeIdentity, putVault, vaultScope } from '../support/arm.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=7.6';
const policy = { x509_props: { subject: 'CN=a' }, key_props: { kty: 'EC' }, issuer: { name: 'Self' } };
let server: TestServer;
let manager: string;

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
});
after(() => server?.stop());

/** What a caller may do, as statuses. */
async function triesOf(token: string, vault: string): Promise<Readonly<Record<string, number>>> {
  const ask = async (method: string, path: string, body?: object) =>
    (await call(server, { method, host: `${vault}.vault`, path: `${path}?${V}`, token, body })).status;
  return {
    create: await ask('POST', '/certificates/mine/create', { policy }),
    read: await ask('GET', '/certificates/one'),
    list: await ask('GET', '/certificates'),
    secret: await ask('GET', '/secrets/one'),
    key: await ask('GET', '/keys/one'),
    remove: await ask('DELETE', '/certificates/one'),
    contacts: await ask('GET', '/certificates/contacts'),
    issuers: await ask('GET', '/certificates/issuers'),
    purge: await ask('DELETE', '/deletedcertificates/one'),
  };
}

const nothing = {
  create: 403,
  read: 403,
  list: 403,
  secret: 403,
  key: 403,
  remove: 403,
  contacts: 403,
  issuers: 403,
  purge: 403,
};

describe('certificates', () => {
  it('are open to roles as far as their data actions go, and no further', async () => {
    await makeOne('main-vault', await getToken(server, resources.data));
    for (const [role, granted] of [
      ['Key Vault Certificate User', { read: 200, list: 200, secret: 200, key: 200 }],
      ['Key Vault Reader', { read: 200, list: 200, key: 200, issuers: 200 }],
      ['Key Vault Secrets User', { secret: 200 }],
      [
        'Key Vault Certificates Officer',
        { create: 202, read: 200, list: 200, remove: 200, contacts: 404, issuers: 200, purge: 204 },
      ],
    ] as const) {
      const { principalId, clientId } = await makeIdentity(server, manager, role.replaceAll(' ', '-'));
      const token = await getToken(server, resources.data, { managedIdentity: clientId });
      assert.deepEqual(await triesOf(token, 'main-vault'), nothing, `before ${role}`);
      await assignRole(server, manager, { role, principalId, scope: vaultScope(server, 'main-vault') });
      assert.deepEqual(await triesOf(token, 'main-vault'), { ...nothing, ...granted }, role);
    }
  });

  it('are open to access policies as far as their permissions go, and no further', async () => {
    const owner = await getToken(server, resources.data);
    const { principalId, clientId } = await makeIdentity(server, manager, 'policies');
    const token = await getToken(server, resources.data, { managedIdentity: clientId });
    const allowed = (objectId: string, permissions: object) => ({ tenantId: server.tenantId, objectId, permissions });
    const oid = (JSON.parse(Buffer.from(owner.split('.')[1]!, 'base64url').toString()) as { oid: string }).oid;
    const put = (certificates: readonly string[]) =>
      putVault(server, manager, 'policy-vault', {
        enableRbacAuthorization: false,
        accessPolicies: [
          allowed(oid, { certificates: ['all'], keys: ['all'], secrets: ['all'] }),
          allowed(principalId, { certificates }),
        ],
      });
    await put([]);
    await makeOne('policy-vault', owner);
    for (const [permissions, granted] of [
      [[], {}],
      [['get'], { read: 200 }],
      [['list'], { list: 200 }],
      [['listissuers'], { issuers: 200 }],
      [['managecontacts'], { contacts: 404 }],
      [['create'], { create: 202 }],
      [['delete'], { remove: 200 }],
      [['purge'], { purge: 204 }],
    ] as const) {
      await put(permissions);
      assert.deepEqual(await triesOf(token, 'policy-vault'), { ...nothing, ...granted }, permissions.join());
    }
  });
});

async function makeOne(vault: string, token: string): Promise<void> {
  const made = await call(server, {
    method: 'POST',
    host: `${vault}.vault`,
    path: `/certificates/one/create?${V}`,
    token,
    body: { policy },
  });
  assert.equal(made.status, 202, made.text);
}
