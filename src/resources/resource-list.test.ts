import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';

describe('the resource list', () => {
  let arm: ManagementPlane;
  const group = (name: string) => `${arm.subscription}/resourceGroups/${name}`;
  const names = async (path: string, as?: string): Promise<string[]> => {
    const { body } = await arm.send('GET', path, as === undefined ? {} : { as });
    return body.value.map(({ name }: { name: string }) => name);
  };

  before(async () => {
    arm = await managementPlane();
    await arm.send('PUT', group('ops'), { body: { location: 'local' } });
    const properties = { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } };
    for (const [name, where] of [
      ['vault-one', 'apps'],
      ['vault-two', 'ops'],
    ] as const) {
      const path = `${group(where)}/providers/Microsoft.KeyVault/vaults/${name}`;
      await arm.send('PUT', path, { body: { location: 'local', tags: { Kind: 'vault', of: name }, properties } });
    }
    const machine = `${group('ops')}/providers/Microsoft.Compute/virtualMachines/machine`;
    const body = { location: 'westeurope', identity: { type: 'SystemAssigned' }, tags: { kind: 'machine' } };
    await arm.send('PUT', machine, { body, version: '2024-07-01' });
    for (const name of ['robot-a', 'robot-b']) {
      const path = `${group('apps')}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
      await arm.send('PUT', path, { body: { location: 'local', tags: { kind: 'robot' } } });
    }
  });
  after(() => arm.cleanup());

  it('holds everything, and pages over kinds without loss or repetition', async () => {
    const all = ['vault-one', 'vault-two', 'machine', 'robot-a', 'robot-b'];
    assert.deepEqual(await names(`${arm.subscription}/resources`), all);
    for (const size of [1, 2, 3, 4]) {
      const seen: string[] = [];
      let path = `${arm.subscription}/resources?$top=${size}`;
      for (let pages = 0; path !== '' && pages < 9; pages++) {
        const { body } = await arm.send('GET', path);
        seen.push(...body.value.map(({ name }: { name: string }) => name));
        path = body.nextLink ?? '';
      }
      assert.deepEqual(seen, all, `pages of ${size}`);
    }
  });

  it('applies the filters that az sends', async () => {
    const list = (filter: string) => names(`${arm.subscription}/resources?$filter=${encodeURIComponent(filter)}`);
    assert.deepEqual(await list(''), ['vault-one', 'vault-two', 'machine', 'robot-a', 'robot-b']);
    assert.deepEqual(await list("resourceType eq 'Microsoft.KeyVault/vaults'"), ['vault-one', 'vault-two']);
    assert.deepEqual(await list("resourceType eq 'microsoft.keyvault/VAULTS' and name eq 'Vault-Two'"), ['vault-two']);
    assert.deepEqual(await list("resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'none'"), []);
    assert.deepEqual(await list("resourceGroup eq 'OPS'"), ['vault-two', 'machine']);
    assert.deepEqual(await list("resourceType eq 'microsoft.compute/virtualmachines'"), ['machine']);
    assert.deepEqual(await list("location eq 'West Europe'"), ['machine']);
    assert.deepEqual(await list("tagname eq 'KIND'"), ['vault-one', 'vault-two', 'machine', 'robot-a', 'robot-b']);
    assert.deepEqual(await list("tagName eq 'kind' and tagValue eq 'robot'"), ['robot-a', 'robot-b']);
    assert.deepEqual(await list("tagName eq 'kind' and tagValue eq 'Robot'"), []);
    assert.deepEqual(await list("startswith(tagname, 'O')"), ['vault-one', 'vault-two']);
    assert.deepEqual(await list("name eq 'robot-a'"), ['robot-a']);
    assert.deepEqual(await list("resourceType eq 'Microsoft.Web/sites'"), []);
    assert.deepEqual(await names(`${group('ops')}/resources`), ['vault-two', 'machine']);
  });

  it('refuses filters it does not apply, instead of answering an unfiltered list', async () => {
    for (const filter of [
      "tagValue eq 'a'",
      "tagName eq 'a' and tagName eq 'b'",
      "startswith(name, 'a')",
      "plan eq 'a'",
      "resourceType eq 'x' or name eq 'y'",
      "name ne 'x'",
      'name',
      "name eq 'a' and name eq 'b'",
    ]) {
      const { status, body } = await arm.send(
        'GET',
        `${arm.subscription}/resources?$filter=${encodeURIComponent(filter)}`,
      );
      assert.equal(status, 400, filter);
      assert.equal(body.error.code, 'InvalidFilterInQueryString', filter);
    }
  });

  it('shows times where they are asked for, and tags always', async () => {
    const { body } = await arm.send(
      'GET',
      `${arm.subscription}/resources?$expand=createdTime,changedTime,provisioningState&$filter=`,
    );
    assert.equal(body.value[0].createdTime, '2026-01-01T00:00:00.000Z');
    assert.equal(body.value[0].provisioningState, 'Succeeded');
    assert.deepEqual(body.value[3].tags, { kind: 'robot' });
  });

  it('shows a caller what its roles reach, and refuses one without any', async () => {
    const reader = await arm.principal('Reader', group('ops'));
    assert.deepEqual(await names(`${arm.subscription}/resources`, reader), ['vault-two', 'machine']);
    const stranger = await arm.principal();
    assert.equal((await arm.send('GET', `${arm.subscription}/resources`, { as: stranger })).status, 403);
  });
});
