import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../../src/store/port.ts';
import { openSession } from '../../src/store/session.ts';
import { assignRole, deleteVault, manage, objectIdOf, putVault, vaultScope } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { driverOf } from '../support/server-data.ts';

/** How often a purge is killed. The long run: `STRONGROOM_PURGE_KILLS=30 node --test tests/faults/purge-crash.test.ts`. */
const KILLS = Number(process.env['STRONGROOM_PURGE_KILLS'] ?? 4);
const SECRETS = 1000;
/** The shortest there is: the administrator's secret lasts two years, and each round moves the clock by twice this. */
const RETENTION_DAYS = 7;
const AT_ONCE = 50;
/** The longest pause before a kill: about twice what a purge takes. */
const LONGEST_MS = { sqlite: 700, postgres: 2000 };
const V = 'api-version=7.5';

/** A vault with so many secrets, every other one deleted. */
async function fill(server: TestServer, name: string, count: number): Promise<void> {
  const manager = await getToken(server, resources.management);
  const token = await getToken(server, resources.data);
  await putVault(server, manager, name, { softDeleteRetentionInDays: RETENTION_DAYS });
  const scope = vaultScope(server, name);
  await assignRole(server, manager, { role: 'Key Vault Administrator', principalId: objectIdOf(token), scope });
  const host = `${name}.vault`;
  let next = 0;
  const work = async () => {
    for (let index = next++; index < count; index = next++) {
      const path = `/secrets/s${index}?${V}`;
      const made = await call(server, { method: 'PUT', host, path, token, body: { value: 'v' } });
      assert.equal(made.status, 200, made.text);
      if (index % 2 === 0) assert.equal((await call(server, { method: 'DELETE', host, path, token })).status, 200);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Asks the data of a server, running or killed. */
async function ask<T>(dataDir: string, question: (session: Session) => Promise<T>): Promise<T> {
  const driver = await driverOf(dataDir);
  try {
    // One snapshot: a database may go on for a moment after its client was killed.
    return await driver.snapshot((connection) => question(openSession(driver.dialect, connection)));
  } finally {
    await driver.close();
  }
}

/** Rows that speak of a vault's id, over every table that has one. */
async function rowsOf(dataDir: string, vaultId: string): Promise<Record<string, number>> {
  return ask(dataDir, async ({ db }) => {
    const count = { vaults: (await db.selectFrom('vaults').select('id').where('id', '=', vaultId).execute()).length };
    const tables = ['secrets', 'secret_versions', 'vault_keys'] as const;
    const counts: [string, number][] = [];
    for (const table of tables) {
      const rows = await db.selectFrom(table).select('vault_id').where('vault_id', '=', vaultId).execute();
      counts.push([table, rows.length]);
    }
    return { ...count, ...Object.fromEntries(counts) };
  });
}

function idOf(dataDir: string, name: string): Promise<string> {
  return ask(dataDir, async ({ db }) => {
    return (await db.selectFrom('vaults').select('id').where('name', '=', name).executeTakeFirstOrThrow()).id;
  });
}

const clockPath = (server: TestServer) =>
  `/subscriptions/${server.subscriptionId}/providers/Strongroom.Development/clock?api-version=2026-01-01`;

for (const store of ['sqlite', 'postgres'] as const) {
  test(`a vault whose purge is killed at any moment is whole or gone, and gone after the next start, on ${store}`, (context) =>
    killPurges(store, context));
}

async function killPurges(store: 'sqlite' | 'postgres', context: TestContext): Promise<void> {
  let server = await startServer({ args: ['--dev'], store });
  const { dataDir } = server;
  let killedBefore = 0;
  let killedAfter = 0;
  try {
    for (let round = 0; round < KILLS; round++) {
      const name = `doomed-${round}`;
      await fill(server, name, SECRETS);
      const vaultId = await idOf(dataDir, name);
      const full = await rowsOf(dataDir, vaultId);
      assert.equal(full['secrets'], SECRETS);
      const manager = await getToken(server, resources.management);
      await deleteVault(server, manager, name);
      // Only the kill is waited for: what was asked may be answered or not.
      const moved = manage(server, manager, {
        method: 'POST',
        path: clockPath(server),
        body: { advanceSeconds: RETENTION_DAYS * 86_400 },
        mayFail: true,
      }).catch(() => null);
      await delay(randomInt(LONGEST_MS[store]));
      await server.stop({ keep: true, signal: 'SIGKILL' });
      await moved;
      const left = await rowsOf(dataDir, vaultId);
      if (left['vaults'] === 0) killedAfter++;
      else killedBefore++;
      const { secrets: _, secret_versions: __, ...kept } = left;
      if (left['vaults'] === 0) assert.deepEqual(left, { vaults: 0, secrets: 0, secret_versions: 0, vault_keys: 0 });
      else assert.deepEqual(kept, { vaults: 1, vault_keys: full['vault_keys'] });

      server = await startServer({ dataDir, args: ['--dev'], store });
      // Killed before the clock was moved, it is moved now; what is due is done when that is answered.
      const again = await getToken(server, resources.management);
      await manage(server, again, {
        method: 'POST',
        path: clockPath(server),
        body: { advanceSeconds: RETENTION_DAYS * 86_400 },
      });
      assert.deepEqual(await rowsOf(dataDir, vaultId), { vaults: 0, secrets: 0, secret_versions: 0, vault_keys: 0 });
      const fresh = await getToken(server, resources.management);
      assert.equal((await putVault(server, fresh, name)).status, 200, 'the name is free');
    }
    const verified = await strongroom(['audit', 'verify', '--data-dir', dataDir]);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    context.diagnostic(`${KILLS} kills: ${killedBefore} before the purge was done, ${killedAfter} after`);
  } finally {
    await server.stop({ keep: true });
    rmSync(dataDir, { recursive: true, force: true });
  }
}

test('reads are answered while a backlog of a thousand secrets is purged', async (context) => {
  const server = await startServer({ args: ['--dev'] });
  try {
    await fill(server, 'backlog', 2 * SECRETS);
    const manager = await getToken(server, resources.management);
    await manage(server, manager, {
      method: 'POST',
      path: clockPath(server),
      body: { advanceSeconds: (RETENTION_DAYS - 0.5) * 86_400 },
    });
    const token = await getToken(server, resources.data);
    const later = await getToken(server, resources.management);
    let isDone = false;
    let reads = 0;
    let longest = 0;
    // An hour's token outlives a move of half a day by nothing: the move is done in steps below its life.
    const moved = (async () => {
      for (let hour = 0; hour < 12; hour++) {
        const bearer = hour === 0 ? later : await getToken(server, resources.management);
        await manage(server, bearer, { method: 'POST', path: clockPath(server), body: { advanceSeconds: 3600 } });
      }
    })().finally(() => {
      isDone = true;
    });
    let bearer = token;
    while (!isDone) {
      const began = performance.now();
      const reply = await call(server, { host: 'backlog.vault', path: `/secrets/s1?${V}`, token: bearer });
      longest = Math.max(longest, performance.now() - began);
      if (reply.status === 401) bearer = await getToken(server, resources.data);
      else assert.equal(reply.status, 200, reply.text);
      reads++;
    }
    await moved;
    const last = await getToken(server, resources.data);
    const { body } = await call(server, { host: 'backlog.vault', path: `/deletedsecrets?${V}`, token: last });
    assert.deepEqual(body.value, []);
    context.diagnostic(`${reads} reads while ${SECRETS} secrets were purged, the slowest ${longest.toFixed(0)} ms`);
    assert.ok(reads > 10);
  } finally {
    await server.stop();
  }
});
