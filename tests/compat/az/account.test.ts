import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, noDiscovery, openInstallation, signInAdministrator } from './az-installation.ts';
import { type AzSession, finish, openAz, projectRoot, runStrongroom, untrusting, words } from './az-session.ts';

let at: AzInstallation;
let az: AzSession;
let server: AzInstallation['server'];

before(async () => {
  at = await openInstallation();
  ({ az, server } = at);
});

after(() => at?.close());

describe('the cloud', () => {
  it('is registered from the address of the management plane alone', async () => {
    await az.json(words`cloud register -n Strongroom --endpoint-resource-manager ${at.management}`);
    const { endpoints, suffixes } = await az.json(words`cloud show -n Strongroom`);
    assert.equal(new URL(endpoints.resourceManager).origin, at.management);
    assert.equal(new URL(endpoints.activeDirectory).origin, `https://login.${server.domain}:${server.port}`);
    assert.equal(new URL(endpoints.microsoftGraphResourceId).origin, `https://graph.${server.domain}:${server.port}`);
    assert.equal(suffixes.keyvaultDns, `.vault.${server.domain}:${server.port}`);
  });

  it('is registered from an address with a trailing slash too', async () => {
    await az.json(words`cloud register -n Slash --endpoint-resource-manager ${at.management}/`);
    await az.json(words`cloud unregister -n Slash`);
  });

  it('can be set as the current one', async () => {
    await az.json(words`cloud set -n Strongroom`);
    await az.json(words`config set core.instance_discovery=false`);
    assert.equal((await az.json(words`cloud show`)).name, 'Strongroom');
  });
});

describe('login', () => {
  it('refuses a wrong secret and an unknown client with the reason', async () => {
    const stranger = await at.openStranger();
    try {
      const login = (client: string): string[] =>
        words`login --service-principal -u ${client} -p not-the-secret --tenant ${server.administrator.tenantId}`;
      const wrong = await stranger.refused(login(server.administrator.clientId), noDiscovery);
      assert.match(wrong, /AADSTS7000215/);
      assert.doesNotMatch(wrong, /not-the-secret/);
      const unknown = await stranger.refused(login('00000000-1111-2222-3333-444444444444'), noDiscovery);
      assert.match(unknown, /AADSTS700016/);
    } finally {
      await stranger.close();
    }
  });

  it('takes a service principal by secret', async () => {
    await signInAdministrator(az, server);
    const account = await az.json(words`account show`);
    assert.equal(account.id, server.subscriptionId);
    assert.equal(account.tenantId, server.administrator.tenantId);
    assert.equal(account.name, 'Strongroom');
    assert.equal(account.user.name, server.administrator.clientId);
  });

  it('lets the subscription be listed, refreshed and chosen by name', async () => {
    const accounts = await az.json(words`account list --refresh`);
    assert.deepEqual(
      accounts.map((entry: { id: string }) => entry.id),
      [server.subscriptionId],
    );
    await az.json(words`account set --subscription Strongroom`);
    assert.match(await az.refused(words`account set --subscription Nowhere`), /doesn't exist/);
  });

  it('hands out tokens for the management plane and for vaults', async () => {
    for (const resource of [at.management, 'https://vault.azure.net']) {
      const token = await az.json(words`account get-access-token --resource ${resource}`);
      assert.equal(token.tenant, server.administrator.tenantId);
      const claims = JSON.parse(Buffer.from(token.accessToken.split('.')[1], 'base64url').toString());
      assert.equal(claims.aud, resource);
      assert.equal(claims.tid, server.administrator.tenantId);
      assert.equal(claims.appid, server.administrator.clientId);
    }
  });

  it('takes a service principal by the certificate that az itself made', async () => {
    const made = await az.json(
      words`ad sp create-for-rbac -n by-certificate --create-cert --role Reader --scopes ${at.subscription}`,
    );
    const stranger = await at.openStranger();
    try {
      const login = words`login --service-principal -u ${made.appId} --certificate ${made.fileWithCertAndPrivateKey} --tenant ${made.tenant}`;
      const accounts = await stranger.json(login, noDiscovery);
      assert.deepEqual(
        accounts.map((entry: { id: string }) => entry.id),
        [server.subscriptionId],
      );
      assert.deepEqual(await stranger.json(words`keyvault list -g strongroom --query [].type`, noDiscovery), [
        'Microsoft.KeyVault/vaults',
      ]);
      await stranger.json(words`logout`, noDiscovery);
    } finally {
      await stranger.close();
    }
  });
});

describe('strongroom az', () => {
  let session: AzSession;

  before(async () => {
    session = await openAz(at.caFile);
  });

  after(() => session?.close());

  it('--run registers the cloud, signs in, and does so again over the same registration', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { code, stdout, stderr } = await runStrongroom(session, server.dataDir, ['az', '--run', '--name', 'Mine']);
      assert.equal(code, 0, stdout + stderr);
      assert.ok(!(stdout + stderr).includes(server.administrator.clientSecret));
    }
    const account = await session.json(words`account show`);
    assert.equal(account.environmentName, 'Mine');
    assert.equal(account.id, server.subscriptionId);
    assert.equal((await session.json(words`keyvault list -g strongroom`)).length, 1);
    assert.ok((await session.json(words`ad sp show --id ${server.administrator.clientId}`)).id);
    await session.json(words`logout`);
  });

  it('prints lines that do the same in a shell', async () => {
    const { code, stdout, stderr } = await runStrongroom(session, server.dataDir, ['az', '--name', 'Printed']);
    assert.equal(code, 0, stderr);
    assert.ok(!stdout.includes(server.administrator.clientSecret));
    const ended = await finish('/bin/sh', ['-e', '-c', stdout], { env: untrusting(session), cwd: projectRoot });
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    assert.equal((await session.json(words`account show`)).environmentName, 'Printed');
    assert.ok((await session.json(words`keyvault list`)).length >= 1);
  });
});
