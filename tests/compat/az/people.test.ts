import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { azCloud } from '../../../src/cli/az.ts';
import { browserAt, textOf } from '../../support/form-browser.ts';
import { type AzInstallation, noDiscovery, openSignedIn } from './az-installation.ts';
import { type AzSession, openAz, words } from './az-session.ts';

const PASSWORD = 'Correct-horse-7';

let at: AzInstallation;
let anna: { id: string; userPrincipalName: string };
let session: AzSession;

before(async () => {
  at = await openSignedIn();
  anna = await makePerson('anna');
  session = await openPerson();
});
after(async () => {
  await session?.close();
  await at?.close();
});

async function makePerson(name: string): Promise<{ id: string; userPrincipalName: string }> {
  const upn = `${name}@${at.server.domain}`;
  const user = words`ad user create --display-name ${name} --user-principal-name ${upn} --password ${PASSWORD}`;
  const made = await at.az.json(user);
  await at.az.json(words`ad user update --id ${upn} --force-change-password-next-sign-in false`);
  return made;
}

/** A session that knows the cloud as `strongroom az` registers it, and nobody's account. */
async function openPerson(): Promise<AzSession> {
  const opened = await openAz(at.caFile);
  const file = join(opened.configDirectory, 'cloud.json');
  await writeFile(file, JSON.stringify(azCloud(at.server)));
  await opened.json(words`cloud register -n Strongroom --cloud-config @${file}`);
  await opened.json(words`cloud set -n Strongroom`);
  return opened;
}

/**
 * A session that is signed in as another is. Its files are its own: az writes them in place, and where programs share them, one
 * that reads at that moment finds nobody signed in.
 */
async function openTwin(of: AzSession): Promise<AzSession> {
  const twin = await openAz(at.caFile);
  await cp(of.configDirectory, twin.configDirectory, { recursive: true });
  return twin;
}

const signIn = (by: AzSession, upn: string, ...more: readonly string[]) =>
  by.json([...words`login -u ${upn} -p ${PASSWORD}`, ...more]);

describe('a person signs in with az login', () => {
  it('by name and password, and is shown as a user', async () => {
    await at.az.json(
      words`role assignment create --role Reader --assignee ${anna.userPrincipalName} --scope ${at.subscription}`,
    );
    const wrong = await session.refused(words`login -u ${anna.userPrincipalName} -p Wrong-horse-7`);
    assert.match(wrong, /AADSTS50126/);
    const [account] = await signIn(session, anna.userPrincipalName);
    assert.deepEqual(account.user, { name: anna.userPrincipalName, type: 'user' });
    assert.equal(account.tenantId, at.server.tenantId);
    assert.deepEqual((await session.json(words`account show`)).user.type, 'user');
    assert.equal((await session.json(words`ad signed-in-user show`)).id, anna.id);
    const { accessToken } = await session.json(words`account get-access-token --resource https://vault.azure.net`);
    const claims = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString());
    assert.deepEqual([claims.oid, claims.upn, claims.idtyp], [anna.id, anna.userPrincipalName, 'user']);
  });

  it('reads a secret by a role, from the moment it is given', async () => {
    await at.az.json(words`keyvault secret set --vault-name main-vault -n greeting --value hello`);
    const show = words`keyvault secret show --vault-name main-vault -n greeting`;
    assert.match(await session.refused(show), /Forbidden/);
    const vault = await at.az.json(words`keyvault show -n main-vault`);
    const role = words`--role ${'Key Vault Secrets User'} --assignee ${anna.userPrincipalName} --scope ${vault.id}`;
    await at.az.json([...words`role assignment create`, ...role]);
    assert.equal((await session.json(show)).value, 'hello');
    await at.az.json([...words`role assignment delete`, ...role]);
    assert.match(await session.refused(show), /Forbidden/);
  });

  it('gives a role to somebody else, being Owner', async () => {
    const bert = await makePerson('bert');
    await at.az.json(
      words`role assignment create --role Owner --assignee ${anna.userPrincipalName} --scope ${at.subscription}`,
    );
    const given = await session.json(
      words`role assignment create --role Reader --assignee ${bert.userPrincipalName} --scope ${at.subscription}`,
    );
    assert.deepEqual([given.principalId, given.principalType], [bert.id, 'User']);
  });

  it('in several programs at once, which bring the same refresh token', async () => {
    const graph = `https://graph.${at.server.domain}:${at.server.port}`;
    const resources = ['https://vault.azure.net', at.management, graph, 'https://vault.azure.net', at.management];
    const twins = await Promise.all(resources.map(() => openTwin(session)));
    try {
      const ask = (by: AzSession, resource: string) => by.json(words`account get-access-token --resource ${resource}`);
      const own = ask(session, graph);
      const tokens = await Promise.all([own, ...twins.map((twin, index) => ask(twin, resources[index]!))]);
      assert.ok(tokens.every(({ accessToken }) => accessToken));
      assert.equal((await session.json(words`ad signed-in-user show`)).id, anna.id);
    } finally {
      await Promise.all(twins.map((twin) => twin.close()));
    }
  });

  it('until the sessions are revoked, the password is changed, or az logs out', async () => {
    const show = words`ad signed-in-user show`;
    await session.json(show);
    const graph = `https://graph.${at.server.domain}:${at.server.port}`;
    const revoke = `${graph}/v1.0/me/revokeSignInSessions`;
    await session.json(words`rest --method post --url ${revoke} --resource ${graph}`);
    const ended = await session.refused(show);
    assert.match(ended, /sign in again/);
    // The client of Resource Manager asks for another token by itself, which it does not get either.
    assert.match(await session.refused(words`group list`), /az logout.*AADSTS70000/s);
    await session.json(words`logout`);
    await signIn(session, anna.userPrincipalName, '--tenant', at.server.tenantId);
    await session.json(show);
    await at.az.json(words`ad user update --id ${anna.id} --password Another-horse-8`);
    assert.match(await session.refused(show), /sign in again/);
    const expired = await session.refused(words`login -u ${anna.userPrincipalName} -p Another-horse-8`);
    assert.match(expired, /AADSTS50055.*changepassword/s);
    await session.json(words`logout`);
    assert.deepEqual(await session.json(words`account list`), []);
  });
});

describe('a person signs in with az login --use-device-code', () => {
  const enterCode = async (device: AzSession, upn: string, env: Record<string, string>) => {
    const { printed, ended } = device.start(words`login --use-device-code --allow-no-subscriptions`, env);
    const [, url = '', code = ''] = await printed(/open the page (\S+) and enter the code (\S+) to authenticate/);
    assert.equal(url, `https://login.${at.server.domain}:${at.server.port}/devicelogin`);
    const browser = browserAt(at.server);
    await browser.open(new URL(url).pathname);
    await browser.submit({ code });
    await browser.submit({ username: upn, password: PASSWORD });
    assert.match(textOf(browser.page), /Microsoft Azure CLI/);
    assert.match(textOf(await browser.submit({ decision: 'yes' })), /You are signed in/);
    const { code: exit, stdout, stderr } = await ended;
    assert.equal(exit, 0, stderr);
    return JSON.parse(stdout);
  };

  it('by entering the code on the page that az names', async () => {
    const carl = await makePerson('carl');
    const device = await openPerson();
    try {
      const [account] = await enterCode(device, carl.userPrincipalName, {});
      assert.deepEqual(account.user, { name: carl.userPrincipalName, type: 'user' });
      assert.equal((await device.json(words`ad signed-in-user show`)).id, carl.id);
    } finally {
      await device.close();
    }
  });

  it('also where the cloud was registered by the address of its Resource Manager alone', async () => {
    const dora = await makePerson('dora');
    const device = await at.openStranger();
    try {
      const [account] = await enterCode(device, dora.userPrincipalName, noDiscovery.env);
      assert.deepEqual(account.user, { name: dora.userPrincipalName, type: 'user' });
      const asked = words`account get-access-token --resource https://vault.azure.net`;
      assert.ok((await device.json(asked, noDiscovery)).accessToken);
    } finally {
      await device.close();
    }
  });
});
