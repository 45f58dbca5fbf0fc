import { createHash } from 'node:crypto';
import { type CertificateOrder, type Issuer, IssuerFault, type IssuerHealth, type OrderProgress } from './issuer.ts';
import { jsonOf, type Outgoing, type OutgoingAnswer, type OutgoingRequest } from './outgoing.ts';
import { chainOfPem, pemBlock } from './pem-blocks.ts';

/** What DigiCert is asked with. */
export interface DigiCertParts {
  readonly outgoing: Outgoing;
  /** X-DC-DEVKEY. */
  readonly apiKey: string;
  /** Number of the organization; null for products that know none. */
  readonly organizationId: number | null;
  /** A product's name (`private_ssl_plus`), or `ssl`: then the certificate type chooses, OV where the policy names none. */
  readonly product: string;
}

type Body = Readonly<Record<string, unknown>>;

const DAYS_A_MONTH = 31;
/** Ten minutes: people validate these orders. */
const ASK_AGAIN_SECONDS = 600;
const hints: Readonly<Record<string, string>> = { 'OV-SSL': 'ov', 'EV-SSL': 'ev', 'DV-SSL': 'dv' };
/** Order states (Services API, Glossary: Order status) that end without a certificate. */
const ended: readonly string[] = ['rejected', 'canceled', 'revoked', 'expired'];

/**
 * DigiCert CertCentral, Services API v2. An order has the digest of its idempotency key as `alternative_order_id`, by which it
 * is found again where its answer was lost: DigiCert itself takes the same order twice.
 */
export class DigiCertIssuer implements Issuer {
  readonly provider = 'DigiCert';
  readonly #parts: DigiCertParts;

  constructor(parts: DigiCertParts) {
    this.#parts = parts;
  }

  async order(order: CertificateOrder, idempotencyKey: string): Promise<OrderProgress> {
    const ours = createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 32);
    const placed = await this.#placedAs(ours);
    if ('state' in placed) return placed;
    if (placed.id !== null) return this.#progress(placed.id);
    const { product } = this.#parts;
    const body = JSON.stringify(this.#orderBody(order, ours));
    const answer = await this.#ask({ method: 'POST', url: `/services/v2/order/certificate/${product}`, body });
    if (answer.status >= 400) return refusedBy(answer);
    return this.#progress(idOf(jsonOf(answer)['id']));
  }

  async poll(reference: string): Promise<OrderProgress> {
    return this.#progress(readReference(reference));
  }

  async cancel(reference: string): Promise<void> {
    const id = readReference(reference);
    const body = JSON.stringify({ status: 'canceled', note: 'The pending certificate was given up.' });
    // An order that is not pending any more cannot be given up, and need not.
    await this.#ask({ method: 'PUT', url: `/services/v2/order/certificate/${id}/status`, body });
  }

  async check(): Promise<IssuerHealth> {
    try {
      const user = await this.#ask({ method: 'GET', url: '/services/v2/user/me' });
      if (user.status !== 200) return unhealthy(user);
      const { organizationId } = this.#parts;
      if (organizationId === null) return { isGood: true };
      const answer = await this.#ask({ method: 'GET', url: `/services/v2/organization/${organizationId}` });
      if (answer.status !== 200) return unhealthy(answer);
      if (jsonOf(answer)['status'] === 'active') return { isGood: true };
      return {
        isGood: false,
        code: 'organization-inactive',
        details: `The organization ${organizationId} is not active.`,
      };
    } catch (error) {
      if (error instanceof IssuerFault) return { isGood: false, code: error.code, details: error.message };
      throw error;
    }
  }

  async renewalAt(): Promise<number | null> {
    return null;
  }

  /** What was ordered under the id before: an answer may have been lost. */
  async #placedAs(ours: string): Promise<{ readonly id: number | null } | OrderProgress> {
    const answer = await this.#ask({ method: 'GET', url: `/services/v2/order/alternate/${ours}` });
    if (answer.status === 404) return { id: null };
    if (answer.status !== 200) return refusedBy(answer);
    const { orders } = jsonOf(answer);
    const [first] = Array.isArray(orders) ? (orders as readonly Body[]) : [];
    return { id: first ? idOf(first['order_id']) : null };
  }

  #orderBody({ csr, dnsNames, validityMonths, certificateType }: CertificateOrder, ours: string): Body {
    const { organizationId, product } = this.#parts;
    const [commonName, ...others] = dnsNames;
    return {
      certificate: {
        common_name: commonName,
        dns_names: others,
        csr: pemBlock('CERTIFICATE REQUEST', csr),
        signature_hash: 'sha256',
      },
      order_validity: { days: Math.min(397, validityMonths * DAYS_A_MONTH) },
      alternative_order_id: ours,
      skip_approval: true,
      disable_renewal_notifications: true,
      ...(product === 'ssl' && { product: { type_hint: hints[certificateType ?? 'OV-SSL'] ?? 'ov' } }),
      ...(organizationId !== null && { organization: { id: organizationId } }),
    };
  }

  async #progress(id: number): Promise<OrderProgress> {
    const answer = await this.#ask({ method: 'GET', url: `/services/v2/order/certificate/${id}` });
    if (answer.status >= 400) return refusedBy(answer);
    const { status, certificate } = jsonOf(answer);
    if (typeof status !== 'string') throw new IssuerFault('issuer-answer', 'DigiCert named no state of the order.');
    if (ended.includes(status)) {
      return { state: 'refused', code: `order-${status}`, details: `DigiCert says that order ${id} is ${status}.` };
    }
    if (status !== 'issued') {
      const details = `DigiCert says that order ${id} is ${status.replaceAll('_', ' ')}.`;
      const reference = JSON.stringify({ digicert: id });
      return { state: 'pending', reference, askAgainSeconds: ASK_AGAIN_SECONDS, details };
    }
    return this.#download(idOf((certificate as Body | undefined)?.['id']));
  }

  async #download(certificateId: number): Promise<OrderProgress> {
    const url = `/services/v2/certificate/${certificateId}/download/format/pem_all`;
    const answer = await this.#ask({ method: 'GET', url });
    if (answer.status !== 200) return refusedBy(answer);
    return { state: 'issued', chain: chainOfPem(answer.body.toString('utf8')) };
  }

  #ask(request: OutgoingRequest): Promise<OutgoingAnswer> {
    const headers = { 'x-dc-devkey': this.#parts.apiKey, 'content-type': 'application/json' };
    return this.#parts.outgoing.send({ ...request, headers });
  }
}

function readReference(reference: string): number {
  const { digicert } = JSON.parse(reference) as { digicert?: unknown };
  if (typeof digicert !== 'number') throw new TypeError('This is no reference of a DigiCert order.');
  return digicert;
}

function idOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw new IssuerFault('issuer-answer', 'DigiCert gave no number where one is expected.');
}

function unhealthy(answer: OutgoingAnswer): IssuerHealth {
  const { code, details } = reasonOf(answer);
  return { isGood: false, code, details };
}

function refusedBy(answer: OutgoingAnswer): OrderProgress {
  return { state: 'refused', ...reasonOf(answer) };
}

/** `{"errors": [{"code", "message"}]}`. */
function reasonOf(answer: OutgoingAnswer): { readonly code: string; readonly details: string } {
  const errors: unknown = parse(answer.body)['errors'];
  const [first] = Array.isArray(errors) ? (errors as readonly Body[]) : [];
  const code = String(first?.['code'] ?? `status-${answer.status}`)
    .replace(/[^\w|.-]/g, '_')
    .slice(0, 100);
  const message = String(first?.['message'] ?? `DigiCert answered ${answer.status}.`);
  return { code, details: message.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, 500) };
}

function parse(body: Buffer): Body {
  try {
    return JSON.parse(body.toString('utf8')) as Body;
  } catch {
    return {};
  }
}
