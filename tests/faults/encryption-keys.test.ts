import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { manage, vaultScope } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { driverOf } from '../support/server-data.ts';
import { p99, startLoad } from '../support/steady-load.ts';
import { startTwoNodes } from '../support/two-nodes.ts';

/**
 * Root and vault keys rotate under readers and writers: nobody gets a wrong answer or none. STRONGROOM_KEY_ROTATIONS sets how often,
 * STRONGROOM_CRASHES how often a process is killed while it encrypts anew.
 */
const ROTATIONS = Number(process.env['STRONGROOM_KEY_ROTATIONS'] ?? 2);
const KILLS = Number(process.env['STRONGROOM_CRASHES'] ?? 5);
const CLIENTS = 12;
const SECRETS = 150;
const VERSION = 'api-version=2026-01-01';
const DEADLINE_MS = 60_000;

const all = (server: TestServer, action = '') =>
  `/subscriptions/${server.subscriptionId}/providers/Strongroom.Crypto/encryptionKeys${action}?${VERSION}`;
const one = (server: TestServer) =>
  `${vaultScope(server, 'main-vault')}/providers/Strongroom.Crypto/encryptionKey/rotate?${VERSION}`;

async function ask(server: TestServer, method: string, path: string, body?: unknown) {
  const token = await getToken(server, resources.management);
  return (await manage(server, token, { method, path, body })).body;
}

/** Moves the clock of a development server on, over what has to pass before a key is destroyed, until none is left to destroy. */
async function finish(server: TestServer, between: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const { vaultKeys } = await ask(server, 'GET', all(server));
    if (vaultKeys.beingEmptied === 0) return;
    assert.ok(performance.now() < deadline, 'the former key is destroyed');
    const path = `/subscriptions/${server.subscriptionId}/providers/Strongroom.Development/clock?${VERSION}`;
    const { now } = await ask(server, 'GET', path);
    await ask(server, 'POST', path, { to: new Date(Date.parse(now) + 61_000).toISOString() });
    await between();
  }
}

async function prove(nodes: readonly TestServer[], say: (text: string) => void): Promise<void> {
  const [first, last] = [nodes[0]!, nodes[nodes.length - 1]!];
  const load = await startLoad(nodes, { secrets: SECRETS, clients: CLIENTS });
  try {
    await load.work(500);
    load.takeReadTimes();
    await load.work(2500);
    const quiet = load.takeReadTimes();
    const before = await ask(first, 'GET', all(first));
    for (let round = 0; round < ROTATIONS; round++) {
      await ask(first, 'POST', all(first, '/rotateRoot'));
      await load.work(200);
      await ask(last, 'POST', one(last));
      await load.work(300);
      await ask(last, 'POST', all(last, '/rotateVaults'));
      await load.work(300);
      await finish(first, () => load.work(200));
    }
    const rotating = load.takeReadTimes();
    await load.stop();
    const after = await ask(last, 'GET', all(last));
    assert.equal(after.rootKeys.length, before.rootKeys.length + ROTATIONS);
    assert.deepEqual([after.vaultKeys.vaults, after.vaultKeys.beingEmptied], [before.vaultKeys.vaults, 0]);
    say(
      `${load.count()} answers, ${load.wrong.length} wrong; reads' p99 ${p99(quiet).toFixed(1)} ms before, ` +
        `${p99(rotating).toFixed(1)} ms during ${ROTATIONS} rotations`,
    );
    assert.deepEqual(load.wrong.slice(0, 5), []);
  } finally {
    await load.stop().catch(() => {});
  }
}

test('no answer is wrong while root and vault keys rotate, on one process with SQLite', async (context) => {
  const server = await startServer({ args: ['--dev'] });
  try {
    await prove([server], (text) => context.diagnostic(text));
    const verified = await strongroom(['audit', 'verify', '--data-dir', server.dataDir]);
    assert.equal(verified.code, 0, verified.stderr);
    const { stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    for (const name of ['RootKeyRotate', 'VaultKeyRotate', 'VaultKeyRotateAll', 'VaultKeyDestroy']) {
      assert.ok(stdout.includes(`"operationName":"${name}"`), name);
    }
    const listed = await strongroom(['encryption-keys', 'list', '--data-dir', server.dataDir]);
    assert.match(listed.stdout, /^seal +key-file\nroot key .* seals\n(root key .* opens only\n)+vault keys /);
    const made = await strongroom([
      'encryption-keys',
      'rotate-vault',
      vaultScope(server, 'main-vault'),
      '--data-dir',
      server.dataDir,
    ]);
    assert.match(made.stdout, /main-vault .* seals\nmain-vault .* being emptied\n/, made.stderr);
  } finally {
    await server.stop();
  }
});

test('no answer is wrong while root and vault keys rotate, on two processes with one PostgreSQL', async (context) => {
  const { nodes, stop } = await startTwoNodes({}, ['--dev']);
  try {
    await prove(nodes, (text) => context.diagnostic(text));
    for (const node of nodes) assert.doesNotMatch(node.output().stderr, /cannot open|job failed/);
  } finally {
    await stop();
  }
});

test('a process killed while it encrypts anew loses nothing, and the next goes on', async (context) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-rekey-'));
  const values = new Map<string, string>();
  let halfway = 0;
  try {
    for (let round = 0; round <= KILLS; round++) {
      const server = await startServer({ dataDir, args: ['--dev'] });
      const token = await getToken(server, resources.data);
      for (let index = 0; round === 0 && index < 400; index++) {
        const [name, value] = [`s-${index}`, `value ${index}`];
        values.set(name, value);
        const body = { value };
        const { status } = await call(server, { method: 'PUT', path: `/secrets/${name}?api-version=7.6`, token, body });
        assert.equal(status, 200);
      }
      for (const [name, value] of values) {
        const { body, text } = await call(server, { path: `/secrets/${name}?api-version=7.6`, token });
        assert.equal(body.value, value, text);
      }
      if (round === KILLS) {
        await finish(server, async () => {});
        assert.equal(await keysInUse(dataDir), 1);
        await server.stop({ keep: true });
        break;
      }
      await ask(server, 'POST', all(server, '/rotateRoot'));
      await ask(server, 'POST', one(server));
      await whileMoving(dataDir);
      await server.stop({ keep: true, signal: 'SIGKILL' });
      if ((await keysInUse(dataDir)) > 1) halfway++;
    }
    const verified = await strongroom(['audit', 'verify', '--data-dir', dataDir]);
    assert.equal(verified.code, 0, verified.stderr);
    assert.ok(halfway > 0, 'no kill came in between');
    context.diagnostic(`${halfway} of ${KILLS} kills left envelopes under several keys`);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

/** Waits until some envelopes are under the new key and some not yet. */
async function whileMoving(dataDir: string): Promise<void> {
  const deadline = performance.now() + 5000;
  while ((await keysInUse(dataDir)) < 2 && performance.now() < deadline) await pause(1);
}

/** Under how many keys the envelopes of secrets are. */
async function keysInUse(dataDir: string): Promise<number> {
  const driver = await driverOf(dataDir);
  try {
    const sql = 'select count(distinct substr(envelope, 2, 16)) as found from secret_versions';
    const { rows } = await driver.read.run<{ found: number }>(sql, []);
    return Number(rows[0]!.found);
  } finally {
    await driver.close();
  }
}
