import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type FormBrowser, formBrowser, textOf } from '../../tests/support/form-browser.ts';
import { AZURE_CLI, type IdentityPlane, identityPlane, type TestPerson } from '../../tests/support/identity-plane.ts';
import { html, Markup } from './markup.ts';
import * as people from './people.ts';

const ORIGIN = 'https://login.localhost:8443';
const PAGES = ['/common/oauth2/deviceauth', '/changepassword'];

let plane: IdentityPlane;
let anna: TestPerson;
before(async () => {
  plane = await identityPlane();
  anna = await plane.person('anna');
});
after(() => plane.cleanup());

const browse = (): FormBrowser =>
  formBrowser(async (method, path, headers, form) => {
    const answer = await plane.login(method, path, { headers, ...(form && { form }) });
    return { status: answer.status, text: String(answer.body), headers: answer.headers };
  }, ORIGIN);
const userCode = async (): Promise<string> => {
  const form = { client_id: AZURE_CLI, scope: 'https://vault.azure.net/.default offline_access' };
  return (await plane.login('POST', '/common/oauth2/v2.0/devicecode', { form })).body.user_code;
};

describe('every page', () => {
  it('may do nothing but show itself and send its form here, in no frame, and is kept nowhere', async () => {
    for (const path of PAGES) {
      const { status, text, headers } = await browse().open(path);
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/html; charset=utf-8');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'same-origin');
      const policy = Object.fromEntries(
        String(headers['content-security-policy'])
          .split('; ')
          .map((part) => [part.slice(0, part.indexOf(' ')), part.slice(part.indexOf(' ') + 1)]),
      );
      const [, style = ''] = /<style>(.*)<\/style>/s.exec(text) ?? [];
      assert.deepEqual(policy, {
        'default-src': "'none'",
        'style-src': `'sha256-${createHash('sha256').update(style).digest('base64')}'`,
        'form-action': "'self'",
        'base-uri': "'none'",
        'frame-ancestors': "'none'",
      });
      assert.doesNotMatch(text, /<script|javascript:| on\w+=| style=|https?:\/\//i);
      assert.match(
        String(headers['set-cookie']),
        /^__Host-strongroom-page=[\w-]{43}; Path=\/; .*Secure; HttpOnly; SameSite=Strict$/,
      );
    }
  });

  it('says its language and title, and what each field is for', async () => {
    for (const path of PAGES) {
      const { text } = await browse().open(path);
      assert.match(text, /<html lang="en">/);
      assert.match(text, /<title>[^<]+ - Strongroom<\/title>/);
      assert.match(text, /<main>.*<h1>/s);
      for (const [, id] of text.matchAll(/<input(?! type="hidden")[^>]* id="([^"]*)"/g))
        assert.ok(text.includes(`<label for="${id}">`), `${path}: ${id} has no label`);
    }
  });

  it('takes no form of another site, of another browser, or without its cookie', async () => {
    for (const path of PAGES) {
      const shown = browse();
      await shown.open(path);
      const form: Record<string, string> = {
        ...shown.hidden(),
        code: await userCode(),
        username: anna.upn,
        password: anna.password,
      };
      const cookie = [...shown.cookies].map(([name, value]) => `${name}=${value}`).join();
      const other = browse();
      await other.open(path);
      const foreign = [...other.cookies].map(([name, value]) => `${name}=${value}`).join();
      const forged = [
        { headers: { cookie, origin: 'https://evil.test' }, form },
        { headers: { cookie, origin: 'null' }, form },
        { headers: { cookie, origin: ORIGIN, 'sec-fetch-site': 'cross-site' }, form },
        { headers: { cookie, origin: ORIGIN, 'sec-fetch-site': 'same-site' }, form },
        { headers: { origin: ORIGIN }, form },
        { headers: { cookie: foreign, origin: ORIGIN }, form },
        { headers: { cookie, origin: ORIGIN }, form: { ...form, form_token: '' } },
        { headers: { cookie, origin: ORIGIN }, form: { ...form, form_token: form['form_token']!.replace(/.$/, 'x') } },
      ];
      for (const request of forged) {
        const { status, body } = await plane.login('POST', path, request);
        assert.deepEqual([status, body.includes('did not come from this page')], [403, true], JSON.stringify(request));
      }
    }
    assert.match(await plane.auditText(), /"refusal":"page-forged"/);
  });

  it('shows what was typed as text', async () => {
    const browser = browse();
    await browser.open('/changepassword');
    const username = '"><script>alert(1)</script>&\'`';
    const page = await browser.submit({ username, password: 'x', new_password: 'y', repeated: 'z' });
    assert.doesNotMatch(page.text, /<script|alert\(1\)<|value=""/);
    assert.equal(html`<p title="${username}">${[new Markup('<b>'), null, '<']}</p>`.text.match(/</g)?.length, 3);
  });
});

describe('the page of a device', () => {
  it('takes a decision from the browser that signed in, for its code, within five minutes', async () => {
    const decision = async (
      change: (form: Record<string, string>) => Record<string, string>,
      wait = 0,
      sender: FormBrowser | null = null,
    ) => {
      const browser = browse();
      await browser.open('/devicelogin');
      await browser.submit({ code: await userCode() });
      await browser.submit({ username: anna.upn, password: anna.password });
      const form = change({ ...browser.hidden(), decision: 'yes' });
      plane.clock.advance(wait);
      const cookie = [...(sender ?? browser).cookies].map(([name, value]) => `${name}=${value}`).join();
      return plane.login('POST', '/common/oauth2/deviceauth', { headers: { cookie, origin: ORIGIN }, form });
    };
    const othersCode = await userCode();
    assert.equal((await decision((form) => ({ ...form, code: othersCode }))).status, 403);
    assert.equal((await decision((form) => form, 300_000)).status, 403);
    const asAnother = (form: Record<string, string>) => {
      const [text = '', mac = ''] = form['ticket']!.split('.');
      const ticket = JSON.parse(Buffer.from(text, 'base64url').toString());
      const changed = Buffer.from(JSON.stringify({ ...ticket, oid: plane.administrator.oid })).toString('base64url');
      return { ...form, ticket: `${changed}.${mac}` };
    };
    assert.equal((await decision(asAnother)).status, 403);
    assert.equal((await decision((form) => ({ ...form, ticket: '' }))).status, 403);
    const other = browse();
    await other.open('/devicelogin');
    assert.equal((await decision((form) => ({ ...form, ...other.hidden() }), 0, other)).status, 403);
    assert.equal((await decision((form) => form)).status, 200);
  });

  it('is at the address that devices name, for any name of the tenant', async () => {
    const { status, headers } = await plane.login('GET', '/devicelogin');
    assert.deepEqual([status, headers['location']], [302, '/common/oauth2/deviceauth']);
    assert.equal((await plane.login('GET', '/nobody.test/oauth2/deviceauth')).status, 400);
  });
});

describe('the page for another password', () => {
  const change = async (person: TestPerson, next: string, repeated = next) => {
    const browser = browse();
    await browser.open('/changepassword');
    const fields = { username: person.upn, password: person.password, new_password: next, repeated };
    const page = await browser.submit(fields);
    return [page.status, textOf(page)] as const;
  };

  it('lets in whoever has to change it first, and ends earlier sign-ins', async () => {
    const bert = await plane.person('bert');
    const earlier = (await plane.signIn(bert)).body.refresh_token;
    await plane.store.write((transaction) => people.setMustChange(transaction, bert.oid, true));
    const refused = await plane.signIn(bert);
    assert.match(refused.body.error_description, /AADSTS50055.*\/changepassword/);
    const [status, text] = await change(bert, 'Another-horse-8');
    assert.deepEqual([status, /has been changed/.test(text)], [200, true]);
    assert.equal((await plane.signIn(bert)).body.error_codes[0], 50126);
    assert.equal((await plane.signIn({ ...bert, password: 'Another-horse-8' })).status, 200);
    const form = {
      grant_type: 'refresh_token',
      client_id: AZURE_CLI,
      refresh_token: earlier,
      resource: 'https://vault.azure.net',
    };
    assert.equal((await plane.login('POST', '/common/oauth2/token', { form })).status, 400);
  });

  it('refuses a password that is too simple, the same, or typed differently twice', async () => {
    assert.match((await change(anna, 'short'))[1], /cannot be taken/);
    assert.match((await change(anna, anna.password))[1], /must differ/);
    assert.match((await change(anna, 'Another-horse-8', 'Another-horse-9'))[1], /the two differ/);
    assert.equal((await plane.signIn(anna)).status, 200);
  });

  it('is no way around the lock', async () => {
    const carl = await plane.person('carl');
    assert.match((await change({ ...carl, password: 'Wrong-horse-7' }, 'Another-horse-8'))[1], /invalid username/);
    await plane.store.write((transaction) =>
      transaction.db.updateTable('sign_in_failures').set({ failures: 9 }).where('failures', '>', 0).execute(),
    );
    assert.match((await change({ ...carl, password: 'Wrong-horse-8' }, 'Another-horse-8'))[1], /invalid username/);
    assert.match((await change(carl, 'Another-horse-8'))[1], /too many attempts/);
    assert.equal((await plane.signIn(carl)).body.error_codes[0], 50053);
  });
});
