import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

const group = 'managed-group';
const vaultName = `az-${randomBytes(5).toString('hex')}`;

let at: AzInstallation;
let az: AzSession;

before(async () => {
  at = await openSignedIn();
  ({ az } = at);
  await az.json(words`group create -n ${group} -l local`);
  await az.json(words`keyvault create -n ${vaultName} -g ${group} -l local`);
});

after(() => at?.close());

describe('locks', () => {
  it('at a group keep its vaults, are shown, updated, listed and removed', async () => {
    const made = await az.json(words`lock create -n keep -t CanNotDelete -g ${group} --notes kept`);
    assert.equal(made.level, 'CanNotDelete');
    assert.match(await az.refused(words`keyvault delete -n ${vaultName} -g ${group}`), /ScopeLocked/);
    assert.match(await az.refused(words`group delete -n ${group} --yes`), /ScopeLocked/);
    assert.equal((await az.json(words`lock show -n keep -g ${group}`)).notes, 'kept');
    assert.equal((await az.json(words`lock update -n keep -g ${group} -t ReadOnly`)).level, 'ReadOnly');
    assert.match(await az.refused(words`keyvault update -n ${vaultName} -g ${group} --set tags.a=b`), /ScopeLocked/);
    const listed = await az.json(words`group lock list -g ${group}`);
    assert.deepEqual(
      listed.map(({ name }: { name: string }) => name),
      ['keep'],
    );
    await az.run(words`lock delete -n keep -g ${group}`);
    assert.deepEqual(await az.json(words`lock list`), []);
  });

  it('at a vault are made by its name and by its type', async () => {
    const type = 'Microsoft.KeyVault/vaults';
    const made = await az.json(
      words`lock create -n one -t CanNotDelete -g ${group} --resource ${vaultName} --resource-type ${type}`,
    );
    assert.match(made.id, new RegExp(`/vaults/${vaultName}/providers/Microsoft.Authorization/locks/one$`));
    await az.run(words`resource lock delete -n one -g ${group} --resource ${vaultName} --resource-type ${type}`);
  });
});

describe('machines', () => {
  it('are registered, and have identities that come and go', async () => {
    const type = 'Microsoft.Compute/virtualMachines';
    await az.json(words`resource create -g ${group} -n vm1 --resource-type ${type} --location local --properties {}`);
    const assigned = await az.json(words`vm identity assign -g ${group} -n vm1`);
    assert.match(assigned.systemAssignedIdentity, /^[0-9a-f-]{36}$/);
    const robot = await az.json(words`identity create -g ${group} -n robot`);
    await az.json(words`vm identity assign -g ${group} -n vm1 --identities ${robot.id}`);
    const shown = await az.json(words`vm identity show -g ${group} -n vm1`);
    assert.equal(shown.principalId, assigned.systemAssignedIdentity);
    assert.deepEqual(Object.keys(shown.userAssignedIdentities), [robot.id]);
    await az.run(words`vm identity remove -g ${group} -n vm1 --identities ${robot.id}`);
    assert.equal((await az.json(words`vm identity show -g ${group} -n vm1`)).type, 'SystemAssigned');
    await az.run(words`resource delete -g ${group} -n vm1 --resource-type ${type}`);
  });
});
