import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { listFederatedCredentials } from '../identity/federated-credentials.ts';

describe('federated credentials of user-assigned identities', () => {
  let arm: ManagementPlane;
  let robot: string;
  let clientId: string;
  const issuer = 'https://cluster.example';
  const audiences = ['api://AzureADTokenExchange'];
  const at = (name: string, identity = robot) => `${identity}/federatedIdentityCredentials/${name}`;
  const put = (name: string, properties: object, as?: string) =>
    arm.send('PUT', at(name), { body: { properties }, ...(as !== undefined && { as }) });
  const make = async (name: string) => {
    const identity = `${arm.subscription}/resourceGroups/apps/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
    const { body } = await arm.send('PUT', identity, { body: { location: 'local' } });
    return { identity, clientId: body.properties.clientId as string };
  };

  before(async () => {
    arm = await managementPlane();
    ({ identity: robot, clientId } = await make('robot'));
  });
  after(() => arm.cleanup());

  it('are made, read, listed in pages, changed by their name in any case, and deleted', async () => {
    const made = await put('Cluster', { issuer, subject: 'a', audiences });
    assert.equal(made.status, 201);
    assert.deepEqual(made.body, {
      id: at('Cluster'),
      name: 'Cluster',
      type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
      properties: { issuer, subject: 'a', audiences },
    });
    assert.deepEqual((await arm.send('GET', at('CLUSTER'))).body, made.body);
    await put('another', { issuer, subject: 'b', audiences });
    const list = `${robot}/federatedIdentityCredentials`;
    const first = await arm.send('GET', `${list}?$top=1`);
    const second = await arm.send('GET', first.body.nextLink);
    const names = [...first.body.value, ...second.body.value].map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['another', 'Cluster']);
    assert.equal(second.body.nextLink, undefined);
    const stored = async () =>
      (await listFederatedCredentials(arm.store.reader, clientId)).find(({ name }) => name === 'Cluster');
    const before = await stored();
    const changed = await put('cluster', { issuer, subject: 'c', audiences });
    assert.deepEqual([changed.status, changed.body.name, changed.body.properties.subject], [200, 'Cluster', 'c']);
    const kept = await stored();
    assert.equal(kept?.id, before?.id, 'the same credential, which believes something else');
    assert.equal((await arm.send('GET', at(before!.id))).status, 404, 'its id is no name');
    assert.equal((await arm.send('DELETE', at('cluster'))).status, 200);
    assert.equal((await arm.send('DELETE', at('cluster'))).status, 204);
    assert.equal((await arm.send('GET', at('cluster'))).body.error.code, 'ResourceNotFound');
    assert.equal((await arm.send('GET', at('x', `${robot}-none`))).status, 404);
  });

  it('are one for each issuer and subject, and at most 20', async () => {
    const { identity } = await make('full');
    const add = (name: string, subject: string) =>
      arm.send('PUT', at(name, identity), { body: { properties: { issuer, subject, audiences } } });
    for (let count = 1; count <= 20; count++) assert.equal((await add(`name-${count}`, `s${count}`)).status, 201);
    const full = await add('name-21', 's21');
    assert.deepEqual([full.status, full.body.error.code], [400, 'BadRequest']);
    assert.match(full.body.error.message, /has the most federated identity credentials/);
    assert.equal((await add('name-20', 's20')).status, 200, 'one that is there may be put again');
    assert.match((await add('name-20', 's1')).body.error.message, /Issuer and subject combination already exists/);
    const unchanged = await arm.send('GET', at('name-20', identity));
    assert.equal(unchanged.body.properties.subject, 's20', 'a refused change changes nothing');
  });

  it('refuse what would believe nobody or anybody', async () => {
    const good = { issuer, subject: 'x', audiences };
    for (const properties of [
      { subject: 'x', audiences },
      { ...good, issuer: 'http://cluster.example' },
      { ...good, subject: '' },
      { ...good, subject: 5 },
      { ...good, audiences: [] },
      { ...good, audiences: [5] },
      { ...good, audiences: ['a', 'b'] },
      { ...good, audiences: 'a' },
      { issuer, audiences, claimsMatchingExpression: { value: "claims['sub'] matches 'x*'", languageVersion: 1 } },
      { ...good, trust: 'everybody' },
    ]) {
      const { status, body } = await put('bad', properties);
      assert.deepEqual([status, body.error.code], [400, 'BadRequest'], JSON.stringify(properties));
      assert.match(body.error.message, /federated identity credential is not valid/);
    }
    assert.equal((await put('no', good)).status, 400, 'three characters at least');
    assert.equal((await arm.send('GET', at('bad'))).status, 404);
  });

  it('are written by who may write them, which assigning the identity does not give', async () => {
    const reader = await arm.principal('Reader', robot);
    const good = { issuer, subject: 'theirs', audiences };
    assert.equal((await put('theirs', good, reader)).status, 403);
    assert.equal((await arm.send('GET', `${robot}/federatedIdentityCredentials`, { as: reader })).status, 200);
    const contributor = await arm.principal('Contributor', robot);
    assert.equal((await put('theirs', good, contributor)).status, 201);
  });

  it('end with their identity', async () => {
    const { identity, clientId: ended } = await make('passing');
    await arm.send('PUT', at('one', identity), { body: { properties: { issuer, subject: 's', audiences } } });
    await arm.send('DELETE', identity);
    assert.deepEqual(await listFederatedCredentials(arm.store.reader, ended), []);
  });
});

describe('the resources that an identity is assigned to', () => {
  it('are listed in the versions that have that list, those that the caller may read', async () => {
    const arm = await managementPlane();
    try {
      const group = `${arm.subscription}/resourceGroups/apps/providers`;
      const robot = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/robot`;
      await arm.send('PUT', robot, { body: { location: 'local' } });
      const identity = { type: 'UserAssigned', userAssignedIdentities: { [robot]: {} } };
      const hosts = [`${group}/Microsoft.Compute/virtualMachines/vm`, `${group}/Microsoft.Web/sites/shop`];
      for (const host of hosts) {
        await arm.send('PUT', host, { version: '2024-07-01', body: { location: 'local', identity } });
      }
      const list = (query = '', as = arm.owner) =>
        arm.send('POST', `${robot}/listAssociatedResources?api-version=2022-01-31-preview${query}`, { as });
      const { body } = await list();
      assert.deepEqual(
        [body.totalCount, body.value.map(({ id }: { id: string }) => id), body.value[1].resourceGroup],
        [2, hosts, 'apps'],
      );
      const first = await list('&$top=1');
      assert.equal(first.body.value.length, 1);
      assert.match(first.body.nextLink, /\$skiptoken|%24skiptoken/);
      assert.equal((await list('&$orderby=name')).body.error.code, 'InvalidFilterInQueryString');
      const one = await arm.principal('Contributor', robot);
      await arm.grant(one, 'Reader', hosts[1]!);
      assert.deepEqual((await list('', one)).body.value.length, 1);
      assert.equal((await arm.send('POST', `${robot}/listAssociatedResources?api-version=2023-01-31`)).status, 400);
    } finally {
      await arm.cleanup();
    }
  });
});
