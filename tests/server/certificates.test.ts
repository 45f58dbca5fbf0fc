import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { assignRole, groupScope, objectIdOf, putVault } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, hostOf, type Reply, resources } from '../support/http.ts';
import { certificateAuthority, type OpenSsl, type OpensslAuthority, openSsl } from '../support/openssl.ts';
import { startServer, type TestServer } from '../support/server.ts';

const V = '2025-07-01';

let server: TestServer;
let token: string;
let openssl: OpenSsl;
let authority: OpensslAuthority;

before(async () => {
  openssl = openSsl();
  authority = certificateAuthority(openssl);
  server = await startServer();
  const manager = await getToken(server, resources.management);
  token = await getToken(server, resources.data);
  await putVault(server, manager, 'second-vault');
  await putVault(server, manager, 'kept-vault', { enablePurgeProtection: true, softDeleteRetentionInDays: 7 });
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(token), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
});

after(async () => {
  await server?.stop();
  openssl?.close();
});

interface Request extends Partial<Ask> {
  readonly vault?: string;
  readonly version?: string;
  readonly query?: string;
}

function ask(method: string, path: string, options: Request = {}): Promise<Reply> {
  const { vault = 'main-vault', version = V, query = '', ...rest } = options;
  const asked = { ...rest, method, host: `${vault}.vault`, token };
  return call(server, { ...asked, path: `${path}?api-version=${version}${query}` });
}

async function ok(method: string, path: string, options: Request = {}, status = 200): Promise<Reply> {
  const reply = await ask(method, path, options);
  assert.equal(reply.status, status, `${method} ${path}: ${reply.text}`);
  return reply;
}

function refused(reply: Reply, status: number, code: string, inner?: string): void {
  const { error } = reply.body ?? {};
  assert.deepEqual([reply.status, error?.code, error?.innererror?.code], [status, code, inner], reply.text);
}

const selfPolicy = {
  key_props: { kty: 'EC', crv: 'P-256' },
  x509_props: { subject: 'CN=www.example.com', sans: { dns_names: ['www.example.com'] } },
  issuer: { name: 'Self' },
};
const unknownPolicy = { ...selfPolicy, issuer: { name: 'Unknown' } };

async function create(name: string, policy: object = selfPolicy, options: Request = {}): Promise<Reply> {
  return ok('POST', `/certificates/${name}/create`, { ...options, body: { policy } }, 202);
}

const versionOf = (reply: Reply): string => (reply.body.id as string).split('/').at(-1)!;
const x5c = (...pems: string[]): string[] => pems.map((pem) => new X509Certificate(pem).raw.toString('base64'));
const signCsr = (started: Reply, more?: string): string =>
  authority.sign(Buffer.from(started.body.csr, 'base64'), more);
const merge = (name: string, certificates: readonly string[], options: Request = {}): Promise<Reply> =>
  ask('POST', `/certificates/${name}/pending/merge`, { ...options, body: { x5c: certificates } });

describe('a certificate that signs itself', () => {
  it('is in progress when it is asked for, and then there with key and secret of one version', async () => {
    const started = await create('whole');
    assert.deepEqual([started.body.status, started.body.cancellation_requested], ['inProgress', false]);
    assert.match(
      started.headers['location']!,
      /\/certificates\/whole\/pending\?api-version=.*&request_id=[0-9a-f]{32}$/,
    );
    const pending = await ok('GET', '/certificates/whole/pending');
    assert.deepEqual(
      [pending.body.status, pending.body.target, pending.body.request_id],
      ['completed', `https://${hostOf(server, 'main-vault.vault')}/certificates/whole`, started.body.request_id],
    );
    const made = await ok('GET', '/certificates/whole');
    const version = versionOf(made);
    const key = await ok('GET', '/keys/whole');
    const secret = await ok('GET', '/secrets/whole');
    assert.deepEqual([key.body.key.kid, secret.body.id], [made.body.kid, made.body.sid]);
    assert.ok(made.body.kid.endsWith(`/keys/whole/${version}`) && made.body.sid.endsWith(`/secrets/whole/${version}`));
    assert.deepEqual([key.body.managed, secret.body.managed, secret.body.kid], [true, true, made.body.kid]);
    assert.equal(secret.body.contentType, 'application/x-pkcs12');
    assert.deepEqual(made.body.policy.issuer, { name: 'Self' });
    const certificate = new X509Certificate(Buffer.from(made.body.cer, 'base64'));
    const window = [certificate.validFrom, certificate.validTo].map((text) => Date.parse(text) / 1000);
    assert.deepEqual([made.body.attributes.nbf, made.body.attributes.exp], window);
    const sha1 = Buffer.from(certificate.fingerprint.replaceAll(':', ''), 'hex').toString('base64url');
    assert.equal(made.body.x5t, sha1);
    openssl.write('whole.pfx', Buffer.from(secret.body.value, 'base64'));
    assert.match(openssl.run('pkcs12 -in whole.pfx -passin pass: -nodes'), /BEGIN PRIVATE KEY/);
    const item = (await ok('GET', '/certificates')).body.value.find(({ id }: { id: string }) => id.endsWith('/whole'));
    assert.equal(item.x5t, sha1);
    const listed = (await ok('GET', '/secrets')).body.value.find(({ id }: { id: string }) => id.endsWith('/whole'));
    assert.equal(listed.managed, true);
  });
});

describe('the secret of a certificate', () => {
  it('is PEM where the policy says so, with the key where that may leave', async () => {
    const secret_props = { contentType: 'application/x-pem-file' };
    await create('pem', { ...selfPolicy, secret_props });
    const open = (await ok('GET', '/secrets/pem')).body;
    const certificate = new X509Certificate(open.value);
    assert.equal(certificate.checkPrivateKey(createPrivateKey(open.value)), true);
    await create('kept', { ...selfPolicy, secret_props, key_props: { kty: 'RSA', exportable: false } });
    const kept = (await ok('GET', '/secrets/kept')).body.value as string;
    assert.ok(kept.includes('BEGIN CERTIFICATE') && !kept.includes('PRIVATE KEY'));
    await create('kept-pfx', { ...selfPolicy, key_props: { kty: 'RSA', exportable: false } });
    openssl.write('kept.pfx', Buffer.from((await ok('GET', '/secrets/kept-pfx')).body.value, 'base64'));
    const inside = openssl.run('pkcs12 -in kept.pfx -passin pass: -nodes');
    assert.ok(inside.includes('BEGIN CERTIFICATE') && !inside.includes('PRIVATE KEY'));
  });

  it('never gets a key that was made not to leave, whatever the policy says later', async () => {
    const key_props = { kty: 'EC', exportable: false, reuse_key: true };
    await create('stays', { ...selfPolicy, key_props, secret_props: { contentType: 'application/x-pem-file' } });
    const before = (await ok('GET', '/keys/stays')).body.key.x;
    await ok('PATCH', '/certificates/stays/policy', { body: { key_props: { exportable: true } } });
    await ok('POST', '/certificates/stays/create', { body: {} }, 202);
    assert.notEqual((await ok('GET', '/keys/stays')).body.key.x, before);
    assert.match((await ok('GET', '/secrets/stays')).body.value, /PRIVATE KEY/);
    const started = await create('stays', { ...unknownPolicy, key_props: { kty: 'EC', exportable: false } });
    await ok('PATCH', '/certificates/stays/policy', { body: { key_props: { exportable: true } } });
    assert.equal((await merge('stays', x5c(signCsr(started)))).status, 201);
    openssl.write('stays.pfx', Buffer.from((await ok('GET', '/secrets/stays')).body.value, 'base64'));
    assert.doesNotMatch(openssl.run('pkcs12 -in stays.pfx -passin pass: -nodes'), /PRIVATE KEY/);
  });

  it('and the key change and go with the certificate alone', async () => {
    await create('ruled');
    refused(await ask('PUT', '/secrets/ruled', { body: { value: 'x' } }), 403, 'Forbidden', 'SecretManagedByKeyVault');
    for (const [kind, inner] of [
      ['secrets', 'SecretManagedByKeyVault'],
      ['keys', 'KeyManagedByKeyVault'],
    ] as const) {
      refused(await ask('DELETE', `/${kind}/ruled`), 403, 'Forbidden', inner);
      refused(await ask('POST', `/${kind}/ruled/backup`), 403, 'Forbidden', inner);
      refused(await ask('PATCH', `/${kind}/ruled`, { body: { tags: {} } }), 403, 'Forbidden', inner);
    }
    const key = { kty: 'RSA' };
    refused(await ask('POST', '/keys/ruled/create', { body: key }), 403, 'Forbidden', 'KeyManagedByKeyVault');
    refused(await ask('POST', '/keys/ruled/rotate'), 403, 'Forbidden', 'KeyManagedByKeyVault');
    const policy = { lifetimeActions: [] };
    const set = await ask('PUT', '/keys/ruled/rotationpolicy', { body: policy });
    refused(set, 403, 'Forbidden', 'KeyManagedByKeyVault');
    await ok('PATCH', '/certificates/ruled', { body: { attributes: { enabled: false }, tags: { a: 'b' } } });
    refused(await ask('GET', '/secrets/ruled'), 403, 'Forbidden', 'SecretDisabled');
    assert.equal((await ok('GET', '/keys/ruled')).body.attributes.enabled, false);
    const shown = await ok('GET', '/certificates/ruled');
    assert.deepEqual([shown.body.attributes.enabled, shown.body.tags], [false, { a: 'b' }]);
    await ok('DELETE', '/certificates/ruled');
    for (const kind of ['keys', 'secrets', 'certificates']) {
      assert.equal((await ask('GET', `/${kind}/ruled`)).status, 404, kind);
      await ok('GET', `/deleted${kind}/ruled`);
    }
    refused(await ask('POST', '/deletedsecrets/ruled/recover'), 403, 'Forbidden', 'SecretManagedByKeyVault');
    refused(await ask('DELETE', '/deletedkeys/ruled'), 403, 'Forbidden', 'KeyManagedByKeyVault');
    const again = await ask('POST', '/certificates/ruled/create', { body: { policy: selfPolicy } });
    refused(again, 409, 'Conflict', 'ObjectIsDeletedButRecoverable');
    await ok('POST', '/deletedcertificates/ruled/recover');
    for (const kind of ['keys', 'secrets', 'certificates']) {
      assert.notEqual((await ask('GET', `/${kind}/ruled`)).status, 404, kind);
    }
    await ok('DELETE', '/certificates/ruled');
    await ok('DELETE', '/deletedcertificates/ruled', {}, 204);
    for (const kind of ['keys', 'secrets', 'certificates']) {
      assert.equal((await ask('GET', `/deleted${kind}/ruled`)).status, 404, kind);
    }
    await ok('POST', '/keys/ruled/create', { body: key });
  });

  it('needs a name that no key and no secret has', async () => {
    await ok('PUT', '/secrets/taken', { body: { value: 'x' } });
    refused(await ask('POST', '/certificates/taken/create', { body: { policy: selfPolicy } }), 409, 'Conflict');
    await ok('POST', '/keys/taken-key/create', { body: { kty: 'EC' } });
    refused(await ask('POST', '/certificates/taken-key/create', { body: { policy: selfPolicy } }), 409, 'Conflict');
  });
});

describe('a version', () => {
  it('follows with a new key, or with the same one where the policy says so', async () => {
    await create('again');
    const first = await ok('GET', '/certificates/again');
    await create('again');
    const second = await ok('GET', '/certificates/again');
    assert.notEqual(versionOf(first), versionOf(second));
    const keyOf = async (version: string) => (await ok('GET', `/keys/again/${version}`)).body.key.x;
    assert.notEqual(await keyOf(versionOf(first)), await keyOf(versionOf(second)));
    await ok('PATCH', '/certificates/again/policy', { body: { key_props: { reuse_key: true } } });
    await ok('POST', '/certificates/again/create', { body: {} }, 202);
    const third = await ok('GET', '/certificates/again');
    assert.equal(await keyOf(versionOf(third)), await keyOf(versionOf(second)));
    assert.equal((await ok('GET', '/certificates/again/versions')).body.value.length, 3);
    assert.equal((await ok('GET', `/certificates/again/${versionOf(first)}`)).body.cer, first.body.cer);
    refused(await ask('POST', '/certificates/nobody/create', { body: {} }), 400, 'BadParameter');
  });

  it('signs with its key', async () => {
    await create('signs');
    const digest = Buffer.alloc(32, 7).toString('base64url');
    const body = { alg: 'ES256', value: digest };
    const signed = await ok('POST', '/keys/signs/sign', { body });
    const asked = { alg: 'ES256', digest, value: signed.body.value };
    assert.equal((await ok('POST', '/keys/signs/verify', { body: asked })).body.value, true);
  });

  it('is backed up with key and secret, and restored as it was', async () => {
    await create('saved');
    await create('saved');
    const before = await ok('GET', '/certificates/saved');
    const secret = await ok('GET', '/secrets/saved');
    const { value } = (await ok('POST', '/certificates/saved/backup')).body;
    refused(await ask('POST', '/certificates/restore', { body: { value } }), 409, 'Conflict');
    await ok('DELETE', '/certificates/saved');
    await ok('DELETE', '/deletedcertificates/saved', {}, 204);
    refused(await ask('POST', '/secrets/restore', { body: { value } }), 400, 'BadParameter');
    await ok('POST', '/certificates/restore', { body: { value } });
    const { pending: _, ...whole } = before.body;
    assert.deepEqual((await ok('GET', '/certificates/saved')).body, whole);
    assert.equal((await ok('GET', '/secrets/saved')).body.value, secret.body.value);
    assert.equal((await ok('GET', '/certificates/saved/versions')).body.value.length, 2);
    const digest = Buffer.alloc(32, 7).toString('base64url');
    await ok('POST', '/keys/saved/sign', { body: { alg: 'ES256', value: digest } });
    refused(await ask('POST', '/certificates/saved/create', { vault: 'second-vault', body: {} }), 400, 'BadParameter');
  });

  it('is kept from being purged by a vault with purge protection', async () => {
    await create('guarded', selfPolicy, { vault: 'kept-vault' });
    await ok('DELETE', '/certificates/guarded', { vault: 'kept-vault' });
    const purged = await ask('DELETE', '/deletedcertificates/guarded', { vault: 'kept-vault' });
    refused(purged, 403, 'Forbidden', 'ForbiddenByPolicy');
  });
});

describe('a certificate that an authority outside signs', () => {
  it('waits disabled and unlisted until the answer is merged', async () => {
    const started = await create('merged', unknownPolicy);
    const csr = Buffer.from(started.body.csr, 'base64');
    openssl.write('merged.csr', csr);
    assert.match(openssl.run('req -inform DER -in merged.csr -noout -verify -text'), /DNS:www.example.com/);
    const waiting = await ok('GET', '/certificates/merged');
    assert.deepEqual([waiting.body.attributes.enabled, waiting.body.cer], [false, undefined]);
    assert.match(waiting.body.pending.id, /\/certificates\/merged\/pending$/);
    const names = async (query: string) =>
      (await ok('GET', '/certificates', { query })).body.value.map(({ id }: { id: string }) => id.split('/').at(-1));
    assert.equal((await names('')).includes('merged'), false);
    assert.equal((await names('&includePending=true')).includes('merged'), true);
    refused(await ask('GET', '/certificates', { query: '&includePending=perhaps' }), 400, 'BadParameter');
    const more = await ask('POST', '/certificates/merged/create', { body: { policy: unknownPolicy } });
    refused(more, 409, 'Conflict');
    refused(await ask('GET', '/secrets/merged'), 403, 'Forbidden', 'SecretDisabled');
    const leaf = signCsr(started);
    const merged = await merge('merged', x5c(authority.root, leaf, authority.intermediate));
    assert.equal(merged.status, 201, merged.text);
    assert.equal(versionOf(merged), versionOf(waiting));
    assert.deepEqual([merged.body.attributes.enabled, x5c(leaf)[0]], [true, merged.body.cer]);
    assert.equal((await ok('GET', '/certificates/merged/pending')).body.status, 'completed');
    openssl.write('merged.pfx', Buffer.from((await ok('GET', '/secrets/merged')).body.value, 'base64'));
    const inside = openssl.run('pkcs12 -in merged.pfx -passin pass: -nokeys');
    assert.equal(inside.match(/BEGIN CERTIFICATE/g)!.length, 3);
    refused(await merge('merged', x5c(leaf)), 403, 'Forbidden');
  });

  it('keeps the current version until the next is merged', async () => {
    await create('next');
    const before = await ok('GET', '/certificates/next');
    const started = await create('next', unknownPolicy);
    assert.equal((await ok('GET', '/certificates/next')).body.id, before.body.id);
    await ok('GET', '/secrets/next');
    const merged = await merge('next', x5c(signCsr(started)));
    assert.equal(merged.status, 201, merged.text);
    assert.equal((await ok('GET', '/certificates/next')).body.id, merged.body.id);
    assert.ok((await ok('GET', '/secrets/next')).body.id.endsWith(versionOf(merged)));
    assert.ok((await ok('GET', '/keys/next')).body.key.kid.endsWith(versionOf(merged)));
  });

  it('refuses an answer of another key, another name, a broken chain, one that is over, one twice', async () => {
    const started = await create('answers', unknownPolicy);
    const other = await create('other', { ...unknownPolicy, x509_props: { subject: 'CN=other.example.com' } });
    const leaf = signCsr(started);
    const { intermediate } = authority;
    openssl.run('req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.pem -subj /CN=Stranger');
    const stranger = openssl.read('stranger.pem').toString();
    openssl.write('name.csr', Buffer.from(started.body.csr, 'base64'));
    openssl.run(
      'x509 -req -inform DER -in name.csr -CA sub.pem -CAkey sub.key -subj /CN=evil.example.com -out evil.pem',
    );
    for (const [certificates, why] of [
      [x5c(signCsr(other)), /of the key of the request/],
      [x5c(openssl.read('evil.pem').toString()), /requested for www.example.com/],
      [x5c(leaf, stranger), /chain is broken/],
      [x5c(leaf, authority.root), /chain is broken/],
      [x5c(signCsr(started, '-days -1')), /expired/],
      [x5c(leaf, intermediate, intermediate), /twice/],
      [['AAAA'], /not a certificate/],
    ] as const) {
      const reply = await merge('answers', certificates);
      refused(reply, 400, 'BadParameter');
      assert.match(reply.body.error.message, why);
    }
    for (const x of [undefined, [], ['*'], 'text']) {
      const reply = await ask('POST', '/certificates/answers/pending/merge', { body: { x5c: x } });
      refused(reply, 400, 'BadParameter');
    }
    assert.equal((await merge('answers', x5c(leaf, intermediate))).status, 201);
  });

  it('is cancelled, or its request is forgotten', async () => {
    await create('given-up', unknownPolicy);
    const cancel = { body: { cancellation_requested: true } };
    const cancelled = await ok('PATCH', '/certificates/given-up/pending', cancel);
    assert.deepEqual([cancelled.body.cancellation_requested, cancelled.body.status], [true, 'cancelled']);
    refused(await ask('PATCH', '/certificates/given-up/pending', cancel), 403, 'Forbidden');
    await create('given-up', unknownPolicy);
    await ok('DELETE', '/certificates/given-up/pending');
    refused(await ask('GET', '/certificates/given-up/pending'), 404, 'PendingCertificateNotFound');
    refused(await ask('DELETE', '/certificates/given-up/pending'), 404, 'PendingCertificateNotFound');
    refused(await merge('given-up', x5c(authority.root)), 404, 'PendingCertificateNotFound');
    await create('given-up');
    assert.equal((await ok('GET', '/certificates/given-up/versions')).body.value.length, 1);
    const spaced = await create('left', selfPolicy).then(() => create('left', unknownPolicy));
    assert.equal(spaced.body.status, 'inProgress');
    await ok('DELETE', '/certificates/left/pending');
    assert.equal((await ok('GET', '/certificates/left/versions')).body.value.length, 1);
    assert.equal((await ok('GET', '/keys/left/versions')).body.value.length, 1);
  });

  it('belongs to its vault', async () => {
    const started = await create('theirs', unknownPolicy);
    const answer = x5c(signCsr(started));
    refused(await merge('theirs', answer, { vault: 'second-vault' }), 404, 'PendingCertificateNotFound');
    const there = await create('theirs', unknownPolicy, { vault: 'second-vault' });
    assert.notEqual(there.body.csr, started.body.csr);
    refused(await merge('theirs', answer, { vault: 'second-vault' }), 400, 'BadParameter');
  });
});

describe('policies', () => {
  it('are filled in, changed in part, and refused where they make no sense', async () => {
    await create('policies');
    const { body } = await ok('GET', '/certificates/policies/policy');
    assert.deepEqual(body.key_props, { exportable: true, kty: 'EC', key_size: 256, reuse_key: false, crv: 'P-256' });
    const action = { trigger: { lifetime_percentage: 80 }, action: { action_type: 'AutoRenew' } };
    assert.deepEqual(body.lifetime_actions, [action]);
    const empty = {
      key_props: {},
      secret_props: {},
      x509_props: { sans: {}, validity_months: 6 },
      issuer: {},
      attributes: {},
    };
    const changed = await ok('PATCH', '/certificates/policies/policy', { body: empty });
    assert.deepEqual(changed.body.x509_props, { ...body.x509_props, validity_months: 6 });
    for (const wrong of [
      { key_props: { kty: 'oct' } },
      { key_props: { kty: 'RSA', key_size: 1024 } },
      { key_props: { kty: 'EC', crv: 'P-192' } },
      { secret_props: { contentType: 'text/plain' } },
      { x509_props: { subject: 'www.example.com' } },
      { x509_props: { subject: 'CN=a,' } },
      { x509_props: { sans: { dns_names: ['a b'] } } },
      { x509_props: { sans: { ipAddresses: ['1.2.3'] } } },
      { x509_props: { ekus: ['serverAuth'] } },
      { x509_props: { key_usage: ['signs'] } },
      { x509_props: { validity_months: 0 } },
      { lifetime_actions: [{ trigger: {}, action: { action_type: 'AutoRenew' } }] },
      { lifetime_actions: [{ trigger: { lifetime_percentage: 100 }, action: { action_type: 'AutoRenew' } }] },
      { lifetime_actions: [{ trigger: { days_before_expiry: 1000 }, action: { action_type: 'EmailContacts' } }] },
    ]) {
      const reply = await ask('PATCH', '/certificates/policies/policy', { body: wrong });
      refused(reply, 400, 'BadParameter');
    }
    const nameless = { issuer: { name: 'Self' } };
    refused(await ask('POST', '/certificates/no/create', { body: { policy: nameless } }), 400, 'BadParameter');
    const headless = { x509_props: { subject: 'CN=a' } };
    refused(await ask('POST', '/certificates/no/create', { body: { policy: headless } }), 400, 'BadParameter');
    const token = { ...selfPolicy, key_props: { kty: 'RSA-HSM', exportable: false } };
    refused(await ask('POST', '/certificates/no/create', { body: { policy: token } }), 400, 'BadParameter');
    const nobody = { ...selfPolicy, issuer: { name: 'nobody' } };
    refused(
      await ask('POST', '/certificates/no/create', { body: { policy: nobody } }),
      404,
      'CertificateIssuerNotFound',
    );
  });
});

describe('contacts and issuers', () => {
  it('contacts are set, read and removed', async () => {
    refused(await ask('GET', '/certificates/contacts'), 404, 'ContactsNotFound');
    const contacts = [{ email: 'a@example.com', name: 'n', phone: '1' }, { email: 'b@example.com' }];
    const set = await ok('PUT', '/certificates/contacts', { body: { contacts } });
    assert.deepEqual(set.body.contacts, contacts);
    assert.deepEqual((await ok('GET', '/certificates/contacts')).body, set.body);
    for (const email of ['', 'a', 'a@b\r\nBcc: c@d', '<a@b>']) {
      refused(await ask('PUT', '/certificates/contacts', { body: { contacts: [{ email }] } }), 400, 'BadParameter');
    }
    await ok('DELETE', '/certificates/contacts');
    refused(await ask('DELETE', '/certificates/contacts'), 404, 'ContactsNotFound');
  });

  it('issuers are set, changed, listed and removed, and never tell their password', async () => {
    const admin = { first_name: 'f', last_name: 'l', email: 'e@example.com', phone: 'p' };
    const body = {
      provider: 'Test',
      credentials: { account_id: 'a', pwd: 'canary-of-the-issuer' },
      org_details: { id: 'o', admin_details: [admin] },
    };
    const set = await ok('PUT', '/certificates/issuers/one', { body });
    assert.deepEqual(set.body.credentials, { account_id: 'a' });
    assert.deepEqual(set.body.org_details, body.org_details);
    const changed = await ok('PATCH', '/certificates/issuers/one', { body: { provider: 'Test2', credentials: {} } });
    assert.deepEqual([changed.body.provider, changed.body.credentials], ['Test2', { account_id: 'a' }]);
    const got = await ok('GET', '/certificates/issuers/one');
    assert.ok(!JSON.stringify([set, changed, got]).includes('canary'));
    await ok('PUT', '/certificates/issuers/two', { body: { provider: 'Test' } });
    const page = await ok('GET', '/certificates/issuers', { query: '&maxresults=1' });
    assert.equal(page.body.value[0].provider, 'Test2');
    assert.ok(page.body.nextLink);
    const policy = { ...selfPolicy, issuer: { name: 'one' } };
    refused(await ask('POST', '/certificates/ordered/create', { body: { policy } }), 400, 'BadParameter');
    await ok('PATCH', '/certificates/issuers/one', { body: { attributes: { enabled: false } } });
    const disabled = await ask('POST', '/certificates/ordered/create', { body: { policy } });
    assert.match(disabled.body.error.message, /disabled/);
    refused(await ask('PUT', '/certificates/issuers/Self', { body }), 400, 'BadParameter');
    refused(await ask('PUT', '/certificates/issuers/three', { body: {} }), 400, 'BadParameter');
    await ok('DELETE', '/certificates/issuers/one');
    refused(await ask('GET', '/certificates/issuers/one'), 404, 'CertificateIssuerNotFound');
  });
});

describe('what is not there', () => {
  it('is said', async () => {
    refused(await ask('GET', '/certificates/nobody'), 404, 'CertificateNotFound');
    refused(await ask('GET', '/certificates/nobody/policy'), 404, 'CertificateNotFound');
    refused(await ask('GET', '/certificates/nobody/pending'), 404, 'PendingCertificateNotFound');
    refused(await ask('GET', '/deletedcertificates/nobody'), 404, 'CertificateNotFound');
    refused(await ask('DELETE', '/certificates/nobody'), 404, 'CertificateNotFound');
    await create('gone');
    await ok('DELETE', '/certificates/gone');
    refused(await ask('GET', '/certificates/gone'), 404, 'CertificateNotFound');
  });
});

describe('the key of a certificate', () => {
  it('is the one of its certificate, whatever its kind', async () => {
    const kinds = [
      { kty: 'RSA', key_size: 2048 },
      { kty: 'RSA', key_size: 3072 },
      ...['P-256', 'P-384', 'P-521', 'P-256K'].map((crv) => ({ kty: 'EC', crv })),
    ];
    for (const [index, key_props] of kinds.entries()) {
      await create(`kind-${index}`, { ...selfPolicy, key_props });
      const { cer } = (await ok('GET', `/certificates/kind-${index}`)).body;
      const certificate = new X509Certificate(Buffer.from(cer, 'base64'));
      const { kid: _, key_ops, ...jwk } = (await ok('GET', `/keys/kind-${index}`)).body.key;
      const crv = jwk.crv === 'P-256K' ? 'secp256k1' : jwk.crv;
      const key = createPublicKey({ key: { ...jwk, ...(crv && { crv }) } as JsonWebKey, format: 'jwk' });
      assert.ok(certificate.publicKey.equals(key) && certificate.verify(key));
      const expected = jwk.kty === 'EC' ? ['sign', 'verify'] : ['sign', 'verify', 'wrapKey', 'unwrapKey'];
      assert.deepEqual(key_ops, expected);
      openssl.write('kind.pem', certificate.toString());
      openssl.run('verify -check_ss_sig -CAfile kind.pem kind.pem');
    }
  });

  it('comes from outside with its certificate, and nobody renews it into one that signs itself', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    openssl.write('out.key', privateKey.export({ type: 'sec1', format: 'pem' }));
    openssl.run('req -new -key out.key -subj /CN=outside.example.com -outform DER -out out.csr');
    const leaf = authority.sign(openssl.read('out.csr'));
    const value = [
      authority.root,
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
      authority.intermediate,
      leaf,
    ].join('');
    const imported = await ok('POST', '/certificates/outside/import', {
      body: {
        value,
        policy: { issuer: { name: 'Self' }, secret_props: { contentType: 'application/x-pem-file' } },
        tags: { a: 'b' },
      },
    });
    assert.equal(imported.body.pending, undefined);
    assert.deepEqual(imported.body.policy.issuer, { name: 'Unknown' });
    assert.deepEqual(imported.body.policy.lifetime_actions[0].action, { action_type: 'EmailContacts' });
    assert.equal(imported.body.policy.x509_props.subject, 'CN=outside.example.com');
    const secret = (await ok('GET', '/secrets/outside')).body.value as string;
    const order = secret.match(/-----BEGIN CERTIFICATE-----[^-]+/g)!.map((block) => block.replace(/\s/g, ''));
    const expected = [leaf, authority.intermediate, authority.root].map((pem) =>
      pem.split('-----END')[0]!.replace(/\s/g, ''),
    );
    assert.deepEqual(order, expected);
    const ordered = {
      value,
      preserveCertOrder: true,
      policy: { secret_props: { contentType: 'application/x-pem-file' } },
    };
    assert.equal((await ok('POST', '/certificates/outside/import', { body: ordered })).body.preserveCertOrder, true);
    const kept = ((await ok('GET', '/secrets/outside')).body.value as string).match(
      /-----BEGIN CERTIFICATE-----[^-]+/g,
    )!;
    assert.equal(kept[1]!.replace(/\s/g, ''), expected[2]);
    refused(await ask('POST', '/certificates/outside/import', { body: { value: 'AAAA' } }), 400, 'BadParameter');
    refused(await ask('POST', '/certificates/outside/import', { body: {} }), 400, 'BadParameter');
  });
});

describe('certificates at risk', () => {
  it('are listed with their reason for whoever may read vaults, and by the command', async () => {
    const manager = await getToken(server, resources.management);
    const list = async (query = '', as: string | undefined = manager) =>
      call(server, {
        host: 'management',
        path: `/subscriptions/${server.subscriptionId}/providers/Strongroom.Certificates/due?api-version=2026-01-01${query}`,
        token: as,
      });
    const started = await create('at-risk', unknownPolicy);
    assert.equal((await merge('at-risk', x5c(signCsr(started, '-days 10')))).status, 201);
    const found = (await list()).body.value.filter(
      ({ certificate }: { certificate: string }) => certificate === 'at-risk',
    );
    assert.deepEqual([found[0].vault, found[0].risk, found[0].issuer], ['main-vault', 'nobody-renews', 'Unknown']);
    assert.equal((await list('&days=0')).status, 400);
    assert.equal((await list('', token)).status, 401);
    const { code, stdout } = await strongroom(['certificates', 'due', '--data-dir', server.dataDir]);
    assert.equal(code, 3);
    assert.match(stdout, /main-vault\/at-risk {2}nobody-renews/);
  });
});
