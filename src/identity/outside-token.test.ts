import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type IdentityPlane, identityPlane, TENANT, type TestApplication } from '../../tests/support/identity-plane.ts';
import type { BearerTerms } from './bearer-terms.ts';
import { addFederatedCredential, removeFederatedCredential } from './federated-credentials.ts';
import * as identity from './service.ts';
import type { TrustedIssuer } from './trusted-issuers.ts';

type Json = Readonly<Record<string, unknown>>;

const CLUSTER = 'https://cluster.example/id';
const OTHER = 'https://ci.example';
const ENTRA_TENANT = '77777777-7777-4777-8777-777777777777';
const ENTRA_2 = `https://login.microsoftonline.com/${ENTRA_TENANT}/v2.0`;
const ENTRA_1 = `https://sts.windows.net/${ENTRA_TENANT}/`;
const BROKEN = 'https://broken.example';
const SUBJECT = 'system:serviceaccount:shop:checkout';
const FEDERATED = 'system:serviceaccount:shop:worker';
const AUDIENCE = 'https://vault.example';
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe('bearer tokens of an outside issuer', () => {
  let folder: string;
  let plane: IdentityPlane;
  let mapped: TestApplication;
  let federated: TestApplication;
  const principals = new Map<string, string>();

  const publish = (name: string, keys: readonly (readonly [string, KeyObject, Json?])[]) => {
    const path = join(folder, name);
    const shown = keys.map(([kid, key, more]) => ({ ...key.export({ format: 'jwk' }), kid, ...more }));
    writeFileSync(path, JSON.stringify({ keys: shown }));
    return path;
  };
  const trust = (issuer: string, file: string, terms: Partial<BearerTerms> | null = {}): TrustedIssuer => ({
    issuer,
    keys: { kind: 'file', path: join(folder, file) },
    caFile: null,
    algorithms: ['RS256', 'ES256'],
    bearer: terms && {
      audiences: { data: [AUDIENCE], management: ['https://management.example'] },
      subjectClaim: 'sub',
      principals,
      federatedCredentials: false,
      maxLifetimeSeconds: 3600,
      clockSkewSeconds: 60,
      ...terms,
    },
  });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-outside-'));
    publish('cluster.json', [
      ['first', pair.publicKey],
      ['curve', curve.publicKey],
    ]);
    publish('other.json', [['first', stranger.publicKey]]);
    publish('entra.json', [
      ['first', pair.publicKey, { issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }],
      [
        'theirs',
        pair.publicKey,
        { issuer: 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0' },
      ],
    ]);
    principals.clear();
    plane = await identityPlane([
      trust(CLUSTER, 'cluster.json', { federatedCredentials: true }),
      trust(OTHER, 'other.json', { principals: new Map(), federatedCredentials: true }),
      trust(ENTRA_1, 'entra.json', { subjectClaim: 'oid' }),
      trust(ENTRA_2, 'entra.json', { subjectClaim: 'oid' }),
      trust(BROKEN, 'none.json'),
      trust('https://exchange.example', 'cluster.json', null),
    ]);
    mapped = await plane.application('checkout');
    principals.set(SUBJECT, mapped.oid);
    federated = await plane.application('worker');
    await federate(federated.appId);
  });
  afterEach(async () => {
    await plane.cleanup();
    rmSync(folder, { recursive: true, force: true });
  });

  const federate = async (appId: string, subject = FEDERATED, audience = AUDIENCE, issuer = CLUSTER) => {
    const credential = { name: 'federated', issuer, subject, audiences: [audience], description: null };
    const order = { appId, credential, now: plane.clock.now() };
    const added = await plane.store.write((transaction) => addFederatedCredential(transaction, plane, order));
    assert.ok('id' in added);
    return added.id;
  };
  const claimsNow = (): Json => {
    const now = plane.clock.now() / 1000;
    return { iss: CLUSTER, sub: SUBJECT, aud: [AUDIENCE], iat: now, nbf: now, exp: now + 600 };
  };
  const forge = (claims: Json = {}, header: Json = {}, key: KeyObject = pair.privateKey) => {
    const input = `${encode({ alg: 'RS256', kid: 'first', ...header })}.${encode({ ...claimsNow(), ...claims })}`;
    const how = key.asymmetricKeyType === 'ec' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
    return `${input}.${sign('sha256', Buffer.from(input), how).toString('base64url')}`;
  };
  const judge = async (token: string, at: 'data' | 'management' | 'graph' = 'data') =>
    plane.authenticator.authenticate(`Bearer ${token}`, at, TENANT, plane.clock.now());
  const outcome = async (token: string, at: 'data' | 'management' | 'graph' = 'data') => {
    const result = await judge(token, at);
    return 'refusal' in result ? result.refusal : result.caller.oid;
  };
  const reasonOf = async (token: string) => {
    const result = await judge(token);
    return 'refusal' in result ? String(result.facts['reason']) : 'accepted';
  };

  it('stand for the principal that the operator mapped the subject to, and say nothing else', async () => {
    const result = await judge(
      forge({
        oid: plane.administrator.oid,
        tid: TENANT,
        appid: plane.administrator.appId,
        groups: ['x'],
        wids: ['x'],
      }),
    );
    assert.ok('caller' in result);
    assert.equal(result.caller.oid, mapped.oid);
    assert.deepEqual(result.caller.principalIds, [mapped.oid]);
    assert.equal(result.caller.directoryRole, null);
    assert.equal(result.caller.appId, mapped.appId);
    assert.equal(result.caller.issuer, CLUSTER);
    assert.equal(result.caller.outsideSubject, SUBJECT);
    assert.equal(result.caller.scopes, null);
  });

  it('stand for the application whose federated credential names issuer, subject and audience', async () => {
    assert.equal(await outcome(forge({ sub: FEDERATED })), federated.oid);
    assert.equal(
      await outcome(forge({ sub: FEDERATED }, { alg: 'ES256', kid: 'curve' }, curve.privateKey)),
      federated.oid,
    );
    await federate(mapped.appId, 'of another audience', 'api://other');
    assert.match(await reasonOf(forge({ sub: 'of another audience' })), /has the audience api:\/\/other/);
    // The same subject of another issuer is somebody else.
    const elsewhere = forge({ iss: OTHER, sub: FEDERATED }, {}, stranger.privateKey);
    assert.equal(await outcome(elsewhere), 'outside-subject-unknown');
    assert.equal(
      await outcome(forge({ iss: OTHER, sub: SUBJECT }, {}, stranger.privateKey)),
      'outside-subject-unknown',
    );
  });

  it('do not come to an application by a credential that another one registered', async () => {
    await federate(mapped.appId, FEDERATED);
    assert.match(await reasonOf(forge({ sub: FEDERATED })), /both have a federated credential/);
  });

  it('compare subjects letter by letter', async () => {
    for (const sub of [SUBJECT.toUpperCase(), `${SUBJECT} `, SUBJECT.replace('s', 'ſ'), '__proto__', 'constructor']) {
      assert.equal(await outcome(forge({ sub })), 'outside-subject-unknown', sub);
    }
    for (const sub of ['', null, 5, [SUBJECT], undefined, 'x'.repeat(601), `${SUBJECT}\0`, `${SUBJECT}\ud800`]) {
      assert.equal(await outcome(forge({ sub })), 'outside-token-malformed', String(sub));
    }
  });

  it('open the planes that the operator named for their audience, and are for that audience alone', async () => {
    assert.equal(await outcome(forge(), 'management'), 'outside-token-audience');
    assert.equal(await outcome(forge({ aud: 'https://management.example' }), 'management'), mapped.oid);
    assert.equal(await outcome(forge({ aud: 'https://management.example' })), 'outside-token-audience');
    assert.equal(await outcome(forge({ aud: 'https://graph.microsoft.com' }), 'graph'), 'outside-token-audience');
    for (const aud of ['https://vault.azure.net', `${AUDIENCE}/`, AUDIENCE.toUpperCase(), 'https://other.example']) {
      assert.equal(await outcome(forge({ aud })), 'outside-token-audience', aud);
    }
    for (const aud of [[AUDIENCE, 'https://other.example'], [], '', null, undefined, { 0: AUDIENCE }]) {
      assert.equal(await outcome(forge({ aud })), 'outside-token-malformed', JSON.stringify(aud));
    }
  });

  it('are refused with every algorithm and header that lets a token choose its own proof', async () => {
    const own = stranger.publicKey.export({ format: 'jwk' });
    for (const header of [
      { jwk: own },
      { jku: 'https://evil.example/keys' },
      { x5u: 'https://evil.example/cert' },
      { x5c: ['MIIB'] },
      { crit: ['exp'] },
      { b64: false, crit: ['b64'] },
      { zip: 'DEF' },
      { cty: 'JWT' },
      { typ: 'logout+jwt' },
      { typ: 'secevent+jwt' },
      { typ: 5 },
      { kid: undefined },
      { kid: '' },
      { kid: ['first'] },
      { alg: 'none' },
      { alg: 'RS512' },
      { alg: undefined },
    ]) {
      for (const key of [pair.privateKey, stranger.privateKey]) {
        assert.equal(await outcome(forge({}, header, key)), 'outside-token-malformed', JSON.stringify(header));
      }
    }
    for (const kid of ['none', '../../../dev/null', "' or '1'='1", '__proto__', 'curve', 'first\0']) {
      assert.equal(await outcome(forge({}, { kid }, stranger.privateKey)), 'outside-token-signature', kid);
    }
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const input = `${encode({ alg: 'HS256', kid: 'first' })}.${encode(claimsNow())}`;
    const hmac = `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
    assert.equal(await outcome(hmac), 'outside-token-malformed');
    const good = forge();
    assert.equal(await outcome(`${good.split('.').slice(0, 2).join('.')}.`), 'token-malformed');
    const changed = good.replace(/\.[^.]+\./, `.${encode({ ...claimsNow(), sub: FEDERATED })}.`);
    assert.equal(await outcome(changed), 'outside-token-signature');
  });

  it('are refused without times, outside of them, or where they live too long', async () => {
    const now = plane.clock.now() / 1000;
    for (const [claims, code] of [
      [{ exp: undefined }, 'outside-token-malformed'],
      [{ iat: undefined }, 'outside-token-malformed'],
      [{ exp: '9999999999' }, 'outside-token-malformed'],
      [{ exp: 1e300 }, 'outside-token-malformed'],
      [{ nbf: 'now' }, 'outside-token-malformed'],
      [{ exp: now + 3601 }, 'outside-token-malformed'],
      [{ iat: now - 700, exp: now - 61 }, 'outside-token-time'],
      [{ iat: now + 61 }, 'outside-token-time'],
      [{ nbf: now + 61 }, 'outside-token-time'],
      [{ iat: now - 700, exp: now - 59 }, mapped.oid],
      [{ nbf: now + 59 }, mapped.oid],
      [{ nbf: undefined }, mapped.oid],
    ] as const) {
      assert.equal(await outcome(forge(claims)), code, JSON.stringify(claims));
    }
    const token = forge();
    assert.equal(await outcome(token), mapped.oid);
    plane.clock.advance(661_000);
    assert.equal(await outcome(token), 'outside-token-time');
  });

  it('are refused where they are made for something else', async () => {
    for (const claims of [
      { cnf: { jkt: 'x' } },
      { nonce: 'n' },
      { at_hash: 'h' },
      { typ: 'ID' },
      { typ: 'Refresh' },
      { typ: 'Logout' },
    ]) {
      assert.equal(await outcome(forge(claims)), 'outside-token-malformed', JSON.stringify(claims));
    }
    assert.equal(await outcome(forge({ typ: 'Bearer' }, { typ: 'at+jwt' })), mapped.oid);
  });

  it('of the real Entra ID are of the one tenant that the operator named, in both forms of its issuer', async () => {
    const oid = '66666666-6666-4666-8666-666666666666';
    principals.set(oid, mapped.oid);
    const entra = (claims: Json, header: Json = {}) =>
      forge({ iss: ENTRA_2, tid: ENTRA_TENANT, oid, ...claims }, header);
    assert.equal(await outcome(entra({})), mapped.oid);
    assert.equal(await outcome(entra({ iss: ENTRA_1 })), mapped.oid);
    const theirs = '9188040d-6c67-4c5b-b112-36a304b66dad';
    assert.match(await reasonOf(entra({ tid: theirs })), /tenant/);
    assert.match(await reasonOf(entra({ tid: undefined })), /tenant/);
    assert.match(await reasonOf(entra({ tid: TENANT })), /tenant/);
    assert.match(await reasonOf(entra({}, { kid: 'theirs' })), /key is good for another tenant/);
    for (const iss of [
      `https://login.microsoftonline.com/${theirs}/v2.0`,
      `https://sts.windows.net/${theirs}/`,
      'https://login.microsoftonline.com/{tenantid}/v2.0',
      `${ENTRA_2}/`,
      ENTRA_1.slice(0, -1),
    ]) {
      const refusal = await outcome(entra({ iss }));
      assert.ok(refusal === 'token-issuer' || refusal === 'token-malformed', `${iss}: ${refusal}`);
    }
    // `sub` is another thing there: the operator said oid.
    assert.equal(await outcome(entra({ sub: oid, oid: 'somebody' })), 'outside-subject-unknown');
  });

  it('of issuers that are trusted for exchange alone, or not at all, are refused as before', async () => {
    assert.equal(await outcome(forge({ iss: 'https://exchange.example' })), 'token-issuer');
    assert.equal(await outcome(forge({ iss: 'https://nobody.example' })), 'token-issuer');
    assert.equal(await outcome(forge({ iss: `${CLUSTER}/` })), 'token-issuer');
    // Our own authority's name helps nobody without its key.
    const ours = forge({ iss: `https://sts.localhost/${TENANT}/`, tid: TENANT, oid: plane.administrator.oid });
    assert.equal(await outcome(ours), 'token-signature');
  });

  it('end at once with the principal, its credential or its key, also where they were used before', async () => {
    const [one, two] = [forge(), forge({ sub: FEDERATED })];
    assert.deepEqual([await outcome(one), await outcome(two)], [mapped.oid, federated.oid]);
    const disable = (id: string, enabled: boolean) =>
      plane.store.write((transaction) => identity.setPrincipalEnabled(transaction, id, enabled));
    await disable(mapped.oid, false);
    assert.equal(await outcome(one), 'principal-disabled');
    await disable(mapped.oid, true);
    assert.equal(await outcome(one), mapped.oid);
    const credentials = await plane.graph('GET', `/v1.0/applications/${federated.id}/federatedIdentityCredentials`, {
      headers: { authorization: `Bearer ${await plane.tokenOf(plane.administrator, 'https://graph.microsoft.com')}` },
    });
    await plane.store.write((transaction) =>
      removeFederatedCredential(transaction, federated.appId, credentials.body.value[0].id),
    );
    assert.equal(await outcome(two), 'outside-subject-unknown');
    principals.set(SUBJECT, '00000000-0000-4000-8000-000000000000');
    assert.match(await reasonOf(forge({ jti: 'new' })), /there is no principal/);
    // The issuer takes its key back: an hour at most, and what was remembered goes with it.
    principals.set(SUBJECT, mapped.oid);
    const long = forge({ exp: (claimsNow()['iat'] as number) + 3600, jti: 'long' });
    assert.equal(await outcome(long), mapped.oid);
    publish('cluster.json', [['second', stranger.publicKey]]);
    plane.clock.advance(3_599_000);
    assert.equal(await outcome(long), mapped.oid);
    plane.clock.advance(1000);
    assert.equal(await outcome(long), 'outside-token-signature');
  });

  it('do not lead to a group', async () => {
    const id = '88888888-8888-4888-8888-888888888888';
    await plane.store.write(async (transaction) => {
      await transaction.db
        .insertInto('principals')
        .values({
          id,
          tenant_id: TENANT,
          kind: 'Group',
          type: 'Group',
          display_name: 'group',
          app_id: null,
          upn: null,
          upn_key: null,
          enabled: 1,
          directory_role: null,
          created: 1,
          details: null,
        })
        .execute();
    });
    principals.set('group', id);
    assert.match(await reasonOf(forge({ sub: 'group' })), /no person or service principal/);
  });

  it('of an issuer whose keys cannot be had are refused, with the reason for the operator', async () => {
    const result = await judge(forge({ iss: BROKEN }));
    assert.ok('refusal' in result);
    assert.equal(result.refusal, 'outside-keys-unavailable');
    assert.match(String(result.facts['reason']), /ENOENT/);
  });

  it('are in no fact of a refusal', async () => {
    const token = forge({ sub: 'nobody' });
    const [head, payload, signature] = token.split('.') as [string, string, string];
    const told = JSON.stringify([await judge(token), await judge(token, 'graph'), await judge(`${token}x`)]);
    for (const part of [head, payload, signature]) assert.ok(!told.includes(part.slice(0, 16)));
  });
});
