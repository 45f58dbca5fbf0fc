import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, noDiscovery, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

let at: AzInstallation;
let az: AzSession;

before(async () => {
  at = await openSignedIn();
  ({ az } = at);
});

after(() => at?.close());

const idsOf = (list: { id: string }[]): string[] => list.map(({ id }) => id).sort();

describe('az ad user and az ad group', () => {
  let upn: string;
  let user: { id: string; userPrincipalName: string };
  let group: { id: string };

  it('make a person, show, list and change them', async () => {
    upn = `anna@${at.server.domain}`;
    const create = words`ad user create --display-name ${'Anna Nová'} --user-principal-name ${upn}`;
    assert.match(await az.refused([...create, '--password', 'short']), /password complexity/);
    user = await az.json([...create, '--password', 'Correct-horse-7']);
    assert.equal(user.userPrincipalName, upn);
    assert.equal((await az.json(words`ad user show --id ${upn}`)).id, user.id);
    assert.deepEqual(idsOf(await az.json(words`ad user list --upn ${upn}`)), [user.id]);
    assert.deepEqual(idsOf(await az.json(words`ad user list --display-name Anna`)), [user.id]);
    const change = words`ad user update --id ${upn} --display-name ${'Anna Stará'} --password Another-horse-8`;
    await az.json([...change, ...words`--force-change-password-next-sign-in true`]);
    assert.equal((await az.json(words`ad user show --id ${user.id}`)).displayName, 'Anna Stará');
  });

  it('make a group once, with members and owners', async () => {
    const create = words`ad group create --display-name readers --mail-nickname readers --description all`;
    group = await az.json(create);
    assert.equal((await az.json(create)).id, group.id);
    assert.equal((await az.json(words`ad group show --group readers`)).id, group.id);
    assert.deepEqual(idsOf(await az.json(words`ad group list --display-name read`)), [group.id]);
    await az.json(words`ad group member add --group ${group.id} --member-id ${user.id}`);
    assert.match(
      await az.refused(words`ad group member add --group ${group.id} --member-id ${user.id}`),
      /already exist/,
    );
    assert.deepEqual(idsOf(await az.json(words`ad group member list --group ${group.id}`)), [user.id]);
    const check = await az.json(words`ad group member check --group ${group.id} --member-id ${user.id}`);
    assert.equal(check.value, true);
    const owner = words`--group ${group.id} --owner-object-id ${user.id}`;
    await az.json([...words`ad group owner add`, ...owner]);
    await az.json([...words`ad group owner add`, ...owner]);
    assert.deepEqual(idsOf(await az.json(words`ad group owner list --group ${group.id}`)), [user.id]);
    await az.json([...words`ad group owner remove`, ...owner]);
    assert.deepEqual(await az.json(words`ad group owner list --group ${group.id}`), []);
  });

  it('follow groups in groups', async () => {
    const outer = await az.json(words`ad group create --display-name outer --mail-nickname outer`);
    await az.json(words`ad group member add --group ${outer.id} --member-id ${group.id}`);
    assert.deepEqual(idsOf(await az.json(words`ad user get-member-groups --id ${upn}`)), [group.id, outer.id].sort());
    const groups = await az.json(words`ad group get-member-groups --group ${group.id}`);
    assert.deepEqual(groups, [outer.id]);
    await az.json(words`ad group member remove --group ${outer.id} --member-id ${group.id}`);
    assert.deepEqual(idsOf(await az.json(words`ad user get-member-groups --id ${upn}`)), [group.id]);
    await az.json(words`ad group delete --group ${outer.id}`);
  });

  it('delete them at once', async () => {
    await az.json(words`ad user delete --id ${upn}`);
    assert.deepEqual(await az.json(words`ad group member list --group ${group.id}`), []);
    assert.match(await az.refused(words`ad user show --id ${upn}`, { code: 3 }), /does not exist/);
    await az.json(words`ad group delete --group ${group.id}`);
    assert.deepEqual(await az.json(words`ad group list`), []);
  });
});

describe('az ad app', () => {
  let app: { id: string; appId: string };
  let certificate: string;

  it('makes, shows, lists and changes applications', async () => {
    const create = words`ad app create --display-name shop --identifier-uris api://shop-of-acme`;
    app = await az.json([...create, ...words`--web-redirect-uris https://shop.test/back`]);
    assert.equal((await az.json(words`ad app show --id api://shop-of-acme`)).id, app.id);
    assert.deepEqual(idsOf(await az.json(words`ad app list --display-name sho`)), [app.id]);
    await az.json([...words`ad app update --id ${app.appId} --set`, 'tags=["one","two"]']);
    const roles = [
      { allowedMemberTypes: ['User'], description: 'd', displayName: 'Writer', isEnabled: true, value: 'w' },
    ];
    await az.json([...words`ad app update --id ${app.id} --app-roles`, JSON.stringify(roles)]);
    const shown = await az.json(words`ad app show --id ${app.id}`);
    assert.deepEqual([shown.tags, shown.appRoles[0].value], [['one', 'two'], 'w']);
    const api = '00000003-0000-0000-c000-000000000000';
    const permission = words`--id ${app.id} --api ${api} --api-permissions e1fe6dd8-ba31-4d61-89e7-88639da4683d=Scope`;
    await az.json([...words`ad app permission add`, ...permission]);
    assert.equal((await az.json(words`ad app permission list --id ${app.id}`))[0].resourceAppId, api);
    await az.json(words`ad app permission delete --id ${app.id} --api ${api}`);
    assert.deepEqual(await az.json(words`ad app permission list --id ${app.id}`), []);
  });

  it('keeps several secrets and certificates', async () => {
    const reset = words`ad app credential reset --id ${app.appId}`;
    const first = await az.json([...reset, ...words`--end-date 2031-05-01 --display-name first`]);
    assert.equal(first.password.length > 30, true);
    await az.json([...reset, ...words`--append --years 2`]);
    const secrets = await az.json(words`ad app credential list --id ${app.appId}`);
    assert.equal(secrets.length, 2);
    assert.equal(
      secrets.find((one: { displayName: string }) => one.displayName === 'first').endDateTime,
      '2031-05-01T00:00:00Z',
    );
    const made = await az.json([...reset, ...words`--create-cert --append`]);
    certificate = made.fileWithCertAndPrivateKey;
    const pem = await readFile(certificate, 'utf8');
    const file = join(az.configDirectory, 'public.pem');
    await writeFile(file, pem.slice(pem.indexOf('-----BEGIN CERTIFICATE-----')));
    await az.json([...reset, '--append', '--cert', `@${file}`, '--display-name', 'again']);
    const certificates = await az.json(words`ad app credential list --id ${app.appId} --cert`);
    assert.equal(certificates.length, 2);
    const { keyId } = certificates.find((one: { displayName: string }) => one.displayName === 'again');
    await az.json(words`ad app credential delete --id ${app.appId} --key-id ${keyId} --cert`);
    assert.equal((await az.json(words`ad app credential list --id ${app.appId} --cert`)).length, 1);
    await az.json(words`ad app credential delete --id ${app.appId} --key-id ${secrets[0].keyId}`);
    assert.equal((await az.json(words`ad app credential list --id ${app.appId}`)).length, 1);
  });

  it('has federated credentials', async () => {
    const parameters = {
      name: 'main-branch',
      issuer: 'https://token.actions.test',
      subject: 'repo:acme/shop:ref:refs/heads/main',
      audiences: ['api://AzureADTokenExchange'],
    };
    const group = words`ad app federated-credential`;
    const id = ['--id', app.appId];
    const made = await az.json([...group, 'create', ...id, '--parameters', JSON.stringify(parameters)]);
    const one = [...id, '--federated-credential-id', 'main-branch'];
    assert.equal((await az.json([...group, 'show', ...one])).id, made.id);
    const { name: _, ...update } = { ...parameters, subject: 'repo:acme/shop:environment:live' };
    await az.json([...group, 'update', ...one, '--parameters', JSON.stringify(update)]);
    assert.equal((await az.json([...group, 'list', ...id]))[0].subject, update.subject);
    await az.json([...group, 'delete', ...one]);
    assert.deepEqual(await az.json([...group, 'list', ...id]), []);
  });

  it('has owners', async () => {
    const upn = `owner@${at.server.domain}`;
    const create = words`ad user create --display-name owner --password Correct-horse-7 --user-principal-name ${upn}`;
    const { id } = await az.json(create);
    await az.json(words`ad app owner add --id ${app.appId} --owner-object-id ${id}`);
    assert.deepEqual(idsOf(await az.json(words`ad app owner list --id ${app.appId}`)), [id]);
    await az.json(words`ad app owner remove --id ${app.appId} --owner-object-id ${id}`);
    assert.deepEqual(await az.json(words`ad app owner list --id ${app.appId}`), []);
  });

  it('deletes them', async () => {
    await az.json(words`ad app delete --id ${app.appId}`);
    assert.match(await az.refused(words`ad app show --id ${app.appId}`, { code: 3 }), /exist/);
  });
});

describe('az ad sp', () => {
  it('makes one with a role, which signs in with its password', async () => {
    const scope = at.subscription;
    const made = await az.json(words`ad sp create-for-rbac --name robot --role Reader --scopes ${scope}`);
    const robot = await at.openStranger();
    try {
      const login = words`login --service-principal -u ${made.appId} -p @- --tenant ${made.tenant}`;
      await robot.json(login, { input: made.password, ...noDiscovery });
      const create = words`ad group create --display-name x --mail-nickname x`;
      assert.match(await robot.refused(create, noDiscovery), /Insufficient privileges/);
      assert.match(await robot.refused(words`ad signed-in-user show`, noDiscovery), /delegated authentication flow/);
    } finally {
      await robot.close();
    }
    const again = await az.json(words`ad sp create-for-rbac --name robot`);
    assert.equal(again.appId, made.appId);
    assert.notEqual(again.password, made.password);
  });

  it('shows, lists, changes, and keeps its credentials and owners', async () => {
    const [{ id, appId }] = await az.json(words`ad sp list --display-name robot`);
    assert.equal((await az.json(words`ad sp show --id ${appId}`)).id, id);
    await az.json([...words`ad sp update --id ${appId} --set`, 'tags=["batch"]', 'notes=nightly']);
    const shown = await az.json(words`ad sp show --id ${id}`);
    assert.deepEqual([shown.tags, shown.notes], [['batch'], 'nightly']);
    await az.json(words`ad sp credential reset --id ${appId}`);
    await az.json(words`ad sp credential reset --id ${appId} --append --create-cert`);
    const secrets = await az.json(words`ad sp credential list --id ${appId}`);
    assert.equal(secrets.length, 1);
    assert.equal((await az.json(words`ad sp credential list --id ${appId} --cert`)).length, 1);
    await az.json(words`ad sp credential delete --id ${appId} --key-id ${secrets[0].keyId}`);
    assert.deepEqual(await az.json(words`ad sp credential list --id ${appId}`), []);
    assert.deepEqual(await az.json(words`ad sp owner list --id ${appId}`), []);
    await az.json(words`ad sp delete --id ${appId}`);
    assert.deepEqual(await az.json(words`ad sp list --display-name robot`), []);
    const sp = await az.json(words`ad sp create --id ${appId}`);
    assert.notEqual(sp.id, id);
  });

  it('holds a directory role given with az rest', async () => {
    const [{ id }] = await az.json(words`ad sp list --display-name robot`);
    const url = `https://graph.${at.server.domain}:${at.server.port}/v1.0/roleManagement/directory/roleAssignments`;
    const roleDefinitionId = 'fdd7a751-b60b-444a-984c-02652fe8fa1c';
    const body = JSON.stringify({ principalId: id, roleDefinitionId, directoryScopeId: '/' });
    const made = await az.json(['rest', '--method', 'POST', '--url', url, '--body', body]);
    assert.equal(made.roleDefinitionId, roleDefinitionId);
    await az.json(['rest', '--method', 'DELETE', '--url', `${url}/${made.id}`]);
  });
});
