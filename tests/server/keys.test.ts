import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, hash, type JsonWebKey, publicEncrypt, verify } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { type Ask, call, getToken, hostOf, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = '7.6';
const versions = ['2016-10-01', '7.0', '7.1', '7.2', '7.3', '7.4', '7.5', '7.6', '2025-07-01', '2026-04-01'];
const every = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];
const digest = hash('sha256', 'message', 'buffer').toString('base64url');

let server: TestServer;
let token: string;

before(async () => {
  server = await startServer();
  const manager = await getToken(server, resources.management);
  token = await getToken(server, resources.data);
  await putVault(server, manager, 'second-vault');
  await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
  await putVault(server, manager, 'kept-vault', { enablePurgeProtection: true, softDeleteRetentionInDays: 7 });
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(token), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
});

after(async () => {
  await server.stop();
});

interface Request extends Partial<Ask> {
  readonly vault?: string;
  readonly version?: string;
  readonly query?: string;
}

function ask(method: string, path: string, options: Request = {}): Promise<Reply> {
  const { vault = 'main-vault', version = V, query = '', ...rest } = options;
  const asked = { ...rest, method, host: `${vault}.vault`, token };
  return call(server, { ...asked, path: `${path}?api-version=${version}${query}` });
}

async function make(name: string, body: Record<string, unknown>, options: Request = {}): Promise<Reply> {
  const reply = await ask('POST', `/keys/${name}/create`, { ...options, body });
  assert.equal(reply.status, 200, reply.text);
  return reply;
}

function refused(reply: Reply, status: number, code: string, inner?: string): void {
  assert.deepEqual(
    [reply.status, reply.body?.error?.code, reply.body?.error?.innererror?.code],
    [status, code, inner],
    reply.text,
  );
}

const versionOf = (reply: Reply) => (reply.body.key.kid as string).split('/')[5]!;

describe('a key', () => {
  it('comes back from a create and from a get with its public members alone', async () => {
    const attributes = { enabled: true, nbf: 1_700_000_000, exp: 1_900_000_000 };
    const made = await make('members', { kty: 'RSA', tags: { a: 'b' }, attributes });
    const { created, updated, ...rest } = made.body.attributes;
    assert.deepEqual(rest, {
      ...attributes,
      recoveryLevel: 'Recoverable+Purgeable',
      recoverableDays: 90,
      exportable: false,
      hsmPlatform: '0',
    });
    assert.equal(created, updated);
    assert.deepEqual(Object.keys(made.body.key).sort(), ['e', 'key_ops', 'kid', 'kty', 'n']);
    assert.deepEqual(made.body.key.key_ops, every);
    assert.equal(Buffer.from(made.body.key.n, 'base64url').length, 256);
    const version = versionOf(made);
    assert.equal(made.body.key.kid, `https://${hostOf(server, 'main-vault.vault')}/keys/members/${version}`);
    for (const path of ['/keys/members', '/keys/members/', `/keys/MEMBERS/${version}`, `/keys/members/${version}/`]) {
      assert.deepEqual((await ask('GET', path)).body, made.body, path);
    }
  });

  for (const version of versions) {
    it(`has every type of ${version}`, async () => {
      for (const [index, body] of [
        { kty: 'RSA', key_size: 2048 },
        { kty: 'EC' },
        { kty: 'EC', crv: 'P-384' },
        { kty: 'EC', crv: 'P-521' },
        { kty: 'EC', crv: 'P-256K' },
        { kty: 'oct', key_size: 192 },
      ].entries()) {
        const made = await make(`types-${index}`, body, { version });
        assert.equal(made.body.key.kty, body.kty);
        assert.equal(made.body.key.crv, body.kty === 'EC' ? (body.crv ?? 'P-256') : undefined);
        assert.equal('d' in made.body.key || 'k' in made.body.key, false);
      }
    });
  }

  it('gets another version from a second create, and its versions are listed', async () => {
    const first = await make('versions', { kty: 'EC' });
    const second = await make('Versions', { kty: 'EC', crv: 'P-384' });
    assert.notEqual(versionOf(first), versionOf(second));
    assert.equal((await ask('GET', '/keys/versions')).body.key.crv, 'P-384');
    const list = await ask('GET', '/keys/versions/versions');
    assert.deepEqual(
      list.body.value.map(({ kid }: { kid: string }) => kid.split('/')[5]).sort(),
      [versionOf(first), versionOf(second)].sort(),
    );
    const page = await ask('GET', '/keys', { query: '&maxresults=1' });
    assert.equal(page.body.value.length, 1);
    assert.equal(page.body.value[0].kid.split('/').length, 5);
    assert.ok(page.body.nextLink);
  });

  it('is updated as to what is sent, and can be read while it is disabled', async () => {
    await make('updated', { kty: 'RSA', tags: { a: 'b' } });
    const changed = await ask('PATCH', '/keys/updated', {
      body: { key_ops: ['sign'], attributes: { enabled: false } },
    });
    assert.deepEqual([changed.body.key.key_ops, changed.body.attributes.enabled], [['sign'], false]);
    assert.deepEqual(changed.body.tags, { a: 'b' });
    const read = await ask('GET', '/keys/updated');
    assert.deepEqual([read.status, read.body.attributes.enabled], [200, false]);
    refused(
      await ask('POST', '/keys/updated/sign', { body: { alg: 'RS256', value: digest } }),
      403,
      'Forbidden',
      'KeyDisabled',
    );
    const bad = await ask('PATCH', '/keys/updated', { body: { attributes: { nbf: 6, exp: 5 } } });
    refused(bad, 400, 'BadParameter');
  });

  it('is deleted, recovered, and purged with its name free again', async () => {
    await make('gone', { kty: 'EC' });
    const gone = await ask('DELETE', '/keys/gone');
    assert.ok(
      gone.body.recoveryId.endsWith('/deletedkeys/gone') && gone.body.scheduledPurgeDate > gone.body.deletedDate,
    );
    refused(await ask('GET', '/keys/gone'), 404, 'KeyNotFound');
    refused(
      await ask('POST', '/keys/gone/create', { body: { kty: 'EC' } }),
      409,
      'Conflict',
      'ObjectIsDeletedButRecoverable',
    );
    assert.equal((await ask('GET', '/deletedkeys/gone')).body.key.kty, 'EC');
    assert.ok(
      (await ask('GET', '/deletedkeys')).body.value.some((item: { kid: string }) => item.kid.endsWith('/keys/gone')),
    );
    assert.equal((await ask('POST', '/deletedkeys/gone/recover')).status, 200);
    assert.equal((await ask('GET', '/keys/gone')).status, 200);
    refused(await ask('GET', '/deletedkeys/gone'), 404, 'KeyNotFound');
    await ask('DELETE', '/keys/gone');
    assert.equal((await ask('DELETE', '/deletedkeys/gone')).status, 204);
    await make('gone', { kty: 'RSA' });
    await make('kept', { kty: 'EC' }, { vault: 'kept-vault' });
    await ask('DELETE', '/keys/kept', { vault: 'kept-vault' });
    refused(await ask('DELETE', '/deletedkeys/kept', { vault: 'kept-vault' }), 403, 'Forbidden', 'ForbiddenByPolicy');
  });

  it('is backed up and restored into another vault with its versions and policy, usable there', async () => {
    await make('moved', { kty: 'RSA' });
    const made = await make('moved', { kty: 'RSA' });
    const lifetimeActions = [{ trigger: { timeAfterCreate: 'P90D' }, action: { type: 'Rotate' } }];
    await ask('PUT', '/keys/moved/rotationpolicy', { body: { lifetimeActions } });
    const { value } = (await ask('POST', '/keys/moved/backup')).body;
    const restored = await ask('POST', '/keys/restore', { vault: 'second-vault', body: { value } });
    assert.deepEqual(
      [restored.status, versionOf(restored), restored.body.key.n],
      [200, versionOf(made), made.body.key.n],
    );
    const vault = 'second-vault';
    assert.equal((await ask('GET', '/keys/moved/versions', { vault })).body.value.length, 2);
    assert.equal((await ask('GET', '/keys/moved/rotationpolicy', { vault })).body.lifetimeActions.length, 2);
    const signed = await ask('POST', '/keys/moved/sign', { vault, body: { alg: 'RS256', value: digest } });
    assert.equal(isRight('sha256', made.body.key, signed.body.value), true);
    refused(await ask('POST', '/keys/restore', { vault, body: { value } }), 409, 'Conflict');
    refused(await ask('POST', '/secrets/restore', { vault, body: { value } }), 400, 'BadParameter');
    refused(
      await ask('POST', '/keys/restore', { vault, body: { value: `${value.slice(0, -4)}AAAA` } }),
      400,
      'BadParameter',
    );
  });

  it('is taken in from outside, and refused where its halves do not belong together', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = rsa.privateKey.export({ format: 'jwk' });
    const taken = await ask('PUT', '/keys/taken', { body: { key } });
    assert.deepEqual([taken.status, taken.body.key.n], [200, key.n], taken.text);
    const value = publicEncrypt({ key: rsa.publicKey, oaepHash: 'sha256' }, Buffer.from('text')).toString('base64url');
    const opened = await ask('POST', '/keys/taken/decrypt', { body: { alg: 'RSA-OAEP-256', value } });
    assert.equal(Buffer.from(opened.body.value, 'base64url').toString(), 'text');
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    refused(await ask('PUT', '/keys/mixed', { body: { key: { ...key, n: other.n } } }), 400, 'BadParameter');
    refused(await ask('PUT', '/keys/half', { body: { key: other } }), 400, 'BadParameter');
    const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({ format: 'jwk' });
    const koblitz = await ask('PUT', '/keys/koblitz', { body: { key: { ...curve, crv: 'P-256K' } } });
    assert.deepEqual([koblitz.status, koblitz.body.key.crv, koblitz.body.key.x], [200, 'P-256K', curve.x]);
  });

  it('of a hardware module is refused by a standard vault, and by a premium one where no token is configured', async () => {
    const body = { kty: 'RSA-HSM' };
    refused(await ask('POST', '/keys/hard/create', { body }), 400, 'BadParameter');
    refused(await ask('POST', '/keys/hard/create', { vault: 'premium-vault', body }), 501, 'NotImplemented');
    const exportable = { kty: 'RSA', attributes: { exportable: true } };
    refused(await ask('POST', '/keys/hard/create', { body: exportable }), 400, 'BadParameter');
  });
});

describe('a signature', () => {
  for (const [alg, digestName, body] of [
    ['RS256', 'sha256', { kty: 'RSA' }],
    ['PS512', 'sha512', { kty: 'RSA' }],
    ['ES256', 'sha256', { kty: 'EC' }],
    ['ES384', 'sha384', { kty: 'EC', crv: 'P-384' }],
    ['ES512', 'sha512', { kty: 'EC', crv: 'P-521' }],
    ['ES256K', 'sha256', { kty: 'EC', crv: 'P-256K' }],
    ['HS256', 'sha256', { kty: 'oct' }],
  ] as const) {
    it(`by ${alg} is made and verified`, async () => {
      const name = `signs-${alg}`;
      const made = await make(name, body);
      const value = hash(digestName, 'message', 'buffer').toString('base64url');
      const signed = await ask('POST', `/keys/${name}/${versionOf(made)}/sign`, { body: { alg, value } });
      assert.equal(signed.status, 200, signed.text);
      assert.equal(signed.body.kid, made.body.key.kid);
      if (alg.startsWith('ES') || alg.startsWith('RS')) {
        assert.equal(isRight(digestName, made.body.key, signed.body.value), true);
      }
      const check = (signature: string) =>
        ask('POST', `/keys/${name}//verify`, { body: { alg, digest: value, value: signature } });
      assert.deepEqual((await check(signed.body.value)).body, { value: true });
      assert.deepEqual((await check(`AAAA${signed.body.value.slice(4)}`)).body, { value: false });
      assert.deepEqual((await check('AAAA')).body, { value: false });
    });
  }

  it('is refused for the wrong algorithm, curve, digest or operation', async () => {
    await make('rsa', { kty: 'RSA' });
    await make('curve', { kty: 'EC' });
    await make('verifies', { kty: 'RSA', key_ops: ['verify'] });
    const sign = (name: string, body: Record<string, unknown>, options: Request = {}) =>
      ask('POST', `/keys/${name}/sign`, { ...options, body });
    refused(await sign('rsa', { alg: 'ES256', value: digest }), 400, 'BadParameter');
    refused(await sign('curve', { alg: 'ES384', value: 'A'.repeat(64) }), 400, 'BadParameter');
    refused(await sign('rsa', { alg: 'RS256', value: 'AAAA' }), 400, 'BadParameter');
    refused(await sign('rsa', { alg: 'RS257', value: digest }), 400, 'BadParameter');
    refused(await sign('rsa', { alg: 'constructor', value: digest }), 400, 'BadParameter');
    refused(await sign('rsa', { alg: 'RS256', value: '!' }), 400, 'BadParameter');
    refused(await sign('rsa', { alg: 'RS256' }), 400, 'BadParameter');
    refused(await sign('rsa', { alg: 'RSNULL', value: Buffer.alloc(250).toString('base64url') }), 400, 'BadParameter');
    refused(await sign('verifies', { alg: 'RS256', value: digest }), 403, 'Forbidden', 'KeyOperationForbidden');
    refused(await sign('nobody', { alg: 'RS256', value: digest }), 404, 'KeyNotFound');
    await make('mac', { kty: 'oct' });
    refused(await sign('mac', { alg: 'HS256', value: digest }, { version: '7.4' }), 400, 'BadParameter');
  });

  it('needs a key that is valid now; opening and verifying do not', async () => {
    const past = { nbf: 1, exp: 2 };
    const future = { nbf: 4_000_000_000, exp: 4_000_000_001 };
    for (const [attributes, inner] of [
      [past, 'KeyExpired'],
      [future, 'KeyNotYetValid'],
    ] as const) {
      const made = await make('window', { kty: 'RSA', attributes });
      refused(
        await ask('POST', '/keys/window/sign', { body: { alg: 'RS256', value: digest } }),
        403,
        'Forbidden',
        inner,
      );
      const plain = { alg: 'RSA-OAEP', value: 'AAAA' };
      refused(await ask('POST', '/keys/window/encrypt', { body: plain }), 403, 'Forbidden', inner);
      refused(await ask('POST', '/keys/window/wrapkey', { body: plain }), 403, 'Forbidden', inner);
      const key = createPublicKey({ key: made.body.key as JsonWebKey, format: 'jwk' });
      const value = publicEncrypt(key, Buffer.from('text')).toString('base64url');
      for (const verb of ['decrypt', 'unwrapkey']) {
        assert.equal((await ask('POST', `/keys/window/${verb}`, { body: { alg: 'RSA-OAEP', value } })).status, 200);
      }
      const body = { alg: 'RS256', digest, value: 'AAAA' };
      assert.deepEqual((await ask('POST', '/keys/window/verify', { body })).body, { value: false });
    }
  });
});

describe('encryption', () => {
  for (const [alg, body] of [
    ['RSA1_5', { kty: 'RSA' }],
    ['RSA-OAEP', { kty: 'RSA' }],
    ['RSA-OAEP-256', { kty: 'RSA' }],
    ['A256GCM', { kty: 'oct' }],
    ['A128CBCPAD', { kty: 'oct', key_size: 128 }],
    ['A192KW', { kty: 'oct', key_size: 192 }],
    ['CKM_AES_KEY_WRAP_PAD', { kty: 'oct' }],
  ] as const) {
    it(`by ${alg} opens again`, async () => {
      const name = `seals-${alg.replaceAll('_', '-')}`;
      await make(name, body);
      const wraps = alg.includes('KW') || alg.includes('WRAP');
      const value = Buffer.alloc(24, 5).toString('base64url');
      const iv = alg.includes('CBC') ? { iv: Buffer.alloc(16, 1).toString('base64url') } : {};
      const aad = alg.includes('GCM') ? { aad: 'AAAA' } : {};
      const closing = wraps ? 'wrapkey' : 'encrypt';
      const sealed = await ask('POST', `/keys/${name}/${closing}`, { body: { alg, value, ...iv, ...aad } });
      assert.equal(sealed.status, 200, sealed.text);
      const { kid: _, ...members } = sealed.body;
      const opening = wraps ? 'unwrapkey' : 'decrypt';
      const opened = await ask('POST', `/keys/${name}/${opening}`, { body: { alg, ...members } });
      assert.equal(opened.body.value, value, opened.text);
    });
  }

  it('fails in one way, whatever does not fit', async () => {
    await make('oracle', { kty: 'RSA' });
    await make('gcm', { kty: 'oct' });
    const sealed = (await ask('POST', '/keys/gcm/encrypt', { body: { alg: 'A256GCM', value: 'AAAA' } })).body;
    const answers = new Set<string>();
    for (const [name, verb, body] of [
      ['oracle', 'decrypt', { alg: 'RSA-OAEP', value: 'AAAA' }],
      ['oracle', 'decrypt', { alg: 'RSA-OAEP', value: Buffer.alloc(256, 1).toString('base64url') }],
      ['oracle', 'unwrapkey', { alg: 'RSA-OAEP-256', value: Buffer.alloc(256, 0xff).toString('base64url') }],
      ['oracle', 'encrypt', { alg: 'RSA1_5', value: Buffer.alloc(250).toString('base64url') }],
      ['gcm', 'decrypt', { ...sealed, alg: 'A256GCM', tag: Buffer.alloc(16).toString('base64url') }],
      ['gcm', 'decrypt', { ...sealed, alg: 'A256GCM', iv: 'AAAA' }],
      ['gcm', 'encrypt', { alg: 'A256GCM', value: 'AAAA', iv: sealed.iv }],
      ['gcm', 'unwrapkey', { alg: 'A256KW', value: Buffer.alloc(40).toString('base64url') }],
    ] as const) {
      const reply = await ask('POST', `/keys/${name}/${verb}`, { body });
      refused(reply, 400, 'BadParameter');
      answers.add(reply.body.error.message.replace(/strongroom explain .*/, ''));
    }
    assert.equal(answers.size, 1, [...answers].join('\n'));
    refused(await ask('POST', '/keys/gcm/encrypt', { body: { alg: 'A128GCM', value: 'AAAA' } }), 400, 'BadParameter');
    refused(await ask('POST', '/keys/gcm/wrapkey', { body: { alg: 'A256GCM', value: 'AAAA' } }), 400, 'BadParameter');
  });
});

describe('rotation', () => {
  it('makes a version like the current one, valid for as long as the policy says', async () => {
    const first = await make('rotated', { kty: 'EC', crv: 'P-384', tags: { a: 'b' }, key_ops: ['sign'] });
    const none = await ask('GET', '/keys/rotated/rotationpolicy');
    const notice = { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } };
    assert.deepEqual(none.body.lifetimeActions, [notice]);
    const lifetimeActions = [{ trigger: { timeAfterCreate: 'P90D' }, action: { type: 'rotate' } }];
    const set = await ask('PUT', '/keys/rotated/rotationpolicy', {
      body: { lifetimeActions, attributes: { expiryTime: 'P1Y' } },
    });
    assert.deepEqual(set.body.lifetimeActions, [
      { trigger: { timeAfterCreate: 'P90D' }, action: { type: 'Rotate' } },
      notice,
    ]);
    assert.deepEqual((await ask('GET', '/keys/rotated/rotationpolicy')).body, set.body);
    const second = await ask('POST', '/keys/rotated/rotate');
    assert.notEqual(second.body.key.x, first.body.key.x);
    assert.deepEqual([second.body.key.crv, second.body.key.key_ops, second.body.tags], ['P-384', ['sign'], { a: 'b' }]);
    const year = second.body.attributes.exp - second.body.attributes.created;
    assert.ok(year >= 365 * 86_400 && year <= 366 * 86_400);
    refused(await ask('PUT', '/keys/rotated/rotationpolicy', { body: { lifetimeActions: [5] } }), 400, 'BadParameter');
    refused(await ask('POST', '/keys/nobody/rotate'), 404, 'KeyNotFound');
  });
});

describe('a rotation beside a create of another kind', () => {
  it('leaves versions that are what they say', async () => {
    await make('raced', { kty: 'RSA' });
    for (let round = 0; round < 6; round++) {
      await Promise.all([ask('POST', '/keys/raced/rotate'), make('raced', { kty: round % 2 === 0 ? 'EC' : 'RSA' })]);
    }
    const { value } = (await ask('GET', '/keys/raced/versions')).body;
    for (const { kid } of value as { kid: string }[]) {
      const path = new URL(kid).pathname;
      const { key } = (await ask('GET', path)).body;
      assert.equal('n' in key, key.kty === 'RSA', kid);
      const alg = key.kty === 'RSA' ? 'RS256' : 'ES256';
      const signed = await ask('POST', `${path}/sign`, { body: { alg, value: digest } });
      assert.equal(isRight('sha256', key, signed.body.value), true, signed.text);
    }
    assert.ok(value.length >= 13);
  });
});

describe('what is beside keys', () => {
  it('gives random bytes', async () => {
    const bytes = await ask('POST', '/rng', { body: { count: 128 } });
    assert.equal(Buffer.from(bytes.body.value, 'base64url').length, 128);
    for (const count of [0, 129, 1.5, '5', undefined]) {
      refused(await ask('POST', '/rng', { body: { count } }), 400, 'BadParameter');
    }
  });
});

function isRight(digestName: string, jwk: Record<string, string>, signature: string): boolean {
  const crv = jwk['crv'] === 'P-256K' ? 'secp256k1' : jwk['crv'];
  const key = createPublicKey({ key: { ...jwk, ...(crv && { crv }) } as JsonWebKey, format: 'jwk' });
  const dsaEncoding = 'ieee-p1363' as const;
  return verify(digestName, Buffer.from('message'), { key, dsaEncoding }, Buffer.from(signature, 'base64url'));
}
