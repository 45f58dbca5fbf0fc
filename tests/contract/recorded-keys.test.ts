import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startServer, type TestServer } from '../support/server.ts';
import { Contract } from './openapi.ts';
import { Deck, readRecordings } from './recordings.ts';
import { Replay, type Replaying } from './replay.ts';
import type { WireAnswer } from './wire.ts';

const contract = new Contract();
const vault = 'main-vault';
const version7 = 'api-version=7.6';
/** The version of the key that the recordings name. */
const recordedVersion = 'k/0123456789abcdef0123456789abcdef';
let server: TestServer;
let replay: Replay;

before(async () => {
  server = await startServer();
  replay = new Replay(server, contract);
});

after(async () => {
  replay?.close();
  await server?.stop();
});

describe('the recorded requests of the keys client', () => {
  const recordings = readRecordings(contract.files, 'keyvault-keys');
  const deck = new Deck(recordings.filter(({ host, url }) => host.startsWith('v1.') && !url.includes('certificates')));
  const send = (method: string, start: string, how: Replaying = {}) =>
    replay.send(deck.take(method, start), { vault, ...how });
  const prepare = (method: string, path: string, body?: unknown): Promise<WireAnswer> =>
    replay.prepare(method, `${vault}.vault.${server.domain}`, `${path}?${version7}`, body);
  const versionOf = (answer: WireAnswer): string => answer.body.key.kid.split('/').at(-1);
  const create = async (name: string, body: unknown): Promise<string> =>
    `${name}/${versionOf(await prepare('POST', `/keys/${name}/create`, body))}`;

  it('create keys of each family, and are told which the vault cannot have', async () => {
    assert.equal((await send('POST', '/keys/k/create?')).status, 401);
    const hard = await send('POST', '/keys/k/create?');
    assert.deepEqual([hard.status, hard.body.error.code], [400, 'BadParameter'], 'exportable');
    const koblitz = await send('POST', '/keys/k/create?');
    assert.deepEqual([koblitz.status, koblitz.body.key.crv, koblitz.body.tags], [200, 'P-256K', { a: 'b' }]);
    const symmetric = await send('POST', '/keys/k/create?');
    assert.deepEqual([symmetric.status, symmetric.body.error.code], [400, 'BadParameter'], 'a standard vault');
    const half = await send('PUT', '/keys/k?');
    assert.deepEqual([half.status, half.body.error.code], [400, 'BadParameter'], 'half a key');
  });

  it('rotate, read, change and list', async () => {
    const rotated = await send('POST', '/keys/k/rotate?');
    assert.deepEqual([rotated.status, rotated.body.key.crv], [200, 'P-256K']);
    const read = await send('GET', '/keys/k/?');
    assert.deepEqual(read.body, rotated.body);
    const latest = await send('PATCH', '/keys/k/?');
    assert.equal(latest.body.attributes.enabled, false);
    const one = await send('PATCH', '/keys/k/0123?', { replace: { 'k/0123': `k/${versionOf(rotated)}` } });
    assert.deepEqual([one.status, one.body.key.key_ops], [200, ['sign']]);
    assert.ok((await send('GET', '/keys?')).body.value.length > 0);
  });

  it('have a rotation policy and random bytes; a software key is neither attested nor, unless it is exportable, released', async () => {
    assert.equal((await send('GET', '/keys/k/attestation?')).status, 400);
    assert.equal((await send('GET', '/keys/k/01/attestation?')).status, 404);
    assert.equal((await send('POST', '/keys/k/release?')).status, 403);
    assert.equal(Buffer.from((await send('POST', '/rng?')).body.value, 'base64url').length, 16);
    assert.equal((await send('GET', '/keys/k/rotationpolicy?')).status, 200);
    const set = await send('PUT', '/keys/k/rotationpolicy?');
    assert.deepEqual([set.status, set.body.lifetimeActions.length], [200, 2]);
  });

  it('delete, ask for the deleted, look before they recover, purge, back up and restore', async () => {
    assert.equal((await send('DELETE', '/keys/k?')).status, 200);
    assert.equal((await send('GET', '/deletedkeys/k?')).status, 200);
    assert.equal((await send('GET', '/keys/k/?')).status, 404);
    assert.equal((await send('DELETE', '/deletedkeys/k?')).status, 204);
    await create('k', { kty: 'RSA' });
    const backup = await send('POST', '/keys/k/backup?');
    assert.equal(backup.status, 200);
    await prepare('DELETE', '/keys/k');
    await prepare('DELETE', '/deletedkeys/k');
    const restored = await send('POST', '/keys/restore?', { replace: { '"AQ"': `"${backup.body.value}"` } });
    assert.deepEqual([restored.status, restored.body.key.kty], [200, 'RSA']);
  });

  it('use keys', async () => {
    const rsa = { replace: { [recordedVersion]: await create('k', { kty: 'RSA' }) } };
    const curve = { replace: { [recordedVersion]: await create('curve', { kty: 'EC' }) } };
    const aes = { replace: { [recordedVersion]: await create('aes', { kty: 'oct' }) } };
    for (const status of [401, 200]) assert.equal((await send('GET', '/keys/k/0123', rsa)).status, status);
    const encrypted = await send('POST', `/keys/${recordedVersion}/encrypt`, rsa);
    assert.equal(encrypted.status, 200);
    const opened = { replace: { ...rsa.replace, '"value":"AQ"': `"value":"${encrypted.body.value}"` } };
    const decrypted = await send('POST', `/keys/${recordedVersion}/decrypt`, opened);
    assert.deepEqual([decrypted.status, decrypted.body.value], [200, 'AQ']);
    assert.equal((await send('POST', `/keys/${recordedVersion}/sign`, rsa)).status, 200);
    assert.equal((await send('POST', `/keys/${recordedVersion}/sign`, curve)).status, 200);
    const verified = await send('POST', `/keys/${recordedVersion}/verify`, rsa);
    assert.deepEqual([verified.status, verified.body], [200, { value: false }]);
    assert.equal((await send('POST', `/keys/${recordedVersion}/wrapkey`, rsa)).status, 200);
    const unwrapped = await send('POST', `/keys/${recordedVersion}/unwrapkey`, rsa);
    assert.deepEqual([unwrapped.status, unwrapped.body.error.code], [400, 'BadParameter']);
    const sealed = await send('POST', `/keys/${recordedVersion}/encrypt`, aes);
    assert.deepEqual([sealed.status, Object.keys(sealed.body).sort()], [200, ['aad', 'iv', 'kid', 'tag', 'value']]);
    for (const status of [401, 200]) assert.equal((await send('GET', '/keys/k/?')).status, status);
    assert.equal((await send('POST', '/keys/k//sign?')).status, 200);
  });

  it('were all sent', () => {
    assert.deepEqual(deck.rest(), []);
  });
});
