import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, publicEncrypt, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { strongroom } from '../support/cli.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer } from '../support/server.ts';

const V = 'api-version=2026-04-01';
const digest = Buffer.alloc(32, 3).toString('base64url');

/** The bytes as they may be written: raw, hexadecimal, and Base64 of both kinds at each of its three alignments. */
function formsOf(bytes: Buffer): readonly Buffer[] {
  const forms = [bytes, Buffer.from(bytes.toString('hex')), Buffer.from(bytes.toString('hex').toUpperCase())];
  for (const lead of [0, 1, 2]) {
    for (const encoding of ['base64', 'base64url'] as const) {
      // The characters at both ends also depend on the neighbours.
      const text = Buffer.concat([Buffer.alloc(lead), bytes]).toString(encoding);
      forms.push(Buffer.from(text.slice(lead === 0 ? 0 : lead + 1, -4)));
    }
  }
  return forms;
}

function allFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('no private member of a key is in any answer, log, record, database page or backup', async () => {
  const server = await startServer();
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-keys-canary-'));
  try {
    const token = await getToken(server, resources.data);
    const answers: string[] = [];
    const ask = async (method: string, path: string, body?: unknown) => {
      const reply = await call(server, { method, host: 'main-vault.vault', path: `${path}?${V}`, token, body });
      answers.push(reply.text);
      return reply;
    };
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' });
    const jwks = {
      rsa: rsa.privateKey.export({ format: 'jwk' }) as Record<string, string>,
      curve: curve as Record<string, string>,
      oct: { kty: 'oct', k: randomBytes(32).toString('base64url') },
    };
    const members = { rsa: ['d', 'p', 'q', 'dp', 'dq', 'qi'], curve: ['d'], oct: ['k'] } as const;
    const canaries = Object.entries(members).flatMap(([name, list]) =>
      list.map((member) => {
        const jwk = jwks[name as keyof typeof jwks] as Record<string, string>;
        return { where: `${name}.${member}`, forms: formsOf(Buffer.from(jwk[member]!, 'base64url')) };
      }),
    );
    for (const [name, key] of Object.entries(jwks)) {
      assert.equal((await ask('PUT', `/keys/${name}`, { key })).status, 200, name);
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['GET', '/versions', undefined],
        ['PATCH', '', { tags: { a: 'b' } }],
        ['POST', '/backup', undefined],
        ['POST', '/sign', { alg: name === 'rsa' ? 'PS256' : name === 'oct' ? 'HS256' : 'ES384', value: digest }],
        ['POST', '/sign', { alg: 'RS256', value: 'x' }],
        ['POST', '/encrypt', { alg: name === 'rsa' ? 'RSA-OAEP' : 'A256GCM', value: digest }],
        ['POST', '/decrypt', { alg: name === 'rsa' ? 'RSA-OAEP' : 'A256GCM', value: digest }],
        ['POST', '/unwrapkey', { alg: 'A256KW', value: digest }],
        ['GET', '/rotationpolicy', undefined],
        ['POST', '/rotate', undefined],
      ] as const) {
        await ask(method, `/keys/${name}${path}`, body);
      }
      // A body that is refused holds the members too: the refusal and its record must not.
      await ask('PUT', `/keys/${name}-refused`, { key: { ...key, kty: 'EC', crv: 'P-256' } });
      await ask('PUT', `/keys/${name}-refused`, { key, attributes: { nbf: 5, exp: 4 } });
      await ask('DELETE', `/keys/${name}`);
      await ask('GET', `/deletedkeys/${name}`);
      await ask('POST', `/deletedkeys/${name}/recover`);
    }
    const value = publicEncrypt(rsa.publicKey, Buffer.from('text')).toString('base64url');
    await ask('POST', '/keys/rsa/decrypt', { alg: 'RSA-OAEP', value });
    assert.ok(createPrivateKey({ key: jwks.rsa, format: 'jwk' }));
    const file = join(folder, 'server.backup');
    const backup = await strongroom(['backup', file, '--data-dir', server.dataDir]);
    assert.equal(backup.code, 0, backup.stderr);
    const found: string[] = [];
    const search = (place: string, bytes: Buffer) => {
      for (const { where, forms } of canaries) {
        if (forms.some((form) => bytes.includes(form))) found.push(`${where} in ${place}`);
      }
    };
    const { stdout, stderr } = server.output();
    assert.equal(await server.stop({ keep: true }), 0);
    search('answers', Buffer.from(answers.join('\n')));
    search('logs', Buffer.from(stdout + stderr));
    const bytes = readFileSync(file);
    search('backup', bytes);
    if (bytes[0] === 0x1f) search('unpacked backup', gunzipSync(bytes));
    const files = allFiles(server.dataDir);
    assert.ok(files.some((path) => path.endsWith('strongroom.db')));
    for (const path of files) search(path, readFileSync(path));
    assert.deepEqual(found, []);
    // The search can fail: what was sent in clear holds every one of them.
    search('what was sent', Buffer.from(JSON.stringify(jwks)));
    assert.equal(found.length, canaries.length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(server.dataDir, { recursive: true, force: true });
  }
});
