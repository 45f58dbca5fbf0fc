import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemRandom } from '../../src/base/system.ts';
import { askControl } from '../../src/cli/control.ts';
import { readTokenSettings } from '../../src/crypto/pkcs11/settings.ts';
import { Token } from '../../src/crypto/pkcs11/token.ts';
import { storedSealKind } from '../../src/crypto/root-keys.ts';
import { readDescription } from '../../src/crypto/seals/description.ts';
import { openTokenSeal } from '../../src/crypto/seals/token-seal.ts';
import { openSession } from '../../src/store/session.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { sealState } from '../support/seals.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { driverOf } from '../support/server-data.ts';
import { startLoad } from '../support/steady-load.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

/** Kills while the seal is changed. */
const KILLS = Number(process.env['STRONGROOM_CRASHES'] ?? 8);
const DEADLINE_MS = 30_000;
const V = 'api-version=7.6';

let token: SoftToken;
let dataDir: string;

const run = (...words: string[]) => strongroom([...words, '--data-dir', dataDir], { env: token.env });
const withConfig = (settings: Readonly<Record<string, unknown>> = {}) => [
  '--config',
  token.config({ seal: 'pkcs11', ...settings }),
];
const start = (meanwhile?: () => Promise<void>, settings?: Readonly<Record<string, unknown>>) =>
  startServer({ dataDir, args: withConfig(settings), env: token.env, ...(meanwhile && { meanwhile }) });

/** A started server whose first seal was made in the token. */
async function firstStart(): Promise<TestServer> {
  return start(async () => {
    await sealState(dataDir, 'uninitialised');
    const made = await run('seal', 'init');
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /sealed by pkcs11.*\nWithout that token nothing opens/);
  });
}

async function setKept(server: TestServer): Promise<void> {
  const bearer = await getToken(server, resources.data);
  const made = await call(server, {
    method: 'PUT',
    path: `/secrets/kept?${V}`,
    token: bearer,
    body: { value: 'the value' },
  });
  assert.equal(made.status, 200, made.text);
}

async function readsKept(server: TestServer): Promise<void> {
  const { status, body, text } = await call(server, {
    path: `/secrets/kept?${V}`,
    token: await getToken(server, resources.data),
  });
  assert.equal(status, 200, text);
  assert.equal(body.value, 'the value');
}

async function until(check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error('It did not come to that.');
    await pause(50);
  }
}

/** Waits until a sealed server says this of why it does not open. */
const untilReason = (pattern: RegExp) =>
  until(async () => pattern.test((await sealState(dataDir, 'sealed')).reason ?? ''));

const sealKeys = () =>
  token.tool(['--list-objects', '--type', 'secrkey']).match(/strongroom\/seal\/[0-9a-f]{32}/g) ?? [];

/** What the data says its seal is. */
async function storedSeal(): Promise<{ readonly kind: string | null; readonly id: string; readonly rows: string }> {
  const driver = await driverOf(dataDir);
  try {
    const session = openSession(driver.dialect, driver.read);
    const description = await readDescription(session);
    const kind = await storedSealKind(session);
    assert.equal(kind, description?.kind, 'the description is of the seal that wraps the keys');
    return {
      kind,
      id: description!.id,
      rows: JSON.stringify(await session.db.selectFrom('root_keys').selectAll().execute()),
    };
  } finally {
    await driver.close();
  }
}

function health(port: number): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: `management.localhost:${port}` };
    request({ host: '127.0.0.1', port, path: '/metadata/health', rejectUnauthorized: false, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .on('error', reject)
      .end();
  });
}

/** A server that is not expected to open. */
function startWaiting(args: readonly string[], env: Readonly<Record<string, string>>) {
  const command = ['bin/strongroom.mjs', 'start', '--data-dir', dataDir, '--port', '0', ...args];
  const child = spawn(process.execPath, command, { env: { ...process.env, ...env }, stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

function readFileOr(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended, belongs to another user, or is no file that can be read.
    return '';
  }
}

/** The newest root key, opened here by the token, and as it is stored. */
async function openedRoot(): Promise<{ readonly root: Buffer; readonly wrapped: Buffer }> {
  const read = readTokenSettings(token.settings, { ...process.env, ...token.env });
  assert.ok('settings' in read);
  const device = new Token(read.settings, { info: () => {}, warn: () => {}, error: () => {} });
  const driver = await driverOf(dataDir);
  try {
    const session = openSession(driver.dialect, driver.read);
    const description = await readDescription(session);
    assert.ok(description?.kind === 'pkcs11');
    const [row] = await session.db.selectFrom('root_keys').selectAll().where('active', '=', 1).execute();
    const wrapped = Buffer.from(row!.wrapped);
    return { root: await openTokenSeal(description, device, systemRandom()).unwrap(row!.id, wrapped), wrapped };
  } finally {
    device.close();
    await driver.close();
  }
}

describe('a server whose seal is a key in a token', () => {
  before(() => {
    token = makeSoftToken();
    dataDir = mkdtempSync(join(tmpdir(), 'strongroom-token-seal-'));
  });
  after(() => {
    rmSync(dataDir, { recursive: true, force: true });
    token.remove();
  });

  it('is made by seal init, with a key that never leaves the token, and starts by itself from then on', async () => {
    const first = await firstStart();
    await setKept(first);
    assert.equal((await run('seal', 'show')).stdout, 'pkcs11, open\n');
    assert.equal(await first.stop({ keep: true }), 0);
    const { kind, id } = await storedSeal();
    assert.equal(kind, 'pkcs11');
    assert.deepEqual(sealKeys(), [`strongroom/seal/${id}`]);
    const listed = token.tool(['--list-objects', '--type', 'secrkey']);
    assert.match(listed, /Access: +sensitive, always sensitive, never extractable, local/);
    assert.match(listed, /Usage: +encrypt, decrypt(, (sign|verify))*\n/);
    const second = await start();
    await readsKept(second);
    assert.equal(await second.stop({ keep: true }), 0);
  });

  it('waits sealed while the token is not there, says why, and goes on by itself when it is back', async () => {
    const { rows } = await storedSeal();
    token.takeAway();
    const server = await start(async () => {
      await untilReason(/token of the seal cannot be used/);
      const { port } = await sealState(dataDir, 'sealed');
      const shown = await health(port!);
      assert.deepEqual([shown.status, JSON.parse(shown.text).seal], [503, { kind: 'pkcs11', state: 'sealed' }]);
      const status = await run('status');
      assert.equal(status.code, 5);
      assert.match(status.stdout, /sealed until its token is there\.\n +reason +The token of the seal cannot be used/);
      assert.match((await run('unseal')).stderr, /Nothing is to be brought/);
      const offline = await run('audit', 'verify', ...withConfig());
      assert.equal(offline.code, 1);
      assert.match(offline.stderr, /token of the seal cannot be used/);
      assert.equal((await storedSeal()).rows, rows);
      token.putBack();
    });
    await readsKept(server);
    assert.match(server.output().stdout, /is sealed \(pkcs11\)/);
    await server.stop({ keep: true });
  });

  it('stops while it waits, when it is told to', async () => {
    token.takeAway();
    const waiting = startWaiting(withConfig(), token.env);
    await untilReason(/cannot be used/);
    assert.equal(await waiting.stop(), 0);
    token.putBack();
  });

  it('tries a PIN that the token refused no second time, and the right one without a start', async () => {
    const pinFile = token.settings['pinFile'] as string;
    writeFileSync(pinFile, 'another-pin\n');
    const server = await start(async () => {
      await untilReason(/PIN, which is not tried again/);
      writeFileSync(pinFile, `${token.pin}\n`);
    });
    await readsKept(server);
    assert.equal(
      server.output().stderr.split('CKR_PIN_INCORRECT').length - 1,
      3,
      'one attempt, told by the token, the start and the seal',
    );
    await server.stop({ keep: true });
  });

  it('names a token that is another one, and changes nothing', async () => {
    const { rows } = await storedSeal();
    const other = makeSoftToken('another-token');
    try {
      const args = ['--config', other.config({ seal: 'pkcs11' })];
      const waiting = startWaiting(args, other.env);
      await untilReason(/is not the one of the seal: the key .* Put that one back/);
      assert.equal(await waiting.stop(), 0);
      const offline = await strongroom(['audit', 'verify', '--data-dir', dataDir, ...args], { env: other.env });
      assert.match(offline.stderr, /Put that one back/);
      assert.equal((await storedSeal()).rows, rows);
      assert.equal(other.tool(['--list-objects']).includes('strongroom/seal'), false);
    } finally {
      other.remove();
    }
  });

  it('says which key is missing from its token, and changes nothing', async () => {
    const { rows, id } = await storedSeal();
    const copy = join(token.folder, 'copy');
    cpSync(join(token.folder, 'tokens'), copy, { recursive: true });
    token.tool(['--delete-object', '--type', 'secrkey', '--id', id]);
    assert.deepEqual(sealKeys(), []);
    const config = withConfig();
    const offline = await run('audit', 'verify', ...config);
    assert.match(offline.stderr, new RegExp(`has no key strongroom/seal/${id}: it was removed`));
    rmSync(join(token.folder, 'tokens'), { recursive: true });
    cpSync(copy, join(token.folder, 'tokens'), { recursive: true });
    const verified = await run('audit', 'verify', ...config);
    assert.equal(verified.code, 0, verified.stderr);
    assert.equal((await storedSeal()).rows, rows);
  });

  it('has its root key in no file, no output and no list of processes', async () => {
    const server = await start();
    await readsKept(server);
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      .map((pid) => ['cmdline', 'environ'].map((name) => readFileOr(`/proc/${pid}/${name}`)).join(''))
      .join('\n');
    const backup = join(dataDir, 'canary.backup');
    const taken = await run('backup', backup, ...withConfig());
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(taken.stdout, /only with what opens the seal now \(pkcs11\)/);
    const exported = await run('audit', 'export');
    await server.stop({ keep: true });
    const { root, wrapped } = await openedRoot();
    const { stdout, stderr } = server.output();
    const places = [
      processes,
      stdout,
      stderr,
      taken.stdout + taken.stderr,
      exported.stdout,
      ...[dataDir, token.folder].flatMap((folder) =>
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => readFileOr(join(entry.parentPath, entry.name))),
      ),
    ];
    const isIn = (bytes: Buffer, forms: readonly BufferEncoding[]) =>
      places.some((text) => forms.some((form) => text.includes(bytes.toString(form))));
    assert.equal(isIn(root, ['latin1', 'hex', 'base64', 'base64url']), false);
    assert.ok(isIn(wrapped, ['latin1']), 'the search finds what is there');
    assert.equal(places.filter((text) => text.includes(token.pin)).length, 1, 'the PIN is in its file alone');
  });

  it('makes no root key while its token is away, says so, and goes on with those it has', async () => {
    const server = await start();
    token.takeAway();
    const bearer = await getToken(server, resources.management);
    const path = `/subscriptions/${server.subscriptionId}/providers/Strongroom.Crypto/encryptionKeys/rotateRoot?api-version=2026-01-01`;
    const rotate = () => call(server, { method: 'POST', host: 'management', path, token: bearer });
    const refused = await rotate();
    assert.deepEqual([refused.status, refused.body.error.code], [503, 'ServiceUnavailable']);
    assert.match(refused.body.error.message, /token that seals root keys cannot be used/);
    await setKept(server);
    await readsKept(server);
    token.putBack();
    await until(async () => (await rotate()).status === 200);
    await server.stop({ keep: true });
    const again = await start();
    await readsKept(again);
    await again.stop({ keep: true });
  });
});

describe('a seal that is changed to a token and away from it', () => {
  before(() => {
    token = makeSoftToken();
  });
  after(() => token.remove());
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'strongroom-token-reseal-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it('is changed under load with no request refused; backups open with the seal that they were taken under', async () => {
    const keyFile = join(dataDir, 'second.key');
    const change = (...words: string[]) => run('seal', 'change', ...words);
    const server = await start(undefined, { seal: 'key-file' });
    await setKept(server);
    const load = await startLoad([server], { secrets: 20, clients: 4 });
    const orders = [
      ['--to', 'pkcs11'],
      ['--to', 'key-file', '--key-file', keyFile],
      ['--to', 'pkcs11'],
      ['--to', 'pkcs11'],
    ];
    for (const order of orders) {
      const changed = await change(...order);
      assert.equal(changed.code, 0, changed.stderr);
      assert.match(changed.stdout, new RegExp(`sealed by ${order[1]} now`));
      await load.work(100);
    }
    token.takeAway();
    assert.match((await change('--to', 'pkcs11')).stderr, /token of the seal cannot be used/);
    await load.work(100);
    token.putBack();
    await load.stop();
    assert.deepEqual(load.wrong, []);
    const backup = join(dataDir, 'all.backup');
    await until(async () => (await run('backup', backup, ...withConfig())).code === 0);
    await server.stop({ keep: true });
    const old = await run('start', '--port', '0', ...withConfig({ seal: 'key-file' }));
    assert.match(old.stderr, /sealed by 'pkcs11', but the configured seal is 'key-file'/);
    const again = await start();
    await readsKept(again);
    await again.stop({ keep: true });
    const restored = mkdtempSync(join(tmpdir(), 'strongroom-token-restored-'));
    try {
      const without = await strongroom(['restore', backup, '--data-dir', restored]);
      assert.match(without.stderr, /sealed by a key in a token: name a configuration/);
      const args = withConfig();
      const right = await strongroom(['restore', backup, '--data-dir', restored, ...args], { env: token.env });
      assert.equal(right.code, 0, right.stderr);
      assert.match(right.stdout, /"seal": "pkcs11"/);
      const other = await startServer({ dataDir: restored, args, env: token.env });
      await readsKept({ ...other, administrator: server.administrator });
      await other.stop({ keep: true });
    } finally {
      rmSync(restored, { recursive: true, force: true });
    }
  });

  it(`is under the old or the new, whole, after each of ${KILLS} kills while it is changed`, async (context) => {
    const keyFile = join(dataDir, 'seal.key');
    let kind = 'key-file';
    let id = '';
    let changes = 0;
    for (let round = 0; round <= KILLS; round++) {
      const server = await start(undefined, { seal: kind });
      if (round === 0) await setKept(server);
      await readsKept(server);
      if (round === KILLS) {
        await server.stop({ keep: true });
        break;
      }
      const order = kind === 'pkcs11' ? { to: 'key-file', keyFile } : { to: 'pkcs11' };
      // Also while the key is made in the token.
      const isEarly = round % 3 === 2;
      const drafting = askControl(dataDir, 'POST', '/seal/draft', order);
      const changing = (isEarly ? Promise.resolve() : drafting.then(() => {}))
        .then(async () => askControl(dataDir, 'POST', '/seal/change', { id: (await drafting)['id'] }))
        .catch(() => {});
      if (!isEarly) await drafting;
      await pause(randomInt(0, 30));
      await server.stop({ keep: true, signal: 'SIGKILL' });
      await changing;
      const stored = await storedSeal();
      if (round > 0 && `${stored.kind} ${stored.id}` !== `${kind} ${id}`) changes++;
      kind = stored.kind!;
      id = stored.id;
    }
    context.diagnostic(`${changes} of ${KILLS} changes were durable`);
  });
});

it('a seal in a token needs the setting that names the token', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-token-none-'));
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ seal: 'pkcs11' }));
  const { code, stderr } = await strongroom(['start', '--data-dir', join(folder, 'data'), '--config', config]);
  rmSync(folder, { recursive: true, force: true });
  assert.equal(code, 1);
  assert.match(stderr, /needs the setting pkcs11, which names the token/);
});
