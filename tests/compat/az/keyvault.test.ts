import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

/** `az keyvault` on vaults, with every option of its commands that has a meaning here. */
const group = 'strongroom';
const suffix = randomBytes(4).toString('hex');
const plain = `plain-${suffix}`;
const full = `full-${suffix}`;
const policies = `policies-${suffix}`;

let at: AzInstallation;
let az: AzSession;
let administrator: string;

before(async () => {
  at = await openSignedIn();
  ({ az } = at);
  administrator = (await az.json(words`ad sp show --id ${at.server.administrator.clientId}`)).id;
});

after(() => at?.close());

describe('keyvault create', () => {
  it('without options makes a role-based standard vault that is open and keeps what is deleted for 90 days', async () => {
    const { properties, tags } = await az.json(words`keyvault create -n ${plain} -g ${group}`);
    assert.deepEqual(properties.sku, { family: 'A', name: 'standard' });
    assert.equal(properties.enableRbacAuthorization, true);
    assert.equal(properties.enableSoftDelete, true);
    assert.equal(properties.softDeleteRetentionInDays, 90);
    assert.equal(properties.enablePurgeProtection, null);
    assert.equal(properties.publicNetworkAccess, 'Enabled');
    const open = { bypass: 'AzureServices', defaultAction: 'Allow', ipRules: [], virtualNetworkRules: [] };
    assert.deepEqual(properties.networkAcls, open);
    assert.deepEqual(properties.accessPolicies, []);
    assert.deepEqual(tags, {});
  });

  it('takes every option', async () => {
    const made = await az.json([
      ...words`keyvault create -n ${full} -g ${group} -l local --retention-days 8 --enable-purge-protection true --sku premium`,
      ...words`--default-action Deny --bypass None --network-acls-ips 10.1.2.0/24 127.0.0.1 --public-network-access Enabled`,
      ...words`--enabled-for-deployment true --enabled-for-disk-encryption true --enabled-for-template-deployment true`,
      ...words`--enable-rbac-authorization false --no-self-perms true --tags team=blue stage=test`,
    ]);
    const { properties, tags } = made;
    assert.equal(properties.sku.name, 'premium');
    assert.equal(properties.softDeleteRetentionInDays, 8);
    assert.equal(properties.enablePurgeProtection, true);
    assert.deepEqual(properties.networkAcls.ipRules.map((rule: { value: string }) => rule.value).toSorted(), [
      '10.1.2.0/24',
      '127.0.0.1/32',
    ]);
    assert.equal(properties.networkAcls.defaultAction, 'Deny');
    assert.equal(properties.networkAcls.bypass, 'None');
    assert.equal(properties.enabledForDeployment, true);
    assert.equal(properties.enabledForDiskEncryption, true);
    assert.equal(properties.enabledForTemplateDeployment, true);
    assert.equal(properties.enableRbacAuthorization, false);
    assert.deepEqual(properties.accessPolicies, []);
    assert.deepEqual(tags, { team: 'blue', stage: 'test' });
    assert.deepEqual((await az.json(words`keyvault show -n ${full}`)).properties, properties);
  });

  it('refuses what no vault may have', async () => {
    const create = (...more: string[]): Promise<string> =>
      az.refused([...words`keyvault create -n never-${suffix} -g ${group}`, ...more]);
    assert.match(await create('--retention-days', '6'), /softDeleteRetentionInDays|retention/i);
    assert.match(await create('--retention-days', '91'), /softDeleteRetentionInDays|retention/i);
    assert.match(await create('--network-acls-ips', '10.1.2.300'), /ipRules\[0\].*CIDR range/);
    assert.match(await create('--enable-purge-protection', 'false'), /enablePurgeProtection/);
    assert.deepEqual(await az.json(words`keyvault list --query [?starts_with(name,'never')]`), []);
  });
});

describe('keyvault show and list', () => {
  it('know a vault by name, group and subscription', async () => {
    const { id } = await az.json(words`keyvault show -n ${plain} --subscription ${at.server.subscriptionId}`);
    assert.equal(id, at.vaultScope(group, plain));
    assert.ok((await az.json(words`keyvault list -g ${group} --query [].name`)).includes(plain));
    const query = words`--resource-type vault --query [].name --subscription ${at.server.subscriptionId}`;
    assert.ok((await az.json([...words`keyvault list`, ...query])).includes(full));
    assert.match(
      await az.refused(words`keyvault list -g nowhere --resource-type vault`, { code: 3 }),
      /ResourceGroupNotFound/,
    );
  });

  it('wait for what is there, and for what is gone', async () => {
    await az.json(words`keyvault wait -n ${plain} -g ${group} --created --interval 1 --timeout 10`);
    await az.json(words`keyvault wait -n ${plain} -g ${group} --exists --interval 1 --timeout 10`);
    await az.json(words`keyvault wait -n nowhere-${suffix} -g ${group} --deleted --interval 1 --timeout 10`);
    const custom = words`--custom properties.provisioningState=='Succeeded' --interval 1 --timeout 10`;
    await az.json([...words`keyvault wait -n ${plain} -g ${group}`, ...custom]);
  });
});

describe('keyvault update', () => {
  const update = (...more: string[]) => az.json([...words`keyvault update -n ${plain} -g ${group}`, ...more]);

  it('changes what each flag names', async () => {
    const { properties } = await update(
      ...words`--enabled-for-deployment true --enabled-for-disk-encryption true --enabled-for-template-deployment true`,
      ...words`--default-action Allow --bypass AzureServices --retention-days 90`,
    );
    assert.equal(properties.enabledForDeployment, true);
    assert.equal(properties.enabledForDiskEncryption, true);
    assert.equal(properties.enabledForTemplateDeployment, true);
    assert.equal(properties.networkAcls.bypass, 'AzureServices');
    assert.equal(properties.networkAcls.defaultAction, 'Allow');
    const back = await update(...words`--enabled-for-deployment false --enabled-for-disk-encryption false`);
    assert.equal(back.properties.enabledForDeployment, false);
    assert.equal(back.properties.enabledForTemplateDeployment, true);
  });

  it('closes a vault to the network and opens it again, at once', async () => {
    const grant = words`role assignment create --role ${'Key Vault Secrets Officer'} --scope ${at.vaultScope(group, plain)}`;
    await az.json([
      ...grant,
      ...words`--assignee-object-id ${administrator} --assignee-principal-type ServicePrincipal`,
    ]);
    await az.json(words`keyvault secret set --vault-name ${plain} -n kept --value seen`);
    assert.equal((await update(...words`--public-network-access Disabled`)).properties.publicNetworkAccess, 'Disabled');
    const refusal = await az.refused(words`keyvault secret show --vault-name ${plain} -n kept`);
    assert.match(refusal, /Public network access is disabled|ForbiddenByConnection|public/i);
    await update(...words`--public-network-access Enabled`);
    assert.equal((await az.json(words`keyvault secret show --vault-name ${plain} -n kept`)).value, 'seen');
  });

  it('sets, adds and removes any property', async () => {
    assert.deepEqual((await update(...words`--set tags.one=first tags.two=second`)).tags, {
      one: 'first',
      two: 'second',
    });
    assert.deepEqual((await update(...words`--remove tags.one`)).tags, { two: 'second' });
    const added = await update(...words`--add properties.networkAcls.ipRules value=10.9.0.0/16`);
    assert.deepEqual(added.properties.networkAcls.ipRules, [{ value: '10.9.0.0/16' }]);
    const removed = await update(...words`--remove properties.networkAcls.ipRules 0`);
    assert.deepEqual(removed.properties.networkAcls.ipRules, []);
    assert.equal(
      (await update(...words`--set properties.enabledForDeployment=true`)).properties.enabledForDeployment,
      true,
    );
  });

  it('switches the permission model there and back', async () => {
    assert.equal((await update(...words`--enable-rbac-authorization false`)).properties.enableRbacAuthorization, false);
    assert.match(
      await az.refused(words`keyvault secret show --vault-name ${plain} -n kept`),
      /does not have secrets get permission/,
    );
    await update(...words`--enable-rbac-authorization true`);
    assert.equal((await az.json(words`keyvault secret show --vault-name ${plain} -n kept`)).value, 'seen');
  });

  it('refuses to switch purge protection off', async () => {
    const refusal = await az.refused(words`keyvault update -n ${full} --enable-purge-protection false`);
    assert.match(refusal, /enablePurgeProtection/);
    assert.equal((await az.json(words`keyvault show -n ${full}`)).properties.enablePurgeProtection, true);
  });
});

describe('keyvault set-policy and delete-policy', () => {
  const set = (...more: string[]) => az.json([...words`keyvault set-policy -n ${policies} -g ${group}`, ...more]);

  it('give each family of permissions to an application by its name and by object id', async () => {
    const options = words`--enable-rbac-authorization false --no-self-perms true`;
    await az.json([...words`keyvault create -n ${policies} -g ${group}`, ...options]);
    const { properties } = await set(
      ...words`--spn ${at.server.administrator.clientId} --secret-permissions all --key-permissions all purge`,
      ...words`--certificate-permissions get list import --storage-permissions get list regeneratekey`,
    );
    const [entry] = properties.accessPolicies;
    assert.equal(entry.objectId, administrator);
    assert.deepEqual(entry.permissions.secrets, ['all']);
    assert.deepEqual(entry.permissions.keys.toSorted(), ['all', 'purge']);
    assert.deepEqual(entry.permissions.certificates.toSorted(), ['get', 'import', 'list']);
    assert.deepEqual(entry.permissions.storage.toSorted(), ['get', 'list', 'regeneratekey']);
    await az.json(words`keyvault secret set --vault-name ${policies} -n kept --value ${'by policy'}`);
    const narrowed = await set(...words`--object-id ${administrator} --secret-permissions get`);
    assert.deepEqual(narrowed.properties.accessPolicies[0].permissions.secrets, ['get']);
    assert.deepEqual(narrowed.properties.accessPolicies[0].permissions.keys.toSorted(), ['all', 'purge']);
    assert.match(
      await az.refused(words`keyvault secret set --vault-name ${policies} -n kept --value again`),
      /does not have secrets set permission/,
    );
  });

  it('tell an application on behalf of whom from the principal itself', async () => {
    const compound = words`--object-id ${administrator} --application-id 11111111-2222-4333-8444-555555555555`;
    const both = await set(...compound, ...words`--secret-permissions list`);
    assert.equal(both.properties.accessPolicies.length, 2);
    const remove = words`keyvault delete-policy -n ${policies} -g ${group}`;
    const one = await az.json([...remove, ...compound]);
    assert.equal(one.properties.accessPolicies.length, 1);
    assert.equal(one.properties.accessPolicies[0].applicationId, null);
    assert.match(await az.refused([...remove, ...compound]), /No matching policies found/);
    assert.deepEqual(
      (await az.json([...remove, '--spn', at.server.administrator.clientId])).properties.accessPolicies,
      [],
    );
  });

  it('refuse nobody, and a permission that there is not', async () => {
    const nobody = words`keyvault set-policy -n ${policies} --upn nobody@example.test --secret-permissions get`;
    assert.match(await az.refused(nobody), /nobody@example\.test|object id/i);
    const set = words`keyvault set-policy -n ${policies} --object-id ${administrator} --secret-permissions rule`;
    assert.match(await az.refused(set, { code: 2 }), /not a valid value/);
  });
});

describe('keyvault network-rule', () => {
  it('adds, lists and removes addresses', async () => {
    const rule = (verb: string, ...more: string[]) =>
      az.json([...words`keyvault network-rule ${verb} -n ${plain} -g ${group}`, ...more]);
    await rule('add', ...words`--ip-address 10.20.0.0/16 10.30.0.1`);
    const listed = await rule('list');
    assert.deepEqual(listed.ipRules.map((entry: { value: string }) => entry.value).toSorted(), [
      '10.20.0.0/16',
      '10.30.0.1/32',
    ]);
    await rule('wait', ...words`--updated --interval 1 --timeout 10`);
    await rule('remove', ...words`--ip-address 10.20.0.0/16`);
    assert.deepEqual((await rule('list')).ipRules, [{ value: '10.30.0.1/32' }]);
  });
});

describe('deleted vaults', () => {
  it('are deleted, listed, shown, recovered, deleted again and purged, by name and location', async () => {
    await az.json(words`keyvault delete -n ${policies} -g ${group}`);
    const listed = await az.json(words`keyvault list-deleted --resource-type vault --query [].name`);
    assert.ok(listed.includes(policies));
    const shown = await az.json(words`keyvault show-deleted -n ${policies} -l local`);
    assert.equal(shown.properties.vaultId, at.vaultScope(group, policies));
    const recovered = await az.json(words`keyvault recover -n ${policies} -l local -g ${group}`);
    assert.equal(recovered.properties.enableRbacAuthorization, false);
    await az.json(words`keyvault delete -n ${policies}`);
    await az.json(words`keyvault purge -n ${policies} -l local`);
    assert.match(
      await az.refused(words`keyvault show-deleted -n ${policies} -l local`, { code: 2 }),
      /DeletedVaultNotFound/,
    );
  });

  it('under purge protection stay until their time', async () => {
    await az.json(words`keyvault delete -n ${full} -g ${group}`);
    assert.match(await az.refused(words`keyvault purge -n ${full} -l local`), /DeletedVaultPurge|purge protection/i);
    const back = await az.json(words`keyvault recover -n ${full} -l local`);
    assert.equal(back.properties.enablePurgeProtection, true);
    assert.deepEqual(back.tags, { team: 'blue', stage: 'test' });
  });
});

describe('what is not here', () => {
  it('says so', async () => {
    assert.match(await az.refused(words`keyvault check-name -n any-${suffix}`), /NotImplemented/);
  });
});
