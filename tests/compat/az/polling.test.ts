import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startWatchedServer, type WatchedServer } from '../../support/recorded-server.ts';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

/**
 * What az asks while it waits for a long operation. It waits thirty seconds before it asks for one whose answer neither is final nor
 * says how soon to ask, so that the requests tell, and no clock has to: of those that a poll would be there are none, or one that an
 * answer with `Retry-After` asked for.
 */
const vaultName = `az-${randomBytes(5).toString('hex')}`;
const group = 'polled-group';

let at: AzInstallation;
let az: AzSession;
let server: WatchedServer;

before(async () => {
  at = await openSignedIn({}, async (options) => {
    server = await startWatchedServer(options);
    return server;
  });
  ({ az } = at);
});

after(() => at?.close());

/** The management requests of a command, as method, last segments of the path, and status. */
async function requestsOf(args: readonly string[]): Promise<string[]> {
  const before = server.exchanges.length;
  const { code, stderr } = await az.run(args);
  assert.equal(code, 0, stderr);
  return server.exchanges
    .slice(before)
    .filter(({ host }) => host.startsWith('management.'))
    .map(({ method, url, status }) => `${method} ${url.split('?')[0]!.split('/').slice(-2).join('/')} ${status}`);
}

describe('az does not wait', () => {
  it('for a group', async () => {
    assert.deepEqual(await requestsOf(words`group create -n ${group} -l local`), [`PUT resourcegroups/${group} 201`]);
  });

  it('for a vault: it is finished when the PUT is answered', async () => {
    const asked = await requestsOf(words`keyvault create -n ${vaultName} -g ${group} -l local`);
    assert.deepEqual(asked.slice(-2), [`GET vaults/${vaultName} 404`, `PUT vaults/${vaultName} 200`]);
  });

  it('for an update of a vault', async () => {
    const asked = await requestsOf(words`keyvault update -n ${vaultName} -g ${group} --set tags.a=b`);
    assert.deepEqual(asked, [`GET vaults/${vaultName} 200`, `PUT vaults/${vaultName} 200`]);
  });

  it('for the tags of a vault', async () => {
    const scope = at.vaultScope(group, vaultName);
    assert.deepEqual(await requestsOf(words`tag create --resource-id ${scope} --tags a=b`), ['PUT tags/default 200']);
    assert.deepEqual(await requestsOf(words`tag delete --resource-id ${scope} --yes`), ['DELETE tags/default 200']);
  });

  it('for the end of a vault', async () => {
    assert.deepEqual((await requestsOf(words`keyvault delete -n ${vaultName} -g ${group}`)).slice(-1), [
      `DELETE vaults/${vaultName} 200`,
    ]);
  });

  it('for a purge, longer than the one second that the answer names', async () => {
    const asked = await requestsOf(words`keyvault purge -n ${vaultName} -l local`);
    const purge = asked.findIndex((request) => request.startsWith('POST'));
    assert.equal(asked[purge], `POST ${vaultName}/purge 202`);
    assert.equal(asked.length, purge + 2, 'one poll, and it is done');
    assert.match(asked[purge + 1]!, /^GET operationResults\/.+ 200$/);
    const answer = server.exchanges.find(({ method, status }) => method === 'POST' && status === 202);
    assert.equal(answer?.headers['retry-after'], '1');
  });

  it('for the end of a group with a vault and an identity in it', async () => {
    await az.json(words`keyvault create -n ${vaultName} -g ${group} -l local`);
    await az.json(words`identity create -n robot -g ${group}`);
    assert.deepEqual(await requestsOf(words`group delete -n ${group} --yes`), [`DELETE resourcegroups/${group} 200`]);
  });
});
