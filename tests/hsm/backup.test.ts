import assert from 'node:assert/strict';
import { createPublicKey, hash, type JsonWebKey, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { constant } from '../../src/crypto/pkcs11/binding.ts';
import { findTemplate, template } from '../../src/crypto/pkcs11/objects.ts';
import { openToken } from '../../src/crypto/pkcs11/open-token.ts';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bindingDirectory, makeSoftToken, officerPin, type SoftToken, softModule } from './soft-token.ts';

const V = '2025-07-01';
const message = Buffer.from('kept');
const value = hash('sha256', message, 'buffer').toString('base64url');

describe('keys of a token that may be backed up', () => {
  let token: SoftToken;
  let server: TestServer;
  let bearer: string;

  before(async () => {
    token = makeSoftToken();
    const config = token.config({ pkcs11: { ...token.settings, backupKey: 'strongroom-backup' } });
    const soPin = join(token.folder, 'so-pin');
    writeFileSync(soPin, officerPin, { mode: 0o600 });
    const prepare = () =>
      strongroom(['token', 'prepare-backup', '--config', config, '--so-pin-file', soPin], { env: token.env });
    const prepared = await prepare();
    assert.deepEqual([prepared.code, prepared.stderr], [0, ''], prepared.stdout);
    const again = await prepare();
    assert.equal(again.code, 1);
    assert.match(again.stderr, /has a trusted key strongroom-backup already/);
    server = await startServer({ args: ['--config', config, '--dev'], env: token.env });
    const manager = await getToken(server, resources.management);
    bearer = await getToken(server, resources.data);
    await putVault(server, manager, 'premium-vault', { sku: { family: 'A', name: 'premium' } });
    const grant = { role: 'Key Vault Administrator', principalId: objectIdOf(bearer), scope: groupScope(server) };
    await assignRole(server, manager, grant);
  });
  after(async () => {
    await server?.stop();
    token?.remove();
  });

  const ask = (method: string, path: string, options: Partial<Ask> = {}): Promise<Reply> =>
    call(server, { ...options, method, host: 'premium-vault.vault', token: bearer, path: `${path}?api-version=${V}` });
  const done = async (reply: Promise<Reply>): Promise<Reply> => {
    assert.ok((await reply).status < 300, (await reply).text);
    return reply;
  };
  const purge = async (name: string) => {
    await done(ask('DELETE', `/keys/${name}`));
    await done(ask('DELETE', `/deletedkeys/${name}`));
    const moved = await strongroom(['clock', '--advance', '1m', '--data-dir', server.dataDir]);
    assert.equal(moved.code, 0, moved.stderr);
  };
  const there = (name: string) =>
    (token.tool(['--list-objects']).match(new RegExp(`premium-vault/${name}/`, 'g')) ?? []).length;

  it('come back after their purge, every version of them, and sign as before', async () => {
    await done(ask('POST', '/keys/kept/create', { body: { kty: 'RSA-HSM' } }));
    const { key } = (await done(ask('POST', '/keys/kept/create', { body: { kty: 'EC-HSM' } }))).body;
    assert.equal((await done(ask('POST', '/keys/kept/sign', { body: { alg: 'ES256', value } }))).status, 200);
    const backup = (await done(ask('POST', '/keys/kept/backup'))).body.value as string;
    assert.equal(there('kept'), 2);
    await purge('kept');
    assert.equal(there('kept'), 0);
    await done(ask('POST', '/keys/restore', { body: { value: backup } }));
    assert.equal(there('kept'), 2);
    const signed = await done(ask('POST', '/keys/kept/sign', { body: { alg: 'ES256', value } }));
    const { kty: _, ...members } = key;
    const publicKey = createPublicKey({ key: { ...members, kty: 'EC' } as JsonWebKey, format: 'jwk' });
    const signature = Buffer.from(signed.body.value, 'base64url');
    assert.ok(verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
    // Nothing of the restore is taken for unclaimed later.
    assert.equal((await strongroom(['clock', '--advance', '2h', '--data-dir', server.dataDir])).code, 0);
    bearer = await getToken(server, resources.data);
    assert.equal(there('kept'), 2);
  });

  it('of symmetric kinds open then what they sealed before', async () => {
    await done(ask('POST', '/keys/sym/create', { body: { kty: 'oct-HSM', key_size: 256 } }));
    const { kid: _, ...sealed } = (await done(ask('POST', '/keys/sym/encrypt', { body: { alg: 'A256GCM', value } })))
      .body;
    const mac = (await done(ask('POST', '/keys/sym/sign', { body: { alg: 'HS256', value } }))).body.value;
    const backup = (await done(ask('POST', '/keys/sym/backup'))).body.value as string;
    await purge('sym');
    await done(ask('POST', '/keys/restore', { body: { value: backup } }));
    const opened = await done(ask('POST', '/keys/sym/decrypt', { body: { ...sealed, alg: 'A256GCM' } }));
    assert.equal(opened.body.value, value);
    const body = { alg: 'HS256', digest: value, value: mac };
    assert.equal((await done(ask('POST', '/keys/sym/verify', { body }))).body.value, true);
  });

  it('leave the token wrapped by a key that its officer trusts, and by no other', async () => {
    const list = token.tool(['--list-objects']);
    const [kept] = list.split(/(?=^(?:Private|Secret) Key Object)/m).filter((part) => /premium-vault\/kept/.test(part));
    assert.match(kept!, /Access: .*sensitive/);
    const id = /ID: +([0-9a-f]+)/.exec(kept!)![1]!;
    process.env['SOFTHSM2_CONF'] = token.env['SOFTHSM2_CONF'];
    const selector = { label: token.label };
    const asked = { op: 'open', module: softModule, bindingDirectory, selector, pin: token.pin } as const;
    const { binding, cryptoki, sessions } = openToken({ ...asked, sessions: 1, isOfficer: false });
    const session = sessions[0]!;
    const own = { CKA_TOKEN: false, CKA_PRIVATE: true, CKA_WRAP: true, CKA_VALUE_LEN: 32 };
    const aes = { mechanism: constant(binding, 'CKM_AES_KEY_GEN'), parameter: null };
    const makeKey = (more: object) => cryptoki.C_GenerateKeyAsync(session, aes, template(binding, { ...own, ...more }));
    await assert.rejects(makeKey({ CKA_TRUSTED: true }), /CKR_ATTRIBUTE_READ_ONLY/);
    const untrusted = await makeKey({});
    cryptoki.C_FindObjectsInit(session, template(binding, findTemplate('private', id)));
    const [object] = cryptoki.C_FindObjects(session, 1);
    cryptoki.C_FindObjectsFinal(session);
    const pad = { mechanism: constant(binding, 'CKM_AES_KEY_WRAP_PAD'), parameter: null };
    const wrapping = cryptoki.C_WrapKeyAsync(session, pad, untrusted, object!, Buffer.alloc(8192));
    await assert.rejects(wrapping, /CKR_KEY_NOT_WRAPPABLE/);
  });
});
