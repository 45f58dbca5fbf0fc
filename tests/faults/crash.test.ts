import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** How often the server is killed. The long run: `STRONGROOM_CRASHES=200 node --test tests/faults/crash.test.ts`. */
const CRASHES = Number(process.env['STRONGROOM_CRASHES'] ?? 6);
const WRITERS = 16;
const LONGEST_ROUND_MS = 400;
const MOST_VERSIONS = 20;
const V = 'api-version=2026-04-01';
const root = new URL('../..', import.meta.url).pathname;

type Pending = { readonly kind: 'set'; readonly value: string } | { readonly kind: 'delete' | 'recover' };

/** What the one writer of a name knows of it. */
interface Item {
  readonly name: string;
  /** Values of acknowledged versions. */
  readonly versions: Map<string, string>;
  current: string | null;
  state: 'absent' | 'live' | 'deleted';
  /** What was asked and not acknowledged. */
  pending: Pending | null;
  touched: boolean;
}

/** All that was promised, over all rounds. */
class Ledger {
  readonly items: Item[] = [];
  /** Request ids of acknowledged writes, with the operation and name that their audit record must tell. */
  readonly acknowledged = new Map<string, string>();
  server!: TestServer;
  token = '';
  #values = 0;

  newItem(writer: number): Item {
    const item: Item = {
      name: `w${writer}-${this.items.length}`,
      versions: new Map(),
      current: null,
      state: 'absent',
      pending: null,
      touched: false,
    };
    this.items.push(item);
    return item;
  }

  ask(path: string, rest: Partial<Ask> = {}): Promise<Reply> {
    return call(this.server, { ...rest, path: `${path}?${V}`, token: this.token });
  }

  /** One write: noted before it is sent, believed once it is acknowledged. */
  async write(item: Item, pending: Pending): Promise<void> {
    item.pending = pending;
    item.touched = true;
    const operation = { set: 'SecretSet', delete: 'SecretDelete', recover: 'SecretRecover' }[pending.kind];
    const reply = await this.#send(item.name, pending);
    assert.equal(reply.status, 200, reply.text);
    this.acknowledged.set(reply.headers['x-ms-request-id']!, `${operation} ${item.name}`);
    item.pending = null;
    item.state = pending.kind === 'delete' ? 'deleted' : 'live';
    if (pending.kind === 'set') {
      item.current = versionOf(reply.body.id);
      item.versions.set(item.current, pending.value);
    }
  }

  #send(name: string, pending: Pending): Promise<Reply> {
    if (pending.kind === 'set') return this.ask(`/secrets/${name}`, { method: 'PUT', body: { value: pending.value } });
    if (pending.kind === 'delete') return this.ask(`/secrets/${name}`, { method: 'DELETE' });
    return this.ask(`/deletedsecrets/${name}/recover`, { method: 'POST' });
  }

  /** A value that tells whether all of it is there. */
  newValue(): string {
    const start = `value-${++this.#values}-`;
    return `${start}${'x'.repeat(randomInt(0, 4000))}-end`;
  }
}

const versionOf = (id: string) => id.split('/')[5]!;

/** Writes to names of its own until the server is gone. */
async function writeUntilKilled(ledger: Ledger, writer: number, isKilled: () => boolean): Promise<void> {
  const prefix = `w${writer}-`;
  for (;;) {
    // A name that has many versions is left alone from then on: what there is to verify after a kill stays the same.
    const mine = ledger.items.filter(({ name, versions }) => name.startsWith(prefix) && versions.size < MOST_VERSIONS);
    if (mine.length < 3 || randomInt(10) === 0) mine.push(ledger.newItem(writer));
    const item = mine[randomInt(mine.length)]!;
    const choice = randomInt(10);
    try {
      if (item.state === 'deleted') await ledger.write(item, { kind: 'recover' });
      else if (item.state === 'live' && choice < 2) await ledger.write(item, { kind: 'delete' });
      else await ledger.write(item, { kind: 'set', value: ledger.newValue() });
    } catch (error) {
      if (isKilled()) return;
      throw error;
    }
  }
}

/** Holds what the server has of a name against what was promised, and takes what it has of an unacknowledged write. */
async function verify(ledger: Ledger, item: Item): Promise<void> {
  const { name, pending } = item;
  const allowed = new Set([item.state]);
  if (pending) allowed.add(pending.kind === 'delete' ? 'deleted' : 'live');
  const found = await stateOf(ledger, name);
  assert.ok(allowed.has(found), `${name} is ${found}, promised was ${[...allowed].join(' or ')}`);
  item.pending = null;
  item.state = found;
  item.touched = false;
  if (found === 'absent') return;
  if (found === 'deleted') await ledger.write(item, { kind: 'recover' });
  const listed = await listVersions(ledger, name);
  for (const version of item.versions.keys()) assert.ok(listed.includes(version), `${name} has lost ${version}`);
  for (const version of listed) {
    const reply = await ledger.ask(`/secrets/${name}/${version}`);
    assert.equal(reply.status, 200, `${name}/${version}: ${reply.text}`);
    const expected = item.versions.get(version) ?? (pending?.kind === 'set' ? pending.value : undefined);
    assert.ok(expected !== undefined, `${name}/${version} was never set`);
    assert.equal(reply.body.value, expected);
    if (!item.versions.has(version)) item.current = version;
    item.versions.set(version, expected);
  }
  const newest = await ledger.ask(`/secrets/${name}`);
  assert.equal(versionOf(newest.body.id), item.current, `${name} shows another version as its newest`);
}

async function stateOf(ledger: Ledger, name: string): Promise<Item['state']> {
  const live = await ledger.ask(`/secrets/${name}`);
  if (live.status === 200) return 'live';
  assert.equal(live.status, 404, live.text);
  const deleted = await ledger.ask(`/deletedsecrets/${name}`);
  return deleted.status === 200 ? 'deleted' : 'absent';
}

async function listVersions(ledger: Ledger, name: string): Promise<string[]> {
  const found: string[] = [];
  let path = `/secrets/${name}/versions?${V}`;
  while (path) {
    const { status, body, text } = await call(ledger.server, { path, token: ledger.token });
    assert.equal(status, 200, text);
    for (const { id } of body.value) found.push(versionOf(id));
    const next = body.nextLink ? new URL(body.nextLink) : null;
    path = next ? next.pathname + next.search : '';
  }
  return found;
}

async function assertAuditWhole(dataDir: string): Promise<void> {
  const { code, stdout, stderr } = await strongroom(['audit', 'verify', '--data-dir', dataDir]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^The audit log is whole: \d+ records in 1 chain\./);
}

/** Every acknowledged write has its record: the operation, the name, success. */
async function assertRecorded(ledger: Ledger, dataDir: string): Promise<void> {
  const missing = new Map(ledger.acknowledged);
  const child = spawn(process.execPath, ['bin/strongroom.mjs', 'audit', 'export', '--data-dir', dataDir], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { correlationId, operationName, properties } = JSON.parse(line);
    const expected = missing.get(correlationId);
    if (expected === undefined) continue;
    assert.equal(properties.httpStatusCode, 200);
    assert.equal(`${operationName} ${(properties.id as string).split('/')[4]}`, expected);
    missing.delete(correlationId);
  }
  assert.deepEqual([...missing], []);
}

test(`${CRASHES} kills under ${WRITERS} writers lose no acknowledged write and leave no half of one`, async (context) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-crash-'));
  const ledger = new Ledger();
  try {
    for (let round = 0; round <= CRASHES; round++) {
      ledger.server = await startServer({ dataDir });
      ledger.token = await getToken(ledger.server, resources.data);
      const isLast = round === CRASHES;
      for (const item of ledger.items) if (item.touched || isLast) await verify(ledger, item);
      if (isLast || round % Math.ceil(CRASHES / 6) === 0) await assertAuditWhole(dataDir);
      if (isLast) break;
      let killed = false;
      const writers = Array.from({ length: WRITERS }, (_, writer) => writeUntilKilled(ledger, writer, () => killed));
      const killer = new Promise<void>((resolve) => {
        setTimeout(
          () => {
            killed = true;
            void ledger.server.stop({ keep: true, signal: 'SIGKILL' }).then(() => resolve());
          },
          randomInt(20, LONGEST_ROUND_MS),
        );
      });
      await Promise.all([...writers, killer]);
    }
    await assertRecorded(ledger, dataDir);
    context.diagnostic(`${ledger.acknowledged.size} writes were acknowledged`);
    assert.ok(
      ledger.acknowledged.size > CRASHES * WRITERS,
      `only ${ledger.acknowledged.size} writes were acknowledged`,
    );
  } finally {
    await ledger.server?.stop({ signal: 'SIGKILL' });
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a first start that is killed is begun anew or carried on by the next', async () => {
  for (let round = 0; round < Math.min(Math.ceil(CRASHES / 3), 20); round++) {
    const dataDir = mkdtempSync(join(tmpdir(), 'strongroom-first-'));
    const child = spawn(process.execPath, ['bin/strongroom.mjs', 'start', '--data-dir', dataDir, '--port', '0'], {
      cwd: root,
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // From before the first file to after the last: the first start takes half a second to a whole one.
    await new Promise((wake) => setTimeout(wake, randomInt(100, 1200)));
    child.kill('SIGKILL');
    await ended;
    const had = existsSync(join(dataDir, 'administrator.json'));
    const server = await startServer({ dataDir });
    try {
      const token = await getToken(server, resources.data);
      const made = await call(server, { method: 'PUT', path: `/secrets/a?${V}`, token, body: { value: 'x' } });
      assert.equal(made.status, 200, `${had}: ${made.text}`);
      await assertAuditWhole(dataDir);
    } finally {
      await server.stop();
    }
  }
});
