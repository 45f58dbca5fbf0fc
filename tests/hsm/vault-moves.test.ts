import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { askMove } from '../support/vault-moves.ts';
import { makeSoftToken, type SoftToken } from './soft-token.ts';

let token: SoftToken;
let server: TestServer;
let bearer: string;
let manager: string;

before(async () => {
  token = makeSoftToken();
  server = await startServer({ args: ['--config', token.config(), '--dev'], env: token.env });
  manager = await getToken(server, resources.management);
  bearer = await getToken(server, resources.data);
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(bearer), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
});
after(async () => {
  await server?.stop();
  token?.remove();
});

const ask = (vault: string, method: string, path: string, body?: unknown): Promise<Reply> =>
  call(server, { host: `${vault}.vault`, method, path: `${path}?api-version=2025-07-01`, token: bearer, body });
async function done(reply: Promise<Reply>): Promise<Reply> {
  const { status, text } = await reply;
  assert.ok(status < 300, text);
  return reply;
}
const value = Buffer.from('from before').toString('base64url');

for (const keys of ['import', 'generate'] as const) {
  test(`a vault is moved from Standard to Premium, its keys into the token: ${keys}`, async () => {
    const [old, fresh] = [`old-${keys}`, `new-${keys}`];
    await putVault(server, manager, old);
    await done(ask(old, 'PUT', '/secrets/s', { value: 'v' }));
    await done(ask(old, 'POST', '/keys/rsa/create', { kty: 'RSA' }));
    const sealed = await done(ask(old, 'POST', '/keys/rsa/encrypt', { alg: 'RSA-OAEP-256', value }));
    await done(ask(old, 'POST', '/keys/rsa/create', { kty: 'RSA' }));
    await done(ask(old, 'POST', '/keys/ec/create', { kty: 'EC', crv: 'P-256', key_ops: ['sign', 'verify'] }));
    const order = { to: fresh, keys };
    const applied = await askMove(server, manager, old, 'apply', order);
    assert.equal(applied.status, 200, applied.text);
    const key = (await done(ask(fresh, 'GET', '/keys/rsa'))).body;
    assert.equal(key.key.kty, 'RSA-HSM');
    const version = sealed.body.kid.split('/').pop() as string;
    const opened = await ask(fresh, 'POST', `/keys/rsa/${version}/decrypt`, {
      alg: 'RSA-OAEP-256',
      value: sealed.body.value,
    });
    if (keys === 'import') assert.equal(opened.body.value, value, opened.text);
    else assert.equal(opened.status, 404);
    const digest = Buffer.alloc(32, 7).toString('base64url');
    const signed = await done(ask(fresh, 'POST', '/keys/ec/sign', { alg: 'ES256', value: digest }));
    const proof = await done(ask(fresh, 'POST', '/keys/ec/verify', { alg: 'ES256', digest, value: signed.body.value }));
    assert.equal(proof.body.value, true);
    const finished = await askMove(server, manager, old, 'finish', keys === 'generate' ? { keep: true } : {});
    assert.equal(finished.status, 200, finished.text);
    await done(ask(fresh, 'POST', '/keys/ec/sign', { alg: 'ES256', value: digest }));
  });
}

test('a key that was made anew for use is not made a key exchange key, nor one of these anything else', async () => {
  const premium = { sku: { family: 'A', name: 'premium' } };
  await putVault(server, manager, 'purposes', premium);
  await done(ask('purposes', 'POST', '/keys/k/create', { kty: 'RSA-HSM', key_size: 2048 }));
  const order = { to: 'purposes-new', keys: 'generate' };
  const move = async () => {
    const { status, body, text } = await askMove(server, manager, 'purposes', 'apply', order);
    assert.equal(status, 200, text);
    assert.deepEqual([body.properties.behind, body.properties.conflicts], [[], []], text);
  };
  await move();
  const usual = (await done(ask('purposes-new', 'GET', '/keys/k'))).body.key;
  await done(ask('purposes', 'POST', '/keys/k/create', { kty: 'RSA-HSM', key_size: 2048, key_ops: ['import'] }));
  await move();
  const exchange = (await done(ask('purposes-new', 'GET', '/keys/k'))).body.key;
  assert.deepEqual([exchange.key_ops, exchange.n === usual.n], [['import'], false]);
  const before = (await done(ask('purposes-new', 'GET', `/keys/k/${usual.kid.split('/').pop()}`))).body.key;
  assert.deepEqual([before.n, before.key_ops], [usual.n, usual.key_ops]);
  const refusals = [
    ask('purposes', 'POST', '/keys/k/create', { kty: 'RSA-HSM', key_ops: ['unwrapKey'] }),
    ask('purposes', 'POST', '/keys/k/create', { kty: 'RSA-HSM' }),
    ask('purposes', 'PATCH', '/keys/k', { key_ops: ['unwrapKey'] }),
  ];
  for (const { status, body } of await Promise.all(refusals)) {
    assert.deepEqual([status, body.error.code], [400, 'BadParameter'], JSON.stringify(body));
  }
  await done(ask('purposes', 'POST', '/keys/k/rotate'));
  await move();
  const keys = ['purposes', 'purposes-new'].map(async (vault) => (await done(ask(vault, 'GET', '/keys/k'))).body.key);
  for (const { key_ops } of await Promise.all(keys)) assert.deepEqual(key_ops, ['import']);
});

test('giving a move up leaves no object of it in the token', async () => {
  await putVault(server, manager, 'given-up');
  await done(ask('given-up', 'POST', '/keys/ec/create', { kty: 'EC' }));
  const applied = await askMove(server, manager, 'given-up', 'apply', { to: 'never', keys: 'generate' });
  assert.equal(applied.status, 200, applied.text);
  assert.match(token.tool(['--list-objects']), /strongroom\/never\//);
  assert.equal((await askMove(server, manager, 'given-up', 'abandon')).status, 200);
  const path = `/subscriptions/${server.subscriptionId}/providers/Strongroom.Development/clock?api-version=2026-01-01`;
  const moved = await call(server, {
    host: 'management',
    method: 'POST',
    path,
    token: manager,
    body: { advanceSeconds: 7200 },
  });
  assert.equal(moved.status, 200, moved.text);
  assert.doesNotMatch(token.tool(['--list-objects']), /strongroom\/never\//);
});
