import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextAttempt, outcomeOf, plainText } from './mail-rules.ts';
import { isMailAddress, readMail } from './mail-setting.ts';

const MINUTE = 60_000;

describe('attempts at sending', () => {
  it('come after pauses that double up to four hours, and end after five days', () => {
    const pauses: number[] = [];
    let now = 0;
    for (let attempts = 1; ; attempts++) {
      const next = nextAttempt(0, attempts, now);
      if (next === null) break;
      pauses.push((next - now) / MINUTE);
      now = next;
    }
    assert.deepEqual(pauses.slice(0, 10), [1, 2, 4, 8, 16, 32, 64, 128, 240, 240]);
    assert.ok(now > 4.7 * 24 * 60 * MINUTE && now <= 5 * 24 * 60 * MINUTE);
  });

  it('are not repeated where the server refuses the message for good, and are where it refuses the password', () => {
    const kind = (error: { responseCode?: number; code?: string }) => outcomeOf({ message: 'no', ...error }).kind;
    assert.equal(kind({ responseCode: 550 }), 'refused');
    assert.equal(kind({ responseCode: 451 }), 'later');
    assert.equal(kind({ code: 'ECONNREFUSED' }), 'later');
    assert.equal(kind({ responseCode: 535, code: 'EAUTH' }), 'later');
  });

  it('put no second header into a line', () => {
    assert.equal(plainText('Renewal failed\r\nBcc: x@example.com\u2028y', 200), 'Renewal failed Bcc: x@example.com y');
    assert.equal(plainText('x'.repeat(300), 200).length, 200);
  });
});

describe('the setting mail', () => {
  const good = { host: 'smtp.example.com', from: 'vault@example.com' };
  const faultOf = (value: unknown) => {
    const result = readMail(value);
    return 'fault' in result ? result.fault : '';
  };

  it('asks for TLS unless the server is on this machine', () => {
    const result = readMail(good);
    assert.ok('mail' in result);
    assert.deepEqual([result.mail.security, result.mail.port], ['starttls', 587]);
    assert.match(faultOf({ ...good, security: 'none' }), /on this machine alone/);
    assert.equal(faultOf({ ...good, host: 'localhost', security: 'none' }), '');
    const login = { user: 'vault', passwordFile: '/etc/password' };
    assert.match(faultOf({ ...good, host: 'localhost', security: 'none', ...login }), /over TLS alone/);
  });

  it('refuses what it does not know, and half of a login', () => {
    assert.match(faultOf({ ...good, password: 'secret' }), /does not exist: password/);
    assert.match(faultOf({ ...good, user: 'vault' }), /set together/);
    assert.match(faultOf({ ...good, from: 'Vault <vault@example.com>' }), /from of it/);
    assert.match(faultOf({ ...good, host: 'smtp.example.com\r\n' }), /host of it/);
    assert.match(faultOf({ ...good, security: 'ssl' }), /security of it/);
    assert.match(faultOf({ ...good, caFile: '/nonexistent' }), /ENOENT/);
    assert.match(faultOf([]), /must be an object/);
  });

  it('knows an address from what would be two', () => {
    for (const address of ['a@example.com', 'first.last+tag@mail.example']) assert.ok(isMailAddress(address));
    const others = [
      'a',
      'a@',
      '@b',
      'a@b@c',
      'a b@c',
      'a@b\r\nRCPT TO:<x@y>',
      'a@b,c@d',
      '<a@b>',
      `${'a'.repeat(65)}@b`,
    ];
    for (const text of others) assert.ok(!isMailAddress(text), text);
  });
});
