import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, importJWK, jwtVerify } from 'jose';
import { type IdentityPlane, identityPlane, TENANT, type TestApplication } from '../../tests/support/identity-plane.ts';
import { newSecret } from './client-secret.ts';
import * as identity from './service.ts';

const ORIGIN = 'https://login.localhost:8443';

describe('the identity plane', () => {
  let plane: IdentityPlane;
  let application: TestApplication;
  before(async () => {
    plane = await identityPlane();
    application = await plane.application('client');
  });
  after(() => plane.cleanup());

  const refused = async (form: Record<string, string>, status: number, error: string, code: number) => {
    const { body, status: actual } = await plane.askToken(application, form);
    assert.deepEqual([actual, body.error, body.error_codes], [status, error, [code]], JSON.stringify(body));
    assert.ok(body.error_description.startsWith(`AADSTS${code}: `), body.error_description);
    return body;
  };

  describe('discovery', () => {
    it('builds every URL from the origin that the caller used, in each form of the authority', async () => {
      for (const base of [`/${TENANT}`, `/adfs/aad/${TENANT}`, '/organizations', '/common', '/contoso.test', '/adfs']) {
        const { status, body } = await plane.login('GET', `${base}/v2.0/.well-known/openid-configuration`);
        assert.equal(status, 200, base);
        assert.equal(body.issuer, `${ORIGIN}/${TENANT}/v2.0`);
        assert.equal(body.token_endpoint, `${ORIGIN}${base}/oauth2/v2.0/token`);
        assert.equal(body.authorization_endpoint, `${ORIGIN}${base}/oauth2/v2.0/authorize`);
        assert.equal(body.device_authorization_endpoint, `${ORIGIN}${base}/oauth2/v2.0/devicecode`);
        const keys = await plane.login('GET', body.jwks_uri.slice(ORIGIN.length));
        assert.equal(keys.status, 200);
        const first = await plane.login('GET', `${base}/.well-known/openid-configuration`);
        assert.equal(first.body.token_endpoint, `${ORIGIN}${base}/oauth2/token`);
        assert.equal(first.body.issuer, `https://sts.localhost/${TENANT}/`);
        assert.equal((await plane.login('GET', first.body.jwks_uri.slice(ORIGIN.length))).status, 200);
      }
    });

    it('refuses a tenant that is not here, on every endpoint', async () => {
      for (const [method, path] of [
        ['GET', '/66666666-6666-4666-8666-666666666666/v2.0/.well-known/openid-configuration'],
        ['GET', '/consumers/.well-known/openid-configuration'],
        ['GET', '/adfs/aad/nobody.test/.well-known/openid-configuration'],
        ['GET', '/nobody.test/discovery/v2.0/keys'],
        ['POST', '/nobody.test/oauth2/v2.0/token'],
      ] as const) {
        const { status, body } = await plane.login(method, path, method === 'POST' ? { form: {} } : {});
        assert.deepEqual([status, body.error, body.error_codes], [400, 'invalid_tenant', [90002]], path);
      }
    });

    it('answers instance discovery with the host itself', async () => {
      const asked = encodeURIComponent(`${ORIGIN}/${TENANT}/oauth2/v2.0/authorize`);
      const path = `/common/discovery/instance?api-version=1.1&authorization_endpoint=${asked}`;
      const { status, body } = await plane.login('GET', path);
      assert.equal(status, 200);
      assert.equal(body.tenant_discovery_endpoint, `${ORIGIN}/${TENANT}/v2.0/.well-known/openid-configuration`);
      assert.deepEqual(body.metadata[0].aliases, ['login.localhost:8443']);
    });

    it('publishes the public half of the signing keys and nothing of the private one', async () => {
      const { body } = await plane.login('GET', `/${TENANT}/discovery/v2.0/keys`);
      for (const key of body.keys) {
        assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use', 'x5c', 'x5t']);
      }
    });
  });

  describe('tokens by secret', () => {
    it('issues a token that the published keys verify, with the claims of version 1', async () => {
      const { status, body, headers } = await plane.askToken(application);
      assert.equal(status, 200);
      assert.deepEqual([body.token_type, body.expires_in, body.ext_expires_in], ['Bearer', 3599, 3599]);
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['pragma'], 'no-cache');
      const { keys } = (await plane.login('GET', `/${TENANT}/discovery/keys`)).body;
      const now = plane.clock.now() / 1000;
      const { payload, protectedHeader } = await jwtVerify(body.access_token, await importJWK(keys[0]), {
        currentDate: new Date(plane.clock.now()),
      });
      assert.deepEqual(protectedHeader, { typ: 'JWT', alg: 'RS256', kid: keys[0].kid, x5t: keys[0].x5t });
      const { uti, strongroom_credential: credential, ...claims } = payload;
      assert.match(String(credential), /^[\da-f-]{36}$/);
      assert.match(String(uti), /^[\w-]{22}$/);
      assert.deepEqual(claims, {
        aud: 'https://vault.azure.net',
        iss: `https://sts.localhost/${TENANT}/`,
        iat: now,
        nbf: now,
        exp: now + 3599,
        appid: application.appId,
        appidacr: '1',
        idp: `https://sts.localhost/${TENANT}/`,
        idtyp: 'app',
        oid: application.oid,
        sub: application.oid,
        tid: TENANT,
        ver: '1.0',
      });
    });

    it('takes exactly one /.default off the scope to find the audience', async () => {
      for (const [scope, audience] of [
        ['https://management.localhost:8443//.default', 'https://management.localhost:8443/'],
        ['https://management.localhost:8443/.default', 'https://management.localhost:8443'],
        ['https://vault.localhost:8443/.default', 'https://vault.localhost:8443'],
        ['https://graph.microsoft.com/.default', 'https://graph.microsoft.com'],
      ]) {
        const { body } = await plane.askToken(application, { scope: scope! });
        const payload = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString());
        assert.equal(payload.aud, audience);
      }
    });

    it('serves version 1 with its resource parameter, its textual times, and below adfs', async () => {
      const form = {
        grant_type: 'client_credentials',
        client_id: application.appId,
        client_secret: application.secret,
      };
      for (const base of [`/${TENANT}`, `/adfs/aad/${TENANT}`, '/adfs', '/organizations']) {
        const answer = await plane.login('POST', `${base}/oauth2/token`, {
          form: { ...form, resource: 'https://vault.localhost:8443' },
        });
        assert.equal(answer.status, 200, base);
        const { access_token: token, ...rest } = answer.body;
        const start = plane.clock.now() / 1000;
        assert.ok(token);
        assert.deepEqual(rest, {
          token_type: 'Bearer',
          expires_in: 3599,
          ext_expires_in: 3599,
          expires_on: String(start + 3599),
          not_before: String(start),
          resource: 'https://vault.localhost:8443',
        });
      }
    });

    it('takes the client from HTTP Basic, form-encoded, but not together with the form', async () => {
      const { appId, secret } = application;
      const pair = `${encodeURIComponent(appId)}:${encodeURIComponent(secret).replace('.', '%2E')}`;
      const headers = { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
      const form = { grant_type: 'client_credentials', scope: 'https://vault.azure.net/.default' };
      const path = `/${TENANT}/oauth2/v2.0/token`;
      assert.equal((await plane.login('POST', path, { headers, form })).status, 200);
      assert.equal((await plane.login('POST', path, { headers, form: { ...form, client_id: appId } })).status, 200);
      for (const extra of [
        { client_secret: secret },
        { client_id: plane.administrator.appId },
        { client_assertion: 'a.b.c' },
      ]) {
        const { status, body } = await plane.login('POST', path, {
          headers,
          form: { ...form, ...extra } as Record<string, string>,
        });
        assert.deepEqual([status, body.error], [400, 'invalid_request']);
      }
      for (const authorization of [
        'Basic !!!',
        `Basic ${Buffer.from('nocolon').toString('base64')}`,
        'Bearer a.b.c',
        `Basic ${Buffer.from('%zz:x').toString('base64')}`,
      ]) {
        const { status, body } = await plane.login('POST', path, { headers: { authorization }, form });
        assert.deepEqual([status, body.error], [400, 'invalid_request'], authorization);
      }
    });

    it('refuses a wrong secret with 401 and tells the correlation id of the caller', async () => {
      const body = await refused({ client_secret: 'wrong' }, 401, 'invalid_client', 7000215);
      assert.ok(body.error_description.includes(application.appId));
      assert.ok(body.trace_id && body.correlation_id && body.timestamp);
      await refused({ client_secret: `${application.secret} ` }, 401, 'invalid_client', 7000215);
      await refused({ client_secret: application.secret.toUpperCase() }, 401, 'invalid_client', 7000215);
      await refused({ client_secret: plane.administrator.secret }, 401, 'invalid_client', 7000215);
    });

    it('refuses an unknown application, one without service principal, a managed identity, and what is no id', async () => {
      await refused({ client_id: '77777777-7777-4777-8777-777777777777' }, 400, 'unauthorized_client', 700016);
      const bare = await plane.application('without principal');
      await plane.store.write((transaction) => identity.deletePrincipal(transaction, bare.oid));
      assert.equal((await plane.askToken(bare)).body.error_codes[0], 700016);
      const machine = await plane.store.write((transaction) =>
        identity.createManagedIdentity(transaction, plane, {
          resourceId: '/x',
          name: 'x',
          location: 'local',
          tags: {},
          now: 0,
        }),
      );
      await refused({ client_id: machine.clientId }, 400, 'unauthorized_client', 700016);
      const body = await refused({ client_id: application.secret }, 400, 'unauthorized_client', 700016);
      assert.ok(!JSON.stringify(body).includes(application.secret));
    });

    it('refuses a disabled application only once it has proved itself', async () => {
      const one = await plane.application('disabled');
      await plane.store.write((transaction) => identity.setPrincipalEnabled(transaction, one.oid, false));
      assert.equal((await plane.askToken(one, { client_secret: 'wrong' })).body.error_codes[0], 7000215);
      const { status, body } = await plane.askToken(one);
      assert.deepEqual([status, body.error_codes[0]], [401, 7000112]);
    });

    it('refuses an expired secret and one whose time has not come, and finds the good one among several', async () => {
      const one = await plane.application('rotating');
      const now = plane.clock.now();
      const make = (starts: number, expires: number) => {
        const secret = newSecret(plane.random);
        const order = { appId: one.appId, secret, displayName: null, starts, expires, now };
        return plane.store
          .write((transaction) => identity.addSecret(transaction, plane, order))
          .then(() => secret.secretText);
      };
      const expired = await make(now - 2000, now);
      const future = await make(now + 1, now + 5000);
      const good = await make(now, now + 1);
      const codes = async (client_secret: string) => {
        const { status, body } = await plane.askToken(one, { client_secret });
        return [status, body.error_codes?.[0]];
      };
      assert.deepEqual(await codes(expired), [401, 7000222]);
      assert.deepEqual(await codes(future), [401, 7000215]);
      assert.deepEqual(await codes(good), [200, undefined]);
      assert.deepEqual(await codes(one.secret), [200, undefined]);
    });

    it('names the parameter that is missing', async () => {
      for (const [name, code] of [
        ['grant_type', 900144],
        ['client_id', 900144],
        ['scope', 900144],
      ] as const) {
        const body = await refused({ [name]: '' }, 400, 'invalid_request', code);
        assert.ok(body.error_description.includes(`'${name}'`));
      }
      await refused({ client_secret: '' }, 401, 'invalid_client', 7000218);
      await refused({ client_assertion: 'a.b.c' }, 400, 'invalid_request', 90014);
      await refused({ client_secret: '', client_assertion: 'a.b.c' }, 400, 'invalid_request', 900144);
      await refused(
        { client_secret: '', client_assertion: 'a.b.c', client_assertion_type: 'x' },
        401,
        'invalid_client',
        700025,
      );
    });

    it('passes over the scopes of OpenID Connect, which the libraries for Java and Go add', async () => {
      for (const scope of [
        'https://vault.azure.net/.default openid offline_access profile',
        'openid profile offline_access https://vault.azure.net/.default',
      ]) {
        const { status, body } = await plane.askToken(application, { scope });
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(decodeJwt(body.access_token).aud, 'https://vault.azure.net');
        assert.deepEqual([body.id_token, body.refresh_token], [undefined, undefined]);
      }
    });

    it('refuses scopes without /.default, several scopes, and resources that are not here', async () => {
      for (const scope of [
        'https://vault.azure.net',
        'openid',
        'openid profile offline_access',
        'https://vault.azure.net/.default https://graph.microsoft.com/.default',
        'https://vault.azure.net/.default User.Read',
        'https://vault.azure.net/.default\topenid',
        '/.defaultx',
      ]) {
        await refused({ scope }, 400, 'invalid_scope', 70011);
      }
      for (const resource of [
        'https://evil.test',
        'https://x.vault.localhost',
        'https://vault.localhost.evil.test',
        'https://vault.localhost@evil.test',
        '',
        '00000002-0000-0000-c000-000000000000',
      ]) {
        await refused({ scope: `${resource}/.default` }, 400, 'invalid_resource', 500011);
      }
    });

    it('refuses the grants that this release does not have', async () => {
      for (const grant of ['authorization_code', 'constructor']) {
        await refused({ grant_type: grant }, 400, 'unsupported_grant_type', 70003);
      }
    });

    it('names the endpoint of sign-in by redirection, which says that there is none yet', async () => {
      for (const version of ['v2.0/', '']) {
        const { body } = await plane.login('GET', `/common/${version}.well-known/openid-configuration`);
        assert.deepEqual(body.response_types_supported, []);
        const answer = await plane.login('GET', body.authorization_endpoint.slice(ORIGIN.length));
        assert.deepEqual([answer.status, answer.body.error_codes], [400, [70003]]);
        assert.deepEqual(body.grant_types_supported, [
          'client_credentials',
          'password',
          'refresh_token',
          'urn:ietf:params:oauth:grant-type:device_code',
        ]);
      }
    });

    it('takes about the same time for an unknown application as for a wrong secret', async () => {
      const time = async (form: Record<string, string>) => {
        const start = process.hrtime.bigint();
        await plane.askToken(application, form);
        return Number(process.hrtime.bigint() - start);
      };
      let known = Number.POSITIVE_INFINITY;
      let unknown = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 40; round++) {
        known = Math.min(known, await time({ client_secret: 'wrong' }));
        unknown = Math.min(
          unknown,
          await time({ client_id: '77777777-7777-4777-8777-777777777777', client_secret: 'wrong' }),
        );
      }
      // A password hash would be tens of milliseconds: this finds one that is run for known applications alone.
      assert.ok(Math.abs(known - unknown) < 2_000_000, `${known} ns and ${unknown} ns`);
    });
  });

  it('records token requests without the secret, the token or what else was sent in a wrong field', async () => {
    const canary = newSecret(plane.random).secretText;
    const good = await plane.askToken(application);
    const answers = await Promise.all([
      plane.askToken(application, { client_secret: canary }),
      plane.askToken(application, { client_id: canary }),
      plane.askToken(application, { scope: `${canary}/.default` }),
      plane.askToken(application, { scope: canary }),
      plane.askToken(application, { grant_type: canary }),
      plane.askToken(application, { client_secret: '', client_assertion: canary, client_assertion_type: canary }),
      plane.login('POST', `/${TENANT}/oauth2/v2.0/token`, {
        form: { grant_type: 'client_credentials' },
        headers: { authorization: `Basic ${Buffer.from(`${canary}:${canary}`).toString('base64')}` },
      }),
    ]);
    for (const { status, body } of answers) {
      assert.ok(status >= 400);
      assert.ok(!JSON.stringify(body).includes(canary), JSON.stringify(body));
    }
    const audit = await plane.auditText();
    assert.ok(audit.includes('"operationName":"TokenIssue"'));
    assert.ok(audit.includes(application.appId));
    for (const text of [canary, application.secret, good.body.access_token.slice(40, 80)])
      assert.ok(!audit.includes(text));
  });

  it('stores no secret in clear', async () => {
    const rows = await plane.store.reader.db.selectFrom('credentials').selectAll().execute();
    const text = JSON.stringify(rows);
    assert.ok(rows.length > 0);
    assert.ok(!text.includes(application.secret) && !text.includes(application.secret.slice(3)));
    assert.match(rows[0]!.material, /^hmac-sha256\$[\w-]{22}\$[\w-]{43}$/);
  });
});
