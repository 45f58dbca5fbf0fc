import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { strongroom } from '../../support/cli.ts';
import { type AzInstallation, openSignedIn, signInAdministrator } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

/** What is deleted, for ninety days, on one server whose clock is moved: the commands as a guide writes them. */
const group = 'kept-for-a-while';
const vault = 'az-ninety-days';
let at: AzInstallation;
let az: AzSession;

before(async () => {
  at = await openSignedIn({ args: ['--dev'] });
  ({ az } = at);
});
after(() => at?.close());

/** Moves the clock, and signs in again: tokens from before have expired, and the CLI's cache follows the real clock. */
async function advance(duration: string): Promise<void> {
  const moved = await strongroom(['clock', '--advance', duration, '--data-dir', at.server.dataDir]);
  assert.equal(moved.code, 0, moved.stderr);
  await az.json(words`account clear`);
  await signInAdministrator(az, at.server);
}

const secret = (verb: string, ...rest: string[]) => [...words`keyvault secret ${verb} --vault-name ${vault}`, ...rest];
const deletedVaults = () => az.json(words`keyvault list-deleted --resource-type vault --query [].name`);
const deletedSecrets = () => az.json(secret('list-deleted', '--query', '[].name'));

describe('ninety days', () => {
  it('begin with a vault and its secrets deleted, out of reach and listed', async () => {
    const { clientId } = at.server.administrator;
    await az.json(words`group create -n ${group} -l local`);
    const made = await az.json(words`keyvault create -n ${vault} -g ${group} -l local --retention-days 90`);
    await az.json([
      ...words`role assignment create --assignee ${clientId} --scope ${made.id} --role`,
      'Key Vault Administrator',
    ]);
    for (const name of ['live', 'deleted', 'purged']) await az.json(secret('set', '-n', name, '--value', name));
    await az.json(secret('delete', '-n', 'deleted'));
    await az.json(secret('delete', '-n', 'purged'));
    assert.deepEqual((await deletedSecrets()).sort(), ['deleted', 'purged']);
    const taken = await az.refused(secret('set', '-n', 'deleted', '--value', 'again'));
    assert.match(taken, /ObjectIsDeletedButRecoverable|deleted but recoverable/);
    assert.match(taken, /recover|purge/);
    await az.json(secret('purge', '-n', 'purged'));
    assert.deepEqual(await deletedSecrets(), ['deleted']);
  });

  it('let a vault come back, also after its group went with it, as it was', async () => {
    await az.json(words`group delete -n ${group} --yes`);
    assert.deepEqual(await deletedVaults(), [vault]);
    const shown = await az.json(words`keyvault show-deleted --name ${vault} --location local`);
    assert.equal(shown.name, vault);
    assert.match(await az.refused(secret('show', '-n', 'live'), { code: 3 }), /VaultNotFound/);
    await az.json(words`group create -n ${group} -l local`);
    const taken = await az.refused(words`keyvault create -n ${vault} -g ${group} -l local`);
    assert.match(taken, /VaultAlreadyExists|deleted state|soft.?deleted|recover/i);
    await advance('10d');
    await az.json(words`keyvault recover --name ${vault} --location local`);
    assert.equal((await az.json(secret('show', '-n', 'live'))).value, 'live');
    assert.deepEqual(await deletedSecrets(), ['deleted']);
    assert.deepEqual(await deletedVaults(), []);
  });

  it('end a deleted secret by themselves, and leave the live one', async () => {
    await advance('79d');
    assert.deepEqual(await deletedSecrets(), ['deleted']);
    await advance('1d');
    assert.deepEqual(await deletedSecrets(), []);
    assert.match(await az.refused(secret('recover', '-n', 'deleted')), /SecretNotFound|not found/);
    assert.equal((await az.json(secret('show', '-n', 'live'))).value, 'live');
    assert.equal((await az.json(secret('set', '-n', 'deleted', '--value', 'new'))).value, 'new');
  });

  it('end a deleted vault by themselves, purge protection or not, and free its name', async () => {
    await az.json(words`keyvault update -n ${vault} -g ${group} --enable-purge-protection true`);
    await az.json(words`keyvault delete -n ${vault} -g ${group}`);
    assert.match(await az.refused(words`keyvault purge --name ${vault} --location local`), /purge/i);
    await advance('89d');
    assert.deepEqual(await deletedVaults(), [vault]);
    await advance('1d');
    assert.deepEqual(await deletedVaults(), []);
    const again = await az.json(words`keyvault create -n ${vault} -g ${group} -l local`);
    assert.equal(again.properties.provisioningState, 'Succeeded');
    assert.match(await az.refused(secret('list')), /Forbidden/);
  });
});
