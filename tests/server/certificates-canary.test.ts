import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { assignRole, groupScope, objectIdOf } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { openSsl } from '../support/openssl.ts';
import { startServer } from '../support/server.ts';

const V = 'api-version=2026-04-01';

function allFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('no key, no password of an import and no credential of an issuer is in any answer of certificates, log, record, page or backup', async () => {
  const server = await startServer();
  const openssl = openSsl();
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-certificates-canary-'));
  try {
    const token = await getToken(server, resources.data);
    const manager = await getToken(server, resources.management);
    const administrator = {
      role: 'Key Vault Administrator',
      principalId: objectIdOf(token),
      scope: groupScope(server),
    };
    await assignRole(server, manager, administrator);
    const answers: string[] = [];
    const ask = async (method: string, path: string, body?: unknown) => {
      const reply = await call(server, { method, host: 'main-vault.vault', path: `${path}?${V}`, token, body });
      answers.push(reply.text);
      return reply;
    };
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    openssl.write('in.key', key);
    openssl.run('req -x509 -key in.key -out in.pem -days 30 -subj /CN=canary.example.com');
    openssl.run('pkcs12 -export -inkey in.key -in in.pem -passout pass:canary-of-the-import -out in.pfx');
    const pem = key + openssl.read('in.pem').toString();
    const canaries = [
      Buffer.from((privateKey.export({ format: 'jwk' }) as { d: string }).d, 'base64url'),
      Buffer.from(key.split('\n')[2]!),
      Buffer.from('canary-of-the-import'),
      Buffer.from('canary-of-the-issuer'),
    ];
    const value = openssl.read('in.pfx').toString('base64');
    assert.equal((await ask('POST', '/certificates/pfx/import', { value, pwd: 'canary-of-the-import' })).status, 200);
    assert.equal((await ask('POST', '/certificates/pem/import', { value: pem })).status, 200);
    await ask('POST', '/certificates/no/import', { value: pem.replace('BEGIN CERT', 'BEGIN NONE') });
    await ask('POST', '/certificates/no/import', { value, pwd: 'not-canary-of-the-import' });
    const issuer = { provider: 'Test', credentials: { account_id: 'a', pwd: 'canary-of-the-issuer' } };
    assert.equal((await ask('PUT', '/certificates/issuers/one', issuer)).status, 200);
    await ask('PATCH', '/certificates/issuers/one', { credentials: { pwd: 'canary-of-the-issuer' } });
    await ask('PUT', '/certificates/issuers/two', { ...issuer, provider: 5 });
    const policy = { x509_props: { subject: 'CN=a' }, issuer: { name: 'one' } };
    await ask('POST', '/certificates/ordered/create', { policy });
    for (const name of ['pfx', 'pem']) {
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/versions'],
        ['GET', '/policy'],
        ['POST', '/backup'],
        ['DELETE', ''],
      ] as const) {
        await ask(method, `/certificates/${name}${path}`);
      }
      await ask('GET', `/keys/${name}`);
      await ask('GET', `/deletedsecrets/${name}`);
    }
    const file = join(folder, 'server.backup');
    assert.equal((await strongroom(['backup', file, '--data-dir', server.dataDir])).code, 0);
    const found: string[] = [];
    const search = (place: string, bytes: Buffer) => {
      for (const [index, canary] of canaries.entries()) if (bytes.includes(canary)) found.push(`${index} in ${place}`);
    };
    const { stdout, stderr } = server.output();
    assert.equal(await server.stop({ keep: true }), 0);
    search('answers', Buffer.from(answers.join('\n')));
    search('logs', Buffer.from(stdout + stderr));
    const bytes = readFileSync(file);
    search('backup', bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
    for (const path of allFiles(server.dataDir)) search(path, readFileSync(path));
    assert.deepEqual(found, []);
    // The search can fail.
    search('what was sent', Buffer.concat([Buffer.from(pem + JSON.stringify(issuer)), canaries[0]!, canaries[2]!]));
    assert.equal(found.length, canaries.length);
  } finally {
    openssl.close();
    rmSync(folder, { recursive: true, force: true });
    rmSync(server.dataDir, { recursive: true, force: true });
  }
});
