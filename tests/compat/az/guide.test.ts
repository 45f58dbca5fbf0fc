import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runAtMachineAddress } from '../machine-address.ts';
import { runClient } from '../reading-client.ts';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

/**
 * The commands of a troubleshooting guide for Key Vault, as it writes them and in its order: who am I (authentication), what
 * may I (authorisation), what was deleted (recovery). Each section is one story on one server.
 */
const group = 'guide-group';
const suffix = randomBytes(4).toString('hex');
const vault = `guide-${suffix}`;

let at: AzInstallation;
let az: AzSession;
let scope: string;

before(async () => {
  at = await openSignedIn();
  ({ az } = at);
  scope = at.vaultScope(group, vault);
  await az.json(words`group create -n ${group} -l local`);
  await az.json(words`keyvault create -n ${vault} -g ${group} -l local`);
});

after(() => at?.close());

/** curl as the guide calls it; a token goes in by standard input. */
async function curl(args: readonly string[], token?: string): Promise<{ status: string; head: string; body: string }> {
  const input = token === undefined ? '' : `header = "Authorization: Bearer ${token}"\n`;
  const all = ['-s', '-i', '--cacert', at.caFile, '--config', '-', ...args];
  const { code, stdout, stderr } = await runClient('curl', all, { PATH: process.env['PATH'] ?? '' }, input);
  assert.equal(code, 0, stderr);
  const [head = '', body = ''] = stdout.split('\r\n\r\n');
  return { status: head.split(' ')[1] ?? '', head, body };
}

describe('authentication', () => {
  let identity: { principalId: string; clientId: string; id: string };

  it('without a token is asked for, with the authority to go to, before any permission is looked at', async () => {
    const { status, head, body } = await curl([`${at.vaultUrl(vault)}/secrets/anything?api-version=7.4`]);
    assert.equal(status, '401');
    assert.match(head, /www-authenticate: Bearer authorization="https:\/\/login\.[^"]+", resource="https:\/\/vault\./i);
    assert.equal(JSON.parse(body).error.code, 'Unauthorized');
  });

  it('az account set --subscription NAME keeps the account for the commands that follow', async () => {
    await az.json(words`account set --subscription Strongroom`);
    const { id, isDefault } = await az.json(words`account show`);
    assert.deepEqual([id, isDefault], [at.server.subscriptionId, true]);
  });

  it('an identity has an object id, which az ad sp show names', async () => {
    identity = await az.json(words`identity create -n guide-job -g ${group}`);
    const shown = await az.json(words`ad sp show --id ${identity.principalId}`);
    assert.deepEqual(
      [shown.displayName, shown.appId, shown.servicePrincipalType],
      ['guide-job', identity.clientId, 'ManagedIdentity'],
    );
    const missing = await az.refused(words`ad sp show --id 11111111-2222-4333-8444-555555555555`, { code: 3 });
    assert.match(missing, /does not exist|not found/i);
  });

  it('its token is served on the machine it is assigned to, to who asks with the Metadata header, and to no other', async () => {
    await az.json(words`vm identity assign -g strongroom -n this-machine --identities ${identity.id}`);
    const query = `api-version=2018-02-01&resource=https://vault.azure.net&client_id=${identity.clientId}`;
    const url = `http://127.0.0.1:${at.server.imdsPort}/metadata/identity/oauth2/token?${query}`;
    assert.equal((await curl([url])).status, '400');
    const { status, body } = await curl(['-H', 'Metadata: true', url]);
    assert.equal(status, '200');
    const token = JSON.parse(body).access_token;
    const secret = `${at.vaultUrl(vault)}/secrets/any?api-version=7.4`;
    const refused = await curl([secret], token);
    assert.deepEqual([refused.status, JSON.parse(refused.body).error.innererror.code], ['403', 'ForbiddenByRbac']);
  });

  it('the address is the cloud’s own where the machine has it', async () => {
    const script = fileURLToPath(new URL('guide-at-machine-address.ts', import.meta.url));
    const { code, stdout, stderr } = await runAtMachineAddress(script);
    assert.equal(code, 0, stderr);
    const { refusal, ...found } = JSON.parse(stdout);
    const wanted = { type: 'Bearer', resource: 'https://vault.azure.net', isMachine: true, bare: '400' };
    assert.deepEqual(found, wanted);
    assert.equal(refusal.error.innererror.code, 'ForbiddenByRbac');
  });
});

describe('authorisation', () => {
  const officer = 'Key Vault Secrets Officer';
  const user = 'Key Vault Secrets User';
  let administrator: string;

  it('the model of the vault is a property', async () => {
    administrator = (await az.json(words`ad sp show --id ${at.server.administrator.clientId}`)).id;
    assert.equal(await az.json(words`keyvault show -n ${vault} --query properties.enableRbacAuthorization`), true);
  });

  it('an owner has no access to data until a role gives it, at once', async () => {
    const set = words`keyvault secret set --vault-name ${vault} -n db-password --value correct-horse`;
    assert.match(await az.refused(set), /ForbiddenByRbac/);
    await az.json(
      words`role assignment create --role ${officer} --assignee-object-id ${administrator} --assignee-principal-type ServicePrincipal --scope ${scope}`,
    );
    assert.equal((await az.json(set)).value, 'correct-horse');
  });

  it('a role goes to a person by address, for one secret alone', async () => {
    const address = 'grace@localhost';
    const password = `Pw-${randomBytes(12).toString('base64url')}-1`;
    const person = await az.json(
      words`ad user create --display-name Grace --user-principal-name ${address} --password @-`,
      { input: password },
    );
    const one = `${scope}/secrets/db-password`;
    const made = await az.json(words`role assignment create --role ${user} --assignee ${address} --scope ${one}`);
    assert.deepEqual([made.principalId, made.principalType, made.scope], [person.id, 'User', one]);
    const [listed] = await az.json(words`role assignment list --assignee ${address} --scope ${one}`);
    assert.deepEqual([listed.roleDefinitionName, listed.principalName], [user, address]);
    const nobody = words`role assignment create --role ${user} --assignee nobody@localhost --scope ${one}`;
    assert.match(await az.refused(nobody), /nobody@localhost/);
  });

  it('access policies hold where the vault is switched to them, and roles do not', async () => {
    await az.json(words`keyvault update -n ${vault} -g ${group} --enable-rbac-authorization false`);
    const show = words`keyvault secret show --vault-name ${vault} -n db-password`;
    assert.match(await az.refused(show), /does not have secrets get permission/);
    await az.json(
      words`keyvault set-policy -n ${vault} -g ${group} --object-id ${administrator} --secret-permissions get list`,
    );
    assert.equal((await az.json(show)).value, 'correct-horse');
    const [entry] = await az.json(words`keyvault show -n ${vault} --query properties.accessPolicies`);
    assert.deepEqual([entry.objectId, entry.permissions.secrets.toSorted()], [administrator, ['get', 'list']]);
    await az.json(words`keyvault delete-policy -n ${vault} -g ${group} --object-id ${administrator}`);
    assert.match(await az.refused(show), /does not have secrets get permission/);
  });

  it('policies have no effect once the vault is switched to roles', async () => {
    await az.json(words`keyvault update -n ${vault} -g ${group} --enable-rbac-authorization true`);
    const refusal = await az.refused(
      words`keyvault set-policy -n ${vault} --object-id ${administrator} --secret-permissions get`,
    );
    assert.match(refusal, /Cannot set policies to a vault with '--enable-rbac-authorization'/);
    const shown = await az.json(words`keyvault secret show --vault-name ${vault} -n db-password`);
    assert.equal(shown.value, 'correct-horse');
  });
});

describe('recovery', () => {
  const secrets = (verb: string, ...more: string[]) => [
    ...words`keyvault secret ${verb} --vault-name ${vault}`,
    ...more,
  ];

  it('a deleted secret is listed, keeps its name, and is recovered', async () => {
    await az.json(secrets('delete', '-n', 'db-password'));
    assert.deepEqual(await az.json(secrets('list-deleted', '--query', '[].name')), ['db-password']);
    const taken = await az.refused(secrets('set', '-n', 'db-password', '--value', 'another'));
    assert.match(taken, /ObjectIsDeletedButRecoverable/);
    assert.match(taken, /recover|purge/);
    await az.json(secrets('recover', '-n', 'db-password'));
    assert.equal((await az.json(secrets('show', '-n', 'db-password'))).value, 'correct-horse');
  });

  it('a deleted secret is purged for good', async () => {
    await az.json(secrets('set', '-n', 'passing', '--value', 'gone'));
    await az.json(secrets('delete', '-n', 'passing'));
    const purge = secrets('purge', '-n', 'passing');
    await az.json(purge);
    assert.deepEqual(await az.json(secrets('list-deleted')), []);
    assert.match(await az.refused(secrets('recover', '-n', 'passing')), /SecretNotFound/);
  });

  it('a deleted vault is listed, keeps its name, and is recovered by name and location', async () => {
    await az.json(words`keyvault delete -n ${vault}`);
    const deleted = words`keyvault list-deleted --resource-type vault --query [].name`;
    assert.deepEqual(await az.json(deleted), [vault]);
    assert.match(await az.refused(words`keyvault create -n ${vault} -g ${group} -l local`), /deleted state/);
    await az.json(words`keyvault recover --name ${vault} --location local`);
    assert.deepEqual(await az.json(deleted), []);
    assert.equal((await az.json(secrets('show', '-n', 'db-password'))).value, 'correct-horse');
  });

  it('a deleted vault is purged by name and location, and its name is free', async () => {
    const passing = `${vault}-passing`;
    await az.json(words`keyvault create -n ${passing} -g ${group} -l local`);
    await az.json(words`keyvault delete -n ${passing}`);
    await az.json(words`keyvault purge --name ${passing} --location local`);
    assert.deepEqual(await az.json(words`keyvault list-deleted --resource-type vault`), []);
    await az.json(words`keyvault create -n ${passing} -g ${group} -l local`);
  });

  it('purge protection goes one way, and nobody purges while it is on', async () => {
    await az.json(words`keyvault update -n ${vault} -g ${group} --enable-purge-protection true`);
    assert.match(
      await az.refused(words`keyvault update -n ${vault} -g ${group} --enable-purge-protection false`),
      /enablePurgeProtection/,
    );
    await az.json(secrets('delete', '-n', 'db-password'));
    assert.match(await az.refused(secrets('purge', '-n', 'db-password')), /Forbidden|purge protection/i);
    await az.json(words`keyvault delete -n ${vault}`);
    assert.match(await az.refused(words`keyvault purge --name ${vault} --location local`), /purge/i);
    assert.deepEqual(await az.json(words`keyvault list-deleted --resource-type vault --query [].name`), [vault]);
  });
});
