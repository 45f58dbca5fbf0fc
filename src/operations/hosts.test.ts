import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostReader } from './hosts.ts';

describe('reading a Host header', () => {
  const read = hostReader('vault.test');

  it('knows the planes by their labels, in any case', () => {
    for (const [label, plane] of [
      ['management', 'management'],
      ['login', 'login'],
      ['graph', 'graph'],
      ['api.loganalytics', 'logs'],
    ] as const) {
      assert.equal(read(`${label}.vault.test:8443`).plane, plane);
      assert.equal(read(`${label}.Vault.TEST`.toUpperCase()).plane, plane);
    }
  });

  it('takes a vault from its own label alone', () => {
    const found = read('My-Vault.vault.vault.test:8443');
    assert.deepEqual(found, {
      plane: 'data',
      origin: 'https://my-vault.vault.vault.test:8443',
      host: 'my-vault.vault.vault.test',
      port: ':8443',
      vaultKey: 'my-vault',
    });
    for (const host of ['a.b.vault.vault.test', 'vault.vault.test', '.vault.vault.test', 'my_vault.vault.vault.test']) {
      assert.equal(read(host).plane, 'unknown', host);
    }
  });

  it('keeps the port as written, and forgives one dot behind the name', () => {
    assert.equal(read('login.vault.test').origin, 'https://login.vault.test');
    assert.equal(read('login.vault.test:443').origin, 'https://login.vault.test:443');
    assert.deepEqual(
      [read('login.vault.test.:9').origin, read('login.vault.test.').plane],
      ['https://login.vault.test:9', 'login'],
    );
  });

  it('knows no other domain, and none that only ends like ours', () => {
    for (const host of [
      'login.localhost',
      'login.vault.test.example.com',
      'loginvault.test',
      'vault.test',
      'login.xvault.test',
      '',
    ]) {
      assert.equal(read(host).plane, 'unknown', host);
    }
  });

  it('takes nothing that is no host name', () => {
    for (const host of [
      'login.vault.test:',
      'login.vault.test:123456',
      'login.vault.test:x',
      'user@login.vault.test',
      'login.vault.test/',
      'login.vault.test, login.vault.test',
      'login.vault.test\u0000',
      'log\u0131n.vault.test',
      'lo\u{ff47}in.vault.test',
      '__proto__.vault.test',
      'constructor.vault.test',
      `${'a'.repeat(250)}.vault.test`,
    ]) {
      assert.equal(read(host).plane, 'unknown', host);
    }
  });

  it('does not keep more names than it should', () => {
    for (let index = 0; index < 25_000; index++) assert.equal(read(`v${index}.vault.vault.test`).vaultKey, `v${index}`);
    assert.equal(read('v1.vault.vault.test').vaultKey, 'v1');
  });
});
