import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { databaseUrl, freshDatabase } from '../support/postgres.ts';
import { sealState } from '../support/seals.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

/** Two processes on one PostgreSQL, both sealed by a key of one token, in which their keys are too. */
const DEADLINE_MS = 30_000;
const folder = mkdtempSync(join(tmpdir(), 'strongroom-token-nodes-'));
const directories = ['first', 'second'].map((name) => join(folder, name)) as [string, string];
let token: SoftToken;
let nodes: [TestServer, TestServer];

/** A configuration of its own for each seal, since nodes with different ones run side by side. */
function args(settings: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const config = join(folder, name);
  const pkcs11 = token.settings;
  writeFileSync(config, JSON.stringify({ pkcs11, postgresUrlFile: join(folder, 'url'), ...settings }));
  return ['--config', config];
}
const inToken = () => args({ seal: 'pkcs11' }, 'token.json');
const inFile = () => args({ seal: 'key-file', sealKeyFile: join(folder, 'seal.key') }, 'file.json');
const start = (dataDir: string, of: readonly string[], meanwhile?: () => Promise<void>) =>
  startServer({ dataDir, args: of, env: token.env, store: 'sqlite', ...(meanwhile && { meanwhile }) });
const run = (dataDir: string, ...words: string[]) => strongroom([...words, '--data-dir', dataDir], { env: token.env });

before(async () => {
  token = makeSoftToken();
  writeFileSync(join(folder, 'url'), `${databaseUrl(await freshDatabase())}\n`, { mode: 0o600 });
  const [one, two] = directories;
  const first = await start(one, inToken(), async () => {
    await sealState(one, 'uninitialised');
    const made = await run(one, 'seal', 'init');
    assert.equal(made.code, 0, made.stderr);
  });
  // Only the first start knows the administrator's secret, which is good at both.
  nodes = [first, { ...(await start(two, inToken())), administrator: first.administrator }];
  const manager = await getToken(first, resources.management);
  await putVault(first, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
  const principalId = objectIdOf(await getToken(first, resources.data));
  await assignRole(first, manager, { role: 'Key Vault Administrator', principalId, scope: groupScope(first) });
});
after(async () => {
  await Promise.all((nodes ?? []).map((node) => node.stop({ keep: true })));
  rmSync(folder, { recursive: true, force: true });
  token?.remove();
});

const ask = async (node: TestServer, method: string, path: string, body?: object): Promise<Reply> =>
  call(node, {
    ...{ method, host: 'premium-vault.vault', path: `${path}?api-version=7.6` },
    ...{ token: await getToken(node, resources.data), ...(body && { body }) },
  });
async function done(reply: Promise<Reply>) {
  const { status, text, body } = await reply;
  assert.equal(status, 200, text);
  return body;
}
const rotateRoot = async (node: TestServer): Promise<Reply> => {
  const path = `/subscriptions/${node.subscriptionId}/providers/Strongroom.Crypto/encryptionKeys/rotateRoot?api-version=2026-01-01`;
  return call(node, { method: 'POST', host: 'management', path, token: await getToken(node, resources.management) });
};
async function until(check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('It did not come to that.');
    await pause(50);
  }
}
const value = (node: TestServer, name: string) => ask(node, 'GET', `/secrets/${name}`);

describe('two nodes whose seal is a key in one token', () => {
  it('open what the other wrote, and use the keys that the other made', async () => {
    const [first, second] = nodes;
    await done(ask(first, 'PUT', '/secrets/s', { value: 'of the first' }));
    assert.equal((await done(value(second, 's'))).value, 'of the first');
    await done(ask(second, 'POST', '/keys/k/create', { kty: 'EC-HSM' }));
    const digest = Buffer.alloc(32, 9).toString('base64url');
    const signed = await done(ask(first, 'POST', '/keys/k/sign', { alg: 'ES256', value: digest }));
    const proof = await done(ask(second, 'POST', '/keys/k/verify', { alg: 'ES256', digest, value: signed.value }));
    assert.equal(proof.value, true);
    const seals = token.tool(['--list-objects', '--type', 'secrkey']).match(/strongroom\/seal\//g) ?? [];
    assert.equal(seals.length, 1, 'the second takes the seal of the first, and makes none');
  });

  it('follow each other where a root key is rotated', async () => {
    for (const [one, other] of [nodes, nodes.toReversed()] as [TestServer, TestServer][]) {
      const rotated = await rotateRoot(one);
      assert.equal(rotated.status, 200, rotated.text);
      const name = `after-${one === nodes[0] ? 'first' : 'second'}`;
      await done(ask(one, 'PUT', `/secrets/${name}`, { value: 'under the new root' }));
      assert.equal((await done(value(other, name))).value, 'under the new root');
    }
    await Promise.all(
      directories.map(async (dir) => assert.equal((await run(dir, 'seal', 'show')).stdout, 'pkcs11, open\n')),
    );
  });

  for (const [what, order, newArguments] of [
    ['another key of the token', ['--to', 'pkcs11'], inToken],
    ['a key file', ['--to', 'key-file', '--key-file', join(folder, 'seal.key')], inFile],
  ] as const) {
    it(`change to ${what}: the other goes on, is told so, and rotates nothing until it is started again`, async () => {
      const [first, second] = nodes;
      const name = order[1] === 'pkcs11' ? 'to-key' : 'to-file';
      const changed = await run(directories[0], 'seal', 'change', ...order);
      assert.equal(changed.code, 0, changed.stderr);
      await done(ask(first, 'PUT', `/secrets/${name}`, { value: 'before the rotation' }));
      assert.equal((await done(value(second, name))).value, 'before the rotation');

      const told = /The seal was changed on another node since this one was started\. Restart this one/;
      await until(async () => told.test((await run(directories[1], 'seal', 'show')).stdout));
      await until(async () => told.test(second.output().stderr));
      assert.match((await run(directories[1], 'status')).stdout, /changed on another node: restart this one/);
      assert.doesNotMatch((await run(directories[0], 'seal', 'show')).stdout, told);
      const refused = await rotateRoot(second);
      assert.deepEqual([refused.status, refused.body.error.code], [409, 'SealChanged'], refused.text);
      assert.match((await run(directories[1], 'seal', 'change', ...order)).stderr, told);

      // A root key that the second cannot open: what it knew it still serves, and its log says what to do.
      assert.equal((await rotateRoot(first)).status, 200);
      await until(async () =>
        /keys that this node cannot open.*The seal was changed on another node/.test(second.output().stderr),
      );
      assert.doesNotMatch(second.output().stderr, /damaged|of another installation/);
      const { administrator } = second;
      await second.stop({ keep: true });
      if (order[1] !== 'pkcs11') {
        const old = await run(directories[1], 'start', '--port', '0', ...inToken());
        assert.match(old.stderr, /sealed by 'key-file', but the configured seal is 'pkcs11'/);
      }
      nodes[1] = { ...(await start(directories[1], newArguments())), administrator };
      await done(ask(first, 'PUT', `/secrets/${name}`, { value: 'after the rotation' }));
      assert.equal((await done(value(nodes[1], name))).value, 'after the rotation');
      assert.doesNotMatch((await run(directories[1], 'seal', 'show')).stdout, told);
      assert.equal((await rotateRoot(nodes[1])).status, 200);
      await done(value(first, name));
    });
  }
});
