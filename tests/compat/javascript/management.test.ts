import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { AuthorizationManagementClient } from '@azure/arm-authorization';
import type { RestError } from '@azure/core-rest-pipeline';
import { freshName, group, objectIdOf, openSession, type Session } from './session.ts';

let session: Session;

before(async () => {
  session = await openSession();
});

after(async () => {
  await session?.close();
});

const sku = { family: 'A', name: 'standard' } as const;
const type = 'Microsoft.KeyVault/vaults';

function refused(status: number, code: string): (error: unknown) => boolean {
  return (error) => {
    const { statusCode, code: shown } = error as RestError;
    assert.deepEqual([statusCode, shown], [status, code], String(error));
    return true;
  };
}

async function namesOf(items: AsyncIterable<{ name?: string }>): Promise<(string | undefined)[]> {
  const names: (string | undefined)[] = [];
  for await (const { name } of items) names.push(name);
  return names;
}

describe('what is inside a vault, on the management plane', () => {
  it('is secrets without their values, and private endpoint connections with their states', async () => {
    const { secrets, privateEndpointConnections: connections, privateLinkResources, operations } = session.vaults;
    const name = await session.makeVault('js-inside');
    const made = await secrets.createOrUpdate(group, name, 'one', { properties: { value: 'hidden' } });
    assert.deepEqual([made.name, made.properties.value], ['one', undefined]);
    const patched = await secrets.update(group, name, 'one', { properties: { contentType: 'text/plain' } });
    assert.equal(patched.properties.secretUriWithVersion, made.properties.secretUriWithVersion);
    assert.deepEqual(await namesOf(secrets.list(group, name)), ['one']);
    const endpoint = { id: session.vaultScope(name).replace(/KeyVault.*/, 'Network/privateEndpoints/pe') };
    const path = `${session.vaultScope(name)}/privateEndpointConnections/pe?api-version=2026-02-01`;
    await session.call('PUT', 'management', path, { properties: { privateEndpoint: endpoint } });
    const state = { status: 'Approved', description: 'ours' };
    const approved = await connections.put(group, name, 'pe', { privateLinkServiceConnectionState: state });
    assert.equal(approved.privateLinkServiceConnectionState?.status, 'Approved');
    assert.deepEqual(await namesOf(connections.listByResource(group, name)), ['pe']);
    await connections.delete(group, name, 'pe');
    assert.deepEqual(await namesOf(connections.listByResource(group, name)), []);
    assert.equal((await privateLinkResources.listByVault(group, name)).value?.[0]?.groupId, 'vault');
    assert.ok((await namesOf(operations.list())).includes('Microsoft.KeyVault/vaults/secrets/write'));
  });
});

describe('a vault', () => {
  it('lives, is changed, dies, comes back and is purged', async () => {
    const { vaults } = session.vaults;
    const { tenantId, domain, port } = session.server;
    const name = freshName('js-life');
    assert.equal((await vaults.checkNameAvailability({ name, type })).nameAvailable, true);
    const properties = { tenantId, sku, softDeleteRetentionInDays: 7 };
    const order = { location: 'local', tags: { team: 'blue' }, properties };
    const made = await vaults.createOrUpdate(group, name, order);
    assert.deepEqual([made.id, made.tags], [session.vaultScope(name), { team: 'blue' }]);
    assert.deepEqual(
      [made.properties.vaultUri, made.properties.enableRbacAuthorization, made.properties.softDeleteRetentionInDays],
      [`https://${name}.vault.${domain}:${port}/`, true, 7],
    );
    const taken = await vaults.checkNameAvailability({ name, type });
    assert.deepEqual([taken.nameAvailable, taken.reason], [false, 'AlreadyExists']);
    assert.equal((await vaults.checkNameAvailability({ name: '1', type })).reason, 'AccountNameInvalid');

    const changed = await vaults.update(group, name, {
      tags: { team: 'red' },
      properties: { enabledForDeployment: true },
    });
    assert.deepEqual([changed.tags, changed.properties.enabledForDeployment], [{ team: 'red' }, true]);
    assert.equal((await vaults.get(group, name)).properties.softDeleteRetentionInDays, 7);
    for (const list of [vaults.list(), vaults.listBySubscription(), vaults.listByResourceGroup(group)]) {
      assert.ok((await namesOf(list)).includes(name));
    }

    await vaults.delete(group, name);
    await assert.rejects(vaults.get(group, name), refused(404, 'ResourceNotFound'));
    assert.ok((await namesOf(vaults.listDeleted())).includes(name));
    const { properties: deleted } = await vaults.getDeleted(name, 'local');
    assert.equal(deleted?.vaultId, session.vaultScope(name));
    assert.equal(Number(deleted?.scheduledPurgeDate) - Number(deleted?.deletionDate), 7 * 86_400_000);
    await assert.rejects(async () => vaults.createOrUpdate(group, name, order), refused(409, 'ConflictError'));

    const recover = { location: 'local', properties: { tenantId, sku, createMode: 'recover' as const } };
    const recovered = await vaults.createOrUpdate(group, name, recover);
    assert.equal(recovered.properties.softDeleteRetentionInDays, 7);
    await vaults.delete(group, name);
    await vaults.purgeDeleted(name, 'local');
    assert.ok(!(await namesOf(vaults.listDeleted())).includes(name));
    assert.equal((await vaults.checkNameAvailability({ name, type })).nameAvailable, true);
  });

  it('under purge protection cannot be purged, and the protection cannot be taken away', async () => {
    const { vaults } = session.vaults;
    const name = await session.makeVault('js-held', [], { enablePurgeProtection: true });
    const off = { properties: { enablePurgeProtection: false } };
    await assert.rejects(vaults.update(group, name, off), (error: RestError) => error.statusCode === 400);
    await vaults.delete(group, name);
    await assert.rejects(async () => vaults.purgeDeleted(name, 'local'));
    assert.ok((await namesOf(vaults.listDeleted())).includes(name));
  });

  it('pages through more vaults than are asked for at once', async () => {
    const made = [];
    for (const prefix of ['js-p1', 'js-p2', 'js-p3']) made.push(await session.makeVault(prefix));
    const found = [];
    for await (const page of session.vaults.vaults.listByResourceGroup(group, { top: 1 }).byPage()) {
      assert.ok(page.length <= 1);
      found.push(...page.map(({ name }) => name));
    }
    for (const name of made) assert.equal(found.filter((one) => one === name).length, 1, name);
  });

  it('decides by access policies where it is told to', async () => {
    const { vaults } = session.vaults;
    const { tenantId } = session.server;
    const vault = await session.makeVault('js-policy', [], { enableRbacAuthorization: false, accessPolicies: [] });
    const { principalId, credential } = await session.makeApplication('js-policy-reader');
    const client = session.secrets(vault, credential);
    const entry = (...secrets: string[]) => ({
      properties: { accessPolicies: [{ tenantId, objectId: principalId, permissions: { secrets } }] },
    });
    await assert.rejects(client.setSecret('s', 'x'), refused(403, 'Forbidden'));
    await vaults.updateAccessPolicy(group, vault, 'add', entry('get', 'set'));
    assert.equal((await client.setSecret('s', 'by policy')).value, 'by policy');
    const { properties } = await vaults.updateAccessPolicy(group, vault, 'replace', entry('get'));
    assert.deepEqual(
      properties.accessPolicies.map(({ permissions }) => permissions.secrets),
      [['get']],
    );
    assert.equal((await client.getSecret('s')).value, 'by policy');
    await assert.rejects(client.setSecret('s', 'x'), refused(403, 'Forbidden'));
    await vaults.updateAccessPolicy(group, vault, 'remove', entry('get'));
    await assert.rejects(client.getSecret('s'), refused(403, 'Forbidden'));
  });

  it('is refused to those who have no role, and the refusal names the action', async () => {
    const { credential } = await session.makeApplication('js-nobody');
    const { management, authority, server } = session;
    const options = { endpoint: management, tlsOptions: authority.tlsOptions };
    const roles = new AuthorizationManagementClient(credential, server.subscriptionId, options);
    const scope = `/subscriptions/${server.subscriptionId}`;
    const body = { roleDefinitionId: `${scope}/x`, principalId: randomUUID() };
    await assert.rejects(roles.roleAssignments.create(scope, randomUUID(), body), (error: RestError) => {
      assert.equal(error.code, 'AuthorizationFailed');
      assert.match(error.message, /Microsoft\.Authorization\/roleAssignments\/write/);
      return true;
    });
  });
});

describe('role assignments', () => {
  it('are made, read, listed and taken away at every scope', async () => {
    const vault = await session.makeVault('js-scopes', ['Key Vault Secrets Officer']);
    await session.secrets(vault).setSecret('one', 'x');
    const { principalId } = await session.makeApplication('js-scopes');
    const { roleAssignments } = session.roles;
    const subscription = `/subscriptions/${session.server.subscriptionId}`;
    const scopes = [
      subscription,
      `${subscription}/resourceGroups/${group}`,
      session.vaultScope(vault),
      `${session.vaultScope(vault)}/secrets/one`,
    ];
    for (const scope of scopes) {
      const name = await session.grant('Key Vault Secrets User', scope, principalId);
      const made = await roleAssignments.get(scope, name);
      assert.deepEqual([made.scope, made.principalId, made.principalType], [scope, principalId, 'ServicePrincipal']);
      assert.equal((await roleAssignments.getById(made.id ?? '')).name, name);
      assert.ok((await namesOf(roleAssignments.listForScope(scope))).includes(name));
      assert.ok((await namesOf(roleAssignments.listForScope(scope, { filter: 'atScope()' }))).includes(name));
      const mine = roleAssignments.listForSubscription({ filter: `principalId eq '${principalId}'` });
      assert.deepEqual(await namesOf(mine), [name]);
      assert.equal((await roleAssignments.delete(scope, name)).name, name);
      await assert.rejects(roleAssignments.get(scope, name), (error: RestError) => error.statusCode === 404);
    }
    assert.ok(!(await roleAssignments.delete(session.vaultScope(vault), randomUUID()))?.name);
  });

  it('that exist already are a conflict', async () => {
    const vault = await session.makeVault('js-twice', ['Key Vault Reader']);
    const token = await session.administrator.getToken(`${session.management}/.default`);
    const again = session.grant('Key Vault Reader', session.vaultScope(vault), objectIdOf(token?.token ?? ''));
    await assert.rejects(again, refused(409, 'RoleAssignmentExists'));
  });

  it('decide at the very next request, and so does their removal', async () => {
    const vault = await session.makeVault('js-fresh', ['Key Vault Secrets Officer']);
    await session.secrets(vault).setSecret('shared', 'seen');
    await session.secrets(vault).setSecret('other', 'unseen');
    const { principalId, credential } = await session.makeApplication('js-reader');
    const client = session.secrets(vault, credential, { retryOptions: { maxRetries: 0 } });
    await assert.rejects(client.getSecret('shared'), (error: RestError) => {
      assert.deepEqual([error.statusCode, error.code], [403, 'Forbidden']);
      assert.match(error.message, /secrets\/getSecret\/action/);
      return true;
    });
    const whole = session.vaultScope(vault);
    const name = await session.grant('Key Vault Secrets User', whole, principalId);
    assert.equal((await client.getSecret('shared')).value, 'seen');
    await assert.rejects(client.setSecret('shared', 'x'), refused(403, 'Forbidden'));
    await session.roles.roleAssignments.delete(whole, name);
    await assert.rejects(client.getSecret('shared'), refused(403, 'Forbidden'));

    const one = `${whole}/secrets/shared`;
    await session.grant('Key Vault Secrets User', one, principalId);
    assert.equal((await client.getSecret('shared')).value, 'seen');
    await assert.rejects(client.getSecret('other'), refused(403, 'Forbidden'));
  });
});

describe('role definitions', () => {
  it('hold the built-in roles of the service, found by name and by id', async () => {
    const { roleDefinitions } = session.roles;
    const scope = `/subscriptions/${session.server.subscriptionId}`;
    const names: (string | undefined)[] = [];
    for await (const { roleName } of roleDefinitions.list(scope)) names.push(roleName);
    for (const role of [
      'Owner',
      'Reader',
      'Key Vault Administrator',
      'Key Vault Secrets Officer',
      'Key Vault Secrets User',
    ]) {
      assert.ok(names.includes(role), role);
    }
    const id = '4633458b-17de-408a-b874-0445c86b69e6';
    const user = await roleDefinitions.get(scope, id);
    assert.deepEqual([user.roleName, user.name], ['Key Vault Secrets User', id]);
    assert.ok(user.permissions?.[0]?.dataActions?.includes('Microsoft.KeyVault/vaults/secrets/getSecret/action'));
    assert.equal((await roleDefinitions.getById(user.id ?? '')).roleName, 'Key Vault Secrets User');
  });
});
