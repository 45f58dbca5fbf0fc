import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { type Ask, call, getToken, hostOf, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = '7.5';
const versions = ['2016-10-01', '7.0', '7.1', '7.2', '7.3', '7.4', '7.5', '7.6', '2025-07-01', '2026-04-01'];

let server: TestServer;
let token: string;

before(async () => {
  server = await startServer();
  const manager = await getToken(server, resources.management);
  token = await getToken(server, resources.data);
  await putVault(server, manager, 'second-vault');
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

function ask(
  method: string,
  path: string,
  { vault = 'main-vault', version = V, query = '', ...rest }: Request = {},
): Promise<Reply> {
  return call(server, {
    ...rest,
    method,
    host: `${vault}.vault`,
    token,
    path: `${path}?api-version=${version}${query}`,
  });
}

async function put(
  name: string,
  value: string,
  more: Record<string, unknown> = {},
  options: Request = {},
): Promise<Reply> {
  const reply = await ask('PUT', `/secrets/${name}`, { ...options, body: { value, ...more } });
  assert.equal(reply.status, 200, reply.text);
  return reply;
}

const versionOf = (reply: Reply) => (reply.body.id as string).split('/')[5]!;

/** Every item of a list, page by page along nextLink as a client follows it. */
async function listAll(
  path: string,
  options: Request = {},
): Promise<{ items: Record<string, unknown>[]; pages: number }> {
  let reply = await ask('GET', path, options);
  const items = [...reply.body.value];
  let pages = 1;
  while (reply.body.nextLink) {
    const link = new URL(reply.body.nextLink);
    assert.equal(link.host, hostOf(server, `${options.vault ?? 'main-vault'}.vault`));
    reply = await call(server, {
      host: `${options.vault ?? 'main-vault'}.vault`,
      token,
      path: link.pathname + link.search,
    });
    assert.equal(reply.status, 200, reply.text);
    items.push(...reply.body.value);
    pages++;
  }
  return { items, pages };
}

test('a secret comes back from a set and from a get with the same members', async () => {
  const attributes = { enabled: true, nbf: 1_700_000_000, exp: 1_900_000_000 };
  const made = await put('members', 'the value', { contentType: 'text/plain', tags: { a: 'b' }, attributes });
  const origin = `https://${hostOf(server, 'main-vault.vault')}`;
  const { created, updated, ...rest } = made.body.attributes;
  assert.deepEqual(rest, { ...attributes, recoveryLevel: 'Recoverable+Purgeable', recoverableDays: 90 });
  assert.ok(Math.abs(created - Date.now() / 1000) < 60);
  assert.equal(updated, created);
  assert.match(made.body.id, new RegExp(`^${origin}/secrets/members/[0-9a-f]{32}$`));
  assert.deepEqual(Object.keys(made.body).sort(), ['attributes', 'contentType', 'id', 'tags', 'value']);
  for (const path of [
    '/secrets/members',
    `/secrets/members/${versionOf(made)}`,
    `/secrets/MEMBERS/${versionOf(made).toUpperCase()}`,
  ]) {
    const got = await ask('GET', path);
    assert.deepEqual(got.body, made.body);
  }
});

test('members that were not sent are left out of the answer', async () => {
  const { body } = await put('plain', 'x');
  assert.deepEqual(Object.keys(body).sort(), ['attributes', 'id', 'value']);
  assert.deepEqual(Object.keys(body.attributes).sort(), [
    'created',
    'enabled',
    'recoverableDays',
    'recoveryLevel',
    'updated',
  ]);
});

test('previousVersion is told from 2025-07-01 on, recoverableDays from 7.1 on', async () => {
  const first = versionOf(await put('chain', '1'));
  const second = versionOf(await put('chain', '2'));
  for (const version of versions) {
    const isNew = version === '2025-07-01' || version === '2026-04-01';
    const got = await ask('GET', '/secrets/chain', { version });
    assert.equal(got.status, 200, got.text);
    assert.equal(got.body.previousVersion, isNew ? first : undefined, version);
    assert.equal(
      got.body.attributes.recoverableDays,
      ['2016-10-01', '7.0'].includes(version) ? undefined : 90,
      version,
    );
    assert.equal(got.body.attributes.recoveryLevel, 'Recoverable+Purgeable');
  }
  const oldest = await ask('GET', `/secrets/chain/${first}`, { version: '2026-04-01' });
  assert.equal(oldest.body.previousVersion, undefined);
  const third = await ask('PUT', '/secrets/chain', { version: '2025-07-01', body: { value: '3' } });
  assert.equal(third.body.previousVersion, second);
});

test('every answer carries the headers of the service', async () => {
  const id = '6f9619ff-8b86-d011-b42d-00c04fc964ff';
  const found = await ask('GET', '/secrets', { headers: { 'x-ms-client-request-id': id } });
  const missing = await ask('GET', '/secrets/nothing', { headers: { 'x-ms-client-request-id': id } });
  const refused = await call(server, { path: `/secrets?api-version=${V}`, headers: { 'x-ms-client-request-id': id } });
  assert.deepEqual([found.status, missing.status, refused.status], [200, 404, 401]);
  const ids = new Set<string>();
  for (const { headers } of [found, missing, refused]) {
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers['pragma'], 'no-cache');
    assert.equal(headers['expires'], '-1');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(headers['strict-transport-security'] ?? '', /^max-age=31536000/);
    assert.equal(headers['x-ms-client-request-id'], id);
    assert.equal(headers['x-ms-keyvault-region'], 'local');
    assert.match(headers['x-ms-keyvault-service-version'] ?? '', /^1\.9\.\d+\.\d+$/);
    assert.equal(headers['x-ms-keyvault-network-info'], 'conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;');
    assert.equal(headers['content-type'], 'application/json; charset=utf-8');
    assert.equal(headers['x-powered-by'], undefined);
    assert.equal(headers['server'], undefined);
    ids.add(headers['x-ms-request-id']!);
  }
  assert.equal(ids.size, 3);
});

test('lists go on along nextLink, in steps of 25 or fewer, each name once', async () => {
  const names = Array.from({ length: 53 }, (_, index) => `item-${String(index).padStart(3, '0')}`);
  await Promise.all(names.map((name) => put(name, name, { contentType: 'text/x' }, { vault: 'second-vault' })));
  const whole = await listAll('/secrets', { vault: 'second-vault' });
  const origin = `https://${hostOf(server, 'second-vault.vault')}`;
  assert.deepEqual(
    whole.items.map(({ id }) => id),
    names.map((name) => `${origin}/secrets/${name}`),
  );
  assert.equal(whole.pages, 3);
  for (const item of whole.items) {
    assert.deepEqual(Object.keys(item).sort(), ['attributes', 'contentType', 'id']);
  }
  const small = await listAll('/secrets', { vault: 'second-vault', query: '&maxresults=7' });
  assert.deepEqual(small.items, whole.items);
  assert.equal(small.pages, 8);
  const exact = await ask('GET', '/secrets', { vault: 'second-vault', query: '&maxresults=25' });
  assert.match(exact.body.nextLink, /api-version=7\.5&\$skiptoken=[\w-]+&maxresults=25$/);
  const page = Buffer.from(new URL(exact.body.nextLink).searchParams.get('$skiptoken')!, 'base64url').toString();
  assert.deepEqual(Object.keys(JSON.parse(page)), ['NextMarker', 'TargetLocation']);
});

test('an empty list is an empty list with a nextLink of null', async () => {
  assert.deepEqual((await ask('GET', '/secrets', { vault: 'kept-vault' })).body, { value: [], nextLink: null });
  assert.deepEqual((await ask('GET', '/deletedsecrets', { vault: 'kept-vault' })).body, { value: [], nextLink: null });
});

test('ids and links carry the host and port that the caller wrote', async () => {
  const spellings: readonly (readonly [string, string])[] = [
    [`main-vault.vault.localhost:${server.port}`, `https://main-vault.vault.localhost:${server.port}`],
    ['main-vault.vault.localhost:443', 'https://main-vault.vault.localhost:443'],
    ['main-vault.vault.localhost', 'https://main-vault.vault.localhost'],
    ['Main-Vault.Vault.LOCALHOST:9000', 'https://main-vault.vault.localhost:9000'],
  ];
  await put('ported', '1');
  await put('ported', '2');
  for (const [host, origin] of spellings) {
    const headers = { host };
    const got = await ask('GET', '/secrets/ported', { headers });
    assert.ok(got.body.id.startsWith(`${origin}/secrets/ported/`), got.body.id);
    const list = await ask('GET', '/secrets/ported/versions', { headers, query: '&maxresults=1' });
    assert.ok(list.body.nextLink.startsWith(`${origin}/secrets/ported/versions?`), list.body.nextLink);
    const bare = await call(server, { path: `/secrets?api-version=${V}`, headers });
    const port = /:\d+$/.exec(origin)?.[0] ?? '';
    assert.equal(
      bare.headers['www-authenticate'],
      `Bearer authorization="https://login.localhost${port}/${server.tenantId}", resource="https://vault.localhost${port}"`,
    );
  }
});

test('an update changes what it names, keeps the rest, and keeps the item in lists', async () => {
  const made = await put('updated', 'kept', {
    contentType: 'text/plain',
    tags: { a: '1', b: '2' },
    attributes: { nbf: 1_700_000_000, exp: 1_900_000_000 },
  });
  const before = (await listAll('/secrets')).items.length;
  const change = async (body: unknown, path = '/secrets/updated') => {
    const reply = await ask('PATCH', path, { body });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.body.value, undefined);
    const { value, ...shown } = (await ask('GET', '/secrets/updated')).body;
    assert.equal(value, 'kept');
    assert.deepEqual(shown, reply.body);
    return reply.body;
  };
  const empty = await change({});
  assert.deepEqual(
    [empty.contentType, empty.tags, empty.attributes.exp],
    ['text/plain', { a: '1', b: '2' }, 1_900_000_000],
  );
  const typed = await change({ contentType: 'text/html' });
  assert.deepEqual(
    [typed.contentType, typed.tags, typed.attributes.nbf],
    ['text/html', { a: '1', b: '2' }, 1_700_000_000],
  );
  const tagged = await change({ tags: { c: '3' } }, `/secrets/updated/${versionOf(made)}`);
  assert.deepEqual([tagged.contentType, tagged.tags, tagged.attributes.exp], ['text/html', { c: '3' }, 1_900_000_000]);
  const cleared = await change({ tags: {} });
  assert.deepEqual(cleared.tags, {});
  const later = await change({ attributes: { exp: 1_950_000_000 } });
  assert.deepEqual(
    [later.attributes.nbf, later.attributes.exp, later.attributes.enabled],
    [1_700_000_000, 1_950_000_000, true],
  );
  assert.equal(versionOf({ body: later } as Reply), versionOf(made));
  const items = (await listAll('/secrets')).items;
  assert.equal(items.length, before);
  assert.equal((await ask('PATCH', '/secrets/updated', { body: { attributes: { nbf: 2_000_000_000 } } })).status, 400);
});

test('a disabled version is not read, is listed, and is enabled again', async () => {
  const old = versionOf(await put('switch', 'old'));
  await put('switch', 'new');
  assert.equal(
    (await ask('PATCH', `/secrets/switch/${old}`, { body: { attributes: { enabled: false } } })).status,
    200,
  );
  const refused = await ask('GET', `/secrets/switch/${old}`);
  assert.equal(refused.status, 403);
  assert.deepEqual(refused.body.error.innererror, { code: 'SecretDisabled' });
  assert.match(refused.body.error.message, /^Operation get is not allowed on a disabled secret\./);
  assert.equal((await ask('GET', '/secrets/switch')).body.value, 'new');
  const listed = (await listAll('/secrets/switch/versions')).items as { attributes: { enabled: boolean } }[];
  assert.deepEqual(listed.map(({ attributes }) => attributes.enabled).sort(), [false, true]);
  assert.equal((await ask('PATCH', `/secrets/switch/${old}`, { body: { attributes: { enabled: true } } })).status, 200);
  assert.equal((await ask('GET', `/secrets/switch/${old}`)).body.value, 'old');
});

test('a secret is read outside nbf and exp', async () => {
  await put('over', 'x', { attributes: { exp: 1 } });
  await put('early', 'x', { attributes: { nbf: 4_000_000_000 } });
  assert.equal((await ask('GET', '/secrets/over')).status, 200);
  assert.equal((await ask('GET', '/secrets/early')).status, 200);
});

test('concurrent sets of one name are all kept, in one chain, and the newest is the one that none came after', async () => {
  const values = Array.from({ length: 60 }, (_, index) => `value-${index}`);
  const made = await Promise.all(values.map((value) => put('race', value, {}, { version: '2026-04-01' })));
  const { items } = await listAll('/secrets/race/versions');
  assert.equal(new Set(items.map(({ id }) => id)).size, 60);
  const before = new Map<string, string | undefined>(
    made.map((reply) => [versionOf(reply), reply.body.previousVersion]),
  );
  assert.equal(new Set(before.values()).size, 60);
  const current = await ask('GET', '/secrets/race', { version: '2026-04-01' });
  let version: string | undefined = versionOf(current);
  let length = 0;
  while (version !== undefined) {
    assert.ok(before.has(version), 'the chain leads to a version that nobody set');
    version = before.get(version);
    length++;
  }
  assert.equal(length, 60);
  for (const [index, reply] of made.entries()) {
    assert.equal((await ask('GET', `/secrets/race/${versionOf(reply)}`)).body.value, values[index]);
  }
});

test('sets one after the other within a second keep their order', async () => {
  let last = '';
  for (let index = 0; index < 20; index++) last = versionOf(await put('quick', String(index)));
  const current = await ask('GET', '/secrets/quick');
  assert.equal(current.body.value, '19');
  assert.equal(versionOf(current), last);
});

test('a deleted secret is gone from the live side, and comes back with all its versions', async () => {
  const first = versionOf(await put('cycle', '1', { tags: { n: '1' } }));
  await put('cycle', '2', { tags: { n: '2' } });
  const deleted = await ask('DELETE', '/secrets/cycle');
  assert.equal(deleted.status, 200);
  const origin = `https://${hostOf(server, 'main-vault.vault')}`;
  assert.equal(deleted.body.recoveryId, `${origin}/deletedsecrets/cycle`);
  assert.equal(deleted.body.scheduledPurgeDate - deleted.body.deletedDate, 90 * 86_400);
  assert.equal(deleted.body.value, undefined);
  assert.deepEqual(deleted.body.tags, { n: '2' });

  for (const path of ['/secrets/cycle', `/secrets/cycle/${first}`, '/secrets/cycle/versions']) {
    const gone = await ask('GET', path);
    assert.equal(gone.status, 404, path);
    assert.equal(gone.body.error.code, 'SecretNotFound');
  }
  for (const [method, path] of [
    ['DELETE', '/secrets/cycle'],
    ['PATCH', '/secrets/cycle'],
    ['POST', '/secrets/cycle/backup'],
  ] as const) {
    assert.equal((await ask(method, path, method === 'PATCH' ? { body: {} } : {})).status, 404);
  }
  const taken = await ask('PUT', '/secrets/Cycle', { body: { value: '3' } });
  assert.equal(taken.status, 409);
  assert.deepEqual(taken.body.error.innererror, { code: 'ObjectIsDeletedButRecoverable' });
  assert.match(
    taken.body.error.message,
    /^Secret cycle is currently in a deleted but recoverable state, and its name cannot be reused/,
  );
  assert.ok(!(await listAll('/secrets')).items.some(({ id }) => id === `${origin}/secrets/cycle`));
  const listed = (await listAll('/deletedsecrets')).items.find(({ id }) => id === `${origin}/secrets/cycle`);
  assert.deepEqual(Object.keys(listed!).sort(), [
    'attributes',
    'deletedDate',
    'id',
    'recoveryId',
    'scheduledPurgeDate',
    'tags',
  ]);
  const shown = await ask('GET', '/deletedsecrets/cycle');
  assert.deepEqual(shown.body, deleted.body);

  const recovered = await ask('POST', '/deletedsecrets/cycle/recover');
  assert.equal(recovered.status, 200);
  assert.equal(recovered.body.recoveryId, undefined);
  assert.equal((await ask('GET', '/secrets/cycle')).body.value, '2');
  assert.equal((await ask('GET', `/secrets/cycle/${first}`)).body.value, '1');
  assert.equal((await listAll('/secrets/cycle/versions')).items.length, 2);
  for (const [method, path] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/recover'],
  ] as const) {
    const none = await ask(method, `/deletedsecrets/cycle${path}`);
    assert.equal(none.status, 404);
    assert.equal(none.body.error.message, 'Deleted Secret not found: cycle');
  }
});

test('a purged name is free, and its old versions do not come back', async () => {
  const old = versionOf(await put('purged', 'old'));
  await ask('DELETE', '/secrets/purged');
  const purged = await ask('DELETE', '/deletedsecrets/purged');
  assert.deepEqual([purged.status, purged.text], [204, '']);
  assert.equal((await ask('GET', '/deletedsecrets/purged')).status, 404);
  const made = await put('purged', 'new', {}, { version: '2026-04-01' });
  assert.equal(made.body.previousVersion, undefined);
  assert.equal((await ask('GET', `/secrets/purged/${old}`)).status, 404);
  assert.equal((await listAll('/secrets/purged/versions')).items.length, 1);
});

test("purge protection holds against the administrator, and the retention is the vault's", async () => {
  const made = await put('kept', 'x', {}, { vault: 'kept-vault' });
  assert.equal(made.body.attributes.recoveryLevel, 'CustomizedRecoverable');
  assert.equal(made.body.attributes.recoverableDays, 7);
  const deleted = await ask('DELETE', '/secrets/kept', { vault: 'kept-vault' });
  assert.equal(deleted.body.scheduledPurgeDate - deleted.body.deletedDate, 7 * 86_400);
  const refused = await ask('DELETE', '/deletedsecrets/kept', { vault: 'kept-vault' });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.error.code, 'Forbidden');
  assert.match(
    refused.body.error.message,
    /^Operation "purge" is not allowed because purge protection is enabled for this vault\./,
  );
  assert.equal((await ask('POST', '/deletedsecrets/kept/recover', { vault: 'kept-vault' })).status, 200);
  assert.equal((await ask('GET', '/secrets/kept', { vault: 'kept-vault' })).body.value, 'x');
});

test('a backup brings back every version in another vault and after a purge, and nothing over a live secret', async () => {
  const first = versionOf(
    await put('saved', '1', { contentType: 'a', tags: { n: '1' }, attributes: { enabled: true, exp: 1_900_000_000 } }),
  );
  const second = versionOf(await put('saved', '2'));
  await ask('PATCH', `/secrets/saved/${first}`, { body: { attributes: { enabled: false } } });
  const { items } = await listAll('/secrets/saved/versions');
  const backup = await ask('POST', '/secrets/saved/backup');
  assert.deepEqual(Object.keys(backup.body), ['value']);
  assert.match(backup.body.value, /^[\w-]+$/);
  const restore = (vault: string) =>
    ask('POST', '/secrets/restore', { vault, body: backup.body, version: '2026-04-01' });

  const there = await restore('second-vault');
  assert.equal(there.status, 200, there.text);
  assert.equal(there.body.value, undefined);
  assert.equal(there.body.previousVersion, first);
  assert.equal(there.body.id, `https://${hostOf(server, 'second-vault.vault')}/secrets/saved/${second}`);
  const copies = await listAll('/secrets/saved/versions', { vault: 'second-vault' });
  const moved = JSON.stringify(copies.items).replaceAll('second-vault', 'main-vault');
  assert.deepEqual(JSON.parse(moved), items);
  assert.equal((await ask('GET', '/secrets/saved', { vault: 'second-vault' })).body.value, '2');
  assert.equal((await ask('GET', `/secrets/saved/${first}`, { vault: 'second-vault' })).status, 403);

  assert.equal((await restore('main-vault')).status, 409);
  await ask('DELETE', '/secrets/saved');
  const deleted = await restore('main-vault');
  assert.equal(deleted.status, 409);
  assert.deepEqual(deleted.body.error.innererror, { code: 'ObjectIsDeletedButRecoverable' });
  await ask('DELETE', '/deletedsecrets/saved');
  assert.equal((await restore('main-vault')).status, 200);
  assert.deepEqual((await listAll('/secrets/saved/versions')).items, items);
  const next = await put('saved', '3', {}, { version: '2026-04-01' });
  assert.equal(next.body.previousVersion, second);
});

test('a name keeps the case in which it was first written, and is found in any', async () => {
  await put('MixedCase', '1');
  const again = await put('mixedcase', '2');
  assert.match(again.body.id, /\/secrets\/MixedCase\//);
  assert.equal((await ask('GET', '/secrets/MIXEDCASE')).body.value, '2');
  assert.equal((await listAll('/secrets/mixedCASE/versions')).items.length, 2);
});

test('vaults keep their secrets apart', async () => {
  await put('same', 'main');
  await put('same', 'second', {}, { vault: 'second-vault' });
  await ask('DELETE', '/secrets/same', { vault: 'second-vault' });
  assert.equal((await ask('GET', '/secrets/same')).body.value, 'main');
  assert.equal((await ask('GET', '/deletedsecrets/same')).status, 404);
});
