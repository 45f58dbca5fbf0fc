import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';

let arm: ManagementPlane;
let group: string;
let vault: string;
let endpoint: string;

before(async () => {
  arm = await managementPlane();
  group = `${arm.subscription}/resourceGroups/apps`;
  vault = `${group}/providers/Microsoft.KeyVault/vaults/linked`;
  endpoint = `${group}/providers/Microsoft.Network/privateEndpoints/pe`;
  const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
  await arm.send('PUT', vault, { body: { location: 'local', properties } });
});

after(() => arm?.cleanup());

const at = (name: string) => `${vault}/privateEndpointConnections/${name}`;
const put = (name: string, status?: string, more: object = {}) => {
  const state = status === undefined ? {} : { privateLinkServiceConnectionState: { status } };
  return arm.send('PUT', at(name), { body: { properties: { privateEndpoint: { id: endpoint }, ...state }, ...more } });
};
const statusOf = (answer: { body: { properties: { privateLinkServiceConnectionState: { status: string } } } }) =>
  answer.body.properties.privateLinkServiceConnectionState.status;

describe('private endpoint connections', () => {
  it('are stored, shown with their vault, and deleted', async () => {
    assert.equal((await arm.send('GET', vault)).body.properties.privateEndpointConnections, undefined);
    const made = await put('one');
    assert.deepEqual([made.status, statusOf(made)], [200, 'Pending']);
    assert.deepEqual((await arm.send('GET', at('ONE'))).body, made.body);
    const [shown] = (await arm.send('GET', vault)).body.properties.privateEndpointConnections;
    assert.deepEqual([shown.id, shown.properties], [made.body.id, made.body.properties]);
    const [listed] = (await arm.send('GET', `${group}/providers/Microsoft.KeyVault/vaults`)).body.value;
    assert.equal(listed.properties.privateEndpointConnections.length, 1);
    const patched = await arm.send('PATCH', vault, { body: { tags: { a: 'b' } } });
    assert.equal(patched.body.properties.privateEndpointConnections.length, 1);
    const gone = await arm.send('DELETE', at('one'));
    assert.deepEqual([gone.status, gone.body.properties.provisioningState], [200, 'Disconnected']);
    assert.equal((await arm.send('DELETE', at('one'))).status, 204);
    assert.equal((await arm.send('GET', at('one'))).body.error.code, 'ResourceNotFound');
  });

  it('go from pending to approved or rejected and between these, and nowhere else', async () => {
    for (const [from, to, isAllowed] of [
      ['Pending', 'Approved', true],
      ['Pending', 'Rejected', true],
      ['Pending', 'Disconnected', false],
      ['Approved', 'Rejected', true],
      ['Approved', 'Approved', true],
      ['Approved', 'Pending', false],
      ['Rejected', 'Approved', true],
      ['Rejected', 'Pending', false],
      ['Rejected', 'Disconnected', false],
    ] as const) {
      const name = `${from}-${to}`;
      assert.equal(statusOf(await put(name, from)), from);
      const answer = await put(name, to);
      assert.equal(answer.status, isAllowed ? 200 : 400, name);
      assert.equal(statusOf(await arm.send('GET', at(name))), isAllowed ? to : from, name);
    }
  });

  it('keep what a change does not name, and refuse another endpoint, an old etag, and forms that are none', async () => {
    const first = await put('kept', 'Approved', {});
    const state = { status: 'Rejected', description: 'not ours' };
    const properties = { privateLinkServiceConnectionState: state };
    const second = await arm.send('PUT', at('kept'), { body: { etag: first.body.etag, properties } });
    assert.deepEqual(second.body.properties.privateEndpoint, { id: endpoint });
    assert.equal(second.body.properties.privateLinkServiceConnectionState.description, 'not ours');
    const old = await arm.send('PUT', at('kept'), { body: { etag: first.body.etag, properties } });
    assert.deepEqual([old.status, old.body.error.code], [412, 'PreconditionFailed']);
    const other = { privateEndpoint: { id: `${endpoint}2` } };
    assert.equal((await arm.send('PUT', at('kept'), { body: { properties: other } })).status, 400);
    assert.equal((await arm.send('PUT', at('new'), { body: { properties } })).status, 404, 'no endpoint is named');
    for (const bad of [
      { privateEndpoint: { id: 'elsewhere' } },
      { privateEndpoint: 'x' },
      { privateEndpoint: { id: endpoint }, privateLinkServiceConnectionState: { status: 'Perhaps' } },
      { privateEndpoint: { id: endpoint }, privateLinkServiceConnectionState: { description: 'x'.repeat(141) } },
    ]) {
      assert.equal((await arm.send('PUT', at('bad'), { body: { properties: bad } })).status, 400);
    }
    assert.equal((await put('-bad')).status, 400);
  });

  it('are listed by name, a page at a time, and are at most 64', async () => {
    const list = async (query: string) => (await arm.send('GET', `${at('')}?${query}`)).body;
    const count = (await list('$top=1000')).value.length;
    for (let index = count; index < 64; index++) assert.equal((await put(`m${index}`)).status, 200);
    assert.equal((await put('one-more')).status, 400);
    assert.equal((await put('m63', 'Approved')).status, 200, 'those that are there still change');
    const first = await list('$top=40');
    const second = (await arm.send('GET', first.nextLink)).body;
    assert.deepEqual([first.value.length, second.value.length, second.nextLink], [40, 24, undefined]);
  });

  it('take their own actions, and go with a purge', async () => {
    const reader = await arm.principal('Reader', vault);
    assert.equal((await arm.send('GET', at('kept'), { as: reader })).status, 200);
    const body = { properties: { privateEndpoint: { id: endpoint } } };
    assert.match(
      (await arm.send('PUT', at('kept'), { as: reader, body })).body.error.message,
      /privateEndpointConnections\/write/,
    );
    const links = await arm.send('GET', `${vault}/privateLinkResources`, { as: reader });
    assert.deepEqual(links.body.value[0].properties.groupId, 'vault');
    await arm.send('DELETE', vault);
    assert.equal((await arm.send('GET', at('kept'))).status, 404);
    await arm.send(
      'POST',
      `${arm.subscription}/providers/Microsoft.KeyVault/locations/local/deletedVaults/linked/purge`,
    );
    const rows = await arm.store.reader.db.selectFrom('private_endpoint_connections').selectAll().execute();
    assert.deepEqual(rows, []);
  });
});

describe('the operations of the provider', () => {
  it('are those of the table, and every data action', async () => {
    const { status, body } = await arm.send('GET', '/providers/Microsoft.KeyVault/operations');
    assert.equal(status, 200);
    const names = new Map(
      body.value.map(({ name, isDataAction }: { name: string; isDataAction: boolean }) => [name, isDataAction]),
    );
    for (const name of ['vaults/write', 'vaults/secrets/write', 'locations/deletedVaults/purge/action']) {
      assert.equal(names.get(`Microsoft.KeyVault/${name}`), false, name);
    }
    assert.equal(names.get('Microsoft.KeyVault/vaults/secrets/getSecret/action'), true);
    assert.equal(names.size, body.value.length);
    assert.ok(body.value.every(({ display }: { display: object }) => Object.values(display).every(Boolean)));
  });
});
