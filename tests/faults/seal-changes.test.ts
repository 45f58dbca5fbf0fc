import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { askControl } from '../../src/cli/control.ts';
import { storedSealKind } from '../../src/crypto/root-keys.ts';
import { readDescription } from '../../src/crypto/seals/description.ts';
import { openSession } from '../../src/store/session.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { bring, configured } from '../support/seals.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { driverOf } from '../support/server-data.ts';
import { startLoad } from '../support/steady-load.ts';
import { startTwoNodes } from '../support/two-nodes.ts';

/** The seal is changed each way under load, and processes are killed while they change it. STRONGROOM_CRASHES sets how often. */
const KILLS = Number(process.env['STRONGROOM_CRASHES'] ?? 8);
const PASSPHRASE = 'a passphrase for changing seals';

async function readsKept(server: TestServer): Promise<void> {
  const token = await getToken(server, resources.data);
  const { status, body, text } = await call(server, { path: '/secrets/kept?api-version=7.6', token });
  assert.equal(status, 200, text);
  assert.equal(body.value, 'the value');
}

async function setKept(server: TestServer): Promise<void> {
  const token = await getToken(server, resources.data);
  const body = { value: 'the value' };
  const made = await call(server, { method: 'PUT', path: '/secrets/kept?api-version=7.6', token, body });
  assert.equal(made.status, 200, made.text);
}

test('the seal is changed each way under load, no request is refused, and the next start needs the new one', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-reseal-'));
  const passphraseFile = join(dataDir, 'passphrase');
  writeFileSync(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const change = (...words: string[]) => strongroom(['seal', 'change', ...words, '--data-dir', dataDir]);
  try {
    const server = await startServer({ dataDir });
    await setKept(server);
    const load = await startLoad([server], { secrets: 20, clients: 6 });
    const orders = [
      ['--to', 'passphrase', '--passphrase-file', passphraseFile],
      ['--to', 'shamir', '--shares', '4', '--threshold', '2'],
      ['--to', 'key-file', '--key-file', join(dataDir, 'second.key')],
      ['--to', 'shamir', '--shares', '3', '--threshold', '3'],
      ['--to', 'passphrase', '--passphrase-file', passphraseFile],
    ];
    for (const order of orders) {
      const changed = await change(...order);
      assert.equal(changed.code, 0, changed.stderr);
      assert.match(changed.stdout, new RegExp(`sealed by ${order[1]} now`));
      await load.work(100);
      const shown = await strongroom(['seal', 'show', '--data-dir', dataDir]);
      assert.equal(shown.stdout, `${order[1]}, open\n`);
    }
    assert.match((await change('--to', 'passphrase')).stderr, /at least 15 characters/);
    await load.stop();
    assert.deepEqual(load.wrong, []);
    const backup = join(dataDir, 'all.backup');
    const args = configured(dataDir, { seal: 'passphrase', sealPassphraseFile: passphraseFile });
    const taken = await strongroom(['backup', backup, '--data-dir', dataDir, ...args]);
    assert.equal(taken.code, 0, taken.stderr);
    const { stdout } = await strongroom(['audit', 'export', '--data-dir', dataDir]);
    assert.equal(stdout.split('"operationName":"SealChange"').length, orders.length + 1);
    await server.stop({ keep: true });

    const old = await strongroom(['start', '--data-dir', dataDir, '--port', '0']);
    assert.equal(old.code, 1);
    assert.match(old.stderr, /sealed by 'passphrase', but the configured seal is 'key-file'.*"seal": "passphrase"/s);
    const again = await startServer({ dataDir, args });
    await readsKept(again);
    await again.stop({ keep: true });
    await restored(backup, passphraseFile, server);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

/** A backup opens with the seal that the data had, and with no other. */
async function restored(backup: string, passphraseFile: string, original: TestServer): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-reseal-'));
  try {
    const wrong = await strongroom(['restore', backup, '--data-dir', dataDir], { input: 'not this passphrase\n' });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /does not open this data/);
    const right = await strongroom(['restore', backup, '--data-dir', dataDir], { input: `${PASSPHRASE}\n` });
    assert.equal(right.code, 0, right.stderr);
    assert.match(right.stdout, /"seal": "passphrase"/);
    const args = configured(dataDir, { seal: 'passphrase', sealPassphraseFile: passphraseFile });
    const server = await startServer({ dataDir, args });
    try {
      await readsKept({ ...server, administrator: original.administrator });
    } finally {
      await server.stop({ keep: true });
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

test(`${KILLS} kills while the seal is changed leave the data under the old or the new, whole`, async (context) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-reseal-'));
  /** All shares that were ever told, by the id of their seal. */
  const told: string[][] = [];
  let changes = 0;
  try {
    let before: string | null = null;
    for (let round = 0; round <= KILLS; round++) {
      const { kind, id } = await sealOf(dataDir);
      if (before !== null && before !== `${kind} ${id}`) changes++;
      before = `${kind} ${id}`;
      const server = await startServer({
        dataDir,
        args: configured(dataDir, kind === 'shamir' ? { seal: kind } : { sealKeyFile: join(dataDir, 'seal.key') }),
        ...(kind === 'shamir' && { meanwhile: () => bringTold(dataDir, told, id) }),
      });
      if (round === 0) await setKept(server);
      await readsKept(server);
      if (round === KILLS) {
        await server.stop({ keep: true });
        break;
      }
      const order =
        kind === 'shamir'
          ? { to: 'key-file', keyFile: join(dataDir, 'seal.key') }
          : { to: 'shamir', shares: 3, threshold: 2 };
      const draft = await askControl(dataDir, 'POST', '/seal/draft', order);
      told.push(draft['shares'] as string[]);
      const changing = askControl(dataDir, 'POST', '/seal/change', { id: draft['id'] }).catch(() => {});
      await pause(randomInt(0, 12));
      await server.stop({ keep: true, signal: 'SIGKILL' });
      await changing;
    }
    context.diagnostic(`${changes} of ${KILLS} changes were durable`);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

/** What the data says its seal is; a key file before there is data. */
async function sealOf(dataDir: string): Promise<{ readonly kind: string; readonly id: string }> {
  const driver = await driverOf(dataDir).catch(() => null);
  if (!driver) return { kind: 'key-file', id: '' };
  try {
    const session = openSession(driver.dialect, driver.read);
    const kind = await storedSealKind(session);
    const description = await readDescription(session);
    assert.equal(kind, description?.kind, 'the description is of the seal that wraps the keys');
    return { kind: kind ?? 'key-file', id: description?.id ?? '' };
  } finally {
    await driver.close();
  }
}

async function bringTold(dataDir: string, told: readonly string[][], id: string): Promise<void> {
  const { readShare } = await import('../../src/crypto/seals/share.ts');
  const shares = told.find(([first]) => first !== undefined && readShare(first).id === id);
  assert.ok(shares, 'the shares of every seal that wraps data were told');
  await bring(dataDir, shares.slice(0, 2));
}

test('the other node of a database goes on when the seal is changed, and rotates no root key under the old one', async () => {
  const { nodes, stop } = await startTwoNodes();
  try {
    const [first, second] = nodes;
    const load = await startLoad(nodes, { secrets: 10, clients: 4 });
    const keyFile = join(first.dataDir, 'other.key');
    const changed = await strongroom([
      'seal',
      'change',
      '--to',
      'key-file',
      '--key-file',
      keyFile,
      '--data-dir',
      first.dataDir,
    ]);
    assert.equal(changed.code, 0, changed.stderr);
    await load.work(100);
    const stale = await strongroom([
      'seal',
      'change',
      '--to',
      'key-file',
      '--key-file',
      keyFile,
      '--data-dir',
      second.dataDir,
    ]);
    assert.match(stale.stderr, /The seal was changed on another node/);
    const token = await getToken(second, resources.management);
    const path = `/subscriptions/${second.subscriptionId}/providers/Strongroom.Crypto/encryptionKeys/rotateRoot?api-version=2026-01-01`;
    const refused = await call(second, { method: 'POST', host: 'management', path, token });
    assert.deepEqual([refused.status, refused.body.error.code], [409, 'SealChanged']);
    await load.work(100);
    await load.stop();
    assert.deepEqual(load.wrong, []);
  } finally {
    await stop();
  }
});
