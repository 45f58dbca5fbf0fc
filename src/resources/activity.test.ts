import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ManagementPlane, managementPlane } from '../../tests/support/management-plane.ts';
import { activityJob } from '../audit/activity-log.ts';
import { DAY, toIso } from '../base/text.ts';
import { takeLease } from '../jobs/lease.ts';

// biome-ignore lint/suspicious/noExplicitAny: events are read member by member, as a client would.
type Event = any;

let arm: ManagementPlane;
let group: string;
let vault: string;
let reader: string;

before(async () => {
  arm = await managementPlane();
  group = `${arm.subscription}/resourceGroups/apps`;
  vault = `${group}/providers/Microsoft.KeyVault/vaults/watched`;
  reader = await arm.principal('Reader', vault);
  const steps: readonly (readonly [string, string, object?])[] = [
    ['PUT', vault, { body: vaultBody() }],
    ['PUT', `${vault}/secrets/one`, { body: { properties: { value: 'a hidden value' } } }],
    ['PATCH', vault, { as: reader, body: { tags: {} } }],
    ['GET', vault],
    ['PUT', vault, { body: { location: 'local' } }],
    ['PUT', vault, { body: vaultBody(), version: '1999-01-01' }],
    ['PUT', vault, { body: vaultBody(), as: null }],
    ['PUT', `${arm.subscription}/resourceGroups/others`, { body: { location: 'local' } }],
  ];
  for (const [method, path, options] of steps) {
    arm.clock.advance(1000);
    await arm.send(method, path, options);
  }
});

after(() => arm?.cleanup());

const vaultBody = () => ({
  location: 'local',
  properties: { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' } },
});

const ask = async (filter = '', more = '', as?: string) => {
  const start = `eventTimestamp ge '${toIso(arm.clock.now() - DAY)}'`;
  const query = `$filter=${encodeURIComponent(`${start}${filter === '' ? '' : ` and ${filter}`}`)}${more}`;
  const path = `${arm.subscription}/providers/Microsoft.Insights/eventtypes/management/values?${query}`;
  return arm.send('GET', path, { version: '2015-04-01', ...(as !== undefined && { as }) });
};
const list = async (filter = '', more = '', as?: string): Promise<Event[]> => {
  const answer = await ask(filter, more, as);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.value;
};
const brief = (events: Event[]) =>
  events.map(({ operationName, status, subStatus }) => [operationName.value, status.value, subStatus.value]);

describe('the activity log', () => {
  it('has each management operation that changed something or was refused a right or a state, the newest first', async () => {
    assert.deepEqual(brief(await list()), [
      ['Microsoft.Resources/subscriptions/resourceGroups/write', 'Succeeded', 'Created'],
      ['Microsoft.KeyVault/vaults/write', 'Failed', 'BadRequest'],
      ['Microsoft.KeyVault/vaults/write', 'Failed', 'Forbidden'],
      ['Microsoft.KeyVault/vaults/secrets/write', 'Succeeded', 'Created'],
      ['Microsoft.KeyVault/vaults/write', 'Succeeded', 'OK'],
    ]);
  });

  it('tells who did what to which resource from where, and no secret', async () => {
    const [event] = await list("resourceProvider eq 'Microsoft.KeyVault' and status eq 'failed'", '&$top=1');
    const denied = (await list(`caller eq '${reader}'`))[0];
    assert.equal(event.status.value, 'Failed');
    assert.deepEqual(denied.authorization, { action: 'Microsoft.KeyVault/vaults/write', scope: vault });
    assert.deepEqual(
      [denied.caller, denied.resourceId, denied.resourceGroupName, denied.resourceType.value, denied.level],
      [reader, vault, 'apps', 'Microsoft.KeyVault/vaults', 'Error'],
    );
    assert.equal(denied.claims['http://schemas.microsoft.com/identity/claims/objectidentifier'], reader);
    assert.deepEqual(
      [denied.httpRequest.method, denied.httpRequest.clientIpAddress, denied.subStatus.localizedValue],
      ['PATCH', '127.0.0.1', 'Forbidden (HTTP Status Code: 403)'],
    );
    assert.match(denied.properties.statusMessage, /AuthorizationFailed/);
    assert.equal(denied.eventTimestamp, toIso(arm.clock.now() - 5000));
    assert.doesNotMatch(JSON.stringify(await list()), /a hidden value|Bearer/);
  });

  it('is filtered by group, resource and what is below it, provider, correlation, caller, status', async () => {
    assert.deepEqual(brief(await list("resourceGroupName eq 'OTHERS'")).length, 1);
    const ofVault = await list(`resourceUri eq '${vault.toUpperCase()}'`);
    assert.deepEqual(
      ofVault.map(({ resourceId }) => resourceId).sort(),
      [vault, vault, vault, `${vault}/secrets/one`].sort(),
    );
    assert.equal((await list(`resourceId eq '${vault}/secrets/one'`)).length, 1);
    assert.equal((await list(`resourceUri eq '${vault.slice(0, -1)}'`)).length, 0);
    assert.equal((await list("resourceProvider eq 'microsoft.resources'")).length, 1);
    const [one] = ofVault;
    assert.deepEqual(await list(`correlationId eq '${one.correlationId}'`), [one]);
    assert.equal((await list("status eq 'Failed' and resourceGroupName eq 'apps'")).length, 2);
    assert.equal((await list("status eq 'Started'")).length, 0);
    const second = toIso(arm.clock.now() - 6000);
    assert.equal((await list(`eventTimestamp le '${second}'`)).length, 2, 'the end is included');
  });

  it('comes a page at a time, and with the members that were asked for', async () => {
    const all = await list();
    const pages: Event[] = [];
    let answer = await ask('', '&$top=2');
    for (;;) {
      assert.ok(answer.body.value.length <= 2);
      pages.push(...answer.body.value);
      if (!answer.body.nextLink) break;
      answer = await arm.send('GET', answer.body.nextLink);
    }
    assert.deepEqual(pages, all);
    const [first] = await list('', '&$select=eventTimestamp , OPERATIONNAME');
    assert.deepEqual(Object.keys(first), ['eventTimestamp', 'operationName']);
    assert.equal((await ask('', '&$select=password')).status, 400);
  });

  it('shows what the caller may read the log of', async () => {
    const seen = await list('', '', reader);
    assert.ok(seen.length === 4 && seen.every(({ resourceId }) => resourceId.startsWith(vault)));
    const stranger = await arm.principal();
    assert.equal((await ask('', '', stranger)).status, 403);
  });

  it('goes back ninety days, and says so', async () => {
    const path = `${arm.subscription}/providers/Microsoft.Insights/eventtypes/management/values`;
    const since = async (days: number) => {
      const filter = `eventTimestamp ge '${toIso(arm.clock.now() - days * DAY)}'`;
      return arm.send('GET', `${path}?$filter=${encodeURIComponent(filter)}`, { version: '2015-04-01' });
    };
    assert.equal((await since(90)).status, 200);
    const refused = await since(91);
    assert.deepEqual([refused.status, refused.body.error.code], [400, 'InvalidFilterInQueryString']);
    assert.equal((await arm.send('GET', path, { version: '2015-04-01' })).status, 400, 'without a start');
  });

  it('drops what is older, and keeps the rest', async () => {
    const count = async () => (await arm.store.reader.db.selectFrom('activity_log').select('id').execute()).length;
    const before = await count();
    arm.clock.advance(89 * DAY);
    await arm.send('PUT', `${arm.subscription}/resourceGroups/late`, { body: { location: 'local' } });
    const run = async () => {
      const lease = await takeLease(arm.store, 'job/activity', 'test', arm.clock.now(), 60_000);
      await activityJob({ store: arm.store }).run(lease!, arm.clock.now());
    };
    await run();
    assert.equal(await count(), before + 1);
    arm.clock.advance(2 * DAY);
    await run();
    assert.equal(await count(), 1);
  });
});
