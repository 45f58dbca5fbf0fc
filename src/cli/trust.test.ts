import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { createAuthority, type IssuedCertificate, issueServerCertificate } from '../tls/local-ca.ts';
import { CommandError } from './command.ts';
import type { Machine } from './system-store.ts';
import { runTrust } from './trust.ts';

describe('strongroom trust', () => {
  let root: string;
  let dataDir: string;
  let anchors: string;
  let machine: Machine;
  let authority: IssuedCertificate;
  let fp8: string;

  before(async () => {
    authority = await createAuthority({ now: Date.now(), commonName: 'Own' });
    fp8 = new X509Certificate(authority.certificatePem).fingerprint256.replaceAll(':', '').slice(0, 8).toLowerCase();
  });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
    dataDir = join(root, 'data');
    anchors = join(root, 'anchors');
    mkdirSync(dataDir);
    mkdirSync(anchors);
    writeFileSync(join(dataDir, 'ca.pem'), authority.certificatePem);
    // The refresh program copies the folder's listing, so that a test sees what the system would have read.
    const list = `require('fs').writeFileSync(${JSON.stringify(join(root, 'read'))}, require('fs').readdirSync(${JSON.stringify(anchors)}).join())`;
    machine = {
      platform: 'linux',
      userId: 0,
      path: '',
      anchorFolders: [
        { folder: join(root, 'none'), extension: '.pem', refresh: [process.execPath, '--eval', 'process.exit(1)'] },
        { folder: anchors, extension: '.crt', refresh: [process.execPath, '--eval', list] },
      ],
    };
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function run(values: Record<string, boolean> = {}, on: Machine = machine): string {
    const lines: string[] = [];
    const io = { stdout: (line: string) => lines.push(line), stderr() {}, env: {} };
    assert.equal(runTrust({ values: { 'data-dir': dataDir, ...values }, positionals: [] }, io, on), 0);
    return lines.join('\n');
  }
  const refusal = (pattern: RegExp) => (error: unknown) => error instanceof CommandError && pattern.test(error.message);

  it('shows the fingerprint and what each client needs, and changes nothing in the system', () => {
    const text = run();
    assert.ok(text.includes(new X509Certificate(authority.certificatePem).fingerprint256));
    for (const client of ['curl', 'Node', 'Python', 'Java', 'Go', '.NET', 'macOS', 'Windows']) {
      assert.match(text, new RegExp(`^${client.replace('.', '\\.')} `, 'm'));
    }
    assert.ok(text.includes(`NODE_EXTRA_CA_CERTS=${dataDir}/ca.pem`));
    assert.ok(text.includes(`SSL_CERT_FILE=${dataDir}/ca-bundle.pem`));
    assert.ok(readFileSync(join(dataDir, 'ca-bundle.pem'), 'utf8').endsWith(authority.certificatePem));
    assert.deepEqual(readdirSync(anchors), []);
  });

  it('installs the authority under its fingerprint and removes it again', () => {
    const file = join(anchors, `strongroom-${fp8}.crt`);
    assert.match(run({ install: true }), new RegExp(`Installed as ${file}`));
    assert.equal(readFileSync(file, 'utf8'), authority.certificatePem);
    assert.equal(statSync(file).mode & 0o777, 0o644);
    assert.equal(readFileSync(join(root, 'read'), 'utf8'), `strongroom-${fp8}.crt`);
    run({ install: true });
    assert.deepEqual(readdirSync(anchors), [`strongroom-${fp8}.crt`]);
    writeFileSync(join(anchors, 'company.crt'), 'stays');
    assert.match(run({ remove: true }), /^Removed /);
    assert.equal(readFileSync(join(root, 'read'), 'utf8'), 'company.crt');
    assert.match(run({ remove: true }), /not in the system's store/);
  });

  it('names the removed certificate to a system that would keep its links, without changing the configuration', () => {
    const config = join(root, 'certs.conf');
    writeFileSync(config, 'mozilla/a.crt\n!mozilla/b.crt');
    const note = `const fs = require('fs'); const words = process.argv.slice(1);
      fs.writeFileSync(${JSON.stringify(join(root, 'read'))}, words.length ? words[0] + ' ' + fs.readFileSync(words[1]) : '')`;
    const refresh = [process.execPath, '--eval', note, '--'] as const;
    const debian = {
      ...machine,
      anchorFolders: [{ folder: anchors, extension: '.crt', refresh, withdrawalConfig: config }],
    };
    run({ install: true }, debian);
    assert.equal(readFileSync(join(root, 'read'), 'utf8'), '');
    run({ remove: true }, debian);
    const expected = `--certsconf mozilla/a.crt\n!mozilla/b.crt\n!strongroom-${fp8}.crt\n`;
    assert.equal(readFileSync(join(root, 'read'), 'utf8'), expected);
    assert.equal(readFileSync(config, 'utf8'), 'mozilla/a.crt\n!mozilla/b.crt');
  });

  it('puts nothing but the certificate into the store', () => {
    const more = `${authority.certificatePem}${authority.privateKeyPem}`;
    writeFileSync(join(dataDir, 'ca.pem'), more);
    run({ install: true });
    assert.equal(readFileSync(join(anchors, `strongroom-${fp8}.crt`), 'utf8'), authority.certificatePem);
  });

  it('refuses anyone but root with the command to run instead', () => {
    for (const option of ['install', 'remove']) {
      const pattern = new RegExp(`Run: sudo strongroom trust .*--${option}`);
      assert.throws(() => run({ [option]: true }, { ...machine, userId: 1000 }), refusal(pattern));
    }
    assert.deepEqual(readdirSync(anchors), []);
    run({}, { ...machine, userId: 1000 });
  });

  it('leaves nothing behind when the system refuses', () => {
    const said = "console.error('the store is full'); process.exit(7)";
    const full: Machine = {
      ...machine,
      anchorFolders: [{ folder: anchors, extension: '.crt', refresh: [process.execPath, '--eval', said] }],
    };
    assert.throws(() => run({ install: true }, full), refusal(/the store is full/));
    assert.deepEqual(readdirSync(anchors), []);
  });

  it('says so on a system whose store it does not know', () => {
    for (const anchorFolders of [[], [{ folder: anchors, extension: '.crt', refresh: ['no-such-program'] as const }]]) {
      const strange = { ...machine, anchorFolders };
      assert.throws(() => run({ install: true }, strange), refusal(/where Strongroom does not know/));
    }
  });

  it('refuses what is not the certificate of an authority', async () => {
    const order = { authority, names: ['localhost'], ipAddresses: [], now: Date.now(), lifetimeDays: 1 };
    const leaf = await issueServerCertificate(order);
    for (const [content, pattern] of [
      ['', /damaged/],
      [authority.privateKeyPem, /damaged/],
      [leaf.certificatePem, /not the certificate of an authority/],
    ] as const) {
      writeFileSync(join(dataDir, 'ca.pem'), content);
      assert.throws(() => run({ install: true }), refusal(pattern));
    }
    assert.deepEqual(readdirSync(anchors), []);
  });

  it('lists what earlier servers left when the authority itself is gone', () => {
    run({ install: true });
    rmSync(join(dataDir, 'ca.pem'));
    assert.throws(() => run({ remove: true }), refusal(new RegExp(`strongroom-${fp8}\\.crt`)));
    assert.ok(existsSync(join(anchors, `strongroom-${fp8}.crt`)));
  });
});
