import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

interface Event {
  readonly operationName: { readonly value: string };
  readonly status: { readonly value: string };
  readonly subStatus: { readonly value: string };
  readonly caller: string;
  readonly correlationId: string;
  readonly resourceId: string;
  readonly authorization: { readonly action: string; readonly scope: string };
}

const group = 'logged-group';
const vaultName = `az-${randomBytes(5).toString('hex')}`;
const secret = `hidden${randomBytes(12).toString('hex')}`;

let at: AzInstallation;
let az: AzSession;
let vault: string;

before(async () => {
  at = await openSignedIn();
  ({ az } = at);
  vault = at.vaultScope(group, vaultName);
  await az.json(words`group create -n ${group} -l local`);
  await az.json(words`keyvault create -n ${vaultName} -g ${group} -l local`);
  const body = JSON.stringify({ properties: { value: secret } });
  await az.json(words`rest --method put --url ${vault}/secrets/one?api-version=2023-07-01 --body ${body}`);
  await az.json(words`lock create -n keep -t CanNotDelete -g ${group}`);
  await az.refused(words`keyvault delete -n ${vaultName} -g ${group}`);
  await az.run(words`lock delete -n keep -g ${group}`);
});

after(() => at?.close());

const list = (...more: string[]): Promise<Event[]> => az.json([...words`monitor activity-log list`, ...more]);
const brief = (events: readonly Event[]) =>
  events.map(({ operationName, status }) => `${operationName.value} ${status.value}`);

describe('the activity log', () => {
  it('has what was done in a group, the newest first, and no secret', async () => {
    const events = await list('-g', group, '--offset', '1h');
    assert.deepEqual(brief(events), [
      'Microsoft.Authorization/locks/delete Succeeded',
      'Microsoft.KeyVault/vaults/delete Failed',
      'Microsoft.Authorization/locks/write Succeeded',
      'Microsoft.KeyVault/vaults/secrets/write Succeeded',
      'Microsoft.KeyVault/vaults/write Succeeded',
      'Microsoft.Resources/subscriptions/resourceGroups/write Succeeded',
    ]);
    assert.doesNotMatch(JSON.stringify(events), new RegExp(secret));
    const created = events.find(({ resourceId }) => resourceId === vault);
    assert.equal(created?.authorization.scope, vault);
  });

  it('is narrowed by resource, provider, status, caller and correlation', async () => {
    const ofVault = await list('--resource-id', vault);
    assert.equal(ofVault.length, 3);
    assert.deepEqual(brief(await list('--resource-id', vault, '--status', 'Failed')), [
      'Microsoft.KeyVault/vaults/delete Failed',
    ]);
    assert.equal((await list('--namespace', 'Microsoft.KeyVault', '--max-events', '2')).length, 2);
    const [event] = ofVault;
    assert.equal((await list('--caller', event!.caller, '--resource-id', vault)).length, 3);
    assert.deepEqual(await list('--correlation-id', event!.correlationId), [event]);
    const picked = await list('--resource-id', vault, '--select', 'status', 'caller');
    assert.deepEqual(Object.keys(picked[0]!).sort(), ['caller', 'status']);
  });

  it('says how far back it goes, and which categories it has', async () => {
    assert.match(await az.refused(words`monitor activity-log list --start-time 2020-01-01`), /90 days/);
    assert.deepEqual(await az.json(words`monitor activity-log list-categories --query [].value`), ['Administrative']);
  });
});
