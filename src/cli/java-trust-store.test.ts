import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { javaToolOptions, writeJavaTrustStore } from './java-trust-store.ts';

/** A keytool that records its calls and writes the file that it is told to; no machine is sure to have the real one. */
const KEYTOOL = `#!${process.execPath}
const fs = require('node:fs');
const words = process.argv.slice(2);
fs.appendFileSync(__dirname + '/calls', JSON.stringify([words[0], process.env.JAVA_TOOL_OPTIONS]) + '\\n');
if (fs.existsSync(__dirname + '/broken')) { console.log('keytool error: planned'); process.exit(1); }
const target = words[words.findIndex((word) => /^-(dest)?keystore$/.test(word)) + 1];
fs.appendFileSync(target, words[0]);
`;

describe('the Java trust store', () => {
  let home: string;
  let dataDir: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
    dataDir = join(home, 'data');
    mkdirSync(dataDir);
    mkdirSync(join(home, 'bin'));
    mkdirSync(join(home, 'lib', 'security'), { recursive: true });
    writeFileSync(join(home, 'bin', 'keytool'), KEYTOOL);
    chmodSync(join(home, 'bin', 'keytool'), 0o755);
    writeFileSync(join(home, 'lib', 'security', 'cacerts'), 'list');
    writeFileSync(join(dataDir, 'ca.pem'), 'authority');
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const env = () => ({ PATH: join(home, 'bin'), JAVA_TOOL_OPTIONS: '-Dx=y' });
  const calls = (): string[] =>
    existsSync(join(home, 'bin', 'calls'))
      ? readFileSync(join(home, 'bin', 'calls'), 'utf8')
          .trim()
          .split('\n')
      : [];

  it('is the JDK’s list with the authority added, made once', () => {
    const path = join(dataDir, 'java-truststore.p12');
    assert.deepEqual(writeJavaTrustStore(dataDir, env()), { path });
    assert.equal(readFileSync(path, 'utf8'), '-importkeystore-importcert');
    assert.deepEqual(calls(), ['["-importkeystore",""]', '["-importcert",""]']);
    assert.deepEqual(writeJavaTrustStore(dataDir, env()), { path });
    assert.equal(calls().length, 2);
  });

  it('is found through JAVA_HOME too', () => {
    assert.ok('path' in writeJavaTrustStore(dataDir, { JAVA_HOME: home, PATH: '' }));
  });

  it('is missing, with the reason, where keytool is missing or fails, and leaves no half file', () => {
    assert.deepEqual(writeJavaTrustStore(dataDir, { PATH: dataDir }), {
      missing: 'there is no keytool on this machine',
    });
    writeFileSync(join(home, 'bin', 'broken'), '');
    assert.deepEqual(writeJavaTrustStore(dataDir, env()), { missing: 'keytool failed: keytool error: planned' });
    assert.deepEqual(readdirSync(dataDir), ['ca.pem']);
  });

  it('is named to the JVM after the options that are there, once', () => {
    const options = '-Djavax.net.ssl.trustStore=/d/t.p12 -Djavax.net.ssl.trustStorePassword=changeit';
    assert.equal(javaToolOptions('/d/t.p12', undefined), options);
    assert.equal(javaToolOptions('/d/t.p12', ''), options);
    assert.equal(javaToolOptions('/d/t.p12', '-Xmx1g'), `-Xmx1g ${options}`);
    assert.equal(javaToolOptions('/d/t.p12', `-Xmx1g ${options}`), `-Xmx1g ${options}`);
  });

  it('is quoted for the JVM, which has no escape for both kinds of quotes', () => {
    assert.match(javaToolOptions('/a b/t', undefined)!, /^"-Djavax\.net\.ssl\.trustStore=\/a b\/t" -D/);
    assert.match(javaToolOptions('/a"b/t', undefined)!, /^'-Djavax\.net\.ssl\.trustStore=\/a"b\/t' -D/);
    assert.equal(javaToolOptions(`/a"b'/t`, undefined), null);
  });
});
