import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLocalhostName, loopbackAddresses } from './localhost-name.ts';

describe('localhost names', () => {
  it('are localhost and everything below it, in any case, with or without a trailing dot', () => {
    for (const name of [
      'localhost',
      'LocalHost',
      'localhost.',
      'x.localhost',
      'a-b.vault.LOCALHOST.',
      '_x.localhost',
    ]) {
      assert.ok(isLocalhostName(name), name);
    }
  });

  it('are no other names, however similar', () => {
    for (const name of [
      '',
      '.',
      'notlocalhost',
      'localhost.example',
      'localhost.localdomain',
      '.localhost',
      'a..localhost',
      'localhost..',
      'x.localhost\n',
      'a b.localhost',
      `${'a'.repeat(64)}.localhost`,
      `${'a.'.repeat(130)}localhost`,
    ]) {
      assert.ok(!isLocalhostName(name), JSON.stringify(name));
    }
  });

  it('are IPv4 loopback first unless IPv6 is asked for first', () => {
    const text = (family: 0 | 4 | 6, order: 'verbatim' | 'ipv4first' | 'ipv6first') =>
      loopbackAddresses(family, order)
        .map((found) => `${found.address}/${found.family}`)
        .join(' ');
    assert.equal(text(0, 'verbatim'), '127.0.0.1/4 ::1/6');
    assert.equal(text(0, 'ipv4first'), '127.0.0.1/4 ::1/6');
    assert.equal(text(0, 'ipv6first'), '::1/6 127.0.0.1/4');
    assert.equal(text(4, 'ipv6first'), '127.0.0.1/4');
    assert.equal(text(6, 'ipv4first'), '::1/6');
  });

  it('are handed out as fresh objects, so that no caller changes another one’s answer', () => {
    const first = loopbackAddresses(0, 'verbatim');
    Object.assign(first[0]!, { address: '192.0.2.1' });
    assert.equal(loopbackAddresses(0, 'verbatim')[0]?.address, '127.0.0.1');
  });
});
