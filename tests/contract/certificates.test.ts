import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { certificateOperations } from '../../src/certificates/operations.ts';
import { keyOperations } from '../../src/keys/operations.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { secretOperations } from '../../src/secrets/operations.ts';
import { certificateAuthority, type OpenSsl, openSsl } from '../support/openssl.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { isObject } from './contract-files.ts';
import { Contract } from './openapi.ts';
import { Deck, readRecordings } from './recordings.ts';
import { Replay, type Replaying } from './replay.ts';
import type { WireAnswer } from './wire.ts';

/** Stable versions and the previews that `az` sends (contract WIRE §1). */
const dataVersions = [
  ...['2016-10-01', '7.0', '7.1', '7.2', '7.3', '7.4-preview.1', '7.4', '7.5', '7.6-preview.2', '7.6'],
  ...['2025-07-01', '2026-04-01'],
];
const contract = new Contract();
let server: TestServer;
let replay: Replay;
let openssl: OpenSsl;

before(async () => {
  openssl = openSsl();
  server = await startServer();
  replay = new Replay(server, contract);
});

after(async () => {
  replay?.close();
  await server?.stop();
  openssl?.close();
});

const vault = 'main-vault';
const self = { x509_props: { subject: 'CN=a.example.com' }, key_props: { kty: 'EC' }, issuer: { name: 'Self' } };

function prepare(version: string, method: string, path: string, body?: unknown): Promise<WireAnswer> {
  const url = `${path}${path.includes('?') ? '&' : '?'}api-version=${version}`;
  return replay.prepare(method, `${vault}.vault.${server.domain}`, url, body);
}

describe('every operation of certificates answers as the files demand', () => {
  for (const version of dataVersions) {
    it(`at ${version}`, async () => {
      const name = `c-${version.replaceAll('.', '-')}`;
      const at = `/certificates/${name}`;
      const ok = async (method: string, path: string, body?: unknown, status = 200): Promise<WireAnswer> => {
        const answer = await prepare(version, method, path, body);
        assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
        return answer;
      };
      const tags = { a: 'b' };
      await ok('POST', `${at}/create`, { policy: self, tags, attributes: { enabled: true } }, 202);
      await ok('GET', `${at}/pending`);
      const made = await ok('GET', at);
      const one = made.body.id.split('/').at(-1) as string;
      await ok('GET', `${at}/${one}`);
      await ok('PATCH', `${at}/${one}`, { tags: { c: 'd' }, attributes: { enabled: true } });
      await ok('PATCH', at, { tags: { e: 'f' } });
      await ok('GET', `${at}/versions`);
      await ok('GET', '/certificates?maxresults=1&includePending=true');
      await ok('GET', `${at}/policy`);
      await ok('PATCH', `${at}/policy`, { x509_props: { validity_months: 6 } });
      const unknown = { ...self, issuer: { name: 'Unknown' } };
      const started = await ok('POST', `${at}/create`, { policy: unknown }, 202);
      await ok('PATCH', `${at}/pending`, { cancellation_requested: true });
      await ok('DELETE', `${at}/pending`);
      const again = await ok('POST', `${at}/create`, { policy: unknown }, 202);
      assert.notEqual(again.body.request_id, started.body.request_id);
      const leaf = certificateAuthority(openssl).sign(Buffer.from(again.body.csr, 'base64'));
      const x5c = [new X509Certificate(leaf).raw.toString('base64')];
      await ok('POST', `${at}/pending/merge`, { x5c, tags }, 201);
      openssl.run('req -x509 -newkey rsa:2048 -nodes -keyout in.key -out in.pem -days 30 -subj /CN=in');
      openssl.run('pkcs12 -export -inkey in.key -in in.pem -passout pass:pw -out in.pfx');
      const value = openssl.read('in.pfx').toString('base64');
      await ok('POST', `${at}/import`, { value, pwd: 'pw', preserveCertOrder: true });
      const backup = await ok('POST', `${at}/backup`);
      await ok('DELETE', at);
      assert.equal((await prepare(version, 'GET', at)).status, 404);
      assert.equal((await prepare(version, 'POST', `${at}/create`, { policy: self })).status, 409);
      await ok('GET', `/deleted${at.slice(1)}`);
      await ok('GET', '/deletedcertificates?includePending=true');
      await ok('POST', `/deleted${at.slice(1)}/recover`);
      await ok('DELETE', at);
      assert.equal((await prepare(version, 'DELETE', `/deleted${at.slice(1)}`)).status, 204);
      await ok('POST', '/certificates/restore', { value: backup.body.value });
      await ok('PUT', '/certificates/contacts', { contacts: [{ email: 'a@example.com', name: 'n', phone: '1' }] });
      await ok('GET', '/certificates/contacts');
      await ok('DELETE', '/certificates/contacts');
      const issuer = { provider: 'Test', credentials: { account_id: 'a', pwd: 'p' }, org_details: { id: 'o' } };
      await ok('PUT', '/certificates/issuers/one', issuer);
      await ok('PATCH', '/certificates/issuers/one', { attributes: { enabled: false } });
      await ok('GET', '/certificates/issuers/one');
      await ok('GET', '/certificates/issuers');
      await ok('DELETE', '/certificates/issuers/one');
    });
  }
});

describe('the recorded requests of the certificates client', () => {
  const recordings = readRecordings(contract.files, 'keyvault-keys');
  const deck = new Deck(recordings.filter(({ host, url }) => host.startsWith('v1.') && url.includes('certificates')));
  const send = (method: string, start: string, how: Replaying = {}) =>
    replay.send(deck.take(method, start), { vault, ...how });
  const idle = (method: string, path: string, body?: unknown) => prepare('2025-07-01', method, path, body);

  it('create, and ask what became of it', async () => {
    assert.equal((await send('POST', '/certificates/c/create')).status, 401);
    assert.equal((await send('POST', '/certificates/c/create')).status, 202);
    assert.equal((await send('GET', '/certificates/c/pending')).body.status, 'completed');
    for (let count = 0; count < 2; count++) assert.equal((await send('GET', '/certificates/c/?')).status, 200);
  });

  it('read, change, and refuse what is none', async () => {
    const { body } = await idle('GET', '/certificates/c');
    const version = { replace: { 'c/01': `c/${body.id.split('/').at(-1)}` } };
    assert.deepEqual((await send('GET', '/certificates/c/01', version)).body.policy.x509_props.sans, {
      dns_names: ['a'],
      ipAddresses: ['1.2.3.4'],
    });
    assert.equal((await send('POST', '/certificates/c/import')).status, 400);
    assert.equal((await send('GET', '/certificates/c/policy')).status, 200);
    assert.equal((await send('PATCH', '/certificates/c/policy')).body.x509_props.validity_months, 6);
    assert.equal((await send('PATCH', '/certificates/c/01', version)).body.attributes.enabled, false);
    for (let count = 0; count < 2; count++) assert.equal((await send('GET', '/certificates/c/?')).status, 200);
    assert.equal((await send('GET', '/certificates/c/pending')).status, 200);
    const merged = await send('POST', '/certificates/c/pending/merge');
    assert.deepEqual([merged.status, merged.body.error.code], [403, 'Forbidden'], 'it is completed');
  });

  it('keep contacts and issuers', async () => {
    for (const method of ['PUT', 'GET', 'DELETE']) {
      const answer = await send(method, '/certificates/contacts');
      assert.ok([200, 400].includes(answer.status), `${method}: ${answer.status}`);
    }
    for (const method of ['PUT', 'GET', 'PATCH']) {
      assert.equal((await send(method, '/certificates/issuers/i')).status, 200, method);
    }
    assert.equal((await send('GET', '/certificates/issuers?')).status, 200);
    assert.equal((await send('DELETE', '/certificates/issuers/i')).status, 200);
  });

  it('list, delete, recover, purge, back up and restore', async () => {
    assert.equal((await send('GET', '/certificates?')).status, 200);
    assert.equal((await send('GET', '/certificates/c/versions')).status, 200);
    assert.equal((await send('GET', '/deletedcertificates?')).status, 200);
    const backup = await send('POST', '/certificates/c/backup');
    assert.equal(backup.status, 200);
    assert.equal((await send('DELETE', '/certificates/c/pending')).status, 200);
    assert.equal((await send('DELETE', '/certificates/c?')).status, 200);
    assert.equal((await send('GET', '/deletedcertificates/c')).status, 200);
    await idle('POST', '/certificates/rec/create', { policy: self });
    await idle('DELETE', '/certificates/rec');
    assert.equal((await send('GET', '/certificates/rec/?')).status, 404);
    assert.equal((await send('POST', '/deletedcertificates/rec/recover')).status, 200);
    assert.equal((await send('GET', '/certificates/rec/?')).status, 200);
    assert.equal((await send('DELETE', '/deletedcertificates/c')).status, 204);
    const restored = await send('POST', '/certificates/restore', { replace: { '"AQ"': `"${backup.body.value}"` } });
    assert.equal(restored.status, 200);
  });

  it('were all sent', () => {
    assert.deepEqual(deck.rest(), []);
  });
});

// Rows only close over their parts; none is used before an operation runs.
const parts = {} as never;
const table: readonly Operation[] = [
  ...secretOperations(parts),
  ...keyOperations(parts),
  ...certificateOperations(parts),
];
const shapeOf = (method: string, path: string): string =>
  `${method.toUpperCase()} ${path.toLowerCase().replace(/:[^/]+|\{[^/]+\}/g, '*')}`;
const rows = new Map(table.map((row) => [shapeOf(row.method, row.path), row]));

for (const version of ['7.4', '7.5', '7.6', '2025-07-01', '2026-04-01']) {
  describe(`the operations on secrets, keys and certificates of ${version}`, () => {
    it('are all in the table, with their success', () => {
      const folder = `keyvault-data-plane/${version}`;
      const published = ['secrets.json', 'keys.json', 'certificates.json'].flatMap((name) =>
        Object.entries(contract.files.load(`${folder}/${name}`)['paths'] ?? {}).flatMap(([path, methods]) =>
          Object.entries(methods as object)
            .filter(([, value]) => isObject(value) && typeof value['operationId'] === 'string')
            .map(([method, value]) => ({ method, path, value })),
        ),
      );
      assert.ok(published.length > 60, `${published.length}`);
      for (const { method, path, value } of published) {
        const row = rows.get(shapeOf(method, path));
        assert.ok(row, `${method} ${path}`);
        assert.ok(row.versions.known.includes(version));
        if (!path.includes('certificates')) continue;
        const statuses = Object.keys(value.responses).filter((status) => /^2/.test(status));
        assert.deepEqual(row.success.map(String), statuses, `${method} ${path}`);
      }
    });
  });
}
