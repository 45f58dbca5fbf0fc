import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { assignRole, makeIdentity, manage, vaultScope } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { startTwoNodes } from '../support/two-nodes.ts';

/**
 * Signing keys rotate while clients sign in and read over many connections and others verify the tokens with keys that they
 * cached for a day: nobody is refused. STRONGROOM_ROTATIONS sets how often.
 */
const ROTATIONS = Number(process.env['STRONGROOM_ROTATIONS'] ?? 4);
const READERS = 24;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STEP = 4 * 60_000;
const settings = { signingKeyDays: 3, signingKeyAnnounceHours: 24 };
const V = 'api-version=7.5';
const folder = mkdtempSync(join(tmpdir(), 'strongroom-rotations-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface ShownKey {
  readonly kid: string;
  readonly state: string;
  readonly signsFrom: string;
}

const at = (server: TestServer, path: string) =>
  `/subscriptions/${server.subscriptionId}/providers/${path}?api-version=2026-01-01`;

/** The instant on a node's clock; 0 where it moved meanwhile, and the token with it. */
async function clockOf(server: TestServer): Promise<number> {
  const token = await getToken(server, resources.management);
  const path = at(server, 'Strongroom.Development/clock');
  const { status, body } = await manage(server, token, { method: 'GET', path, mayFail: true });
  return status === 200 ? Date.parse(body.now) : 0;
}

/** Moves the clock and waits until every node has followed. */
async function moveTo(nodes: readonly TestServer[], instant: number): Promise<void> {
  const token = await getToken(nodes[0]!, resources.management);
  const path = at(nodes[0]!, 'Strongroom.Development/clock');
  await manage(nodes[0]!, token, { method: 'POST', path, body: { to: new Date(instant).toISOString() } });
  const deadline = performance.now() + 20_000;
  for (const node of nodes.slice(1)) {
    while ((await clockOf(node)) < instant) {
      assert.ok(performance.now() < deadline, 'the other node follows');
      await pause(20);
    }
  }
}

async function keysOf(server: TestServer): Promise<readonly ShownKey[]> {
  const token = await getToken(server, resources.management);
  const { body } = await manage(server, token, { method: 'GET', path: at(server, 'Strongroom.Identity/signingKeys') });
  return body.value as readonly ShownKey[];
}

const partsOf = (token: string) => token.split('.') as [string, string, string];
const decoded = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, never>;

/** Verifies tokens with keys that it reads at most once a day, as proxies and libraries do; an unknown key is a failure. */
class CachingVerifier {
  readonly #server: TestServer;
  readonly #now: () => number;
  #fetched = Number.NEGATIVE_INFINITY;
  #keys = new Map<string, KeyObject>();
  #fetching: Promise<void> = Promise.resolve();

  constructor(server: TestServer, now: () => number) {
    this.#server = server;
    this.#now = now;
  }

  /** Reads the keys anew; whoever verifies meanwhile waits. */
  fetch(): Promise<void> {
    this.#fetched = this.#now();
    this.#fetching = this.#load();
    return this.#fetching;
  }

  async verifies(token: string): Promise<boolean> {
    if (this.#now() - this.#fetched >= DAY) this.fetch().catch(() => {});
    await this.#fetching;
    const [header, payload, signature] = partsOf(token);
    const key = this.#keys.get(decoded(header)['kid']!);
    if (!key) return false;
    return verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'));
  }

  async #load(): Promise<void> {
    const path = `/${this.#server.tenantId}/discovery/v2.0/keys`;
    const { body } = await call(this.#server, { host: 'login', path });
    this.#keys = new Map(
      body.keys.map((key: { kid: string }) => [key.kid, createPublicKey({ key: key as never, format: 'jwk' })]),
    );
  }
}

interface Load {
  /** The newest instant that any node may have; set before the clock is moved. */
  now: number;
  isPaused: boolean;
  isOver: boolean;
  reads: number;
  signIns: number;
  readonly wrong: string[];
  readonly kids: Set<string>;
  readonly idle: Set<number>;
}

/** One client: it keeps its token while that lives, reads on one node after the other, and signs in on any. */
async function read(
  nodes: readonly TestServer[],
  load: Load,
  verifier: CachingVerifier,
  index: number,
  signIn: (node: TestServer) => Promise<string>,
): Promise<void> {
  let token = '';
  for (let turn = index; !load.isOver; turn++) {
    if (load.isPaused) {
      load.idle.add(index);
      await pause(2);
      continue;
    }
    load.idle.delete(index);
    const node = nodes[turn % nodes.length]!;
    const isEnding = token === '' || Number(decoded(partsOf(token)[1])['exp']) * 1000 - load.now < 2 * STEP;
    if (isEnding || turn % 8 === 0) {
      token = await signIn(node);
      load.signIns++;
      const kid = String(decoded(partsOf(token)[0])['kid']);
      load.kids.add(kid);
      if (!(await verifier.verifies(token))) load.wrong.push(`a caching verifier does not know ${kid}`);
    }
    const reader = nodes[(turn + (turn >> 3)) % nodes.length]!;
    const { status, text } = await call(reader, { path: `/secrets/watched?${V}`, token });
    load.reads++;
    if (status !== 200) load.wrong.push(`${status} ${text.slice(0, 200)} on port ${reader.port}`);
  }
}

async function settle(load: Load): Promise<void> {
  load.isPaused = true;
  while (load.idle.size < READERS) await pause(2);
}

/** Lets the readers work for a while: at least so many more reads. */
async function work(load: Load, reads: number): Promise<void> {
  load.isPaused = false;
  const until = load.reads + reads;
  while (load.reads < until && load.wrong.length === 0) await pause(2);
}

async function rotate(nodes: readonly TestServer[], load: Load, verifiers: readonly CachingVerifier[]): Promise<void> {
  const far = async (instant: number) => {
    await settle(load);
    load.now = instant;
    await moveTo(nodes, instant);
  };
  const [signing] = await keysOf(nodes[0]!);
  const announcedFrom = Date.parse(signing!.signsFrom) + settings.signingKeyDays * DAY - DAY;
  await far(announcedFrom - 60_000);
  // The worst that a cache can do: read just before the next key was published, kept for its whole day.
  await Promise.all(verifiers.map((verifier) => verifier.fetch()));
  await work(load, 100);
  await far(announcedFrom + 1000);
  const [announced] = await keysOf(nodes[0]!);
  assert.equal(announced?.state, 'announced');
  await work(load, 100);
  const switches = Date.parse(announced.signsFrom);
  await far(switches - 2 * STEP);
  // Over the instant itself under load, on clocks that differ by as much as they may.
  for (let step = -1; step <= 2; step++) {
    load.isPaused = false;
    load.now = switches + step * STEP;
    await moveTo(nodes, load.now);
    await work(load, 150);
  }
  assert.ok(load.kids.has(announced.kid), 'the announced key signs');
}

async function prove(nodes: readonly TestServer[], say: (text: string) => void): Promise<void> {
  const [first] = nodes as [TestServer];
  const [token, management] = [await getToken(first, resources.data), await getToken(first, resources.management)];
  const made = await call(first, { method: 'PUT', path: `/secrets/watched?${V}`, token, body: { value: 'v' } });
  assert.equal(made.status, 200, made.text);
  const identity = await makeIdentity(first, management, 'reader');
  const scope = vaultScope(first, 'main-vault');
  await assignRole(first, management, { role: 'Key Vault Secrets User', principalId: identity.principalId, scope });
  const load: Load = {
    now: await clockOf(first),
    isPaused: true,
    isOver: false,
    reads: 0,
    signIns: 0,
    wrong: [],
    kids: new Set(),
    idle: new Set(),
  };
  const verifiers = nodes.map((node) => new CachingVerifier(node, () => load.now));
  const readers = Array.from({ length: READERS }, (_, index) =>
    // Every third by managed identity: its tokens live a day, and so outlive the rotation.
    read(nodes, load, verifiers[index % nodes.length]!, index, (node) =>
      index % 3 === 0
        ? getToken(node, resources.data, { managedIdentity: identity.clientId })
        : getToken(node, resources.data),
    ),
  );
  const began = performance.now();
  try {
    for (let round = 0; round < ROTATIONS; round++) await rotate(nodes, load, verifiers);
  } finally {
    load.isOver = true;
    await Promise.all(readers);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  say(
    `${ROTATIONS} rotations in ${seconds} s: ${load.reads} reads, ${load.signIns} sign-ins, ${load.kids.size} keys, ` +
      `${load.wrong.length} refused`,
  );
  assert.deepEqual(load.wrong.slice(0, 5), []);
  assert.equal(load.kids.size, ROTATIONS + 1);
  const keys = await keysOf(first);
  assert.ok(keys.length <= 3, 'keys whose tokens have ended are gone');
  await revoke(nodes);
}

/** A key that leaked: its tokens end with the next request, in each process, those that were used before too. */
async function revoke(nodes: readonly TestServer[]): Promise<void> {
  const [first, last] = [nodes[0]!, nodes[nodes.length - 1]!];
  const read = async (bearer: string) =>
    Promise.all(nodes.map(async (node) => (await call(node, { path: `/secrets/watched?${V}`, token: bearer })).status));
  const [used, unused] = [await getToken(first, resources.data), await getToken(last, resources.data)];
  const every = (status: number) => nodes.map(() => status);
  assert.deepEqual(await read(used), every(200));
  const kid = String(decoded(partsOf(used)[0])['kid']);
  const revoked = await strongroom(['signing-keys', 'revoke', kid, '--data-dir', first.dataDir]);
  assert.equal(revoked.code, 0, revoked.stderr);
  assert.doesNotMatch(revoked.stdout, new RegExp(kid));
  assert.deepEqual(await read(used), every(401));
  assert.deepEqual(await read(unused), every(401));
  assert.deepEqual(await read(await getToken(last, resources.data)), every(200));
  for (const node of nodes) {
    const { text } = await call(node, { host: 'login', path: `/${node.tenantId}/discovery/keys` });
    assert.ok(!text.includes(kid), 'it is published nowhere');
  }
  const again = await strongroom(['signing-keys', 'revoke', kid, '--data-dir', first.dataDir]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /There is no signing key/);
  const rotated = await strongroom(['signing-keys', 'rotate', '--data-dir', first.dataDir]);
  assert.match(rotated.stdout, /announced .*signing /s);
}

test('no token is refused while keys rotate, on one process with SQLite', async (context) => {
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify(settings));
  const server = await startServer({ args: ['--dev', '--config', config] });
  try {
    await prove([server], (text) => context.diagnostic(text));
    const { code, stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    assert.equal(code, 0);
    for (const name of ['SigningKeyAnnounce', 'SigningKeyDestroy', 'SigningKeyRemove', 'SigningKeyRevoke']) {
      assert.ok(stdout.includes(`"operationName":"${name}"`), name);
    }
    const nobody = await makeIdentity(server, await getToken(server, resources.management), 'contributor');
    const role = { role: 'Contributor', principalId: nobody.principalId };
    const manager = await getToken(server, resources.management);
    await assignRole(server, manager, { ...role, scope: `/subscriptions/${server.subscriptionId}` });
    const token = await getToken(server, resources.management, { managedIdentity: nobody.clientId });
    const path = at(server, 'Strongroom.Identity/signingKeys/rotate');
    const refused = await manage(server, token, { method: 'POST', path, mayFail: true });
    assert.equal(refused.status, 403);
    assert.match(refused.text, /may not change the keys that sign tokens/);
  } finally {
    await server.stop();
  }
});

test('no token is refused while keys rotate, on two processes with one PostgreSQL', async (context) => {
  const { nodes, stop } = await startTwoNodes(settings, ['--dev']);
  try {
    await prove(nodes, (text) => context.diagnostic(text));
  } finally {
    await stop();
  }
});
