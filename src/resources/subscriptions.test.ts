import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { createSubscription } from './service.ts';

describe('subscriptions, providers and the metadata of the cloud', () => {
  let arm: ManagementPlane;

  before(async () => {
    arm = await managementPlane();
  });
  after(() => arm.cleanup());

  it('shows a caller the subscriptions in which it has a role at any scope', async () => {
    const other = await arm.store.write((transaction) =>
      createSubscription(transaction, arm, { tenantId: arm.tenantId, name: 'Other' }),
    );
    const { body } = await arm.send('GET', '/subscriptions');
    assert.equal(body.value.length, 1);
    assert.equal(body.value[0].displayName, 'Strongroom');
    assert.equal(body.value[0].state, 'Enabled');
    assert.equal(body.value[0].tenantId, arm.tenantId);
    const vault = `/subscriptions/${other.id}/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v1`;
    const deep = await arm.principal('Key Vault Secrets User', vault);
    assert.equal((await arm.send('GET', '/subscriptions', { as: deep })).body.value[0].subscriptionId, other.id);
    assert.deepEqual((await arm.send('GET', '/subscriptions', { as: await arm.principal() })).body.value, []);
    assert.equal((await arm.send('GET', arm.subscription, { as: deep })).status, 403);
    assert.equal((await arm.send('GET', `/subscriptions/${other.id}`, { as: deep })).status, 200);
    assert.equal((await arm.send('GET', '/tenants')).body.value[0].tenantId, arm.tenantId);
  });

  it('lists locations and providers, all registered', async () => {
    const locations = (await arm.send('GET', `${arm.subscription}/locations`)).body.value;
    assert.equal(locations[0].name, 'local');
    const provider = (await arm.send('GET', `${arm.subscription}/providers/microsoft.keyvault`)).body;
    assert.equal(provider.registrationState, 'Registered');
    const vaults = provider.resourceTypes.find((type: { resourceType: string }) => type.resourceType === 'vaults');
    assert.equal(vaults.apiVersions[0], '2026-05-15');
    const registered = await arm.send('POST', `${arm.subscription}/providers/Microsoft.KeyVault/register`);
    assert.equal(registered.body.registrationState, 'Registered');
    assert.ok((await arm.send('GET', `${arm.subscription}/providers`)).body.value.length >= 4);
    const unknown = await arm.send('GET', `${arm.subscription}/providers/Microsoft.Moon`);
    assert.equal(unknown.body.error.code, 'InvalidResourceNamespace');
  });

  it('tells where everything is, to anyone, from the domain and the port that the caller used', async () => {
    const open = (version: string, host = 'management.localhost:8443') =>
      arm.send('GET', `/metadata/endpoints?api-version=${version}`, { as: null, host });
    const cloud = (await open('2022-09-01')).body;
    assert.equal(cloud.resourceManager, 'https://management.localhost:8443/');
    assert.equal(cloud.authentication.audiences[0], 'https://management.localhost:8443/');
    assert.equal(cloud.authentication.loginEndpoint, 'https://login.localhost:8443');
    assert.equal(cloud.suffixes.keyVaultDns, 'vault.localhost:8443');
    assert.deepEqual((await open('2019-05-01')).body, [cloud]);
    assert.equal((await open('2015-01-01')).body.graphEndpoint, 'https://graph.localhost:8443/');
    const standard = (await open('2022-09-01', 'management.localhost')).body;
    assert.equal(standard.suffixes.keyVaultDns, 'vault.localhost');
    const doubled = await arm.send('GET', '//metadata/endpoints?api-version=2022-09-01', { as: null });
    assert.deepEqual(doubled.body, cloud);
    assert.notEqual(cloud.name, 'AzureCloud');
  });

  it('tells its health to anyone, without an api-version', async () => {
    const { status, body } = await arm.send('GET', '/metadata/health', { as: null });
    assert.equal(status, 200);
    assert.equal(body.status, 'ok');
    assert.equal(body.store.kind, 'sqlite');
  });

  it('has no managed HSMs, and says that none can be made', async () => {
    const kv = 'providers/Microsoft.KeyVault';
    assert.deepEqual((await arm.send('GET', `${arm.subscription}/${kv}/managedHSMs`)).body, { value: [] });
    assert.deepEqual((await arm.send('GET', `${arm.subscription}/${kv}/deletedManagedHSMs`)).body, { value: [] });
    const hsm = await arm.send('PUT', `${arm.subscription}/resourceGroups/apps/${kv}/managedHSMs/h1`, { body: {} });
    assert.equal(hsm.status, 501);
    const check = await arm.send('POST', `${arm.subscription}/${kv}/checkMhsmNameAvailability`, {
      body: { name: 'h' },
    });
    assert.equal(check.status, 501);
  });

  it('refuses missing and unknown api-versions', async () => {
    const missing = await arm.send('GET', `${arm.subscription}/providers/Microsoft.KeyVault/vaults?api-version=`);
    assert.equal(missing.body.error.code, 'MissingApiVersionParameter');
    const unknown = await arm.send('GET', `${arm.subscription}/providers/Microsoft.KeyVault/vaults`, {
      version: '1999-01-01',
    });
    assert.equal(unknown.body.error.code, 'InvalidApiVersionParameter');
  });
});
