import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { assignRole, groupScope, identityHeaderOf, makeIdentity, objectIdOf, putVault } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { browserAt } from '../support/form-browser.ts';
import { type Ask, call, getToken, hostOf, type Reply, resources, sendRaw } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = 'api-version=2026-04-01';

/** What was planted and where, and everything that came back or was left anywhere. */
class Hunt {
  readonly #planted = new Map<string, string>();
  readonly errors: { readonly where: string; readonly text: string }[] = [];

  /** A new text that occurs nowhere else: letters and digits, so that no encoding of a body or URL changes it. */
  plant(where: string): string {
    const text = `canary${randomBytes(12).toString('hex')}yranac`;
    this.#planted.set(text, where);
    return text;
  }

  /** Watches for a text that the server itself made. */
  watch(text: string, where: string): void {
    assert.ok(text.length >= 20, where);
    this.#planted.set(text, where);
  }

  heard(where: string, reply: Reply): Reply {
    if (reply.status >= 400) this.errors.push({ where, text: `${JSON.stringify(reply.headers)}\n${reply.text}` });
    return reply;
  }

  /** Names of the planted texts that the bytes hold, in whatever form. */
  search(bytes: Buffer, except: readonly string[] = []): string[] {
    return [...this.#planted]
      .filter(([text, where]) => !except.includes(where) && formsOf(text).some((form) => bytes.includes(form)))
      .map(([, where]) => where);
  }

  get count(): number {
    return this.#planted.size;
  }
}

/** A text as it may be written: plain, hexadecimal, UTF-16, and Base64 at each of its three alignments. */
function formsOf(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const wide = Buffer.from(text, 'utf16le');
  const forms = [bytes, Buffer.from(hex), Buffer.from(hex.toUpperCase()), wide, Buffer.from(wide).swap16()];
  for (const lead of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(lead), bytes]).toString('base64');
    // The characters at both ends also depend on the neighbours.
    const core = encoded.slice(lead === 0 ? 0 : lead + 1, -4);
    forms.push(Buffer.from(core), Buffer.from(core.replaceAll('+', '-').replaceAll('/', '_')));
  }
  return forms;
}

test('the search finds a text in every form, between other bytes', () => {
  const hunt = new Hunt();
  const text = hunt.plant('here');
  const forms: Buffer[] = [
    Buffer.from(`x${text}y`),
    Buffer.from(Buffer.from(`ab${text}c`).toString('hex')),
    Buffer.from(`z${text}`, 'utf16le'),
    ...['', 'a', 'ab', 'abc'].flatMap((lead) => [
      Buffer.from(Buffer.from(`${lead}${text}tail`).toString('base64')),
      Buffer.from(Buffer.from(`${lead}${text}`).toString('base64url')),
    ]),
  ];
  for (const form of forms) assert.deepEqual(hunt.search(form), ['here'], form.toString());
  assert.deepEqual(hunt.search(Buffer.from(`${text.slice(0, -1)}!`)), []);
});

/** Everything a full run does with secrets, wellformed and not. */
async function run(server: TestServer, hunt: Hunt, backupFile: string): Promise<string[]> {
  const manager = await getToken(server, resources.management);
  const token = await getToken(server, resources.data);
  await putVault(server, manager, 'other-vault');
  await assignRole(server, manager, {
    role: 'Key Vault Administrator',
    principalId: objectIdOf(token),
    scope: groupScope(server),
  });
  const { clientId } = await makeIdentity(server, manager, 'watched');
  const identity = await getToken(server, resources.data, { managedIdentity: clientId });
  for (const [name, text] of Object.entries({ token, manager, identity })) {
    hunt.watch(text, `the ${name} token`);
    hunt.watch(text.split('.')[2]!, `the signature of the ${name} token`);
  }
  hunt.watch(server.administrator.clientSecret, "the administrator's secret");
  const identityHeader = await identityHeaderOf(server, manager, server.machineResourceId);
  hunt.watch(identityHeader, 'the identity header');
  hunt.watch(
    (JSON.parse(readFileSync(join(server.dataDir, 'seal.key'), 'utf8')) as { key: string }).key,
    'the seal key',
  );
  const ask = async (where: string, request: Ask): Promise<Reply> =>
    hunt.heard(where, await call(server, { token, ...request }));
  const put = (where: string, name: string, body: unknown) =>
    ask(where, { method: 'PUT', path: `/secrets/${name}?${V}`, body });

  await keepSecrets(hunt, ask, put);
  await sendBadBodies(hunt, put);
  await askWithSecretsInQueries(hunt, ask);
  await writeSecretsByManagement(server, hunt, manager);
  await signInBadly(server, hunt, ask);
  await useDirectory(server, hunt);
  await signInPeople(server, hunt);
  await askForIdentities(server, hunt, identityHeader);
  const saved = await strongroom(['backup', backupFile, '--data-dir', server.dataDir]);
  assert.equal(saved.code, 0, saved.stderr);
  const ids = hunt.errors
    .map(({ text }) => /"x-ms-request-id":"([^"]+)"/.exec(text)?.[1])
    .filter((id) => id !== undefined);
  return ids;
}

type Asking = (where: string, request: Ask) => Promise<Reply>;
type Putting = (where: string, name: string, body: unknown) => Promise<Reply>;

async function keepSecrets(hunt: Hunt, ask: Asking, put: Putting): Promise<void> {
  const plain = hunt.plant('a value');
  const long = hunt.plant('a value of 25 KB');
  const json = hunt.plant('a value in JSON');
  const purged = hunt.plant('a purged value');
  assert.equal(
    (await put('', 'plain', { value: plain, contentType: 'text/plain', tags: { visible: 'tag-in-the-open' } })).status,
    200,
  );
  assert.equal((await put('', 'plain', { value: `${plain}2` })).status, 200);
  assert.equal((await put('', 'long', { value: long.repeat(Math.floor(25_600 / long.length)) })).status, 200);
  assert.equal((await put('', 'json', { value: JSON.stringify({ password: json }) })).status, 200);
  assert.equal((await put('', 'purged', { value: purged.repeat(200) })).status, 200);
  assert.match((await ask('', { path: `/secrets/plain?${V}` })).text, new RegExp(plain));
  await ask('', { method: 'PATCH', path: `/secrets/plain?${V}`, body: { value: hunt.plant('a value in an update') } });
  for (const [method, path] of [
    ['DELETE', '/secrets/purged'],
    ['DELETE', '/deletedsecrets/purged'],
    ['DELETE', '/secrets/json'],
  ] as const) {
    assert.ok((await ask('', { method, path: `${path}?${V}` })).status < 300);
  }
  await put('a set of a deleted name', 'json', { value: hunt.plant('a value that was refused with 409') });
  await ask('', { method: 'POST', path: `/deletedsecrets/json/recover?${V}` });
  const { body } = await ask('', { method: 'POST', path: `/secrets/plain/backup?${V}` });
  hunt.watch(body.value.slice(100, 200), 'a backup');
  await ask('a restore over a live secret', { method: 'POST', path: `/secrets/restore?${V}`, body });
  assert.equal(
    (await ask('', { method: 'POST', host: 'other-vault.vault', path: `/secrets/restore?${V}`, body })).status,
    200,
  );
  const broken = { value: body.value.slice(0, -8) };
  await ask('a restore of a damaged backup', {
    method: 'POST',
    host: 'other-vault.vault',
    path: `/secrets/restore?${V}`,
    body: broken,
  });
}

async function sendBadBodies(hunt: Hunt, put: Putting): Promise<void> {
  const bodies: Readonly<Record<string, (text: string) => unknown>> = {
    'a body that ends early': (text) => `{"value":"${text}`,
    'a body that is a text': (text) => `"${text}"`,
    'a body that is no JSON': (text) => text,
    'a body that is not UTF-8': (text) =>
      Buffer.concat([Buffer.from(`{"value":"${text}`), Buffer.of(0xff, 0x22, 0x7d)]),
    'a body with a duplicate value': (text) => `{"value":"${text}","value":5}`,
    'a value in a list': (text) => ({ value: [text] }),
    'a value in an object': (text) => ({ value: { [text]: text } }),
    'a wrong member': (text) => ({ valeu: text, [text]: 1 }),
    'a value that is too long': (text) => ({ value: text.repeat(800) }),
    'a value beside too many tags': (text) => ({
      value: text,
      tags: Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`${text}${index}`, text])),
    }),
    'a content type that is too long': (text) => ({ value: text, contentType: text.repeat(9) }),
    'a text as enabled': (text) => ({ value: text, attributes: { enabled: text } }),
    'a text as nbf': (text) => ({ value: text, attributes: { nbf: text } }),
    'a text as exp': (text) => ({ value: text, attributes: { exp: text } }),
    'a text as attributes': (text) => ({ value: text, attributes: text }),
    'a text as tags': (text) => ({ value: text, tags: text }),
    'a tag that is a list': (text) => ({ value: text, tags: { [text]: [text] } }),
    'a deep body': (text) => `{"value":"${text}","x":${'['.repeat(60)}"${text}"${']'.repeat(60)}}`,
  };
  for (const [where, make] of Object.entries(bodies)) {
    const reply = await put(where, 'refused', make(hunt.plant(where)));
    assert.ok(reply.status >= 400, `${where}: ${reply.status}`);
  }
  const name = hunt.plant('a value under a bad name');
  assert.equal((await put('a bad name', 'bad.name', { value: name })).status, 400);
}

async function askWithSecretsInQueries(hunt: Hunt, ask: Asking): Promise<void> {
  const queries: Readonly<Record<string, (text: string) => string>> = {
    'a signature in a query': (text) => `/secrets/plain?${V}&sig=${text}`,
    'a page token': (text) => `/secrets?${V}&$skiptoken=${text}`,
    'a page size': (text) => `/secrets?${V}&maxresults=${text}`,
    'a code in the query of an unknown path': (text) => `/nothing?code=${text}`,
    'a query without api-version': (text) => `/secrets/plain?access_token=${text}`,
    'a query behind a path that cannot be read': (text) => `/secrets/%zz?password=${text}`,
    'a query of a secret that is not there': (text) => `/secrets/missing?${V}&x=${text}`,
    'a name of a query parameter': (text) => `/secrets/plain?${V}&${text}=1`,
  };
  for (const [where, make] of Object.entries(queries)) {
    for (const more of [{}, { token: undefined }]) await ask(where, { path: make(hunt.plant(where)), ...more });
  }
  const host = { host: 'management' };
  await ask('a query of the management plane', {
    ...host,
    path: `/subscriptions?api-version=2022-12-01&sig=${hunt.plant('a management query')}`,
  });
  await ask('a header', {
    path: `/secrets/plain?${V}`,
    headers: { cookie: `session=${hunt.plant('a cookie')}`, 'x-api-key': hunt.plant('an API key') },
  });
}

/** Secrets written through the management plane: their values come back nowhere, not even to who wrote them. */
async function writeSecretsByManagement(server: TestServer, hunt: Hunt, token: string): Promise<void> {
  const secrets = `${groupScope(server)}/providers/Microsoft.KeyVault/vaults/main-vault/secrets`;
  const send = async (method: string, name: string, value: string, more: object = {}) => {
    const request = { method, path: `${secrets}/${name}?api-version=2026-02-01`, host: 'management', token };
    const reply = await call(server, { ...request, body: { properties: { value, ...more } } });
    assert.doesNotMatch(`${JSON.stringify(reply.headers)}${reply.text}`, new RegExp(value));
    return hunt.heard('a secret by the management plane', reply).status;
  };
  assert.equal(await send('PUT', 'managed', hunt.plant('a value by the management plane')), 201);
  assert.equal(await send('PATCH', 'managed', hunt.plant('a patched value by the management plane')), 200);
  const badly = { attributes: { enabled: 'perhaps' } };
  assert.equal(await send('PUT', 'managed', hunt.plant('a refused value by the management plane'), badly), 400);
}

async function signInBadly(server: TestServer, hunt: Hunt, ask: Asking): Promise<void> {
  const schemes: Readonly<Record<string, (text: string) => string>> = {
    'a bearer token of garbage': (text) => `Bearer ${text}`,
    'a token of three parts of garbage': (text) => `Bearer ${text}.${text}.${text}`,
    'two tokens': (text) => `Bearer ${text} ${text}`,
    'a basic password': (text) => `Basic ${Buffer.from(`user:${text}`).toString('base64')}`,
    'a scheme': (text) => text,
    'a key': (text) => `SharedKey account:${text}`,
    'a digest': (text) => `Digest username="x", response="${text}"`,
  };
  for (const [where, make] of Object.entries(schemes)) {
    const authorization = make(hunt.plant(where));
    for (const [host, path] of [
      ['main-vault.vault', `/secrets?${V}`],
      ['management', '/subscriptions?api-version=2022-12-01'],
      ['graph', '/v1.0/me'],
      ['login', `/${server.tenantId}/oauth2/token`],
    ] as const) {
      await ask(where, { host, path, token: undefined, headers: { authorization } });
    }
  }
  const client = {
    grant_type: 'client_credentials',
    client_id: server.administrator.clientId,
    scope: 'https://vault.azure.net/.default',
  };
  const forms: Readonly<Record<string, (text: string) => Record<string, string>>> = {
    'a wrong client secret': (text) => ({ ...client, client_secret: text }),
    'a secret of an unknown client': (text) => ({
      ...client,
      client_id: '00000000-0000-0000-0000-000000000001',
      client_secret: text,
    }),
    'a secret as client id': (text) => ({ ...client, client_id: text, client_secret: text }),
    'a secret as scope': (text) => ({ ...client, scope: text, client_secret: server.administrator.clientSecret }),
    'a secret as grant': (text) => ({ ...client, grant_type: text, client_secret: text }),
    'a password': (text) => ({ ...client, grant_type: 'password', username: 'a', password: text, client_secret: text }),
    'a refresh token': (text) => ({ ...client, grant_type: 'refresh_token', refresh_token: text }),
    'an assertion of garbage': (text) => ({
      ...client,
      client_assertion: text,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    }),
    'an assertion of three parts': (text) => ({
      ...client,
      client_assertion: `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from(JSON.stringify({ jti: text })).toString('base64url')}.${text}`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    }),
    'an assertion type': (text) => ({ ...client, client_assertion: text, client_assertion_type: text }),
  };
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  for (const [where, make] of Object.entries(forms)) {
    const body = new URLSearchParams(make(hunt.plant(where))).toString();
    for (const path of ['/oauth2/v2.0/token', '/oauth2/token']) {
      const reply = await ask(where, {
        method: 'POST',
        host: 'login',
        path: `/${server.tenantId}${path}`,
        token: undefined,
        headers,
        body,
      });
      assert.ok(reply.status >= 400, where);
    }
  }
  const text = hunt.plant('a form with a field twice');
  await ask('a field twice', {
    method: 'POST',
    host: 'login',
    path: `/${server.tenantId}/oauth2/token`,
    token: undefined,
    headers,
    body: `client_secret=${text}&client_secret=${text}`,
  });
  const target = hunt.plant('a password in a target');
  await sendRaw(
    server,
    `GET https://user:${target}@${hostOf(server, 'main-vault.vault')}/secrets HTTP/1.1\r\nHost: ${hostOf(server, 'main-vault.vault')}\r\n\r\n`,
  );
  const folded = hunt.plant('a header that cannot be read');
  await sendRaw(
    server,
    `GET /secrets HTTP/1.1\r\nHost: ${hostOf(server, 'main-vault.vault')}\r\nAuthorization : Bearer ${folded}\r\n\r\n`,
  );
}

async function useDirectory(server: TestServer, hunt: Hunt): Promise<void> {
  const graph = await getToken(server, resources.graph);
  hunt.watch(graph, 'the graph token');
  const ask = async (where: string, path: string, body: unknown) =>
    hunt.heard(where, await call(server, { method: 'POST', host: 'graph', path: `/v1.0${path}`, token: graph, body }));
  const { body: application } = await ask('', '/applications', { displayName: 'watched' });
  assert.ok(application?.appId, 'no application was made');
  await ask('', '/servicePrincipals', { appId: application.appId });
  const added = await ask('', `/applications/${application.id}/addPassword`, {
    passwordCredential: { displayName: 'x' },
  });
  const clientSecret = added.body.secretText as string;
  hunt.watch(clientSecret, 'a client secret that Graph gave');
  await getToken(server, resources.data, { clientId: application.appId, clientSecret });
  const own = hunt.plant('a secret that a caller wants to choose');
  await ask('a chosen secret', `/applications/${application.id}/addPassword`, {
    passwordCredential: { secretText: own },
  });
  await ask('an application with a password', '/applications', {
    displayName: 5,
    passwordCredentials: [{ secretText: hunt.plant('a password of a refused application') }],
  });
}

/** People who sign in rightly and wrongly, in each way there is; passwords and codes are seen by nobody. */
async function signInPeople(server: TestServer, hunt: Hunt): Promise<void> {
  const password = `Aa1${hunt.plant("a person's password")}`;
  const admin = await getToken(server, resources.graph);
  const upn = `anna@${server.domain}`;
  const user = { accountEnabled: true, displayName: 'Anna', mailNickname: 'anna', userPrincipalName: upn };
  const passwordProfile = { password, forceChangePasswordNextSignIn: false };
  const made = await call(server, {
    method: 'POST',
    host: 'graph',
    path: '/v1.0/users',
    token: admin,
    body: { ...user, passwordProfile },
  });
  assert.equal(made.status, 201, made.text);
  const send = async (where: string, path: string, form: Record<string, string>) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const client = {
      client_id: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
      scope: `${resources.data}/.default offline_access`,
    };
    const body = new URLSearchParams({ ...client, ...form }).toString();
    const request = { method: 'POST', host: 'login', path: `/organizations/oauth2/v2.0/${path}`, headers, body };
    return hunt.heard(where, await call(server, request));
  };
  const right = await send('', 'token', { grant_type: 'password', username: upn, password });
  hunt.watch(right.body.access_token, "a person's token");
  hunt.watch(right.body.refresh_token, 'a refresh token');
  await send('a wrong password', 'token', { grant_type: 'password', username: upn, password: hunt.plant('a guess') });
  const asName = { username: hunt.plant('a password typed as name'), password: 'x' };
  await send('a password typed as name', 'token', { grant_type: 'password', ...asName });
  await send('', 'token', { grant_type: 'refresh_token', refresh_token: right.body.refresh_token });
  const garbage = { refresh_token: hunt.plant('no refresh token'), device_code: hunt.plant('no device code') };
  await send('no refresh token', 'token', { grant_type: 'refresh_token', ...garbage });
  await send('no device code', 'token', { grant_type: 'device_code', ...garbage });
  const device = (await send('', 'devicecode', {})).body;
  hunt.watch(device.device_code, 'a device code');
  await send('a device that waits', 'token', { grant_type: 'device_code', device_code: device.device_code });
  const browser = browserAt(server);
  await browser.open('/devicelogin');
  hunt.watch([...browser.cookies.values()][0]!, 'the cookie of a page');
  await browser.submit({ code: hunt.plant('a wrong user code').slice(0, 30) });
  await browser.submit({ code: device.user_code });
  await browser.submit({ username: upn, password: hunt.plant('a guess on the page') });
  await browser.submit({ username: upn, password });
  hunt.watch(browser.hidden()['ticket']!.split('.')[1]!, 'the ticket of a page');
  await browser.submit({ decision: 'yes' });
  const tokens = await send('', 'token', { grant_type: 'device_code', device_code: device.device_code });
  hunt.watch(tokens.body.refresh_token, 'a refresh token of a device');
  await browser.open('/changepassword');
  const next = `Aa1${hunt.plant('another password')}`;
  await browser.submit({ username: upn, password, new_password: next, repeated: hunt.plant('another, mistyped') });
  assert.equal((await browser.submit({ username: upn, password, new_password: next, repeated: next })).status, 200);
}

async function askForIdentities(server: TestServer, hunt: Hunt, identityHeader: string): Promise<void> {
  const ask = (path: string, headers: Record<string, string>) =>
    new Promise<void>((resolve, reject) => {
      plainRequest({ host: '127.0.0.1', port: server.imdsPort, path, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.once('end', () => {
          if (response.statusCode! >= 400) hunt.errors.push({ where: path, text });
          resolve();
        });
      })
        .once('error', reject)
        .end();
    });
  const resource = encodeURIComponent(resources.data);
  await ask(`/msi/token?api-version=2019-08-01&resource=${resource}`, {
    'x-identity-header': hunt.plant('a wrong identity header'),
  });
  await ask(`/msi/token?api-version=2019-08-01&resource=${resource}`, { 'x-identity-header': identityHeader });
  await ask(`/msi/token?api-version=2017-09-01&resource=${resource}`, { secret: hunt.plant('a wrong MSI secret') });
  await ask(`/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${hunt.plant('a secret as resource')}`, {
    metadata: 'true',
  });
}

/** Every file of a directory but what must hold its own secret. */
function searchFiles(hunt: Hunt, dataDir: string): string[] {
  const exempt: Readonly<Record<string, readonly string[]>> = {
    'administrator.json': ["the administrator's secret"],
    'seal.key': ['the seal key'],
  };
  const files = readdirSync(dataDir, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  return files.flatMap((name) =>
    hunt.search(readFileSync(join(dataDir, name)), exempt[name] ?? []).map((where) => `${name} holds ${where}`),
  );
}

test('no secret, token or client secret of a full run is in any log, record, error or file', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-canary-'));
  const dataDir = join(folder, 'data');
  const hunt = new Hunt();
  const server = await startServer({ dataDir });
  try {
    const backupFile = join(folder, 'server.backup');
    const ids = await run(server, hunt, backupFile);
    assert.deepEqual(searchFiles(hunt, dataDir), []);
    for (const { where, text } of hunt.errors)
      assert.deepEqual(hunt.search(Buffer.from(text)), [], `the answer to ${where}: ${text}`);
    const records = await strongroom(['audit', 'export', '--data-dir', dataDir]);
    assert.deepEqual(hunt.search(Buffer.from(records.stdout)), [], 'the audit log');
    assert.deepEqual(hunt.search(gunzipSync(readFileSync(backupFile))), [], 'the backup of the server');
    for (const args of [
      ['explain', ids[0]!],
      ['explain', ids[ids.length - 1]!, '--json'],
      ['status'],
      ['env'],
      ['audit', 'verify'],
    ]) {
      const { stdout, stderr } = await strongroom([...args, '--data-dir', dataDir]);
      const except = args[0] === 'env' ? ['the identity header'] : [];
      assert.deepEqual(hunt.search(Buffer.from(stdout + stderr), except), [], args.join(' '));
    }
    assert.equal(await server.stop({ keep: true }), 0);
    assert.deepEqual(searchFiles(hunt, dataDir), []);
    const { stdout, stderr } = server.output();
    assert.deepEqual(
      hunt.search(Buffer.from(stdout)),
      ["the administrator's secret"],
      'standard output shows it at the first start',
    );
    assert.deepEqual(hunt.search(Buffer.from(stderr)), []);
    // What is not secret is found, so the search looked where it should.
    assert.ok(records.stdout.includes('SecretSet'));
    assert.ok(readFileSync(join(dataDir, 'strongroom.db')).includes('tag-in-the-open'));
    assert.ok(hunt.errors.length > 80 && ids.length > 60);
    context.diagnostic(`${hunt.count} texts watched, ${hunt.errors.length} refusals read`);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
