import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Chain, certificateChain } from '../../support/certificate-chain.ts';
import { type CommandResult, strongroom } from '../../support/cli.ts';
import { call } from '../../support/http.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { tokenOf } from './administrator-token.ts';
import { curl, startHaproxy, startNginx } from './nginx-server.ts';

const NAME = 'web.example.test';
const PASSWORD = 'canary-store-password';

describe('strongroom certificates sync', () => {
  let server: TestServer;
  let folder: string;
  let token: string;
  const file = (name: string) => join(folder, name);

  before(async () => {
    server = await startServer();
    folder = mkdtempSync(join(tmpdir(), 'strongroom-sync-'));
    // nginx' workers run as somebody else.
    chmodSync(folder, 0o755);
    token = await tokenOf(server);
    writeFileSync(file('password'), `${PASSWORD}\n`, { mode: 0o600 });
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const putPem = async (name: string, chain: Chain): Promise<void> => {
    const value = chain.keyPem + chain.leaf + chain.intermediate + chain.root;
    await put(name, value, 'application/x-pem-file');
    writeFileSync(file('root.pem'), chain.root);
  };
  const putPfx = async (name: string, chain: Chain, ...options: readonly string[]): Promise<void> => {
    const pem = chain.keyPem + chain.leaf + chain.intermediate;
    const args = ['pkcs12', '-export', '-passout', 'pass:', ...options];
    const pfx = execFileSync('openssl', args, { input: pem, stdio: ['pipe', 'pipe', 'ignore'] });
    await put(name, pfx.toString('base64'), 'application/x-pkcs12');
    writeFileSync(file('root.pem'), chain.root);
  };
  const put = async (name: string, value: string, contentType: string): Promise<void> => {
    const path = `/secrets/${name}?api-version=7.4`;
    const reply = await call(server, { method: 'PUT', path, token, body: { value, contentType } });
    assert.equal(reply.status, 200, reply.text);
  };
  const sync = (name: string, ...args: readonly string[]): Promise<CommandResult> =>
    strongroom(['certificates', 'sync', '--name', name, ...args], { env: server.env });
  const done = async (...args: Parameters<typeof sync>): Promise<string> => {
    const { code, stdout, stderr } = await sync(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };

  it('serves curl through nginx with full verification, and the next version after a reload', async () => {
    const files = ['--cert-file', file('web.crt'), '--key-file', file('web.key')];
    await putPem('web', await certificateChain([NAME]));
    assert.match(await done('web', ...files), /wrote .*web\.key, .*web\.crt/);
    assert.equal(statSync(file('web.key')).mode & 0o777, 0o600);
    const nginx = await startNginx(folder, file('web.crt'), file('web.key'));
    try {
      assert.equal(await curl(NAME, nginx.port, file('root.pem')), 'served');
      assert.match(await done('web', ...files, '--', ...nginx.reload), /nothing to write$/m);
      const next = await certificateChain([NAME]);
      await putPem('web', next);
      await assert.rejects(curl(NAME, nginx.port, file('root.pem')), /curl: \(/);
      assert.match(await done('web', ...files, '--', ...nginx.reload), /; reloaded$/m);
      await untilServed(() => curl(NAME, nginx.port, file('root.pem')));
    } finally {
      await nginx.stop();
    }
  });

  it('serves a certificate that the vault has made, and the version that follows it', async () => {
    const files = ['--cert-file', file('made.crt'), '--key-file', file('made.key')];
    const make = async () => {
      const policy = {
        key_props: { kty: 'EC', crv: 'P-256' },
        x509_props: { subject: `CN=${NAME}`, sans: { dns_names: [NAME] } },
        issuer: { name: 'Self' },
      };
      const path = '/certificates/made/create?api-version=7.4';
      const reply = await call(server, { method: 'POST', path, token, body: { policy } });
      assert.equal(reply.status, 202, reply.text);
    };
    const trust = () => writeFileSync(file('root.pem'), readFileSync(file('made.crt')));
    await make();
    assert.match(await done('made', ...files), /wrote .*made\.key, .*made\.crt/);
    trust();
    const nginx = await startNginx(folder, file('made.crt'), file('made.key'));
    try {
      assert.equal(await curl(NAME, nginx.port, file('root.pem')), 'served');
      await make();
      assert.match(await done('made', ...files, '--', ...nginx.reload), /; reloaded$/m);
      trust();
      await untilServed(() => curl(NAME, nginx.port, file('root.pem')));
    } finally {
      await nginx.stop();
    }
  });

  it('serves curl through HAProxy from one file, out of PKCS #12 with new and old ciphers', async () => {
    for (const options of [[], ['-legacy']]) {
      await putPfx('proxy', await certificateChain([NAME]), ...options);
      await done('proxy', '--pem-file', file('proxy.pem'), '--mode', '0640');
      assert.equal(statSync(file('proxy.pem')).mode & 0o777, 0o640);
      const haproxy = await startHaproxy(folder, file('proxy.pem'));
      try {
        assert.equal(await curl(NAME, haproxy.port, file('root.pem')), 'served');
      } finally {
        await haproxy.stop();
      }
    }
  });

  it('makes a keystore that Java reads, under the password of the file', async () => {
    await putPfx('java', await certificateChain([NAME]));
    const store = ['--pkcs12-file', file('java.p12'), '--password-file', file('password')];
    await done('java', ...store);
    const args = [
      '-list',
      '-v',
      '-keystore',
      file('java.p12'),
      '-storetype',
      'PKCS12',
      '-storepass:file',
      file('password'),
    ];
    const listed = execFileSync('keytool', args, { encoding: 'utf8' });
    assert.match(listed, /Alias name: java/);
    assert.match(listed, /PrivateKeyEntry/);
    assert.match(listed, /Certificate chain length: 2/);
    const before = readFileSync(file('java.p12'));
    assert.match(await done('java', ...store), /nothing to write/);
    assert.ok(readFileSync(file('java.p12')).equals(before));
  });

  it('reloads again where the last reload failed, although the files are new by then', async () => {
    await putPem('retry', await certificateChain([NAME]));
    const files = ['--pem-file', file('retry.pem')];
    const failed = await sync('retry', ...files, '--', '/bin/false');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /reload command \/bin\/false ended with exit code 1/);
    assert.ok(existsSync(file('retry.pem')));
    assert.match(await done('retry', ...files, '--', '/bin/true'), /nothing to write; reloaded/);
    assert.doesNotMatch(await done('retry', ...files, '--', '/bin/false'), /reloaded/);
  });

  it('mends a file that was changed beside it', async () => {
    await putPem('mended', await certificateChain([NAME]));
    const files = ['--pem-file', file('mended.pem')];
    await done('mended', ...files);
    writeFileSync(file('mended.pem'), 'spoiled');
    assert.match(await done('mended', ...files, '--', '/bin/true'), /wrote .*; reloaded/);
    assert.match(readFileSync(file('mended.pem'), 'utf8'), /PRIVATE KEY/);
  });

  it('leaves the files alone where the vault has nothing better, and says why', async () => {
    const good = await certificateChain([NAME]);
    await putPem('kept', good);
    const files = ['--pem-file', file('kept.pem')];
    await done('kept', ...files);
    const before = readFileSync(file('kept.pem'), 'utf8');
    const refusals: readonly (readonly [() => Promise<void>, RegExp])[] = [
      [async () => putPem('kept', await certificateChain([NAME], -1)), /has expired/],
      [() => put('kept', good.leaf, 'application/x-pem-file'), /no private key/],
      [() => put('kept', 'text', 'text/plain'), /content type 'text\/plain'/],
      [() => put('kept', 'bm90IGEgcGZ4', 'application/x-pkcs12'), /OpenSSL cannot read/],
      [disable, /disabled/],
    ];
    for (const [spoil, reason] of refusals) {
      await spoil();
      const { code, stderr } = await sync('kept', ...files);
      assert.equal(code, 1);
      assert.match(stderr, reason);
      assert.equal(readFileSync(file('kept.pem'), 'utf8'), before);
    }
    assert.match((await sync('nothing', ...files)).stderr, /\(404\)/);
    assert.match((await sync('kept', '--pem-file', '/nonexistent/x.pem')).stderr, /disabled|cannot be written/);
  });

  async function disable(): Promise<void> {
    await putPem('kept', await certificateChain([NAME]));
    const path = '/secrets/kept/?api-version=7.4';
    const reply = await call(server, { method: 'PATCH', path, token, body: { attributes: { enabled: false } } });
    assert.equal(reply.status, 200, reply.text);
  }

  it('says that there is nobody to sign in as, or that the sign-in was refused, and gives the reload command no credential', async () => {
    await putPem('identity', await certificateChain([NAME]));
    const { AZURE_TENANT_ID: _1, AZURE_CLIENT_ID: _2, AZURE_CLIENT_SECRET: _3, ...env } = server.env;
    const args = ['certificates', 'sync', '--name', 'identity', '--pem-file', file('identity.pem')];
    const nobody = await strongroom(args, { env: { ...env, AZURE_CLIENT_SECRET: '' } });
    assert.match(nobody.stderr, /Nobody to sign in as/);
    const wrong = await strongroom(args, { env: { ...server.env, AZURE_CLIENT_SECRET: 'canary-wrong' } });
    assert.match(wrong.stderr, /AADSTS7000215/);
    assert.doesNotMatch(wrong.stderr, /canary-wrong/);
    const seen = file('seen');
    await done('identity', '--pem-file', file('identity.pem'), '--', '/bin/sh', '-c', `env > ${seen}`);
    assert.doesNotMatch(readFileSync(seen, 'utf8'), /^(AZURE_|IDENTITY_)/m);
  });

  it('sends no token where another authority vouches for the vault', async () => {
    const other = await certificateChain([NAME]);
    writeFileSync(file('other.pem'), other.root);
    const { code, stderr } = await sync('web', '--pem-file', file('x.pem'), '--ca-file', file('other.pem'));
    assert.equal(code, 1);
    assert.match(stderr, /cannot be reached: .*(SELF_SIGNED|UNABLE_TO)/);
  });

  it('watches, and serves a new version without being asked', async () => {
    await putPem('watched', await certificateChain([NAME]));
    const pem = file('watched.pem');
    const args = ['bin/strongroom.mjs', 'certificates', 'sync', '--name', 'watched', '--pem-file', pem];
    const root = new URL('../../..', import.meta.url).pathname;
    const child = spawn(process.execPath, [...args, '--watch', '--interval', '1'], {
      cwd: root,
      env: { ...process.env, ...server.env },
      stdio: 'ignore',
    });
    try {
      const first = await untilServed(async () => readFileSync(pem, 'utf8'));
      await putPem('watched', await certificateChain([NAME]));
      await untilServed(async () => {
        const now = readFileSync(pem, 'utf8');
        assert.notEqual(now, first);
        return now;
      });
    } finally {
      child.kill();
    }
  });

  it('refuses a command line that it does not understand', async () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /Name a file to write/],
      [['--cert-file', 'x'], /go together/],
      [['--pem-file', 'x', '--mode', '0644'], /--mode is/],
      [['--pem-file', 'x', '--owner', 'nginx'], /two numbers/],
      [['--pem-file', 'x', '--vault-url', 'http://vault.example'], /https URL/],
      [['--pkcs12-file', 'x'], /--password-file go together/],
      [['--pem-file', 'x', '--watch', '--interval', '0'], /in seconds/],
    ];
    for (const [args, reason] of wrong) {
      const { code, stderr } = await sync('web', ...args);
      assert.equal(code, 2);
      assert.match(stderr, reason);
    }
    assert.equal((await sync('../web', '--pem-file', 'x')).code, 2);
    assert.equal((await strongroom(['certificates', 'push'], { env: server.env })).code, 2);
  });
});

async function untilServed(look: () => Promise<string>): Promise<string> {
  for (const end = Date.now() + 15_000; ; ) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > end) throw error;
      await pause(50);
    }
  }
}
