import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CommandError } from './command.ts';
import { runHosts, type SystemLookup } from './hosts.ts';

const unknown: SystemLookup = async () => {
  throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
};
const isRoot = process.getuid?.() === 0;

describe('strongroom hosts', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
    file = join(folder, 'hosts');
    writeFileSync(file, '127.0.0.1 localhost\n');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function run(
    values: Record<string, string | boolean | string[]>,
    lookup: SystemLookup = unknown,
  ): Promise<string[]> {
    const lines: string[] = [];
    const io = { stdout: (line: string) => lines.push(line), stderr() {}, env: {} };
    const code = await runHosts({ values: { 'data-dir': folder, file, ...values }, positionals: [] }, io, lookup);
    assert.equal(code, 0);
    return lines;
  }

  const runtime = (more: object): void =>
    writeFileSync(
      join(folder, 'runtime.json'),
      JSON.stringify({
        pid: 1,
        version: '1',
        port: 8443,
        domain: 'localhost',
        startedAt: 'now',
        vaults: ['main-vault'],
        tenantId: 't',
        subscriptionId: 's',
        ...more,
      }),
    );

  it('shows both loopback addresses of every host, and of the vaults of the running server and the command line', async () => {
    runtime({});
    const lines = await run({ vault: ['Second', 'main-vault'] });
    const hosts = [
      'management.localhost',
      'login.localhost',
      'graph.localhost',
      'api.loganalytics.localhost',
      'portal.localhost',
      'main-vault.vault.localhost',
      'second.vault.localhost',
    ];
    assert.deepEqual(
      lines.filter((line) => /^(127\.0\.0\.1|::1) /.test(line)),
      hosts.flatMap((host) => [`127.0.0.1 ${host}`, `::1 ${host}`]),
    );
    assert.equal(readFileSync(file, 'utf8'), '127.0.0.1 localhost\n');
  });

  it('says first whether the system resolves the names, asking for one that no hosts file can hold', async () => {
    const asked: string[] = [];
    const all = await run({}, async (host) => {
      asked.push(host);
      return [{ address: '::1' }, { address: '127.0.0.1' }];
    });
    assert.equal(all[0], 'login.localhost: ::1, 127.0.0.1');
    assert.match(asked[1]!, /^x-[0-9a-f]{8}\.vault\.localhost$/);
    assert.match(all[2]!, /nothing needs to be done/);

    const none = (await run({})).join('\n');
    assert.match(none, /^login\.localhost: does not resolve \(ENOTFOUND\)\n/);
    assert.match(none, /libnss-myhostname/);
    assert.match(none, /--import strongroom\/resolve-localhost/);

    const some = await run({}, (host) =>
      host.startsWith('x-') ? unknown(host) : Promise.resolve([{ address: '::1' }]),
    );
    assert.match(some[2]!, /but no vault without one/);
  });

  it('speaks of a name server, not of localhost, for another domain', async () => {
    const text = (await run({ domain: 'Corp.Example' })).join('\n');
    assert.match(text, /wildcard for \*\.corp\.example/);
    assert.match(text, /^::1 corp\.example$/m);
    assert.doesNotMatch(text, /myhostname|localhost/);
  });

  it('installs the lines once, replaces them when the vaults change, and removes them without a trace', async () => {
    const before = Buffer.from('127.0.0.1 localhost\n# caf\xe9 \xff without end', 'latin1');
    writeFileSync(file, before);
    assert.match((await run({ install: true, vault: ['first'] }))[0]!, /now holds/);
    const installed = readFileSync(file);
    assert.match(installed.toString('latin1'), /\n127\.0\.0\.1 first\.vault\.localhost\n/);
    assert.match((await run({ install: true, vault: ['first'] }))[0]!, /already held/);
    assert.deepEqual(readFileSync(file), installed);
    await run({ install: true, vault: ['other'] });
    assert.doesNotMatch(readFileSync(file, 'latin1'), /first/);
    assert.match((await run({ remove: true }))[0]!, /taken out/);
    assert.deepEqual(readFileSync(file), before);
    assert.match((await run({ remove: true }))[0]!, /holds no lines/);
    assert.deepEqual(readdirSync(folder), ['hosts']);
  });

  it('keeps the mode and owner of the file, and a symbolic link to it', async () => {
    chmodSync(file, 0o640);
    if (isRoot) chownSync(file, 12, 34);
    const before = statSync(file);
    const link = join(folder, 'link');
    symlinkSync(file, link);
    await run({ install: true, file: link });
    const after = statSync(file);
    assert.deepEqual([after.mode, after.uid, after.gid], [before.mode, before.uid, before.gid]);
    assert.notEqual(after.ino, before.ino, 'replaced as a whole, not rewritten in place');
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.match(readFileSync(file, 'utf8'), /login\.localhost/);
  });

  it('says which command would have the right to write, and leaves the file alone', async () => {
    const content = '# BEGIN strongroom\n# END strongroom\n';
    writeFileSync(file, content);
    chmodSync(folder, 0o555);
    if (isRoot) process.seteuid?.(65_534);
    let attempt: Promise<string[]>;
    try {
      // The command touches files before its first await: nothing else runs under this user.
      attempt = run({ remove: true });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof CommandError);
      assert.match(error.message, /left as it is/);
      assert.match(error.message, /Run: sudo strongroom hosts .*--remove/);
      return true;
    });
    chmodSync(folder, 0o755);
    assert.equal(readFileSync(file, 'utf8'), content);
    assert.deepEqual(readdirSync(folder), ['hosts']);
  });

  it('refuses names that would become something else in a hosts file', async () => {
    for (const values of [
      { vault: ['a b'] },
      { vault: ['evil\n1.2.3.4 bank.example'] },
      { vault: ['a--b'] },
      { vault: ['ab'] },
      { vault: ['x'.repeat(25)] },
      { domain: 'local host' },
      { domain: 'a\nb' },
      { domain: '' },
    ]) {
      await assert.rejects(run({ install: true, ...values }), CommandError, JSON.stringify(values));
    }
    assert.equal(readFileSync(file, 'utf8'), '127.0.0.1 localhost\n');
  });

  it('refuses half a block, a file that is not there, and two opposite wishes', async () => {
    await assert.rejects(run({ install: true, remove: true }), CommandError);
    await assert.rejects(run({ install: true, file: join(folder, 'none') }), /There is no .*none/);
    writeFileSync(file, '# BEGIN strongroom\n');
    await assert.rejects(run({ install: true }), /left as it is.*stands alone/);
    assert.equal(readFileSync(file, 'utf8'), '# BEGIN strongroom\n');
  });
});
