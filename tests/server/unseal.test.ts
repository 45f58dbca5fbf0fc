import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { bring, configured, sealState } from '../support/seals.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=7.6';
const PASSPHRASE = 'correct horse battery staple';

/** What a sealed server answers: its certificate is its own, and nothing vouches for it. */
function askSealed(port: number, host: string, path: string): Promise<{ status: number; text: string; retry: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, rejectUnauthorized: false, headers: { host: `${host}:${port}` } };
    request(options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, retry: response.headers['retry-after'] ?? '' }),
      );
    })
      .on('error', reject)
      .end();
  });
}

async function setSecret(server: TestServer, name: string, value: string): Promise<void> {
  const token = await getToken(server, resources.data);
  const { status, text } = await call(server, { method: 'PUT', path: `/secrets/${name}?${V}`, token, body: { value } });
  assert.equal(status, 200, text);
}

async function getSecret(server: TestServer, name: string): Promise<string> {
  const token = await getToken(server, resources.data);
  const { status, body, text } = await call(server, { path: `/secrets/${name}?${V}`, token });
  assert.equal(status, 200, text);
  return body.value;
}

const sharesIn = (stdout: string) => stdout.split('\n').filter((line) => line.startsWith('strongroom-share-'));

test('a server sealed by shares refuses everything until enough true ones were brought, at each start', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-sealed-'));
  const args = configured(dataDir, { seal: 'shamir' });
  const run = (...words: string[]) => strongroom([...words, '--data-dir', dataDir]);
  const unseal = (input: string) => strongroom(['unseal', '--data-dir', dataDir], { input });
  let shares: readonly string[] = [];
  try {
    const first = await startServer({
      dataDir,
      args,
      meanwhile: async () => {
        const { port } = await sealState(dataDir, 'uninitialised');
        assert.equal((await askSealed(port!, 'management.localhost', '/metadata/health')).status, 503);
        assert.equal((await run('status')).code, 5);
        assert.match((await run('unseal')).stderr, /There is no seal yet/);
        assert.match((await run('seal', 'init', '--shares', '2', '--threshold', '3')).stderr, /at least two open it/);
        const made = await run('seal', 'init', '--shares', '5', '--threshold', '3');
        assert.equal(made.code, 0, made.stderr);
        shares = sharesIn(made.stdout);
      },
    });
    assert.equal(shares.length, 5);
    await setSecret(first, 'kept', 'the value');
    assert.match((await run('status')).stdout, /seal +shamir, open/);
    assert.equal((await run('unseal')).stdout, 'The server is open.\n');
    assert.equal(await first.stop({ keep: true }), 0);

    const second = await startServer({
      dataDir,
      args,
      meanwhile: async () => {
        const { port } = await sealState(dataDir, 'sealed');
        assert.equal(statSync(join(dataDir, 'control.sock')).mode & 0o777, 0o600);
        const refused = await askSealed(port!, 'main-vault.vault.localhost', `/secrets/kept?${V}`);
        assert.equal(refused.status, 503);
        assert.equal(refused.retry, '1');
        assert.deepEqual(Object.keys(JSON.parse(refused.text).error), ['code', 'message']);
        assert.match(refused.text, /This server is sealed.*strongroom unseal/);
        const login = await askSealed(port!, 'login.localhost', '/x/oauth2/v2.0/token');
        assert.match(JSON.parse(login.text).error_description, /This server is sealed/);
        const health = await askSealed(port!, 'management.localhost', '/metadata/health');
        assert.deepEqual([health.status, JSON.parse(health.text).status], [503, 'sealed']);
        const status = await run('status');
        assert.equal(status.code, 5);
        assert.match(status.stdout, /sealed: strongroom unseal\n.*shamir, 0 of 3 shares/);

        const mistyped = await unseal(`${shares[0]!.slice(0, -3)}AAA\n`);
        assert.deepEqual([mistyped.code, mistyped.stdout], [1, '']);
        assert.match(mistyped.stderr, /mistyped/);
        assert.equal((await unseal(`${shares[0]}\n`)).stdout, '1 of 3 shares.\n');
        assert.match((await unseal(`${shares[0]}\n`)).stderr, /was given already/);
        assert.match((await run('status')).stdout, /1 of 3 shares/);
        assert.equal((await run('unseal', '--forget')).code, 0);
        assert.match((await run('status')).stdout, /0 of 3 shares/);
        const rest = await unseal(`${shares[4]}\n${shares[1]}\n${shares[2]}\n`);
        assert.equal(rest.stdout, '1 of 3 shares.\n2 of 3 shares.\nThe server is open.\n');
      },
    });
    assert.equal(await getSecret(second, 'kept'), 'the value');
    const exported = await strongroom(['audit', 'export', '--data-dir', dataDir]);
    assert.match(exported.stdout, /"Unseal".*"wrongAttempts":1/);
    const verified = await strongroom(['audit', 'verify', '--data-dir', dataDir], {
      input: shares.slice(0, 3).join('\n'),
    });
    assert.equal(verified.code, 0, verified.stderr);
    await second.stop({ keep: true });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a sealed server stops when it is told to, and a data directory may have any path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-sealed-'));
  const dataDir = join(folder, 'a-folder-of-a-long-name'.repeat(5));
  mkdirSync(dataDir, { mode: 0o700 });
  try {
    const args = configured(dataDir, { seal: 'shamir' });
    const command = ['bin/strongroom.mjs', 'start', '--data-dir', dataDir, '--port', '0', ...args];
    const child = spawn(process.execPath, command, {
      cwd: new URL('../..', import.meta.url).pathname,
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    assert.equal((await sealState(dataDir, 'uninitialised')).kind, 'shamir');
    child.kill('SIGTERM');
    assert.equal(await ended, 0);
    assert.equal((await strongroom(['status', '--data-dir', dataDir])).code, 3);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a foreign share, wrong passphrases and guessing are told, and slowed down', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-sealed-'));
  const other = mkdtempSync(join(tmpdir(), 'strongroom-sealed-'));
  const args = configured(dataDir, { seal: 'passphrase' });
  try {
    let foreign: readonly string[] = [];
    const elsewhere = await startServer({
      dataDir: other,
      args: configured(other, { seal: 'shamir' }),
      meanwhile: async () => {
        await sealState(other, 'uninitialised');
        const made = await strongroom(['seal', 'init', '--shares', '2', '--threshold', '2', '--data-dir', other]);
        foreign = sharesIn(made.stdout);
      },
    });
    const changed = await strongroom([
      'seal',
      'change',
      '--to',
      'shamir',
      '--shares',
      '3',
      '--threshold',
      '2',
      '--data-dir',
      other,
    ]);
    assert.equal(changed.code, 0, changed.stderr);
    await elsewhere.stop({ keep: true });
    const reopened = await startServer({
      dataDir: other,
      args: configured(other, { seal: 'shamir' }),
      meanwhile: async () => {
        await sealState(other, 'sealed');
        const old = await strongroom(['unseal', '--data-dir', other], { input: foreign[0]! });
        assert.match(old.stderr, /another installation, or of a seal that was changed since/);
        await bring(other, sharesIn(changed.stdout).slice(1));
      },
    });
    await reopened.stop({ keep: true });

    const init = ['seal', 'init', '--data-dir', dataDir];
    const server = await startServer({
      dataDir,
      args,
      meanwhile: async () => {
        await sealState(dataDir, 'uninitialised');
        assert.match((await strongroom(init, { input: 'too short\n' })).stderr, /at least 15 characters/);
        assert.equal((await strongroom(init, { input: `${PASSPHRASE}\n` })).code, 0);
      },
    });
    await setSecret(server, 'kept', 'the value');
    await server.stop({ keep: true });
    const again = await startServer({
      dataDir,
      args,
      meanwhile: async () => {
        await sealState(dataDir, 'sealed');
        const guess = (input: string) => strongroom(['unseal', '--data-dir', dataDir], { input });
        for (let attempt = 0; attempt < 3; attempt++) {
          assert.match(
            (await guess('correct horse battery stable')).stderr,
            /does not open this data. Nothing was changed/,
          );
        }
        const slowed = await guess(PASSPHRASE);
        assert.match(slowed.stderr, /Too many wrong attempts. Try again in 1 s/);
        for (let isOpen = false; !isOpen; ) isOpen = (await guess(PASSPHRASE)).code === 0;
      },
    });
    assert.equal(await getSecret(again, 'kept'), 'the value');
    await again.stop({ keep: true });
  } finally {
    for (const folder of [dataDir, other]) rmSync(folder, { recursive: true, force: true });
  }
});
