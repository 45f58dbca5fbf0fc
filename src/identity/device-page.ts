import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { countWrongPassword, decide, findWaiting, type WaitingDevice } from './device-codes.ts';
import { html, type Markup } from './markup.ts';
import { form, type Page, pageAnswer, signInFields } from './page.ts';
import { assertOwnForm, openTicket, type PageVisit, sealTicket, visitOf } from './page-guard.ts';
import { assertTenant, type IdentityParts } from './parts.ts';
import { assertStanding, type PersonSignIn } from './person-sign-in.ts';
import { clientName } from './public-clients.ts';
import { field } from './token-request.ts';

/** How long a person may think over whether to let the device in. */
const DECISION_MS = 300_000;

/** What a form of the page leads to. */
interface Step {
  readonly page: Page;
  readonly audit?: NonNullable<Answer['audit']>;
}

/**
 * The page on which a person lets a device sign in (RFC 8628 §3.3): the code that the device shows, then name and password, then
 * what the device gets. It needs no script, and keeps nothing between its forms but what they carry.
 */
export class DevicePage {
  readonly #parts: IdentityParts;
  readonly #signIn: PersonSignIn;

  constructor(parts: IdentityParts, signIn: PersonSignIn) {
    this.#parts = parts;
    this.#signIn = signIn;
  }

  /** The empty page. */
  async show(call: Call): Promise<Answer> {
    assertTenant(this.#parts, call);
    const visit = visitOf(this.#parts, call);
    return pageAnswer(call, visit, codePage(visit));
  }

  /** One form of it, whichever. What is refused shows the form to be filled in again. */
  async submit(call: Call): Promise<Answer> {
    assertTenant(this.#parts, call);
    const visit = visitOf(this.#parts, call);
    let again = codePage(visit);
    try {
      assertOwnForm(visit, call);
      const device = await this.#findWaiting(call);
      const client = await clientName(this.#parts, device.clientId);
      const ticket = field(call.body ?? {}, 'ticket');
      if (ticket !== undefined) return await this.#decide(call, visit, device, client, ticket);
      const username = field(call.body ?? {}, 'username') ?? '';
      const signIn = signInPage(visit, device, client, username);
      if (field(call.body ?? {}, 'password') === undefined) return pageAnswer(call, visit, signIn);
      again = signIn;
      const { page, audit } = await this.#confirm(call, visit, device, client, username);
      return pageAnswer(call, visit, page, audit ? { audit } : {});
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return pageAnswer(call, visit, again, { refusal: error });
    }
  }

  async #findWaiting(call: Call): Promise<WaitingDevice> {
    const typed = field(call.body ?? {}, 'code') ?? '';
    const device = await this.#parts.store.write((transaction) =>
      findWaiting(transaction, typed, call.clientAddress, call.time),
    );
    if (!device) throw new Refusal('user-code-wrong', { address: call.clientAddress });
    return device;
  }

  async #confirm(call: Call, visit: PageVisit, device: WaitingDevice, client: string, username: string): Promise<Step> {
    const password = field(call.body ?? {}, 'password') ?? '';
    const attempt = { username, password, address: call.clientAddress, now: call.time };
    const person = await this.#signIn.signIn(attempt).catch(async (error: unknown) => {
      if (error instanceof Refusal && error.code === 'sign-in-wrong')
        await this.#parts.store.write((transaction) => countWrongPassword(transaction, device.userCode));
      throw error;
    });
    const oid = person.principal.id;
    const until = call.time + DECISION_MS;
    const ticket = sealTicket(this.#parts, visit, { until, oid, proof: person.proof, code: device.userCode });
    const upn = person.principal.upn ?? '';
    return { page: confirmPage(visit, device, client, upn, ticket), audit: { oid, clientId: device.clientId } };
  }

  async #decide(call: Call, visit: PageVisit, device: WaitingDevice, client: string, sealed: string): Promise<Answer> {
    const ticket = openTicket(this.#parts, visit, sealed, call.time);
    if (ticket['code'] !== device.userCode) throw new Refusal('page-forged');
    const person = { oid: String(ticket['oid']), proof: String(ticket['proof']) };
    const isYes = field(call.body ?? {}, 'decision') === 'yes';
    const audit = { oid: person.oid, clientId: device.clientId, decision: isYes ? 'approved' : 'declined' };
    return call.commit(async (transaction) => {
      await assertStanding(transaction, person);
      await decide(transaction, device, isYes ? person : 'declined');
      return pageAnswer(call, visit, isYes ? donePage(client) : declinedPage(client), { audit });
    });
  }
}

function codePage(visit: PageVisit): Page {
  const content = html`<p>Enter the code that the program or device shows you.</p>
${form(
  visit,
  {},
  html`<label for="code">Code</label>
<input class="code" id="code" name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" required
  maxlength="32" autofocus>
<div class="buttons"><button class="main">Next</button></div>`,
)}`;
  return { title: 'Sign in on a device', content };
}

function signInPage(visit: PageVisit, device: WaitingDevice, client: string, username: string): Page {
  const fields = html`${signInFields(username)}
<div class="buttons"><button class="main">Sign in</button></div>`;
  const content = html`<p>A device that runs <strong>${client}</strong> waits for you. Sign in to go on.</p>
${form(visit, { code: device.userCode }, fields)}`;
  return { title: 'Sign in', content };
}

function confirmPage(visit: PageVisit, device: WaitingDevice, client: string, upn: string, ticket: string): Page {
  const buttons = html`<div class="buttons">
<button class="main" name="decision" value="yes">Yes, let it in</button>
<button name="decision" value="no">No</button>
</div>`;
  const content = html`<p>You are <strong>${upn}</strong>. The device with the code <strong>${device.userCode}</strong> runs
<strong>${client}</strong>. It will be able to act as you:</p>
${gains(device)}
<p><strong>Go on only if you started it yourself.</strong> If somebody else gave you the code, they would get your access: answer no.</p>
${form(visit, { code: device.userCode, ticket }, buttons)}`;
  return { title: `Let ${client} act as you?`, content };
}

function gains({ order }: WaitingDevice): Markup {
  return order.wantsRefreshToken
    ? html`<ul>
<li>it can read and change whatever you can, in vaults, in the management of this installation and in its directory;</li>
<li>it stays signed in until it has not been used for 90 days, you change your password, or your sessions are revoked.</li>
</ul>`
    : html`<ul><li>for one hour, it can do whatever you can at <strong>${order.resource}</strong>.</li></ul>`;
}

function donePage(client: string): Page {
  const content = html`<p><strong>${client}</strong> is signed in on your device. You may close this page.</p>`;
  return { title: 'You are signed in', content };
}

function declinedPage(client: string): Page {
  return {
    title: 'Nobody was let in',
    content: html`<p><strong>${client}</strong> got nothing. You may close this page.</p>`,
  };
}
