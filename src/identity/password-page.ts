import { judgePassword } from '../directory/names.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { html } from './markup.ts';
import { form, type Page, pageAnswer, signInFields } from './page.ts';
import { assertOwnForm, type PageVisit, visitOf } from './page-guard.ts';
import type { IdentityParts } from './parts.ts';
import { newPassword, passwordVersion, setPassword } from './people.ts';
import type { PersonSignIn } from './person-sign-in.ts';
import { field } from './token-request.ts';

/** The page on which people choose another password, also those who may not sign in before they have. */
export class PasswordPage {
  readonly #parts: IdentityParts;
  readonly #signIn: PersonSignIn;

  constructor(parts: IdentityParts, signIn: PersonSignIn) {
    this.#parts = parts;
    this.#signIn = signIn;
  }

  /** The empty page. */
  async show(call: Call): Promise<Answer> {
    const visit = visitOf(this.#parts, call);
    return pageAnswer(call, visit, passwordPage(visit, ''));
  }

  /** The page's form: whoever knows the present password sets another, which ends every sign-in so far. */
  async submit(call: Call): Promise<Answer> {
    const visit = visitOf(this.#parts, call);
    const username = field(call.body ?? {}, 'username') ?? '';
    try {
      assertOwnForm(visit, call);
      return await this.#change(call, visit, username);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return pageAnswer(call, visit, passwordPage(visit, username), { refusal: error });
    }
  }

  async #change(call: Call, visit: PageVisit, username: string): Promise<Answer> {
    const password = field(call.body ?? {}, 'password') ?? '';
    const next = field(call.body ?? {}, 'new_password') ?? '';
    if (next !== field(call.body ?? {}, 'repeated'))
      throw new Refusal('password-page-policy', { reason: 'the two differ' });
    if (next === password) throw new Refusal('password-page-policy', { reason: 'it must differ from the present one' });
    const reason = judgePassword(next, username);
    if (reason !== null) throw new Refusal('password-page-policy', { reason });
    const attempt = { username, password, address: call.clientAddress, now: call.time };
    const { principal, proof } = await this.#signIn.signIn(attempt, { toChangeIt: true });
    const hashed = await newPassword(this.#parts, next, false);
    return call.commit(async (transaction) => {
      const { id: oid } = principal;
      if ((await passwordVersion(transaction, oid)) !== proof) throw new Refusal('sign-in-revoked', { oid });
      await setPassword(transaction, oid, hashed, call.time);
      return pageAnswer(call, visit, donePage, { audit: { oid, changed: ['passwordProfile'] } });
    });
  }
}

function passwordPage(visit: PageVisit, username: string): Page {
  const content = html`<p>Choose another password. Every sign-in so far ends with that, on every device.</p>
${form(
  visit,
  {},
  html`${signInFields(username)}
<label for="new_password">New password</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" required maxlength="256"
  aria-describedby="rules">
<label for="repeated">New password, once more</label>
<input id="repeated" name="repeated" type="password" autocomplete="new-password" required maxlength="256">
<small id="rules">8 to 256 characters of three kinds: capital letters, small letters, digits, others. Not your name.</small>
<div class="buttons"><button class="main">Change password</button></div>`,
)}`;
  return { title: 'Change your password', content };
}

const donePage: Page = {
  title: 'Your password has been changed',
  content: html`<p>Sign in with the new one from now on. You may close this page.</p>`,
};
