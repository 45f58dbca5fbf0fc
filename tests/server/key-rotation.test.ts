import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer } from '../support/server.ts';

const V = 'api-version=7.6';

test('rotation policies are followed for two years, and a disabled key is left alone', async () => {
  const server = await startServer({ args: ['--dev'] });
  try {
    const ask = async (method: string, path: string, body?: unknown) => {
      const token = await getToken(server, resources.data);
      const reply = await call(server, { method, host: 'main-vault.vault', path: `${path}?${V}`, token, body });
      assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`);
      return reply.body;
    };
    const versions = async (name: string) =>
      (await ask('GET', `/keys/${name}/versions`)).value as { attributes: { created: number; exp?: number } }[];
    const advance = async (days: number) => {
      const moved = await strongroom(['clock', '--advance', `${days}d`, '--data-dir', server.dataDir]);
      assert.equal(moved.code, 0, moved.stderr);
    };
    const yearly = {
      lifetimeActions: [{ trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Rotate' } }],
      attributes: { expiryTime: 'P1Y' },
    };
    const everyNinetyDays = { lifetimeActions: [{ trigger: { timeAfterCreate: 'P90D' }, action: { type: 'Rotate' } }] };
    for (const [name, policy] of [
      ['yearly', yearly],
      ['often', everyNinetyDays],
      ['asleep', everyNinetyDays],
      ['gone', everyNinetyDays],
    ] as const) {
      await ask('POST', `/keys/${name}/create`, { kty: 'EC' });
      await ask('PUT', `/keys/${name}/rotationpolicy`, policy);
    }
    await ask('POST', '/keys/yearly/rotate');
    await ask('PATCH', '/keys/asleep', { attributes: { enabled: false } });
    await ask('DELETE', '/keys/gone');
    await advance(89);
    assert.equal((await versions('often')).length, 1);
    await advance(2);
    assert.equal((await versions('often')).length, 2);
    for (let day = 91; day < 700; day += 14) await advance(14);
    const often = (await versions('often')).map(({ attributes }) => attributes.created).toSorted((a, b) => a - b);
    assert.ok(often.length >= 7 && often.length <= 8, `${often.length}`);
    for (const [index, created] of often.slice(1).entries()) {
      const days = (created - often[index]!) / 86_400;
      assert.ok(days >= 89.9 && days <= 105, `${days} days between versions`);
    }
    const now = Math.max(...often);
    const current = await ask('GET', '/keys/yearly');
    assert.ok(current.attributes.exp > now, 'the current version has not expired');
    assert.equal((await versions('yearly')).length, 4);
    assert.equal((await versions('asleep')).length, 1);
    const audit = await strongroom(['audit', 'verify', '--data-dir', server.dataDir]);
    assert.equal(audit.code, 0, audit.stderr);
  } finally {
    await server.stop();
  }
});
