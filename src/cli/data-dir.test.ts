import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CommandError, type CommandIo, eitherFlag, textOptions } from './command.ts';
import {
  dataDirOf,
  hostUrl,
  readAdministrator,
  readAuthority,
  readRuntime,
  requireRuntime,
  suggestAsRoot,
  suggestCommand,
} from './data-dir.ts';

const runtime = {
  pid: 4711,
  version: '1.2.3',
  port: 8443,
  imdsPort: 8444,
  domain: 'localhost',
  startedAt: '2026-01-01T00:00:00.000Z',
  vaults: ['main-vault'],
  tenantId: 'tenant',
  subscriptionId: 'subscription',
  clientId: 'client',
  machineResourceId: null,
};
const CANARY = 'canary-7f3a';
const administrator = { tenantId: 'tenant', clientId: 'client', clientSecret: CANARY };
const io = (env: Record<string, string>): CommandIo => ({ stdout() {}, stderr() {}, env });
const args = (values: Record<string, string | boolean | string[]>) => ({ values, positionals: [] });

describe('the data directory', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const write = (name: string, value: unknown): void =>
    writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));

  it('is the option, else the variable, else .strongroom here', () => {
    assert.equal(dataDirOf(args({ 'data-dir': '/a' }), io({ STRONGROOM_DATA_DIR: '/b' })), '/a');
    assert.equal(dataDirOf(args({}), io({ STRONGROOM_DATA_DIR: '/b' })), '/b');
    assert.equal(dataDirOf(args({}), io({ STRONGROOM_DATA_DIR: '' })), resolve('.strongroom'));
  });

  it('is named in the commands that are suggested', () => {
    assert.equal(suggestCommand(args({}), 'start'), 'strongroom start');
    assert.equal(suggestCommand(args({ 'data-dir': '/a b' }), 'start'), "strongroom start --data-dir '/a b'");
    assert.equal(
      suggestAsRoot(args({ install: true, vault: ['a', "b'c"] }), io({ STRONGROOM_DATA_DIR: '/d' }), 'hosts'),
      "sudo strongroom hosts --install --vault a --vault 'b'\\''c' --data-dir /d",
    );
  });

  it('tells of no server, administrator or authority where the files are not there', () => {
    const none = join(folder, 'none');
    assert.equal(readRuntime(none), null);
    assert.equal(readAdministrator(none), null);
    assert.equal(readAuthority(none), null);
    const isRefusal = (error: unknown): boolean =>
      error instanceof CommandError && error.exitCode === 3 && /strongroom start --data-dir/.test(error.message);
    assert.throws(() => requireRuntime(none, args({ 'data-dir': none })), isRefusal);
  });

  it('holds what the running server says of itself', () => {
    write('runtime.json', { ...runtime, later: 'ignored' });
    assert.deepEqual(readRuntime(folder), runtime);
    write('runtime.json', { ...runtime, imdsPort: null, clientId: undefined });
    assert.deepEqual(readRuntime(folder), { ...runtime, imdsPort: null, clientId: null });
  });

  it('is refused with file and field where a file is damaged', () => {
    for (const wrong of [
      { port: '8443' },
      { port: 0 },
      { port: 65_536 },
      { vaults: [1] },
      { domain: '' },
      { pid: 1.5 },
    ]) {
      write('runtime.json', { ...runtime, ...wrong });
      const field = Object.keys(wrong)[0]!;
      assert.throws(() => readRuntime(folder), new RegExp(`runtime\\.json is damaged: "${field}"`));
    }
    for (const text of ['', '{', '[]', 'null', '"text"']) {
      write('runtime.json', text);
      assert.throws(() => readRuntime(folder), CommandError, text);
    }
  });

  it('never shows the administrator’s secret in an error', () => {
    write('administrator.json', administrator);
    assert.deepEqual(readAdministrator(folder), administrator);
    for (const damaged of [`"${CANARY}`, `{"clientSecret":"${CANARY}",}`, { clientSecret: CANARY }, [CANARY]]) {
      write('administrator.json', damaged);
      const isClean = (error: unknown): boolean =>
        error instanceof CommandError && !`${error.stack}${String(error.cause)}`.includes(CANARY);
      assert.throws(() => readAdministrator(folder), isClean);
    }
  });

  it('leads to addresses that leave out the usual port', () => {
    assert.equal(hostUrl('login', { domain: 'localhost', port: 8443 }), 'https://login.localhost:8443');
    assert.equal(hostUrl('x.vault', { domain: 'corp.example', port: 443 }), 'https://x.vault.corp.example');
  });
});

describe('command options', () => {
  it('that contradict each other are refused as wrong use', () => {
    const isUsage = (error: unknown): boolean => error instanceof CommandError && error.exitCode === 2;
    assert.throws(() => eitherFlag(args({ install: true, remove: true }), 'install', 'remove'), isUsage);
    assert.equal(eitherFlag(args({ remove: true }), 'install', 'remove'), 'remove');
    assert.equal(eitherFlag(args({}), 'install', 'remove'), null);
  });

  it('given several times keep their order', () => {
    assert.deepEqual(textOptions(args({ vault: ['b', 'a'] }), 'vault'), ['b', 'a']);
    assert.deepEqual(textOptions(args({}), 'vault'), []);
  });
});
