import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { strongroom } from '../support/cli.ts';
import { browserAt } from '../support/form-browser.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { freshDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Attacks on people's sign-in, against servers as they run: over sockets, across restarts and nodes, with the clock moved. */
const AZURE_CLI = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const PASSWORD = 'Correct-horse-7';
const folder = mkdtempSync(join(tmpdir(), 'strongroom-people-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const post = (server: TestServer, path: string, form: Record<string, string>): Promise<Reply> =>
  call(server, {
    method: 'POST',
    host: 'login',
    path: `/organizations/oauth2/v2.0/${path}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      client_id: AZURE_CLI,
      scope: 'https://graph.microsoft.com/.default offline_access',
      ...form,
    }).toString(),
  });
const signIn = (server: TestServer, username: string, password = PASSWORD) =>
  post(server, 'token', { grant_type: 'password', username, password });
const refresh = (server: TestServer, token: string) =>
  post(server, 'token', { grant_type: 'refresh_token', refresh_token: token });
const me = async (server: TestServer, token: string, path = '', method = 'GET') =>
  (await call(server, { method, host: 'graph', path: `/v1.0/me${path}`, token })).status;
const code = ({ status, body }: Reply) => (status === 200 ? 200 : body.error_codes?.[0]);
const advance = async (server: TestServer, by: string) => {
  const moved = await strongroom(['clock', '--advance', by, '--data-dir', server.dataDir]);
  assert.equal(moved.code, 0, moved.stderr);
};

async function makePerson(server: TestServer, name: string): Promise<string> {
  const upn = `${name}@${server.domain}`;
  const passwordProfile = { password: PASSWORD, forceChangePasswordNextSignIn: false };
  const user = { accountEnabled: true, displayName: name, mailNickname: name, userPrincipalName: upn, passwordProfile };
  const token = await getToken(server, resources.graph);
  const made = await call(server, { method: 'POST', host: 'graph', path: '/v1.0/users', token, body: user });
  assert.equal(made.status, 201, made.text);
  return upn;
}

describe('people’s sign-in under attack', () => {
  it('locks who guesses, until the clock says otherwise', async () => {
    const server = await startServer({ args: ['--dev'] });
    try {
      const anna = await makePerson(server, 'anna');
      const guesses = [];
      for (let guess = 0; guess < 12; guess++) guesses.push(code(await signIn(server, anna, `Wrong-horse-${guess}`)));
      assert.deepEqual(guesses, [...Array(10).fill(50126), 50053, 50053]);
      const locked = await signIn(server, anna);
      assert.equal(code(locked), 50053, 'the right password too');
      const explained = await strongroom(['explain', locked.body.trace_id, '--data-dir', server.dataDir]);
      assert.match(explained.stdout, /sign-in-locked|failed too often/);
      assert.equal(code(await signIn(server, `nobody@${server.domain}`)), 50126, 'other names are heard');
      await advance(server, '61s');
      assert.equal(code(await signIn(server, anna)), 200);
      const storm = await Promise.all(Array.from({ length: 40 }, (_, n) => signIn(server, anna, `Storm-horse-${n}`)));
      const heard = storm.filter((reply) => code(reply) === 50126).length;
      assert.ok(heard <= 10, `${heard} guesses at once were heard`);
      assert.ok(
        storm.some(({ status }) => status === 503),
        'more than can be worked on is turned away',
      );
    } finally {
      await server.stop();
    }
  });

  it('keeps a sign-in over a restart, and knows a token that was replaced before it', async () => {
    const first = await startServer({ args: ['--dev'] });
    const anna = await makePerson(first, 'anna');
    const stolen = (await signIn(first, anna)).body.refresh_token as string;
    await advance(first, '2m');
    const next = (await refresh(first, stolen)).body.refresh_token as string;
    assert.notEqual(next, stolen);
    await first.stop({ keep: true });
    const server = await startServer({ dataDir: first.dataDir, args: ['--dev'] });
    try {
      const again = await refresh(server, stolen);
      assert.equal(again.body.refresh_token, next, 'within a minute it is the same successor');
      const access = again.body.access_token as string;
      assert.equal(await me(server, access), 200);
      await advance(server, '2m');
      assert.equal(code(await refresh(server, stolen)), 54005);
      assert.equal(code(await refresh(server, next)), 70000);
      assert.equal(await me(server, access), 401);
    } finally {
      await server.stop();
    }
  });

  it('gives the tokens of a device once, however many ask at once', async () => {
    const server = await startServer();
    try {
      const anna = await makePerson(server, 'anna');
      for (let round = 0; round < 3; round++) {
        const { body } = await post(server, 'devicecode', {});
        const browser = browserAt(server);
        await browser.open('/devicelogin');
        await browser.submit({ code: body.user_code });
        await browser.submit({ username: anna, password: PASSWORD });
        await browser.submit({ decision: 'yes' });
        const poll = () => post(server, 'token', { grant_type: 'device_code', device_code: body.device_code });
        const answers = await Promise.all(Array.from({ length: 12 }, poll));
        assert.deepEqual(answers.map(code).sort(), [200, ...Array(11).fill(70000)]);
      }
    } finally {
      await server.stop();
    }
  });

  it('ends on every node at once what was revoked on one', async () => {
    const { host, port, user, password, database } = await freshDatabase();
    const [urlFile, config] = [join(folder, 'url'), join(folder, 'config.json')];
    writeFileSync(urlFile, `postgres://${user}:${password}@${host}:${port}/${database}\n`, { mode: 0o600 });
    writeFileSync(config, JSON.stringify({ postgresUrlFile: urlFile, sealKeyFile: join(folder, 'seal.key') }));
    const first = await startServer({ args: ['--config', config] });
    const second = await startServer({ args: ['--config', config] });
    try {
      const anna = await makePerson(first, 'anna');
      const here = (await signIn(first, anna)).body;
      const there = (await signIn(second, anna)).body;
      assert.deepEqual([await me(first, there.access_token), await me(second, here.access_token)], [200, 200]);
      assert.equal(code(await refresh(second, here.refresh_token)), 200);
      assert.equal(await me(first, here.access_token, '/revokeSignInSessions', 'POST'), 200);
      assert.deepEqual([await me(first, there.access_token), await me(second, here.access_token)], [401, 401]);
      assert.equal(code(await refresh(second, here.refresh_token)), 70000);
      const guesses = [first, second, first, second, first, second, first, second, first, second, first, second];
      const heard = [];
      for (const node of guesses) heard.push(code(await signIn(node, anna, 'Wrong-horse-7')));
      assert.deepEqual(heard, [...Array(10).fill(50126), 50053, 50053], 'guesses are counted together');
    } finally {
      await second.stop();
      await first.stop();
    }
  });
});
