import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assignRole, makeIdentity, manage, vaultScope } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { type HttpsIssuer, startIssuer } from '../support/https-issuer.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Tokens of an issuer outside as bearer tokens, over the wire: a real issuer over TLS, every plane, every way they end. */
const V = 'api-version=7.5';
const SUBJECT = 'repo:shop/checkout:environment:production';
const FEDERATED = 'system:serviceaccount:shop:worker';
const audiences = { data: ['https://vault.azure.net'], management: ['api://arm'], graph: ['api://graph'] };
let server: TestServer;
let issuer: HttpsIssuer;
let config: string;
let mapped: { principalId: string; clientId: string };
/** By how much the server's clock is ahead, in seconds. */
let ahead = 0;
const folder = mkdtempSync(join(tmpdir(), 'strongroom-outside-'));

type Plane = keyof typeof audiences;

const token = (claims: Readonly<Record<string, unknown>> = {}, header = {}) => {
  const now = Math.floor(Date.now() / 1000) + ahead;
  return issuer.sign(
    { iss: issuer.issuer, sub: SUBJECT, aud: audiences.data, iat: now, nbf: now, exp: now + 7200, ...claims },
    header,
  );
};
const places: Readonly<Record<Plane, { readonly host: string; readonly path: string }>> = {
  data: { host: 'main-vault.vault', path: `/secrets/target?${V}` },
  management: { host: 'management', path: '/subscriptions?api-version=2022-12-01' },
  graph: { host: 'graph', path: '/v1.0/groups' },
};
const ask = (plane: Plane, bearer: string) => call(server, { ...places[plane], token: bearer });
const askAll = async (claims: Readonly<Record<string, unknown>> = {}) => {
  const statuses: number[] = [];
  for (const plane of Object.keys(places) as Plane[]) {
    statuses.push((await ask(plane, token({ aud: audiences[plane], ...claims }))).status);
  }
  return statuses;
};
const advance = async (seconds: number) => {
  const bearer = await getToken(server, resources.management);
  const path = `/subscriptions/${server.subscriptionId}/providers/Strongroom.Development/clock?api-version=2026-01-01`;
  await manage(server, bearer, { method: 'POST', path, body: { advanceSeconds: seconds } });
  ahead += seconds;
};
const restart = async (trustedIssuers: readonly object[]) => {
  const { dataDir } = server;
  await server.stop({ keep: true });
  writeFileSync(config, JSON.stringify({ trustedIssuers }));
  server = await startServer({ dataDir, args: ['--dev', '--config', config] });
};
const trusted = (principals: readonly object[]) => ({
  issuer: issuer.issuer,
  caFile: issuer.caFile,
  bearer: { audiences, principals, federatedCredentials: true },
});

before(async () => {
  issuer = await startIssuer();
  config = join(folder, 'config.json');
  server = await startServer({ args: ['--dev'] });
  const [data, manager] = [await getToken(server, resources.data), await getToken(server, resources.management)];
  const body = { value: 'target' };
  const made = await call(server, { method: 'PUT', path: `/secrets/target?${V}`, token: data, body });
  assert.equal(made.status, 200);
  mapped = await makeIdentity(server, manager, 'checkout');
  const scope = `${vaultScope(server, 'main-vault')}/secrets/target`;
  await assignRole(server, manager, { role: 'Key Vault Secrets User', principalId: mapped.principalId, scope });
  await restart([trusted([{ subject: SUBJECT, objectId: mapped.principalId }])]);
});
after(async () => {
  await server.stop();
  issuer.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a token of an outside issuer', () => {
  it('opens each plane with the audience that the operator named for it, and no other', async () => {
    assert.deepEqual(await askAll(), [200, 200, 200]);
    for (const of of Object.keys(places) as Plane[]) {
      for (const at of Object.keys(places) as Plane[]) {
        const { status, headers } = await ask(at, token({ aud: audiences[of] }));
        assert.equal(status, of === at ? 200 : 401, `${of} at ${at}`);
        if (status === 401) assert.match(headers['www-authenticate'] ?? '', /error="invalid_token"/);
      }
    }
    assert.deepEqual(issuer.asked, ['/id/.well-known/openid-configuration', '/id/keys'], 'one load for all');
  });

  it('gives what the principal has and nothing that the token claims', async () => {
    const claims = {
      roles: ['Key Vault Administrator'],
      groups: [server.administrator.clientId],
      wids: ['62e90394-69f5-4237-9190-012177145e10'],
      oid: mapped.principalId,
      tid: server.tenantId,
      appid: server.administrator.clientId,
      scp: 'user_impersonation',
    };
    const other = await call(server, { path: `/secrets/other?${V}`, token: token(claims) });
    assert.equal(other.status, 403);
    const group = { displayName: 'g', mailNickname: 'g', mailEnabled: false, securityEnabled: true };
    const graphToken = token({ ...claims, aud: audiences.graph });
    const made = await call(server, {
      method: 'POST',
      host: 'graph',
      path: '/v1.0/groups',
      token: graphToken,
      body: group,
    });
    assert.equal(made.status, 403);
    const nobody = await ask('data', token({ ...claims, sub: mapped.principalId }));
    assert.equal(nobody.status, 401);
    assert.match(nobody.text, /stands for nobody in this directory/);
    const id = /strongroom explain ([\w-]+)/.exec(other.text)![1]!;
    const explained = await strongroom(['explain', id, '--data-dir', server.dataDir]);
    assert.match(explained.stdout, new RegExp(`as ${SUBJECT} of ${issuer.issuer}`));
    assert.match(explained.stdout, /issuer=.* subject=/);
    const { stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    const read = stdout
      .split('\n')
      .find((line) => line.includes('"SecretGet"') && line.includes('"Success"') && line.includes(SUBJECT));
    assert.ok(read?.includes(`"iss":"${issuer.issuer}"`), 'the record of a success names issuer and subject');
  });

  it('never makes the server ask an address that it names', async () => {
    issuer.asked.length = 0;
    const where = `${issuer.issuer}/evil`;
    for (const header of [{ jku: where }, { x5u: where }, { jku: 'http://169.254.169.254/' }]) {
      assert.equal((await ask('data', token({}, header))).status, 401);
    }
    for (const iss of [`${issuer.issuer}/evil`, issuer.issuer.replace('/id', ''), 'https://127.0.0.1/id']) {
      assert.equal((await ask('data', token({ iss }))).status, 401, iss);
    }
    assert.deepEqual(issuer.asked, []);
  });

  it('stands for an application by its federated credential, until that is removed', async () => {
    const graph = await getToken(server, resources.graph);
    const send = async (method: string, path: string, body?: unknown) => {
      const reply = await call(server, { method, host: 'graph', path: `/v1.0${path}`, token: graph, body });
      assert.ok(reply.status < 300, reply.text);
      return reply.body;
    };
    const application = await send('POST', '/applications', { displayName: 'worker' });
    await send('POST', '/servicePrincipals', { appId: application.appId });
    const credential = await send('POST', `/applications/${application.id}/federatedIdentityCredentials`, {
      name: 'worker',
      issuer: issuer.issuer,
      subject: FEDERATED,
      audiences: ['api://arm'],
    });
    const bearer = token({ sub: FEDERATED, aud: 'api://arm' });
    assert.equal((await ask('management', bearer)).status, 200);
    assert.equal(
      (await ask('data', token({ sub: FEDERATED }))).status,
      401,
      'another audience than the credential has',
    );
    await send('DELETE', `/applications/${application.id}/federatedIdentityCredentials/${credential.id}`);
    assert.equal((await ask('management', bearer)).status, 401);
  });

  it('follows the keys of the issuer, asked again at most every thirty seconds', async () => {
    const old = token();
    assert.equal((await ask('data', old)).status, 200);
    issuer.rotate('second');
    issuer.asked.length = 0;
    await advance(31);
    assert.equal((await ask('data', token())).status, 200);
    assert.equal((await ask('data', old)).status, 401, 'the key that signed it is not published any more');
    for (let turn = 0; turn < 5; turn++) {
      assert.equal((await ask('data', token({}, { kid: `unknown-${turn}` }))).status, 401);
    }
    assert.equal(issuer.asked.length, 2, 'metadata and keys, once');
  });

  it('is refused while the keys cannot be had, and says so to the operator', async () => {
    const used = token();
    assert.equal((await ask('data', used)).status, 200);
    issuer.fail(true);
    await advance(3600);
    for (const plane of Object.keys(places) as Plane[]) {
      const reply = await ask(plane, plane === 'data' ? used : token({ aud: audiences[plane] }));
      assert.equal(reply.status, 503, plane);
      assert.match(reply.text, /cannot be had at present/);
    }
    assert.match(server.output().stderr, /keys of a trusted issuer could not be loaded.*answered 500/);
    assert.equal((await call(server, { ...places.data, token: await getToken(server, resources.data) })).status, 200);
    issuer.fail(false);
    await advance(31);
    assert.equal((await ask('data', used)).status, 200);
  });

  it('ends with the principal at once, and with mapping and issuer at the next start', async () => {
    const [kept, other] = [token(), token({ aud: audiences.management })];
    assert.deepEqual([(await ask('data', kept)).status, (await ask('management', other)).status], [200, 200]);
    const graph = await getToken(server, resources.graph);
    const enable = (accountEnabled: boolean) =>
      call(server, {
        method: 'PATCH',
        host: 'graph',
        path: `/v1.0/servicePrincipals/${mapped.principalId}`,
        token: graph,
        body: { accountEnabled },
      });
    assert.equal((await enable(false)).status, 204);
    assert.deepEqual([(await ask('data', kept)).status, (await ask('management', other)).status], [401, 401]);
    assert.equal((await enable(true)).status, 204);
    assert.equal((await ask('data', kept)).status, 200);

    await restart([trusted([{ subject: 'another', objectId: mapped.principalId }])]);
    assert.match((await ask('data', kept)).text, /stands for nobody/);
    const { bearer: _, ...exchange } = trusted([]);
    await restart([exchange]);
    assert.equal((await ask('data', kept)).status, 401);
    await restart([]);
    const gone = await ask('data', kept);
    assert.equal(gone.status, 401);
    assert.ok(!gone.text.includes(kept.slice(-20)));
    assert.ok(!server.output().stderr.includes(kept.slice(-20)));
  });
});
