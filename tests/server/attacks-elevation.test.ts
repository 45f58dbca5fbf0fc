import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { builtInRoles } from '../../src/access/built-in-roles.ts';
import { directoryRoles } from '../../src/directory/rights.ts';
import { assignRole, groupScope, makeIdentity, manage, vaultScope } from '../support/arm.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Every administrative role tries every ladder; what it may do by its purpose is named, all else is refused and gives nothing. */
let server: TestServer;
let owner: string;
let graphOwner: string;
/** Object id of the administrator's application. */
let administratorApp: string;
/** A person who is Global Administrator, and a group that owns the subscription. */
let administratorPerson: string;
let owningGroup: string;
/** Domain of people's names. */
let domain: string;

const AUTHORIZATION = 'providers/Microsoft.Authorization';
const subscription = () => `/subscriptions/${server.subscriptionId}`;
const roleId = (name: string) =>
  `${subscription()}/${AUTHORIZATION}/roleDefinitions/${builtInRoles.find((role) => role.name === name)!.id}`;

interface Climber {
  readonly principalId: string;
  readonly clientId: string;
  readonly management: string;
  readonly data: string;
  readonly graph: string;
}

type Ladder = (climber: Climber) => Promise<Reply>;

const assign = (climber: Climber, role: string, scope: string, principalType = 'ServicePrincipal') =>
  manage(server, climber.management, {
    method: 'PUT',
    path: `${scope}/${AUTHORIZATION}/roleAssignments/${randomUUID()}?api-version=2022-04-01`,
    body: { properties: { roleDefinitionId: roleId(role), principalId: climber.principalId, principalType } },
    mayFail: true,
  });
const patchVault = (climber: Climber, properties: unknown) =>
  manage(server, climber.management, {
    method: 'PATCH',
    path: `${vaultScope(server, 'main-vault')}?api-version=2023-07-01`,
    body: { properties },
    mayFail: true,
  });
const policyFor = (climber: Climber) => ({
  tenantId: server.tenantId,
  objectId: climber.principalId,
  permissions: { secrets: ['all'] },
});
const graph = (climber: Climber, method: string, path: string, body: unknown) =>
  call(server, { method, host: 'graph', path: `/v1.0${path}`, token: climber.graph, body });

const ladders: Readonly<Record<string, Ladder>> = {
  'own the subscription': (climber) => assign(climber, 'Owner', subscription()),
  'own everything': (climber) => assign(climber, 'Owner', ''),
  'administer the data of the vault': (climber) =>
    assign(climber, 'Key Vault Administrator', vaultScope(server, 'main-vault')),
  'read one secret': (climber) =>
    assign(climber, 'Key Vault Secrets User', `${vaultScope(server, 'main-vault')}/secrets/target`),
  'make a role that may do everything': (climber) =>
    manage(server, climber.management, {
      method: 'PUT',
      path: `${subscription()}/${AUTHORIZATION}/roleDefinitions/${randomUUID()}?api-version=2022-04-01`,
      body: {
        properties: {
          roleName: `everything of ${climber.principalId}`,
          type: 'CustomRole',
          permissions: [
            { actions: ['*'], notActions: [], dataActions: ['Microsoft.KeyVault/vaults/*'], notDataActions: [] },
          ],
          assignableScopes: [subscription()],
        },
      },
      mayFail: true,
    }),
  'switch the vault to access policies': (climber) =>
    patchVault(climber, { enableRbacAuthorization: false, accessPolicies: [policyFor(climber)] }),
  'take the administrator’s role away': async (climber) => {
    const path = `${subscription()}/${AUTHORIZATION}/roleAssignments?api-version=2022-04-01&$filter=atScope()`;
    const { body } = await manage(server, owner, { method: 'GET', path });
    const own = builtInRoles.find(({ name }) => name === 'Owner')!.id;
    const found = body.value.find(
      (one: { properties: { roleDefinitionId: string; principalId: string } }) =>
        one.properties.roleDefinitionId.endsWith(own) && one.properties.principalId !== climber.principalId,
    );
    // Under an id that is not there: who may delete gets 204, and the administrator stays.
    const other = `${found.id.slice(0, -36)}${randomUUID()}`;
    return manage(server, climber.management, {
      method: 'DELETE',
      path: `${other}?api-version=2022-04-01`,
      mayFail: true,
    });
  },
  'deny the administrator': (climber) =>
    manage(server, climber.management, {
      method: 'PUT',
      path: `${vaultScope(server, 'main-vault')}/${AUTHORIZATION}/denyAssignments/${randomUUID()}?api-version=2022-04-01`,
      body: {
        properties: {
          denyAssignmentName: `denied by ${climber.principalId}`,
          permissions: [
            { actions: ['Microsoft.Resources/none/action'], notActions: [], dataActions: [], notDataActions: [] },
          ],
          principals: [{ id: climber.principalId, type: 'ServicePrincipal' }],
          excludePrincipals: [],
        },
      },
      mayFail: true,
    }),
  'become Global Administrator': (climber) =>
    graph(climber, 'POST', '/roleManagement/directory/roleAssignments', {
      roleDefinitionId: '62e90394-69f5-4237-9190-012177145e10',
      principalId: climber.principalId,
      directoryScopeId: '/',
    }),
  'make a secret of the administrator’s application': (climber) =>
    graph(climber, 'POST', `/applications/${administratorApp}/addPassword`, {
      passwordCredential: { displayName: 'mine' },
    }),
  'make an application': (climber) => graph(climber, 'POST', '/applications', { displayName: 'mine' }),
  'make a group': (climber) =>
    graph(climber, 'POST', '/groups', {
      displayName: 'mine',
      mailNickname: 'mine',
      mailEnabled: false,
      securityEnabled: true,
    }),
  'bring the administrator’s application a federated credential': (climber) =>
    graph(climber, 'POST', `/applications/${administratorApp}/federatedIdentityCredentials`, {
      name: 'mine',
      issuer: 'https://issuer.example',
      subject: climber.principalId,
      audiences: ['api://AzureADTokenExchange'],
    }),
  'bring the administrator’s application a certificate': (climber) =>
    graph(climber, 'PATCH', `/applications/${administratorApp}`, { keyCredentials: [] }),
  'own the administrator’s application': (climber) =>
    graph(climber, 'POST', `/applications/${administratorApp}/owners/$ref`, self(climber)),
  'set the password of a Global Administrator': (climber) =>
    graph(climber, 'PATCH', `/users/${administratorPerson}`, {
      passwordProfile: { password: 'Mine-now-and-for-ever-1' },
    }),
  'disable a Global Administrator': (climber) =>
    graph(climber, 'PATCH', `/users/${administratorPerson}`, { accountEnabled: false }),
  'join the group that owns the subscription': (climber) =>
    graph(climber, 'POST', `/groups/${owningGroup}/members/$ref`, self(climber)),
  'own the group that owns the subscription': (climber) =>
    graph(climber, 'POST', `/groups/${owningGroup}/owners/$ref`, self(climber)),
  'make a person': (climber) =>
    graph(climber, 'POST', '/users', {
      accountEnabled: true,
      displayName: 'mine',
      mailNickname: 'mine',
      userPrincipalName: `mine-${climber.principalId}@${domain}`,
      passwordProfile: { password: 'Mine-now-and-for-ever-1' },
    }),
  'hasten the keys that sign tokens': (climber) => signingKeys(climber, 'rotate'),
  'revoke a key that signs tokens': (climber) => signingKeys(climber, 'unknown/revoke'),
  'lift the access of a Global Administrator': (climber) =>
    manage(server, climber.management, {
      method: 'POST',
      path: `/${AUTHORIZATION}/elevateAccess?api-version=2016-07-01`,
      body: {},
      mayFail: true,
    }),
};

function signingKeys(climber: Climber, order: string): Promise<Reply> {
  const path = `${subscription()}/providers/Strongroom.Identity/signingKeys/${order}?api-version=2026-01-01`;
  return manage(server, climber.management, { method: 'POST', path, mayFail: true });
}

function self(climber: Climber) {
  return { '@odata.id': `https://graph.${server.domain}/v1.0/directoryObjects/${climber.principalId}` };
}

const graphLadders = [
  'become Global Administrator',
  'make a secret of the administrator’s application',
  'make an application',
  'make a group',
  'make a person',
  'bring the administrator’s application a federated credential',
  'bring the administrator’s application a certificate',
  'own the administrator’s application',
  'set the password of a Global Administrator',
  'disable a Global Administrator',
  'join the group that owns the subscription',
  'own the group that owns the subscription',
];

/**
 * Directory roles, the ladders that are their purpose (Microsoft Entra built-in roles), and those that lead up by it, which the
 * security model warns of: whoever manages groups reaches what those have.
 */
const directoryClimbers: readonly { role: string; may: readonly string[]; reaches?: readonly string[] }[] = [
  { role: 'Directory Readers', may: [] },
  {
    role: 'User Administrator',
    may: ['make a group', 'make a person'],
    reaches: ['join the group that owns the subscription', 'own the group that owns the subscription'],
  },
  {
    role: 'Groups Administrator',
    may: ['make a group'],
    reaches: ['join the group that owns the subscription', 'own the group that owns the subscription'],
  },
  { role: 'Application Administrator', may: ['make an application'] },
  { role: 'Cloud Application Administrator', may: ['make an application'] },
];

/** A role, where it is held, and the ladders that are its purpose (Azure built-in roles): these succeed. */
const climbers: readonly {
  role: string;
  at: 'subscription' | 'group' | 'vault';
  may: readonly string[];
  /** Whether it is for reading values. */
  reads?: true;
}[] = [
  { role: 'Reader', at: 'subscription', may: [] },
  { role: 'Contributor', at: 'subscription', may: [] },
  { role: 'Key Vault Contributor', at: 'subscription', may: [] },
  { role: 'Key Vault Reader', at: 'subscription', may: [] },
  {
    role: 'Key Vault Data Access Administrator',
    at: 'subscription',
    may: ['administer the data of the vault', 'read one secret', 'take the administrator’s role away'],
  },
  {
    role: 'User Access Administrator',
    at: 'subscription',
    may: [
      'own the subscription',
      'administer the data of the vault',
      'read one secret',
      'make a role that may do everything',
      'take the administrator’s role away',
      'deny the administrator',
    ],
  },
  {
    role: 'Owner',
    at: 'group',
    may: [
      'administer the data of the vault',
      'read one secret',
      'switch the vault to access policies',
      'deny the administrator',
    ],
  },
  { role: 'Contributor', at: 'vault', may: [] },
  { role: 'Key Vault Purge Operator', at: 'subscription', may: [] },
  { role: 'Key Vault Administrator', at: 'subscription', may: [], reads: true },
  { role: 'Key Vault Secrets Officer', at: 'subscription', may: [], reads: true },
  { role: 'Key Vault Crypto Officer', at: 'subscription', may: [] },
  { role: 'Key Vault Certificates Officer', at: 'subscription', may: [] },
  { role: 'custom: writes roles', at: 'subscription', may: ['make a role that may do everything'] },
  { role: 'custom: writes vaults', at: 'subscription', may: [] },
];

const customActions: Readonly<Record<string, readonly string[]>> = {
  'custom: writes roles': ['Microsoft.Authorization/roleDefinitions/*'],
  'custom: writes vaults': ['Microsoft.KeyVault/vaults/*', 'Microsoft.Resources/*'],
};

async function customRole(name: string): Promise<string> {
  const id = randomUUID();
  const path = `${subscription()}/${AUTHORIZATION}/roleDefinitions/${id}`;
  await manage(server, owner, {
    method: 'PUT',
    path: `${path}?api-version=2022-04-01`,
    body: {
      properties: {
        roleName: name,
        type: 'CustomRole',
        permissions: [{ actions: customActions[name], notActions: [], dataActions: [], notDataActions: [] }],
        assignableScopes: [subscription()],
      },
    },
  });
  return path;
}

async function makeClimber(index: number, role: string, at: 'subscription' | 'group' | 'vault'): Promise<Climber> {
  const identity = await makeIdentity(server, owner, `climber-${index}`);
  const scopes = { subscription: subscription(), group: groupScope(server), vault: vaultScope(server, 'main-vault') };
  if (Object.hasOwn(customActions, role)) {
    const roleDefinitionId = await customRole(role);
    await manage(server, owner, {
      method: 'PUT',
      path: `${scopes[at]}/${AUTHORIZATION}/roleAssignments/${randomUUID()}?api-version=2022-04-01`,
      body: { properties: { roleDefinitionId, principalId: identity.principalId, principalType: 'ServicePrincipal' } },
    });
  } else await assignRole(server, owner, { role, principalId: identity.principalId, scope: scopes[at] });
  const tokenFor = (resource: string) => getToken(server, resource, { managedIdentity: identity.clientId });
  const [management, data, graphToken] = await Promise.all([
    tokenFor(resources.management),
    tokenFor(resources.data),
    tokenFor(resources.graph),
  ]);
  return { ...identity, management, data, graph: graphToken };
}

const readTarget = (climber: Climber) => call(server, { path: '/secrets/target?api-version=7.5', token: climber.data });

before(async () => {
  server = await startServer();
  owner = await getToken(server, resources.management);
  graphOwner = await getToken(server, resources.graph);
  const filter = encodeURIComponent(`appId eq '${server.administrator.clientId}'`);
  const path = `/v1.0/applications?$filter=${filter}`;
  administratorApp = (await call(server, { host: 'graph', path, token: graphOwner })).body.value[0].id;
  const boss = { graph: graphOwner } as Climber;
  const { body: organizations } = await call(server, { host: 'graph', path: '/v1.0/organization', token: graphOwner });
  domain = organizations.value[0].verifiedDomains[0].name;
  const person = await graph(boss, 'POST', '/users', {
    accountEnabled: true,
    displayName: 'Boss',
    mailNickname: 'boss',
    userPrincipalName: `boss@${domain}`,
    passwordProfile: { password: 'Correct-horse-battery-1' },
  });
  administratorPerson = person.body.id;
  const promoted = await graph(boss, 'POST', '/roleManagement/directory/roleAssignments', {
    roleDefinitionId: '62e90394-69f5-4237-9190-012177145e10',
    principalId: administratorPerson,
    directoryScopeId: '/',
  });
  assert.equal(promoted.status, 201, promoted.text);
  const group = { displayName: 'owners', mailNickname: 'owners', mailEnabled: false, securityEnabled: true };
  owningGroup = (await graph(boss, 'POST', '/groups', group)).body.id;
  const ownership = { role: 'Owner', principalId: owningGroup, scope: subscription(), principalType: 'Group' };
  await assignRole(server, owner, ownership);
  const token = await getToken(server, resources.data);
  const made = await call(server, {
    method: 'PUT',
    path: '/secrets/target?api-version=7.5',
    token,
    body: { value: 'target' },
  });
  assert.equal(made.status, 200);
});
after(() => server.stop());

describe('nobody climbs', () => {
  for (const [index, { role, at, may, reads }] of climbers.entries()) {
    it(`by ${role} at the ${at}, beyond what that role is for`, async () => {
      const climber = await makeClimber(index, role, at);
      for (const [name, climb] of Object.entries(ladders)) {
        if (may.includes(name)) continue;
        const reply = await climb(climber);
        const expected = name === 'lift the access of a Global Administrator' ? [404] : [403];
        assert.ok(expected.includes(reply.status), `${name}: ${reply.status} ${reply.text}`);
        if (graphLadders.includes(name)) assert.equal(reply.body.error.code, 'Authorization_RequestDenied', name);
      }
      const before = reads ? 200 : 403;
      assert.equal((await readTarget(climber)).status, before);
      // A vault that follows roles may be given a policy by whoever writes vaults: it means nothing.
      const policy = await patchVault(climber, { accessPolicies: [policyFor(climber)] });
      assert.ok([200, 403].includes(policy.status), policy.text);
      assert.equal((await readTarget(climber)).status, before);
      for (const name of may.filter((one) => one !== 'switch the vault to access policies')) {
        const reply = await ladders[name]!(climber);
        assert.ok(reply.status < 300, `${name}: ${reply.status} ${reply.text}`);
      }
    });
  }

  for (const [index, { role, may, reaches = [] }] of directoryClimbers.entries()) {
    it(`by ${role} in the directory, beyond what that role is for`, async () => {
      const climber = await makeClimber(200 + index, 'Reader', 'vault');
      const given = await graph(
        { ...climber, graph: graphOwner },
        'POST',
        '/roleManagement/directory/roleAssignments',
        {
          roleDefinitionId: directoryRoles.find(({ name }) => name === role)!.templateId,
          principalId: climber.principalId,
          directoryScopeId: '/',
        },
      );
      assert.equal(given.status, 201, given.text);
      for (const [name, climb] of Object.entries(ladders)) {
        if (may.includes(name) || reaches.includes(name)) continue;
        const reply = await climb(climber);
        const expected = name === 'lift the access of a Global Administrator' ? 404 : 403;
        assert.equal(reply.status, expected, `${name}: ${reply.status} ${reply.text}`);
      }
      for (const name of may) {
        const reply = await ladders[name]!(climber);
        assert.ok(reply.status < 300, `${name}: ${reply.status} ${reply.text}`);
      }
      assert.equal((await readTarget(climber)).status, 403);
    });
  }

  it('by owning groups or applications', async () => {
    const climber = await makeClimber(100, 'Reader', 'subscription');
    const boss: Climber = { ...climber, graph: graphOwner };
    const group = (
      await graph(boss, 'POST', '/groups', {
        displayName: 'owned',
        mailNickname: 'owned',
        mailEnabled: false,
        securityEnabled: true,
      })
    ).body;
    const self = { '@odata.id': `https://graph.${server.domain}/v1.0/directoryObjects/${climber.principalId}` };
    assert.equal((await graph(climber, 'POST', `/groups/${group.id}/members/$ref`, self)).status, 403);
    assert.equal((await graph(climber, 'POST', `/groups/${group.id}/owners/$ref`, self)).status, 403);
    assert.equal((await graph(climber, 'POST', `/applications/${administratorApp}/owners/$ref`, self)).status, 403);
    // An owner of the administrator's application is still no administrator.
    const owned = await graph(boss, 'POST', `/applications/${administratorApp}/owners/$ref`, self);
    assert.equal(owned.status, 204, owned.text);
    for (const [method, path, body] of [
      ['POST', `/applications/${administratorApp}/addPassword`, { passwordCredential: { displayName: 'mine' } }],
      ['PATCH', `/applications/${administratorApp}`, { displayName: 'mine' }],
      ['DELETE', `/applications/${administratorApp}`, undefined],
    ] as const) {
      const reply = await graph(climber, method, path, body);
      assert.equal(reply.status, 403, `${method} ${path}: ${reply.status} ${reply.text}`);
    }
  });
});
