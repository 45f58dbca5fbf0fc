import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import { type FormBrowser, formBrowser, textOf } from '../../tests/support/form-browser.ts';
import {
  AZURE_CLI,
  type IdentityPlane,
  identityPlane,
  type PlaneAnswer,
  TENANT,
  type TestPerson,
} from '../../tests/support/identity-plane.ts';
import { systemRandom } from '../base/system.ts';
import { newDeviceCode } from './device-codes.ts';
import * as people from './people.ts';

const ORIGIN = 'https://login.localhost:8443';
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const PAGE = '/common/oauth2/deviceauth';
const POWERSHELL = '1950a258-227b-4e31-a9cf-717495945fc2';

let plane: IdentityPlane;
let anna: TestPerson;
before(async () => {
  plane = await identityPlane();
  anna = await plane.person('anna');
});
after(() => plane.cleanup());

const refusal = ({ status, body }: PlaneAnswer) => [status, body.error, body.error_codes?.[0]];
const PENDING = [400, 'authorization_pending', 70016];
const UNKNOWN = [400, 'bad_verification_code', 70000];
const DECLINED = [400, 'authorization_declined', 70018];

const start = async (form: Record<string, string> = {}, address = '127.0.0.1') => {
  const scope = 'https://vault.azure.net/.default offline_access openid profile';
  const path = '/organizations/oauth2/v2.0/devicecode';
  return plane.login('POST', path, { address, form: { client_id: AZURE_CLI, scope, ...form } });
};
const poll = (code: string, form: Record<string, string> = {}) =>
  plane.login('POST', '/organizations/oauth2/v2.0/token', {
    form: { grant_type: GRANT, client_id: AZURE_CLI, client_info: '1', device_code: code, ...form },
  });
const browse = (address = '127.0.0.1'): FormBrowser =>
  formBrowser(async (method, path, headers, form) => {
    const answer = await plane.login(method, path, { headers, address, ...(form && { form }) });
    return { status: answer.status, text: String(answer.body), headers: answer.headers };
  }, ORIGIN);
/** Goes to where the device's page asks whether to let it in. */
const goToDecision = async (code: string, person: TestPerson = anna): Promise<FormBrowser> => {
  const browser = browse();
  await browser.open('/devicelogin');
  await browser.submit({ code });
  await browser.submit({ username: person.upn, password: person.password });
  assert.equal(browser.page.status, 200, textOf(browser.page));
  return browser;
};

describe('a device code', () => {
  it('brings the tokens of the person who let the device in, once', async () => {
    const { status, body } = await start();
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(body.user_code, /^[BCDFGHJKLMNPQRSTVWXZ2-9]{9}$/);
    assert.deepEqual([body.verification_uri, body.expires_in, body.interval], [`${ORIGIN}/devicelogin`, 900, 5]);
    assert.ok(body.message.includes(body.user_code) && body.message.includes(body.verification_uri));
    assert.deepEqual(refusal(await poll(body.device_code)), PENDING);
    const browser = await goToDecision(` ${body.user_code.slice(0, 4)}-${body.user_code.slice(4).toLowerCase()} `);
    assert.match(textOf(browser.page), /Microsoft Azure CLI.*anna@localhost|anna@localhost.*Microsoft Azure CLI/);
    plane.clock.advance(5000);
    assert.deepEqual(refusal(await poll(body.device_code)), PENDING, 'nobody said yes yet');
    assert.match(textOf(await browser.submit({ decision: 'yes' })), /You are signed in/);
    plane.clock.advance(5000);
    const answers = await Promise.all([poll(body.device_code), poll(body.device_code), poll(body.device_code)]);
    const [granted, ...others] = answers.sort((a, b) => a.status - b.status);
    assert.equal(granted!.status, 200, JSON.stringify(granted!.body));
    assert.deepEqual(others.map(refusal), [UNKNOWN, UNKNOWN]);
    const claims = decodeJwt(granted!.body.access_token);
    assert.deepEqual([claims['oid'], claims['appid'], claims.aud], [anna.oid, AZURE_CLI, 'https://vault.azure.net']);
    assert.ok(granted!.body.refresh_token && granted!.body.id_token && granted!.body.client_info);
  });

  it('comes in the form of version 1 too', async () => {
    const path = `/adfs/aad/${TENANT}/oauth2/devicecode`;
    const { body } = await plane.login('POST', path, {
      form: { client_id: AZURE_CLI, resource: 'https://management.core.windows.net/' },
    });
    assert.deepEqual([body.expires_in, body.interval, body.verification_url], ['900', '5', `${ORIGIN}/devicelogin`]);
    await (await goToDecision(body.user_code)).submit({ decision: 'yes' });
    const { body: tokens } = await plane.login('POST', `/adfs/aad/${TENANT}/oauth2/token`, {
      form: { grant_type: 'device_code', client_id: AZURE_CLI, code: body.device_code },
    });
    assert.equal(tokens.resource, 'https://management.core.windows.net/');
    assert.equal(decodeJwt(tokens.id_token)['upn'], anna.upn);
  });

  it('is asked for every five seconds at most', async () => {
    const { body } = await start();
    assert.deepEqual(refusal(await poll(body.device_code)), PENDING);
    plane.clock.advance(2000);
    assert.deepEqual(refusal(await poll(body.device_code)), [400, 'slow_down', 70016]);
    plane.clock.advance(3000);
    assert.deepEqual(refusal(await poll(body.device_code)), PENDING);
  });

  it('ends after 15 minutes, also for who would let it in', async () => {
    const { body } = await start();
    const browser = await goToDecision(body.user_code);
    plane.clock.advance(900_000);
    assert.deepEqual(refusal(await poll(body.device_code)), [400, 'expired_token', 70020]);
    const page = await browser.submit({ decision: 'yes' });
    assert.deepEqual([page.status, /That code did not work/.test(textOf(page))], [400, true]);
    assert.deepEqual(refusal(await poll(body.device_code)), [400, 'expired_token', 70020]);
  });

  it('is declined by who answers no', async () => {
    const { body } = await start();
    const browser = await goToDecision(body.user_code);
    assert.match(textOf(await browser.submit({ decision: 'no' })), /Nobody was let in/);
    assert.deepEqual(refusal(await poll(body.device_code)), DECLINED);
  });

  it('is declined by ten wrong passwords under it', async () => {
    const { body } = await start();
    const guess = async (address: string) => {
      const browser = browse(address);
      await browser.open(PAGE);
      await browser.submit({ code: body.user_code });
      return textOf(await browser.submit({ username: 'guess@localhost', password: 'x' }));
    };
    assert.match(await guess('198.51.100.1'), /invalid username or password/);
    const { db } = plane.store.reader;
    const row = await db.selectFrom('device_codes').selectAll().where('user_code', '=', body.user_code).execute();
    assert.equal(row[0]?.attempts, 1);
    await plane.store.write((transaction) =>
      transaction.db.updateTable('device_codes').set({ attempts: 9 }).where('user_code', '=', body.user_code).execute(),
    );
    assert.deepEqual(refusal(await poll(body.device_code)), PENDING);
    assert.match(await guess('198.51.100.2'), /invalid username or password/);
    assert.deepEqual(refusal(await poll(body.device_code)), DECLINED);
  });

  it('is good for the client that asked for it alone', async () => {
    const { body } = await start();
    await (await goToDecision(body.user_code)).submit({ decision: 'yes' });
    assert.deepEqual(refusal(await poll(body.device_code, { client_id: POWERSHELL })), UNKNOWN);
    assert.deepEqual(refusal(await poll('A'.repeat(43))), UNKNOWN);
    const elsewhere = await plane.login('POST', '/nobody.test/oauth2/v2.0/token', {
      form: { grant_type: GRANT, client_id: AZURE_CLI, device_code: body.device_code },
    });
    assert.deepEqual(refusal(elsewhere), [400, 'invalid_tenant', 90002]);
    assert.equal((await poll(body.device_code)).status, 200);
  });

  it('brings nothing once the password is changed, or the person disabled', async () => {
    const { body } = await start();
    const bert = await plane.person('bert');
    const browser = await goToDecision(body.user_code, bert);
    const changed = await people.newPassword(plane, 'Another-horse-8', false);
    await plane.store.write((transaction) => people.setPassword(transaction, bert.oid, changed, plane.clock.now()));
    const page = await browser.submit({ decision: 'yes' });
    assert.match(textOf(page), /sign-in has ended/);
    assert.deepEqual(refusal(await poll(body.device_code)), PENDING);
    const second = await start();
    const again = { ...bert, password: 'Another-horse-8' };
    await (await goToDecision(second.body.user_code, again)).submit({ decision: 'yes' });
    const user = { type: 'Member', displayName: 'bert', upn: bert.upn, enabled: false, details: {} };
    await plane.store.write((transaction) => people.changeMemberPrincipal(transaction, bert.oid, user));
    assert.deepEqual(refusal(await poll(second.body.device_code)), UNKNOWN);
  });

  it('is given to known public clients, for one resource', async () => {
    const application = await plane.application('web');
    assert.deepEqual(refusal(await start({ client_id: application.appId })), [401, 'invalid_client', 7000218]);
    const unknown = '66666666-6666-4666-8666-666666666666';
    assert.deepEqual(refusal(await start({ client_id: unknown })), [400, 'unauthorized_client', 700016]);
    assert.deepEqual(refusal(await start({ scope: 'openid' })), [400, 'invalid_scope', 70011]);
  });

  it('is asked for 200 times in 15 minutes from one address at most', async () => {
    for (let count = 0; count < 200; count++) assert.equal((await start({}, '192.0.2.200')).status, 200);
    assert.deepEqual(refusal(await start({}, '192.0.2.200')), [429, 'temporarily_unavailable', 90055]);
    assert.equal((await start({}, '192.0.2.201')).status, 200);
  });

  it('is random in every letter, evenly', () => {
    const random = systemRandom();
    const counts = new Map<string, number>();
    for (let count = 0; count < 3000; count++) {
      for (const letter of newDeviceCode(random).userCode) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    const expected = (3000 * 9) / 28;
    assert.equal(counts.size, 28);
    for (const [letter, count] of counts) assert.ok(Math.abs(count - expected) < expected / 4, `${letter}: ${count}`);
  });

  it('is in no record, and kept as a digest alone', async () => {
    const { body } = await start();
    await poll(body.device_code);
    await goToDecision(body.user_code);
    const rows = JSON.stringify(await plane.store.reader.db.selectFrom('device_codes').selectAll().execute());
    assert.ok(!rows.includes(body.device_code));
    const records = await plane.auditText();
    assert.ok(!records.includes(body.device_code) && !records.includes(body.user_code));
    assert.ok(!records.includes(anna.password));
  });
});

describe('who guesses codes', () => {
  it('learns nothing of a wrong one, and is locked out after twenty', async () => {
    const browser = browse('192.0.2.66');
    await browser.open(PAGE);
    const told = new Set<string>();
    for (const code of [
      'BBBBBBBBB',
      'x',
      "' or 1=1 --",
      '<script>',
      ...Array.from({ length: 16 }, (_, i) => `BBBBBBBB${i % 8}`),
    ]) {
      const page = await browser.submit({ code });
      told.add(`${page.status} ${textOf(page).replace(/Request [0-9a-f-]+/, '')}`);
      assert.ok(!page.text.includes('<script'));
    }
    assert.equal(told.size, 1);
    const { body } = await start();
    const locked = await browser.submit({ code: body.user_code });
    assert.deepEqual([locked.status, /Too many wrong codes/.test(textOf(locked))], [429, true]);
    plane.clock.advance(60_000);
    assert.equal((await browser.submit({ code: body.user_code })).status, 200);
  });
});
