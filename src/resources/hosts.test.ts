import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { findManagedIdentity } from '../identity/service.ts';

describe('machines and application hosts', () => {
  let arm: ManagementPlane;
  let group: string;
  let user: string;
  const version = '2024-07-01';
  const at = (name: string, type = 'Microsoft.Compute/virtualMachines') => `${group}/providers/${type}/${name}`;
  const put = (path: string, more: object = {}, as?: string) =>
    arm.send('PUT', path, { version, body: { location: 'local', ...more }, ...(as !== undefined && { as }) });
  const patch = (path: string, body: object) => arm.send('PATCH', path, { version, body });
  const identityOf = (resourceId: string) => findManagedIdentity(arm.store.reader, { resourceId });

  before(async () => {
    arm = await managementPlane();
    group = `${arm.subscription}/resourceGroups/apps`;
    user = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/robot`;
    assert.equal((await arm.send('PUT', user, { body: { location: 'local' } })).status, 201);
  });
  after(() => arm.cleanup());

  it('are registered with what was put, listed, and read by who may', async () => {
    const made = await put(at('web', 'Microsoft.Web/sites'), { kind: 'app', properties: { httpsOnly: true } });
    assert.equal(made.status, 201);
    assert.equal(made.body.kind, 'app');
    assert.deepEqual(made.body.properties, { httpsOnly: true, provisioningState: 'Succeeded' });
    assert.equal('identity' in made.body, false);
    await put(at('listed-vm'));
    const list = await arm.send('GET', `${arm.subscription}/providers/Microsoft.Web/sites`, { version });
    assert.deepEqual(
      list.body.value.map(({ name }: { name: string }) => name),
      ['web'],
    );
    const stranger = await arm.principal();
    assert.equal((await arm.send('GET', at('listed-vm'), { version, as: stranger })).status, 403);
    assert.equal((await arm.send('GET', at('nowhere'), { version })).status, 404);
  });

  it('have a principal while their identity is on, and lose it with its roles when it is off', async () => {
    const made = await put(at('vm'), { identity: { type: 'SystemAssigned' } });
    assert.equal(made.body.identity.type, 'SystemAssigned');
    const first = made.body.identity.principalId;
    assert.equal((await identityOf(at('vm')))?.principalId, first);
    await arm.grant(first, 'Reader', group);
    assert.equal((await patch(at('vm'), { tags: { a: '1' } })).body.identity.principalId, first);
    const off = await patch(at('vm'), { identity: { type: 'None' } });
    assert.equal('identity' in off.body, false);
    assert.equal(await identityOf(at('vm')), null);
    assert.deepEqual(await arm.access.grantsOf(arm.caller(first)), []);
    const again = await patch(at('vm'), { identity: { type: 'SystemAssigned' } });
    assert.notEqual(again.body.identity.principalId, first, 'another identity, which holds nothing');
    assert.equal((await arm.send('DELETE', at('vm'), { version })).status, 200);
    assert.equal((await arm.send('DELETE', at('vm'), { version })).status, 204);
    assert.equal(await identityOf(at('vm')), null);
  });

  it('take user-assigned identities, one by one, from who may assign them', async () => {
    const identity = { type: 'systemassigned,userassigned', userAssignedIdentities: { [user.toUpperCase()]: {} } };
    await arm.send('PUT', `${arm.subscription}/resourceGroups/machines`, { body: { location: 'local' } });
    const machines = `${arm.subscription}/resourceGroups/machines`;
    const outsider = await arm.principal('Contributor', machines);
    const theirs = `${machines}/providers/Microsoft.Compute/virtualMachines/theirs`;
    const refused = await put(theirs, { identity }, outsider);
    assert.deepEqual([refused.status, refused.body.error.code], [403, 'LinkedAuthorizationFailed']);
    assert.equal((await arm.send('GET', theirs, { version })).status, 404);
    const made = await put(at('two'), { identity });
    assert.equal(made.body.identity.type, 'SystemAssigned, UserAssigned');
    assert.deepEqual(Object.keys(made.body.identity.userAssignedIdentities), [user]);
    const less = await patch(at('two'), {
      identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [user]: null } },
    });
    assert.equal(less.body.identity.type, 'SystemAssigned');
    const unknown = { type: 'UserAssigned', userAssignedIdentities: { [`${user}-none`]: {} } };
    assert.equal((await patch(at('two'), { identity: unknown })).body.error.code, 'InvalidRequestContent');
  });

  it('do not pass an assignment on to a later identity of the same name', async () => {
    const gone = `${user}-gone`;
    await arm.send('PUT', gone, { body: { location: 'local' } });
    const identity = { type: 'UserAssigned', userAssignedIdentities: { [gone]: {} } };
    await put(at('three'), { identity });
    assert.equal((await arm.send('DELETE', gone.replace('robot', 'ROBOT'))).status, 200);
    await arm.send('PUT', gone, { body: { location: 'local' } });
    assert.equal('identity' in (await arm.send('GET', at('three'), { version })).body, false);
  });

  it('are refused with what may hold passwords, and with identities of no kind', async () => {
    for (const more of [
      { properties: { osProfile: { adminPassword: 'x' } } },
      { properties: { SITECONFIG: {} } },
      { identity: { type: 'Sometimes' } },
      { identity: 'SystemAssigned' },
    ]) {
      const refused = await put(at('bad'), more);
      assert.deepEqual([refused.status, refused.body.error.code], [400, 'InvalidRequestContent']);
    }
    assert.equal((await arm.send('GET', at('bad'), { version })).status, 404);
  });

  it('go with their group', async () => {
    const other = `${arm.subscription}/resourceGroups/doomed`;
    await arm.send('PUT', other, { body: { location: 'local' } });
    const vm = `${other}/providers/Microsoft.Compute/virtualMachines/vm`;
    await put(vm, { identity: { type: 'SystemAssigned' } });
    assert.equal((await arm.send('DELETE', other)).status, 200);
    assert.equal(await identityOf(vm), null);
    await arm.send('PUT', other, { body: { location: 'local' } });
    assert.equal((await arm.send('GET', vm, { version })).status, 404);
  });
});
