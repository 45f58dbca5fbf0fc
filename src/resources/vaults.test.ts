import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { DAY } from '../base/text.ts';

describe('vaults of the management plane', () => {
  let arm: ManagementPlane;
  const vaultPath = (name: string, group = 'apps') =>
    `${arm.subscription}/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${name}`;
  const body = (properties: object = {}, more: object = {}) => ({
    location: 'local',
    properties: { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' }, ...properties },
    ...more,
  });
  const put = (name: string, properties: object = {}, more: object = {}) =>
    arm.send('PUT', vaultPath(name), { body: body(properties, more) });

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('are made with the defaults of the service and are reached under the port that the caller used', async () => {
    const { status, body: vault } = await put('First-Vault', {}, { tags: { team: 'a' } });
    assert.equal(status, 200);
    assert.equal(vault.id, vaultPath('First-Vault'));
    assert.equal(vault.type, 'Microsoft.KeyVault/vaults');
    assert.deepEqual(vault.tags, { team: 'a' });
    assert.equal(vault.properties.vaultUri, 'https://first-vault.vault.localhost:8443/');
    assert.equal(vault.properties.enableSoftDelete, true);
    assert.equal(vault.properties.softDeleteRetentionInDays, 90);
    assert.equal(vault.properties.enableRbacAuthorization, true);
    assert.equal('enablePurgeProtection' in vault.properties, false);
    assert.equal(vault.properties.provisioningState, 'Succeeded');
    assert.equal(vault.systemData.createdBy, arm.owner);
    assert.equal(vault.systemData.createdByType, 'Application');
    assert.deepEqual((await arm.send('GET', vaultPath('first-vault'))).body, vault);
    const plain = await arm.send('GET', vaultPath('first-vault'), { host: 'management.localhost:443' });
    assert.equal(plain.body.properties.vaultUri, 'https://first-vault.vault.localhost/');
  });

  it('use access policies where an older api-version leaves the permission model out', async () => {
    const made = await arm.send('PUT', vaultPath('old-api'), { body: body(), version: '2023-07-01' });
    assert.equal(made.body.properties.enableRbacAuthorization, false);
    const again = await put('old-api');
    assert.equal(again.body.properties.enableRbacAuthorization, false, 'an update never changes it');
  });

  it('are refused without a tenant, a tier or a location', async () => {
    const send = (content: object) => arm.send('PUT', vaultPath('half-made'), { body: content });
    assert.equal((await send({ location: 'local' })).body.error.code, 'InvalidRequestContent');
    assert.equal((await send({ properties: {} })).body.error.code, 'LocationRequired');
    assert.equal((await send({ location: 'local', properties: {} })).body.error.code, 'BadRequest');
    assert.equal(
      (await send({ ...body(), location: 'moon base!' })).body.error.code,
      'LocationNotAvailableForResourceType',
    );
    assert.equal((await arm.send('GET', vaultPath('half-made'))).status, 404);
  });

  it('refuse names that cannot be host names', async () => {
    for (const name of ['ab', '1abc', 'a--b', 'ends-', 'has_underscore', 'x'.repeat(25)]) {
      const { status, body: answer } = await put(name);
      assert.equal(status, 400, name);
      assert.equal(answer.error.code, 'VaultNameNotValid', name);
    }
  });

  it('keep their settings through a PATCH and lose what a PUT leaves out', async () => {
    const acl = {
      bypass: 'None',
      defaultAction: 'Deny',
      ipRules: [{ value: '192.0.2.7' }, { value: '2001:db8::/32' }],
    };
    await put('edges', { networkAcls: acl, enabledForDeployment: true }, { tags: { a: '1' } });
    const patched = await arm.send('PATCH', vaultPath('edges'), {
      body: { properties: { enabledForDiskEncryption: true } },
    });
    assert.equal(patched.status, 200);
    assert.deepEqual(patched.body.tags, { a: '1' });
    assert.deepEqual(patched.body.properties.networkAcls, {
      ...acl,
      ipRules: [{ value: '192.0.2.7/32' }, { value: '2001:db8::/32' }],
      virtualNetworkRules: [],
    });
    assert.equal(patched.body.properties.enabledForDeployment, true);
    const replaced = await put('edges');
    assert.deepEqual(replaced.body.tags, {});
    assert.equal(replaced.body.properties.enabledForDeployment, false);
    assert.equal(replaced.body.properties.networkAcls.defaultAction, 'Allow');
  });

  it('take back what a GET answered, read-only members and all', async () => {
    const made = await put('echo', { enablePurgeProtection: true, softDeleteRetentionInDays: 7 });
    const echoed = await arm.send('PUT', vaultPath('echo'), { body: made.body });
    assert.equal(echoed.status, 200);
    assert.deepEqual({ ...echoed.body, systemData: null }, { ...made.body, systemData: null });
  });

  it('refuse what cannot be changed, and change nothing', async () => {
    await put('fixed', { enablePurgeProtection: true, softDeleteRetentionInDays: 30 });
    const before = (await arm.send('GET', vaultPath('fixed'))).body;
    const refused: [object, string][] = [
      [{ enablePurgeProtection: false }, 'cannot be set to false'],
      [{ softDeleteRetentionInDays: 31 }, 'softDeleteRetentionInDays'],
      [{ enableSoftDelete: false }, 'enableSoftDelete'],
      [{ sku: { family: 'A', name: 'premium' } }, 'premium'],
      [{ tenantId: '22222222-2222-4222-8222-222222222222' }, 'tenant'],
      [{ networkAcls: { virtualNetworkRules: [{ id: '/subscriptions/x' }] } }, 'Virtual network rules'],
      [{ networkAcls: { ipRules: [{ value: '300.1.1.1' }] } }, 'ipRules[0]'],
      [{ publicNetworkAccess: 'Sometimes' }, 'publicNetworkAccess'],
      [{ enabledForDeployment: 'yes' }, 'enabledForDeployment'],
    ];
    for (const [properties, words] of refused) {
      const { status, body: answer } = await arm.send('PATCH', vaultPath('fixed'), { body: { properties } });
      assert.equal(status, 400, words);
      assert.equal(answer.error.code, 'BadRequest', words);
      assert.ok(answer.error.message.includes(words), answer.error.message);
    }
    const moved = await arm.send('PUT', vaultPath('fixed'), { body: { ...body(), location: 'westeurope' } });
    assert.equal(moved.status, 409);
    assert.equal(moved.body.error.code, 'InvalidResourceLocation');
    assert.deepEqual((await arm.send('GET', vaultPath('fixed'))).body, before);
  });

  it('have names that are taken everywhere', async () => {
    await put('everywhere');
    await arm.send('PUT', `${arm.subscription}/resourcegroups/other`, { body: { location: 'local' } });
    const twin = await arm.send('PUT', vaultPath('Everywhere', 'other'), { body: body() });
    assert.equal(twin.status, 409);
    assert.equal(twin.body.error.code, 'VaultAlreadyExists');
    assert.equal(
      (await arm.send('GET', vaultPath('everywhere', 'other'))).status,
      404,
      'not reached through another group',
    );
    assert.equal((await arm.send('DELETE', vaultPath('everywhere', 'other'))).status, 204);
    assert.equal((await arm.send('GET', vaultPath('everywhere'))).status, 200);
  });

  it('are soft-deleted, hold their name, and come back as they were', async () => {
    await put(
      'comes-back',
      { sku: { family: 'A', name: 'premium' }, softDeleteRetentionInDays: 10 },
      { tags: { a: 'b' } },
    );
    const role = await arm.principal('Key Vault Secrets User', vaultPath('comes-back'));
    const live = (await arm.send('GET', vaultPath('comes-back'))).body;
    assert.equal((await arm.send('DELETE', vaultPath('comes-back'))).status, 200);
    assert.equal((await arm.send('DELETE', vaultPath('comes-back'))).status, 204);
    assert.equal((await arm.send('GET', vaultPath('comes-back'))).status, 404);
    assert.notEqual((await arm.directory.find('comes-back'))?.deleted, null);

    const blocked = await put('comes-back');
    assert.equal(blocked.status, 409);
    assert.equal(blocked.body.error.code, 'ConflictError');
    assert.ok(blocked.body.error.message.includes('recover or purge'));

    const deleted = `${arm.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/comes-back`;
    const shown = await arm.send('GET', deleted);
    assert.equal(shown.body.properties.vaultId, live.id);
    const span = Date.parse(shown.body.properties.scheduledPurgeDate) - Date.parse(shown.body.properties.deletionDate);
    assert.equal(span, 10 * DAY);
    const list = await arm.send('GET', `${arm.subscription}/providers/Microsoft.KeyVault/deletedVaults`);
    assert.deepEqual(
      list.body.value.find(({ name }: { name: string }) => name === 'comes-back'),
      shown.body,
    );

    const recovered = await put('comes-back', { createMode: 'recover' });
    assert.equal(recovered.status, 200);
    assert.equal(recovered.body.properties.sku.name, 'premium');
    assert.deepEqual(recovered.body.tags, { a: 'b' });
    assert.equal((await arm.directory.find('comes-back'))?.deleted, null);
    assert.equal((await arm.access.grantsOf(arm.caller(role))).length, 1);
  });

  it('are recovered only in the group they were in', async () => {
    await put('strays');
    await arm.send('DELETE', vaultPath('strays'));
    await arm.send('PUT', `${arm.subscription}/resourcegroups/mine`, { body: { location: 'local' } });
    const contributor = await arm.principal('Contributor', `${arm.subscription}/resourceGroups/mine`);
    const stolen = await arm.send('PUT', vaultPath('strays', 'mine'), {
      as: contributor,
      body: body({ createMode: 'recover' }),
    });
    assert.equal(stolen.status, 404);
    assert.equal(stolen.body.error.code, 'SoftDeletedVaultDoesNotExist');
    assert.equal((await put('nothing', { createMode: 'recover' })).status, 404);
  });

  it('are purged for good, with their roles and their key, and the name is free', async () => {
    await put('gone');
    const internal = (await arm.directory.find('gone'))!;
    const reader = await arm.principal('Key Vault Secrets User', `${vaultPath('gone')}/secrets/one`);
    await arm.send('DELETE', vaultPath('gone'));
    const deleted = `${arm.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/gone`;
    assert.equal((await arm.send('POST', deleted.replace('/local/', '/westus/').concat('/purge'))).status, 404);
    const purge = await arm.send('POST', `${deleted}/purge`);
    assert.equal(purge.status, 202);
    const location = String(purge.headers['location']);
    assert.ok(location.startsWith('https://management.localhost:8443/subscriptions/'));
    const result = await arm.send('GET', location);
    assert.equal(result.status, 200);
    assert.equal((await arm.send('GET', deleted)).body.error.code, 'DeletedVaultNotFound');
    assert.equal(await arm.directory.find('gone'), null);
    assert.deepEqual(await arm.access.grantsOf(arm.caller(reader)), []);
    await assert.rejects(arm.keyring.vaultKey(arm.store.reader, internal.id));
    assert.equal((await put('gone')).status, 200);
  });

  it('are not purged by anyone under purge protection', async () => {
    await put('kept', { enablePurgeProtection: true });
    await arm.send('DELETE', vaultPath('kept'));
    const purge = await arm.send(
      'POST',
      `${arm.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/kept/purge`,
    );
    assert.equal(purge.status, 405);
    assert.equal(purge.body.error.code, 'MethodNotAllowed');
    assert.notEqual(await arm.directory.find('kept'), null);
  });

  it('are purged only by those who hold the purge action', async () => {
    await put('guarded');
    await arm.send('DELETE', vaultPath('guarded'));
    const path = `${arm.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/guarded/purge`;
    const contributor = await arm.principal('Key Vault Contributor', arm.subscription);
    assert.equal((await arm.send('POST', path, { as: contributor })).status, 403);
    const operator = await arm.principal('Key Vault Purge Operator', arm.subscription);
    assert.equal((await arm.send('POST', path, { as: operator })).status, 202);
  });

  it('change their permission model only for those who may assign every role', async () => {
    await put('models');
    const contributor = await arm.principal('Key Vault Contributor', arm.subscription);
    const change = { properties: { enableRbacAuthorization: false } };
    const refused = await arm.send('PATCH', vaultPath('models'), { as: contributor, body: change });
    assert.equal(refused.status, 403);
    assert.equal((await arm.directory.find('models'))?.settings.enableRbacAuthorization, true);
    const same = await arm.send('PATCH', vaultPath('models'), {
      as: contributor,
      body: { properties: { enableRbacAuthorization: true } },
    });
    assert.equal(same.status, 200, 'naming the model it has is no change');
    await arm.grant(contributor, 'Key Vault Data Access Administrator', arm.subscription);
    const delegated = await arm.send('PATCH', vaultPath('models'), { as: contributor, body: change });
    assert.equal(delegated.status, 403, 'a limited right to assign does not do');
    assert.equal((await arm.send('PATCH', vaultPath('models'), { body: change })).status, 200);
  });

  it('take access policies one by one', async () => {
    await arm.send('PUT', vaultPath('policies'), { body: body({ enableRbacAuthorization: false }) });
    const objectId = '33333333-3333-4333-8333-333333333333';
    const change = (operation: string, permissions: object) =>
      arm.send('PUT', `${vaultPath('policies')}/accessPolicies/${operation}`, {
        body: { properties: { accessPolicies: [{ tenantId: arm.tenantId, objectId, permissions }] } },
      });
    const added = await change('add', { secrets: ['Get'], keys: ['wrapKey'] });
    assert.equal(added.status, 200);
    assert.deepEqual(added.body.properties.accessPolicies[0].permissions, { keys: ['wrapKey'], secrets: ['get'] });
    await change('add', { secrets: ['list', 'get'] });
    assert.deepEqual((await arm.directory.find('policies'))?.settings.accessPolicies[0]?.permissions.secrets, [
      'get',
      'list',
    ]);
    await change('replace', { secrets: ['set'] });
    const stored = (await arm.directory.find('policies'))?.settings.accessPolicies[0]?.permissions;
    assert.deepEqual(stored, { secrets: ['set'] });
    assert.equal((await change('remove', { secrets: ['set'] })).body.properties.accessPolicies.length, 0);
    assert.equal((await change('merge', {})).status, 400);
    assert.equal((await change('add', { secrets: ['fly'] })).status, 400);
  });

  it('tell whether a name is free', async () => {
    const check = async (name: unknown, type: unknown = 'Microsoft.KeyVault/vaults') =>
      (
        await arm.send('POST', `${arm.subscription}/providers/Microsoft.KeyVault/checkNameAvailability`, {
          body: { name, type },
        })
      ).body;
    assert.deepEqual(await check('free-name'), { nameAvailable: true });
    assert.equal((await check('a--b')).reason, 'AccountNameInvalid');
    await put('taken');
    assert.equal((await check('Taken')).reason, 'AlreadyExists');
    await arm.send('DELETE', vaultPath('taken'));
    assert.equal((await check('taken')).nameAvailable, false);
    assert.equal((await check(7)).error.code, 'InvalidRequestContent');
  });

  it('are listed page by page, and only those that the caller may read', async () => {
    await arm.send('PUT', `${arm.subscription}/resourcegroups/lists`, { body: { location: 'local' } });
    for (const name of ['vault-a', 'vault-b', 'vault-c'])
      await arm.send('PUT', vaultPath(name, 'lists'), { body: body() });
    const names: string[] = [];
    let path = `${arm.subscription}/resourceGroups/lists/providers/Microsoft.KeyVault/vaults?$top=2`;
    for (let pages = 0; path !== '' && pages < 5; pages++) {
      const { body: page } = await arm.send('GET', path);
      names.push(...page.value.map(({ name }: { name: string }) => name));
      path = page.nextLink ?? '';
    }
    assert.deepEqual(names, ['vault-a', 'vault-b', 'vault-c']);
    const reader = await arm.principal('Reader', vaultPath('vault-b', 'lists'));
    const mine = await arm.send('GET', `${arm.subscription}/providers/Microsoft.KeyVault/vaults`, { as: reader });
    assert.deepEqual(
      mine.body.value.map(({ name }: { name: string }) => name),
      ['vault-b'],
    );
    const stranger = await arm.principal();
    const refused = await arm.send('GET', `${arm.subscription}/providers/Microsoft.KeyVault/vaults`, { as: stranger });
    assert.equal(refused.status, 403);
    assert.equal((await arm.send('GET', `${arm.subscription}/providers/Microsoft.KeyVault/vaults?$top=0`)).status, 400);
    const { nextLink } = (await arm.send('GET', `${arm.subscription}/resources?$top=1`)).body;
    for (const token of ['!', 'AAAA', new URL(nextLink).searchParams.get('$skiptoken')]) {
      const other = await arm.send(
        'GET',
        `${arm.subscription}/providers/Microsoft.KeyVault/vaults?$skiptoken=${token}`,
      );
      assert.equal(other.status, 400, String(token));
    }
  });

  it('answer 404 for unknown groups and subscriptions, 403 without a role, 401 without a token', async () => {
    assert.equal((await arm.send('GET', vaultPath('x1y', 'nowhere'))).body.error.code, 'ResourceGroupNotFound');
    assert.equal((await arm.send('DELETE', vaultPath('x1y', 'nowhere'))).status, 404);
    const root = await arm.principal('Owner', '/');
    const elsewhere =
      '/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v1v';
    assert.equal((await arm.send('GET', elsewhere, { as: root })).body.error.code, 'SubscriptionNotFound');
    assert.equal((await arm.send('GET', elsewhere)).status, 403);
    const stranger = await arm.principal();
    assert.equal((await arm.send('GET', vaultPath('x1y'), { as: stranger })).status, 403);
    assert.equal((await arm.send('GET', vaultPath('x1y'), { as: null })).status, 401);
  });
});
