import type { Clock } from '../../base/ports.ts';
import { type CertificateOrder, type Issuer, IssuerFault, type IssuerHealth, type OrderProgress } from './issuer.ts';
import { jsonOf, type Outgoing, type OutgoingAnswer } from './outgoing.ts';
import { chainOfPem, pemBlock } from './pem-blocks.ts';

/** What GlobalSign is asked with; the connection shows the account's certificate besides. */
export interface GlobalSignParts {
  readonly outgoing: Outgoing;
  /** Path below which the API is, e.g. `/v2`. */
  readonly base: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly clock: Clock;
}

type Body = Readonly<Record<string, unknown>>;
type Send = (method: 'GET' | 'POST', path: string, body?: Body) => Promise<OutgoingAnswer>;

/** A claim that was made for the order: the service tells its text once. */
interface Claimed {
  readonly domain: string;
  readonly text: string;
}

/** Before the certificate is asked for, and after. */
type Reference =
  | {
      readonly globalsign: 'order';
      readonly csr: string;
      readonly names: readonly string[];
      readonly days: number;
      readonly claims?: readonly Claimed[];
    }
  | { readonly globalsign: 'certificate'; readonly serial: string };
type OrderReference = Extract<Reference, { globalsign: 'order' }>;

const DAY_SECONDS = 86_400;
const CLAIM_SECONDS = 600;
const SOON_SECONDS = 5;
/** The most that the service gives in one page, and the most pages that are asked for. */
const CLAIMS_A_PAGE = 100;
const MOST_PAGES = 100;

/** Who we are is not taken. */
class SignInRefused extends Error {}

/**
 * GlobalSign Atlas, Certificate Management API v2 (HVCA). It knows no orders: domains are claimed and proven once, and a request
 * answered at once. So nothing is requested but by a poll, whose reference then names the serial number. Where a domain is not
 * proven, a claim is made, and the operation waits and says which record proves it.
 */
export class GlobalSignIssuer implements Issuer {
  readonly provider = 'GlobalSign';
  readonly #parts: GlobalSignParts;

  constructor(parts: GlobalSignParts) {
    this.#parts = parts;
  }

  order(order: CertificateOrder): Promise<OrderProgress> {
    return this.#signedIn(async (send) => {
      const policy = await send('GET', '/validationpolicy');
      if (policy.status !== 200) return refusedBy(policy);
      const days = Math.min(397, order.validityMonths * 31);
      const names = order.dnsNames.map((name) => name.toLowerCase());
      return this.#claims(send, { globalsign: 'order', csr: order.csr.toString('base64'), names, days });
    });
  }

  async poll(reference: string): Promise<OrderProgress> {
    const read = readReference(reference);
    return this.#signedIn((send) => {
      return read.globalsign === 'order' ? this.#claims(send, read, true) : this.#fetch(send, read.serial);
    });
  }

  async cancel(reference: string): Promise<void> {
    // What was not requested needs no giving up; what was is there already, and no use without its key.
    readReference(reference);
  }

  async check(): Promise<IssuerHealth> {
    try {
      const progress = await this.#signedIn(async (send) => {
        const policy = await send('GET', '/validationpolicy');
        if (policy.status !== 200) return refusedBy(policy);
        return { state: 'issued', chain: [] };
      });
      if (progress.state !== 'refused') return { isGood: true };
      return { isGood: false, code: progress.code, details: progress.details };
    } catch (error) {
      if (error instanceof IssuerFault) return { isGood: false, code: error.code, details: error.message };
      throw error;
    }
  }

  async renewalAt(): Promise<number | null> {
    return null;
  }

  /** Signs in and works; the token is forgotten with the call (it lasts ten minutes there). */
  async #signedIn(work: (send: Send) => Promise<OrderProgress>): Promise<OrderProgress> {
    try {
      const token = await this.#token();
      return await work((method, path, body) => this.#send(method, path, { authorization: `Bearer ${token}` }, body));
    } catch (error) {
      if (error instanceof SignInRefused) return { state: 'refused', code: 'sign-in-refused', details: error.message };
      throw error;
    }
  }

  async #token(): Promise<string> {
    const { apiKey, apiSecret } = this.#parts;
    const answer = await this.#send('POST', '/login', {}, { api_key: apiKey, api_secret: apiSecret });
    if (answer.status === 401 || answer.status === 403 || answer.status === 400) {
      throw new SignInRefused('GlobalSign does not take the API key, its secret, or the certificate of the account.');
    }
    const token = answer.status === 200 ? jsonOf(answer)['access_token'] : undefined;
    if (typeof token === 'string') return token;
    throw new IssuerFault('issuer-answer', `GlobalSign answered ${answer.status} to the sign-in.`);
  }

  #send(
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: Body,
  ): Promise<OutgoingAnswer> {
    return this.#parts.outgoing.send({
      method,
      url: `${this.#parts.base}${path}`,
      headers: { ...headers, ...(body && { 'content-type': 'application/json;charset=utf-8' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  /** Sees to it that every domain is proven; then, where `mayRequest`, asks for the certificate. */
  async #claims(send: Send, order: OrderReference, mayRequest = false): Promise<OrderProgress> {
    const proven = await claimed(send, 'VERIFIED');
    const open = order.names
      .map((name) => name.replace(/^\*\./, ''))
      .find((name) => !proven.some((one) => covers(one.domain, name)));
    if (open !== undefined) return this.#claim(send, order, open);
    if (!mayRequest) return pending(order, 1, 'The domains are proven; the certificate is requested next.');
    return this.#request(send, order);
  }

  async #claim(send: Send, order: OrderReference, domain: string): Promise<OrderProgress> {
    const waiting = (await claimed(send, 'PENDING')).find((one) => covers(one.domain, domain));
    const before = order.claims ?? [];
    if (!waiting) {
      const made = await send('POST', `/claims/domains/${encodeURIComponent(domain)}`);
      if (made.status !== 201) return refusedBy(made);
      const text = plain(jsonOf(made)['token']);
      const claims = [...before.filter((one) => one.domain !== domain), { domain, text }];
      const details = `Prove ${domain} to GlobalSign by a TXT record with the text ${text}`;
      return pending({ ...order, claims }, CLAIM_SECONDS, details);
    }
    const asked = await send('POST', `/claims/domains/${encodeURIComponent(waiting.id)}/dns`, {
      authorization_domain: waiting.domain,
    });
    if (asked.status === 204) return pending(order, 1, `${domain} is proven to GlobalSign.`);
    const text = before.find((one) => one.domain === waiting.domain)?.text;
    const which = text === undefined ? 'Its text was told to whoever made the claim' : `Its text is ${text}`;
    const details = `GlobalSign does not see the TXT record of the claim for ${waiting.domain} yet. ${which}`;
    return pending(order, CLAIM_SECONDS, details);
  }

  async #request(send: Send, { csr, names, days }: OrderReference): Promise<OrderProgress> {
    const begin = Math.floor(this.#parts.clock.now() / 1000);
    const answer = await send('POST', '/certificates', {
      validity: { not_before: begin, not_after: begin + days * DAY_SECONDS },
      subject_dn: { common_name: names[0] },
      san: { dns_names: names },
      public_key: pemBlock('CERTIFICATE REQUEST', Buffer.from(csr, 'base64')),
    });
    if (answer.status !== 201) return refusedBy(answer);
    const serial = /\/certificates\/([0-9A-Fa-f]{1,64})$/.exec(answer.headers['location'] ?? '')?.[1];
    if (!serial) throw new IssuerFault('issuer-answer', 'GlobalSign did not say where the certificate is.');
    return pending({ globalsign: 'certificate', serial }, SOON_SECONDS, `GlobalSign makes the certificate ${serial}.`);
  }

  async #fetch(send: Send, serial: string): Promise<OrderProgress> {
    const answer = await send('GET', `/certificates/${serial}`);
    const told = answer.status === 200 ? jsonOf(answer) : {};
    if (
      answer.status === 202 ||
      (answer.status === 200 && told['status'] !== 'ISSUED' && told['status'] !== 'REVOKED')
    ) {
      return pending(
        { globalsign: 'certificate', serial },
        SOON_SECONDS,
        `GlobalSign makes the certificate ${serial}.`,
      );
    }
    if (answer.status !== 200) return refusedBy(answer);
    if (told['status'] === 'REVOKED') {
      return {
        state: 'refused',
        code: 'certificate-revoked',
        details: `GlobalSign has revoked the certificate ${serial}.`,
      };
    }
    const chain = await send('GET', '/trustchain');
    if (chain.status !== 200) return refusedBy(chain);
    const above = listOf(chain).filter((one) => typeof one === 'string');
    return { state: 'issued', chain: chainOfPem([told['certificate'], ...above].join('\n')) };
  }
}

async function claimed(
  send: Send,
  status: 'VERIFIED' | 'PENDING',
): Promise<readonly { readonly id: string; readonly domain: string }[]> {
  const found: Body[] = [];
  for (let page = 1; page <= MOST_PAGES; page++) {
    const answer = await send('GET', `/claims/domains?status=${status}&page=${page}&per_page=${CLAIMS_A_PAGE}`);
    if (answer.status !== 200)
      throw new IssuerFault('issuer-answer', `GlobalSign answered ${answer.status} about claims.`);
    const list = listOf(answer) as readonly Body[];
    found.push(...list);
    if (list.length < CLAIMS_A_PAGE) break;
  }
  return found.map(({ id, domain }) => ({
    id: String(id),
    // With a dot at its end, as DNS has it.
    domain: String(domain).toLowerCase().replace(/\.$/, ''),
  }));
}

function covers(domain: string, name: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

function listOf(answer: OutgoingAnswer): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(answer.body.toString('utf8'));
    if (Array.isArray(value)) return value;
  } catch {
    // Told below.
  }
  throw new IssuerFault('issuer-answer', 'GlobalSign gave no list where one is expected.');
}

function pending(reference: Reference, askAgainSeconds: number, details: string): OrderProgress {
  return { state: 'pending', reference: JSON.stringify(reference), askAgainSeconds, details };
}

/** `{"description": …}` (application/problem+json). */
function refusedBy(answer: OutgoingAnswer): OrderProgress {
  let description: unknown;
  try {
    description = (JSON.parse(answer.body.toString('utf8')) as Body)['description'];
  } catch {
    // Without one the status has to do.
  }
  const details = typeof description === 'string' ? plain(description) : `GlobalSign answered ${answer.status}.`;
  return { state: 'refused', code: `status-${answer.status}`, details };
}

function plain(text: unknown): string {
  return String(text)
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .slice(0, 500);
}

function readReference(reference: string): Reference {
  const read = JSON.parse(reference) as Partial<Record<string, unknown>>;
  const isOrder = read['globalsign'] === 'order' && typeof read['csr'] === 'string' && Array.isArray(read['names']);
  const isCertificate = read['globalsign'] === 'certificate' && /^[0-9A-Fa-f]{1,64}$/.test(String(read['serial']));
  if (isOrder || isCertificate) return read as unknown as Reference;
  throw new TypeError('This is no reference of a GlobalSign order.');
}
