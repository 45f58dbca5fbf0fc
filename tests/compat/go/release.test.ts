import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openAttestedEnvironment } from '../../support/attested-environment.ts';
import { runClient } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const program = join(cache, 'compat-go', 'release-keys');

it('the official Go module azkeys releases keys that the environment opens', async () => {
  assert.ok(existsSync(program), `no Go client at ${program}: run tests/compat/install-go.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  const at = await openAttestedEnvironment();
  try {
    const { code, stdout, stderr } = await runClient(program, [], {
      ...at.server.env,
      SSL_CERT_DIR: '/nowhere',
      SUITE_VAULT_URL: `https://${at.vault}.vault.${at.server.domain}:${at.server.port}`,
      SUITE_POLICY: at.policy,
      SUITE_ATTESTATION: at.attest(),
    });
    assert.deepEqual([stderr, code], ['', 0], stdout);
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
