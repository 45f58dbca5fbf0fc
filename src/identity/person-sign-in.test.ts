import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, importJWK, jwtVerify } from 'jose';
import {
  AZURE_CLI,
  type IdentityPlane,
  identityPlane,
  type PlaneAnswer,
  TENANT,
  type TestPerson,
} from '../../tests/support/identity-plane.ts';
import { passwordHashes } from './password.ts';
import * as people from './people.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let plane: IdentityPlane;
let anna: TestPerson;
before(async () => {
  plane = await identityPlane();
  anna = await plane.person('anna');
});
after(() => plane.cleanup());

const refusal = ({ status, body }: PlaneAnswer) => [status, body.error, body.error_codes?.[0]];
const WRONG = [400, 'invalid_grant', 50126];
const LOCKED = [400, 'invalid_grant', 50053];
/** The headers by which a token of the answer is shown to the data plane. */
const asked = (token: string) => plane.authenticator.authenticate(`Bearer ${token}`, 'data', TENANT, plane.clock.now());

describe('a person who signs in by password', () => {
  it('gets an access token with the claims of a user, an id token, account info and a refresh token', async () => {
    const { status, body, headers } = await plane.signIn(anna);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(headers['cache-control'], 'no-store');
    assert.deepEqual([body.token_type, body.expires_in], ['Bearer', 3599]);
    const { keys } = (await plane.login('GET', '/common/discovery/v2.0/keys')).body;
    const key = await importJWK(keys[0], 'RS256');
    const currentDate = new Date(plane.clock.now());
    const { payload } = await jwtVerify(body.access_token, key, { currentDate });
    const { strongroom_credential: _, iat: __, nbf: ___, exp: ____, uti: _____, ...claims } = payload;
    const issuer = `https://sts.localhost/${TENANT}/`;
    assert.deepEqual(claims, {
      aud: 'https://vault.azure.net',
      iss: issuer,
      appid: AZURE_CLI,
      appidacr: '0',
      idp: issuer,
      idtyp: 'user',
      oid: anna.oid,
      sub: anna.oid,
      tid: TENANT,
      ver: '1.0',
      acr: '1',
      amr: ['pwd'],
      ipaddr: '127.0.0.1',
      name: 'anna',
      scp: 'user_impersonation',
      unique_name: anna.upn,
      upn: anna.upn,
    });
    const id = (await jwtVerify(body.id_token, key, { currentDate })).payload;
    assert.deepEqual(
      [id.iss, id.aud, id['preferred_username'], id['tid'], id['ver']],
      [`https://login.localhost:8443/${TENANT}/v2.0`, AZURE_CLI, anna.upn, TENANT, '2.0'],
    );
    const info = JSON.parse(Buffer.from(body.client_info, 'base64url').toString());
    assert.deepEqual(info, { uid: anna.oid, utid: TENANT });
    assert.match(body.refresh_token, /^strongroom_rt_[\w-]{43}$/);
    const result = await asked(body.access_token);
    assert.ok('caller' in result);
    assert.deepEqual([result.caller.kind, result.caller.oid, result.caller.upn], ['User', anna.oid, anna.upn]);
  });

  it('gets what was asked for and no more, in version 1 by resource', async () => {
    const form = { scope: 'https://graph.localhost:8443/Directory.AccessAsUser.All', client_info: '' };
    const { body } = await plane.signIn(anna, form);
    assert.deepEqual([body.refresh_token, body.id_token, body.client_info], [undefined, undefined, undefined]);
    assert.equal(decodeJwt(body.access_token)['scp'], 'Directory.AccessAsUser.All');
    const first = await plane.login('POST', `/adfs/aad/${TENANT}/oauth2/token`, {
      form: {
        grant_type: 'password',
        client_id: AZURE_CLI,
        username: 'ANNA@localhost',
        password: anna.password,
        resource: 'https://management.core.windows.net/',
      },
    });
    assert.equal(first.status, 200, JSON.stringify(first.body));
    assert.equal(first.body.resource, 'https://management.core.windows.net/');
    assert.ok(first.body.refresh_token);
    assert.equal(decodeJwt(first.body.id_token)['upn'], anna.upn);
  });

  it('is refused with one answer for a wrong password, an unknown name and what cannot be right', async () => {
    const answers = await Promise.all([
      plane.signIn(anna, { password: 'Wrong-horse-7' }, '192.0.2.1'),
      plane.signIn(anna, { username: 'nobody@localhost' }, '192.0.2.2'),
      plane.signIn(anna, { username: ` ${anna.upn}` }, '192.0.2.2'),
      plane.signIn(anna, { password: 'x'.repeat(5000) }, '192.0.2.3'),
      plane.signIn(anna, { username: 'x'.repeat(5000) }, '192.0.2.3'),
    ]);
    const told = answers.map(({ body }) => body.error_description.replace(/ Trace ID.*/s, ''));
    assert.deepEqual(answers.map(refusal), Array(5).fill(WRONG));
    assert.equal(new Set(told).size, 1);
  });

  it('is told that the account is disabled, or the password to be changed, only with the right password', async () => {
    const bert = await plane.person('bert');
    const user = { type: 'Member', displayName: 'bert', upn: bert.upn, enabled: false, details: {} };
    await plane.store.write((transaction) => people.changeMemberPrincipal(transaction, bert.oid, user));
    assert.deepEqual(refusal(await plane.signIn(bert)), [400, 'invalid_grant', 50057]);
    assert.deepEqual(refusal(await plane.signIn(bert, { password: 'Wrong-horse-7' })), WRONG);
    await plane.store.write(async (transaction) => {
      await people.changeMemberPrincipal(transaction, bert.oid, { ...user, enabled: true });
      await people.setMustChange(transaction, bert.oid, true);
    });
    assert.deepEqual(refusal(await plane.signIn(bert)), [400, 'invalid_grant', 50055]);
    assert.deepEqual(refusal(await plane.signIn(bert, { password: 'Wrong-horse-7' })), WRONG);
  });

  it('signs in through known clients alone, and confidential ones prove themselves', async () => {
    const unknown = '66666666-6666-4666-8666-666666666666';
    assert.deepEqual(refusal(await plane.signIn(anna, { client_id: unknown })), [400, 'unauthorized_client', 700016]);
    const application = await plane.application('web');
    const through = (form: Record<string, string>) => plane.signIn(anna, { client_id: application.appId, ...form });
    assert.deepEqual(refusal(await through({})), [401, 'invalid_client', 7000218]);
    assert.deepEqual(refusal(await through({ client_secret: 'wrong' })), [401, 'invalid_client', 7000215]);
    const { body } = await through({ client_secret: application.secret });
    assert.deepEqual(
      [decodeJwt(body.access_token)['appid'], decodeJwt(body.access_token)['appidacr']],
      [application.appId, '1'],
    );
    const asAdministrator = {
      authorization: `Bearer ${await plane.tokenOf(plane.administrator, 'https://graph.localhost:8443')}`,
    };
    const json = { isFallbackPublicClient: true };
    const path = `/v1.0/applications/${application.id}`;
    assert.equal((await plane.graph('PATCH', path, { headers: asAdministrator, json })).status, 204);
    assert.equal((await through({})).status, 200);
    const disabled = { headers: asAdministrator, json: { accountEnabled: false } };
    await plane.graph('PATCH', `/v1.0/servicePrincipals/${application.oid}`, disabled);
    assert.deepEqual(refusal(await through({})), [401, 'unauthorized_client', 7000112]);
  });

  it('asks for one resource, by a name of the whole of it', async () => {
    for (const scope of [
      'openid profile',
      'https://vault.azure.net/secrets.read',
      'https://vault.azure.net/.default https://graph.microsoft.com/.default',
    ]) {
      assert.deepEqual(refusal(await plane.signIn(anna, { scope })), [400, 'invalid_scope', 70011], scope);
    }
    const elsewhere = await plane.login('POST', '/nobody.test/oauth2/v2.0/token', { form: { grant_type: 'password' } });
    assert.deepEqual(refusal(elsewhere), [400, 'invalid_tenant', 90002]);
  });

  it('is found by home realm discovery, as everybody is', async () => {
    const known = await plane.login('GET', `/common/userrealm/${anna.upn}?api-version=1.0`);
    const unknown = await plane.login('GET', '/common/userrealm/nobody@elsewhere.test?api-version=1.0');
    assert.equal(known.body.account_type, 'Managed');
    assert.deepEqual(known.body, unknown.body);
  });
});

describe('who guesses a password', () => {
  const guess = (person: TestPerson, address: string) =>
    plane.signIn(person, { password: 'Wrong-horse-7' }, address).then(refusal);
  const guesses = async (person: TestPerson, count: number, address: string) => {
    const answers: unknown[] = [];
    for (let index = 0; index < count; index++) answers.push(await guess(person, address));
    return answers;
  };

  /** As if so many more guesses had been counted where the last ones were. */
  const countMore = (prefix: string, more: number) =>
    plane.store.write((transaction) =>
      transaction.db
        .updateTable('sign_in_failures')
        .set((eb) => ({ failures: eb('failures', '+', more) }))
        .where('subject', 'like', `${prefix}%`)
        .where('last', '=', plane.clock.now())
        .where('failures', '>', 0)
        .execute(),
    );

  it('is locked out after ten failures, and longer with each one after, the right password included', async () => {
    const carl = await plane.person('carl');
    plane.clock.advance(MINUTE);
    assert.deepEqual(await guess(carl, '198.51.100.1'), WRONG);
    await countMore('pair:', 7);
    assert.deepEqual(await guesses(carl, 3, '198.51.100.1'), [WRONG, WRONG, LOCKED]);
    assert.deepEqual(refusal(await plane.signIn(carl, {}, '198.51.100.1')), LOCKED);
    // A lock is not made longer by what is asked while it lasts.
    plane.clock.advance(MINUTE);
    assert.deepEqual(await guess(carl, '198.51.100.1'), WRONG);
    plane.clock.advance(MINUTE);
    assert.deepEqual(refusal(await plane.signIn(carl, {}, '198.51.100.1')), LOCKED);
    plane.clock.advance(MINUTE);
    assert.equal((await plane.signIn(carl, {}, '198.51.100.1')).status, 200);
    assert.deepEqual(await guess(carl, '198.51.100.1'), WRONG, 'the count begins anew');
  });

  it('is not helped by capital letters, nor by another address of the same network', async () => {
    const dora = await plane.person('dora');
    plane.clock.advance(MINUTE);
    assert.deepEqual(await guess(dora, '2001:db8:1:2::1'), WRONG);
    await countMore('pair:', 8);
    const louder = { ...dora, upn: dora.upn.toUpperCase() };
    assert.deepEqual(await guess(louder, '2001:db8:1:2:ffff::9'), WRONG);
    assert.deepEqual(refusal(await plane.signIn(dora, {}, '2001:db8:1:2::3')), LOCKED);
    assert.equal((await plane.signIn(dora, {}, '2001:db8:1:3::1')).status, 200);
  });

  it('is locked out of a name that nobody has in the same way', async () => {
    const nobody = { oid: '', upn: 'nobody-at-all@localhost', password: 'x' };
    plane.clock.advance(MINUTE);
    assert.deepEqual(await guess(nobody, '198.51.100.3'), WRONG);
    await countMore('pair:', 8);
    assert.deepEqual(await guesses(nobody, 3, '198.51.100.3'), [WRONG, LOCKED, LOCKED]);
  });

  it('locks a name for unfamiliar addresses, never for one that the person signs in from', async () => {
    const emil = await plane.person('emil');
    plane.clock.advance(HOUR);
    assert.equal((await plane.signIn(emil, {}, '203.0.113.5')).status, 200);
    assert.deepEqual(await guess(emil, '100.64.1.1'), WRONG);
    await countMore('name:', 98);
    assert.equal((await plane.signIn(emil, {}, '100.64.9.1')).status, 200);
    assert.deepEqual(await guess(emil, '100.64.2.1'), WRONG);
    assert.deepEqual(refusal(await plane.signIn(emil, {}, '203.0.113.77')), LOCKED);
    assert.equal((await plane.signIn(emil, {}, '203.0.113.5')).status, 200);
    plane.clock.advance(MINUTE);
    assert.equal((await plane.signIn(emil, {}, '203.0.113.77')).status, 200);
  });

  it('locks an address that tries many names, but not who is familiar there', async () => {
    const fina = await plane.person('fina');
    plane.clock.advance(HOUR);
    assert.equal((await plane.signIn(fina, {}, '203.0.113.9')).status, 200);
    const sprayed = (name: number) => ({ oid: '', upn: `sprayed${name}@localhost`, password: 'x' });
    assert.deepEqual(await guess(sprayed(1), '203.0.113.9'), WRONG);
    await countMore('address:', 98);
    assert.deepEqual(await guess(sprayed(2), '203.0.113.9'), WRONG);
    assert.deepEqual(refusal(await plane.signIn(anna, {}, '203.0.113.9')), LOCKED);
    assert.equal((await plane.signIn(fina, {}, '203.0.113.9')).status, 200);
    assert.deepEqual(refusal(await plane.signIn(anna, {}, '203.0.113.9')), LOCKED);
  });

  it('gains nothing by guessing at once', async () => {
    const gerd = await plane.person('gerd');
    const many = await Promise.all(Array.from({ length: 30 }, () => guess(gerd, '198.51.100.30')));
    const heard = many.filter((answer) => JSON.stringify(answer) === JSON.stringify(WRONG));
    assert.ok(heard.length <= 10, `${heard.length} were heard`);
    const busy = many.filter(([status]) => status === 503);
    assert.equal(busy.length, 22, 'eight of one address are in work or wait');
  });

  it('costs the same number of hashes whether the name is known or not, and none while locked', async () => {
    const hilda = await plane.person('hilda');
    plane.clock.advance(MINUTE);
    const nobody = { oid: '', upn: 'nobody-too@localhost', password: 'x' };
    const runs = async (person: TestPerson, address: string) => {
      const before = passwordHashes();
      await guess(person, address);
      return passwordHashes() - before;
    };
    assert.deepEqual([await runs(hilda, '198.51.100.40'), await runs(nobody, '198.51.100.40')], [1, 1]);
    await countMore('pair:', 8);
    assert.equal(await runs(hilda, '198.51.100.40'), 1);
    assert.equal(await runs(hilda, '198.51.100.40'), 0);
  });

  it('finds neither names nor passwords in the log, the audit log and the database', async () => {
    const typed = 'canary-Password-typed-as-name-1';
    await plane.signIn(anna, { username: typed, password: 'canary-Guess-2' }, '198.51.100.50');
    const rows = await plane.store.reader.db.selectFrom('sign_in_failures').selectAll().execute();
    const kept = (await plane.auditText()) + JSON.stringify(rows);
    assert.doesNotMatch(kept, /canary/i);
    assert.doesNotMatch(kept, /Correct-horse/);
    assert.match(await plane.auditText(), new RegExp(`sign-in-wrong.*${anna.oid}`));
  });
});
