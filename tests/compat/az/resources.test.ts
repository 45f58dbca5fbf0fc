import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

const group = 'sorted-group';
const vaultName = `az-${randomBytes(5).toString('hex')}`;

let at: AzInstallation;
let az: AzSession;
let vault: string;

before(async () => {
  at = await openSignedIn();
  ({ az } = at);
  vault = at.vaultScope(group, vaultName);
  await az.json(words`group create -n ${group} -l local --tags team=blue`);
  await az.json(words`keyvault create -n ${vaultName} -g ${group} -l local --tags team=red`);
  await az.json(words`identity create -n robot -g ${group} --tags team=red kind=robot`);
});

after(() => at?.close());

const names = (listed: { name: string }[]) => listed.map(({ name }) => name);

describe('resource groups', () => {
  it('are found by tag, changed, waited for', async () => {
    assert.deepEqual(names(await az.json(words`group list --tag team=blue`)), [group]);
    assert.deepEqual(await az.json(words`group list --tag team=green`), []);
    const changed = await az.json(words`group update -n ${group} --set tags.env=dev`);
    assert.deepEqual(changed.tags, { team: 'blue', env: 'dev' });
    await az.run(words`group wait -n ${group} --created`);
  });
});

describe('tags', () => {
  it('are set, shown, merged, taken away at a resource', async () => {
    const put = await az.json(words`tag create --resource-id ${vault} --tags a=b c=d`);
    assert.deepEqual(put.properties.tags, { a: 'b', c: 'd' });
    const merged = await az.json(words`tag update --resource-id ${vault} --operation merge --tags e=f`);
    assert.deepEqual(merged.properties.tags, { a: 'b', c: 'd', e: 'f' });
    await az.json(words`tag update --resource-id ${vault} --operation delete --tags a=b`);
    assert.deepEqual((await az.json(words`tag list --resource-id ${vault}`)).properties.tags, { c: 'd', e: 'f' });
    await az.run(words`tag delete --resource-id ${vault} --yes`);
    assert.deepEqual((await az.json(words`keyvault show -n ${vaultName} -g ${group}`)).tags, {});
    const whole = await az.json(words`tag create --resource-id ${at.subscription} --tags owner=me`);
    assert.deepEqual(whole.properties.tags, { owner: 'me' });
  });
});

describe('resources', () => {
  it('are listed by group and tag, shown, tagged and deleted by their id', async () => {
    assert.deepEqual(names(await az.json(words`resource list -g ${group}`)).sort(), [vaultName, 'robot'].sort());
    assert.deepEqual(names(await az.json(words`resource list --tag kind=robot`)), ['robot']);
    const type = 'Microsoft.KeyVault/vaults';
    assert.deepEqual(names(await az.json(words`resource list --resource-type ${type} -g ${group}`)), [vaultName]);
    const [, robot] = (await az.json(words`resource list -g ${group}`)) as { id: string }[];
    const shown = await az.json(words`resource show --ids ${vault}`);
    assert.deepEqual([shown.id, shown.properties.provisioningState], [vault, 'Succeeded']);
    assert.deepEqual((await az.json(words`resource tag --ids ${vault} --tags team=red`)).tags, { team: 'red' });
    await az.run(words`resource delete --ids ${robot!.id}`);
    assert.deepEqual(names(await az.json(words`resource list -g ${group}`)), [vaultName]);
  });
});

describe('providers and locations', () => {
  it('are listed, shown and registered', async () => {
    const listed = await az.json(words`provider list --query [].namespace`);
    assert.ok(listed.includes('Microsoft.KeyVault') && listed.includes('Microsoft.Insights'), listed.join());
    const shown = await az.json(words`provider show -n Microsoft.KeyVault`);
    assert.equal(shown.registrationState, 'Registered');
    assert.ok(
      shown.resourceTypes.some(({ resourceType }: { resourceType: string }) => resourceType === 'vaults/secrets'),
    );
    await az.run(words`provider register -n Microsoft.KeyVault --wait`);
    const locations = await az.json(words`account list-locations --query [].name`);
    assert.ok(locations.includes('local') && locations.includes('westeurope'));
  });
});

describe('private endpoint connections', () => {
  it('are approved, shown with the vault, rejected, deleted', async () => {
    const endpoint = `${at.subscription}/resourceGroups/${group}/providers/Microsoft.Network/privateEndpoints/pe`;
    const body = JSON.stringify({ properties: { privateEndpoint: { id: endpoint } } });
    const path = `${vault}/privateEndpointConnections/pe?api-version=2023-07-01`;
    await az.json(words`rest --method put --url ${path} --body ${body}`);
    const one = words`--vault-name ${vaultName} -g ${group} -n pe`;
    const approved = await az.json([...words`keyvault private-endpoint-connection approve`, ...one]);
    assert.equal(approved.privateLinkServiceConnectionState.status, 'Approved');
    const shown = await az.json(words`keyvault show -n ${vaultName} -g ${group}`);
    assert.equal(shown.properties.privateEndpointConnections.length, 1);
    const rejected = await az.json([...words`keyvault private-endpoint-connection reject`, ...one]);
    assert.equal(rejected.privateLinkServiceConnectionState.status, 'Rejected');
    await az.run([...words`keyvault private-endpoint-connection delete`, ...one]);
    assert.match(
      await az.refused([...words`keyvault private-endpoint-connection show`, ...one], { code: 3 }),
      /NotFound/,
    );
    const resources = await az.json(words`keyvault private-link-resource list --vault-name ${vaultName} -g ${group}`);
    assert.equal(resources[0].groupId, 'vault');
  });
});
