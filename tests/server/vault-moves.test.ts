import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { assignRole, groupScope, makeIdentity, manage, putVault, vaultScope } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { askMove, secretValue, setSecret } from '../support/vault-moves.ts';

let server: TestServer;
let manager: string;
let writer: { readonly principalId: string; readonly clientId: string };
let token: string;

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
  writer = await makeIdentity(server, manager, 'checkout');
  token = await getToken(server, resources.data, { managedIdentity: writer.clientId });
});
after(() => server.stop());

async function makeVault(name: string): Promise<void> {
  await putVault(server, manager, name);
  const scope = vaultScope(server, name);
  for (const role of ['Key Vault Secrets Officer', 'Key Vault Crypto Officer', 'Key Vault Crypto User']) {
    await assignRole(server, manager, { role, principalId: writer.principalId, scope });
  }
}
const move = (from: string, to: string, ...args: string[]) =>
  strongroom(['vault', 'move', '--from', from, '--to', to, ...args, '--data-dir', server.dataDir]);

test('the command plans, carries, carries what changed, and ends; no value is in what it says or leaves in the log', async () => {
  await makeVault('before');
  const values = [1, 2, 3].map(() => `canary${randomBytes(12).toString('hex')}`);
  for (const [index, value] of values.entries()) await setSecret(server, token, 'before', `s-${index}`, value);
  const said: string[] = [];
  const run = async (...args: string[]) => {
    const done = await move('before', 'after', ...args);
    assert.equal(done.code, 0, done.stderr);
    said.push(done.stdout);
    return done.stdout;
  };
  const planned = await run();
  assert.match(planned, /^before is moved to after, premium\. Keys: new keys are made\.$/m);
  assert.match(planned, /^ {2}secrets: 3 live, 0 deleted, 3 versions, \d+ bytes sealed$/m);
  assert.match(
    planned,
    new RegExp(`^ {2}checkout \\(${writer.principalId}\\): 3 calls, last .*, SecretSet; to change: vault URI$`, 'm'),
  );
  assert.match(planned, /^ {2}New URI https:\/\/after\.vault\.localhost:\d+\/$/m);
  assert.equal(
    (
      await manage(server, manager, {
        method: 'GET',
        path: `${vaultScope(server, 'after')}?api-version=2023-07-01`,
        mayFail: true,
      })
    ).status,
    404,
  );

  assert.match(await run('--apply'), /^\d+ carried\.[\s\S]*both are in use/);
  assert.equal(await secretValue(server, token, 'after', 's-1'), values[1]);
  values.push(`canary${randomBytes(12).toString('hex')}`);
  await setSecret(server, token, 'before', 's-1', values[3]!);
  assert.match(await run('--status'), /^Not carried yet\n {2}secrets\/s-1$/m);
  assert.match(await run('--finish'), /^1 carried\.\nafter has taken the place of before, which is deleted\.$/m);
  assert.equal(await secretValue(server, token, 'after', 's-1'), values[3]);
  assert.equal(await setSecret(server, token, 'before', 's-1', 'x'), 404);
  const { body } = await manage(server, manager, {
    method: 'GET',
    path: `${vaultScope(server, 'after')}?api-version=2023-07-01`,
  });
  assert.equal(body.properties.sku.name, 'premium');

  const exported = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
  const everything = [...said, exported.stdout, server.output().stdout, server.output().stderr].join('\n');
  assert.deepEqual(
    values.filter((value) => everything.includes(value)),
    [],
  );
  const steps = exported.stdout.split('\n').filter((line) => line.includes('"operationName":"VaultMoveApply"'));
  assert.ok(
    steps.some((line) => line.includes('"step":"begin"')) && steps.some((line) => line.includes('secrets/s-1')),
  );
  assert.equal((await strongroom(['audit', 'verify', '--data-dir', server.dataDir])).code, 0);
});

test('a key is copied on request; made anew it tells each client what to change', async () => {
  await makeVault('with-keys');
  const key = (verb: string, body: object) =>
    call(server, { host: 'with-keys.vault', method: 'POST', path: `/keys/k/${verb}?api-version=7.5`, token, body });
  assert.equal((await key('create', { kty: 'RSA' })).status, 200);
  const value = Buffer.from('data key').toString('base64url');
  const wrapped = await key('wrapkey', { alg: 'RSA-OAEP-256', value });
  assert.equal(wrapped.status, 200, wrapped.text);
  const planned = await move('with-keys', 'no-token', '--dry-run');
  assert.match(planned.stdout, /KeyCreate KeyWrap; to change: vault URI, key ids, what it encrypted or wrapped$/m);
  assert.match(planned.stdout, /^ {2}keys\/k: a new key is made/m);
  assert.match(planned.stdout, /^WOULD BE REFUSED\n {2}key-token-not-configured: /m);
  assert.equal((await move('with-keys', 'no-token', '--apply')).code, 1);
  assert.equal((await move('with-keys', 'with-copies', '--keys', 'copy', '--apply')).code, 0);
  const unwrapped = await call(server, {
    host: 'with-copies.vault',
    method: 'POST',
    path: `/keys/k/unwrapkey?api-version=7.5`,
    token,
    body: { alg: 'RSA-OAEP-256', value: wrapped.body.value },
  });
  assert.equal(unwrapped.body.value, value, unwrapped.text);
  const refused = await move('with-keys', 'with-copies', '--abandon');
  assert.match(refused.stderr, /^'with-copies' is used already: called by checkout/);
  assert.equal((await move('with-keys', 'with-typo', '--abandon', '--accept-losses')).code, 1);
  assert.equal((await move('with-keys', 'with-copies', '--abandon', '--accept-losses')).code, 0);
  assert.equal((await move('with-keys', 'with-copies', '--status')).code, 1);
});

test('the command says what is wrong with its options', async () => {
  for (const args of [
    ['--finish', '--abandon'],
    ['--keep'],
    ['--status', '--accept-losses'],
    ['--days', 'x'],
    ['--format', 'xml'],
  ]) {
    assert.equal((await move('main-vault', 'other', ...args)).code, 2, args.join(' '));
  }
  assert.match((await move('no-such-vault', 'other')).stderr, /^There is no vault no-such-vault/);
  assert.match(
    (await move('main-vault', 'other', '--keys', 'all')).stderr,
    /one of copy, import, generate is expected/,
  );
  assert.equal((await strongroom(['vault', 'copy', '--from', 'a', '--to', 'b'])).code, 2);
});

test('nobody below an Owner reads by a move what they may not read, on either vault', async () => {
  await makeVault('guarded');
  await setSecret(server, token, 'guarded', 'target', 'value');
  const climber = await makeIdentity(server, manager, 'climber');
  const climb = await getToken(server, resources.management, { managedIdentity: climber.clientId });
  for (const [role, scope] of [
    ['Contributor', groupScope(server)],
    ['Key Vault Contributor', groupScope(server)],
    ['Key Vault Administrator', groupScope(server)],
    ['Key Vault Data Access Administrator', groupScope(server)],
    ['Owner', vaultScope(server, 'guarded')],
    ['Owner', vaultScope(server, 'stolen')],
  ] as const) {
    const grant = await assignRole(server, manager, { role, principalId: climber.principalId, scope }).catch(
      () => null,
    );
    for (const verb of ['apply', 'finish', 'abandon'] as const) {
      const reply = await askMove(server, climb, 'guarded', verb, { to: 'stolen', sku: 'standard' });
      assert.ok(reply.status === 403 || (reply.status === 404 && verb !== 'apply'), `${role} ${verb}: ${reply.text}`);
    }
    if (grant) await manage(server, manager, { method: 'DELETE', path: grant });
  }
  assert.equal((await askMove(server, token, 'guarded', 'plan', { to: 'stolen' })).status, 401);
  assert.equal((await askMove(server, climb, 'guarded', 'plan', { to: 'stolen' })).status, 403);
  assert.equal((await askMove(server, climb, 'guarded', '')).status, 403);
  // Who owns one vault of two owns no other by it.
  await askMove(server, manager, 'guarded', 'apply', { to: 'moving', sku: 'standard' });
  await assignRole(server, manager, {
    role: 'Owner',
    principalId: climber.principalId,
    scope: vaultScope(server, 'moving'),
  });
  for (const verb of ['apply', 'finish', 'abandon'] as const) {
    const reply = await askMove(server, climb, 'guarded', verb, { to: 'moving', sku: 'standard', acceptLosses: true });
    assert.equal(reply.status, 403, `${verb}: ${reply.text}`);
  }
});

test('a body that comes over the wire is judged as strictly as any', async () => {
  for (const properties of [
    [],
    'x',
    null,
    { to: ['a'] },
    { to: 'a'.repeat(5000) },
    { to: '../x' },
    { to: 'x/y' },
    { to: "x'--" },
  ]) {
    const reply = await askMove(server, manager, 'main-vault', 'apply', properties as object);
    assert.equal(reply.status, 400, `${JSON.stringify(properties).slice(0, 50)} ${reply.text}`);
  }
  assert.equal((await askMove(server, manager, 'main-vault', 'finish')).status, 404);
});
