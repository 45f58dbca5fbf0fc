import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose/jwt/sign';
import { type IdentityPlane, identityPlane, TENANT, type TestApplication } from '../../tests/support/identity-plane.ts';
import { addFederatedCredential, removeFederatedCredential } from './federated-credentials.ts';
import * as identity from './service.ts';

const ISSUER = 'https://cluster.example/id';
const BROKEN = 'https://broken.example';
const SUBJECT = 'system:serviceaccount:shop:checkout';
const AUDIENCE = 'api://AzureADTokenExchange';
const USUAL = ['RS256', 'PS256', 'ES256'];

const newPair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });

describe('tokens by an outside issuer', () => {
  let folder: string;
  let keyFile: string;
  let plane: IdentityPlane;
  let application: TestApplication;
  let credentialId: string;
  const pair = newPair();
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  const publish = (...keys: readonly (readonly [string, KeyObject])[]) =>
    writeFileSync(
      keyFile,
      JSON.stringify({ keys: keys.map(([kid, key]) => ({ ...key.export({ format: 'jwk' }), kid })) }),
    );
  const federate = async (appId: string, subject = SUBJECT, name = 'checkout') => {
    const credential = { name, issuer: ISSUER, subject, audiences: [AUDIENCE], description: null };
    const order = { appId, credential, now: plane.clock.now() };
    const added = await plane.store.write((transaction) => addFederatedCredential(transaction, plane, order));
    assert.ok('id' in added);
    return added.id;
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-issuer-'));
    keyFile = join(folder, 'jwks.json');
    publish(['first', pair.publicKey], ['curve', curve.publicKey]);
    plane = await identityPlane([
      { issuer: ISSUER, keys: { kind: 'file', path: keyFile }, caFile: null, algorithms: USUAL, bearer: null },
      {
        issuer: BROKEN,
        keys: { kind: 'file', path: join(folder, 'none') },
        caFile: null,
        algorithms: USUAL,
        bearer: null,
      },
    ]);
    application = await plane.application('checkout');
    credentialId = await federate(application.appId);
  });
  after(async () => {
    await plane.cleanup();
    rmSync(folder, { recursive: true, force: true });
  });

  const outside = (
    claims: Readonly<Record<string, unknown>> = {},
    header: { readonly alg?: string; readonly kid?: string } = {},
    key: KeyObject | Uint8Array = pair.privateKey,
  ) => {
    const now = plane.clock.now() / 1000;
    return new SignJWT({ iss: ISSUER, sub: SUBJECT, aud: [AUDIENCE], iat: now, exp: now + 600, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'first', ...header })
      .sign(key);
  };
  const ask = async (assertion: string, clientId = application.appId) => {
    const form = {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      scope: 'https://vault.azure.net/.default',
    };
    return plane.login('POST', `/${TENANT}/oauth2/v2.0/token`, { form });
  };
  const codeOf = async (assertion: string) => {
    const { status, body } = await ask(assertion);
    return status === 200 ? 200 : body.error_codes[0];
  };
  const authenticate = (token: string) =>
    plane.authenticator.authenticate(`Bearer ${token}`, 'data', TENANT, plane.clock.now());

  it('takes what the federated credential names, as often as it is brought', async () => {
    const assertion = await outside({ jti: 'once' });
    for (const _ of [1, 2]) {
      const { status, body } = await ask(assertion);
      assert.equal(status, 200, JSON.stringify(body));
      const result = await authenticate(body.access_token);
      assert.ok('caller' in result);
      assert.deepEqual([result.caller.oid, result.caller.appIdAcr], [application.oid, '2']);
    }
    assert.equal(await codeOf(await outside({ aud: AUDIENCE }, { alg: 'PS256' })), 200);
    assert.equal(await codeOf(await outside({}, { alg: 'ES256', kid: 'curve' }, curve.privateKey)), 200);
  });

  it('takes it for a managed identity by its client id', async () => {
    const making = { resourceId: `/subscriptions/x/id/${credentialId}`, name: 'id', location: 'local', tags: {} };
    const made = await plane.store.write((transaction) =>
      identity.createManagedIdentity(transaction, plane, { ...making, now: plane.clock.now() }),
    );
    await federate(made.clientId);
    const { body } = await ask(await outside(), made.clientId);
    const result = await authenticate(body.access_token);
    assert.ok('caller' in result);
    assert.deepEqual([result.caller.oid, result.caller.managedIdentity], [made.principalId, making.resourceId]);
  });

  it('compares issuer, subject and audience letter by letter', async () => {
    assert.equal(await codeOf(await outside({ iss: `${ISSUER}/` })), 50107);
    assert.equal(await codeOf(await outside({ iss: 'https://169.254.169.254/' })), 50107);
    assert.equal(await codeOf(await outside({ sub: SUBJECT.toUpperCase() })), 700213);
    assert.equal(await codeOf(await outside({ aud: [AUDIENCE.toLowerCase()] })), 700212);
    const stranger = await plane.application('stranger');
    const { body } = await ask(await outside(), stranger.appId);
    assert.equal(body.error_codes[0], 700211);
    assert.match(body.error_description, /No matching federated identity record found/);
  });

  it('believes nothing that the issuer has not signed as agreed', async () => {
    assert.equal(await codeOf(await outside({}, {}, newPair().privateKey)), 50013);
    assert.equal(await codeOf(await outside({}, { alg: 'RS512' })), 50027);
    assert.equal(await codeOf(await outside({}, { alg: 'HS256' }, new Uint8Array(32))), 50027);
    assert.equal(await codeOf(await outside({}, { kid: '' })), 50027);
    assert.equal(await codeOf(await outside({ aud: [AUDIENCE, 'other'] })), 50027);
    assert.equal(await codeOf(await outside({ sub: undefined })), 50027);
    assert.equal(await codeOf(await outside({ exp: undefined })), 50027);
    const [header, claims] = (await outside()).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'first' })).toString('base64url');
    assert.notEqual(await codeOf(`${none}.${claims}.`), 200);
    assert.equal(await codeOf(`${header}.${claims}.AAAA`), 50013);
  });

  it('is held to its times', async () => {
    const now = plane.clock.now() / 1000;
    assert.equal(await codeOf(await outside({ exp: now - 61 })), 700024);
    assert.equal(await codeOf(await outside({ nbf: now + 61 })), 700024);
  });

  it('says that the keys of an issuer cannot be had', async () => {
    const { status, body } = await ask(await outside({ iss: BROKEN }));
    assert.deepEqual([status, body.error_codes], [503, [50166]]);
    assert.ok(!JSON.stringify(body).includes(folder));
  });

  it('follows a change of keys, but does not ask again and again', async () => {
    const next = newPair();
    plane.clock.advance(31_000);
    assert.equal(await codeOf(await outside({}, { kid: 'unknown' })), 50013);
    publish(['next', next.publicKey]);
    assert.equal(await codeOf(await outside({}, { kid: 'next' }, next.privateKey)), 50013);
    plane.clock.advance(30_000);
    assert.equal(await codeOf(await outside({}, { kid: 'next' }, next.privateKey)), 200);
    assert.equal(await codeOf(await outside()), 50013);
    publish(['first', pair.publicKey], ['curve', curve.publicKey]);
    plane.clock.advance(3_600_000);
    assert.equal(await codeOf(await outside()), 200);
  });

  it('ends with the federated credential that it was got by', async () => {
    const { body } = await ask(await outside());
    assert.ok('caller' in (await authenticate(body.access_token)));
    await plane.store.write((transaction) => removeFederatedCredential(transaction, application.appId, credentialId));
    const result = await authenticate(body.access_token);
    assert.equal('refusal' in result && result.refusal, 'token-credential-removed');
    assert.equal(await codeOf(await outside()), 700211);
  });
});

describe('tokens by a secret', () => {
  let plane: IdentityPlane;
  before(async () => {
    plane = await identityPlane();
  });
  after(() => plane.cleanup());

  it('end at once where the secret is removed, and other secrets go on', async () => {
    const application = await plane.application('rotating');
    const { appId } = application;
    const token = await plane.tokenOf(application);
    const authenticate = () => plane.authenticator.authenticate(`Bearer ${token}`, 'data', TENANT, plane.clock.now());
    assert.ok('caller' in (await authenticate()));
    const row = await plane.store.reader.db
      .selectFrom('credentials')
      .select('id')
      .where('app_id', '=', appId)
      .executeTakeFirstOrThrow();
    await plane.store.write((transaction) =>
      identity.removeCredential(transaction, { appId, id: row.id, kind: 'secret' }),
    );
    const result = await authenticate();
    assert.equal('refusal' in result && result.refusal, 'token-credential-removed');
  });

  it('end at latest with the secret', async () => {
    const application = await plane.application('ending');
    plane.clock.advance(30 * 86_400_000 - 60_000);
    const { body } = await plane.askToken(application);
    assert.equal(body.expires_in, 60);
  });
});
