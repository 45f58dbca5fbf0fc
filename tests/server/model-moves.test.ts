import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assignRole, deleteVault, makeIdentity, manage, putVault, vaultScope } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { askModel, letIn } from '../support/model-moves.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let manager: string;
let reader: { readonly principalId: string; readonly clientId: string };
let token: string;

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
  reader = await makeIdentity(server, manager, 'checkout');
  token = await getToken(server, resources.data, { managedIdentity: reader.clientId });
});
after(() => server.stop());

const makeVault = (name: string, secrets: readonly string[]) =>
  putVault(server, manager, name, {
    enableRbacAuthorization: false,
    accessPolicies: [{ tenantId: server.tenantId, objectId: reader.principalId, permissions: { secrets } }],
  });
const plan = (vault: string, ...args: string[]) =>
  strongroom(['access', 'plan', '--vault', vault, ...args, '--data-dir', server.dataDir]);

test('the command plans, applies a plan by its digest, and undoes it', async () => {
  await makeVault('by-command', ['get', 'set']);
  const before = await letIn(server, 'by-command', token);
  const planned = await plan('by-command', '--to', 'rbac');
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(planned.stdout, /^by-command uses access policies; this is a plan for roles\.$/m);
  assert.match(
    planned.stdout,
    new RegExp(`^ {2}checkout \\(${reader.principalId}\\) {2}a custom role: .*secrets/setSecret/action`, 'm'),
  );
  assert.match(planned.stdout, /^Replay of 30 days, since .*: \d+ calls were let in\n {2}none would be refused$/m);
  const [, digest] = /^Digest (\S+)$/m.exec(planned.stdout)!;

  const wrong = await plan('by-command', '--to', 'rbac', '--apply', '--digest', 'x'.repeat(43));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^The plan does not hold any more/);
  const applied = await plan('by-command', '--to', 'rbac', '--apply', '--digest', digest!);
  assert.equal(applied.code, 0, applied.stderr);
  assert.match(applied.stdout, /by-command uses roles; 1 assignments were made\./);
  const after = await letIn(server, 'by-command', token);
  assert.deepEqual(
    [...before].filter((id) => !after.has(id)),
    [],
  );
  assert.deepEqual([...after].filter((id) => !before.has(id)).sort(), [
    'SecretList',
    'SecretListDeleted',
    'SecretListVersions',
  ]);

  const undone = await plan('by-command', '--revert', '--format', 'json');
  assert.equal(undone.code, 0, undone.stderr);
  assert.deepEqual(JSON.parse(undone.stdout).kept, []);
  assert.deepEqual(await letIn(server, 'by-command', token), before);
  const again = await plan('by-command', '--revert');
  assert.match(again.stderr, /^There is no change of the permission model/);
});

test('the command says what is wrong with its options', async () => {
  for (const args of [
    [],
    ['--to', 'rbac', '--revert'],
    ['--to', 'rbac', '--days', 'x'],
    ['--to', 'rbac', '--digest', 'x'],
    ['--to', 'rbac', '--format', 'xml'],
  ]) {
    assert.equal((await plan('main-vault', ...args)).code, 2, args.join(' '));
  }
  assert.match((await plan('no-such-vault', '--to', 'rbac')).stderr, /^There is no vault no-such-vault/);
  assert.match((await plan('main-vault', '--to', 'roles')).stderr, /rbac or policies is expected/);
});

test('purging a vault forgets what was done to its model', async () => {
  await makeVault('forgotten', ['set']);
  const { digest } = (await askModel(server, manager, 'forgotten', 'plan', { to: 'rbac' })).body.properties;
  assert.equal((await askModel(server, manager, 'forgotten', 'apply', { to: 'rbac', digest })).status, 200);
  const roles = async () => {
    const path = `/subscriptions/${server.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions?$filter=${encodeURIComponent("type eq 'CustomRole' and atScopeAndBelow()")}&api-version=2022-04-01`;
    const { body } = await manage(server, manager, { method: 'GET', path });
    return body.value.map((role: { properties: { roleName: string } }) => role.properties.roleName) as string[];
  };
  assert.ok((await roles()).some((name) => name.startsWith('forgotten: ')));
  await deleteVault(server, manager, 'forgotten');
  assert.equal((await askModel(server, manager, 'forgotten', 'plan', { to: 'rbac' })).status, 404);
  const purge = `/subscriptions/${server.subscriptionId}/providers/Microsoft.KeyVault/locations/local/deletedVaults/forgotten/purge?api-version=2023-07-01`;
  await manage(server, manager, { method: 'POST', path: purge });
  assert.ok(!(await roles()).some((name) => name.startsWith('forgotten: ')));
  await makeVault('forgotten', ['get']);
  assert.equal((await askModel(server, manager, 'forgotten', '')).body.properties.change, null);
  assert.equal((await askModel(server, manager, 'forgotten', 'revert')).status, 404);
});

test('a switch by hand warns who loses access, the log keeps it, and the next refusal says who switched', async () => {
  await makeVault('by-hand', ['get', 'list']);
  const before = await letIn(server, 'by-hand', token);
  const path = `${vaultScope(server, 'by-hand')}?api-version=2023-07-01`;
  const switched = await manage(server, manager, {
    method: 'PATCH',
    path,
    body: { properties: { enableRbacAuthorization: true } },
  });
  const { warning = '' } = switched.headers;
  assert.ok(
    warning.startsWith(
      `299 strongroom "By this switch 1 lose access: ${reader.principalId} secrets get, secrets list.`,
    ),
    warning,
  );
  assert.match(warning, /strongroom access plan --vault by-hand --to rbac --apply"$/);
  const exported = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
  const record = exported.stdout.split('\n').find((line) => line.includes(switched.headers['x-ms-request-id']!))!;
  assert.deepEqual(JSON.parse(record).properties.details, {
    switchedTo: 'rbac',
    losesAccess: [`${reader.principalId} secrets get, secrets list`],
    losesAccessCount: 1,
  });

  const refused = await call(server, { host: 'by-hand.vault', path: '/secrets/one?api-version=7.5', token });
  assert.equal(refused.status, 403);
  const explained = await strongroom(['explain', refused.headers['x-ms-request-id']!, '--data-dir', server.dataDir]);
  assert.match(explained.stdout, /^Cause {5}The vault uses role assignments, since \S+ switched it by hand on \S+; /m);
  assert.match(explained.stdout, /^ {2}strongroom access plan --vault by-hand --to rbac$/m);

  const mended = await plan('by-hand', '--to', 'rbac', '--apply');
  assert.equal(mended.code, 0, mended.stderr);
  assert.deepEqual(await letIn(server, 'by-hand', token), before);
  const again = await manage(server, manager, {
    method: 'PATCH',
    path,
    body: { properties: { enableRbacAuthorization: true } },
  });
  assert.equal(again.headers['warning'], undefined, 'nothing was switched');
});

test('a switch by hand that takes nothing from anybody does not warn', async () => {
  await makeVault('no-loss', ['get', 'list']);
  await assignRole(server, manager, {
    role: 'Key Vault Secrets User',
    principalId: reader.principalId,
    scope: vaultScope(server, 'no-loss'),
  });
  const switched = await putVault(server, manager, 'no-loss', { enableRbacAuthorization: true });
  assert.equal(switched.headers['warning'], undefined);
  const back = await putVault(server, manager, 'no-loss', { enableRbacAuthorization: false, accessPolicies: [] });
  assert.match(
    back.headers['warning'] ?? '',
    /1 lose access: \S+ secrets get, secrets list\..* --to policies --apply"$/,
  );
});
