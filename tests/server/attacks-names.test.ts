import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, makeIdentity, manage, putVault, vaultScope } from '../support/arm.ts';
import { call, getToken, hostOf, resources, sendRaw } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Names that look alike, or that some fold would make alike: none is taken for the other, and none makes a second. */
const V = 'api-version=7.5';
let server: TestServer;
let owner: string;
let manager: string;
let directory: string;
let reader: { principalId: string; clientId: string };
let readerToken: string;

/** What a name becomes under folds that are not ours. `kiss` has letters that each of them changes. */
const twins: Readonly<Record<string, string>> = {
  'Kelvin sign': '\u212aiss',
  'long s': 'ki\u017fs',
  'dotless i': 'k\u0131ss',
  'capital I with dot': 'K\u0130SS',
  'full width': '\uff4b\uff49\uff53\uff53',
  'zero width space': 'ki\u200bss',
  'zero width joiner': 'kiss\u200d',
  'soft hyphen': 'ki\u00adss',
  'byte order mark': '\ufeffkiss',
  Cyrillic: 'k\u0456ss',
  'combining dot': 'ki\u0307ss',
  'sharp s': 'ki\u00df',
  'right to left': '\u202ekiss',
  'no-break space': 'kiss\u00a0',
};

before(async () => {
  server = await startServer();
  [owner, manager, directory] = await Promise.all([
    getToken(server, resources.data),
    getToken(server, resources.management),
    getToken(server, resources.graph),
  ]);
  for (const name of ['kiss', 'other']) {
    const made = await call(server, {
      method: 'PUT',
      path: `/secrets/${name}?${V}`,
      token: owner,
      body: { value: name },
    });
    assert.equal(made.status, 200);
  }
  reader = await makeIdentity(server, manager, 'reader');
  readerToken = await getToken(server, resources.data, { managedIdentity: reader.clientId });
  const scope = `${vaultScope(server, 'main-vault')}/secrets/kiss`;
  await assignRole(server, manager, { role: 'Key Vault Secrets User', principalId: reader.principalId, scope });
});
after(() => server.stop());

describe('names that look alike', () => {
  it('fold in ASCII alone: a secret is the same in any letter case and is nothing else', async () => {
    for (const spelled of ['KISS', 'Kiss', '%4biss', 'ki%53s']) {
      const reply = await call(server, { path: `/secrets/${spelled}?${V}`, token: readerToken });
      assert.equal(reply.body.value, 'kiss', spelled);
    }
    for (const [name, twin] of Object.entries(twins)) {
      for (const token of [owner, readerToken]) {
        const read = await call(server, { path: `/secrets/${encodeURIComponent(twin)}?${V}`, token });
        assert.ok([400, 403, 404].includes(read.status), `${name}: ${read.status} ${read.text}`);
        assert.doesNotMatch(read.text, /"value"/, name);
      }
      const body = { value: 'twin' };
      const made = await call(server, {
        method: 'PUT',
        path: `/secrets/${encodeURIComponent(twin)}?${V}`,
        token: owner,
        body,
      });
      assert.ok([400, 404].includes(made.status), `${name}: ${made.status}`);
    }
    const { body } = await call(server, { path: `/secrets?${V}`, token: owner });
    assert.deepEqual(body.value.map(({ id }: { id: string }) => id.split('/')[4]).sort(), ['kiss', 'other']);
  });

  it('do not reach a vault by a Host that is not its own', async () => {
    for (const [name, twin] of Object.entries(twins)) {
      const host = `main-vault.vault.localhost`.replace('main', `main${twin}`);
      const bytes = Buffer.from(
        `GET /secrets/kiss?${V} HTTP/1.1\r\nHost: ${host}:${server.port}\r\nAuthorization: Bearer ${owner}\r\n\r\n`,
      );
      const { replies } = await sendRaw(server, bytes);
      assert.ok(
        replies.every(({ status }) => status === 400 || status === 404),
        name,
      );
    }
    const kelvin = Buffer.from(
      `GET /secrets/kiss?${V} HTTP/1.1\r\nHost: main-vault.vault.localho\u017ft\r\nAuthorization: Bearer ${owner}\r\n\r\n`,
    );
    const { replies } = await sendRaw(server, kelvin);
    assert.ok(replies.every(({ status }) => status === 400 || status === 404));
    const upper = hostOf(server, 'main-vault.vault').toUpperCase();
    const same = await call(server, { path: `/secrets/kiss?${V}`, token: owner, headers: { host: upper } });
    assert.equal(same.status, 200);
  });

  it('make no second vault, group, scope or role', async () => {
    assert.equal((await putVault(server, manager, 'kiss-vault')).status, 200);
    assert.equal((await putVault(server, manager, 'KISS-Vault')).status, 200, 'the same vault');
    for (const [name, twin] of Object.entries(twins)) {
      const path = `${groupScope(server)}/providers/Microsoft.KeyVault/vaults/${encodeURIComponent(`${twin}-vault`)}`;
      const properties = { tenantId: server.tenantId, sku: { family: 'A', name: 'standard' } };
      const vault = await manage(server, manager, {
        method: 'PUT',
        path: `${path}?api-version=2023-07-01`,
        body: { location: 'local', properties },
        mayFail: true,
      });
      assert.ok([400, 404].includes(vault.status), `${name}: ${vault.status} ${vault.text}`);
      const read = await manage(server, manager, {
        method: 'GET',
        path: `${path}?api-version=2023-07-01`,
        mayFail: true,
      });
      assert.ok([400, 404].includes(read.status), `${name}: ${read.status}`);
      // The twin of a scope is no scope: a role there would be nobody's.
      const scope = `${vaultScope(server, 'main-vault')}/secrets/${encodeURIComponent(twin)}`;
      const role = '4633458b-17de-408a-b874-0445c86b69e6';
      const given = await manage(server, manager, {
        method: 'PUT',
        path: `${scope}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000001?api-version=2022-04-01`,
        body: {
          properties: {
            roleDefinitionId: `/subscriptions/${server.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
            principalId: reader.principalId,
            principalType: 'ServicePrincipal',
          },
        },
        mayFail: true,
      });
      assert.ok([400, 404, 501].includes(given.status), `${name}: ${given.status} ${given.text}`);
      const access = `/subscriptions/${server.subscriptionId}/resourceGroups/${encodeURIComponent(`strongroo${twin}`)}`;
      const group = await manage(server, manager, {
        method: 'GET',
        path: `${access}?api-version=2022-12-01`,
        mayFail: true,
      });
      assert.ok([400, 404].includes(group.status), `${name}: ${group.status}`);
    }
    const list = await manage(server, manager, {
      method: 'GET',
      path: `${groupScope(server)}/providers/Microsoft.KeyVault/vaults?api-version=2023-07-01`,
    });
    assert.deepEqual(list.body.value.map((vault: { name: string }) => vault.name).sort(), ['kiss-vault', 'main-vault']);
  });

  it('make no second user', async () => {
    const user = (userPrincipalName: string) =>
      call(server, {
        method: 'POST',
        host: 'graph',
        path: '/v1.0/users',
        token: directory,
        body: {
          accountEnabled: true,
          displayName: 'Kiss',
          mailNickname: 'kiss',
          userPrincipalName,
          passwordProfile: { password: 'Correct-horse-battery-1', forceChangePasswordNextSignIn: false },
        },
      });
    const { body: organizations } = await call(server, { host: 'graph', path: '/v1.0/organization', token: directory });
    const domain = organizations.value[0].verifiedDomains[0].name;
    const first = await user(`kiss@${domain}`);
    assert.equal(first.status, 201, first.text);
    assert.equal((await user(`KISS@${domain}`)).status, 400);
    for (const [name, twin] of Object.entries(twins)) {
      const reply = await user(`${twin}@${domain}`);
      assert.equal(reply.status, 400, `${name}: ${reply.status} ${reply.text}`);
    }
  });
});
