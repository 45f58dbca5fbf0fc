import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { secretQueries } from './repository.ts';

let arm: ManagementPlane;
let vault: string;

before(async () => {
  arm = await managementPlane();
  vault = `${arm.subscription}/resourceGroups/apps/providers/Microsoft.KeyVault/vaults/holder`;
  const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
  await arm.send('PUT', vault, { body: { location: 'local', properties } });
});

after(() => arm?.cleanup());

const put = (name: string, properties: object, more: object = {}) =>
  arm.send('PUT', `${vault}/secrets/${name}`, { body: { properties, ...more } });

describe('secrets as resources of a vault', () => {
  it('are made, and again as new versions, without their value being told', async () => {
    const made = await put('First', { value: 'one', contentType: 'text/plain' }, { tags: { team: 'blue' } });
    assert.equal(made.status, 201);
    const { attributes, secretUriWithVersion, ...rest } = made.body.properties;
    const secretUri = 'https://holder.vault.localhost:8443/secrets/First';
    assert.deepEqual(rest, { contentType: 'text/plain', secretUri });
    assert.deepEqual(
      [made.body.id, made.body.type, made.body.location, made.body.tags],
      [`${vault}/secrets/First`, 'Microsoft.KeyVault/vaults/secrets', 'local', { team: 'blue' }],
    );
    assert.equal(attributes.enabled, true);
    const again = await put('first', { value: 'two' });
    assert.equal(again.status, 200);
    assert.notEqual(again.body.properties.secretUriWithVersion, secretUriWithVersion);
    const got = await arm.send('GET', `${vault}/secrets/FIRST`);
    assert.deepEqual([got.status, got.body], [200, again.body]);
    for (const answer of [made, again, got]) assert.doesNotMatch(JSON.stringify(answer.body), /"value"|one|two/);
  });

  it('are patched: with a value a new version that keeps the rest, without one in place', async () => {
    const made = await put('patched', { value: 'one', contentType: 'a', attributes: { exp: 4_000_000_000 } });
    const patch = (body: object) => arm.send('PATCH', `${vault}/secrets/patched`, { body });
    const renamed = await patch({ properties: { contentType: 'b' }, tags: { a: 'b' } });
    assert.equal(renamed.status, 200);
    assert.equal(renamed.body.properties.secretUriWithVersion, made.body.properties.secretUriWithVersion);
    assert.deepEqual([renamed.body.properties.contentType, renamed.body.tags], ['b', { a: 'b' }]);
    const valued = await patch({ properties: { value: 'two', attributes: { enabled: false } } });
    assert.notEqual(valued.body.properties.secretUriWithVersion, made.body.properties.secretUriWithVersion);
    const { contentType, attributes } = valued.body.properties;
    assert.deepEqual([contentType, attributes.exp, attributes.enabled], ['b', 4_000_000_000, false]);
    assert.deepEqual(valued.body.tags, { a: 'b' });
    const nobody = await arm.send('PATCH', `${vault}/secrets/nobody`, { body: { properties: { value: 'x' } } });
    assert.deepEqual([nobody.status, nobody.body.error.code], [404, 'SecretNotFound']);
  });

  it('are held to the rules of the data plane', async () => {
    const many = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`t${index}`, '']));
    for (const [properties, more] of [
      [{}, {}],
      [{ value: 7 }, {}],
      [{ value: 'x'.repeat(25_601) }, {}],
      [{ value: 'x', attributes: { nbf: 20, exp: 10 } }, {}],
      [{ value: 'x' }, { tags: many }],
    ] as const) {
      assert.equal((await put('bad', properties, more)).status, 400, JSON.stringify(properties).slice(0, 60));
    }
    assert.equal((await put('no_underscore', { value: 'x' })).status, 400);
    assert.equal((await arm.send('PUT', `${vault}/secrets/bare`, { body: {} })).status, 400);
  });

  it('are listed by name, a page at a time', async () => {
    for (const name of ['l1', 'l2', 'l3']) await put(name, { value: 'x' });
    const names: string[] = [];
    let next: string | undefined = `${vault}/secrets?$top=2&api-version=2023-07-01`;
    while (next) {
      const page: Awaited<ReturnType<typeof arm.send>> = await arm.send('GET', next);
      assert.ok(page.body.value.length <= 2);
      names.push(...page.body.value.map(({ name }: { name: string }) => name));
      next = page.body.nextLink;
    }
    assert.deepEqual(
      names.filter((name) => name.startsWith('l')),
      ['l1', 'l2', 'l3'],
    );
  });

  it('of a deleted name are refused until it is purged or recovered', async () => {
    await put('gone', { value: 'x' });
    const found = await arm.directory.find('holder');
    const key = { vaultId: found!.id, nameKey: 'gone' };
    await arm.store.write((transaction) =>
      secretQueries.markDeleted.change(transaction, { ...key, deleted: 1, purgeAt: 2 }),
    );
    const refused = await put('gone', { value: 'y' });
    assert.deepEqual([refused.status, refused.body.error.innererror.code], [409, 'ObjectIsDeletedButRecoverable']);
    assert.equal((await arm.send('GET', `${vault}/secrets/gone`)).status, 404);
  });

  it('take the actions of secrets, at the secret, and heed locks', async () => {
    const reader = await arm.principal('Reader', vault);
    assert.equal((await arm.send('GET', `${vault}/secrets/first`, { as: reader })).status, 200);
    const body = { properties: { value: 'x' } };
    const refused = await arm.send('PUT', `${vault}/secrets/first`, { as: reader, body });
    assert.equal(refused.status, 403);
    assert.match(
      refused.body.error.message,
      /Microsoft\.KeyVault\/vaults\/secrets\/write.+vaults\/holder\/secrets\/first/,
    );
    const officer = await arm.principal('Key Vault Secrets User', `${vault}/secrets/l1`);
    assert.equal((await arm.send('GET', `${vault}/secrets`, { as: officer })).status, 403);
    const lock = `${vault}/providers/Microsoft.Authorization/locks/frozen`;
    await arm.send('PUT', lock, { body: { properties: { level: 'ReadOnly' } }, version: '2020-05-01' });
    assert.equal((await put('first', { value: 'x' })).body.error.code, 'ScopeLocked');
    assert.equal((await arm.send('GET', `${vault}/secrets/first`)).status, 200);
    await arm.send('DELETE', lock, { version: '2020-05-01' });
    assert.equal((await put('first', { value: 'x' })).status, 200);
  });

  it('are out of reach while their vault is deleted', async () => {
    await arm.send('DELETE', vault);
    for (const [method, path] of [
      ['GET', '/secrets'],
      ['GET', '/secrets/first'],
      ['PUT', '/secrets/first'],
    ] as const) {
      const body = method === 'PUT' ? { properties: { value: 'x' } } : undefined;
      const refused = await arm.send(method, `${vault}${path}`, body ? { body } : {});
      assert.deepEqual([refused.status, refused.body.error.code], [404, 'ResourceNotFound'], `${method} ${path}`);
    }
  });
});
