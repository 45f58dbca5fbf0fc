import assert from 'node:assert/strict';
import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, makeIdentity, objectIdOf, putVault, vaultScope } from '../support/arm.ts';
import { attestationOf, openWrapped } from '../support/attested-environment.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { type HttpsIssuer, startIssuer } from '../support/https-issuer.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Keys that wrap new keys, and unwrap them for attested environments alone. */
const folder = mkdtempSync(join(tmpdir(), 'strongroom-secure-wrap-'));
let server: TestServer;
let manager: string;
let token: string;
let authority: HttpsIssuer;
let stranger: HttpsIssuer;
let environment: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

before(async () => {
  [authority, stranger] = await Promise.all([startIssuer(), startIssuer()]);
  environment = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const config = join(folder, 'config.json');
  const { issuer, caFile } = authority;
  writeFileSync(config, JSON.stringify({ attestationAuthorities: [{ issuer, caFile }] }));
  server = await startServer({ args: ['--config', config] });
  manager = await getToken(server, resources.management);
  token = await getToken(server, resources.data);
  await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
  const principalId = objectIdOf(token);
  await assignRole(server, manager, { role: 'Key Vault Administrator', principalId, scope: groupScope(server) });
});

after(async () => {
  await server.stop();
  for (const issuer of [authority, stranger]) issuer.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Request extends Partial<Ask> {
  readonly vault?: string;
  readonly version?: string;
}
const ask = (
  method: string,
  path: string,
  body?: object,
  { vault = 'premium-vault', version = '2026-04-01', ...rest }: Request = {},
): Promise<Reply> =>
  call(server, {
    ...{ token, ...rest, method, host: `${vault}.vault`, path: `${path}?api-version=${version}` },
    ...(body && { body }),
  });

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const policy = (value = 'sevsnpvm') => ({
  data: encode({
    version: '1.0.0',
    anyOf: [{ authority: authority.issuer, allOf: [{ claim: 'x-tee.type', equals: value }] }],
  }),
});
const operations = ['secureWrapKey', 'secureUnwrapKey'];
const attest = (claims: object = {}, of = authority) =>
  attestationOf(of, environment.publicKey, claims as Readonly<Record<string, unknown>>);
async function make(name: string, kty: string, more: object = {}) {
  const made = await ask('POST', `/keys/${name}/create`, {
    kty,
    key_ops: operations,
    release_policy: policy(),
    ...more,
  });
  assert.equal(made.status, 200, made.text);
  return made.body;
}
const wrap = (name: string, alg: string, more?: Request) => ask('POST', `/keys/${name}/securewrapkey`, { alg }, more);
const unwrap = (name: string, alg: string, value: string, target = attest(), more?: Request) =>
  ask('POST', `/keys/${name}/secureunwrapkey`, { alg, value, target }, more);
function refused(reply: Reply, status: number, code: string, message?: RegExp): void {
  assert.deepEqual([reply.status, reply.body?.error?.code], [status, code], reply.text);
  if (message) assert.match(reply.body.error.message, message);
}

/** Records of the audit log, as text. */
async function recordsOf(...replies: readonly Reply[]): Promise<readonly string[]> {
  const { stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
  const lines = stdout.split('\n');
  return replies.map(({ headers }) => lines.find((line) => line.includes(String(headers['x-ms-request-id']))) ?? '');
}

const kinds = [
  ['RSA', {}, ['RSA-OAEP-256']],
  ['oct', { key_size: 128 }, ['A128KW', 'A128KWPAD', 'CKM_AES_KEY_WRAP', 'CKM_AES_KEY_WRAP_PAD']],
  ['oct', { key_size: 192 }, ['A192KW', 'A192KWPAD']],
  ['oct', { key_size: 256 }, ['A256KW', 'A256KWPAD', 'CKM_AES_KEY_WRAP', 'CKM_AES_KEY_WRAP_PAD']],
] as const;

describe('a key for secure wrapping', () => {
  for (const [index, [kty, more, algorithms]] of kinds.entries()) {
    it(`${kty} ${JSON.stringify(more)} wraps a new AES key each time, and unwraps it for an attested environment`, async () => {
      const name = `wraps-${index}`;
      const made = await make(name, kty, more);
      assert.deepEqual([made.key.key_ops, made.attributes.exportable], [operations, false]);
      assert.equal(made.release_policy.data, policy().data);
      for (const alg of algorithms) {
        const [one, other] = [await wrap(name, alg), await wrap(name, alg)];
        assert.equal(one.status, 200, one.text);
        assert.deepEqual(Object.keys(one.body).toSorted(), ['alg', 'kid', 'value']);
        assert.deepEqual([one.body.kid, one.body.alg], [made.key.kid, alg]);
        const opened: Buffer[] = [];
        for (const { body } of [one, other, one]) {
          const reply = await unwrap(name, alg, body.value);
          assert.equal(reply.status, 200, reply.text);
          assert.deepEqual([reply.body.kid, reply.body.alg], [made.key.kid, alg]);
          const { material, wrapping } = openWrapped(reply.body.value, environment.privateKey);
          assert.deepEqual(wrapping, {
            schema_version: '1.0',
            header: { kid: 'TpmEphemeralEncryptionKey', alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' },
          });
          opened.push(material);
        }
        assert.deepEqual(
          opened.map(({ length }) => length),
          [32, 32, 32],
        );
        assert.ok(opened[0]!.equals(opened[2]!) && !opened[0]!.equals(opened[1]!), alg);
      }
    });
  }

  it('unwraps with an earlier version what that one wrapped, and what it did not with none', async () => {
    await make('turned', 'RSA');
    const { body } = await wrap('turned', 'RSA-OAEP-256');
    const version = body.kid.split('/').pop();
    assert.equal((await ask('POST', '/keys/turned/rotate')).status, 200);
    refused(await unwrap('turned', 'RSA-OAEP-256', body.value), 400, 'BadParameter');
    const reply = await unwrap(`turned/${version}`, 'RSA-OAEP-256', body.value);
    assert.equal(openWrapped(reply.body.value, environment.privateKey).material.length, 32);
    const backup = await ask('POST', '/keys/turned/backup');
    await ask('DELETE', '/keys/turned');
    await ask('DELETE', '/deletedkeys/turned');
    const restored = await ask('POST', '/keys/restore', { value: backup.body.value });
    assert.deepEqual([restored.body.attributes.exportable, restored.body.key.key_ops], [false, operations]);
    assert.equal((await unwrap(`turned/${version}`, 'RSA-OAEP-256', body.value)).status, 200);
  });

  it('is recorded with algorithm, authority and recipient, and no key is in records or logs', async () => {
    await make('recorded', 'oct', { key_size: 256 });
    const wrapped = await wrap('recorded', 'A256KW');
    const opened = await unwrap('recorded', 'A256KW', wrapped.body.value);
    const { material } = openWrapped(opened.body.value, environment.privateKey);
    const records = await recordsOf(wrapped, opened);
    assert.match(records[0]!, /"operationName":"KeySecureWrap".*"algorithm":"A256KW"/);
    assert.match(records[1]!, /"operationName":"KeySecureUnwrap"/);
    for (const text of ['"algorithm":"A256KW"', authority.issuer, 'TpmEphemeralEncryptionKey']) {
      assert.ok(records[1]!.includes(text), `${text} in ${records[1]}`);
    }
    const { stdout } = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    const everything = [stdout, server.output().stdout, server.output().stderr].join('\n');
    for (const form of ['hex', 'base64', 'base64url'] as const) {
      assert.ok(!everything.includes(material.toString(form)), form);
    }
  });
});

describe('a wrapped key stays wrapped', () => {
  const name = 'guards';
  const alg = 'RSA-OAEP-256';
  let wrapped: string;
  let publicKey: KeyObject;
  before(async () => {
    const { key } = await make(name, 'RSA');
    publicKey = createPublicKey({ key: { kty: 'RSA', n: key.n, e: key.e }, format: 'jwk' });
    wrapped = (await wrap(name, alg)).body.value;
  });

  it('for an environment that is not attested, or not as the policy says', async () => {
    const unmet = /does not meet key release policy/;
    refused(await unwrap(name, alg, wrapped, attest({ 'x-tee': { type: 'other' } })), 403, 'Forbidden', unmet);
    const unverified = /attestation statement cannot be verified/;
    for (const target of [
      attest({}, stranger),
      attest({ iss: authority.issuer }, stranger),
      attest({ exp: 1 }),
      attest({ 'x-ms-runtime': {} }),
      'no token',
    ]) {
      refused(await unwrap(name, alg, wrapped, target), 403, 'Forbidden', unverified);
    }
    for (const body of [
      { alg, value: wrapped },
      { alg, value: wrapped, target: '' },
      { alg, value: wrapped, target: 5 },
    ]) {
      refused(await ask('POST', `/keys/${name}/secureunwrapkey`, body), 400, 'BadParameter');
    }
  });

  it('for every other operation, and the key itself never leaves', async () => {
    const others = [
      ['unwrapkey', { alg, value: wrapped }],
      ['decrypt', { alg, value: wrapped }],
      ['wrapkey', { alg, value: 'AAAA' }],
      ['sign', { alg: 'RS256', value: Buffer.alloc(32).toString('base64url') }],
      ['release', { target: attest() }],
    ] as const;
    for (const [verb, body] of others) {
      const reply = await ask('POST', `/keys/${name}/${verb}`, body);
      refused(reply, 403, 'Forbidden');
      assert.equal(reply.body.error.innererror.code, 'KeyOperationForbidden', verb);
    }
  });

  it('by updates and later versions, whoever makes them', async () => {
    for (const body of [
      { key_ops: ['unwrapKey'] },
      { key_ops: [...operations, 'unwrapKey'] },
      { key_ops: [] },
      { attributes: { exportable: true } },
    ]) {
      refused(await ask('PATCH', `/keys/${name}`, body), 400, 'BadParameter');
    }
    for (const body of [
      { kty: 'RSA' },
      { kty: 'RSA', key_ops: operations, attributes: { exportable: true } },
      { kty: 'RSA', key_ops: operations, release_policy: policy('other') },
    ]) {
      refused(await ask('POST', `/keys/${name}/create`, body), 400, 'BadParameter');
    }
    assert.equal((await ask('GET', `/keys/${name}`)).body.key.key_ops.length, 2);
    assert.equal((await unwrap(name, alg, wrapped)).status, 200);
  });

  it('where it was changed, is none, or holds no key of 256 bits: one answer', async () => {
    const changed = Buffer.from(wrapped, 'base64url');
    changed[9]! ^= 1;
    const by = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    const values = [changed, randomBytes(256), randomBytes(40), publicEncrypt(by, randomBytes(16)), Buffer.alloc(0)];
    const answers = new Set<string>();
    for (const value of values) {
      const reply = await unwrap(name, alg, value.toString('base64url'));
      refused(reply, 400, 'BadParameter');
      answers.add(reply.body.error.message.split('\n')[0]);
    }
    assert.equal(answers.size, 1, [...answers].join('\n'));
    await make('padded', 'oct', { key_size: 256 });
    const padded = (await wrap('padded', 'A256KW')).body.value;
    refused(await unwrap('padded', 'A256KWPAD', padded), 400, 'BadParameter');
    for (const value of [undefined, 'not base64!']) {
      refused(await unwrap('padded', 'A256KW', value as string), 400, 'BadParameter');
    }
  });
});

describe('secure wrapping is not there', () => {
  it('for a key that was made for other things, whatever its policy', async () => {
    const leaves = { kty: 'RSA', attributes: { exportable: true }, release_policy: policy() };
    assert.equal((await ask('POST', '/keys/leaves/create', leaves)).status, 200);
    assert.equal((await ask('POST', '/keys/usual/create', { kty: 'RSA' })).status, 200);
    for (const name of ['leaves', 'usual']) {
      for (const reply of [await wrap(name, 'RSA-OAEP-256'), await unwrap(name, 'RSA-OAEP-256', 'AAAA')]) {
        refused(reply, 403, 'Forbidden', /not permitted on this key/);
      }
      refused(await ask('PATCH', `/keys/${name}`, { key_ops: operations }), 400, 'BadParameter');
      refused(await ask('POST', `/keys/${name}/create`, { kty: 'RSA', key_ops: operations }), 400, 'BadParameter');
    }
  });

  it('for a key without a policy, of a curve, that may leave, or in a standard vault', async () => {
    const create = (body: object, more?: Request) =>
      ask('POST', '/keys/never/create', { key_ops: operations, ...body }, more);
    refused(await create({ kty: 'RSA' }), 400, 'BadParameter', /must have a release policy/);
    refused(
      await create({ kty: 'RSA', release_policy: policy(), attributes: { exportable: true } }),
      400,
      'BadParameter',
      /must not be exportable/,
    );
    refused(await create({ kty: 'EC', release_policy: policy() }), 400, 'BadParameter');
    refused(
      await create({ kty: 'RSA', key_ops: ['secureUnwrapKey', 'unwrapKey'], release_policy: policy() }),
      400,
      'BadParameter',
    );
    refused(
      await create({ kty: 'RSA', release_policy: policy() }, { vault: 'main-vault' }),
      400,
      'BadParameter',
      /premium/,
    );
    refused(await ask('GET', '/keys/never'), 404, 'KeyNotFound');
  });

  it('at earlier api-versions', async () => {
    await make('later', 'RSA');
    const earlier = { version: '2025-07-01' };
    refused(await wrap('later', 'RSA-OAEP-256', earlier), 400, 'BadParameter', /2026-04-01/);
    refused(await unwrap('later', 'RSA-OAEP-256', 'AAAA', attest(), earlier), 400, 'BadParameter', /2026-04-01/);
    const body = { kty: 'RSA', key_ops: operations, release_policy: policy() };
    refused(
      await ask('POST', '/keys/earlier/create', body, earlier),
      400,
      'BadParameter',
      /from api-version 2026-04-01 on/,
    );
    assert.equal((await ask('GET', '/keys/later', undefined, earlier)).body.attributes.exportable, false);
  });

  it('by an algorithm of another key, or of other operations', async () => {
    await make('of-rsa', 'RSA');
    await make('of-oct', 'oct', { key_size: 256 });
    for (const [name, alg] of [
      ['of-rsa', 'A256KW'],
      ['of-rsa', 'RSA-OAEP'],
      ['of-rsa', 'RSA1_5'],
      ['of-oct', 'A128KW'],
      ['of-oct', 'A256GCM'],
      ['of-oct', 'constructor'],
      ['of-oct', ''],
    ] as const) {
      refused(await wrap(name, alg), 400, 'BadParameter');
    }
    refused(await ask('POST', '/keys/of-rsa/securewrapkey', {}), 400, 'BadParameter');
  });

  it('for a disabled key, or one that is not valid yet; one whose time is over still unwraps', async () => {
    await make('timed', 'RSA');
    const { body } = await wrap('timed', 'RSA-OAEP-256');
    await ask('PATCH', '/keys/timed', { attributes: { enabled: false } });
    for (const reply of [await wrap('timed', 'RSA-OAEP-256'), await unwrap('timed', 'RSA-OAEP-256', body.value)]) {
      refused(reply, 403, 'Forbidden');
      assert.equal(reply.body.error.innererror.code, 'KeyDisabled');
    }
    await ask('PATCH', '/keys/timed', { attributes: { enabled: true, exp: 1_000_000_000 } });
    refused(await wrap('timed', 'RSA-OAEP-256'), 403, 'Forbidden');
    assert.equal((await unwrap('timed', 'RSA-OAEP-256', body.value)).status, 200);
  });

  it('for callers without the permissions of wrapping and unwrapping', async () => {
    await make('guarded', 'RSA');
    const { body } = await wrap('guarded', 'RSA-OAEP-256');
    const reader = await makeIdentity(server, manager, 'secure-reader');
    const as = { token: await getToken(server, resources.data, { managedIdentity: reader.clientId }) };
    const scope = vaultScope(server, 'premium-vault');
    await assignRole(server, manager, { role: 'Key Vault Reader', principalId: reader.principalId, scope });
    const both = async () => [
      await wrap('guarded', 'RSA-OAEP-256', as),
      await unwrap('guarded', 'RSA-OAEP-256', body.value, attest(), as),
    ];
    for (const reply of await both()) refused(reply, 403, 'Forbidden', /keys\/(un)?wrap\/action/);
    await assignRole(server, manager, {
      role: 'Key Vault Crypto Service Encryption User',
      principalId: reader.principalId,
      scope,
    });
    for (const reply of await both()) assert.equal(reply.status, 200, reply.text);
  });
});
