import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { sampleCall, sampleTenant } from '../../tests/support/samples.ts';
import { verifyAudit } from '../audit/verify.ts';
import { Keyring } from '../crypto/keyring.ts';
import { createKeyFile, openKeyFile } from '../crypto/seal.ts';
import { Pager } from '../operations/paging.ts';
import { createGroup, createSubscription, createVault } from '../resources/service.ts';
import type { Vault } from '../resources/vault.ts';
import * as service from '../secrets/service.ts';
import { currentVersion, schemaVersion } from '../store/migrate.ts';
import { openSession } from '../store/session.ts';
import { openSqlite } from '../store/sqlite/driver.ts';
import { openStore, storeOver } from '../store/store.ts';
import { BackupFault, backupTables, leftOut, rowLine, rowValues } from './backup-format.ts';
import { backupServer } from './server-backup.ts';
import { restoreServer } from './server-restore.ts';

/** Rows whose bytes are of one class, whichever driver gave them. */
const plain = (rows: readonly object[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : (value as unknown),
      ]),
    ),
  );

describe('the backup of a server', () => {
  let parts: TestParts;
  let vault: Vault;
  let folder: string;
  let file: string;
  let rows: number;
  let attempts = 0;
  const tags = { lines: 'a\u2028b\u2029c\u0085d\r\ne', bytes: '{"$bytes":"AA=="}' };

  before(async () => {
    parts = await testParts();
    folder = mkdtempSync(join(tmpdir(), 'strongroom-backup-'));
    file = join(folder, 'all.backup');
    vault = await parts.store.write(async (transaction) => {
      const { id } = await createSubscription(transaction, parts, { tenantId: sampleTenant, name: 'S' });
      await createGroup(transaction, parts, { subscriptionId: id, name: 'g', location: 'local' });
      return createVault(transaction, parts, {
        tenantId: sampleTenant,
        subscriptionId: id,
        group: 'g',
        name: 'v-1',
        location: 'local',
      });
    });
    for (const name of ['one', 'two']) await set(name, 'the value');
    for (let index = 0; index < 5; index++) await parts.store.append({ time: index, text: `{"n":${index}` });
    rows = await backupServer(parts.store.driver, parts.keyring, file, '2026-01-01T00:00:00.000Z');
  });
  after(async () => {
    await parts.cleanup();
    rmSync(folder, { recursive: true, force: true });
  });

  const set = (name: string, value: string) =>
    service.setSecret(
      { ...parts, pager: new Pager(parts.keyring) },
      sampleCall({ vault, parameters: { name }, body: { value, tags }, commit: (work) => parts.store.write(work) }),
    );
  const sealFile = () => join(parts.folder, 'seal.key');

  /** A restore into a database of its own, which is given to `check` while it is open. */
  async function restore(
    from: string,
    check: (path: string, driver: ReturnType<typeof openSqlite>) => Promise<void> = async () => {},
    seal = sealFile(),
  ): Promise<number> {
    const path = join(folder, `restored-${++attempts}.db`);
    const driver = openSqlite(path);
    try {
      const count = await restoreServer(driver, openKeyFile(seal, parts.random), from, {
        now: 5,
        random: parts.random,
      });
      await check(path, driver);
      return count;
    } catch (error) {
      assert.equal(await currentVersion(driver, openSession('sqlite', driver.write)), 0, 'something was left');
      throw error;
    } finally {
      await driver.close();
    }
  }

  const lines = () => gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
  /** A restore of the backup with other lines. */
  function restoreLines(changed: readonly string[]): Promise<number> {
    const path = join(folder, 'changed.backup');
    writeFileSync(path, gzipSync(`${changed.join('\n')}\n`));
    return restore(path);
  }

  it('holds every table but those that mean nothing elsewhere', async () => {
    const store = await openStore(openSqlite(join(folder, 'tables.db')), { now: 5 });
    const sql = "select name from sqlite_master where type = 'table' and name not like 'sqlite%'";
    const found = await store.reader.run<{ name: string }>(sql, []);
    await store.close();
    const listed = [...backupTables.map(({ table }) => table), ...leftOut];
    assert.deepEqual(found.rows.map(({ name }) => name).sort(), listed.sort());
  });

  it('brings back every row, the keys, and the audit chain', async () => {
    const count = await restore(file, async (_path, driver) => {
      const store = await storeOver(driver);
      const keyring = await Keyring.open(store, openKeyFile(sealFile(), parts.random), parts.random, 5);
      assert.equal(await currentVersion(driver, store.reader), schemaVersion);
      assert.deepEqual((await verifyAudit(store.reader, keyring)).records, 5);
      const call = sampleCall({ vault, parameters: { name: 'one' } });
      const { body } = await service.getSecret({ ...parts, store, keyring, pager: new Pager(keyring) }, call);
      assert.deepEqual([(body as { value: string }).value, (body as { tags: unknown }).tags], ['the value', tags]);
      for (const { table } of backupTables) {
        const [mine, theirs] = await Promise.all(
          [store, parts.store].map((of) => of.reader.run<object>(`select * from ${table} order by 1, 2`, [])),
        );
        assert.deepEqual(plain(theirs!.rows), plain(mine!.rows), table);
      }
    });
    assert.equal(count, rows);
    assert.equal(lines().length, rows + 2);
  });

  it('is private, whole, and never written over another file', async () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await assert.rejects(backupServer(parts.store.driver, parts.keyring, file, ''), /exists already/);
    await assert.rejects(
      backupServer(parts.store.driver, parts.keyring, join(folder, 'no', 'where'), ''),
      (error: Error) => {
        return error instanceof BackupFault && /cannot be written: ENOENT/.test(error.message);
      },
    );
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.partial')),
      [],
    );
    const text = lines().join('\n');
    assert.ok(!text.includes('the value'));
  });

  it('is refused with a byte changed anywhere', async () => {
    const bytes = readFileSync(file);
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 40)) {
      // Time, operating system and flags of the archive's header mean nothing for its content.
      if (at >= 3 && at < 10) continue;
      const changed = Buffer.from(bytes);
      changed[at]! ^= 0x10;
      const path = join(folder, 'changed.backup');
      writeFileSync(path, changed);
      await assert.rejects(
        restore(path),
        (error: { code?: string }) => /^(backup-unusable|seal-wrong)$/.test(error.code ?? ''),
        `byte ${at} of ${bytes.length}`,
      );
    }
  });

  it('is refused where it was cut', async () => {
    const bytes = readFileSync(file);
    for (const length of [0, 1, 9, 10, 100, Math.floor(bytes.length / 2), bytes.length - 8, bytes.length - 1]) {
      const path = join(folder, 'changed.backup');
      writeFileSync(path, bytes.subarray(0, length));
      await assert.rejects(restore(path), BackupFault, `cut at ${length}`);
    }
    await assert.rejects(restoreLines(lines().slice(0, -1)), /cut off/);
  });

  it('is refused with a row missing, twice, changed, added or moved, also where its archive is sound', async () => {
    const all = lines();
    assert.equal(await restoreLines(all), rows);
    const refused = (changed: readonly string[], what: string) =>
      assert.rejects(
        restoreLines(changed),
        (error: { code?: string }) => /^(backup-unusable|seal-wrong)$/.test(error.code ?? ''),
        what,
      );
    for (let index = 1; index < all.length - 1; index++) {
      await refused(all.toSpliced(index, 1), `without line ${index}`);
      await refused(all.toSpliced(index, 0, all[index]!), `line ${index} twice`);
    }
    const swapped = all.with(1, all[2]!).with(2, all[1]!);
    await refused(swapped, 'two lines swapped');
    const at = all.findIndex((line) => line.includes('"secret_versions"'));
    await refused(all.with(at, all[at]!.replace('"enabled":1', '"enabled":0')), 'a flag changed');
    for (const line of [
      '',
      '{',
      'null',
      '5',
      '{}',
      '{"table":"sqlite_master","row":{}}',
      '{"table":"meta","row":{"x; drop table meta":1}}',
      '{"table":"meta","row":{"nothing":1}}',
      '{"table":"meta","row":{"name":{"$bytes":5},"value":"x"}}',
      '{"table":"leases","row":{}}',
    ]) {
      await refused(all.toSpliced(5, 0, line), line);
    }
    await refused([...all, all[3]!], 'a row behind the end');
    await refused(all.with(0, all[0]!.replace('2026-01-01', '2026-01-02')), 'another date');
  });

  it('is refused with the header of something else, or of a later release', async () => {
    const [header, ...rest] = lines() as [string, ...string[]];
    const changed = (members: object) => restoreLines([JSON.stringify({ ...JSON.parse(header), ...members }), ...rest]);
    await assert.rejects(changed({ schema: schemaVersion + 1 }), /taken by a later release/);
    for (const members of [
      { kind: 'x' },
      { format: 2 },
      { schema: 0 },
      { schema: -1 },
      { schema: '1' },
      { schema: 1.5 },
    ]) {
      await assert.rejects(changed(members), /is not a backup of Strongroom/, JSON.stringify(members));
    }
  });

  it('is restored where it was taken before tables that there are now', async () => {
    const [first, ...others] = lines().slice(0, -1);
    // The step that made the tables of moves is the twelfth; the one after it gave secrets a column.
    const old = others.map((line) =>
      line.startsWith('{"table":"secrets"') ? line.replace(/,"managed":\d/, '') : line,
    );
    const before = [JSON.stringify({ ...JSON.parse(first!), schema: 11 }), ...old];
    const digest = createHash('sha256');
    for (const line of before) digest.update(`${line}\n`);
    const mac = parts.keyring.mac('server-backup', digest.digest('hex'));
    assert.equal(await restoreLines([...before, JSON.stringify({ end: true, rows, mac })]), rows);
  });

  it('opens with its own seal alone', async () => {
    const other = join(folder, 'other.key');
    createKeyFile(other, parts.random);
    await assert.rejects(restore(file, undefined, other), { code: 'seal-wrong' });
  });

  it('goes into an empty database only, and into one where an attempt failed before', async () => {
    await restore(file, async (_path, driver) => {
      await assert.rejects(
        restoreServer(driver, openKeyFile(sealFile(), parts.random), file, { now: 5, random: parts.random }),
        /holds data already/,
      );
    });
    const driver = openSqlite(join(folder, 'twice.db'));
    const options = { now: 5, random: parts.random };
    const cut = join(folder, 'cut.backup');
    writeFileSync(cut, gzipSync(lines().slice(0, -1).join('\n')));
    await assert.rejects(restoreServer(driver, openKeyFile(sealFile(), parts.random), cut, options), BackupFault);
    assert.equal(await restoreServer(driver, openKeyFile(sealFile(), parts.random), file, options), rows);
    await driver.close();
  });
});

describe('a row of a backup', () => {
  it('comes back as it was, on one line', () => {
    const row = {
      text: 'a\u2028"\n',
      number: 5,
      nothing: null,
      bytes: new Uint8Array([0, 255]),
      json: '{"$bytes":"AA=="}',
    };
    const line = rowLine('t', row);
    assert.doesNotMatch(line, /[\n\r\u0085\u2028\u2029]/);
    const back = rowValues(JSON.parse(line).row);
    assert.deepEqual({ ...back, bytes: new Uint8Array(back['bytes'] as Buffer) }, row);
  });
});
