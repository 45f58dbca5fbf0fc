import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { strongroom } from '../support/cli.ts';
import { call, getToken, hostOf, resources } from '../support/http.ts';
import { freshDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=2026-04-01';
const WRITERS = 8;
/** Text that readers of lines may stumble over. */
const tags = { lines: 'a\nb\r\nc\u2028d\u2029e\u0085f', quotes: '"\\', bytes: '{"$bytes":"AA=="}' };

let folder: string;
let server: TestServer;
let token: string;
let file: string;
/** Values of versions acknowledged before the backup began, by path. */
const early = new Map<string, string>();
/** Everything acknowledged while it ran. */
const during = new Map<string, string>();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'strongroom-backup-'));
  file = join(folder, 'server.backup');
  server = await startServer();
  token = await getToken(server, resources.data);
  for (let index = 0; index < 40; index++) await set(`early-${index % 20}`, `value ${index} ключ`, early);
  await call(server, { method: 'DELETE', path: `/secrets/early-19?${V}`, token });
  let isDone = false;
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let index = 0; !isDone; index++) await set(`late-${writer}-${index % 5}`, `late ${writer} ${index}`, during);
  });
  const result = await strongroom(['backup', file, '--data-dir', server.dataDir]);
  isDone = true;
  await Promise.all(writers);
  assert.equal(result.code, 0, result.stderr);
  assert.match(
    result.stdout,
    /^Backed up \d+ rows to .*\nIt opens only with the seal key .*seal\.key, which is not in it/,
  );
});

after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function set(name: string, value: string, into: Map<string, string>): Promise<void> {
  const reply = await call(server, { method: 'PUT', path: `/secrets/${name}?${V}`, token, body: { value, tags } });
  assert.equal(reply.status, 200, reply.text);
  into.set(new URL(reply.body.id).pathname, value);
}

const sealKey = () => join(server.dataDir, 'seal.key');

function restore(dataDir: string, from = file, key = sealKey(), ...more: string[]) {
  return strongroom(['restore', from, '--seal-key', key, '--data-dir', dataDir, ...more]);
}

/** Every version in the restored vault is one that was set, and each that was there when the backup began is there. */
async function assertRestored(restored: TestServer): Promise<number> {
  const all = new Map([...early, ...during]);
  const found = new Map<string, string>();
  for (const name of await listIds(restored, '/secrets')) {
    for (const path of await listIds(restored, `${name}/versions`)) {
      const reply = await call(restored, { path: `${path}?${V}`, token });
      assert.equal(reply.status, 200, reply.text);
      assert.equal(reply.body.value, all.get(path), path);
      assert.deepEqual(reply.body.tags, tags);
      found.set(path, reply.body.value);
    }
  }
  for (const path of early.keys()) {
    if (!path.startsWith('/secrets/early-19/')) assert.ok(found.has(path), path);
  }
  const deleted = await call(restored, { path: `/deletedsecrets/early-19?${V}`, token });
  assert.equal(deleted.status, 200);
  return found.size;
}

async function listIds(from: TestServer, path: string): Promise<string[]> {
  const ids: string[] = [];
  let next = `${path}?${V}`;
  while (next) {
    const { status, body, text } = await call(from, { path: next, token });
    assert.equal(status, 200, text);
    for (const { id } of body.value) ids.push(new URL(id).pathname);
    const link = body.nextLink ? new URL(body.nextLink) : null;
    next = link ? link.pathname + link.search : '';
  }
  return ids;
}

test('a backup taken under writers is restored whole, and old tokens go on working', async (context) => {
  const dataDir = join(folder, 'restored');
  const result = await restore(dataDir);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /^Restored \d+ rows into .* Start it: strongroom start --data-dir /);
  const restored = await startServer({ dataDir });
  try {
    assert.equal(restored.tenantId, server.tenantId);
    context.diagnostic(`${await assertRestored(restored)} of ${early.size + during.size} versions were in the backup`);
    const verified = await strongroom(['audit', 'verify', '--data-dir', dataDir]);
    assert.equal(verified.code, 0, verified.stderr);
    const fresh = await getToken(restored, resources.data, server.administrator);
    const reply = await call(restored, {
      method: 'PUT',
      path: `/secrets/after?${V}`,
      token: fresh,
      body: { value: 'x' },
    });
    assert.equal(reply.status, 200, reply.text);
    assert.ok(reply.body.id.startsWith(`https://${hostOf(restored, 'main-vault.vault')}/`));
    assert.equal((await call(server, { path: `/secrets/after?${V}`, token })).status, 404);
  } finally {
    await restored.stop();
  }
});

test('a backup is private, and holds no value in the clear and no key that opens it', () => {
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.partial')),
    [],
  );
  const text = gunzipSync(readFileSync(file)).toString();
  assert.match(text, /^\{"kind":"strongroom-backup","format":1,/);
  const seal = JSON.parse(readFileSync(sealKey(), 'utf8')) as { key: string };
  for (const secret of [
    'ключ',
    'late 0 0',
    server.administrator.clientSecret,
    seal.key,
    'PRIVATE KEY',
    token.split('.')[2]!,
  ]) {
    assert.ok(!text.includes(secret));
    assert.ok(!text.includes(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1)));
  }
});

test('a backup is never overwritten, and takes data that is there', async () => {
  const again = await strongroom(['backup', file, '--data-dir', server.dataDir]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /exists already; a backup is never overwritten\.\n$/);
  const nothing = await strongroom(['backup', join(folder, 'none'), '--data-dir', join(folder, 'no-data')]);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /^There is no data in .*\n$/);
  assert.ok(!existsSync(join(folder, 'none')));
  const nowhere = await strongroom(['backup', join(folder, 'no', 'folder'), '--data-dir', server.dataDir]);
  assert.equal(nowhere.code, 1);
  assert.equal(nowhere.stderr.trim().split('\n').length, 1, nowhere.stderr);
});

/** A restore that must fail with one line and leave nothing behind. */
async function refusesRestore(message: RegExp, from: string, key?: string): Promise<void> {
  const dataDir = mkdtempSync(join(folder, 'refused-'));
  const { code, stderr, stdout } = await restore(dataDir, from, key);
  assert.equal(code, 1, `${from} was restored: ${stdout}`);
  assert.match(stderr, message);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  assert.deepEqual(readdirSync(dataDir), []);
}

test('another seal key, or none, restores nothing', async () => {
  const own = JSON.parse(readFileSync(sealKey(), 'utf8')) as { key: string };
  const other = join(folder, 'other.key');
  writeFileSync(other, JSON.stringify({ ...own, key: Buffer.alloc(32, 1).toString('base64url') }));
  await refusesRestore(/does not open this data/, file, other);
  await refusesRestore(/^The seal key .* is missing\./, file, join(folder, 'nothing.key'));
  await refusesRestore(/is not a seal key of Strongroom|cannot be read/, file, file);
});

test('an altered, cut or foreign file restores nothing', async () => {
  const bytes = readFileSync(file);
  const path = join(folder, 'changed.backup');
  for (const at of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 0x01;
    writeFileSync(path, changed);
    await refusesRestore(
      /damaged|altered|cut off|not a backup|cannot be read as a backup|does not open this data/,
      path,
    );
  }
  for (const length of [0, Math.floor(bytes.length / 2), bytes.length - 9]) {
    writeFileSync(path, bytes.subarray(0, length));
    await refusesRestore(
      /damaged|altered|cut off|not a backup|cannot be read as a backup|does not open this data/,
      path,
    );
  }
  await refusesRestore(/cannot be read as a backup|is not a backup|damaged/, sealKey());
  await refusesRestore(/nothing\.backup/, join(folder, 'nothing.backup'));
});

test('a backup is not restored over data', async () => {
  const { code, stderr } = await restore(server.dataDir);
  assert.equal(code, 1);
  assert.match(stderr, /holds data already; a backup is restored into an empty directory only\./);
  assert.equal((await call(server, { path: `/secrets/early-0?${V}`, token })).status, 200);
});

test('a backup from SQLite is restored into PostgreSQL, and a server on it serves the secrets', async () => {
  const { host, port, user, password, database } = await freshDatabase();
  const urlFile = join(folder, 'postgres.url');
  writeFileSync(urlFile, `postgres://${user}:${password}@${host}:${port}/${database}\n`, { mode: 0o600 });
  const config = join(folder, 'postgres.json');
  writeFileSync(config, JSON.stringify({ postgresUrlFile: urlFile }));
  const dataDir = join(folder, 'postgres');
  const foreign = join(folder, 'foreign.key');
  const own = JSON.parse(readFileSync(sealKey(), 'utf8')) as object;
  writeFileSync(foreign, JSON.stringify({ ...own, key: Buffer.alloc(32, 2).toString('base64url') }));
  // A failed attempt leaves the database as empty as it was.
  assert.match((await restore(dataDir, file, foreign, '--config', config)).stderr, /does not open this data/);
  const result = await restore(dataDir, file, sealKey(), '--config', config);
  assert.equal(result.code, 0, result.stderr);
  const restored = await startServer({ dataDir, args: ['--config', config] });
  try {
    assert.ok(!existsSync(join(dataDir, 'strongroom.db')));
    await assertRestored(restored);
    const made = await call(restored, {
      method: 'PUT',
      path: `/secrets/in-postgres?${V}`,
      token,
      body: { value: 'x', tags },
    });
    assert.equal(made.status, 200, made.text);
    during.set(new URL(made.body.id).pathname, 'x');
    assert.equal((await call(restored, { path: `/secrets/in-postgres?${V}`, token })).body.value, 'x');
    const verified = await strongroom(['audit', 'verify', '--data-dir', dataDir, '--config', config]);
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stdout, /in 2 chains\./);
    assert.ok(!(restored.output().stdout + restored.output().stderr).includes(password));
    const over = await restore(join(folder, 'postgres-2'), file, sealKey(), '--config', config);
    assert.equal(over.code, 1);
    assert.match(over.stderr, /holds data already/);
    const back = join(folder, 'postgres.backup');
    const saved = await strongroom(['backup', back, '--data-dir', dataDir, '--config', config]);
    assert.equal(saved.code, 0, saved.stderr);
    const returned = await restore(join(folder, 'returned'), back);
    assert.equal(returned.code, 0, returned.stderr);
  } finally {
    await restored.stop();
  }
  const returned = await startServer({ dataDir: join(folder, 'returned') });
  try {
    await assertRestored(returned);
    assert.equal((await call(returned, { path: `/secrets/in-postgres?${V}`, token })).body.value, 'x');
  } finally {
    await returned.stop();
  }
});
