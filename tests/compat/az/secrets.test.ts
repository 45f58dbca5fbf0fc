import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, runStrongroom, words } from './az-session.ts';

const group = 'az-secrets';
const vaultName = `az-${randomBytes(5).toString('hex')}`;

let at: AzInstallation;
let az: AzSession;
let server: AzInstallation['server'];
let vaultUrl: string;
let vaultScope: string;

before(async () => {
  at = await openSignedIn();
  ({ az, server } = at);
  vaultUrl = at.vaultUrl(vaultName);
  vaultScope = at.vaultScope(group, vaultName);
  await az.json(words`group create -n ${group} -l local`);
  await az.json(words`keyvault create -n ${vaultName} -g ${group} --retention-days 7`);
});

after(() => at?.close());

describe('a caller without a role', () => {
  it('is told the action that was refused and by what', async () => {
    const refusal = await az.refused(
      words`keyvault secret set --vault-name ${vaultName} -n early --value not-to-be-told`,
    );
    assert.match(refusal, /Forbidden/);
    assert.match(refusal, /Microsoft\.KeyVault\/vaults\/secrets\/setSecret\/action/);
    assert.match(refusal, /not authorized/);
    assert.doesNotMatch(refusal, /not-to-be-told/);
  });
});

describe('secrets', () => {
  before(() =>
    az.json(
      words`role assignment create --assignee ${server.administrator.clientId} --role ${'Key Vault Secrets Officer'} --scope ${vaultScope}`,
    ),
  );

  const secret = (texts: TemplateStringsArray, ...values: string[]) =>
    az.json(['keyvault', 'secret', ...words(texts, ...values), '--vault-name', vaultName]);
  let firstVersion: string;

  it('are set and shown, by name and by id, newest and by version', async () => {
    const first = await secret`set -n db-password --value ${'first value'}`;
    firstVersion = first.id;
    assert.match(first.id, new RegExp(`^${vaultUrl}/secrets/db-password/[0-9a-f]{32}$`));
    assert.deepEqual(first.tags, { 'file-encoding': 'utf-8' });
    assert.equal(first.attributes.recoveryLevel, 'CustomizedRecoverable+Purgeable');
    assert.equal(first.attributes.recoverableDays, 7);
    const second = await secret`set -n db-password --value ${'zweiter Wert: ä€𝄞'}`;
    assert.notEqual(second.id, first.id);
    assert.equal((await secret`show -n db-password`).value, 'zweiter Wert: ä€𝄞');
    assert.equal((await secret`show -n db-password --version ${first.id.split('/').at(-1)}`).value, 'first value');
    assert.equal((await az.json(words`keyvault secret show --id ${vaultUrl}/secrets/db-password`)).id, second.id);
    assert.equal((await az.json(words`keyvault secret show --id ${first.id}`)).value, 'first value');
  });

  it('carry content type, dates and tags', async () => {
    const made =
      await secret`set -n described --value x --description text/plain --expires 2035-01-02T03:04:05Z --not-before 2020-01-01T00:00:00Z --tags team=blue stage=test`;
    assert.equal(made.contentType, 'text/plain');
    assert.equal(made.attributes.expires, '2035-01-02T03:04:05+00:00');
    assert.equal(made.attributes.notBefore, '2020-01-01T00:00:00+00:00');
    assert.deepEqual(made.tags, { team: 'blue', stage: 'test', 'file-encoding': 'utf-8' });
  });

  it('come from files and are downloaded to files', async () => {
    const bytes = randomBytes(300);
    const source = join(az.configDirectory, 'source.bin');
    const target = join(az.configDirectory, 'target.bin');
    await writeFile(source, bytes);
    await secret`set -n from-file --file ${source} --encoding base64`;
    await secret`download -n from-file --file ${target}`;
    assert.deepEqual(await readFile(target), bytes);
  });

  it('are listed, with versions, in pages', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await secret`set -n ${name} --value ${name}`;
    const names = (await secret`list`).map((entry: { name: string }) => entry.name);
    assert.deepEqual(names.toSorted(), ['db-password', 'described', 'from-file', 'page-1', 'page-2', 'page-3']);
    assert.equal((await secret`list --maxresults 2`).length, 2);
    assert.equal((await az.json(words`keyvault secret list --id ${vaultUrl}`)).length, 6);
    const versions = await secret`list-versions -n db-password`;
    assert.equal(versions.length, 2);
    assert.ok(versions.some((entry: { id: string }) => entry.id === firstVersion));
    assert.ok(versions.every((entry: { value?: string }) => entry.value === undefined));
  });

  it('have their attributes set, on the newest version and on a given one', async () => {
    const disabled = await secret`set-attributes -n db-password --enabled false --content-type text/x --tags a=b`;
    assert.equal(disabled.attributes.enabled, false);
    assert.deepEqual(disabled.tags, { a: 'b' });
    const refusal = await az.refused(words`keyvault secret show --vault-name ${vaultName} -n db-password`);
    assert.match(refusal, /Forbidden/);
    assert.match(refusal, /disabled secret/);
    assert.equal((await az.json(words`keyvault secret show --id ${firstVersion}`)).value, 'first value');
    await az.json(words`keyvault secret set-attributes --id ${disabled.id} --enabled true`);
    const enabled = await secret`show -n db-password`;
    assert.equal(enabled.value, 'zweiter Wert: ä€𝄞');
    assert.equal(enabled.contentType, 'text/x');
    assert.deepEqual(enabled.tags, { a: 'b' });
  });

  it('are deleted, shown and listed as deleted, kept from reuse, recovered', async () => {
    const deleted = await secret`delete -n page-1`;
    assert.equal(deleted.recoveryId, `${vaultUrl}/deletedsecrets/page-1`);
    const kept = Date.parse(deleted.scheduledPurgeDate) - Date.parse(deleted.deletedDate);
    assert.equal(kept, 7 * 86_400_000);
    assert.match(
      await az.refused(words`keyvault secret show --vault-name ${vaultName} -n page-1`, { code: 3 }),
      /SecretNotFound/,
    );
    const reuse = await az.refused(words`keyvault secret set --vault-name ${vaultName} -n page-1 --value x`);
    assert.match(reuse, /\(Conflict\)/);
    assert.match(reuse, /deleted but recoverable state/);
    assert.deepEqual(
      (await secret`list-deleted`).map((entry: { name: string }) => entry.name),
      ['page-1'],
    );
    assert.equal((await secret`show-deleted -n page-1`).recoveryId, deleted.recoveryId);
    assert.equal((await az.json(words`keyvault secret show-deleted --id ${deleted.recoveryId}`)).name, 'page-1');
    await secret`recover -n page-1`;
    assert.equal((await secret`show -n page-1`).value, 'page-1');
  });

  it('are deleted, recovered, deleted again and purged by their ids, port and all', async () => {
    await secret`set -n by-id --value x`;
    const deleted = await az.json(words`keyvault secret delete --id ${vaultUrl}/secrets/by-id`);
    await az.json(words`keyvault secret recover --id ${deleted.recoveryId}`);
    await az.json(words`keyvault secret delete --id ${vaultUrl}/secrets/by-id`);
    await az.json(words`keyvault secret purge --id ${deleted.recoveryId}`);
    assert.deepEqual(await secret`list-deleted`, []);
  });

  it('are backed up with all versions, purged, and restored', async () => {
    const file = join(az.configDirectory, 'db-password.backup');
    await secret`backup -n db-password --file ${file}`;
    assert.ok((await stat(file)).size > 0);
    assert.ok(!(await readFile(file)).includes('first value'), 'a backup shows no value');
    assert.match(
      await az.refused(words`keyvault secret restore --vault-name ${vaultName} --file ${file}`),
      /\(Conflict\)/,
    );
    await secret`delete -n db-password`;
    await secret`purge -n db-password`;
    assert.deepEqual(await secret`list-deleted`, []);
    const restored = await secret`restore --file ${file}`;
    assert.equal(restored.name, 'db-password');
    assert.equal((await secret`list-versions -n db-password`).length, 2);
    assert.equal((await az.json(words`keyvault secret show --id ${firstVersion}`)).value, 'first value');
  });

  it('with names that are none are refused', async () => {
    const refusal = await az.refused(words`keyvault secret set --vault-name ${vaultName} -n bad_name --value x`);
    assert.match(refusal, /BadParameter/);
    assert.match(refusal, /bad_name/);
  });

  it('are read by az rest with a token for the public audience', async () => {
    const url = `${vaultUrl}/secrets/page-2?api-version=7.4`;
    const answer = await az.json(words`rest --method get --url ${url} --resource https://vault.azure.net`);
    assert.equal(answer.value, 'page-2');
  });
});

describe('a managed identity', () => {
  it('is made, given a role, signs in from its endpoint and reads a secret', async () => {
    const made = await az.json(words`identity create -n az-workload -g ${group}`);
    assert.equal(made.tenantId, server.administrator.tenantId);
    assert.equal((await az.json(words`identity show -n az-workload -g ${group}`)).clientId, made.clientId);
    assert.deepEqual(await az.json(words`identity list -g ${group} --query [].name`), ['az-workload']);
    await az.json(
      words`role assignment create --assignee-object-id ${made.principalId} --role ${'Key Vault Secrets User'} --scope ${vaultScope}`,
    );
    const [machineGroup, machine] = ['strongroom', 'this-machine'];
    await az.json(words`vm identity assign -n ${machine} -g ${machineGroup} --identities ${made.id}`);
    const header = words`rest --method post --url ${server.machineResourceId}/listIdentitySecret?api-version=2024-07-01`;
    const { identityHeader } = await az.json(header);
    const endpoint = `http://127.0.0.1:${server.imdsPort}`;
    const workload = await at.openStranger();
    try {
      // The three environments that az knows: the virtual machine's endpoint, the App Service's, and the older MSI variables.
      const variables: Record<string, string>[] = [
        { AZURE_POD_IDENTITY_AUTHORITY_HOST: endpoint },
        { IDENTITY_ENDPOINT: `${endpoint}/msi/token`, IDENTITY_HEADER: identityHeader },
        { MSI_ENDPOINT: `${endpoint}/msi/token`, MSI_SECRET: identityHeader },
      ];
      for (const env of variables) {
        await workload.json(words`login --identity --client-id ${made.clientId} --allow-no-subscriptions`, { env });
        const account = await workload.json(words`account show`, { env });
        assert.equal(account.tenantId, server.administrator.tenantId);
        const shown = await workload.json(words`keyvault secret show --vault-name ${vaultName} -n page-3`, {
          env,
        });
        assert.equal(shown.value, 'page-3');
      }
      const refusal = await workload.refused(words`keyvault secret delete --vault-name ${vaultName} -n page-3`, {
        env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: endpoint },
      });
      assert.match(refusal, /Forbidden/);
      await az.json(words`vm identity remove -n ${machine} -g ${machineGroup} --identities ${made.id}`);
      const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: endpoint };
      const unassigned = words`login --identity --client-id ${made.clientId} --allow-no-subscriptions`;
      const stranger = await at.openStranger();
      try {
        assert.match(await stranger.refused(unassigned, { env }), /Identity not found/);
      } finally {
        await stranger.close();
      }
    } finally {
      await workload.close();
    }
    await az.json(words`identity delete -n az-workload -g ${group}`);
    assert.deepEqual(await az.json(words`identity list -g ${group}`), []);
  });

  it('of the machine itself needs no name, and no other program may use its App Service form', async () => {
    const role = words`role assignment create --role Reader --scope ${vaultScope} --assignee-principal-type ServicePrincipal`;
    await az.json([...role, '--assignee-object-id', server.machinePrincipalId]);
    const endpoint = `http://127.0.0.1:${server.imdsPort}`;
    const machine = await at.openStranger();
    try {
      const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: endpoint };
      await machine.json(words`login --identity`, { env });
      assert.equal((await machine.json(words`account show`, { env })).id, server.subscriptionId);
      assert.deepEqual(await machine.json(words`keyvault list --query [].name`, { env }), [vaultName]);
      const signIn = await runStrongroom(machine, server.dataDir, words`az --run --identity --name Machine`);
      assert.equal(signIn.code, 0, signIn.stdout + signIn.stderr);
      assert.equal((await machine.json(words`account show`, { env })).environmentName, 'Machine');
      await machine.refused(words`login --identity`, {
        env: { IDENTITY_ENDPOINT: `${endpoint}/msi/token`, IDENTITY_HEADER: 'guessed' },
      });
    } finally {
      await machine.close();
    }
  });
});
