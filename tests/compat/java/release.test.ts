import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { javaToolOptions, writeJavaTrustStore } from '../../../src/cli/java-trust-store.ts';
import { openAttestedEnvironment } from '../../support/attested-environment.ts';
import { runClient } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const build = join(cache, 'compat-java', 'build');

it('the official Java package for keys releases keys that the environment opens', async () => {
  assert.ok(existsSync(build), `no Java client at ${build}: run tests/compat/install-java.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  const at = await openAttestedEnvironment();
  try {
    const store = writeJavaTrustStore(at.server.dataDir, process.env);
    assert.ok('path' in store, JSON.stringify(store));
    const classes = [join(build, 'classes'), join(build, 'libraries', '*')].join(delimiter);
    const args = ['-XX:TieredStopAtLevel=1', '-cp', classes, 'ReleaseKeys'];
    const { code, stdout, stderr } = await runClient('java', args, {
      ...at.server.env,
      PATH: process.env['PATH'] ?? '',
      JAVA_TOOL_OPTIONS: javaToolOptions(store.path, undefined)!,
      SUITE_VAULT_URL: `https://${at.vault}.vault.${at.server.domain}:${at.server.port}`,
      SUITE_POLICY: at.policy,
      SUITE_ATTESTATION: at.attest(),
    });
    assert.equal(code, 0, stdout + stderr);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines) {
      const [enc, value = ''] = line.split(' ');
      const { payload, material } = at.open(value);
      assert.deepEqual([payload.request['enc'], payload.request['nonce']], [enc, 'fresh']);
      const { n } = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
      assert.equal(n, payload.response.key.key['n']);
    }
    assert.equal(lines.length, 3);
  } finally {
    await at.close();
  }
});
