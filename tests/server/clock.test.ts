import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  assignRole,
  deleteVault,
  groupScope,
  makeIdentity,
  manage,
  objectIdOf,
  putVault,
  vaultScope,
} from '../support/arm.ts';
import { type CommandResult, strongroom } from '../support/cli.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { freshDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=7.5';
const DAY = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'strongroom-clock-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const clock = (server: TestServer, ...args: string[]): Promise<CommandResult> =>
  strongroom(['clock', ...args, '--data-dir', server.dataDir]);
const clockPath = (server: TestServer) =>
  `/subscriptions/${server.subscriptionId}/providers/Strongroom.Development/clock?api-version=2026-01-01`;
const move = (server: TestServer, token: string, body: unknown): Promise<Reply> =>
  manage(server, token, { method: 'POST', path: clockPath(server), body, mayFail: true });
const secret = (server: TestServer, token: string, method: string, path: string, host = 'main-vault') =>
  call(server, {
    method,
    host: `${host}.vault`,
    path: `${path}?${V}`,
    token,
    ...(method === 'PUT' && { body: { value: 'v' } }),
  });

describe('the clock of a production server', () => {
  it('is shown, and moved by nobody', async () => {
    const server = await startServer();
    try {
      const token = await getToken(server, resources.management);
      const shown = await clock(server);
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /Not movable/);
      const refused = await move(server, token, { advanceSeconds: 60 });
      assert.equal(refused.status, 409);
      assert.equal(refused.body.error.code, 'ClockNotMovable');
      const moved = await clock(server, '--advance', '1d');
      assert.equal(moved.code, 1);
      assert.match(moved.stderr, /^The clock of this server cannot be moved\./);
      assert.doesNotMatch(server.output().stdout, /CLOCK/);
    } finally {
      await server.stop();
    }
  });
});

describe('the clock of a development server', () => {
  it('shows ninety days of retention in one command', async () => {
    const server = await startServer({ args: ['--dev'] });
    try {
      assert.match(server.output().stdout, /CLOCK\s+movable; for development, never for production/);
      const [token, management] = [
        await getToken(server, resources.data),
        await getToken(server, resources.management),
      ];
      const access = { role: 'Key Vault Administrator', principalId: objectIdOf(token) };
      for (const name of ['dev-doomed', 'dev-protected']) {
        const properties =
          name === 'dev-protected' ? { enablePurgeProtection: true, softDeleteRetentionInDays: 7 } : {};
        await putVault(server, management, name, properties);
        await assignRole(server, management, { ...access, scope: vaultScope(server, name) });
        assert.equal((await secret(server, token, 'PUT', '/secrets/inside', name)).status, 200);
      }
      for (const name of ['gone', 'kept']) await secret(server, token, 'PUT', `/secrets/${name}`);
      await secret(server, token, 'DELETE', '/secrets/gone');
      await deleteVault(server, management, 'dev-doomed');
      await deleteVault(server, management, 'dev-protected');

      const first = await clock(server, '--advance', '89d');
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stdout, /MOVED\s+89\.0 days ahead/);
      const expired = await secret(server, token, 'GET', '/secrets/kept');
      assert.equal(expired.status, 401, 'a token from before has expired');
      const later = await getToken(server, resources.data);
      assert.equal((await secret(server, later, 'GET', '/deletedsecrets/gone')).status, 200);
      const deletedVaults = async (manager: string) => {
        const path = `/subscriptions/${server.subscriptionId}/providers/Microsoft.KeyVault/deletedVaults?api-version=2023-07-01`;
        const { body } = await manage(server, manager, { method: 'GET', path });
        return (body.value as { name: string }[]).map(({ name }) => name);
      };
      assert.deepEqual(await deletedVaults(await getToken(server, resources.management)), ['dev-doomed']);

      assert.equal((await clock(server, '--advance', '1d')).code, 0);
      const last = await getToken(server, resources.data);
      const manager = await getToken(server, resources.management);
      assert.equal((await secret(server, last, 'GET', '/deletedsecrets/gone')).status, 404);
      assert.equal((await secret(server, last, 'GET', '/secrets/kept')).status, 200);
      assert.equal((await secret(server, last, 'PUT', '/secrets/gone')).status, 200, 'its name is free');
      assert.deepEqual(await deletedVaults(manager), []);
      assert.equal((await putVault(server, manager, 'dev-doomed')).status, 200, 'the name of the vault is free');
      // What was granted at the old vault is not there for the new.
      assert.equal((await secret(server, last, 'GET', '/secrets/inside', 'dev-doomed')).status, 403);

      const status = await strongroom(['status', '--data-dir', server.dataDir]);
      assert.match(status.stdout, /CLOCK\s+MOVED 90\.0 days ahead; for development, never for production/);
      const audit = await strongroom(['audit', 'verify', '--data-dir', server.dataDir]);
      assert.equal(audit.code, 0, audit.stdout + audit.stderr);
    } finally {
      await server.stop();
    }
  });

  it('goes forward only, for an Owner of the subscription only', async () => {
    const server = await startServer({ args: ['--dev'] });
    try {
      const owner = await getToken(server, resources.management);
      const { body: before } = await manage(server, owner, { method: 'GET', path: clockPath(server) });
      assert.equal(before.aheadSeconds, 0);
      for (const wrong of [
        {},
        { advanceSeconds: 0 },
        { advanceSeconds: -5 },
        { advanceSeconds: 1.5 },
        { advanceSeconds: '5' },
        { advanceSeconds: 21 * 365 * 86_400 },
        { to: 'tomorrow' },
        { to: '2030-13-01T00:00:00Z' },
        { to: new Date(Date.parse(before.now) - DAY).toISOString() },
        { advanceSeconds: 5, to: '2030-01-01T00:00:00Z' },
      ]) {
        const reply = await move(server, owner, wrong);
        assert.equal(reply.status, 400, JSON.stringify(wrong));
        assert.equal(reply.body.error.code, 'InvalidClockMove');
      }
      const subscription = `/subscriptions/${server.subscriptionId}`;
      const grants: readonly [string, string][] = [
        ['Contributor', subscription],
        ['User Access Administrator', subscription],
        ['Reader', subscription],
        ['Owner', groupScope(server)],
      ];
      for (const [index, [role, scope]] of grants.entries()) {
        const { principalId, clientId } = await makeIdentity(server, owner, `mover-${index}`);
        await assignRole(server, owner, { role, principalId, scope });
        const token = await getToken(server, resources.management, { managedIdentity: clientId });
        const reply = await move(server, token, { advanceSeconds: 60 });
        assert.equal(reply.status, 403, role);
        assert.equal(reply.body.error.code, 'AuthorizationFailed');
      }
      const { body: unmoved } = await manage(server, owner, { method: 'GET', path: clockPath(server) });
      assert.equal(unmoved.aheadSeconds, 0);
      const reset = await clock(server, '--reset');
      assert.equal(reset.code, 1);
      assert.match(reset.stderr, /goes forward only/);
      for (const wrong of [
        ['--advance', '90'],
        ['--advance', '1d', '--set', '2030-01-01T00:00:00Z'],
      ]) {
        assert.equal((await clock(server, ...wrong)).code, 2);
      }
    } finally {
      await server.stop();
    }
  });

  it('stays moved over a restart, is recorded, and keeps a production server away from its data', async () => {
    const server = await startServer({ args: ['--dev'] });
    const { dataDir } = server;
    const target = new Date(Date.parse((await clock(server)).stdout.split(/\s+/)[1]!) + 30 * DAY).toISOString();
    const set = await clock(server, '--set', target);
    assert.equal(set.code, 0, set.stderr);
    assert.match(server.output().stderr, /The clock was moved\./);
    await server.stop({ keep: true });
    const refused = await strongroom(['start', '--data-dir', dataDir, '--port', '0']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^The clock of the data in .* was moved 30\.0 days ahead for development/);
    const again = await startServer({ dataDir, args: ['--dev'] });
    try {
      assert.match(again.output().stdout, /CLOCK\s+MOVED 30\.0 days ahead/);
      const shown = await clock(again);
      assert.ok(Date.parse(shown.stdout.split(/\s+/)[1]!) >= Date.parse(target), shown.stdout);
      const found = await strongroom(['audit', 'export', '--data-dir', dataDir]);
      const record = found.stdout.split('\n').find((line) => line.includes('"ClockMove"'));
      assert.ok(record, 'the move is in the audit log');
      assert.equal(JSON.parse(record).properties.details.to, target);
    } finally {
      await again.stop();
    }
  });

  it('is the same on every node', async () => {
    const { host, port, user, password, database } = await freshDatabase();
    const [urlFile, config] = [join(folder, 'url'), join(folder, 'config.json')];
    writeFileSync(urlFile, `postgres://${user}:${password}@${host}:${port}/${database}\n`, { mode: 0o600 });
    const sealKeyFile = join(folder, 'seal.key');
    writeFileSync(config, JSON.stringify({ postgresUrlFile: urlFile, sealKeyFile, movableClock: true }));
    const args = ['--config', config];
    const first = await startServer({ args });
    const second = await startServer({ args });
    try {
      const token = await getToken(first, resources.data);
      const manager = await getToken(first, resources.management);
      assert.equal((await secret(second, token, 'GET', '/secrets')).status, 200);
      assert.equal((await move(first, manager, { advanceSeconds: 7200 })).status, 200);
      assert.equal((await secret(first, token, 'GET', '/secrets')).status, 401);
      const deadline = performance.now() + 10_000;
      while ((await secret(second, token, 'GET', '/secrets')).status !== 401) {
        assert.ok(performance.now() < deadline, 'the other node follows');
        await delay(50);
      }
    } finally {
      await second.stop();
      await first.stop();
    }
  });
});
