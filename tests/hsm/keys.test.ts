import assert from 'node:assert/strict';
import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type JsonWebKey,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, manage, objectIdOf, putVault, vaultScope } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

const V = '2025-07-01';
const message = Buffer.from('signed by a token');

let token: SoftToken;
let server: TestServer;
let bearer: string;
let manager: string;

before(async () => {
  token = makeSoftToken();
  server = await startServer({ args: ['--config', token.config(), '--dev'], env: token.env });
  manager = await getToken(server, resources.management);
  bearer = await getToken(server, resources.data);
  for (const name of ['premium-vault', 'other-premium']) {
    await putVault(server, manager, name, { sku: { family: 'A', name: 'premium' } });
  }
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(bearer), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
});

after(async () => {
  await server?.stop();
  token?.remove();
});

function ask(method: string, path: string, options: Partial<Ask> & { vault?: string } = {}): Promise<Reply> {
  const { vault = 'premium-vault', ...rest } = options;
  return call(server, { ...rest, method, host: `${vault}.vault`, token: bearer, path: `${path}?api-version=${V}` });
}

async function done(reply: Promise<Reply>): Promise<Reply> {
  const { status, text } = await reply;
  assert.ok(status < 300, text);
  return reply;
}

const make = (name: string, body: object, vault?: string) =>
  done(ask('POST', `/keys/${name}/create`, { body, ...(vault && { vault }) }));
const use = (name: string, verb: string, body: object) => done(ask('POST', `/keys/${name}/${verb}`, { body }));
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const bytes = (text: string) => Buffer.from(text, 'base64url');

function publicKeyOf(reply: Reply) {
  const { kty, crv, ...members } = reply.body.key;
  const jwk = { ...members, kty: kty.replace('-HSM', ''), ...(crv && { crv: crv === 'P-256K' ? 'secp256k1' : crv }) };
  return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
}

const objects = () => token.tool(['--list-objects']);
const countOf = (text: string, part: RegExp) => (text.match(part) ?? []).length;

describe('RSA keys in a token', () => {
  for (const bits of [2048, 3072, 4096]) {
    it(`sign with ${bits} bits so that OpenSSL finds each signature right`, async () => {
      const made = await make(`rsa-${bits}`, { kty: 'RSA-HSM', key_size: bits });
      assert.equal(made.body.key.kty, 'RSA-HSM');
      assert.equal(made.body.attributes.hsmPlatform, '1');
      assert.equal(bytes(made.body.key.n).length, bits / 8);
      const key = publicKeyOf(made);
      for (const size of [256, 384, 512]) {
        const value = b64(hash(`sha${size}`, message, 'buffer'));
        for (const [name, padding] of [
          [`RS${size}`, constants.RSA_PKCS1_PADDING],
          [`PS${size}`, constants.RSA_PKCS1_PSS_PADDING],
        ] as const) {
          const signature = (await use(`rsa-${bits}`, 'sign', { alg: name, value })).body.value;
          const options = { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
          assert.equal(verify(`sha${size}`, message, options, bytes(signature)), true, name);
          const asked = { alg: name, digest: value, value: signature };
          assert.equal((await use(`rsa-${bits}`, 'verify', asked)).body.value, true);
        }
      }
    });
  }

  it('open what OpenSSL encrypted, and nothing that was changed', async () => {
    const key = publicKeyOf(await ask('GET', '/keys/rsa-2048'));
    for (const [alg, padding, oaepHash] of [
      ['RSA1_5', constants.RSA_PKCS1_PADDING, undefined],
      ['RSA-OAEP', constants.RSA_PKCS1_OAEP_PADDING, 'sha1'],
      ['RSA-OAEP-256', constants.RSA_PKCS1_OAEP_PADDING, 'sha256'],
    ] as const) {
      const sealed = publicEncrypt({ key, padding, ...(oaepHash && { oaepHash }) }, message);
      for (const verb of ['decrypt', 'unwrapkey']) {
        assert.deepEqual(bytes((await use('rsa-2048', verb, { alg, value: b64(sealed) })).body.value), message);
      }
      sealed[100]! ^= 1;
      const changed = await ask('POST', '/keys/rsa-2048/decrypt', { body: { alg, value: b64(sealed) } });
      if (alg === 'RSA1_5') assert.notEqual(changed.body.value, b64(message));
      else assert.equal(changed.status, 400, changed.text);
      const ours = (await use('rsa-2048', 'encrypt', { alg, value: b64(message) })).body.value;
      assert.deepEqual(bytes((await use('rsa-2048', 'decrypt', { alg, value: ours })).body.value), message);
    }
  });
});

describe('keys of curves in a token', () => {
  for (const [crv, alg, digest] of [
    ['P-256', 'ES256', 'sha256'],
    ['P-384', 'ES384', 'sha384'],
    ['P-521', 'ES512', 'sha512'],
    ['P-256K', 'ES256K', 'sha256'],
  ] as const) {
    it(`sign on ${crv} so that OpenSSL finds the signature right`, async () => {
      const made = await make(`ec-${crv}`, { kty: 'EC-HSM', crv });
      const value = b64(hash(digest, message, 'buffer'));
      const signature = bytes((await use(`ec-${crv}`, 'sign', { alg, value })).body.value);
      assert.equal(verify(digest, message, { key: publicKeyOf(made), dsaEncoding: 'ieee-p1363' }, signature), true);
      assert.equal((await use(`ec-${crv}`, 'verify', { alg, digest: value, value: b64(signature) })).body.value, true);
    });
  }
});

describe('symmetric keys in a token', () => {
  for (const bits of [128, 192, 256]) {
    it(`of ${bits} bits encrypt, wrap and authenticate, and open nothing that was changed`, async () => {
      const name = `oct-${bits}`;
      await make(name, { kty: 'oct-HSM', key_size: bits });
      const value = b64(randomBytes(32));
      const iv = b64(randomBytes(16));
      for (const [alg, verb, back, more] of [
        [`A${bits}GCM`, 'encrypt', 'decrypt', { aad: b64(message) }],
        [`A${bits}CBC`, 'encrypt', 'decrypt', { iv }],
        [`A${bits}CBCPAD`, 'encrypt', 'decrypt', { iv }],
        [`A${bits}KW`, 'wrapkey', 'unwrapkey', {}],
        ['CKM_AES_KEY_WRAP', 'wrapkey', 'unwrapkey', {}],
        ['CKM_AES_KEY_WRAP_PAD', 'wrapkey', 'unwrapkey', {}],
      ] as const) {
        const { kid: _, ...sealed } = (await use(name, verb, { alg, value, ...more })).body;
        assert.equal((await use(name, back, { ...more, ...sealed, alg })).body.value, value, alg);
        if (alg.includes('CBC')) continue;
        const changed = bytes(sealed.value);
        changed[5]! ^= 1;
        const refused = await ask('POST', `/keys/${name}/${back}`, {
          body: { ...more, ...sealed, alg, value: b64(changed) },
        });
        assert.equal(refused.status, 400, `${alg} ${refused.text}`);
      }
      for (const size of [256, 384, 512]) {
        const digest = b64(hash(`sha${size}`, message, 'buffer'));
        const mac = (await use(name, 'sign', { alg: `HS${size}`, value: digest })).body.value;
        assert.equal((await use(name, 'verify', { alg: `HS${size}`, digest, value: mac })).body.value, true);
        const other = (await use(name, 'verify', { alg: `HS${size}`, digest: b64(randomBytes(size / 8)), value: mac }))
          .body;
        assert.equal(other.value, false);
      }
    });
  }

  it('refuse what the token does not do (key-token-lacks)', async () => {
    // SoftHSM fills such a value with zeros before it wraps it: another value would come out.
    const body = { alg: 'CKM_AES_KEY_WRAP_PAD', value: b64(randomBytes(13)) };
    const refused = await ask('POST', '/keys/oct-256/wrapkey', { body });
    assert.equal(refused.status, 400);
    assert.match(refused.body.error.message, /cannot do this/);
  });
});

describe('keys brought into a token', () => {
  it('are unwrapped there: RSA, a curve, and AES answer as the key outside does', async () => {
    for (const [name, pair] of [
      ['in-rsa', generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['in-ec', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ] as const) {
      const jwk = pair.privateKey.export({ format: 'jwk' });
      const made = await done(ask('PUT', `/keys/${name}`, { body: { key: { ...jwk, kty: `${jwk.kty}-HSM` } } }));
      assert.equal(made.body.key.kty, `${jwk.kty}-HSM`);
      const alg = name === 'in-rsa' ? 'PS384' : 'ES384';
      const signed = await use(name, 'sign', { alg, value: b64(hash('sha384', message, 'buffer')) });
      const options = { padding: constants.RSA_PKCS1_PSS_PADDING, dsaEncoding: 'ieee-p1363' as const };
      const key = {
        key: pair.publicKey,
        ...(name === 'in-rsa' ? { padding: options.padding } : { dsaEncoding: options.dsaEncoding }),
      };
      assert.equal(verify('sha384', message, key, bytes(signed.body.value)), true);
    }
    const k = randomBytes(32);
    const body = { key: { kty: 'oct', k: b64(k) } };
    await done(ask('PUT', '/keys/in-hsm', { body: { ...body, Hsm: true } }));
    await done(ask('PUT', '/keys/in-software', { body }));
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const value = b64(hash(alg.replace('HS', 'sha'), message, 'buffer'));
      const [inside, outside] = await Promise.all(
        ['in-hsm', 'in-software'].map((name) => use(name, 'sign', { alg, value })),
      );
      assert.equal(inside!.body.value, outside!.body.value, alg);
    }
    const sealed = (await use('in-software', 'encrypt', { alg: 'A256GCM', value: b64(message) })).body;
    assert.equal((await use('in-hsm', 'decrypt', { ...sealed, alg: 'A256GCM' })).body.value, b64(message));
  });

  it('leave no trace where their halves do not belong together', async () => {
    const before = countOf(objects(), /Private Key Object/g);
    const [one, other] = [1, 2].map(() =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
    );
    const refused = await ask('PUT', '/keys/mixed', { body: { key: { ...one, d: other!.d, kty: 'EC-HSM' } } });
    assert.equal(refused.status, 400);
    assert.equal(countOf(objects(), /Private Key Object/g), before);
  });
});

describe('what the token holds', () => {
  it('is sensitive and was never extractable, and comes out by no tool', () => {
    const list = objects();
    const made = list
      .split(/(?=^(?:Private|Secret) Key Object)/m)
      .filter((part) => /rsa-2048|ec-p-256\/|oct-256/.test(part));
    assert.ok(made.length >= 4, list);
    for (const part of made) {
      assert.match(part, /Access: .*sensitive/, part);
      assert.match(part, /never extractable/, part);
    }
    for (const part of made) {
      const id = /ID: +([0-9a-f]+)/.exec(part)![1]!;
      const type = part.startsWith('Private') ? 'privkey' : 'secrkey';
      const file = join(token.folder, `out-${id}`);
      token.tool(['--read-object', '--type', type, '--id', id, '--output-file', file], { mayFail: true });
      assert.ok(!existsSync(file), 'it came out');
    }
  });

  it('is what a rotation adds to, and keys under ARM, each in its token', async () => {
    const rotated = await done(ask('POST', '/keys/ec-P-256/rotate'));
    assert.equal(rotated.body.key.kty, 'EC-HSM');
    const version = rotated.body.key.kid.split('/').at(-1);
    assert.match(objects(), new RegExp(`strongroom/premium-vault/ec-p-256/${version}`));
    const path = `${vaultScope(server, 'premium-vault')}/keys/by-arm?api-version=2023-07-01`;
    const body = { properties: { kty: 'RSA-HSM', keySize: 2048 } };
    const made = await manage(server, manager, { method: 'PUT', path, body });
    assert.equal(made.body.properties.kty, 'RSA-HSM');
    assert.match(objects(), /strongroom\/premium-vault\/by-arm/);
  });

  it('gives random bytes to premium vaults', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => done(ask('POST', '/rng', { body: { count: 32 } }))));
    assert.equal(bytes(one!.body.value).length, 32);
    assert.notEqual(one!.body.value, two!.body.value);
  });

  it('goes when the last key that has it is purged, and a backup cannot bring it back (key-token-object-gone)', async () => {
    const { key } = (await make('shared', { kty: 'EC-HSM' })).body;
    const digest = b64(hash('sha256', message, 'buffer'));
    const { value } = (await done(ask('POST', '/keys/shared/backup'))).body;
    await done(ask('POST', '/keys/restore', { vault: 'other-premium', body: { value } }));
    const standard = await ask('POST', '/keys/restore', { vault: 'main-vault', body: { value } });
    assert.equal(standard.status, 400);
    const mine = () => countOf(objects(), /strongroom\/premium-vault\/shared/g);
    assert.equal(mine(), 1);
    const purge = async (vault: string) => {
      await done(ask('DELETE', '/keys/shared', { vault }));
      assert.equal((await ask('DELETE', '/deletedkeys/shared', { vault })).status, 204);
      await runJobs();
    };
    await purge('premium-vault');
    assert.equal(mine(), 1, 'the other vault still has it');
    const signed = await done(
      ask('POST', '/keys/shared/sign', { vault: 'other-premium', body: { alg: 'ES256', value: digest } }),
    );
    const publicKey = publicKeyOf({ body: { key } } as Reply);
    assert.equal(
      verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, bytes(signed.body.value)),
      true,
    );
    await purge('other-premium');
    assert.equal(mine(), 0);
    const gone = await ask('POST', '/keys/restore', { body: { value } });
    assert.deepEqual([gone.status, gone.body.error.code], [409, 'Conflict'], gone.text);
  });
});

describe('a standard vault', () => {
  it('refuses hardware types, and its software keys are beside', async () => {
    const refused = await ask('POST', '/keys/x/create', { vault: 'main-vault', body: { kty: 'RSA-HSM' } });
    assert.match(refused.text, /premium/);
    await make('software', { kty: 'EC' });
    assert.equal((await ask('GET', '/keys/software')).body.attributes.hsmPlatform, '0');
  });
});

describe('the PIN', () => {
  it('is in no log, file, answer or process list', async () => {
    const health = await manage(server, manager, { method: 'GET', path: '/metadata/health' });
    assert.deepEqual([health.body.keyToken.state, health.body.keyToken.label], ['connected', token.label]);
    const { stdout, stderr } = server.output();
    const names = readdirSync(server.dataDir).filter((name) => !name.endsWith('.sock'));
    const files = names.map((name) => readFileSync(join(server.dataDir, name), 'latin1'));
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      .map((pid) => ['cmdline', 'environ'].map((file) => readProcess(pid, file)).join(''));
    for (const text of [stdout, stderr, health.text, ...files, ...processes]) assert.ok(!text.includes(token.pin));
    const status = await strongroom(['status', '--data-dir', server.dataDir]);
    assert.match(status.stdout, /key token +connected, strongroom-test, SoftHSM v2/);
  });
});

function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Moves the clock a little: every job runs. */
async function runJobs(): Promise<void> {
  const moved = await strongroom(['clock', '--advance', '1m', '--data-dir', server.dataDir]);
  assert.equal(moved.code, 0, moved.stderr);
}
