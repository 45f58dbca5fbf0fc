import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { assignRole, groupScope, objectIdOf } from '../support/arm.ts';
import { freePort } from '../support/child-process.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = '2025-07-01';
const CONTACT = 'team@example.com';

describe('certificates that authorities issue, from the policy to the renewal', () => {
  let folder: string;
  let pebble: Pebble;
  let sink: SMTPServer;
  let server: TestServer;
  let token: string;
  const mail: string[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-enrolment-'));
    pebble = await startPebble();
    sink = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, _session, answer) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          mail.push(Buffer.concat(chunks).toString());
          answer();
        });
      },
    });
    await new Promise<void>((listening) => {
      sink.listen(0, '127.0.0.1', () => listening());
    });
    const revocationPort = await freePort();
    server = await startServer({ args: ['--config', configuration(revocationPort), '--dev'] });
    await signIn();
    const role = { role: 'Key Vault Administrator', principalId: objectIdOf(token), scope: groupScope(server) };
    await assignRole(server, await getToken(server, resources.management), role);
    await ok('PUT', '/certificates/contacts', { contacts: [{ email: CONTACT }] });
    await ok('POST', '/keys/authority/create', { kty: 'EC', crv: 'P-256', key_ops: ['sign', 'verify'] });
    await ok('PUT', '/certificates/issuers/public', { provider: 'ACME' });
    await ok('PUT', '/certificates/issuers/inside', { provider: 'StrongroomCA' });
  });
  after(async () => {
    await server?.stop();
    await pebble?.stop();
    await new Promise<void>((closed) => sink.close(closed));
    rmSync(folder, { recursive: true, force: true });
  });

  function configuration(revocationPort: number): string {
    const path = join(folder, 'config.json');
    writeFileSync(join(folder, 'pebble.pem'), pebble.caPem);
    const challenge = { type: 'http-01', port: pebble.httpPort, addresses: ['127.0.0.1'] };
    const { directoryUrl } = pebble;
    const acme = { name: 'public', provider: 'ACME', directoryUrl, caFile: join(folder, 'pebble.pem'), challenge };
    const own = {
      name: 'inside',
      provider: 'StrongroomCA',
      vault: 'main-vault',
      key: 'authority',
      permittedDomains: ['inside.example'],
      publicUrl: `http://127.0.0.1:${revocationPort}`,
    };
    const { port } = sink.server.address() as AddressInfo;
    const settings = {
      certificateAuthorities: [acme, own],
      revocationPort,
      revocationAddresses: ['127.0.0.1'],
      mail: { host: '127.0.0.1', port, security: 'none', from: 'vault@example.com' },
    };
    writeFileSync(path, JSON.stringify(settings));
    return path;
  }

  async function signIn(): Promise<void> {
    token = await getToken(server, resources.data);
  }
  const ask = (method: string, path: string, body?: unknown): Promise<Reply> =>
    call(server, { method, host: 'main-vault.vault', token, path: `${path}?api-version=${V}`, body } as Ask);
  async function ok(method: string, path: string, body?: unknown): Promise<Reply> {
    const reply = await ask(method, path, body);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`);
    return reply;
  }
  const advance = async (time: string) => {
    const moved = await strongroom(['clock', '--advance', time, '--data-dir', server.dataDir]);
    assert.equal(moved.code, 0, moved.stderr);
    await signIn();
  };
  const create = (name: string, issuer: string, host: string) => {
    const x509_props = { subject: `CN=${host}`, sans: { dns_names: [host] }, validity_months: 3 };
    const policy = { key_props: { kty: 'EC', crv: 'P-256' }, x509_props, issuer: { name: issuer } };
    return ok('POST', `/certificates/${name}/create`, {
      policy: { ...policy, secret_props: { contentType: 'application/x-pem-file' } },
    });
  };
  /** The jobs run with each move of the clock; authorities take the time that they take. */
  const ended = async (name: string) => {
    const deadline = Date.now() + 30_000;
    for (;;) {
      await advance('20s');
      const { body } = await ok('GET', `/certificates/${name}/pending`);
      if (body.status !== 'inProgress') return body;
      assert.ok(Date.now() < deadline, JSON.stringify(body));
    }
  };
  const certificate = async (name: string) => {
    const { body } = await ok('GET', `/certificates/${name}`);
    return { body, x509: new X509Certificate(Buffer.from(body.cer, 'base64')) };
  };

  it('issues from an authority whose key is in the vault, which openssl verifies with its revocation list', async () => {
    await create('web', 'inside', 'web.inside.example');
    assert.equal((await ended('web')).status, 'completed');
    const { x509 } = await certificate('web');
    assert.equal(x509.subjectAltName, 'DNS:web.inside.example');
    const base = x509.infoAccess === undefined ? '' : /http:\/\/127\.0\.0\.1:\d+/.exec(x509.infoAccess)![0];
    const fetched = async (name: string) => Buffer.from(await (await fetch(`${base}/${name}`)).arrayBuffer());
    writeFileSync(join(folder, 'ca.pem'), new X509Certificate(await fetched('inside.cer')).toString());
    writeFileSync(join(folder, 'list.crl'), await fetched('inside.crl'));
    writeFileSync(join(folder, 'leaf.pem'), x509.toString());
    // The vault's clock has been moved, openssl's has not.
    const soon = String(Math.floor(Date.now() / 1000) + 600);
    const checks = ['-attime', soon, '-crl_check', '-CRLfile', 'list.crl', '-CAfile', 'ca.pem', 'leaf.pem'];
    const said = execFileSync('openssl', ['verify', ...checks], { cwd: folder, encoding: 'utf8' });
    assert.match(said, /leaf\.pem: OK/);
  });

  it('tells the pending operation, the contacts and the audit log of what an authority has refused', async () => {
    await create('blocked', 'public', 'blocked-domain.example');
    const refused = await ended('blocked');
    assert.deepEqual([refused.status, refused.error.code], ['failed', 'rejectedIdentifier'], JSON.stringify(refused));
    assert.match(refused.status_details, /blocked-domain\.example/);
    await advance('2m');
    const told = mail.find((text) => text.includes('Certificate blocked in main-vault'));
    assert.ok(told, mail.join('\n'));
    assert.match(told, new RegExp(`^To: ${CONTACT}`, 'm'));
    const audit = await strongroom(['audit', 'export', '--data-dir', server.dataDir]);
    const entry = audit.stdout.split('\n').find((line) => line.includes('CertificateEnrollFailed'));
    assert.match(entry ?? '', /certificates\/blocked/);
  });

  it('enrols by ACME, and renews when the clock says so', async () => {
    await create('site', 'public', 'site.example');
    const done = await ended('site');
    assert.equal(done.status, 'completed', JSON.stringify(done));
    const first = await certificate('site');
    assert.equal(first.x509.subjectAltName, 'DNS:site.example');
    const secret = (await ok('GET', '/secrets/site')).body;
    assert.equal(secret.managed, true);
    assert.match(secret.value, /PRIVATE KEY-----(.|\n)*BEGIN CERTIFICATE(.|\n)*BEGIN CERTIFICATE/);
    await advance('80d');
    await ended('site');
    const next = await certificate('site');
    assert.notEqual(next.x509.serialNumber, first.x509.serialNumber);
    const versions = (await ok('GET', '/certificates/site/versions')).body.value;
    assert.equal(versions.length, 2);
  });
});
