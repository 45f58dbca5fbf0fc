import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import {
  AZURE_CLI,
  type IdentityPlane,
  identityPlane,
  type PlaneAnswer,
  TENANT,
  type TestPerson,
} from '../../tests/support/identity-plane.ts';
import { DAY } from '../base/text.ts';
import { takeLease } from '../jobs/lease.ts';
import { Refusal } from '../refusals/refusal.ts';
import { decide, findWaiting } from './device-codes.ts';
import * as people from './people.ts';
import {
  endFamily,
  judgeRefreshToken,
  keepRefreshToken,
  newRefreshToken,
  replaceRefreshToken,
} from './refresh-tokens.ts';
import * as identity from './service.ts';
import { signInCleanupJob } from './sign-in-cleanup.ts';

const MINUTE = 60_000;
const GRAPH = 'https://graph.localhost:8443';
const POWERSHELL = '1950a258-227b-4e31-a9cf-717495945fc2';

let plane: IdentityPlane;
let names = 0;
before(async () => {
  plane = await identityPlane();
});
after(() => plane.cleanup());

const refusal = ({ status, body }: PlaneAnswer) => [status, body.error, body.error_codes?.[0]];
const REUSED = [400, 'invalid_grant', 54005];
const UNKNOWN = [400, 'invalid_grant', 70000];
const REVOKED = [400, 'invalid_grant', 50173];

const someone = () => plane.person(`person${++names}`);
const refresh = (token: string, form: Record<string, string> = {}, path = '/organizations/oauth2/v2.0/token') =>
  plane.login('POST', path, {
    form: {
      grant_type: 'refresh_token',
      client_id: AZURE_CLI,
      refresh_token: token,
      scope: `${GRAPH}/.default offline_access openid`,
      ...form,
    },
  });
/** Signs somebody in as a device that was let in: without a password, whose hash takes its time. */
async function signedIn({ oid }: TestPerson): Promise<{ access: string; refresh: string }> {
  const scope = 'https://vault.azure.net/.default offline_access openid profile';
  const client = { client_id: AZURE_CLI, scope };
  const device = (await plane.login('POST', '/organizations/oauth2/v2.0/devicecode', { form: client })).body;
  await plane.store.write(async (transaction) => {
    const proof = await people.passwordVersion(transaction, oid);
    const waiting = await findWaiting(transaction, device.user_code, '127.0.0.1', plane.clock.now());
    await decide(transaction, waiting!, { oid, proof: proof! });
  });
  const form = { ...client, grant_type: 'device_code', device_code: device.device_code };
  const { body } = await plane.login('POST', '/organizations/oauth2/v2.0/token', { form });
  return { access: body.access_token, refresh: body.refresh_token };
}
async function refreshed(token: string): Promise<string> {
  const { status, body } = await refresh(token);
  assert.equal(status, 200, JSON.stringify(body));
  return body.refresh_token;
}
const outcome = async (token: string, at: 'data' | 'graph' = 'data') => {
  const result = await plane.authenticator.authenticate(`Bearer ${token}`, at, TENANT, plane.clock.now());
  return 'caller' in result ? 'caller' : result.refusal;
};

describe('a refresh token', () => {
  it('brings tokens for other resources, and is replaced when it is used', async () => {
    const anna = await someone();
    const first = await signedIn(anna);
    plane.clock.advance(MINUTE);
    const { body } = await refresh(first.refresh);
    assert.equal(decodeJwt(body.access_token).aud, GRAPH);
    assert.equal(decodeJwt(body.id_token)['preferred_username'], anna.upn);
    assert.notEqual(body.refresh_token, first.refresh);
    const v1 = { resource: 'https://vault.azure.net', scope: '' };
    const old = await refresh(body.refresh_token, v1, `/adfs/aad/${TENANT}/oauth2/token`);
    assert.equal(old.status, 200, JSON.stringify(old.body));
    assert.equal(await outcome(old.body.access_token), 'caller');
  });

  it('is given once more within a minute, the same one to all who bring the one before', async () => {
    const first = await signedIn(await someone());
    assert.equal(await refreshed(first.refresh), first.refresh, 'a token of this minute is not replaced');
    plane.clock.advance(MINUTE);
    const many = await Promise.all(Array.from({ length: 8 }, () => refreshed(first.refresh)));
    assert.equal(new Set(many).size, 1);
    plane.clock.advance(MINUTE - 1);
    assert.equal(await refreshed(first.refresh), many[0]);
    assert.equal(await refreshed(many[0]!), many[0]);
  });

  it('ends the sign-in, access tokens too, when it comes again after it was replaced', async () => {
    const [anna, other] = [await someone(), await someone()];
    const [first, unharmed] = [await signedIn(anna), await signedIn(anna)];
    const stranger = await signedIn(other);
    plane.clock.advance(MINUTE);
    const stolen = first.refresh;
    const second = await refreshed(first.refresh);
    plane.clock.advance(MINUTE);
    assert.equal(await outcome(first.access), 'caller');
    assert.deepEqual(refusal(await refresh(stolen)), REUSED);
    assert.deepEqual(refusal(await refresh(second)), UNKNOWN);
    assert.deepEqual(refusal(await refresh(stolen)), UNKNOWN);
    assert.equal(await outcome(first.access), 'token-credential-removed');
    assert.equal((await refresh(unharmed.refresh)).status, 200);
    assert.equal((await refresh(stranger.refresh)).status, 200);
  });

  it('is bound to the client it was given to', async () => {
    const { refresh: token } = await signedIn(await someone());
    assert.deepEqual(refusal(await refresh(token, { client_id: POWERSHELL })), [400, 'invalid_grant', 700003]);
    assert.equal((await refresh(token)).status, 200);
  });

  it('of a confidential client comes with its proof', async () => {
    const application = await plane.application('web');
    const client = { client_id: application.appId };
    const proof = { ...client, client_secret: application.secret };
    const { body } = await plane.signIn(await someone(), proof);
    assert.deepEqual(refusal(await refresh(body.refresh_token, client)), [401, 'invalid_client', 7000218]);
    assert.equal((await refresh(body.refresh_token, proof)).status, 200);
  });

  it('that is no such token is refused, and nothing of another tenant is heard', async () => {
    for (const token of ['x', 'strongroom_rt_', `strongroom_rt_${'A'.repeat(43)}`, 'é'.repeat(50)])
      assert.deepEqual(refusal(await refresh(token)), UNKNOWN, token);
    const { refresh: token } = await signedIn(await someone());
    const elsewhere = await refresh(token, {}, '/nobody.test/oauth2/v2.0/token');
    assert.deepEqual(refusal(elsewhere), [400, 'invalid_tenant', 90002]);
    assert.deepEqual(refusal(await refresh(token, { scope: 'openid' })), [400, 'invalid_scope', 70011]);
  });

  it('is kept as a digest alone, and is in no record', async () => {
    const { refresh: token } = await signedIn(await someone());
    plane.clock.advance(MINUTE);
    const next = await refreshed(token);
    const rows = JSON.stringify(await plane.store.reader.db.selectFrom('refresh_tokens').selectAll().execute());
    const kept = rows + (await plane.auditText());
    for (const text of [token, next]) assert.ok(!kept.includes(text) && !kept.includes(text.slice(14)));
  });
});

describe('a line of refresh tokens', () => {
  /** What bringing a token led to: the next one, or the refusal's code. */
  const bring = async (text: string): Promise<string> => {
    const now = plane.clock.now();
    try {
      return await plane.store.write(async (transaction) => {
        const redemption = await judgeRefreshToken(transaction, plane.keyring, { text, clientId: AZURE_CLI, now });
        if (redemption.replaces) await replaceRefreshToken(transaction, text, redemption, now);
        return redemption.next;
      });
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };

  it('has one end, whoever brings which of its tokens when; only a late one is found out', async () => {
    let seed = 20260101;
    const below = (limit: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % limit;
    };
    for (let line = 0; line < 40; line++) {
      const { family, text } = newRefreshToken(plane.random);
      const session = { family, oid: TENANT, clientId: AZURE_CLI, proof: 'x' };
      await plane.store.write((transaction) => keepRefreshToken(transaction, text, session, plane.clock.now()));
      const known = [text];
      let since = plane.clock.now();
      for (let step = 0; step < 20; step++) {
        plane.clock.advance(below(3) === 0 ? below(10_000) : below(100_000));
        const now = plane.clock.now();
        // Mostly the newest two, as programs do; now and then an old one, as a thief would.
        const place = below(8) === 0 ? below(known.length) : Math.max(0, known.length - 1 - below(2));
        const isNewest = place === known.length - 1;
        const isYoung = now - since < MINUTE;
        const answer = await bring(known[place]!);
        if (isNewest && !isYoung) {
          assert.ok(!known.includes(answer) && answer.startsWith('strongroom_rt_'));
          known.push(answer);
          since = now;
        } else if (isNewest || (place === known.length - 2 && isYoung)) {
          assert.equal(answer, known.at(-1));
        } else {
          assert.equal(answer, 'refresh-token-reused');
          await plane.store.write((transaction) => endFamily(transaction, family));
          for (const each of known) assert.equal(await bring(each), 'refresh-token-unknown');
          break;
        }
        const live = await plane.store.reader.db
          .selectFrom('refresh_tokens')
          .select('digest')
          .where('family', '=', family)
          .where('state', '=', 'live')
          .execute();
        assert.equal(live.length, 1);
      }
    }
  });
});

describe('what a sign-in has brought ends at once', () => {
  let anna: TestPerson;
  let held: { access: string; refresh: string };
  const ends = async (how: readonly unknown[]) => {
    assert.notEqual(await outcome(held.access), 'caller');
    assert.deepEqual(refusal(await refresh(held.refresh)), how);
  };
  const begin = async () => {
    anna = await someone();
    held = await signedIn(anna);
    assert.equal(await outcome(held.access), 'caller');
  };
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  it('when the password is changed', async () => {
    await begin();
    const { body } = await plane.signIn(anna, { scope: `${GRAPH}/.default` });
    const json = { currentPassword: anna.password, newPassword: 'Another-horse-8' };
    const changed = await plane.graph('POST', '/v1.0/me/changePassword', { ...bearer(body.access_token), json });
    assert.equal(changed.status, 204, JSON.stringify(changed.body));
    await ends(UNKNOWN);
    assert.equal(await outcome(body.access_token, 'graph'), 'token-credential-removed', 'also without a refresh token');
    assert.equal((await plane.signIn({ ...anna, password: 'Another-horse-8' })).status, 200);
  });

  it('when the user is disabled or deleted', async () => {
    await begin();
    const user = { type: 'Member', displayName: 'x', upn: anna.upn, enabled: false, details: {} };
    await plane.store.write((transaction) => people.changeMemberPrincipal(transaction, anna.oid, user));
    await ends(UNKNOWN);
    await plane.store.write((transaction) =>
      people.changeMemberPrincipal(transaction, anna.oid, { ...user, enabled: true }),
    );
    await ends(UNKNOWN);
    await begin();
    await plane.store.write((transaction) => identity.deletePrincipal(transaction, anna.oid));
    await ends(UNKNOWN);
  });

  it('when the sessions are revoked, by the user or by who may change users', async () => {
    await begin();
    const mine = await plane.signIn(anna, { scope: `${GRAPH}/.default` });
    const own = await plane.graph('POST', '/v1.0/me/revokeSignInSessions', bearer(mine.body.access_token));
    assert.deepEqual([own.status, own.body.value], [200, true]);
    await ends(UNKNOWN);
    assert.equal(await outcome(mine.body.access_token, 'graph'), 'token-credential-removed');
    await begin();
    const [other, administrator] = [
      (await plane.signIn(await someone(), { scope: `${GRAPH}/.default` })).body.access_token,
      await plane.tokenOf(plane.administrator, GRAPH),
    ];
    const path = `/v1.0/users/${anna.upn}/revokeSignInSessions`;
    assert.equal((await plane.graph('POST', path, bearer(other))).status, 403);
    assert.equal((await plane.graph('POST', '/v1.0/me/revokeSignInSessions', bearer(administrator))).status, 400);
    assert.equal(await outcome(held.access), 'caller');
    assert.equal((await plane.graph('POST', path, bearer(administrator))).status, 200);
    await ends(UNKNOWN);
    assert.equal((await plane.signIn(anna)).status, 200, 'the password stays');
  });

  it('when the client that the person came through is disabled', async () => {
    const application = await plane.application('portal');
    const proof = { client_id: application.appId, client_secret: application.secret };
    const access = (await plane.signIn(anna, proof)).body.access_token as string;
    assert.equal(await outcome(access), 'caller');
    const enable = (enabled: boolean) =>
      plane.store.write((transaction) => identity.setPrincipalEnabled(transaction, application.oid, enabled));
    await enable(false);
    assert.equal(await outcome(access), 'token-credential-removed');
    await enable(true);
    assert.equal(await outcome(access), 'caller');
  });

  it('when an administrator asks for another password', async () => {
    await begin();
    await plane.store.write((transaction) => people.setMustChange(transaction, anna.oid, true));
    assert.deepEqual(refusal(await refresh(held.refresh)), [400, 'invalid_grant', 50055]);
    assert.equal(await outcome(held.access), 'token-credential-removed');
    await plane.store.write((transaction) =>
      transaction.db
        .updateTable('passwords')
        .set({ must_change: 0, version: 'another' })
        .where('principal_id', '=', anna.oid)
        .execute(),
    );
    assert.deepEqual(refusal(await refresh(held.refresh)), REVOKED);
  });
});

// Last, since it moves the clock beyond the life of what the tests before it use.
describe('a refresh token that is not used', () => {
  it('ends after 90 days, and is forgotten then', async () => {
    let token = (await signedIn(await someone())).refresh;
    for (let use = 0; use < 3; use++) {
      plane.clock.advance(90 * DAY - 1);
      token = await refreshed(token);
    }
    plane.clock.advance(90 * DAY);
    assert.deepEqual(refusal(await refresh(token)), [400, 'invalid_grant', 700082]);
    const now = plane.clock.now();
    const lease = await takeLease(plane.store, 'job/sign-in-cleanup', 'here', now, MINUTE);
    await signInCleanupJob(plane).run(lease!, now);
    const { reader } = plane.store;
    assert.deepEqual(await reader.db.selectFrom('refresh_tokens').select('digest').execute(), []);
    assert.deepEqual(await reader.db.selectFrom('sign_in_failures').select('subject').execute(), []);
  });
});
