import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createAuthority } from '../tls/local-ca.ts';
import { writeCaBundle } from './ca-bundle.ts';
import { CommandError } from './command.ts';

const newPem = async (commonName: string): Promise<string> =>
  (await createAuthority({ now: Date.now(), commonName })).certificatePem;

describe('the bundle of authorities', () => {
  let root: string;
  let dataDir: string;
  let system: string;
  let own: string;
  let other: string;
  let company: string;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
    [own, other, company] = await Promise.all([newPem('Own'), newPem('System'), newPem('Company')]);
  });
  after(() => rmSync(root, { recursive: true }));

  beforeEach(() => {
    dataDir = mkdtempSync(join(root, 'data-'));
    system = join(dataDir, 'system.crt');
    writeFileSync(join(dataDir, 'ca.pem'), own);
    // Without a final line end, as some bundles are: blocks must not run together.
    writeFileSync(system, `# a remark\n${other.trimEnd()}`);
  });

  const write = (env: Record<string, string> = {}, systems = [join(root, 'none'), system]): string => {
    const path = writeCaBundle(dataDir, env, systems);
    assert.ok(path);
    return path;
  };
  const subjects = (path: string): string[] =>
    (
      readFileSync(path, 'utf8').match(/-----BEGIN CERTIFICATE-----\r?\n[^-]+-----END CERTIFICATE-----\r?\n/g) ?? []
    ).map((block) => new X509Certificate(block).subject);

  it('holds the system’s authorities and Strongroom’s own', () => {
    const path = write();
    assert.equal(path, join(dataDir, 'ca-bundle.pem'));
    assert.deepEqual(subjects(path), ['CN=System', 'CN=Own']);
    assert.equal(statSync(path).mode & 0o777, 0o644);
  });

  it('holds an authority once that is installed in the system already', () => {
    writeFileSync(system, other + own.replaceAll('\n', '\r\n'));
    assert.deepEqual(subjects(write()), ['CN=System', 'CN=Own']);
  });

  it('takes over a bundle that the environment names, and keeps it when it is itself named there', () => {
    const file = join(dataDir, 'company.pem');
    writeFileSync(file, company);
    write();
    const path = write({ REQUESTS_CA_BUNDLE: file, SSL_CERT_FILE: join(root, 'none') });
    assert.deepEqual(subjects(path), ['CN=System', 'CN=Company', 'CN=Own']);
    const { ino } = statSync(path);
    write({ REQUESTS_CA_BUNDLE: path, SSL_CERT_FILE: path, CURL_CA_BUNDLE: path });
    assert.equal(statSync(path).ino, ino, 'not written again');
    assert.deepEqual(subjects(path), ['CN=System', 'CN=Company', 'CN=Own']);
  });

  it('is left alone while it is up to date, and made anew when the system or the authority changes', async () => {
    const path = write();
    const past = new Date(Date.now() - 60_000);
    for (const file of [system, join(dataDir, 'ca.pem')]) utimesSync(file, past, past);
    const { ino } = statSync(path);
    write();
    assert.equal(statSync(path).ino, ino);

    writeFileSync(system, other + company);
    utimesSync(system, new Date(Date.now() + 60_000), new Date(Date.now() + 60_000));
    assert.deepEqual(subjects(write()), ['CN=System', 'CN=Company', 'CN=Own']);

    utimesSync(system, past, past);
    writeFileSync(join(dataDir, 'ca.pem'), await newPem('Next'));
    utimesSync(join(dataDir, 'ca.pem'), past, past);
    assert.deepEqual(subjects(write()), ['CN=System', 'CN=Company', 'CN=Next']);
  });

  it('starts from what Node knows where the system has no bundle file', () => {
    const found = subjects(write({}, [join(root, 'none')]));
    assert.ok(found.length > 50);
    assert.equal(found.at(-1), 'CN=Own');
  });

  it('is not made for a server without an authority of its own', () => {
    rmSync(join(dataDir, 'ca.pem'));
    assert.equal(writeCaBundle(dataDir, {}, [system]), null);
  });

  it('says which file it could not write', () => {
    mkdirSync(join(dataDir, 'ca-bundle.pem'));
    assert.throws(
      () => writeCaBundle(dataDir, {}, [system]),
      (error) => {
        return error instanceof CommandError && /ca-bundle\.pem cannot be written/.test(error.message);
      },
    );
  });
});
