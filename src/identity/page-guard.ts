import { equalBytes, fromBase64Url, toBase64Url } from '../base/text.ts';
import type { Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { IdentityParts } from './parts.ts';

/** The browser that shows a page, known by a cookie that no other site can set or read (`__Host-`, RFC 6265bis §4.1.3). */
export interface PageVisit {
  readonly cookie: string;
  /** What a form of the page carries, to prove that this browser was shown it. */
  readonly formToken: string;
  /** The header that sets the cookie. */
  readonly setCookie: string;
}

const NAME = '__Host-strongroom-page';
const PATTERN = /^[A-Za-z0-9_-]{43}$/;
const COOKIE_SECONDS = 3600;

/** Begins or goes on with a browser's visit. */
export function visitOf(parts: Pick<IdentityParts, 'keyring' | 'random'>, call: Call): PageVisit {
  const cookie = readCookie(call) ?? toBase64Url(parts.random.bytes(32));
  const formToken = parts.keyring.mac('sign-in', `page-form\n${cookie}`);
  const attributes = `Path=/; Max-Age=${COOKIE_SECONDS}; Secure; HttpOnly; SameSite=Strict`;
  return { cookie, formToken, setCookie: `${NAME}=${cookie}; ${attributes}` };
}

/**
 * Refuses a form that another site, or another browser's page, sent.
 * @throws Refusal `page-forged`
 */
export function assertOwnForm(visit: PageVisit, call: Call): void {
  const { origin, 'sec-fetch-site': site } = call.headers;
  const isForeign = (origin !== undefined && origin !== call.origin) || (site !== undefined && site !== 'same-origin');
  const brought = call.body?.['form_token'];
  const isBrought = typeof brought === 'string' && equalBytes(Buffer.from(brought), Buffer.from(visit.formToken));
  if (isForeign || readCookie(call) === null || !isBrought) throw new Refusal('page-forged');
}

/** What a page remembers from one form to the next: readable, but only we can write it, for one browser and a while. */
export function sealTicket(
  parts: Pick<IdentityParts, 'keyring'>,
  visit: PageVisit,
  ticket: { readonly until: number } & Readonly<Record<string, string | number>>,
): string {
  const text = toBase64Url(Buffer.from(JSON.stringify(ticket)));
  return `${text}.${ticketMac(parts, visit, text)}`;
}

/** What {@link sealTicket} sealed. @throws Refusal `page-forged` where it is not whole, of another browser, or over */
export function openTicket(
  parts: Pick<IdentityParts, 'keyring'>,
  visit: PageVisit,
  sealed: string,
  now: number,
): Readonly<Record<string, unknown>> {
  const [text = '', mac = ''] = sealed.split('.');
  const isOurs = equalBytes(Buffer.from(mac), Buffer.from(ticketMac(parts, visit, text)));
  const bytes = isOurs ? fromBase64Url(text) : null;
  const ticket = bytes && (JSON.parse(bytes.toString('utf8')) as { until: number });
  if (!ticket || now >= ticket.until) throw new Refusal('page-forged');
  return ticket as unknown as Readonly<Record<string, unknown>>;
}

function ticketMac({ keyring }: Pick<IdentityParts, 'keyring'>, { cookie }: PageVisit, text: string): string {
  return keyring.mac('sign-in', `page-ticket\n${cookie}\n${text}`);
}

function readCookie(call: Call): string | null {
  const header = call.headers['cookie'];
  if (typeof header !== 'string') return null;
  const pairs = header.split(';').map((pair) => pair.trim().split('='));
  const [, value = ''] = pairs.find(([name]) => name === NAME) ?? [];
  return PATTERN.test(value) ? value : null;
}
