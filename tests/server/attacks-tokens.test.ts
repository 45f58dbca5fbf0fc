import assert from 'node:assert/strict';
import { createHmac, createPublicKey, createSign, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { makeIdentity } from '../support/arm.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { forgeToken } from '../support/token-forge.ts';

const V = 'api-version=7.5';
let server: TestServer;
let token: string;
let header: Record<string, unknown>;
let payload: Record<string, unknown>;
let signature: string;
/** The server's public signing key, as everybody may read it. */
let jwk: { kid: string; n: string; e: string; x5c: string[] };

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const read = (bearer: string, path = '/secrets/target') => call(server, { path: `${path}?${V}`, token: bearer });

async function refused(bearer: string, what: string): Promise<void> {
  const reply = await read(bearer);
  assert.equal(reply.status, 401, `${what}: ${reply.status} ${reply.text}`);
  assert.match(reply.headers['www-authenticate'] ?? '', /^Bearer /, what);
  assert.doesNotMatch(reply.text, /"value"/, what);
}

before(async () => {
  server = await startServer();
  token = await getToken(server, resources.data);
  const made = await call(server, { method: 'PUT', path: `/secrets/target?${V}`, token, body: { value: 'target' } });
  assert.equal(made.status, 200);
  const parts = token.split('.') as [string, string, string];
  header = JSON.parse(Buffer.from(parts[0], 'base64url').toString());
  payload = JSON.parse(Buffer.from(parts[1], 'base64url').toString());
  signature = parts[2];
  const keys = await call(server, { host: 'login', path: `/${server.tenantId}/discovery/v2.0/keys` });
  jwk = keys.body.keys[0];
  assert.equal(jwk.kid, header['kid']);
});
after(() => server.stop());

describe('tokens that were not issued here', () => {
  it('do not pass as HMACs keyed with the public key, in any of its forms', async () => {
    const publicKey = createPublicKey({ key: { kty: 'RSA', n: jwk.n, e: jwk.e }, format: 'jwk' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const forms: readonly (string | Buffer)[] = [
      pem,
      pem.trim(),
      publicKey.export({ type: 'spki', format: 'der' }),
      publicKey.export({ type: 'pkcs1', format: 'pem' }) as string,
      Buffer.from(jwk.n, 'base64url'),
      jwk.n,
      Buffer.from(jwk.x5c[0]!, 'base64'),
      jwk.x5c[0]!,
      '',
    ];
    for (const alg of ['HS256', 'HS384', 'HS512', 'hs256', 'RS256']) {
      const input = `${encode({ ...header, alg })}.${encode(payload)}`;
      const hash = /384/.test(alg) ? 'sha384' : /512/.test(alg) ? 'sha512' : 'sha256';
      for (const key of forms) {
        await refused(`${input}.${createHmac(hash, key).update(input).digest('base64url')}`, alg);
      }
    }
  });

  it('do not pass without a signature, or with the good one under another algorithm', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 0, ['RS256'], { alg: 'RS256' }]) {
      const input = `${encode({ ...header, alg })}.${encode(payload)}`;
      for (const end of ['', signature, 'AA']) await refused(`${input}.${end}`, `alg ${String(alg)}`);
    }
    for (const alg of ['ES256', 'ES384', 'PS256', 'RS384', 'RS512', 'EdDSA', 'RSA1_5', 'dir']) {
      await refused(`${encode({ ...header, alg })}.${encode(payload)}.${signature}`, alg);
    }
  });

  it('do not bring the key that proves them', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const own = publicKey.export({ format: 'jwk' });
    const { privateKey: curve } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const where = `https://login.${server.domain}:${server.port}/keys`;
    const injections: readonly Record<string, unknown>[] = [
      {},
      { jwk: own },
      { jwk: { ...own, kid: jwk.kid } },
      { jku: where },
      { jku: 'file:///etc/passwd' },
      { x5u: where },
      { x5c: ['MIIB'] },
      { x5c: jwk.x5c },
      { kid: 'none' },
      { kid: '../../../../dev/null' },
      { kid: '/proc/self/environ' },
      { kid: "' or '1'='1" },
      { kid: "x' union select 'key' --" },
      { kid: '__proto__' },
      { kid: 'constructor' },
      { kid: '' },
      { kid: null },
      { kid: [jwk.kid] },
      { kid: `${jwk.kid}\0` },
      { crit: ['exp'] },
      { b64: false, crit: ['b64'] },
      { zip: 'DEF' },
      { cty: 'JWT' },
    ];
    for (const injection of injections) {
      const input = `${encode({ ...header, ...injection })}.${encode(payload)}`;
      const made = createSign('RSA-SHA256').update(input).sign(privateKey).toString('base64url');
      await refused(`${input}.${made}`, JSON.stringify(injection).slice(0, 60));
    }
    const input = `${encode({ ...header, alg: 'ES256' })}.${encode(payload)}`;
    const made = sign('sha256', Buffer.from(input), { key: curve, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    await refused(`${input}.${made}`, 'ES256');
  });

  it('do not say other things than what was signed', async () => {
    const other = await makeIdentity(server, await getToken(server, resources.management), 'other');
    const [first, , third] = token.split('.') as [string, string, string];
    for (const change of [
      { oid: other.principalId },
      { exp: (payload['exp'] as number) + 3600 },
      { aud: 'https://management.azure.com' },
      { tid: '00000000-0000-4000-8000-000000000000' },
      { wids: ['62e90394-69f5-4237-9190-012177145e10'] },
    ]) {
      await refused(`${first}.${encode({ ...payload, ...change })}.${third}`, JSON.stringify(change));
    }
    // The same bytes in another spelling are another token: base64url has one form of each.
    const last = third.slice(-1);
    const next = String.fromCharCode(last.charCodeAt(0) + 1);
    for (const spelled of [
      `${token}=`,
      `${token}.`,
      `.${token}`,
      `${token} `,
      `${token},${token}`,
      token.replace('.', '..'),
    ]) {
      const reply = await call(server, {
        path: `/secrets/target?${V}`,
        headers: { authorization: `Bearer ${spelled}` },
      });
      assert.ok(reply.status === 401 || spelled.trim() === token, spelled.slice(-10));
    }
    await refused(`${token.slice(0, -1)}${next}`, 'last character');
  });
});

describe('tokens in the wrong place', () => {
  it('of one plane open no other', async () => {
    const tokens = {
      data: token,
      management: await getToken(server, resources.management),
      graph: await getToken(server, resources.graph),
    };
    const places: Readonly<Record<keyof typeof tokens, (bearer: string) => Promise<Reply>>> = {
      data: (bearer) => read(bearer),
      management: (bearer) =>
        call(server, { host: 'management', path: '/subscriptions?api-version=2022-12-01', token: bearer }),
      graph: (bearer) => call(server, { host: 'graph', path: '/v1.0/users', token: bearer }),
    };
    for (const of of Object.keys(tokens) as (keyof typeof tokens)[]) {
      for (const at of Object.keys(places) as (keyof typeof tokens)[]) {
        assert.equal((await places[at](tokens[of])).status, of === at ? 200 : 401, `${of} at ${at}`);
      }
    }
  });

  it('of another tenant, of another authority, of no time or before it, open nothing', async () => {
    const { oid, appid } = payload as { oid: string; appid: string };
    const forge = (forgery: object) => forgeToken(server, { resource: resources.data, oid, appId: appid, ...forgery });
    assert.equal((await read(await forge({}))).status, 200, 'the forge makes good tokens');
    await refused(await forge({ tenantId: '00000000-0000-4000-8000-000000000000' }), 'tenant');
    await refused(await forge({ resource: 'https://vault.azure.net.example' }), 'audience');
    await refused(await forge({ lifetimeSeconds: -1 }), 'expired');
    await refused(await forge({ oid: '00000000-0000-4000-8000-000000000000' }), 'nobody');
    await refused(await forge({ appId: '00000000-0000-4000-8000-000000000000' }), 'another application');
    const second = await startServer();
    try {
      await refused(await getToken(second, resources.data), 'another installation');
    } finally {
      await second.stop();
    }
  });

  it('are not read from query, body or cookies', async () => {
    for (const path of [
      `/secrets/target?${V}&access_token=${token}`,
      `/secrets/target?access_token=${token}&${V}`,
      `/secrets/target?${V}&token=${token}&authorization=Bearer%20${token}`,
    ]) {
      assert.equal((await call(server, { path })).status, 401);
    }
    const headers: readonly Record<string, string>[] = [
      { cookie: `access_token=${token}; authorization=Bearer ${token}` },
      { 'x-ms-token-aad-access-token': token },
      { 'proxy-authorization': `Bearer ${token}` },
      { 'x-forwarded-authorization': `Bearer ${token}` },
      { 'x-original-authorization': `Bearer ${token}` },
    ];
    for (const one of headers) {
      assert.equal((await call(server, { path: `/secrets/target?${V}`, headers: one })).status, 401);
    }
    const body = { access_token: token, value: 'x' };
    const written = await call(server, { method: 'PUT', path: `/secrets/target?${V}`, body });
    assert.equal(written.status, 401);
    assert.ok(!server.output().stderr.includes(token) && !server.output().stdout.includes(token));
  });
});
