import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type IdentityPlane, identityPlane, TENANT, type TestApplication } from '../../tests/support/identity-plane.ts';
import type { Authentication } from './caller.ts';
import * as identity from './service.ts';

type Json = Record<string, unknown>;

describe('authentication by access token', () => {
  let plane: IdentityPlane;
  let application: TestApplication;
  before(async () => {
    plane = await identityPlane();
    application = await plane.application('reader');
  });
  after(() => plane.cleanup());

  const judge = async (
    header: string | undefined,
    as: 'data' | 'management' | 'graph' | 'logs' = 'data',
    now?: number,
  ) => plane.authenticator.authenticate(header, as, TENANT, now ?? plane.clock.now());
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Json;

  /** A token with claims and header of the test's choice, signed with our own key unless told otherwise. */
  const forge = async (claims: Json, header: Json = {}, key?: KeyObject) => {
    const good = claimsOf(await plane.tokenOf(application));
    const { kid, privateKey } = await plane.signingKey();
    const input = `${encode({ typ: 'JWT', alg: 'RS256', kid, ...header })}.${encode({ ...good, ...claims })}`;
    return `${input}.${sign('RSA-SHA256', Buffer.from(input), key ?? privateKey).toString('base64url')}`;
  };
  const refusalOf = (result: Authentication) => ('refusal' in result ? result.refusal : 'accepted');

  it('names the caller as the token and the directory say', async () => {
    const result = await judge(`Bearer ${await plane.tokenOf(application)}`);
    assert.ok('caller' in result);
    const { tokenId, expires, ...caller } = result.caller;
    assert.match(tokenId, /^[\w-]{22}$/);
    assert.equal(expires, plane.clock.now() + 3_599_000);
    assert.deepEqual(caller, {
      oid: application.oid,
      tenantId: TENANT,
      kind: 'ServicePrincipal',
      appId: application.appId,
      appIdAcr: '1',
      displayName: 'reader',
      issuer: `https://sts.localhost/${TENANT}/`,
      upn: null,
      managedIdentity: null,
      scopes: null,
      principalIds: [application.oid],
      directoryRole: null,
    });
  });

  it('accepts the scheme in any case and refuses what is not one Bearer token', async () => {
    const token = await plane.tokenOf(application);
    assert.equal(refusalOf(await judge(`bEARER  ${token}`)), 'accepted');
    assert.equal(refusalOf(await judge(undefined)), 'token-missing');
    assert.equal(refusalOf(await judge('')), 'token-missing');
    assert.equal(refusalOf(await judge(`Basic ${token}`)), 'token-missing');
    assert.equal(refusalOf(await judge(token)), 'token-missing');
    for (const header of [
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token} ${token}`,
      `Bearer ${token},${token}`,
      `Bearer Bearer ${token}`,
      `Bearer ${token}.x`,
      `Bearer ${token}=`,
      `Bearer a.b`,
      'Bearer a.b.c',
      `Bearer ${'a'.repeat(20_000)}.${'b'.repeat(20_000)}.c`,
    ]) {
      assert.equal(refusalOf(await judge(header)), 'token-malformed', header.slice(0, 80));
    }
  });

  it('refuses every algorithm but RS256, also with a signature that fits it', async () => {
    const token = await plane.tokenOf(application);
    const [, payload] = token.split('.');
    const { kid, publicKey } = await plane.signingKey();
    const none = `${encode({ alg: 'none', kid })}.${payload}`;
    assert.equal(refusalOf(await judge(`Bearer ${none}.x`)), 'token-malformed');
    assert.equal(refusalOf(await judge(`Bearer ${none}.`)), 'token-malformed');
    const pem = publicKey.export({ format: 'pem', type: 'spki' });
    const input = `${encode({ alg: 'HS256', kid })}.${payload}`;
    const mac = createHmac('sha256', pem).update(input).digest('base64url');
    assert.equal(refusalOf(await judge(`Bearer ${input}.${mac}`)), 'token-malformed');
    assert.equal(refusalOf(await judge(`Bearer ${await forge({}, { alg: 'RS384' })}`)), 'token-malformed');
  });

  it('refuses headers that bring keys or critical extensions', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const header of [
      { jwk: publicKey.export({ format: 'jwk' }) },
      { jku: 'https://evil.test/keys' },
      { x5u: 'https://evil.test/cert' },
      { x5c: [publicKey.export({ format: 'der', type: 'spki' }).toString('base64')] },
      { crit: ['exp'] },
      { b64: false, crit: ['b64'] },
    ]) {
      assert.equal(refusalOf(await judge(`Bearer ${await forge({}, header, privateKey)}`)), 'token-malformed');
      assert.equal(refusalOf(await judge(`Bearer ${await forge({}, header)}`)), 'token-malformed');
    }
  });

  it('refuses a signature by another key, under our kid, under its own and under none', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    assert.equal(refusalOf(await judge(`Bearer ${await forge({}, {}, privateKey)}`)), 'token-signature');
    assert.equal(refusalOf(await judge(`Bearer ${await forge({}, { kid: 'other' }, privateKey)}`)), 'token-signature');
    assert.equal(
      refusalOf(await judge(`Bearer ${await forge({}, { kid: undefined }, privateKey)}`)),
      'token-malformed',
    );
    assert.equal(
      refusalOf(await judge(`Bearer ${await forge({}, { kid: '__proto__' }, privateKey)}`)),
      'token-signature',
    );
  });

  it('refuses a token whose payload was changed after it was signed', async () => {
    const [header, payload, signature] = (await plane.tokenOf(application)).split('.');
    const changed = encode({ ...claimsOf(`.${payload}.`), oid: plane.administrator.oid });
    assert.equal(refusalOf(await judge(`Bearer ${header}.${changed}.${signature}`)), 'token-signature');
  });

  it('says so where a token comes from another authority', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const foreign = await forge({ iss: `https://sts.windows.net/${TENANT}/` }, { kid: 'theirs' }, privateKey);
    assert.deepEqual(await judge(`Bearer ${foreign}`), {
      refusal: 'token-issuer',
      facts: { expected: 'https://sts.localhost/{tenant}/', issuer: `https://sts.windows.net/${TENANT}/` },
    });
    assert.equal(refusalOf(await judge(`Bearer ${await forge({ iss: 'https://sts.other/x/' })}`)), 'token-issuer');
  });

  it('refuses a token of another tenant', async () => {
    const tid = '44444444-4444-4444-8444-444444444444';
    const token = await forge({ tid, iss: `https://sts.localhost/${tid}/` });
    assert.deepEqual(await judge(`Bearer ${token}`), {
      refusal: 'token-tenant',
      facts: {
        expected: `https://sts.localhost/${TENANT}/`,
        issuer: `https://sts.localhost/${tid}/`,
        found: tid,
        tenant: TENANT,
      },
    });
  });

  it('takes each plane its own audiences and no others', async () => {
    const audiences = {
      data: [
        'https://vault.azure.net',
        'https://vault.azure.net/',
        'https://vault.localhost',
        'https://vault.localhost:8443',
        'https://vault.localhost:1/',
      ],
      management: [
        'https://management.localhost:8443/',
        'https://management.azure.com',
        'https://management.core.windows.net/',
      ],
      graph: ['https://graph.localhost', 'https://graph.microsoft.com/', '00000003-0000-0000-c000-000000000000'],
      logs: ['https://api.loganalytics.io', 'https://api.loganalytics.localhost:8443'],
    } as const;
    for (const [plane, list] of Object.entries(audiences)) {
      for (const aud of list) {
        const token = await forge({ aud });
        for (const target of ['data', 'management', 'graph', 'logs'] as const) {
          const expected = target === plane ? 'accepted' : 'token-audience';
          assert.equal(refusalOf(await judge(`Bearer ${token}`, target)), expected, `${aud} at ${target}`);
          assert.equal(refusalOf(await judge(`Bearer ${token}`, target)), expected, `${aud} at ${target}, remembered`);
        }
      }
    }
  });

  it('refuses audiences that only look like ours', async () => {
    for (const aud of [
      'http://vault.localhost',
      'https://vault.localhost.evil.test',
      'https://x.vault.localhost',
      'https://vault.localhost@evil.test',
      'https://evil.test/vault.localhost',
      'https://vault.localhost/x',
      'https://vault.azure.net:8443',
      'https://vault.localhost:8443//',
      ' https://vault.localhost',
      'https://vault.localhost\n',
      'https://vault.azure.net\u0000',
      'https:\\\\vault.localhost',
      '',
    ]) {
      assert.equal(refusalOf(await judge(`Bearer ${await forge({ aud })}`)), 'token-audience', JSON.stringify(aud));
    }
    assert.equal(
      refusalOf(await judge(`Bearer ${await forge({ aud: ['https://vault.azure.net'] })}`)),
      'token-malformed',
    );
  });

  it('ends a token at its end without grace and lets it begin at most five minutes early', async () => {
    const header = `Bearer ${await plane.tokenOf(application)}`;
    const start = plane.clock.now();
    const end = start + 3_599_000;
    assert.equal(refusalOf(await judge(header, 'data', end - 1)), 'accepted');
    assert.deepEqual(await judge(header, 'data', end), {
      refusal: 'token-expired',
      facts: { expired: new Date(end).toISOString(), now: new Date(end).toISOString() },
    });
    assert.equal(refusalOf(await judge(header, 'data', start - 300_000)), 'accepted');
    const early = start - 300_001;
    assert.deepEqual(await judge(header, 'data', early), {
      refusal: 'token-not-yet-valid',
      facts: { starts: new Date(start).toISOString(), now: new Date(early).toISOString() },
    });
  });

  it('refuses claims that are missing or of the wrong type', async () => {
    for (const claims of [
      { exp: undefined },
      { exp: '9999999999' },
      { nbf: undefined },
      { oid: undefined },
      { tid: 7 },
      { appid: null },
      { iss: undefined },
      { aud: undefined },
      { uti: {} },
    ]) {
      assert.equal(refusalOf(await judge(`Bearer ${await forge(claims)}`)), 'token-malformed', JSON.stringify(claims));
    }
  });

  it('answers a remembered token at once, without a promise, where no other node shares the store', async () => {
    const header = `Bearer ${await plane.tokenOf(application)}`;
    const first = plane.authenticator.authenticate(header, 'data', TENANT, plane.clock.now());
    assert.ok(first instanceof Promise);
    await first;
    const second = plane.authenticator.authenticate(header, 'data', TENANT, plane.clock.now());
    // On PostgreSQL the store is asked whether another node has changed anything.
    assert.equal(second instanceof Promise, plane.store.driver.dialect === 'postgres');
    assert.ok('caller' in (await second));
  });

  it('does not remember a token that failed', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const header = `Bearer ${await forge({}, {}, privateKey)}`;
    for (let round = 0; round < 2; round++) {
      const result = plane.authenticator.authenticate(header, 'data', TENANT, plane.clock.now());
      assert.ok(result instanceof Promise);
      assert.equal(refusalOf(await result), 'token-signature');
    }
  });

  it('follows disabling, enabling and deletion with the next request', async () => {
    const { id, appId, oid, ...rest } = await plane.application('short-lived');
    const header = `Bearer ${await plane.tokenOf({ id, appId, oid, ...rest })}`;
    assert.equal(refusalOf(await judge(header)), 'accepted');
    await plane.store.write((transaction) => identity.setPrincipalEnabled(transaction, oid, false));
    assert.deepEqual(await judge(header), { refusal: 'principal-disabled', facts: { oid, appid: appId } });
    await plane.store.write((transaction) => identity.setPrincipalEnabled(transaction, oid, true));
    assert.equal(refusalOf(await judge(header)), 'accepted');
    await plane.store.write((transaction) => identity.deleteApplication(transaction, { id, appId }));
    assert.deepEqual(await judge(header), { refusal: 'principal-unknown', facts: { oid, appid: appId } });
  });

  it('sees a directory role that was given after the token was remembered', async () => {
    const one = await plane.application('promoted');
    const header = `Bearer ${await plane.tokenOf(one)}`;
    await judge(header);
    await plane.store.write(async (transaction) => {
      await transaction.db.updateTable('principals').set({ directory_role: 'X' }).where('id', '=', one.oid).execute();
      transaction.touch();
    });
    const result = await judge(header);
    assert.equal('caller' in result && result.caller.directoryRole, 'X');
  });

  it('does not take the token of one application for the principal of another', async () => {
    assert.equal(
      refusalOf(await judge(`Bearer ${await forge({ oid: plane.administrator.oid })}`)),
      'principal-unknown',
    );
    const oid = '55555555-5555-4555-8555-555555555555';
    assert.equal(refusalOf(await judge(`Bearer ${await forge({ oid })}`)), 'principal-unknown');
  });

  it('keeps tokens out of the facts of every refusal', async () => {
    const token = await plane.tokenOf(application);
    const results = await Promise.all([
      judge(`Bearer ${token}x`),
      judge(`Basic ${token}`),
      judge(token),
      judge(`Bearer ${token}`, 'graph'),
      judge(`Bearer ${token} ${token}`),
    ]);
    for (const part of token.split('.')) {
      assert.ok(!JSON.stringify(results).includes(part.slice(0, 12)), 'a part of the token is told');
    }
  });

  it('holds a key that cannot be read back from the database file', async () => {
    const rows = await plane.store.reader.db.selectFrom('sealed_values').selectAll().execute();
    const pkcs8 = createPrivateKey((await plane.signingKey()).privateKey.export({ format: 'pem', type: 'pkcs8' }))
      .export({ format: 'der', type: 'pkcs8' })
      .toString('base64');
    assert.ok(rows.some(({ name }) => name === 'token-signing-keys'));
    for (const { envelope } of rows)
      assert.ok(!Buffer.from(envelope).toString('latin1').includes(pkcs8.slice(100, 140)));
  });
});
