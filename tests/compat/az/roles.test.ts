import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

const group = 'az-roles';
const vaultName = `az-${randomBytes(5).toString('hex')}`;

let at: AzInstallation;
let az: AzSession;
let subscription: string;
let scope: string;
let clientId: string;
let principal: string;

before(async () => {
  at = await openSignedIn();
  ({ az, subscription } = at);
  scope = at.vaultScope(group, vaultName);
  await az.json(words`group create -n ${group} -l local`);
  await az.json(words`keyvault create -n ${vaultName} -g ${group}`);
  clientId = (await az.json(words`ad app create --display-name ${'roles app'}`)).appId;
  principal = (await az.json(words`ad sp create --id ${clientId}`)).id;
});

after(() => at?.close());

describe('custom roles', () => {
  const definition = (actions: readonly string[]) =>
    JSON.stringify({
      Name: 'Secret Reader Only',
      IsCustom: true,
      Description: 'reads values, lists nothing',
      Actions: actions,
      NotActions: [],
      DataActions: ['Microsoft.KeyVault/vaults/secrets/getSecret/action'],
      NotDataActions: [],
      AssignableScopes: [`${subscription}/resourceGroups/${group}`],
    });

  it('are created, listed, assigned, updated, kept while in use, and deleted', async () => {
    const made = await az.json(words`role definition create --role-definition ${definition([])}`);
    assert.equal(made.roleName, 'Secret Reader Only');
    assert.equal(made.roleType, 'CustomRole');
    const resourceGroup = `${subscription}/resourceGroups/${group}`;
    const listed = await az.json(words`role definition list --custom-role-only true --scope ${resourceGroup}`);
    assert.deepEqual(
      listed.map(({ name }: { name: string }) => name),
      [made.name],
    );
    const assigned = await az.json(
      words`role assignment create --role ${'Secret Reader Only'} --assignee-object-id ${principal} --assignee-principal-type ServicePrincipal --scope ${scope}`,
    );
    assert.match(assigned.roleDefinitionId, new RegExp(made.name));
    const updated = await az.json(
      words`role definition update --role-definition ${definition(['Microsoft.KeyVault/vaults/read'])}`,
    );
    assert.deepEqual(updated.permissions[0].actions, ['Microsoft.KeyVault/vaults/read']);
    const deletion = words`role definition delete --name ${'Secret Reader Only'} --scope ${resourceGroup}`;
    assert.match(await az.refused(deletion), /RoleDefinitionHasAssignments/);
    await az.json(words`role assignment delete --ids ${assigned.id}`);
    await az.json(deletion);
    assert.deepEqual(await az.json(words`role definition list --custom-role-only true --scope ${resourceGroup}`), []);
  });
});

describe('role assignments', () => {
  it('are created by application id with a condition, shown, updated and deleted', async () => {
    const condition = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringStartsWith 'app-'";
    const made = await az.json(
      words`role assignment create --role ${'Key Vault Secrets User'} --assignee ${clientId} --scope ${scope} --condition ${condition} --condition-version 2.0`,
    );
    assert.equal(made.condition, condition);
    const [listed] = await az.json(words`role assignment list --assignee ${clientId} --scope ${scope}`);
    assert.equal(listed.conditionVersion, '2.0');
    const changed = { ...listed, condition: condition.replace('app-', 'db-'), description: 'narrowed' };
    const updated = await az.json(words`role assignment update --role-assignment ${JSON.stringify(changed)}`);
    assert.equal(updated.condition, changed.condition);
    assert.equal(updated.description, 'narrowed');
    const bad = words`role assignment create --role ${'Key Vault Reader'} --assignee ${clientId} --scope ${scope} --condition nonsense --condition-version 2.0`;
    assert.match(await az.refused(bad), /InvalidConditionFormat/);
    await az.json(
      words`role assignment delete --assignee ${clientId} --role ${'Key Vault Secrets User'} --scope ${scope}`,
    );
    assert.deepEqual(await az.json(words`role assignment list --assignee ${clientId} --scope ${scope}`), []);
  });
});

describe('deny assignments', () => {
  it('are made and lifted through az rest, and listed by az', async () => {
    const id = randomUUID();
    const url = `${scope}/providers/Microsoft.Authorization/denyAssignments/${id}?api-version=2022-04-01`;
    const body = {
      properties: {
        denyAssignmentName: 'nobody lists',
        permissions: [{ dataActions: ['Microsoft.KeyVault/vaults/secrets/readMetadata/action'] }],
        principals: [{ id: '00000000-0000-0000-0000-000000000000', type: 'SystemDefined' }],
      },
    };
    await az.json(words`rest --method put --url ${url} --body ${JSON.stringify(body)}`);
    const refusal = await az.refused(words`keyvault secret list --vault-name ${vaultName}`);
    assert.match(refusal, /ForbiddenByRbac/);
    await az.json(words`rest --method delete --url ${url}`);
  });
});
