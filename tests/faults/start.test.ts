import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { type CommandResult, strongroom } from '../support/cli.ts';
import { call, getToken, hostOf, openTls, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=7.5';

let folder: string;
/** An installation that was stopped, with a secret in it: copied for each test, never changed. */
let stopped: string;
let original: TestServer;
let firstOutput: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'strongroom-start-'));
  stopped = join(folder, 'stopped');
  original = await startServer({ dataDir: stopped });
  firstOutput = original.output().stdout;
  const token = await getToken(original, resources.data);
  const reply = await call(original, { method: 'PUT', path: `/secrets/kept?${V}`, token, body: { value: 'kept' } });
  assert.equal(reply.status, 200);
  assert.equal(await original.stop({ keep: true }), 0);
});

after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A copy of the stopped installation. */
function copied(): string {
  const dataDir = mkdtempSync(join(folder, 'copy-'));
  cpSync(stopped, dataDir, { recursive: true, preserveTimestamps: true });
  return dataDir;
}

function start(dataDir: string, ...args: string[]): Promise<CommandResult> {
  return strongroom(['start', '--data-dir', dataDir, '--port', '0', ...args]);
}

/** Digest of every file but those without content: the lock, an empty log, and SQLite's index of it, which readers rebuild. */
function digests(dataDir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dataDir, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('-shm') && statSync(join(dataDir, entry.name)).size > 0)
      .map(({ name }) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(dataDir, name)))
          .digest('hex'),
      ])
      .sort(),
  );
}

/** One paragraph for people, on standard error alone. */
function assertClear(result: CommandResult, message: RegExp): void {
  assert.equal(result.code, 1, result.stderr);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, message);
  assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
  assert.doesNotMatch(result.stderr, /\n\s+at |node:|Error:/);
}

/** Breaks an installation, and expects a start of it to say so and to leave every file as it was. */
function refusesStart(title: string, breakIt: (dataDir: string) => void, message: RegExp, ...args: string[]): void {
  test(title, async () => {
    const dataDir = copied();
    breakIt(dataDir);
    const earlier = digests(dataDir);
    assertClear(await start(dataDir, ...args), message);
    assert.deepEqual(digests(dataDir), earlier);
    assert.ok(!existsSync(join(dataDir, 'runtime.json')));
  });
}

const seal = (dataDir: string) => join(dataDir, 'seal.key');
const database = (dataDir: string) => join(dataDir, 'strongroom.db');

refusesStart(
  'a missing seal key is told and none is made',
  (dir) => rmSync(seal(dir)),
  /^The seal key .*seal\.key is missing\. /,
);
refusesStart(
  'a seal key that cannot be read is told',
  (dir) => {
    rmSync(seal(dir));
    mkdirSync(seal(dir));
  },
  /^The seal key .*seal\.key cannot be read: /,
);
refusesStart(
  'a seal key of garbage is told',
  (dir) => writeFileSync(seal(dir), '\x00garbage'),
  /^The seal key .* cannot be read: it is not JSON\./,
);
refusesStart(
  'another JSON file as seal key is told',
  (dir) => copyFileSync(join(dir, 'administrator.json'), seal(dir)),
  /is not a seal key of Strongroom\./,
);
refusesStart(
  'the seal key of another installation is told',
  (dir) => {
    const other = JSON.parse(readFileSync(seal(dir), 'utf8')) as { id: string; key: string };
    writeFileSync(seal(dir), JSON.stringify({ ...other, id: other.id.replace(/./g, 'a') }));
  },
  /does not open this data: it belongs to another installation, or one of the two is damaged\. Nothing was changed\./,
);
refusesStart(
  'a seal key with its id and another key is told',
  (dir) => {
    const own = JSON.parse(readFileSync(seal(dir), 'utf8')) as { key: string };
    writeFileSync(seal(dir), JSON.stringify({ ...own, key: Buffer.alloc(32).toString('base64url') }));
  },
  /does not open this data/,
);
refusesStart(
  'a database of garbage is told',
  (dir) => writeFileSync(database(dir), 'garbage '.repeat(1000)),
  /^The database .*strongroom\.db cannot be used: /,
);
refusesStart(
  'an empty database file is told',
  (dir) => truncateSync(database(dir), 0),
  /^The database .* is damaged \(it is empty\)\. Nothing was changed\. Restore/,
);
refusesStart(
  'a database that was cut in half is told',
  (dir) => truncateSync(database(dir), Math.floor(statSync(database(dir)).size / 2 / 4096) * 4096),
  /^The database .* (is damaged|cannot be used)/,
);
refusesStart(
  'a database with a page overwritten is told',
  (dir) => {
    const bytes = readFileSync(database(dir));
    bytes.fill(0xaa, 4096 * 3, 4096 * 6);
    writeFileSync(database(dir), bytes);
  },
  /^The database .* is damaged/,
);
refusesStart(
  'data of a later release is told',
  (dir) => {
    const opened = new DatabaseSync(database(dir));
    opened.exec("update meta set value = '999' where name = 'schema'");
    opened.close();
  },
  /has schema version 999; this release knows up to \d+\. Start the release that wrote it, or a later one\./,
);
refusesStart(
  'an audit chain whose head was altered is told',
  (dir) => {
    const opened = new DatabaseSync(database(dir));
    opened.exec('update audit_heads set sequence = sequence + 1');
    opened.close();
  },
  /^The head of the audit chain 'main' was altered\. Run: strongroom audit verify/,
);
refusesStart(
  'a data directory that others may read is told',
  (dir) => chmodSync(dir, 0o755),
  /can be read by other users\. Make it private: chmod 700/,
);

test('a data directory that is a file is told', async () => {
  const path = join(folder, 'a-file');
  writeFileSync(path, 'x');
  assertClear(await start(path), /is not a directory\./);
  assert.equal(readFileSync(path, 'utf8'), 'x');
});

/** A configuration that is refused. */
function refusesConfig(title: string, content: string, message: RegExp): void {
  test(title, async () => {
    const dataDir = copied();
    const config = join(folder, 'config.json');
    writeFileSync(config, content);
    const earlier = digests(dataDir);
    assertClear(await strongroom(['start', '--data-dir', dataDir, '--config', config]), message);
    assert.deepEqual(digests(dataDir), earlier);
  });
}

refusesConfig(
  'a configuration that is no JSON is told',
  '{port: 1}',
  /^The configuration .* cannot be read: it is not JSON\./,
);
refusesConfig('a setting that does not exist is told', '{"prot": 8443}', /has a setting that does not exist: prot\./);
refusesConfig(
  'an identity endpoint for the world is told',
  '{"port": 0, "imdsAddresses": ["0.0.0.0"]}',
  /^imdsAddresses may hold loopback addresses .* not 0\.0\.0\.0\./,
);
refusesConfig(
  'a certificate that is not there is told',
  '{"port": 0, "tlsCertificateFile": "/nowhere.pem", "tlsKeyFile": "/nowhere.key"}',
  /\/nowhere\.(pem|key)/,
);
refusesConfig(
  'a certificate that is none is told',
  `{"port": 0, "tlsCertificateFile": "${import.meta.filename}", "tlsKeyFile": "${import.meta.filename}"}`,
  /cannot be used as a certificate and its key: /,
);
refusesConfig(
  'a file with a database address that is not there is told',
  '{"port": 0, "postgresUrlFile": "/nowhere.url"}',
  /\/nowhere\.url/,
);
refusesConfig(
  'an address that this machine does not have is told',
  '{"port": 0, "addresses": ["203.0.113.9"]}',
  /203\.0\.113\.9/,
);

test('a configuration that is not there and a port that is no number are told', async () => {
  const dataDir = copied();
  assertClear(await start(dataDir, '--config', '/nowhere.json'), /^The configuration \/nowhere\.json cannot be read: /);
  assertClear(await strongroom(['start', '--data-dir', dataDir, '--port', 'abc']), /^--port must be 0 to 65535\./);
});

test('an option that does not exist is told with the usage, and exit code 2', async () => {
  const { code, stderr } = await start(copied(), '--prot', '1');
  assert.equal(code, 2);
  assert.match(stderr, /--prot/);
  assert.match(stderr, /strongroom start \[--data-dir DIR\]/);
});

test('a port in use is told, for each listener, and the data is as it was', async () => {
  const blocker = createServer();
  await new Promise<void>((listening) => blocker.listen(0, '127.0.0.1', listening));
  const { port } = blocker.address() as AddressInfo;
  try {
    const dataDir = copied();
    const earlier = digests(dataDir);
    const message = new RegExp(
      `^Port ${port} on 127\\.0\\.0\\.1 is in use by another program\\. Choose another with --`,
    );
    assertClear(await strongroom(['start', '--data-dir', dataDir, '--port', String(port)]), message);
    assertClear(await start(dataDir, '--imds-port', String(port)), message);
    assert.deepEqual(digests(dataDir), earlier);
  } finally {
    blocker.close();
  }
});

test('a first start on a port in use leaves what the next one carries on', async () => {
  const blocker = createServer();
  await new Promise<void>((listening) => blocker.listen(0, '127.0.0.1', listening));
  const dataDir = mkdtempSync(join(folder, 'first-'));
  try {
    const port = String((blocker.address() as AddressInfo).port);
    assertClear(await strongroom(['start', '--data-dir', dataDir, '--port', port]), /is in use by another program/);
  } finally {
    blocker.close();
  }
  const server = await startServer({ dataDir });
  assert.ok(await getToken(server, resources.data));
  assert.equal(await server.stop(), 0);
});

test('a second process on a data directory is told who has it, and the first goes on', async () => {
  const dataDir = copied();
  const server = await startServer({ dataDir });
  try {
    const runtime = readFileSync(join(dataDir, 'runtime.json'), 'utf8');
    assertClear(
      await start(dataDir),
      new RegExp(`^The data directory .* is in use by another process \\(pid ${server.process.pid}\\)\\.`),
    );
    assert.equal(readFileSync(join(dataDir, 'runtime.json'), 'utf8'), runtime);
    const token = await getToken(server, resources.data);
    assert.equal((await call(server, { path: `/secrets/kept?${V}`, token })).body.value, 'kept');
    assert.equal(
      (await call(server, { method: 'PUT', path: `/secrets/more?${V}`, token, body: { value: 'x' } })).status,
      200,
    );
  } finally {
    await server.stop();
  }
});

test('the first start says in under twenty lines where things are, and shows the secret once', async () => {
  const { clientSecret, clientId, tenantId } = original.administrator;
  const lines = firstOutput.trimEnd().split('\n');
  assert.ok(lines.length < 20, firstOutput);
  for (const fact of [
    clientSecret,
    clientId,
    tenantId,
    stopped,
    original.subscriptionId,
    hostOf(original, 'main-vault.vault'),
  ]) {
    assert.ok(firstOutput.includes(fact), fact);
  }
  const again = await startServer({ dataDir: copied() });
  const { stdout, stderr } = again.output();
  await again.stop();
  assert.ok(stdout.split('\n').length < 20);
  assert.ok(!(stdout + stderr).includes(clientSecret));
  assert.ok(stdout.includes(clientId));
});

test('a restart finds the same tenant, administrator, authority and secrets, on any port', async () => {
  const dataDir = copied();
  const authority = readFileSync(join(dataDir, 'ca.pem'), 'utf8');
  const again = await startServer({ dataDir });
  try {
    assert.notEqual(again.port, original.port);
    assert.deepEqual(again.administrator, original.administrator);
    assert.deepEqual(
      [again.tenantId, again.subscriptionId, again.machinePrincipalId, again.machineResourceId],
      [original.tenantId, original.subscriptionId, original.machinePrincipalId, original.machineResourceId],
    );
    assert.equal(readFileSync(join(dataDir, 'ca.pem'), 'utf8'), authority);
    const token = await getToken(again, resources.data);
    const { body } = await call(again, { path: `/secrets/kept?${V}`, token });
    assert.equal(body.value, 'kept');
    assert.ok(body.id.startsWith(`https://${hostOf(again, 'main-vault.vault')}/`));
  } finally {
    await again.stop();
  }
});

test('the administrator may delete the file with the secret', async () => {
  const dataDir = copied();
  rmSync(join(dataDir, 'administrator.json'));
  const again = await startServer({ dataDir });
  try {
    const token = await getToken(again, resources.data, original.administrator);
    assert.equal((await call(again, { path: `/secrets/kept?${V}`, token })).status, 200);
    assert.ok(!existsSync(join(dataDir, 'administrator.json')));
  } finally {
    await again.stop();
  }
});

test("every file is its owner's alone, but for the public certificate", async () => {
  const dataDir = join(folder, 'modes', 'deep');
  const server = await startServer({ dataDir });
  try {
    const token = await getToken(server, resources.data);
    await call(server, { method: 'PUT', path: `/secrets/a?${V}`, token, body: { value: 'x' } });
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    assert.equal(mode(dataDir), '700');
    const found = Object.fromEntries(readdirSync(dataDir).map((name) => [name, mode(join(dataDir, name))]));
    assert.deepEqual(
      [found['seal.key'], found['administrator.json'], found['runtime.json'], found['ca.pem']],
      ['600', '600', '600', '644'],
    );
    for (const [name, bits] of Object.entries(found)) {
      // The lock is empty, in a directory that nobody else can enter.
      if (name !== 'ca.pem' && name !== 'lock') assert.equal(bits, '600', name);
    }
  } finally {
    await server.stop();
  }
});

test('an empty directory that others may read becomes private', async () => {
  const dataDir = join(folder, 'open');
  mkdirSync(dataDir, { mode: 0o755 });
  const server = await startServer({ dataDir });
  assert.equal((statSync(dataDir).mode & 0o777).toString(8), '700');
  await server.stop();
});

/** Local addresses (hexadecimal, as the kernel has them) that listen on a port. */
function listeningOn(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${hex}`))
    .map(([, local]) => local!.split(':')[0]!);
}

test('the server listens on loopback alone', async () => {
  const server = await startServer({ dataDir: copied() });
  try {
    const loopback = ['0100007F', '00000000000000000000000001000000'];
    for (const port of [server.port, server.imdsPort]) {
      const addresses = listeningOn(port);
      assert.ok(addresses.includes('0100007F'));
      for (const address of addresses) assert.ok(loopback.includes(address), address);
    }
  } finally {
    await server.stop();
  }
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} lets a request under way finish, takes no new one, and ends with exit code 0`, async () => {
    const dataDir = copied();
    const server = await startServer({ dataDir });
    const token = await getToken(server, resources.data);
    const host = hostOf(server, 'main-vault.vault');
    const body = JSON.stringify({ value: 'in the last moment' });
    const socket = openTls(server, `main-vault.vault.${server.domain}`);
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const head = `PUT /secrets/last?${V} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
    // The answer to this first one shows that the connection is there and served.
    socket.write(`${head.replace('PUT', 'PATCH').replace('last', 'kept')}Content-Length: 2\r\n\r\n{}`);
    await waitFor(() => answer.includes('"recoveryLevel"'));
    answer = '';
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`);
    // Behind it in the same server: once this is answered, the half request before it was read.
    assert.equal((await call(server, { path: `/secrets/kept?${V}`, token })).status, 200);
    const ended = server.stop({ keep: true, signal });
    await waitFor(() => server.output().stdout.includes('Stopping'));
    await assert.rejects(call(server, { path: `/secrets/kept?${V}`, token, headers: { connection: 'close' } }));
    assert.ok(existsSync(join(dataDir, 'runtime.json')));
    socket.write(body.slice(10));
    await closed;
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
    assert.equal(await ended, 0);
    assert.ok(!existsSync(join(dataDir, 'runtime.json')));
    assert.deepEqual(
      readdirSync(dataDir).filter((name) => name.endsWith('-wal')),
      [],
    );
    const again = await startServer({ dataDir });
    assert.equal((await call(again, { path: `/secrets/last?${V}`, token })).body.value, 'in the last moment');
    await again.stop();
  });
}

/** Polls until it holds; fails after ten seconds. */
async function waitFor(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, 'it did not come');
    await new Promise((wake) => setTimeout(wake, 5));
  }
}
