import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readTokenSettings } from './settings.ts';
import type { TokenSettings } from './token.ts';

const base = { module: '/usr/lib/p11.so', token: 'vault', pinEnv: 'TOKEN_PIN' };

describe('the settings of a key token', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-pin-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const read = (value: unknown, environment = {}): TokenSettings => {
    const result = readTokenSettings(value, environment);
    assert.ok('settings' in result, JSON.stringify(result));
    return result.settings;
  };
  const faultOf = (more: object) => {
    const result = readTokenSettings({ ...base, ...more }, {});
    return 'fault' in result ? result.fault : null;
  };

  it('name a token by label, serial or slot, and have defaults', () => {
    const { selector, sessions, timeoutSeconds } = read(base);
    assert.deepEqual([selector, sessions, timeoutSeconds], [{ label: 'vault' }, 4, 60]);
    assert.deepEqual(read({ ...base, token: undefined, serial: '01ab' }).selector, { serial: '01ab' });
    assert.deepEqual(read({ ...base, token: undefined, slot: 0 }).selector, { slot: 0 });
  });

  it('are refused where they are not whole, or have something that does not exist', () => {
    for (const [more, fault] of [
      [{ module: 'p11.so' }, /module/],
      [{ module: undefined }, /module/],
      [{ token: undefined }, /token .*, serial and slot/],
      [{ serial: '1' }, /serial and slot/],
      [{ token: undefined, slot: -1 }, /slot/],
      [{ token: '' }, /1 to 64/],
      [{ token: 5 }, /1 to 64/],
      [{ pinFile: '/run/pin' }, /either pinFile or pinEnv/],
      [{ pinEnv: undefined }, /either pinFile or pinEnv/],
      [{ pinEnv: 5 }, /pinEnv must be a text/],
      [{ sessions: 0 }, /sessions/],
      [{ sessions: 65 }, /sessions/],
      [{ timeoutSeconds: 0.5 }, /timeoutSeconds/],
      [{ bindingDirectory: '' }, /bindingDirectory/],
      [{ backupKey: 5 }, /backupKey/],
      [{ pin: '1234' }, /no member pin/],
    ] as const) {
      assert.match(faultOf(more) ?? 'none', fault, JSON.stringify(more));
    }
    for (const value of ['x', 5, [], null]) assert.ok('fault' in readTokenSettings(value, {}));
  });

  it('keep the variable with the PIN from the module, and read it at each connection', () => {
    const environment = { TOKEN_PIN: '1234', SOFTHSM2_CONF: '/x' };
    const settings = read(base, environment);
    assert.deepEqual(settings.environment, { SOFTHSM2_CONF: '/x' });
    assert.equal(settings.readPin(), '1234');
    assert.throws(() => read(base, {}).readPin(), /variable TOKEN_PIN must hold the PIN/);
  });

  it('take a PIN from a file that its owner alone can read', () => {
    const pinFile = join(folder, 'pin');
    const settings = read({ ...base, pinEnv: undefined, pinFile });
    assert.throws(() => settings.readPin(), /PIN file .* cannot be used: ENOENT/);
    writeFileSync(pinFile, 'geheim 1\n', { mode: 0o600 });
    assert.equal(settings.readPin(), 'geheim 1');
    chmodSync(pinFile, 0o640);
    assert.throws(() => settings.readPin(), /chmod 600/);
    chmodSync(pinFile, 0o600);
    writeFileSync(pinFile, '\n');
    assert.throws(() => settings.readPin(), /must hold the PIN/);
  });
});
