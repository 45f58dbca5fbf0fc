import assert from 'node:assert/strict';
import { createPublicKey, hash, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { assignRole, groupScope, manage, objectIdOf, putVault } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

const V = '2025-07-01';
const DEADLINE_MS = 30_000;
const message = Buffer.from('under load');
const digest = hash('sha256', message, 'buffer').toString('base64url');

let token: SoftToken;
let server: TestServer;
let bearer: string;
let manager: string;
const publicKeys = new Map<string, KeyObject>();

before(async () => {
  token = makeSoftToken();
  server = await startServer({
    args: ['--config', token.config({ pkcs11: { ...token.settings, timeoutSeconds: 3 } }), '--dev'],
    env: token.env,
  });
  manager = await getToken(server, resources.management);
  bearer = await getToken(server, resources.data);
  await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(bearer), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
  for (const name of ['one', 'two', 'three']) {
    const made = await ask('POST', `/keys/${name}/create`, { body: { kty: 'EC-HSM' } });
    assert.equal(made.status, 200, made.text);
    const { kty: _, ...members } = made.body.key;
    publicKeys.set(name, createPublicKey({ key: { ...members, kty: 'EC' } as JsonWebKey, format: 'jwk' }));
  }
  const secret = await ask('PUT', '/secrets/beside', { body: { value: 'undisturbed' } });
  assert.equal(secret.status, 200, secret.text);
});

after(async () => {
  await server?.stop();
  token?.remove();
});

function ask(method: string, path: string, options: Partial<Ask> = {}, of = server): Promise<Reply> {
  return call(of, { ...options, method, host: 'premium-vault.vault', token: bearer, path: `${path}?api-version=${V}` });
}

const sign = (name: string) => ask('POST', `/keys/${name}/sign`, { body: { alg: 'ES256', value: digest } });

function isRight(name: string, reply: Reply): boolean {
  const key = { key: publicKeys.get(name)!, dsaEncoding: 'ieee-p1363' as const };
  return verify('sha256', message, key, Buffer.from(reply.body.value, 'base64url'));
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await what())) {
    assert.ok(Date.now() < deadline, 'it took too long');
    await turn();
  }
}

/** Signs and reads secrets without pause until told to stop; every answer is looked at. */
function startLoad() {
  const counts = { signed: 0, refused: 0, read: 0 };
  let isOver = false;
  const signer = async (name: string) => {
    while (!isOver) {
      const reply = await sign(name);
      if (reply.status === 200) {
        assert.ok(isRight(name, reply), 'a wrong signature');
        counts.signed++;
        continue;
      }
      assert.deepEqual([reply.status, reply.body.error.code], [503, 'ServiceUnavailable'], reply.text);
      assert.ok(reply.headers['retry-after']);
      counts.refused++;
    }
  };
  const reader = async () => {
    while (!isOver) {
      const reply = await ask('GET', '/secrets/beside');
      assert.deepEqual([reply.status, reply.body.value], [200, 'undisturbed'], reply.text);
      counts.read++;
    }
  };
  const work = Promise.all([...publicKeys.keys()].flatMap((name) => [signer(name), signer(name)]).concat(reader()));
  return {
    counts,
    stop: () => {
      isOver = true;
      return work;
    },
  };
}

/** The process that talks to the token. */
function tokenProcess(): number {
  const found = readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const isChild = new RegExp(`^PPid:\\s+${server.process.pid}$`, 'm').test(
        readFileSync(`/proc/${pid}/status`, 'utf8'),
      );
      return isChild && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('token-process');
    } catch {
      return false;
    }
  });
  assert.ok(found, 'there is no process that talks to the token');
  return Number(found);
}

const state = async () =>
  (await manage(server, manager, { method: 'GET', path: '/metadata/health' })).body.keyToken as {
    state: string;
    reason?: string;
  };

describe('a token that is taken away under load', () => {
  it('is a 503 for its keys alone, and signs again when it is back: no wrong and no lost answer', async () => {
    const load = startLoad();
    await until(async () => load.counts.signed > 50);
    token.takeAway();
    await until(async () => load.counts.refused > 20);
    await until(async () => (await state()).state === 'absent');
    const readBefore = load.counts.read;
    await until(async () => load.counts.read > readBefore + 50);
    const refused = await ask('POST', '/keys/new/create', { body: { kty: 'RSA-HSM' } });
    assert.equal(refused.status, 503, refused.text);
    // Public halves are used here: they need no token.
    const verified = await ask('POST', '/keys/one/verify', { body: { alg: 'ES256', digest, value: digest } });
    assert.deepEqual(verified.body.value, false);
    const status = await strongroom(['status', '--data-dir', server.dataDir]);
    assert.equal(status.code, 0);
    assert.match(status.stdout, /key token +absent, strongroom-test, SoftHSM v2, The module .* does not begin/);
    token.putBack();
    const signedBefore = load.counts.signed;
    await until(async () => load.counts.signed > signedBefore + 50);
    await load.stop();
    assert.equal((await state()).state, 'connected');
    const { stderr } = server.output();
    assert.match(stderr, /key token cannot be used/);
    assert.match(stderr, /key token is there again/);
  });

  it('is looked at by the clock, and its state told before anybody needs a key', async () => {
    assert.equal((await sign('one')).status, 200);
    const look = () => strongroom(['clock', '--advance', '1m', '--data-dir', server.dataDir]);
    token.takeAway();
    assert.equal((await state()).state, 'connected');
    await look();
    assert.equal((await state()).state, 'absent');
    token.putBack();
    await until(async () => {
      await look();
      return (await state()).state === 'connected';
    });
  });

  it('that crashes in its process is reached by another, and what was under way is asked again', async () => {
    const load = startLoad();
    for (let round = 0; round < 3; round++) {
      const before = load.counts.signed;
      await until(async () => load.counts.signed > before + 30);
      process.kill(tokenProcess(), 'SIGKILL');
    }
    const before = load.counts.signed;
    await until(async () => load.counts.signed > before + 30);
    await load.stop();
    assert.equal(load.counts.refused, 0, 'a signature changes nothing, so it is asked again');
  });

  it('that hangs is given up after its time, and reached by another process', async () => {
    assert.equal((await sign('one')).status, 200);
    const hung = tokenProcess();
    process.kill(hung, 'SIGSTOP');
    const started = performance.now();
    const [reply, secret] = await Promise.all([sign('one'), ask('GET', '/secrets/beside')]);
    assert.equal(reply.status, 200, reply.text);
    assert.ok(isRight('one', reply) && secret.status === 200);
    assert.ok(performance.now() - started > 2900);
    assert.notEqual(tokenProcess(), hung);
  });

  it('does not keep a purge from being answered; its objects go when it is back', async () => {
    const made = await ask('POST', '/keys/doomed/create', { body: { kty: 'EC-HSM' } });
    assert.equal(made.status, 200, made.text);
    const isThere = () => /premium-vault\/doomed/.test(token.tool(['--list-objects']));
    assert.ok(isThere());
    token.takeAway();
    await until(async () => (await sign('one')).status === 503);
    // A backup of a key that never leaves the token is a reference.
    assert.equal((await ask('POST', '/keys/doomed/backup')).status, 200);
    assert.equal((await ask('DELETE', '/keys/doomed')).status, 200);
    assert.equal((await ask('DELETE', '/deletedkeys/doomed')).status, 204);
    assert.equal((await strongroom(['clock', '--advance', '2m', '--data-dir', server.dataDir])).code, 0);
    assert.match(server.output().stderr, /wait in the key token for their destruction/);
    token.putBack();
    await until(async () => (await sign('one')).status === 200);
    assert.ok(isThere());
    assert.equal((await strongroom(['clock', '--advance', '2m', '--data-dir', server.dataDir])).code, 0);
    assert.ok(!isThere());
  });

  it('lets keys in software rotate meanwhile, and its own when it is back', async () => {
    const policy = {
      lifetimeActions: [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Rotate' } }],
      attributes: {},
    };
    for (const [name, kty] of [
      ['turns-hard', 'EC-HSM'],
      ['turns-soft', 'EC'],
    ] as const) {
      assert.equal((await ask('POST', `/keys/${name}/create`, { body: { kty } })).status, 200);
      assert.equal((await ask('PUT', `/keys/${name}/rotationpolicy`, { body: policy })).status, 200);
    }
    const versions = async (name: string) => (await ask('GET', `/keys/${name}/versions`)).body.value.length as number;
    token.takeAway();
    await until(async () => (await sign('one')).status === 503);
    assert.equal((await strongroom(['clock', '--advance', '31d', '--data-dir', server.dataDir])).code, 0);
    bearer = await getToken(server, resources.data);
    assert.deepEqual([await versions('turns-hard'), await versions('turns-soft')], [1, 2]);
    token.putBack();
    await until(async () => (await sign('one')).status === 200);
    assert.equal((await strongroom(['clock', '--advance', '1h', '--data-dir', server.dataDir])).code, 0);
    bearer = await getToken(server, resources.data);
    assert.deepEqual([await versions('turns-hard'), await versions('turns-soft')], [2, 2]);
  });
});

describe('a server whose token is not there', () => {
  it('starts, says so, and serves everything else; the token may come later', async () => {
    const late = makeSoftToken('late-token');
    late.takeAway();
    const other = await startServer({ args: ['--config', late.config()], env: late.env });
    try {
      const mine = await getToken(other, resources.management);
      const reader = await getToken(other, resources.data);
      await putVault(other, mine, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
      const grant = { role: 'Key Vault Administrator', principalId: objectIdOf(reader), scope: groupScope(other) };
      await assignRole(other, mine, grant);
      const post = (path: string, body: object, method = 'POST') =>
        call(other, { method, host: 'premium-vault.vault', path: `${path}?api-version=${V}`, token: reader, body });
      assert.equal((await post('/keys/hard/create', { kty: 'EC-HSM' })).status, 503);
      assert.equal((await post('/keys/soft/create', { kty: 'EC' })).status, 200);
      assert.equal((await post('/secrets/s', { value: 'v' }, 'PUT')).status, 200);
      assert.match(other.output().stderr, /key token cannot be used/);
      late.putBack();
      await until(async () => (await post('/keys/hard/create', { kty: 'EC-HSM' })).status === 200);
    } finally {
      await other.stop();
      late.remove();
    }
  });

  it('tries a PIN that the token refused no second time, and another one without a start', async () => {
    const guarded = makeSoftToken('guarded-token');
    const pinFile = guarded.settings['pinFile'] as string;
    writeFileSync(pinFile, 'another\n');
    const other = await startServer({ args: ['--config', guarded.config()], env: guarded.env });
    try {
      const mine = await getToken(other, resources.management);
      const reader = await getToken(other, resources.data);
      await putVault(other, mine, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
      const grant = { role: 'Key Vault Administrator', principalId: objectIdOf(reader), scope: groupScope(other) };
      await assignRole(other, mine, grant);
      const path = `/keys/k/create?api-version=${V}`;
      const make = () =>
        call(other, { method: 'POST', host: 'premium-vault.vault', path, token: reader, body: { kty: 'EC-HSM' } });
      const reason = async () =>
        (await manage(other, mine, { method: 'GET', path: '/metadata/health' })).body.keyToken.reason as string;
      await until(async () => (await make()).status === 503 && /not tried again/.test(await reason()));
      writeFileSync(pinFile, `${guarded.pin}\n`);
      await until(async () => (await make()).status === 200);
    } finally {
      await other.stop();
      guarded.remove();
    }
  });

  it('ends as ever where it cannot start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'strongroom-second-'));
    const args = ['start', '--data-dir', folder, '--port', String(server.port), '--config', token.config()];
    const { code, stderr } = await strongroom(args, { env: token.env });
    rmSync(folder, { recursive: true, force: true });
    assert.equal(code, 1);
    assert.match(stderr, /in use/);
  });

  it('says what to install where the binding is missing, and what is wrong with a PIN', async () => {
    for (const [settings, reason] of [
      [{ ...token.settings, bindingDirectory: token.folder }, /npm install pkcs11js@2\.1\.7/],
      [{ ...token.settings, module: '/usr/lib/none.so' }, /none\.so cannot be loaded/],
      [{ ...token.settings, pinFile: undefined, pinEnv: 'WRONG_PIN' }, /refused the PIN: CKR_PIN_INCORRECT/],
      [{ ...token.settings, token: 'other' }, /no token with the label other/],
    ] as const) {
      const config = token.config({ pkcs11: settings });
      const env = { ...token.env, WRONG_PIN: 'wrong-pin-canary' };
      const { code, stdout, stderr } = await strongroom(['selftest', '--config', config], { env });
      assert.equal(code, 1);
      assert.match(stdout, reason);
      assert.ok(!`${stdout}${stderr}`.includes('wrong-pin-canary'));
    }
    const { code, stdout } = await strongroom(['selftest', '--config', token.config()], { env: token.env });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /LACKS {2}CKM_AES_KEY_WRAP_PAD/);
    assert.match(stdout, /^token: (\d+) of \1 known answers are right\.$/m);
  });
});

describe('two servers', () => {
  it('share a token, each with keys of its own', async () => {
    const other = await startServer({ args: ['--config', token.config()], env: token.env });
    try {
      const mine = await getToken(other, resources.management);
      const theirs = await getToken(other, resources.data);
      await putVault(other, mine, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
      const grant = { role: 'Key Vault Administrator', principalId: objectIdOf(theirs), scope: groupScope(other) };
      await assignRole(other, mine, grant);
      const post = (path: string, body: object) =>
        call(other, {
          method: 'POST',
          host: 'premium-vault.vault',
          path: `${path}?api-version=${V}`,
          token: theirs,
          body,
        });
      const made = await post('/keys/one/create', { kty: 'EC-HSM' });
      assert.equal(made.status, 200, made.text);
      const { kty: _, ...members } = made.body.key;
      const key = createPublicKey({ key: { ...members, kty: 'EC' } as JsonWebKey, format: 'jwk' });
      await Promise.all(
        Array.from({ length: 40 }, async () => {
          const [here, there] = await Promise.all([
            sign('one'),
            post('/keys/one/sign', { alg: 'ES256', value: digest }),
          ]);
          assert.ok(isRight('one', here));
          const signature = Buffer.from(there.body.value, 'base64url');
          assert.ok(verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature));
        }),
      );
    } finally {
      await other.stop();
    }
  });
});
