import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, objectIdOf, putVault, vaultScope } from '../support/arm.ts';
import { attestationOf, openReleased } from '../support/attested-environment.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, hostOf, type Reply, resources } from '../support/http.ts';
import { type HttpsIssuer, startIssuer } from '../support/https-issuer.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Keys that leave: an attestation authority over TLS, environments with keys of their own, and everyone who should get none. */
const folder = mkdtempSync(join(tmpdir(), 'strongroom-release-'));
let server: TestServer;
let token: string;
let authority: HttpsIssuer;
let stranger: HttpsIssuer;
/** Named in the configuration, and answers nobody. */
let silent: HttpsIssuer;
let recipient: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

before(async () => {
  [authority, stranger, silent] = await Promise.all([startIssuer(), startIssuer(), startIssuer()]);
  silent.fail(true);
  recipient = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const config = join(folder, 'config.json');
  const attestationAuthorities = [authority, silent].map(({ issuer, caFile }) => ({ issuer, caFile }));
  writeFileSync(config, JSON.stringify({ attestationAuthorities }));
  server = await startServer({ args: ['--config', config] });
  const manager = await getToken(server, resources.management);
  token = await getToken(server, resources.data);
  await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
  await assignRole(server, manager, {
    role: 'Key Vault Administrator',
    principalId: objectIdOf(token),
    scope: groupScope(server),
  });
});

after(async () => {
  await server.stop();
  for (const issuer of [authority, stranger, silent]) issuer.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Request extends Partial<Ask> {
  readonly vault?: string;
  readonly version?: string;
}

function ask(
  method: string,
  path: string,
  { vault = 'premium-vault', version = '7.6', ...rest }: Request = {},
): Promise<Reply> {
  return call(server, { ...rest, method, host: `${vault}.vault`, token, path: `${path}?api-version=${version}` });
}

type Json = Readonly<Record<string, unknown>>;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
const policyFor = (issuer: string, value: unknown = 'sevsnpvm') =>
  encode({ version: '1.0.0', anyOf: [{ authority: issuer, allOf: [{ claim: 'x-tee.type', equals: value }] }] });
const exportable = (more: Json = {}, issuer = authority.issuer): Json => ({
  attributes: { exportable: true },
  release_policy: { data: policyFor(issuer), ...more },
});
const make = async (name: string, body: Json, more: Request = {}) => {
  const made = await ask('POST', `/keys/${name}/create`, { ...more, body });
  assert.equal(made.status, 200, made.text);
  return made.body;
};
const jwk = () => ({
  ...recipient.publicKey.export({ format: 'jwk' }),
  kid: 'TpmEphemeralEncryptionKey',
  key_ops: ['encrypt'],
});
const attest = (claims: Json = {}, header: Json = {}, issuer = authority) =>
  attestationOf(issuer, recipient.publicKey, claims, header);
const release = (name: string, target: string, more: Json = {}) =>
  ask('POST', `/keys/${name}/release`, { body: { target, ...more } });
const wrappings = ['CKM_RSA_AES_KEY_WRAP', 'RSA_AES_KEY_WRAP_256', 'RSA_AES_KEY_WRAP_384'];
const open = (value: string) => openReleased(value, recipient.privateKey);

function refused(reply: Reply, status: number, code: string, message?: RegExp): void {
  assert.deepEqual([reply.status, reply.body?.error?.code], [status, code], reply.text);
  if (message) assert.match(reply.body.error.message, message);
}

/** Why requests were refused, as the audit log has it. */
async function codesOf(...replies: readonly Reply[]): Promise<readonly string[]> {
  const { stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
  const records = stdout.split('\n');
  return replies.map(({ headers }) => {
    const record = records.find((line) => line.includes(String(headers['x-ms-request-id']))) ?? '{}';
    return /"((key|release)-[a-z-]+)"/.exec(record)?.[1] ?? record;
  });
}

describe('a key that may leave', () => {
  it('shows that it may, with its policy, and to older api-versions neither', async () => {
    const made = await make('shown', { kty: 'RSA', ...exportable() });
    assert.equal(made.attributes.exportable, true);
    assert.deepEqual(made.release_policy, {
      contentType: 'application/json; charset=utf-8',
      data: policyFor(authority.issuer),
      immutable: false,
    });
    assert.deepEqual((await ask('GET', '/keys/shown')).body, made);
    const old = (await ask('GET', '/keys/shown', { version: '7.2' })).body;
    assert.deepEqual([old.release_policy, old.attributes.exportable], [undefined, undefined]);
    const { value } = (await ask('GET', '/keys')).body;
    assert.equal(value.find((item: { kid: string }) => item.kid.endsWith('/shown')).attributes.exportable, true);
  });

  it('is made in premium vaults with a good policy alone', async () => {
    const body = { kty: 'RSA', ...exportable() };
    const create = (one: Json, more: Request = {}) => ask('POST', '/keys/never/create', { ...more, body: one });
    refused(await create(body, { vault: 'main-vault' }), 400, 'BadParameter', /^AKV\.SKR\.1001: /);
    refused(await create(body, { version: '7.2' }), 400, 'BadParameter', /^AKV\.SKR\.1001: /);
    refused(await create({ kty: 'RSA', attributes: { exportable: true } }), 400, 'BadParameter', /^AKV\.SKR\.1004: /);
    refused(await create({ ...body, attributes: {} }), 400, 'BadParameter', /^AKV\.SKR\.1005: /);
    refused(await create({ ...body, release_policy: { data: 'e30' } }), 400, 'BadParameter', /not valid: version/);
    assert.equal((await ask('GET', '/keys/never')).status, 404);
  });

  it('keeps its policy through new versions, rotation, deletion, backup and restore', async () => {
    const { release_policy: policy } = await make('lasting', { kty: 'EC', ...exportable({ immutable: true }) });
    assert.equal(policy.immutable, true);
    assert.deepEqual((await make('lasting', { kty: 'EC' })).release_policy, policy);
    assert.deepEqual((await ask('POST', '/keys/lasting/rotate')).body.release_policy, policy);
    const backup = (await ask('POST', '/keys/lasting/backup')).body;
    assert.deepEqual((await ask('DELETE', '/keys/lasting')).body.release_policy, policy);
    await ask('DELETE', '/deletedkeys/lasting');
    assert.deepEqual((await ask('POST', '/keys/restore', { body: backup })).body.release_policy, policy);
    assert.equal((await release('lasting', attest())).status, 200);
  });

  it('gets another policy by an update of the key, unless that is immutable', async () => {
    const made = await make('changing', { kty: 'EC', ...exportable() });
    const version = made.key.kid.split('/')[5];
    const body = { release_policy: { data: policyFor(authority.issuer, 'other') } };
    refused(await ask('PATCH', `/keys/changing/${version}`, { body }), 400, 'BadParameter', /^AKV\.SKR\.1016: /);
    refused(await ask('POST', '/keys/changing/create', { body: { kty: 'EC', ...body } }), 400, 'BadParameter', /1016/);
    assert.equal((await ask('PATCH', '/keys/changing', { body })).body.release_policy.data, body.release_policy.data);
    refused(await release('changing', attest()), 403, 'Forbidden');
    assert.equal((await release('changing', attest({ 'x-tee': { type: 'other' } }))).status, 200);
    await ask('PATCH', '/keys/changing', { body: { release_policy: { ...body.release_policy, immutable: true } } });
    const back = { release_policy: { data: policyFor(authority.issuer) } };
    refused(await ask('PATCH', '/keys/changing', { body: back }), 400, 'BadParameter', /^AKV\.SKR\.1020: /);
    const fixed = { attributes: { exportable: false } };
    refused(await ask('PATCH', '/keys/changing', { body: fixed }), 400, 'BadParameter', /^AKV\.SKR\.1014: /);
    await make('staying', { kty: 'EC' });
    refused(await ask('PATCH', '/keys/staying', { body: back }), 400, 'BadParameter', /^AKV\.SKR\.1005: /);
  });
});

describe('a release', () => {
  for (const enc of wrappings) {
    it(`by ${enc} gives the environment the key, signed by the installation`, async () => {
      const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const key = { ...pair.privateKey.export({ format: 'jwk' }), key_ops: ['sign'] };
      const taken = await ask('PUT', `/keys/taken-${enc.replaceAll('_', '-')}`, { body: { key, ...exportable() } });
      assert.equal(taken.status, 200, taken.text);
      const name = taken.body.key.kid.split('/')[4];
      const { body } = await release(name, attest(), { enc, nonce: 'fresh' });
      const { payload, wrapping, material } = open(body.value);
      assert.deepEqual(material, pair.privateKey.export({ type: 'pkcs8', format: 'der' }));
      const { kid } = taken.body.key;
      assert.deepEqual(payload.request, { 'api-version': '7.6', enc, kid, nonce: 'fresh' });
      const { key_hsm: _, ...members } = payload.response.key.key;
      assert.deepEqual({ ...payload.response.key, key: members }, taken.body);
      const header = { kid: 'TpmEphemeralEncryptionKey', alg: 'dir', enc };
      assert.deepEqual(wrapping, { schema_version: '1.0', header });
    });
  }

  it('of curves and symmetric keys gives what they are, by version and by name', async () => {
    const k = Buffer.alloc(32, 7);
    const key = { kty: 'oct', k: k.toString('base64url') };
    const { body } = await ask('PUT', '/keys/symmetric', { body: { key, ...exportable() } });
    const version = body.key.kid.split('/')[5];
    assert.deepEqual(open((await release('symmetric', attest())).body.value).material, k);
    assert.deepEqual(open((await release(`symmetric/${version}`, attest())).body.value).material, k);
    await make('curve', { kty: 'EC', crv: 'P-521', ...exportable() });
    assert.ok(open((await release('curve', attest())).body.value).material.length > 200);
  });

  it('is signed with the certificate that the operator has, and any change shows', async () => {
    await make('signed', { kty: 'oct', key_size: 128, ...exportable() });
    const { value } = (await release('signed', attest())).body as { value: string };
    const [head = '', payload = '', signature = ''] = value.split('.');
    const header = decode(head);
    const certificate = new X509Certificate(readFileSync(join(server.dataDir, 'release-certificate.pem')));
    assert.equal(header.x5c[0], certificate.raw.toString('base64'));
    assert.equal(header.kid, certificate.fingerprint.replaceAll(':', ''));
    assert.deepEqual([header.alg, header.typ], ['RS256', 'JWT']);
    const { verify } = await import('node:crypto');
    const isRight = (text: string) =>
      verify('sha256', Buffer.from(text), certificate.publicKey, Buffer.from(signature, 'base64url'));
    assert.equal(isRight(`${head}.${payload}`), true);
    assert.equal(isRight(`${head}.${encode({ ...decode(payload), more: 1 })}`), false);
  });

  it('is not bound by the times of the key, but by whether it is enabled', async () => {
    const past = { exportable: true, exp: 1_500_000_000 };
    await make('expired', { kty: 'EC', ...exportable(), attributes: past });
    assert.equal((await release('expired', attest())).status, 200);
    await ask('PATCH', '/keys/expired', { body: { attributes: { enabled: false } } });
    refused(await release('expired', attest()), 403, 'Forbidden', /disabled/);
  });

  it('needs the right to release, which is not that of using keys', async () => {
    await make('granted', { kty: 'EC', ...exportable() });
    const manager = await getToken(server, resources.management);
    const scope = vaultScope(server, 'premium-vault');
    const principalId = server.machinePrincipalId;
    const environment = await getToken(server, resources.data, { managedIdentity: '' });
    const asEnvironment = () =>
      call(server, {
        method: 'POST',
        host: 'premium-vault.vault',
        token: environment,
        path: '/keys/granted/release?api-version=7.6',
        body: { target: attest() },
      });
    await assignRole(server, manager, { role: 'Key Vault Crypto User', principalId, scope });
    refused(await asEnvironment(), 403, 'Forbidden', /keys\/release\/action/);
    await assignRole(server, manager, { role: 'Key Vault Crypto Service Release User', principalId, scope });
    assert.ok(open((await asEnvironment()).body.value).material.length > 0);
  });

  it('has an audit record that says who vouched, and not what was released', async () => {
    await make('audited', { kty: 'EC', ...exportable() });
    const done = await release('audited', attest());
    const { stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    const record = stdout.split('\n').find((line) => line.includes(String(done.headers['x-ms-request-id']))) ?? '';
    assert.match(record, /KeyRelease/);
    assert.ok(record.includes(authority.issuer), record);
    assert.equal(record.includes(done.body.value.slice(0, 80)), false);
    const k = Buffer.alloc(32, 9);
    const key = { kty: 'oct', k: k.toString('base64url') };
    assert.equal((await ask('PUT', '/keys/canary', { body: { key, ...exportable() } })).status, 200);
    const target = attest();
    const { text } = await release('canary', target);
    const records = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    const told = [text, records.stdout, ...Object.values(server.output())].join('\n');
    for (const secret of [k.toString('base64url'), k.toString('base64'), k.toString('hex'), target.split('.')[2]!]) {
      assert.equal(told.includes(secret), false);
    }
  });
});

describe('an attestation that is not good enough', () => {
  const name = 'guarded';
  before(() => make(name, { kty: 'EC', ...exportable() }));
  const now = () => Math.floor(Date.now() / 1000);
  const unverified = /^Target environment attestation statement cannot be verified\./;

  it('is one that says other things than the policy asks', async () => {
    const replies: Reply[] = [];
    const unmet = /does not meet key release policy requirements/;
    for (const tee of [{ type: 'other' }, { type: ['sevsnpvm'] }, {}, undefined, 'sevsnpvm']) {
      const reply = await release(name, attest({ 'x-tee': tee }));
      refused(reply, 403, 'Forbidden', unmet);
      replies.push(reply);
    }
    assert.deepEqual(new Set(await codesOf(...replies)), new Set(['release-policy-unmet']));
  });

  it('is one of an authority that the policy does not name, whose keys nobody asks for', async () => {
    const reply = await release(name, attest({}, {}, stranger));
    refused(reply, 403, 'Forbidden', unverified);
    assert.deepEqual(await codesOf(reply), ['release-authority-foreign']);
    assert.deepEqual(stranger.asked, []);
  });

  it('is one of an authority that the operator does not name, though the policy does', async () => {
    await make('of-stranger', { kty: 'EC', ...exportable({}, stranger.issuer) });
    const reply = await release('of-stranger', attest({}, {}, stranger));
    refused(reply, 403, 'Forbidden', unverified);
    assert.deepEqual(await codesOf(reply), ['release-authority-unknown']);
    assert.deepEqual(stranger.asked, []);
  });

  it('is one whose authority cannot be asked', async () => {
    await make('of-silent', { kty: 'EC', ...exportable({}, silent.issuer) });
    const reply = await release('of-silent', attest({}, {}, silent));
    refused(reply, 503, 'ServiceUnavailable');
    assert.deepEqual(await codesOf(reply), ['release-authority-unavailable']);
  });

  it('is one with another signature, algorithm, header, time, or no key for encryption', async () => {
    const [head, payload] = attest().split('.');
    const forged = attest({ iss: authority.issuer }, {}, stranger);
    const wrong: readonly [string, string][] = [
      ['forged', forged],
      ['no signature', `${head}.${payload}.`],
      ['alg none', `${encode({ alg: 'none', kid: 'first' })}.${payload}.`],
      ['alg HS256', `${encode({ alg: 'HS256', kid: 'first' })}.${payload}.AAAA`],
      ['no kid', attest({}, { kid: undefined })],
      ['unknown kid', attest({}, { kid: 'other' })],
      ['crit', attest({}, { crit: ['b64'], b64: false })],
      ['jwk', attest({}, { jwk: jwk() })],
      ['x5u', attest({}, { x5u: 'https://localhost/x' })],
      ['no exp', attest({ exp: undefined })],
      ['exp text', attest({ exp: String(now() + 600) })],
      ['expired', attest({ exp: now() - 1 })],
      ['two days', attest({ exp: now() + 172_800 })],
      ['not yet', attest({ nbf: now() + 300 })],
      ['no keys', attest({ 'x-ms-runtime': {} })],
      ['signing key', attest({ 'x-ms-runtime': { keys: [{ ...jwk(), key_ops: ['sign'] }] } })],
      ['no token', 'no token'],
      ['no issuer', attest({ iss: undefined })],
      ['long', `${head}.${payload}.${'A'.repeat(140_000)}`],
    ];
    const replies: Reply[] = [];
    for (const [what, target] of wrong) {
      const reply = await release(name, target);
      assert.equal(reply.status, 403, `${what}: ${reply.text}`);
      assert.match(reply.body.error.message, unverified);
      replies.push(reply);
    }
    const codes = await codesOf(...replies);
    assert.deepEqual(
      codes,
      wrong.map(() => 'release-attestation-invalid'),
    );
    assert.equal(
      (await release(name, attest({}, { jku: 'https://elsewhere.example/keys' }))).status,
      200,
      'jku is not asked',
    );
  });

  it('is none at all, or comes with an unknown wrapping or a nonce that is no text', async () => {
    refused(await ask('POST', `/keys/${name}/release`, { body: {} }), 400, 'BadParameter');
    for (const more of [{ enc: 'RSA-OAEP' }, { enc: 'constructor' }, { nonce: 7 }, { nonce: 'x'.repeat(1025) }]) {
      refused(await release(name, attest(), more), 400, 'BadParameter');
    }
  });

  it('does not matter to a key that never leaves', async () => {
    await make('home', { kty: 'EC' });
    const reply = await release('home', attest());
    refused(reply, 403, 'Forbidden', /Operation release is not permitted/);
    assert.deepEqual(await codesOf(reply), ['key-not-exportable']);
  });
});

describe('what key vaults do not have', () => {
  it('is a key that an external key manager holds: none is made in its place', async () => {
    const attributes = { external_key: { id: 'theirs' } };
    for (const body of [{ attributes }, { kty: 'RSA', attributes }]) {
      const reply = await ask('POST', '/keys/external/create', { version: '2026-04-01', body });
      refused(reply, 400, 'BadParameter', /external_key is only supported with managed HSM/);
      assert.deepEqual(await codesOf(reply), ['key-external-unavailable']);
    }
    refused(await ask('GET', '/keys/external'), 404, 'KeyNotFound');
  });
});

describe('what software keys cannot do', () => {
  it('is being attested, or coming in a transfer blob', async () => {
    await make('soft', { kty: 'EC' });
    const reply = await ask('GET', '/keys/soft/attestation');
    refused(reply, 400, 'BadParameter', /attestation is not available for a key of type EC/);
    refused(await ask('GET', '/keys/none/attestation'), 404, 'KeyNotFound');
    const kid = `https://${hostOf(server, 'premium-vault.vault')}/keys/kek/0123456789abcdef0123456789abcdef`;
    const header = { kid, alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' };
    const blob = { schema_version: '1.0.0', header, ciphertext: Buffer.alloc(300).toString('base64url') };
    const key = (key_hsm: string) => ({ body: { key: { kty: 'RSA-HSM', key_hsm } } });
    refused(await ask('PUT', '/keys/blob', key(encode(blob))), 501, 'NotImplemented', /no key token/);
    refused(await ask('PUT', '/keys/blob', { ...key(encode(blob)), vault: 'main-vault' }), 400, 'BadParameter');
    refused(await ask('PUT', '/keys/blob', key('e30')), 400, 'BadParameter', /blob is not valid/);
  });
});
