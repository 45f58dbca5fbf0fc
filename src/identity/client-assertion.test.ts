import assert from 'node:assert/strict';
import {
  constants,
  createHash,
  generateKeyPairSync,
  KeyObject,
  randomUUID,
  sign,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { type IdentityPlane, identityPlane, TENANT, type TestApplication } from '../../tests/support/identity-plane.ts';
import { readCertificate } from './certificate.ts';
import * as identity from './service.ts';

type Json = Record<string, unknown>;
const TOKEN_URL = `https://login.localhost:8443/${TENANT}/oauth2/v2.0/token`;

interface Holder {
  readonly der: Buffer;
  readonly privateKey: KeyObject;
  readonly sha1: string;
  readonly sha256: string;
}

async function makeHolder(notBefore: number, notAfter: number): Promise<Holder> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=client',
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(certificate.rawData);
  return {
    der,
    privateKey: KeyObject.from(keys.privateKey),
    sha1: createHash('sha1').update(der).digest('base64url'),
    sha256: createHash('sha256').update(der).digest('base64url'),
  };
}

describe('tokens by certificate', () => {
  let plane: IdentityPlane;
  let application: TestApplication;
  let holder: Holder;
  let now: number;
  before(async () => {
    plane = await identityPlane();
    now = plane.clock.now() / 1000;
    application = await plane.application('certified');
    holder = await makeHolder(plane.clock.now() - 1000, plane.clock.now() + 3_600_000);
    await register(application, holder);
  });
  after(() => plane.cleanup());

  const register = (to: TestApplication, held: Holder) => {
    const certificate = readCertificate(held.der.toString('base64'));
    assert.ok(!('reason' in certificate));
    const order = { appId: to.appId, certificate, displayName: null, now: plane.clock.now() };
    return plane.store.write((transaction) => identity.addCertificate(transaction, plane, order));
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const assertion = (claims: Json = {}, header: Json = {}, key = holder.privateKey) => {
    const { appId } = application;
    const usual = { aud: TOKEN_URL, iss: appId, sub: appId, jti: randomUUID(), nbf: now, exp: now + 600 };
    const named = 'x5t' in header || 'kid' in header || 'x5t#S256' in header ? {} : { x5t: holder.sha1 };
    const full: Json = { typ: 'JWT', alg: 'RS256', ...named, ...header };
    const input = `${encode(full)}.${encode({ ...usual, ...claims })}`;
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const signature = sign('RSA-SHA256', Buffer.from(input), full['alg'] === 'PS256' ? { key, ...pss } : key);
    return `${input}.${signature.toString('base64url')}`;
  };
  const send = (text: string, form: Record<string, string> = {}, address = '127.0.0.1') =>
    plane.askToken(
      application,
      {
        client_secret: '',
        client_assertion: text,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        ...form,
      },
      address,
    );
  const codeOf = async (text: string, form?: Record<string, string>, address?: string) => {
    const { status, body } = await send(text, form, address);
    if (status !== 200) assert.equal(status, 401, JSON.stringify(body));
    return status === 200 ? 200 : body.error_codes[0];
  };

  it('accepts RS256 and PS256, whichever way the header names the certificate', async () => {
    const hex = Buffer.from(holder.sha1, 'base64url').toString('hex');
    for (const header of [
      { x5t: holder.sha1 },
      { x5t: `${holder.sha1}=` },
      { 'x5t#S256': holder.sha256 },
      { 'x5t#S256': `${holder.sha256}=` },
      { kid: hex.toUpperCase() },
      { kid: holder.sha1 },
      { x5t: holder.sha1, x5c: [holder.der.toString('base64')] },
      { 'x5t#S256': holder.sha256, kid: 'anything' },
    ]) {
      for (const alg of ['RS256', 'PS256']) {
        assert.equal(await codeOf(assertion({}, { ...header, alg })), 200, JSON.stringify(header));
      }
    }
  });

  it('says in the token that a certificate proved the client', async () => {
    const { body } = await send(assertion());
    const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString());
    assert.deepEqual([claims.appidacr, claims.oid, claims.appid], ['2', application.oid, application.appId]);
  });

  it('accepts every way of naming this authority, with any port, and no other', async () => {
    const login = 'https://login.localhost';
    for (const aud of [
      TOKEN_URL,
      `${login}/${TENANT}/oauth2/token`,
      `${login}:9999/${TENANT}/v2.0`,
      `${login}/${TENANT}/`,
      `${login}/${TENANT}`,
      `${login}:8443/adfs/aad/${TENANT}/oauth2/token`,
      `${login}/organizations/oauth2/v2.0/token`,
      `${login}/contoso.test/oauth2/v2.0/token`,
      `${login}/adfs/oauth2/token`,
      `https://sts.localhost/${TENANT}/`,
    ]) {
      assert.equal(await codeOf(assertion({ aud })), 200, aud);
    }
    for (const aud of [
      undefined,
      '',
      [TOKEN_URL],
      TOKEN_URL.replace('https', 'http'),
      TOKEN_URL.replace(TENANT, '66666666-6666-4666-8666-666666666666'),
      TOKEN_URL.replace('login.localhost', 'login.evil.test'),
      `${login}@evil.test/${TENANT}/oauth2/v2.0/token`,
      `${login}/${TENANT}/../x/oauth2/v2.0/token`,
      `${TOKEN_URL}#x`,
      `${TOKEN_URL}?x`,
      'https://login.microsoftonline.com/common/oauth2/v2.0/token',
    ]) {
      assert.equal(await codeOf(assertion({ aud })), 700023, String(aud));
    }
  });

  it('accepts fractions of seconds, and judges the times', async () => {
    assert.equal(await codeOf(assertion({ exp: now + 599.5, iat: now - 0.25, nbf: now + 0.75 })), 200);
    assert.equal(await codeOf(assertion({ nbf: undefined })), 200);
    assert.equal(await codeOf(assertion({ nbf: now + 300 })), 200);
    assert.equal(await codeOf(assertion({ nbf: now + 301 })), 700024);
    assert.equal(await codeOf(assertion({ exp: now })), 700024);
    assert.equal(await codeOf(assertion({ exp: now - 1000 })), 700024);
    assert.equal(await codeOf(assertion({ exp: now + 86_400 })), 200);
    assert.equal(await codeOf(assertion({ exp: now + 86_401 })), 700024);
    assert.equal(await codeOf(assertion({ exp: 1e300 })), 700024);
    for (const exp of [undefined, null, String(now + 600), {}]) assert.equal(await codeOf(assertion({ exp })), 50027);
    assert.equal(await codeOf(assertion({ nbf: 'now' })), 50027);
  });

  it('must be by and about the client itself', async () => {
    assert.equal(await codeOf(assertion({ iss: plane.administrator.appId })), 700021);
    assert.equal(await codeOf(assertion({ sub: plane.administrator.appId })), 700021);
    assert.equal(await codeOf(assertion({ sub: undefined })), 700021);
    assert.equal(await codeOf(assertion({ iss: application.appId.toUpperCase() })), 200);
  });

  it('proves nothing for another application', async () => {
    assert.equal(await codeOf(assertion(), { client_id: plane.administrator.appId }), 700027);
  });

  it('refuses unregistered certificates, other keys, and a key that the header brings along', async () => {
    const stranger = await makeHolder(plane.clock.now(), plane.clock.now() + 1000);
    assert.equal(await codeOf(assertion({}, { x5t: stranger.sha1 }, stranger.privateKey)), 700027);
    assert.equal(await codeOf(assertion({}, { x5t: holder.sha1 }, stranger.privateKey)), 700027);
    const x5c = [stranger.der.toString('base64')];
    assert.equal(await codeOf(assertion({}, { x5t: holder.sha1, x5c }, stranger.privateKey)), 700027);
    const jwk = stranger.privateKey.export({ format: 'jwk' });
    assert.equal(
      await codeOf(assertion({}, { x5t: holder.sha1, jwk: { kty: 'RSA', n: jwk.n, e: jwk.e } }, stranger.privateKey)),
      700027,
    );
    // The stronger thumbprint decides where there are two.
    assert.equal(await codeOf(assertion({}, { x5t: holder.sha1, 'x5t#S256': stranger.sha256 })), 700027);
  });

  it('refuses other algorithms, also those that would take the public key for a secret', async () => {
    const input = (alg: string) => `${encode({ alg, x5t: holder.sha1 })}.${assertion().split('.')[1]}`;
    const pem = new X509Certificate(holder.der).publicKey.export({ format: 'pem', type: 'spki' });
    const mac = createHash('sha256').update(pem).digest('base64url');
    for (const alg of ['none', 'HS256', 'RS384', 'ES256', 'rs256']) {
      assert.equal(await codeOf(`${input(alg)}.${mac}`), 700027, alg);
    }
    // Signed with one padding, announced with the other.
    const [, payload, signature] = assertion().split('.');
    assert.equal(await codeOf(`${encode({ alg: 'PS256', x5t: holder.sha1 })}.${payload}.${signature}`), 700027);
  });

  it('refuses what is no JWT, names no certificate or has critical extensions', async () => {
    for (const text of [
      'x',
      'a.b',
      'a.b.c',
      `${assertion()}.x`,
      `${'a'.repeat(20_000)}.b.c`,
      assertion({}, { x5t: 'AAAA' }),
      assertion({}, { crit: ['x'], x: 1 }),
    ]) {
      assert.equal(await codeOf(text), 50027, text.slice(0, 60));
    }
  });

  it('refuses a certificate outside its time', async () => {
    const old = await makeHolder(plane.clock.now() - 5000, plane.clock.now() - 1000);
    await register(application, old);
    assert.equal(await codeOf(assertion({}, { x5t: old.sha1 }, old.privateKey)), 7000222);
  });

  it('is good once for a resource, also when it comes many times at once', async () => {
    const text = assertion();
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(text)));
    assert.equal(codes.filter((code) => code === 200).length, 1);
    assert.equal(codes.filter((code) => code === 700024).length, 19);
    // msal-node keeps an assertion for its ten minutes and asks for each resource with it.
    assert.equal(await codeOf(text, { scope: 'https://management.localhost:8443//.default' }), 200);
    assert.equal(await codeOf(text, { scope: 'https://management.localhost:8443//.default' }), 700024);
    assert.equal(await codeOf(text, { scope: 'https://management.localhost:1/.default' }), 700024);
    assert.equal(await codeOf(text, { scope: 'https://VAULT.azure.net//.default' }), 700024);
  });

  it('is good only where it was first used, whichever resource is asked for', async () => {
    const text = assertion();
    const scope = 'https://graph.localhost/.default';
    assert.equal(await codeOf(text), 200);
    assert.equal(await codeOf(text, { scope }, '192.0.2.7'), 700024);
    assert.equal(await codeOf(text, { scope }, '::1'), 200);
  });

  it('is good once though it is signed again, names no id, or is spelled differently', async () => {
    const jti = randomUUID();
    assert.equal(await codeOf(assertion({ jti }, { alg: 'PS256' })), 200);
    assert.equal(await codeOf(assertion({ jti }, { alg: 'PS256' })), 700024);
    const anonymous = assertion({ jti: undefined, nonce: jti });
    assert.equal(await codeOf(anonymous), 200);
    assert.equal(await codeOf(anonymous), 700024);
    // The last character of the signature holds two bits that mean nothing.
    const respelled = anonymous.slice(0, -1) + String.fromCharCode(anonymous.charCodeAt(anonymous.length - 1) + 1);
    assert.notEqual(await codeOf(respelled), 200);
  });

  it('forgets uses once the assertions have ended, and no sooner', async () => {
    const text = assertion({ exp: now + 600 });
    assert.equal(await codeOf(text), 200);
    const count = async () =>
      (
        await plane.store.reader.db
          .selectFrom('assertions')
          .select('digest')
          .where('expires', '<=', (now + 600) * 1000)
          .execute()
      ).length;
    assert.ok((await count()) > 0);
    plane.clock.set((now + 601) * 1000);
    assert.equal(await codeOf(text), 700024);
    assert.equal(await codeOf(assertion({ exp: now + 1200 })), 200);
    assert.equal(await count(), 0);
    plane.clock.set(now * 1000);
  });

  it('reads certificates of RSA keys alone, as PEM or as base64 in lines', () => {
    const base64 = holder.der.toString('base64');
    const lines = base64.replace(/(.{64})/g, '$1\n');
    const pem = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
    for (const text of [base64, lines, pem]) {
      const certificate = readCertificate(text);
      assert.ok(!('reason' in certificate));
      assert.deepEqual([certificate.sha1, certificate.sha256], [holder.sha1, holder.sha256]);
    }
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const text of [
      '',
      'x',
      base64.slice(0, 200),
      publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      'A'.repeat(40_000),
    ]) {
      assert.ok('reason' in readCertificate(text), text.slice(0, 40));
    }
    for (let length = 0; length < holder.der.length; length += 37) {
      assert.ok('reason' in readCertificate(holder.der.subarray(0, length).toString('base64')));
    }
  });
});
